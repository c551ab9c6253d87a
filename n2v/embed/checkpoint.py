"""What a killed training needs to go on as if nothing had happened: one safetensors file."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from n2v.embed.model import CONFIG, ModelConfig, save_model
from n2v.embed.recipe import TrainConfig
from n2v.errors import BadInput, MissingPart
from n2v.files import atomic_path, plain_file, read_json, write_bytes

STATE, BEST = "training.safetensors", "best"


@dataclass
class Progress:
    """Where a training stands."""

    model: torch.nn.Module  # a Nerf2Vec
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler  # does nothing but for float16
    identity: str = ""  # digest of NeRFs and recipe: what a run that goes on must share with the one that stopped
    done: int = 0  # steps
    spent_s: float = 0.0
    n_overflows: int = 0  # steps skipped because a float16 gradient overflowed
    best_db: float | None = None  # of validation; the model of that moment is in the folder BEST
    seen: list[float] = field(default_factory=list)  # mean squared errors of rays since the last report


def save_progress(run: Progress, out: Path) -> None:
    """Model first, then everything with the step count: a kill between the two loses one checkpoint."""
    save_model(run.model, out)
    state = {f"model.{name}": value for name, value in run.model.state_dict().items()}
    for number, values in run.optimiser.state_dict()["state"].items():
        state.update({f"{number}.{name}": value for name, value in values.items()})
    state = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    numbers = {name: getattr(run, name) for name in ("identity", "done", "spent_s", "n_overflows", "best_db", "seen")}
    with atomic_path(out / STATE) as temporary:
        save_file(state, temporary, metadata={"numbers": json.dumps({**numbers, "scaler": run.scaler.state_dict()})})


def restore_progress(run: Progress, out: Path, model_config: ModelConfig) -> None:
    """Put everything back where the last checkpoint left it.

    Raises:
        BadInput: a run of another model configuration, of other NeRFs or recipe, or a file that is damaged.
    """
    if read_json(out / CONFIG) != json.loads(json.dumps(asdict(model_config))):
        raise BadInput("the run was made with another model configuration", where=out, fix="use another --out")
    try:
        tensors = load_file(plain_file(out / STATE))
        with safe_open(out / STATE, "pt") as handle:
            numbers = json.loads(handle.metadata()["numbers"])
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"broken checkpoint ({reason})", where=out / STATE, fix="train again without --resume") from None
    if numbers.pop("identity", None) != run.identity:
        raise BadInput("the run was made of other NeRFs or by another recipe", where=out, fix="use another --out")
    run.model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
    state: dict[int, dict] = {}
    for name, value in tensors.items():
        if not name.startswith("model."):
            number, key = name.split(".", 1)
            state.setdefault(int(number), {})[key] = value
    run.optimiser.load_state_dict({"state": state, "param_groups": run.optimiser.state_dict()["param_groups"]})
    scaler = numbers.pop("scaler")
    if scaler and run.scaler.is_enabled():  # empty after float32 or bfloat16
        run.scaler.load_state_dict(scaler)
    for name, value in numbers.items():
        setattr(run, name, value)


LOG, VALIDATION = "log.jsonl", "validation.jsonl"


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
