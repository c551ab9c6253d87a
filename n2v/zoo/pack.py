"""A zoo made small for the road: weights as float16, occupancy compressed, few shards."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import progress, provenance, read_json, write_json
from n2v.zoo.store import MANIFEST, Zoo, ZooWriter
from n2v.zoo.verify import verify

RECORD = "run.json"


def pack_zoo(folder: Path, out: Path, shard_rows: int = 256) -> dict:
    """Copy a sound zoo into `out` in the smallest form that every command still reads.

    What float16 costs is measured in notebook 03 (about 0.00 dB at the fits' quality); a weight beyond its range
    (65,504) is refused. The recipe of `folder`'s run.json goes along.

    Args:
        folder: A zoo without damage.
        out: Folder to make.
        shard_rows: NeRFs in a shard.

    Returns:
        out, n, bytes, and bytes a NeRF.

    Raises:
        BadInput: damage in the zoo, `out` exists, or weights beyond float16.
    """
    zoo, out = Zoo(folder), Path(out)
    if (out / MANIFEST).exists():
        raise BadInput("there is a zoo already", where=out, fix="choose another folder")
    problems = verify(folder)["problems"]
    if problems:
        raise BadInput(f"{len(problems)} NeRFs are damaged: {problems[0]}", where=folder, fix="run: n2v zoo verify")
    writer = ZooWriter(out, zoo.resolution, dtype="float16", alone=True, compress=True)
    for start in progress(range(0, len(zoo), shard_rows), desc="packing", unit="shard"):
        part = np.arange(start, min(start + shard_rows, len(zoo)))
        stored = zoo.field_weights(part).astype(np.float16)
        writer.add_stored([zoo.rows[int(i)] for i in part], stored, zoo.packed(part))
    record = read_json(Path(folder) / RECORD) if (Path(folder) / RECORD).is_file() else {}
    write_json(
        out / RECORD, provenance(packed_from=record, n=len(zoo), quarantined=[asdict(row) for row in zoo.quarantined])
    )
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return {"out": str(out), "n": len(zoo), "bytes": size, "bytes_a_nerf": size / max(len(zoo), 1)}
