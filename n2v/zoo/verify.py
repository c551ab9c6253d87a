"""Read every byte of a zoo again, name what is wrong, and withdraw it: `n2v fit --resume` makes it again."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import progress
from n2v.zoo.manifest import REFUSED, Row, append
from n2v.zoo.shards import FolderLock
from n2v.zoo.shipped import open_zoo
from n2v.zoo.store import Zoo


def verify(folder: Path) -> dict:
    """Check every NeRF's bytes against its checksum, and that its numbers are finite. Changes nothing.

    Returns:
        n (NeRFs listed), sound (NeRFs intact), problems (one line each), notes, quarantined.
    """
    zoo = Zoo(folder)
    problems, refused = _problems(zoo), _refused(zoo)
    return {
        "zoo": str(zoo.folder),
        "n": len(zoo) + len(refused),
        "sound": len(zoo) - len(problems),
        "problems": [f"{row.object_id}: {found[row]}" for found in (problems, refused) for row in found],
        "notes": zoo.notes,
        "quarantined": [f"{row.object_id}: {row.status}" for row in zoo.quarantined if row not in refused],
    }


def _problems(zoo: Zoo, known_sound: frozenset[Row] = frozenset()) -> dict[Row, str]:
    """What is wrong with the NeRFs that are damaged."""
    rows = sorted((row for row in zoo.rows if row not in known_sound), key=lambda row: (row.shard, row.row))
    found = {row: zoo.problem(row) for row in progress(rows, desc="verifying", unit="NeRF")}
    return {row: found[row] for row in zoo.rows if found.get(row)}


def _refused(zoo: Zoo) -> dict[Row, str]:
    """Lines that are whole but cannot be right."""
    refused = [row for row in zoo.quarantined if row.status.startswith(REFUSED)]
    return {row: row.status.removeprefix(REFUSED) for row in refused}


def repair(folder: Path) -> dict[str, list[str]]:
    """Withdraw every damaged copy by a new line, until those that take their place are sound too.

    Returns:
        Object ids: quarantined (without a sound copy: `n2v fit --resume` makes them again) and replaced (by an older
        sound copy).

    Raises:
        BadInput: No zoo there, or somebody is writing to it.
    """
    zoo, lock = Zoo(folder), FolderLock(folder)
    if not lock.alone():
        fix = "wait until it is done (a file system without locks, such as some network shares: repair a local copy)"
        raise BadInput("a build is writing to this zoo", where=folder, fix=fix)
    try:
        problems, lost = _refused(zoo) | _problems(zoo), set()
        sound = frozenset(zoo.rows).difference(problems)
        while problems:
            append(folder, [replace(row, status=f"damaged: {problem}") for row, problem in problems.items()])
            lost |= {row.object_id for row in problems}
            zoo = Zoo(folder)
            problems = _problems(zoo, sound)
            sound |= frozenset(zoo.rows).difference(problems)
    finally:
        lock.release()
    have = set(zoo.object_ids)
    return {"quarantined": sorted(lost - have), "replaced": sorted(lost & have)}


def info(folder: Path | str) -> dict:
    """What a zoo (see `open_zoo`) holds: counts by class and split, quality, recipe."""
    zoo = open_zoo(folder)

    def of(name: str) -> list:
        return [getattr(row, name) for row in zoo.rows]

    return {
        "zoo": str(zoo.folder),
        "n": len(zoo),
        "quarantined": len(zoo.quarantined),
        "classes": dict(sorted(Counter(of("class_name")).items())),
        "splits": dict(Counter(of("split"))),
        "psnr_db": _spread(of("psnr_db")),
        "psnr_alone_db": _spread(of("psnr_alone_db")),
        "resolution": zoo.resolution if len(zoo) else None,
        "encodings": sorted(set(of("encoding"))),
        "init_hashes": sorted(set(of("init_hash"))),
        "steps": sorted(set(of("steps"))),
        "sources": dict(Counter(source.split(": ")[0] for source in of("source"))),
        "licences": dict(Counter(of("licence"))),
        "notes": zoo.notes,
    }


def _spread(values: list[float | None]) -> dict | None:
    """Mean, least and fifth percentile of those that are known; None without."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"mean": float(np.mean(known)), "min": float(np.min(known)), "p5": float(np.percentile(known, 5))}
