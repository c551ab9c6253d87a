"""Every step of the chain on a folder of real meshes, by the command line alone, and one contact sheet.

    python ci/real_meshes.py MESHES --work FOLDER --out ci/reference/real_meshes [--steps 250] [--minutes 4]
        [--mini-zoo data/mini_zoo] [--transfer best=data/nerf2vec ...]

Each nerf2vec is trained on these meshes' own NeRFs. With `--mini-zoo` two more are trained on procedural objects alone,
and with `--transfer` given ones are taken: what do they know of real objects they have never seen? `encoders.csv` puts
all of them side by side. Recolours of one shape stay in one split and count as one object in the intervals.

Stopped, it goes on where it was.

`out` gets tables, figures and metrics only: no mesh, no weights.
"""

import argparse
import csv
import shutil
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from n2v.cli import main as n2v
from n2v.embed.model import load_model
from n2v.embed.reconstruct import Losers, compare_reconstructions
from n2v.files import provenance, read_json, write_json
from n2v.lessons.drawing.pictures import sheet
from n2v.lessons.drawing.style import apply_style
from n2v.nerf.nerf import Turntable
from n2v.scenes.classes import CLASSES
from n2v.scenes.views import find_views, read_views
from n2v.tasks.metrics import reconstruction_summary
from n2v.zoo.store import Zoo
from n2v.zoo.verify import info


def run(*words: object) -> float:
    """One command; seconds, or the end of the script when it fails."""
    print("n2v", *words, flush=True)
    started = time.perf_counter()
    code = n2v([str(word) for word in words])
    if code:
        raise SystemExit(code)
    return time.perf_counter() - started


def is_newer(made: Path, source: Path) -> bool:
    """Made after what it was made from: nothing to do."""
    return made.exists() and made.stat().st_mtime >= source.stat().st_mtime


def judge(name: str, folder: Path, work: Path, out: Path) -> dict[str, float]:
    """Embed the meshes' NeRFs with one nerf2vec, classify and retrieve; seconds of what was not there yet."""
    seconds, embeddings = {}, work / f"{name}.safetensors"
    if not is_newer(embeddings, folder / "model.safetensors"):
        seconds[f"embed {name}"] = run("embed", folder, work / "zoo", "--out", embeddings, "--force")
    for task, table, figure in (
        ("classify", "table-4.1", "extra-accuracy"),
        ("retrieve", "table-4.3", "extra-retrieval"),
    ):
        place = work / f"{task}-{name}"
        if not is_newer(place / "figures" / f"{figure}.png", embeddings):
            more = ("--epochs", 60) if task == "classify" else ()
            seconds[f"{task} {name}"] = run(task, embeddings, "--out", place, "--zoo", work / "zoo", "--force", *more)
        shutil.copy(place / "tables" / f"{table}.csv", out / f"{task}_{name}.csv")
        shutil.copy(place / "figures" / f"{figure}.png", out / f"{task}_{name}.png")
    shutil.copy(work / f"classify-{name}" / "tables" / "extra-bars.csv", out / f"bars_{name}.csv")
    return seconds


def side_by_side(names: dict[str, str], out: Path) -> None:
    """encoders.csv: accuracy of head and probe, hit@1 and mAP of every nerf2vec, with intervals by object.

    Args:
        names: nerf2vec -> what it was trained on.
        out: Folder of the tables that `judge` left.
    """
    told = ("features", "value", "low_objects", "high_objects", "n", "n_objects", "chance")
    rows = []
    for number, (name, trained_on) in enumerate(names.items()):
        for task, measures in (("classify", ("head", "linear probe")), ("retrieve", ("hit@1", "mAP"))):
            with open(out / f"{task}_{name}.csv", newline="") as file:
                for row in csv.DictReader(file):
                    if row.get("protocol", "corrected") != "corrected" or row["measure"] not in measures:
                        continue
                    if "shuffled" in row["features"]:
                        continue
                    if row["features"] == "raw weights" and number:  # the same for all
                        continue
                    row = {"low_objects": row["low"], "high_objects": row["high"], **row}
                    encoder = name if row["features"] == "embeddings" else "-"
                    trained = trained_on if row["features"] == "embeddings" else "-"
                    front = {"encoder": encoder, "trained on": trained, "measure": row["measure"]}
                    rows.append(front | {key: row.get(key, "") for key in told})
    with open(out / "encoders.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def contact_sheet(work: Path, runs: dict[str, Path], out: Path) -> None:
    """A held-out object of each class where there is one: picture, NeRF, and what each encoder kept."""
    zoo, folders = Zoo(work / "zoo"), {folder.name: folder for folder in find_views(work / "views")}
    held_out = [*zoo.indices("test"), *zoo.indices("val"), *zoo.indices("train")]
    present = [name for name in CLASSES if name in {row.class_name for row in zoo.rows}]
    chosen = [next(int(i) for i in held_out if zoo.rows[i].class_name == name) for name in present]
    rows = [
        [read_views(folders[zoo.object_ids[i]]).images[0] for i in chosen],
        [zoo[i].render(size_px=64) for i in chosen],
    ]
    for folder in runs.values():
        model = load_model(folder)
        rows.append([model.decode(model.embed(zoo[i])).render(size_px=64) for i in chosen])
    titles = [f"{zoo.rows[i].class_name}\n({zoo.rows[i].split})" for i in chosen]
    figure = sheet(rows, ["picture", "NeRF\n(other view)", *(f"decoded,\n{name}" for name in runs)], titles)
    figure.savefig(out / "contact_sheet.png")
    plt.close(figure)


def reconstruction(work: Path, runs: dict[str, Path], every: int = 8) -> list[dict]:
    """Means of reconstructed NeRFs, by encoder and split, beside what must lose; of train every eighth."""
    zoo = Zoo(work / "zoo")
    models = {name: load_model(folder) for name, folder in runs.items()}
    losers = Losers(zoo, zoo.indices("train"), next(iter(models.values())).config.encoder.embedding)
    chosen = np.r_[zoo.indices("train")[::every], zoo.indices("val"), zoo.indices("test")]
    return reconstruction_summary(compare_reconstructions(models, zoo, chosen, Turntable(n_views=2), losers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meshes", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for pictures, zoo and models (large)")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables and figures")
    parser.add_argument("--profile", default="laptop", help="recipe of the fits")
    parser.add_argument("--steps", type=int, default=250, help="optimiser steps of a NeRF")
    parser.add_argument("--minutes", type=float, default=4, help="training time of each nerf2vec")
    parser.add_argument("--mini-zoo", type=Path, help="also train on this zoo alone, and transfer")
    parser.add_argument("--transfer", nargs="*", default=[], metavar="NAME=RUN", help="trained nerf2vecs to transfer")
    options = parser.parse_args()
    apply_style()
    work, out = options.work, options.out
    out.mkdir(parents=True, exist_ok=True)
    seconds = {"render": run("render", options.meshes, "--out", work / "views", "--size", 64, "--resume")}
    fit = ("--profile", options.profile, "--steps", options.steps, "--resume")
    run("fit", work / "views", "--out", work / "zoo", *fit)
    seconds["verify"] = run("zoo", "verify", work / "zoo")
    runs = {"rows": work / "rows", "aligned": work / "aligned"}
    trained_on, everyone = dict.fromkeys(runs, "these meshes"), dict(runs)
    jobs = [(name, name, work / "zoo") for name in runs]
    if options.mini_zoo:
        jobs += [(f"transfer-{name}", name, options.mini_zoo) for name in runs]
    for name, encoder, zoo in jobs:
        minutes = ("--minutes", options.minutes, "--profile", "laptop", "--encoder", encoder, "--resume")
        if not (work / name / "run.json").exists():
            seconds[f"train {name}"] = run("train", zoo, "--out", work / name, *minutes)
        seconds |= judge(name, work / name, work, out)
        trained_on.setdefault(name, "mini zoo alone")
        everyone[name] = work / name
    for words in options.transfer:
        name, _, folder = words.partition("=")
        seconds |= judge(f"transfer-{name}", Path(folder), work, out)
        trained_on[f"transfer-{name}"] = "given"
        everyone[f"transfer-{name}"] = Path(folder)
    side_by_side(trained_on, out)
    given = {name: folder for name, folder in everyone.items() if trained_on[name] == "given"}
    contact_sheet(work, runs | given, out)
    facts = info(work / "zoo")
    kept = {key: facts[key] for key in ("n", "quarantined", "classes", "splits", "psnr_db", "steps", "licences")}
    built = read_json(work / "zoo" / "run.json")
    if built["fitted"]:  # not after a resumed run, whose time says nothing
        seconds["fit"], kept["seconds_a_nerf"] = built["wall_s"], built["wall_s"] / built["fitted"]
    result = {"seconds": seconds, "zoo": kept}
    write_json(out / "metrics.json", provenance(**result, reconstruction=reconstruction(work, everyone)))


if __name__ == "__main__":
    main()
