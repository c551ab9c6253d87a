"""A run's records: lines of JSON beside the model, and Weights & Biases for those who ask for it."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from n2v.embed.recipe import TrainConfig
from n2v.errors import MissingPart
from n2v.files import plain_file, write_bytes

LOG, VALIDATION, RECORD = "log.jsonl", "validation.jsonl", "run.json"


class Records:
    """Appends to log.jsonl and validation.jsonl of a run folder.

    With `config.tracker` "wandb" the same numbers go there, under `n2v` or WANDB_PROJECT.

    Raises:
        MissingPart: wandb is asked for and not installed.
    """

    def __init__(self, out: Path, config: TrainConfig, done: int) -> None:
        self.tracker = start_wandb(out, config) if config.tracker == "wandb" else None
        for name in (LOG, VALIDATION):
            trim(out / name, done)
        self.files = {name: open(out / name, "a") for name in (LOG, VALIDATION)}  # noqa: SIM115

    def add(self, name: str, line: dict) -> None:
        """One line, flushed."""
        self.files[name].write(json.dumps(line) + "\n")
        self.files[name].flush()
        if self.tracker:
            self.tracker.log({key: value for key, value in line.items() if key != "step"}, step=line["step"])

    def close(self) -> None:
        """After the last line."""
        for file in self.files.values():
            file.close()
        if self.tracker:
            self.tracker.finish()


def start_wandb(out: Path, config: TrainConfig):
    """A wandb run that carries the configuration."""
    try:
        import wandb
    except ImportError:
        raise MissingPart("wandb", "tracking") from None
    return wandb.init(project="n2v", name=Path(out).name, dir=str(out), config=asdict(config), resume="allow")


def trim(path: Path, done: int) -> None:
    """Drop a torn line and those of steps after the checkpoint: they are about to be taken again."""
    kept = []
    for line in plain_file(path).read_text(errors="replace").splitlines() if path.exists() else []:
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            if json.loads(line)["step"] <= done:
                kept.append(line + "\n")
    write_bytes(path, "".join(kept).encode())
