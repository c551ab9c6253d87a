"""How hard a collection is: what simple readers make of it, corrected and novel, beside thesis Table 4.1.

    python ci/hardness.py ZOO --out ci/reference/hardness [--seeds 11 12 13] [--epochs 20]

A rendering of each NeRF (one camera, the same for all), the flat weights, the occupancy and a ruler of seven numbers
go to the same splits, dealt anew for each seed; take seeds that nothing was tuned on. The reader of raw weights is the
one of several that does best on val; beside it raw weights whitened within objects (n2v.tasks.bars).
Pictures are kept beside the results until all is done, so a stopped run goes on.
"""

import argparse
import csv
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from n2v.files import atomic_path, progress, provenance, write_json
from n2v.tasks.bars import fit_bar, low_octaves, overlap, pooled_occupancy, principal_components, ruler
from n2v.tasks.head import train_head
from n2v.tasks.metrics import cluster_interval
from n2v.tasks.pictures import PictureConfig, predict_views, train_on_pictures
from n2v.tasks.read import linear_probe, nearest_neighbour
from n2v.zoo.splits import assign
from n2v.zoo.store import Zoo

SIZE_PX = 64
THESIS = {"small ResNet, one rendering": "86.9 (ResNet50)", "raw weights, best reader": "84.5"}
CHUNK = 500
KNOWN: dict = {}  # what all splits share; forked, not sent


def renderings(zoo: Zoo, folder: Path) -> np.ndarray:
    """One picture of each NeRF, uint8 (n, 1, h, w, 3), kept in pieces under `folder`."""
    pieces = []
    for start in progress(range(0, len(zoo), CHUNK), desc="renderings", unit="piece"):
        path = folder / f"pictures-{start}.npy"
        if not path.exists():
            nerfs = [zoo[i] for i in range(start, min(start + CHUNK, len(zoo)))]
            with ThreadPoolExecutor() as threads, atomic_path(path) as scratch, open(scratch, "wb") as file:
                np.save(file, np.stack(list(threads.map(lambda nerf: nerf.render(-30, size_px=SIZE_PX), nerfs))))
        pieces.append(np.load(path))
    return np.concatenate(pieces)[:, None]


def silhouettes(occupied: Bool[np.ndarray, "n g g g"]) -> Bool[np.ndarray, "n c"]:
    """What the occupied cells cover seen along x, y and z, flat."""
    return np.concatenate([np.asarray(occupied).any(axis).reshape(len(occupied), -1) for axis in (1, 2, 3)], 1)


def nearness(
    shapes: Bool[np.ndarray, "n c"], base_ids: list[str], train: Int[np.ndarray, "m"], test: Int[np.ndarray, "t"]
) -> tuple[Float[np.ndarray, "t"], Float[np.ndarray, "t"]]:
    """Of each test object: overlap with the nearest training object, and mean overlap with its own tested versions.

    Where the first is larger the test set asks for nothing new. One without versions in test has 0 there.

    Args:
        shapes: Silhouettes or occupied cells of all objects.
        base_ids: Of all objects.
        train: Their positions.
        test: Their positions.
    """
    own, names = overlap(shapes[test], shapes[test]), np.unique(np.array(base_ids)[test], return_inverse=True)[1]
    same = (names[:, None] == names) & ~np.eye(len(test), dtype=bool)
    return overlap(shapes[test], shapes[train]).max(1), (own * same).sum(1) / same.sum(1).clip(1)


def raw_reader(weights: np.ndarray, labels: np.ndarray, train, val, test, seed: int) -> tuple[np.ndarray, str]:
    """Predictions of the reader that does best on val, and its name."""
    found = {}

    def tried(name: str, predicted: np.ndarray) -> None:
        found[name] = float((predicted[: len(val)] == labels[val]).mean()), predicted[len(val) :]

    for kind, values, n in (("all weights", weights, 256), ("octaves 0-7", low_octaves(weights), 512)):
        x, *both = principal_components(values[train], [values[val], values[test]], n)
        both = np.concatenate(both)
        tried(f"probe on {n} components of {kind}", linear_probe(x, labels[train], both))
    tried(f"head on {n} components of {kind}", train_head(x, labels[train], seed=seed).predict(both))
    tried(f"head on 128 components of {kind}", train_head(x[:, :128], labels[train], seed=seed).predict(both[:, :128]))
    best = max(found, key=lambda name: found[name][0])
    return found[best][1], best


def one_split(rule: str, seed: int, epochs: int) -> list[dict]:
    """Rows {rule, seed, reader, right, groups ...} of one split."""
    zoo, parts = KNOWN["zoo"], KNOWN["parts"]
    splits, labels = assign(zoo.rows, rule, seed), zoo.labels
    train, val, test = (np.array([i for i, row in enumerate(zoo.rows) if splits[row.object_id] == name])
                        for name in ("train", "val", "test"))  # fmt: skip
    y, config = labels[train], PictureConfig(n_epochs=epochs, width=32)
    net = train_on_pictures(parts["pictures"][train], y, config, seed)
    weights, how = raw_reader(parts["weights"], labels, train, val, test, seed)
    boxes, pooled, raw = parts["ruler"], parts["pooled"], parts["weights"]
    objects = np.unique([row.base_id for row in zoo.rows], return_inverse=True)[1]
    white = fit_bar("raw weights, whitened", raw[train], None, objects[train])
    x_white, white = white(raw[train], None), white(raw[test], None)
    predicted = {
        "small ResNet, one rendering": predict_views(net, parts["pictures"][test], config)[0].argmax(-1)[:, 0],
        "raw weights, best reader": weights,
        "raw weights whitened within objects, probe": linear_probe(x_white, y, white),
        "raw weights whitened within objects, head": train_head(x_white, y, seed=seed).predict(white),
        "raw weights whitened within objects, nearest": nearest_neighbour(x_white, y, white),
        "occupancy pooled to 12 cubed, probe": linear_probe(pooled[train], y, pooled[test]),
        "occupancy pooled to 12 cubed, nearest": nearest_neighbour(pooled[train], y, pooled[test]),
        "ruler (seven numbers), probe": linear_probe(boxes[train], y, boxes[test]),
        "ruler (seven numbers), nearest": nearest_neighbour(boxes[train] / boxes.std(0), y, boxes[test] / boxes.std(0)),
        "majority": np.full(len(test), np.bincount(y).argmax()),
    }
    groups = [zoo.rows[i].base_id for i in test]
    rows = [{"rule": rule, "seed": seed, "reader": name, "right": values == labels[test], "groups": groups,
             "note": how if values is weights else ""} for name, values in predicted.items()]  # fmt: skip
    nearest, versions = nearness(parts["silhouettes"], [row.base_id for row in zoo.rows], train, test)
    note = f"overlap of silhouettes: nearest {nearest.mean():.3f}, own versions {versions.mean():.3f}"
    told = {"reader": "nearest training object nearer than own versions", "right": nearest > versions, "note": note}
    return [*rows, {"rule": rule, "seed": seed, "groups": groups, **told}]


def table(rows: list[dict]) -> list[dict]:
    """Mean, standard deviation over seeds, and interval by object over all seeds' test objects."""
    found = []
    for rule, reader in dict.fromkeys((row["rule"], row["reader"]) for row in rows):
        mine = [row for row in rows if (row["rule"], row["reader"]) == (rule, reader)]
        scores = [row["right"].mean() for row in mine]
        pooled = np.concatenate([row["right"] for row in mine]).astype(float)
        low, high = cluster_interval(pooled, [name for row in mine for name in row["groups"]])
        spread = np.std(scores, ddof=1) if len(scores) > 1 else float("nan")
        told = {"rule": rule, "reader": reader, "seeds": len(mine), "n_test": len(pooled) // len(mine)}
        numbers = {"share": np.mean(scores), "sd": spread, "low": low, "high": high}
        told |= {name: round(float(value), 4) for name, value in numbers.items()}
        told["thesis_percent"] = THESIS.get(reader, "") if rule == "corrected" else ""
        told["note"] = "; ".join(dict.fromkeys(row["note"] for row in mine if row["note"]))
        found.append(told)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoo", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for hardness.csv and run.json")
    parser.add_argument("--work", type=Path, help="folder for the pictures; default: OUT")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13], help="of splits and trainings")
    parser.add_argument("--workers", type=int, default=2, help="splits at once")
    parser.add_argument("--epochs", type=int, default=20, help="of the picture network")
    options = parser.parse_args()
    work = options.work or options.out
    for folder in (options.out, work):
        folder.mkdir(parents=True, exist_ok=True)
    zoo = Zoo(options.zoo)
    occupied = zoo.occupied()
    parts = {"weights": zoo.field_weights(), "ruler": ruler(occupied), "pooled": pooled_occupancy(occupied)}
    parts |= {"silhouettes": silhouettes(occupied), "pictures": renderings(zoo, work)}
    KNOWN.update(zoo=zoo, parts=parts)
    jobs, rows = [(rule, seed) for seed in options.seeds for rule in ("corrected", "novel")], []
    with ProcessPoolExecutor(options.workers, mp_context=multiprocessing.get_context("fork")) as pool:
        for found in pool.map(one_split, *zip(*jobs, strict=True), [options.epochs] * len(jobs)):
            rows += found
            lines = table(rows)
            with open(options.out / "hardness.csv", "w", newline="") as file:
                writer = csv.DictWriter(file, lines[0])
                writer.writeheader()
                writer.writerows(lines)
            told = ", ".join(f"{row['reader']} {row['right'].mean():.3f}" for row in found)
            print(f"{found[0]['rule']}, seed {found[0]['seed']}: {told}", flush=True)
    settings = {"n": len(zoo), "seeds": options.seeds, "epochs": options.epochs, "size_px": SIZE_PX}
    write_json(options.out / "run.json", provenance(**settings, zoo=options.zoo.name))


if __name__ == "__main__":
    main()
