"""An entry of the benchmark at work, in a process of its own: it is handed arrays without names, and gives vectors.

No label, name or split is among what n2v.tasks.benchmark sends: training NeRFs come in one call, those to embed in
another order, tested and known ones mixed, in blocks. What goes back is arrays too.
"""

import importlib.util
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save

from n2v.embed.model import CONFIG, load, load_model
from n2v.errors import BadInput
from n2v.nerf.nerf import Field, Turntable
from n2v.seeds import seed_everything
from n2v.tasks.bars import BARS, fit_bar, front_of

FRONT, NOISE = "encoder's front", "random numbers"
BUILT_IN = (*BARS, FRONT, NOISE)
BLOCK, WIDEST = 64, 1024  # NeRFs embedded at once; numbers that a vector which is decoded may have
LOOK = Turntable(n_views=2)


@dataclass(frozen=True)
class Entry:
    """What is entered: `embed`, or `train` that makes it, and `decode`."""

    embed: Callable | None = None  # (field_weights (n, w), occupied (n, g, g, g) or None) -> vectors (n, d)
    train: Callable | None = None  # (field_weights, occupied or None, base_numbers (n,)) -> such a function
    decode: Callable | None = None  # (vectors (n, d), positions (m, 3)) -> sigmas (n, m), rgbs (n, m, 3)


def find_entry(name: str) -> Entry:
    """A file of Python, the folder of a trained nerf2vec, or one that is built in.

    Raises:
        BadInput: nothing of the kind, or a file without `embed` and `train`.
    """
    if name == FRONT:
        model = load()
        return Entry(lambda field_weights, occupied: front_of(model, field_weights))
    if name in BUILT_IN:
        return Entry(noise) if name == NOISE else Entry(train=partial(fit_bar, name))
    path = Path(name)
    if (path / CONFIG).is_file():
        model = load_model(path).eval()
        return Entry(partial(_encoded, model), decode=partial(_decoded, model, {}))
    if path.suffix != ".py" or not path.is_file():
        fix = f"give a file ENTRY.py, the folder of a nerf2vec, or one of: {', '.join(BUILT_IN)}"
        raise BadInput(f"no entry '{name}'", where="benchmark", fix=fix)
    spec = importlib.util.spec_from_file_location("entry", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = Entry(*(getattr(module, one, None) for one in ("embed", "train", "decode")))
    if not found.embed and not found.train:
        raise BadInput("neither embed nor train", where=path, fix="see docs/benchmark.md")
    return found


def noise(field_weights: np.ndarray, occupied: np.ndarray | None) -> np.ndarray:
    """Vectors that know nothing but which NeRF is which: the floor of every measure."""
    return np.float32([np.random.default_rng(zlib.crc32(one.tobytes())).normal(size=64) for one in field_weights])


@torch.no_grad()
def _encoded(model, field_weights: np.ndarray, occupied: np.ndarray | None) -> np.ndarray:
    return model.encode(torch.from_numpy(field_weights)).float().numpy()


@torch.no_grad()
def _decoded(model, known: dict, vectors: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`known` keeps the field of the last vector: it is asked about more than once."""
    found = []
    for one in vectors:
        if one.tobytes() not in known:
            known.clear()
            known[one.tobytes()] = model.decode(one, resolution=8)
        found.append(known[one.tobytes()].query(torch.from_numpy(positions)))
    return tuple(np.stack([one[part].numpy() for one in found]) for part in (0, 1))


class Shown(Field):
    """What an entry decodes, where the grid of the NeRF itself says that there may be something."""

    def __init__(self, decode: Callable, vector: np.ndarray, occupied: np.ndarray) -> None:
        self.decode, self.vector, self.occupied = decode, vector, torch.from_numpy(occupied)

    def query(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Densities (n,) and colours (n, 3)."""
        return tuple(torch.as_tensor(one[0]).float() for one in self.decode(self.vector[None], positions.numpy()))


def embed_all(embed: Callable, weights: np.ndarray, occupied: np.ndarray | None) -> np.ndarray:
    """Vectors of all NeRFs, block by block.

    Raises:
        BadInput: not a finite vector for each, or one that depends on the NeRFs beside it.
    """

    def block(chosen: np.ndarray) -> np.ndarray:
        found = np.asarray(embed(weights[chosen].copy(), None if occupied is None else occupied[chosen].copy()))
        if found.ndim != 2 or len(found) != len(chosen) or not np.isfinite(found).all():
            fix = "give a finite vector for each NeRF"
            raise BadInput(f"vectors of shape {found.shape} for {len(chosen)} NeRFs", where="entry", fix=fix)
        return found.astype(np.float32)

    order = np.arange(len(weights))
    vectors = np.concatenate([block(order[start : start + BLOCK]) for start in range(0, len(order), BLOCK)])
    again = np.r_[0, len(order) // 2 : len(order) : 7]
    if not np.allclose(block(again), vectors[again], atol=0.01 * vectors.std() + 1e-6):
        fix = "make each from its own NeRF; what needs many NeRFs belongs into train"
        raise BadInput("a vector changes with the NeRFs embedded beside it", where="entry", fix=fix)
    return vectors


def work(link: Connection, name: str, seed: int) -> None:
    """Train where there is something to train, embed all that is asked; then hear which to decode, and do it.

    Answers go back as safetensors: "0", "1", ... for the tracks asked, and "cost" in seconds; or "failed".
    """
    try:
        with redirect_stdout(sys.stderr):
            _serve(link, name, seed)
    except Exception as error:  # of anybody's code
        said = str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
        link.send_bytes(save({"failed": np.frombuffer(said.encode(), np.uint8)}))


def _serve(link: Connection, name: str, seed: int) -> None:
    train, asked = link.recv()
    seed_everything(seed)
    entry, started = find_entry(name), time.perf_counter()
    embed = entry.train(*train) if entry.train else entry.embed
    trained = time.perf_counter()
    vectors = [embed_all(embed, *one) for one in asked]
    cost = np.array([trained - started, time.perf_counter() - trained])
    link.send_bytes(save({**{str(i): values for i, values in enumerate(vectors)}, "cost": cost}))
    found = {}
    for i, (chosen, grids) in enumerate(link.recv()):
        if entry.decode and vectors[i].shape[1] <= WIDEST:
            shown = [Shown(entry.decode, *one) for one in zip(vectors[i][chosen], grids, strict=True)]
            found[str(i)] = torch.stack([one.views(LOOK) for one in shown]).numpy()
    link.send_bytes(save(found))
