"""Does the thesis's encoder overtake the best reader of raw weights? Accuracy and dB against training steps.

    python ci/thesis_encoder.py LARGE --out ci/reference/thesis_encoder [--work FOLDER] [--steps 2048] [--sizes N ...]

Each encoder is trained from zero over the same decoder and cached targets, at one rate, and looked at after 16, 32, 64
... steps: a curve is one run. Trained on N training NeRFs of LARGE, taken in turn from the classes; read on
data/mini_zoo, whose objects it has not seen: readers learn on the train split and answer on test, under `corrected`
and `novel`. The lines of raw weights need no training. Killed, it goes on where it was.
"""

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from joined import write_joined

from n2v import profiles
from n2v.embed.embeddings import embed_zoo
from n2v.embed.model import load_model
from n2v.embed.recipe import Protocol, TrainConfig
from n2v.embed.reconstruct import compare_reconstructions, some_of
from n2v.embed.train import train
from n2v.files import provenance, write_json
from n2v.nerf.nerf import Turntable
from n2v.tasks.bars import low_octaves, principal_components, whitening
from n2v.tasks.read import answers
from n2v.zoo.shipped import mini_zoo
from n2v.zoo.store import Zoo

VARIANTS = {
    "rows": ("rows", 0.0),
    "rows, second loss": ("rows", 0.05),
    "symmetric": ("symmetric", 0.05),
    "asking": ("asking", 0.05),
}
SPLITS = {"corrected": "split", "novel": "split_novel"}
DECIBEL = "object alone (dB)"
N_SHOWN = 12  # test NeRFs whose pictures are compared


def read(features_of, zoo: Zoo) -> dict[str, float]:
    """Probe and hit@1 under both split rules; `features_of(train)` gives vectors of all NeRFs."""
    found = {}
    for rule, column in SPLITS.items():
        splits, names = (np.array([getattr(row, key) for row in zoo.rows]) for key in (column, "base_id"))
        train, test = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "test")
        values = features_of(train)
        pairs = (zoo.labels[train], zoo.labels[test]), (names[train], names[test])
        for measure, right in answers(values[train], values[test], *pairs, head=None).items():
            found[f"{measure}, {rule}"] = float(np.nanmean(right))
    return found


def raw_weights(zoo: Zoo) -> list[dict]:
    """What closed forms read from the weights themselves."""
    weights, names = zoo.field_weights(), np.array([row.base_id for row in zoo.rows])

    def components(train, whitened=False):
        fitted, others = principal_components(low_octaves(weights[train]), [low_octaves(weights)], 64)
        return whitening(fitted, names[train])(others) if whitened else others

    lines = {"raw weights, 64 components": components, "the same, whitened": lambda train: components(train, True)}
    return [{"variant": name, "n": 0, "steps": 0, **read(of, zoo)} for name, of in lines.items()]


def curve(name: str, source: Zoo, stages: list[int], place: Path, zoo: Zoo) -> list[dict]:
    """One run of one encoder, looked at after each number of steps."""
    kind, second = VARIANTS[name]
    size, lines = profiles.get("laptop").models[kind], []
    model_config = replace(size, decoder=profiles.get("laptop").models["asking"].decoder)
    recipe = replace(
        TrainConfig.cached(), contrastive_weight=second, alter=False, n_validation=0, checkpoint_s=600.0,
        protocol=Protocol(constant_rate=True), learning_rate=5e-4,
    )  # fmt: skip
    shown = some_of(zoo, "test", N_SHOWN)
    for stage in stages:
        stored = place / f"{stage}.json"
        if not stored.exists():
            train(source, replace(recipe, n_steps=stage), model_config, place / "run", resume=True, device="cpu")
            model = load_model(place / "run")
            embeddings = embed_zoo(model, zoo).values
            rows = compare_reconstructions({name: model}, zoo, shown, Turntable(2))
            given = np.mean([row["foreground_db"] for row in rows if row["occupancy"] == "given"])
            line = {"variant": name, "n": len(source.indices("train")), "steps": stage, DECIBEL: float(given)}
            write_json(stored, line | read(lambda _, values=embeddings: values, zoo))
        lines.append(json.loads(stored.read_text()))
    return lines


def plot(lines: list[dict], out: Path) -> None:
    """Steps along a logarithmic axis; dashed: what needs no training."""
    import matplotlib.pyplot as plt

    from n2v.lessons.drawing.style import class_look

    measures = ("linear probe, corrected", "hit@1, corrected", "linear probe, novel", "hit@1, novel", DECIBEL)
    figure, axes = plt.subplots(1, len(measures), figsize=(4 * len(measures), 3.6), layout="constrained")
    curves = list(dict.fromkeys((line["variant"], line["n"]) for line in lines if line["steps"]))
    names = list(dict.fromkeys(name for name, _ in curves))
    sizes = sorted({n for _, n in curves})
    for axis, measure in zip(axes, measures, strict=True):
        for name, n in curves:
            mine = [line for line in lines if (line["variant"], line["n"]) == (name, n)]
            look = {"color": class_look(names.index(name))[0], "marker": "os^v"[sizes.index(n)], "markersize": 4}
            axis.plot(
                [line["steps"] for line in mine], [line[measure] for line in mine], label=f"{name}, {n:,}", **look
            )
        for place, line in enumerate(line for line in lines if not line["steps"] and measure in line):
            axis.axhline(line[measure], color="black", ls=("--", ":")[place % 2], label=line["variant"])
        axis.set(xscale="log", xlabel="training steps of 16 NeRFs", title=measure)
    axes[0].legend(fontsize=7)
    figure.savefig(out / "curves.png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("large", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/thesis_encoder"))
    parser.add_argument("--steps", type=int, default=2048)
    parser.add_argument("--sizes", type=int, nargs="+", default=[429, 1959])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), metavar="NAME")
    options = parser.parse_args()
    large, zoo = Zoo(options.large), mini_zoo()
    stages = [2**k for k in range(4, 31) if 2**k <= options.steps]
    lines = raw_weights(zoo)
    options.out.mkdir(parents=True, exist_ok=True)
    for size in options.sizes:
        chosen = some_of(large, "train", size)
        source = write_joined(options.work / f"{len(chosen)}", [(large, chosen, "train", "")])
        for name in options.variants:
            place = options.work / f"{len(chosen)}-{name.replace(', ', '-').replace(' ', '-')}"
            lines += curve(name, source, stages, place, zoo)
            with open(options.out / "curves.csv", "w", newline="") as file:
                writer = csv.DictWriter(file, list(dict.fromkeys(key for line in lines for key in line)))
                writer.writeheader()
                writer.writerows(lines)
            write_json(options.out / "run.json", provenance(sizes=options.sizes, steps=options.steps))
            plot(lines, options.out)


if __name__ == "__main__":
    main()
