"""What the tasks owe to the shared initial vector: shared, renumbered and random starts through the same readers.

The thesis names the shared start as a limitation and never measures it (section 5). Here collections are made
that differ in nothing else, and two remedies are tried: neurons matched to a reference, and descriptions in which their
order does not occur.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from n2v.errors import BadInput
from n2v.files import progress
from n2v.nerf.field import evaluate
from n2v.nerf.fit import fit
from n2v.nerf.layout import initial_vector, vector_hash
from n2v.nerf.march import cell_indices
from n2v.nerf.neurons import match_neurons, permute_neurons
from n2v.nerf.occupancy import cell_centres
from n2v.nerf.recipe import FitConfig, show_step
from n2v.scenes.views import ViewSet
from n2v.seeds import child_seed
from n2v.tasks.classify import linear_probe, nearest_neighbour
from n2v.tasks.metrics import wilson_interval
from n2v.zoo.store import Zoo, ZooWriter

FIRST_START = 1000  # seed of the first random initial vector; 999 is the shared one


def renumbered(field_weights: Float[np.ndarray, "n w"], seed: int = 0) -> Float[np.ndarray, "n w"]:
    """The same fields, the neurons of each in an order of its own."""
    return np.stack(
        [
            permute_neurons(one, np.random.default_rng(child_seed(seed, "neurons", i)))
            for i, one in enumerate(field_weights)
        ]
    )


def matched(
    field_weights: Float[np.ndarray, "n w"], reference: Float[np.ndarray, "w"] | None = None
) -> Float[np.ndarray, "n w"]:
    """The same fields, neurons in the order most like a reference; the shared initial vector when none is given."""
    target = initial_vector() if reference is None else reference
    return np.stack([match_neurons(one, target) for one in field_weights])


@torch.no_grad()
def field_values(
    field_weights: Float[np.ndarray, "n w"],
    occupied: Bool[np.ndarray, "n g g g"],
    encodings: list[str],
    side: int = 12,
    length: float = 0.1,
) -> Float[np.ndarray, "n f"]:
    """What each field shows at `side`^3 places: opacity of `length` scene units, and colour where it is seen.

    The yardstick: it looks at the function, so no start and no order can matter to it. It needs the occupancy.
    """
    places, values = cell_centres(side), []
    for one, grid, encoding in zip(field_weights, occupied, encodings, strict=True):
        seen = torch.from_numpy(grid).reshape(-1)[cell_indices(places, grid.shape[0])]
        sigmas, rgbs = evaluate(torch.from_numpy(one)[None], places[None], encoding)
        opacity = -torch.expm1(-sigmas[0] * length) * seen
        values.append(torch.cat([opacity[:, None], opacity[:, None] * rgbs[0]], 1).flatten().numpy())
    return np.stack(values)


def read_split(
    features: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, "n"],
    train: Int[np.ndarray, "m"],
    test: Int[np.ndarray, "t"],
) -> dict[str, float]:
    """Share of test objects whose class the nearest training object has, and a linear probe finds; chance: shuffled."""
    x, y, x_test, y_test = features[train], labels[train], features[test], labels[test]
    shuffled = np.random.default_rng(0).permutation(y)
    return _row(
        nearest_neighbour(x, y, x_test) == y_test,
        linear_probe(x, y, x_test) == y_test,
        nearest_neighbour(x, shuffled, x_test) == y_test,
    )


def read_few(features: Float[np.ndarray, "n d"], labels: Int[np.ndarray, "n"], n_folds: int = 3) -> dict[str, float]:
    """The same for a few objects without a split: nearest other object; linear probe over `n_folds` folds."""
    from sklearn.model_selection import StratifiedKFold

    from n2v.tasks.retrieve import distances

    distance = distances(features, features)
    np.fill_diagonal(distance, np.inf)
    nearest, probe = distance.argmin(1), np.zeros(len(labels), bool)
    for train, test in StratifiedKFold(n_folds, shuffle=True, random_state=0).split(features, labels):
        probe[test] = linear_probe(features[train], labels[train], features[test]) == labels[test]
    rng = np.random.default_rng(0)
    shuffled = np.mean([(names[nearest] == names) for names in (rng.permutation(labels) for _ in range(20))], 0)
    return _row(labels[nearest] == labels, probe, shuffled)


def _row(nearest: np.ndarray, probe: np.ndarray, shuffled: np.ndarray) -> dict[str, float]:
    n = len(nearest)
    row: dict[str, float] = {"n": n}
    for name, right in (("nearest neighbour", nearest), ("linear probe", probe)):
        low, high = wilson_interval(int(right.sum()), n)
        row |= {name: float(right.mean()), f"{name}, low": low, f"{name}, high": high}
    return {**row, "shuffled labels": float(shuffled.mean())}


def changed_zoo(zoo: Zoo, out: Path, change: Callable[[np.ndarray], np.ndarray]) -> Zoo:
    """A copy of a zoo with other weights: `change` takes and gives (n, 18432). Splits and occupancy stay.

    Raises:
        BadInput: there is a zoo in `out` already.
    """
    if (Path(out) / "manifest.jsonl").exists():
        raise BadInput("there is a zoo already", where=out, fix="choose another folder")
    writer = ZooWriter(out, zoo.resolution)
    for start in range(0, len(zoo), 64):
        part = np.arange(start, min(start + 64, len(zoo)))
        rows = [_moved(zoo.rows[int(i)]) for i in part]
        writer.add(rows, change(zoo.field_weights(part)), zoo.occupied(part))
    return Zoo(out)


def refit_zoo(zoo: Zoo, view_sets: Callable[[str], ViewSet], out: Path, config: FitConfig, limit: int | None = None):
    """The objects of a zoo fitted again, each from a random initial vector of its own; goes on where it stopped.

    Args:
        zoo: Whose objects, splits and seeds.
        view_sets: From an object id to its pictures.
        out: Folder of the new zoo; what it holds already is not fitted again.
        config: Recipe; `init_seed` is replaced by FIRST_START + the object's position in `zoo`.
        limit: At most this many new fits in this call.
    """
    writer = ZooWriter(out, config.grid_resolution)
    done = set(Zoo(out).object_ids) if (Path(out) / "manifest.jsonl").exists() else set()
    todo = [i for i in range(len(zoo)) if zoo.object_ids[i] not in done][:limit]
    for i in progress(todo, desc="fitting from random starts", unit="NeRF"):
        row, own = zoo.rows[i], replace(config, init_seed=FIRST_START + i)
        result = fit([view_sets(row.object_id)], own, [row.seed])[0]
        told = {"init_hash": vector_hash(initial_vector(own.init_seed)), "backend": result.config.backend}
        told |= {"psnr_alone_db": result.psnr_alone_db, "psnr_step": show_step(own.step)}
        told |= {"psnr_db": result.psnr_db, "fit_s": result.fit_s, "steps": own.n_steps, "step": own.step}
        fresh = replace(_moved(row), status=result.status, **told)
        if result.status == "ok":
            writer.add([fresh], result.field_weights[None], result.occupied[None])
        else:
            writer.quarantine([fresh])
    return Zoo(out)


def _moved(row):
    """A manifest line without its place on disk."""
    return replace(row, shard="", row=-1, sha256="")
