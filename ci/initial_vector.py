"""The shared initial vector, measured: shared, renumbered and random starts through classification and retrieval.

    python ci/initial_vector.py VIEWS --work FOLDER --out runs/initial-vector [--profile laptop] [--minutes 3]

VIEWS is a folder of view sets (from: n2v render). Two zoos are fitted from it, one from the shared vector and one from
a random vector for each NeRF; a third has the shared one's neurons renumbered. Stopped, it goes on where it was.
"""

import argparse
import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from n2v import profiles
from n2v.embed.embeddings import embed_zoo
from n2v.embed.model import load_model
from n2v.embed.train import train
from n2v.files import provenance, write_json
from n2v.nerf.neurons import order_free_description
from n2v.scenes.views import find_views, read_views
from n2v.tasks.bars import field_values, principal_components
from n2v.tasks.read import read_all, wide
from n2v.tasks.starts import changed_zoo, matched, refit_zoo, renumbered
from n2v.zoo.build import build_zoo
from n2v.zoo.store import Zoo


def make_zoos(views: Path, work: Path, size: profiles.Profile, limit: int | None, seed: int) -> dict[str, Zoo]:
    """Five collections of the same objects."""
    build_zoo(views, work / "shared", size.fit, seed=seed, limit=limit, resume=True)
    shared = Zoo(work / "shared")
    folders = {folder.name: folder for folder in find_views(views)}
    random = refit_zoo(shared, work / "random", size.fit, lambda name: read_views(folders[name]))
    strangers = derived(shared, work / "renumbered", lambda values: renumbered(values, seed))
    reference = shared.field_weights(0)[0]
    return {
        "shared": shared,
        "random": random,
        "renumbered": strangers,
        "renumbered, matched to the initial vector": derived(strangers, work / "renumbered-matched", matched),
        "random, matched to one NeRF": derived(random, work / "random-matched", lambda one: matched(one, reference)),
    }


def derived(source: Zoo, folder: Path, change) -> Zoo:
    """`changed_zoo`, once; what a stopped run left unfinished is made again."""
    if (folder / "manifest.jsonl").exists() and len(Zoo(folder)) == len(source):
        return Zoo(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return changed_zoo(source, folder, change)


def features_of(zoo: Zoo, work: Path, size: profiles.Profile, minutes: float) -> dict[str, np.ndarray]:
    """Everything that is read: weights, order-free description, values of the field, embeddings of trained encoders."""
    weights, train_part = zoo.field_weights(), zoo.indices("train")
    order_free = np.stack([order_free_description(one) for one in weights])
    values = field_values(weights, zoo.occupied(), zoo.rows[0].encoding)
    found = {
        "raw weights": _reduced(weights, train_part),
        "order-free description": _reduced(order_free, train_part),
        "values of the field": _reduced(values, train_part),
    }
    for kind, config in (("rows", size.models["rows"]), ("aligned", size.models["aligned"])):
        folder = work / "runs" / f"{zoo.folder.name}-{kind}"
        recipe = replace(size.training(0), time_budget_s=60 * minutes)
        model = (
            load_model(folder) if (folder / "run.json").exists() else train(zoo, recipe, config, folder, resume=True)
        )
        found[f"embedding, {kind}"] = embed_zoo(model, zoo).values
    return found


def _reduced(values: np.ndarray, train_part: np.ndarray) -> np.ndarray:
    """In the principal components of the training part: as many as there are, at most 64."""
    return principal_components(values[train_part], [values])[1].astype(np.float32)


def base_ids(zoo: Zoo) -> list[str]:
    """Which object each NeRF is a version of."""
    return [row.base_id for row in zoo.rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("views", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for zoos and models (large)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the table")
    parser.add_argument("--profile", default="laptop", help="recipe of the fits and sizes of the encoders")
    parser.add_argument("--minutes", type=float, default=3, help="training time of each of the ten encoders")
    parser.add_argument("--limit", type=int, default=None, help="at most this many objects, taken in turn from classes")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    size = profiles.get(options.profile)
    rows = []
    for name, zoo in make_zoos(options.views, options.work, size, options.limit, options.seed).items():
        test = np.concatenate([zoo.indices("test"), zoo.indices("val")])
        kinds, split = features_of(zoo, options.work, size, options.minutes), (zoo.indices("train"), test)
        rows += [{"start": name, **row} for row in wide(read_all(kinds, zoo.labels, base_ids(zoo), split, head=None))]
        print(*rows[-len(kinds) :], sep="\n", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / "initial_vector.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_json(options.out / "run.json", provenance(options={k: str(v) for k, v in vars(options).items()}, rows=rows))


if __name__ == "__main__":
    main()
