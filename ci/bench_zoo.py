"""How a large zoo behaves: opening, random rows, streaming against the disk's own speed, memory.

    python ci/bench_zoo.py [--nerfs 100000] [--rows 512] [--resolution 48] [--folder FOLDER] [--out runs/bench]

Makes a zoo of random float16 weights in a temporary folder (100,000 NeRFs with 48^3 cells: 5.2 GB), measures it in
fresh processes, and removes it. Every speed stands beside a plain read of the same files in the same run, once with
the page cache emptied of them (posix_fadvise) and once with whatever the first pass left in it. Nothing here is a test.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from n2v.files import progress, provenance, write_json
from n2v.nerf.layout import N_WEIGHTS, initial_vector, vector_hash
from n2v.scenes.classes import CLASSES
from n2v.zoo.manifest import Row, append
from n2v.zoo.shards import write_shard
from n2v.zoo.store import Zoo

CHUNK = 4 << 20  # bytes a read of the plain pass


def make_zoo(folder: Path, n: int, shard_rows: int, resolution: int) -> None:
    """A zoo of n NeRFs of random weights; ids, classes and splits as a real one has them."""
    generator = np.random.default_rng(0)
    (folder / "shards").mkdir(parents=True)
    noise = generator.normal(size=(shard_rows, N_WEIGHTS)).astype(np.float16)
    bits = generator.integers(0, 256, (shard_rows, resolution**3 // 8), np.uint8)
    start_hash = vector_hash(initial_vector())
    with progress(total=n, desc="making the zoo", unit="NeRF") as bar:
        for start in range(0, n, shard_rows):
            stop = min(start + shard_rows, n)
            rows = [_row(i, start_hash, generator) for i in range(start, stop)]
            noise[:, :16] = generator.normal(size=(shard_rows, 16))  # no two rows alike
            append(folder, write_shard(folder, rows, noise[: stop - start], bits[: stop - start], resolution))
            bar.update(stop - start)


def _row(i: int, start_hash: str, generator: np.random.Generator) -> Row:
    label, base = i % 13, i // 39
    name = f"{CLASSES[label]}-{base:06}"
    version = i // 13 % 3
    return Row(
        object_id=f"{name}_A{version}" if version else name, base_id=name, class_name=CLASSES[label], label=label,
        version=version, shape_group=name, source="random numbers", licence="MIT",
        split=("test", "val", *["train"] * 8)[base % 10], seed=int(generator.integers(1 << 62)), init_hash=start_hash,
        encoding="exact", backend="none", steps=1500, step=0.04, psnr_db=float(generator.normal(28, 2)), fit_s=1.0,
    )  # fmt: skip


def memory_mb() -> dict:
    """Now: anonymous and file pages of this process; its peak of both together."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    names = {"RssAnon": "anonymous_mb", "RssFile": "file_mb", "VmHWM": "peak_mb"}
    return {name: int(status[key].split()[0]) / 1024 for key, name in names.items()}


def forget(folder: Path) -> None:
    """Drop the zoo's files from the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)  # a page that is not on disk yet cannot be dropped
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def measure_open(folder: Path, options) -> dict:
    before = memory_mb()
    started = time.perf_counter()
    zoo = Zoo(folder)
    opened = time.perf_counter() - started
    n = len(zoo)
    started = time.perf_counter()
    _ = zoo.object_ids, zoo.labels, zoo.indices("train"), zoo.index_of(zoo.rows[n // 2].object_id)
    return {"s": opened, "ids_labels_split_s": time.perf_counter() - started, "n": n,
            "grown_mb": memory_mb()["anonymous_mb"] - before["anonymous_mb"]}  # fmt: skip


def measure_random(folder: Path, options) -> dict:
    """One NeRF at a time, weights as float32 and occupancy bits, at random places."""
    zoo = Zoo(folder)
    places = np.random.default_rng(1).integers(0, len(zoo), options.reads)
    forget(folder) if options.cold else None
    times, handles = [], 0
    for i in places.tolist():
        started = time.perf_counter()
        zoo.field_weights(i), zoo.packed(i)
        times.append(time.perf_counter() - started)
        if len(times) % 100 == 0:
            handles = max(handles, _mapped())
    ms = np.array(times) * 1e3
    return {"median_ms": float(np.median(ms)), "p99_ms": float(np.percentile(ms, 99)), "max_ms": float(ms.max()),
            "n": len(ms), "most_shards_open": handles, **memory_mb()}  # fmt: skip


def _mapped() -> int:
    """Shards this process has mapped."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return len({line.split()[-1] for line in lines if line.endswith(".safetensors")})


def measure_plain(folder: Path, options) -> dict:
    """The disk's own speed: all shards read from start to end into one buffer."""
    buffer, n_bytes = bytearray(CHUNK), 0
    forget(folder) if options.cold else None
    started = time.perf_counter()
    for path in sorted((folder / "shards").iterdir()):
        with open(path, "rb", buffering=0) as file:
            while got := file.readinto(buffer):
                n_bytes += got
    seconds = time.perf_counter() - started
    return {"s": seconds, "gb": n_bytes / 1e9, "gb_a_s": n_bytes / 1e9 / seconds, **memory_mb()}


def measure_stream(folder: Path, options) -> dict:
    """Every NeRF's weights as finite-checked float32, and its occupancy bits, block by block."""
    zoo = Zoo(folder)
    forget(folder) if options.cold else None
    n_bytes, first = 0, None
    started = time.perf_counter()
    order = sorted(range(len(zoo)), key=lambda i: (zoo.rows[i].shard, zoo.rows[i].row))
    for start in range(0, len(zoo), options.block):
        block = order[start : start + options.block]
        n_bytes += zoo.field_weights(block).nbytes // 2 + zoo.packed(block).nbytes
        first = first or memory_mb()["anonymous_mb"]
    seconds = time.perf_counter() - started
    grown = memory_mb()["anonymous_mb"] - first
    return {"s": seconds, "gb": n_bytes / 1e9, "gb_a_s": n_bytes / 1e9 / seconds, "grown_mb": grown, **memory_mb()}


MEASURES = {"open": measure_open, "random": measure_random, "plain": measure_plain, "stream": measure_stream}


def measured(what: str, folder: Path, options, cold: bool = False) -> dict:
    """One measurement in a process of its own."""
    words = ["--nerfs", str(options.nerfs), "--reads", str(options.reads), "--block", str(options.block)]
    command = [sys.executable, __file__, "--measure", what, "--folder", str(folder), *words]
    done = subprocess.run([*command, *(["--cold"] if cold else [])], capture_output=True, text=True, check=True)
    return {"what": what, "cache": "emptied" if cold else "as left", **json.loads(done.stdout)}


def bench(folder: Path, options) -> list[dict]:
    """The whole table; cold and warm passes alternate between plain and ours."""
    rows = [measured("open", folder, options)]
    rows += [measured("random", folder, options), measured("random", folder, options, cold=True)]
    for turn in range(options.turns):
        for cold in (True, False):
            plain = measured("plain", folder, options, cold)
            ours = measured("stream", folder, options, cold)
            again = measured("plain", folder, options, cold)
            own = (plain["gb_a_s"] + again["gb_a_s"]) / 2
            rows += [plain, {**ours, "of_plain": ours["gb_a_s"] / own, "turn": turn}, again]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nerfs", type=int, default=100_000, help="NeRFs in the zoo")
    parser.add_argument("--rows", type=int, default=512, help="NeRFs in a shard")
    parser.add_argument("--resolution", type=int, default=48, help="occupancy cells a side")
    parser.add_argument("--reads", type=int, default=2000, help="random rows to read")
    parser.add_argument("--block", type=int, default=256, help="NeRFs in a block of the stream")
    parser.add_argument("--turns", type=int, default=2, help="passes over the whole zoo, each cold and warm")
    parser.add_argument("--folder", type=Path, help="where the temporary zoo is made; default: the system's place")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--cold", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(MEASURES[options.measure](options.folder, options)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="zoo-bench-") as scratch:
        make_zoo(Path(scratch) / "zoo", options.nerfs, options.rows, options.resolution)
        size = (Path(scratch) / "zoo" / "manifest.jsonl").stat().st_size
        rows = bench(Path(scratch) / "zoo", options)
    for row in rows:
        cells = (f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items())
        print("  ".join(cells))
    counts = ("nerfs", "rows", "resolution", "reads", "block", "turns")
    settings = {name: getattr(options, name) for name in counts}
    write_json(options.out / "bench_zoo.json", provenance(settings=settings, manifest_mb=size / 1e6, rows=rows))


if __name__ == "__main__":
    main()
