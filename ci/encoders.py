"""Every variant of the encoder for the same time, over the same decoder, several seeds: one table.

    python ci/encoders.py --zoo data/mini_zoo [--zoo ANOTHER] --minutes 5 --seeds 3 --out runs/encoders
                          [--variants rows aligned] [--held-out val test] [--float32]

Stopped, it goes on where it was: what is trained and measured is not done again. OMP_NUM_THREADS is obeyed. The
budget is the process's own CPU time, so that other work on the machine favours nobody. `out` gets encoders.csv
(means over seeds, with standard deviation and half width of the 95 % t-interval), runs.csv (each run) and the
trained models.
"""

import argparse
import csv
import io
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from n2v import profiles
from n2v.embed.embeddings import embed_zoo
from n2v.embed.model import ModelConfig, load_model
from n2v.embed.reconstruct import compare_reconstructions
from n2v.embed.train import TrainConfig, train
from n2v.errors import BadInput
from n2v.files import provenance, read_json, write_bytes, write_json
from n2v.nerf.nerf import Turntable
from n2v.tasks.bars import BARS, bars
from n2v.tasks.head import HeadConfig
from n2v.tasks.metrics import reconstruction_summary, summarise
from n2v.tasks.read import reader_measures
from n2v.zoo.store import Zoo

LOOK = Turntable(n_views=2)
VARIANTS = {  # name: changes of the laptop profile's encoder of that kind, and of its recipe
    "rows": {"kind": "rows"},
    "rows-versions": {"kind": "rows", "contrastive_weight": 0.05},
    "rows-8": {"kind": "rows", "octaves": 8},
    "aligned": {"kind": "aligned"},
    "aligned-quiet": {"kind": "aligned", "noise": 0.0},
    "aligned-8": {"kind": "aligned", "octaves": 8},
    "aligned-8-dropout": {"kind": "aligned", "octaves": 8, "dropout": 0.2},
    "aligned-8-noise": {"kind": "aligned", "octaves": 8, "noise": 0.3},
    "aligned-8-few": {"kind": "aligned", "octaves": 8, "n_components": 64},
    "aligned-8-32": {"kind": "aligned", "octaves": 8, "n_components": 32},
    "aligned-8-versions": {"kind": "aligned", "octaves": 8, "contrastive_weight": 0.05},
    "aligned-8-versions-clipped": {"kind": "aligned", "octaves": 8, "contrastive_weight": 0.05, "clip_norm": 1.0},
}
RECIPE = {"contrastive_weight": 0.0, "clip_norm": None}  # what changes the training, not the network
DECIDING = ("foreground_db", "full_db", "given_db", "linear_probe", "head", "hit_at_1", "ms_a_step")
FACTS = ("variant", "zoo", "n_train", "n_read", "n_pictures")  # the same in every run of a row


def model_config(variant: str) -> ModelConfig:
    """The laptop profile's model with a variant's encoder."""
    size = profiles.get("laptop")
    changes = {name: value for name, value in VARIANTS[variant].items() if name not in RECIPE}
    base = size.models["aligned"] if changes["kind"] == "aligned" else size.models["rows"]
    return replace(base, encoder=replace(base.encoder, **{"octaves": None, **changes}))


def one_run(zoo: Zoo, variant: str, seed: int, folder: Path, config: TrainConfig, held_out, pictures: int) -> dict:
    """Train one variant and measure it, or read a bar; what was done before is only looked up."""

    def measure() -> dict:
        train_split, head = zoo.indices("train"), HeadConfig(n_epochs=100)
        if variant in BARS:
            found = reader_measures({variant: bars(zoo)[variant]}, zoo, train_split, held_out, head, seed)[variant]
            return {"n_train": len(train_split), "n_read": len(held_out), **found}
        recipe = {name: VARIANTS[variant].get(name, usual) for name, usual in RECIPE.items()}
        mine = replace(config, seed=seed, **recipe)
        train(zoo, mine, model_config(variant), folder, resume=True)
        record, model = read_json(folder / "run.json"), load_model(folder)
        drawn = np.random.default_rng(seed).permutation(held_out)[:pictures]
        shown = [{**row, "split": "held out"} for row in compare_reconstructions({"model": model}, zoo, drawn, LOOK)]
        of = {row["occupancy"]: row for row in reconstruction_summary(shown)}
        return {
            "n_train": record["n_nerfs"],
            **{name: of["own"][name] for name in ("foreground_db", "full_db")},
            "given_db": of["given"]["full_db"],
            "given_foreground_db": of["given"]["foreground_db"],
            **reader_measures({"": embed_zoo(model, zoo).values}, zoo, train_split, held_out, head, seed)[""],
            "n_pictures": len(drawn),
            "n_read": len(held_out),
            "ms_a_step": 1000 * record["wall_s"] / record["steps"],
            "steps": record["steps"],
            "encoder_parameters": sum(one.numel() for one in model.encoder.parameters()),
        }

    if not (folder / "measures.json").exists():
        write_json(folder / "measures.json", measure())
    return {"zoo": zoo.folder.name, "variant": variant, "seed": seed, **read_json(folder / "measures.json")}


def means(runs: list[dict]) -> list[dict]:
    """One row a zoo and variant: mean, standard deviation and half width of every number over the seeds."""
    rows = []
    for zoo, variant in dict.fromkeys((run["zoo"], run["variant"]) for run in runs):
        mine = [run for run in runs if (run["zoo"], run["variant"]) == (zoo, variant)]
        row = {name: mine[0].get(name) for name in FACTS} | {"seeds": len(mine)}
        for name in [name for name in mine[0] if name not in (*FACTS, "seed")]:
            found = summarise([run[name] for run in mine])
            row |= {name: found["mean"], f"{name}_sd": found["sd"], f"{name}_±": found["half_width"]}
        rows.append(row)
    return rows


def write_csv(path: Path, rows: list[dict]) -> None:
    """A table, numbers with five digits, absent ones as a dash."""
    columns = list(dict.fromkeys(key for row in rows for key in row))

    def shown(value) -> str:
        if value is None or value != value:
            return "-"
        return f"{value:.5g}" if isinstance(value, float) else str(value)

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([shown(row.get(column)) for column in columns] for row in rows)
    write_bytes(path, buffer.getvalue().encode())


def brief(row: dict) -> str:
    """The columns that decide."""
    return ", ".join(f"{name} {row[name]:.4g}" for name in DECIDING if row.get(name) is not None)


def same_options(out: Path, options: dict) -> None:
    """Refuse to go on with a stopped comparison under other options: its measures would be taken for these."""
    path, options = out / "options.json", json.loads(json.dumps(options, default=str))
    if path.exists() and read_json(path) != options:
        raise BadInput("a comparison with other options", where=out, fix="use another --out")
    write_json(path, options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, action="append", required=True, help="collection; may be given twice")
    parser.add_argument("--minutes", type=float, default=5, help="training time of each run")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, ...")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), metavar="NAME")
    parser.add_argument("--held-out", nargs="+", default=["test"], help="splits to measure on")
    parser.add_argument("--pictures", type=int, default=39, help="held-out NeRFs that are rendered")
    parser.add_argument("--float32", action="store_true", help="train without mixed precision")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    config = replace(profiles.get("laptop").training(), time_budget_s=60 * options.minutes, clock="cpu")
    config = replace(config, amp=False) if options.float32 else config
    if len({path.name for path in options.zoo}) < len(options.zoo):
        raise BadInput("two collections of one name", where=options.zoo[0].name, fix="rename a folder")
    told = {name: vars(options)[name] for name in ("minutes", "held_out", "pictures", "float32")}
    same_options(options.out, told | {"zoos": {path.name: path.resolve() for path in options.zoo}})
    names = [*BARS, *options.variants]
    todo = [(seed, path, name) for seed in range(options.seeds) for path in options.zoo for name in names]
    runs, started = [], time.perf_counter()
    for seed, path, name in todo:  # seed by seed: a stopped run leaves whole rounds
        zoo, folder = Zoo(path), options.out / path.name / f"{name}-{seed}"
        held_out = np.concatenate([zoo.indices(split) for split in options.held_out])
        runs.append(one_run(zoo, name, seed, folder, config, held_out, options.pictures))
        write_csv(options.out / "runs.csv", runs)
        write_csv(options.out / "encoders.csv", means(runs))
        minutes = (time.perf_counter() - started) / 60
        print(
            f"[{len(runs)}/{len(todo)}, {minutes:.1f} min] {path.name}, {name}, seed {seed}: {brief(runs[-1])}",
            flush=True,
        )
    for row in means(runs):
        print(f"{row['zoo']}, {row['variant']}, {row['seeds']} seeds: {brief(row)}")
    write_json(options.out / "run.json", provenance(minutes=options.minutes, seeds=options.seeds, runs=len(runs)))


if __name__ == "__main__":
    main()
