"""What the tasks owe to the shared initial vector: the same fields renumbered, or fitted again from random starts.

The thesis names the shared start as a limitation and never measures it (section 5). Here collections are made
that differ in nothing else, and a remedy: neurons matched to a reference.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from n2v.errors import BadInput
from n2v.files import progress
from n2v.nerf.fit import fit_apart
from n2v.nerf.layout import initial_vector, vector_hash
from n2v.nerf.nerf import Nerf
from n2v.nerf.neurons import N_LAYERS, match_neurons, matrices_of, permute_neurons
from n2v.nerf.recipe import FitConfig, show_step
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.views import ViewSet
from n2v.seeds import child_seed
from n2v.zoo.store import Zoo, ZooWriter

FIRST_START = 1000  # seed of the first random initial vector; 999 is the shared one


def renumbered(field_weights: Float[np.ndarray, "n w"], seed: int = 0, scale: bool = False) -> np.ndarray:
    """The same fields, the neurons of each in an order of its own; with `scale` each neuron's output is scaled, too."""
    found = []
    for i, one in enumerate(field_weights):
        rng = np.random.default_rng(child_seed(seed, "neurons", i))
        found.append(permute_neurons(one, rng))
        if scale:
            found[-1] = scale_neurons(found[-1], rng)
    return np.stack(found)


def scale_neurons(field_weights: Float[np.ndarray, "w"], rng: np.random.Generator) -> Float[np.ndarray, "w"]:
    """The same function: each hidden neuron's inputs times 1/4 to 4, what reads it divided by the same (ReLU)."""
    matrices = [matrix.copy() for matrix in matrices_of(field_weights)]
    for layer in range(N_LAYERS):
        factors = np.float32(4) ** rng.uniform(-1, 1, len(matrices[layer])).astype(np.float32)
        matrices[layer] *= factors[:, None]
        matrices[layer + 1] /= factors
    return np.concatenate([matrix.ravel() for matrix in matrices])


def matched(
    field_weights: Float[np.ndarray, "n w"], reference: Float[np.ndarray, "w"] | None = None
) -> Float[np.ndarray, "n w"]:
    """The same fields, neurons in the order most like a reference; the shared initial vector when none is given."""
    target = initial_vector() if reference is None else reference
    return np.stack([match_neurons(one, target) for one in field_weights])


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


def portraits(nerf: Nerf, n_views: int = 24, size_px: int = 64, seed: int = 0) -> ViewSet:
    """Pictures of a NeRF from around it, to fit another one to; four more are held out."""
    c2w, pictures = orbit_cameras(n_views + 4, seed), []
    for one in c2w:
        image = nerf.image(one, size_px).numpy()
        opacity = np.where(image[..., 3:] < 0.05, 0, image[..., 3:])
        straight = (image[..., :3] - (1 - opacity)) / np.maximum(opacity, 1e-6)  # rendered over white
        pictures.append(np.concatenate([np.where(opacity > 0, straight, 0), opacity], -1))
    images, order = np.round(255 * np.clip(pictures, 0, 1)).astype(np.uint8), np.arange(len(c2w))
    held = order % (n_views // 4 + 1) == 0
    kept = {"held_out_images": images[held], "held_out_c2w": c2w[held]}
    return ViewSet(nerf.object_id, nerf.class_name, images=images[~held], c2w=c2w[~held], **kept)


def refit_zoo(
    zoo: Zoo,
    out: Path,
    config: FitConfig,
    view_sets: Callable[[str], ViewSet] | None = None,
    indices: list[int] | None = None,
) -> Zoo:
    """The objects of a zoo fitted again, each from a random initial vector of its own; goes on where it stopped.

    Args:
        zoo: Whose objects, splits and seeds.
        out: Folder of the new zoo; what it holds already is not fitted again.
        config: Recipe; `init_seed` is replaced by FIRST_START + the object's position in `zoo`.
        view_sets: From an object id to its pictures; None: `portraits` of its NeRF.
        indices: Positions of the objects to fit; None: all.
    """
    writer, at_once = ZooWriter(out, config.grid_resolution), 2 * (os.cpu_count() or 1)
    done = set(Zoo(out).object_ids) if (Path(out) / "manifest.jsonl").exists() else set()
    asked = range(len(zoo)) if indices is None else indices
    todo = [int(i) for i in asked if zoo.object_ids[int(i)] not in done]
    blocks = [todo[start : start + at_once] for start in range(0, len(todo), at_once)]
    for block in progress(blocks, desc="fitting from random starts", unit="block"):
        sets = [view_sets(zoo.object_ids[i]) if view_sets else portraits(zoo[i]) for i in block]
        recipes = [replace(config, init_seed=FIRST_START + i) for i in block]
        for i, own, result in zip(block, recipes, fit_apart(sets, recipes), strict=True):
            told = {"init_hash": vector_hash(initial_vector(own.init_seed)), "backend": result.config.backend}
            told |= {"psnr_alone_db": result.psnr_alone_db, "psnr_step": show_step(own.step)}
            told |= {"psnr_db": result.psnr_db, "fit_s": result.fit_s, "steps": own.n_steps, "step": own.step}
            fresh = replace(_moved(zoo.rows[i]), status=result.status, **told)
            if result.status == "ok":
                writer.add([fresh], result.field_weights[None], result.occupied[None])
            else:
                writer.quarantine([fresh])
    return Zoo(out)


def _moved(row):
    """A manifest line without its place on disk."""
    return replace(row, shard="", row=-1, sha256="")
