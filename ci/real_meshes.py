"""Every step of the chain on a folder of real meshes, by the command line alone, and one contact sheet.

    python ci/real_meshes.py MESHES --work FOLDER --out ci/reference/real_meshes [--profile smoke] [--minutes 4]

Stopped, it goes on where it was.

`out` gets tables, figures and metrics only: no mesh, no weights.
"""

import argparse
import shutil
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from n2v.cli import main as n2v
from n2v.embed.model import load_model
from n2v.embed.reconstruct import RenderConfig, mean_of, reconstruction_table
from n2v.files import provenance, read_json, write_json
from n2v.scenes.classes import CLASSES
from n2v.scenes.views import find_views, read_views
from n2v.show.journeys import decoded_picture, nerf_picture
from n2v.show.pictures import sheet
from n2v.show.style import apply_style
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


def contact_sheet(work: Path, runs: dict[str, Path], out: Path) -> None:
    """A held-out object of each class where there is one: picture, NeRF, and what each encoder kept."""
    zoo, folders = Zoo(work / "zoo"), {folder.name: folder for folder in find_views(work / "views")}
    held_out = [*zoo.indices("test"), *zoo.indices("val"), *zoo.indices("train")]
    chosen = [next(int(i) for i in held_out if zoo.rows[i].class_name == name) for name in CLASSES]
    rows = [
        [read_views(folders[zoo.object_ids[i]]).images[0] for i in chosen],
        [nerf_picture(zoo, i).numpy() for i in chosen],
    ]
    for folder in runs.values():
        model = load_model(folder)
        with torch.no_grad():
            codes = model.encode(torch.from_numpy(zoo.field_weights(chosen)))
        rows.append([decoded_picture(model, code).numpy() for code in codes])
    titles = [f"{zoo.rows[i].class_name}\n({zoo.rows[i].split})" for i in chosen]
    figure = sheet(rows, ["picture", "NeRF\n(other view)", *(f"decoded,\n{name}" for name in runs)], titles)
    figure.savefig(out / "contact_sheet.png")
    plt.close(figure)


def reconstruction(work: Path, runs: dict[str, Path]) -> list[dict]:
    """Mean PSNR (dB) of decoded embeddings by encoder and split."""
    zoo, rows = Zoo(work / "zoo"), []
    for name, folder in runs.items():
        for split in ("train", "held out"):
            mine = zoo.indices("train")[::8] if split == "train" else np.r_[zoo.indices("test"), zoo.indices("val")]
            found = reconstruction_table(load_model(folder), zoo, mine, RenderConfig(n_views=2))
            columns = ("full_db", "foreground_db", "given_db", "blank_db", "mean_colour_db", "input_db")
            rows.append(
                {"encoder": name, "split": split, "n": len(found), **{key: mean_of(found, key) for key in columns}}
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meshes", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for pictures, zoo and models (large)")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables and figures")
    parser.add_argument("--profile", default="smoke")
    parser.add_argument("--minutes", type=float, default=4, help="training time of each nerf2vec")
    options = parser.parse_args()
    apply_style()
    work, out = options.work, options.out
    out.mkdir(parents=True, exist_ok=True)
    seconds = {"render": run("render", options.meshes, "--out", work / "views", "--size", 64)}
    run("fit", work / "views", "--out", work / "zoo", "--profile", options.profile, "--resume")
    seconds["verify"] = run("zoo", "verify", work / "zoo")
    runs = {"rows": work / "rows", "aligned": work / "aligned"}
    for name, folder in runs.items():
        minutes = ("--minutes", options.minutes, "--profile", "laptop", "--encoder", name, "--resume")
        seconds[f"train {name}"] = run("train", work / "zoo", "--out", folder, *minutes)
        seconds[f"embed {name}"] = run("embed", folder, work / "zoo", "--out", work / f"{name}.safetensors")
        for task in ("classify", "retrieve"):
            place = work / f"{task}-{name}"
            more = ("--epochs", 60) if task == "classify" else ()
            words = (task, work / f"{name}.safetensors", "--out", place, "--zoo", work / "zoo", *more)
            seconds[f"{task} {name}"] = run(*words)
            table = "table-4.1" if task == "classify" else "table-4.3"
            shutil.copy(place / "tables" / f"{table}.csv", out / f"{task}_{name}.csv")
            figure = "extra-accuracy" if task == "classify" else "extra-retrieval"
            shutil.copy(place / "figures" / f"{figure}.png", out / f"{task}_{name}.png")
    contact_sheet(work, runs, out)
    facts = info(work / "zoo")
    kept = {key: facts[key] for key in ("n", "quarantined", "classes", "splits", "psnr_db", "steps", "licences")}
    built = read_json(work / "zoo" / "run.json")
    if built["fitted"]:  # not after a resumed run, whose time says nothing
        seconds["fit"], kept["seconds_a_nerf"] = built["wall_s"], built["wall_s"] / built["fitted"]
    result = {"seconds": seconds, "zoo": kept}
    write_json(out / "metrics.json", provenance(**result, reconstruction=reconstruction(work, runs)))


if __name__ == "__main__":
    main()
