"""Read every byte of a zoo again and name what is wrong."""

from collections import Counter
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import progress
from n2v.zoo.manifest import REFUSED, Row, read_lines
from n2v.zoo.shards import on_disk, open_shard, temporaries
from n2v.zoo.shipped import open_zoo
from n2v.zoo.store import Zoo


def verify(folder: Path) -> dict:
    """Check every NeRF's bytes against its checksum, and that its numbers are finite. Changes nothing.

    Returns:
        n (NeRFs listed), sound (NeRFs intact), problems (one line each), notes, quarantined, leftovers (files that no
        line names), unlisted (object ids whose NeRF is in a shard but in no line). n2v.zoo.repair mends all of them.
    """
    zoo = Zoo(folder)
    problems = find_problems(zoo)
    refused = [row for row in zoo.quarantined if row.status.startswith(REFUSED)]
    leftovers, unlisted, notes = spare(zoo)
    listed = [f"{row.object_id}: {row.status.removeprefix(REFUSED)}" for row in refused]
    return {
        "zoo": str(zoo.folder),
        "n": len(zoo) + len(refused),
        "sound": len(zoo) - len(problems),
        "problems": [f"{zoo.rows[i].object_id}: {problem}" for i, problem in sorted(problems.items())] + listed,
        "notes": zoo.notes + notes,
        "quarantined": [f"{row.object_id}: {row.status}" for row in zoo.quarantined if row not in refused],
        "leftovers": leftovers,
        "unlisted": sorted({row.object_id for row in unlisted}),
    }


def find_problems(zoo: Zoo, skip: frozenset[Row] = frozenset()) -> dict[int, str]:
    """What is wrong with the NeRFs that are damaged, by position; those in `skip` are not looked at."""
    order = sorted(range(len(zoo)), key=lambda i: (zoo.rows[i].shard, zoo.rows[i].row))
    found = {
        i: zoo.problem(zoo.rows[i]) for i in progress(order, desc="verifying", unit="NeRF") if zoo.rows[i] not in skip
    }
    return {i: problem for i, problem in found.items() if problem}


def spare(zoo: Zoo) -> tuple[list[str], list[Row], list[str]]:
    """Files that no line names, the lines that shards carry for objects without a NeRF, and notes on damaged ones.

    A crash between a shard and its lines leaves both, a torn line the second.
    """
    named = {line["shard"] for line in read_lines(zoo.folder)[0]}
    left = [path.relative_to(zoo.folder).as_posix() for path in temporaries(zoo.folder)]
    have, rows, notes = set(zoo.object_ids), [], []
    for name in on_disk(zoo.folder):
        left += [name] if name not in named else []
        lines = stored_rows(zoo.folder, name)
        if lines is None:
            notes.append(f"{zoo.folder / name}: its spare copy of the manifest's lines is damaged; its NeRFs are not")
        rows += [row for row in lines or [] if row.object_id not in have]
    return left, rows, notes


def stored_rows(folder: Path, name: str) -> list[Row] | None:
    """The lines a shard carries for its own rows; None when they are damaged."""
    try:
        lines = open_shard(folder, name).lines()
    except BadInput:
        return []
    if lines is None:
        return None
    return [Row(**values) for values in lines if values["shard"] == name and values["status"] == "ok"]


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
