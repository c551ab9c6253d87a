"""A benchmark that others can enter: vectors made from NeRF weights, on five tracks, by fixed splits and readers.

An entry runs in a process of its own (n2v.tasks.entry) and gets arrays alone: no labels, no names, no split. What it
gives is read here. docs/benchmark.md explains how to enter.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from safetensors.numpy import load

from n2v.embed.reconstruct import picture_measures
from n2v.errors import BadInput
from n2v.files import atomic_path
from n2v.nerf.nerf import Nerf
from n2v.nerf.recipe import FitConfig
from n2v.tasks.entry import LOOK
from n2v.tasks.entry import work as serve
from n2v.tasks.head import HeadConfig
from n2v.tasks.metrics import prediction_interval
from n2v.tasks.read import STANDARD, ask, summary
from n2v.tasks.starts import refit_zoo, renumbered
from n2v.zoo.shipped import mini_zoo, real_zoo
from n2v.zoo.splits import nested_order
from n2v.zoo.store import MANIFEST

SHARED, RENUMBERED, RANDOM, NOVEL, REAL = TRACKS = ("shared", "renumbered", "random start", "novel", "real")
JOBS = ((SHARED, REAL), (RENUMBERED,), (RANDOM,), (NOVEL,))  # trained on the first, asked about all
DECIBEL = "object alone (dB)"
N_SHOWN = 13  # test NeRFs that are decoded


@dataclass(frozen=True)
class Settings:
    """What changes the numbers: results under other settings are never mixed."""

    tested: str = "test"  # or "val", to choose on
    weights_alone: bool = False  # entries get no occupancy
    n_random: int = 507  # NeRFs fitted again from random starts: 78 tested, the others to learn from
    head: HeadConfig = STANDARD


@dataclass(frozen=True)
class Track:
    """NeRFs with what the benchmark knows of them. Without a split its NeRFs are read by cross-validation."""

    name: str
    field_weights: Float[np.ndarray, "n w"]
    occupied: Bool[np.ndarray, "n g g g"]
    labels: Int[np.ndarray, "n"]
    objects: list[str]
    split: tuple[Int[np.ndarray, "m"], Int[np.ndarray, "t"]] | None

    @property
    def tested(self) -> Int[np.ndarray, "t"]:
        """Positions that are asked about."""
        return np.arange(len(self.labels)) if self.split is None else self.split[1]


def open_track(name: str, settings: Settings, work: Path) -> Track:
    """One of TRACKS; the NeRFs of random starts are fitted into `work` at the first use, and go on where they stopped.

    Raises:
        BadInput: no such track.
    """
    if name not in TRACKS:
        raise BadInput(f"no track '{name}'", where="benchmark", fix=f"use: {', '.join(TRACKS)}")
    zoo = real_zoo() if name == REAL else mini_zoo()
    if name == RANDOM:  # the same fields again, by a short recipe on pictures of the NeRFs
        tested, train = zoo.indices(settings.tested), zoo.indices("train")
        n_train = max(0, settings.n_random - len(tested))
        wanted = [*tested, *train[nested_order([zoo.rows[int(i)] for i in train])[:n_train]]]
        recipe, ids = replace(FitConfig.short(), grid_resolution=zoo.resolution), {zoo.object_ids[i] for i in wanted}
        zoo = refit_zoo(zoo, work / f"random-starts-{_collections()}", recipe, indices=sorted(map(int, wanted)))
    chosen = [i for i, known in enumerate(zoo.object_ids) if name != RANDOM or known in ids]
    rows, weights = [zoo.rows[i] for i in chosen], zoo.field_weights(chosen)
    objects = [row.shape_group if name == REAL else row.base_id for row in rows]
    splits = np.array([row.split_novel if name == NOVEL else row.split for row in rows])
    parts = tuple(np.flatnonzero(splits == one) for one in ("train", settings.tested))
    weights = renumbered(weights, scale=True) if name == RENUMBERED else weights
    return Track(name, weights, zoo.occupied(chosen), zoo.labels[chosen], objects, None if name == REAL else parts)


def run_entry(
    entry: str, learned: Track, asked: list[Track], seed: int, settings: Settings, limit_s: float
) -> list[dict[str, np.ndarray]]:
    """An entry trained on `learned` (without its tested NeRFs) in a fresh process, asked about every track.

    Returns:
        For each track: measure -> values of its tested NeRFs, and "cost": seconds of training and embedding, width.

    Raises:
        BadInput: the entry failed, or took longer than `limit_s` seconds.
    """
    rng, found = np.random.default_rng(seed), []
    train, orders = rng.permutation(learned.split[0]), [rng.permutation(len(track.labels)) for track in asked]
    shown = [rng.permutation(track.tested)[:N_SHOWN] for track in asked]
    numbers = np.unique(np.array(learned.objects)[train], return_inverse=True)[1]

    def given(track: Track, chosen: np.ndarray) -> tuple:
        return track.field_weights[chosen], None if settings.weights_alone else track.occupied[chosen]

    with _fresh_process(entry, seed) as link:
        tell = partial(_answer, link, entry, time.perf_counter() + limit_s, limit_s)
        known = (*given(learned, train), rng.permutation(numbers.max() + 1)[numbers])
        told = tell((known, [given(*one) for one in zip(asked, orders, strict=True)]))
        places = [np.argsort(order)[few] for order, few in zip(orders, shown, strict=True)]
        views = tell([(at, track.occupied[few]) for at, track, few in zip(places, asked, shown, strict=True)])
    for i, (track, order, few) in enumerate(zip(asked, orders, shown, strict=True)):
        vectors = told[str(i)][np.argsort(order)]
        result = ask(vectors, track.labels, track.objects, track.split, settings.head, seed)
        result |= {DECIBEL: _decibels(track, few, views[str(i)])} if str(i) in views else {}
        found.append({**result, "cost": np.array([*told["cost"], vectors.shape[1]])})
    return found


@contextmanager
def _fresh_process(entry: str, seed: int) -> Iterator[Connection]:
    """A link to `n2v.tasks.entry.work` in a process that knows nothing of this one; it ends with the block."""
    context = get_context("spawn")
    link, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, entry, seed))
    process.start()
    theirs.close()
    try:
        yield link
    finally:
        process.kill()
        process.join()
        link.close()


def _answer(link: Connection, entry: str, ends: float, limit_s: float, message: object) -> dict[str, np.ndarray]:
    """Send something to an entry; what it sends back. Its errors become one line."""
    try:
        link.send(message)
        if not link.poll(max(0.0, ends - time.perf_counter())):
            fix = "make it faster, or allow more --minutes"
            raise BadInput(f"not done after {limit_s / 60:.1f} minutes", where=entry, fix=fix)
        told = load(link.recv_bytes())
    except (EOFError, OSError):
        told = {"failed": np.frombuffer(b"its process has ended", np.uint8)}
    if "failed" in told:
        said = told["failed"].tobytes().decode()
        raise BadInput(f"the entry failed ({said})", where=entry, fix="run its functions on a few NeRFs")
    return told


def _decibels(track: Track, shown: np.ndarray, views: Float[np.ndarray, "n v h w 4"]) -> Float[np.ndarray, "t"]:
    """PSNR over the object of decoded NeRFs within their own grid; NaN for those that were not decoded."""
    values = {}
    for i, pictures in zip(shown, views, strict=True):
        nerf = Nerf("", torch.from_numpy(track.field_weights[i]), torch.from_numpy(track.occupied[i]), LOOK.step)
        values[int(i)] = picture_measures(torch.from_numpy(pictures), nerf.views(LOOK))["foreground_db"]
    return np.array([values.get(int(i), np.nan) for i in track.tested])


def benchmark(
    entries: list[str],
    work: Path,
    tracks: tuple[str, ...] = TRACKS,
    n_runs: int = 1,
    settings: Settings | None = None,
    minutes: float = 30,
) -> list[dict]:
    """Rows {entry, track, measure, ...} of every entry. What is in `work` already is not done again.

    A run has its own order, its own seed of training and of the head. `real` is asked of what was trained on `shared`.

    Args:
        entries: Files, folders or names, see n2v.tasks.entry.find_entry.
        work: Folder for results and for the NeRFs of random starts.
        minutes: Limit for an entry's own work in one run, all tracks together.
    """
    settings, rows = settings or Settings(), []
    track = cache(lambda name: open_track(name, settings, work))
    for entry in entries:
        place = work / "results" / _digest(entry, settings)
        paths = {(name, seed): place / f"{name}-{seed}.npz" for name in tracks for seed in range(n_runs)}
        for seed in range(n_runs):
            left_s = 60 * minutes
            for job in JOBS:
                todo = [name for name in job if name in tracks and not paths[name, seed].exists()]
                if todo:
                    learned, asked, started = track(job[0]), list(map(track, todo)), time.perf_counter()
                    results = run_entry(entry, learned, asked, seed, settings, left_s)
                    left_s -= time.perf_counter() - started
                    for name, result in zip(todo, results, strict=True):
                        with atomic_path(paths[name, seed]) as scratch:
                            np.savez(scratch, **result)
        for name in tracks:
            runs = [dict(np.load(paths[name, seed])) for seed in range(n_runs)]
            rows += table(Path(entry).stem, track(name), runs)
    return rows


def _collections() -> str:
    """Names the collections as they are now."""
    manifests = b"".join((zoo.folder / MANIFEST).read_bytes() for zoo in (mini_zoo(), real_zoo()))
    return hashlib.sha256(manifests).hexdigest()[:8]


def _digest(entry: str, settings: Settings) -> str:
    """Names an entry as it is now, under these settings: an altered one is another."""
    path, told = Path(entry), hashlib.sha256(f"{settings} {_collections()}".encode())
    for file in sorted(path.glob("model.*")) if path.is_dir() else [path] if path.is_file() else []:
        told.update(file.read_bytes())
    return f"{path.stem} {told.hexdigest()[:12]}"


def table(entry: str, track: Track, runs: list[dict[str, np.ndarray]]) -> list[dict]:
    """A row a measure: mean, interval by object, and the interval in which one more run should fall.

    `new_low` and `new_high` are the 95 % prediction interval from the runs (None for a single one), at least one tested
    NeRF wide on each side, as another machine's rounding may turn one.
    """
    train_s, embed_s, width = np.mean([run["cost"] for run in runs], 0)
    told = [{name: values for name, values in run.items() if name != "cost"} for run in runs]
    rows = summary(told, [track.objects[i] for i in track.tested])
    found = []
    for row in rows:
        low, high = prediction_interval([np.nanmean(run[row["measure"]]) for run in runs])
        low, high = min(low, row["value"] - 1 / row["n"]), max(high, row["value"] + 1 / row["n"])
        expected = {"new_low": low, "new_high": high} if len(runs) > 1 else {"new_low": None, "new_high": None}
        cost = {"numbers": int(width), "train_s": round(float(train_s), 1), "embed_s": round(float(embed_s), 1)}
        found.append({"entry": entry, "track": track.name, **row, **expected, **cost})
    return found
