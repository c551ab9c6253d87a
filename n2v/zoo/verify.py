"""Read every byte of a zoo again and name what is wrong."""

from collections import Counter
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import progress
from n2v.zoo.store import Row, Zoo, row_digest


def verify(folder: Path) -> dict:
    """Check every NeRF's bytes against its checksum, and that its numbers are finite.

    Returns:
        n (NeRFs listed), sound (NeRFs intact), problems (one line each), notes, quarantined, classes.
    """
    zoo = Zoo(folder)
    problems = {}
    for row in progress(zoo.rows, desc="verifying", unit="NeRF"):
        problem = _problem(zoo, row)
        if problem:
            problems[row.object_id] = problem
    return {
        "zoo": str(folder),
        "n": len(zoo),
        "sound": len(zoo) - len(problems),
        "problems": [f"{object_id}: {reason}" for object_id, reason in problems.items()],
        "notes": zoo.notes,
        "quarantined": [f"{row.object_id}: {row.status}" for row in zoo.quarantined],
    }


def _problem(zoo: Zoo, row: Row) -> str:
    try:
        weights, packed = zoo._read(row, "weights"), zoo._read(row, "occupancy")
    except BadInput as error:
        return str(error)
    if row_digest(weights, packed) != row.sha256:
        return f"{row.shard} row {row.row}: bytes do not match their checksum"
    return "" if np.isfinite(weights).all() else f"{row.shard} row {row.row}: weights are not finite"


def info(folder: Path) -> dict:
    """What a zoo holds: counts by class and split, quality, recipe."""
    zoo = Zoo(folder)
    quality = [row.psnr_db for row in zoo.rows if row.psnr_db is not None]
    return {
        "zoo": str(folder),
        "n": len(zoo),
        "quarantined": len(zoo.quarantined),
        "classes": dict(sorted(Counter(row.class_name for row in zoo.rows).items())),
        "splits": dict(Counter(row.split for row in zoo.rows)),
        "psnr_db": {
            "mean": float(np.mean(quality)),
            "min": float(np.min(quality)),
            "p5": float(np.percentile(quality, 5)),
        }
        if quality
        else None,
        "resolution": zoo.resolution if len(zoo) else None,
        "encodings": sorted({row.encoding for row in zoo.rows}),
        "init_hashes": sorted({row.init_hash for row in zoo.rows}),
        "steps": sorted({row.steps for row in zoo.rows}),
        "sources": dict(Counter(row.source for row in zoo.rows)),
        "licences": dict(Counter(row.licence for row in zoo.rows)),
        "notes": zoo.notes,
    }
