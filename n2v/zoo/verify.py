"""Read every byte of a zoo again and name what is wrong."""

from collections import Counter
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import progress
from n2v.zoo.manifest import MANIFEST, REFUSED, copy_of, parse, row_digest
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
    leftovers, unlisted = unnamed(zoo)
    listed = [f"{row.object_id}: {row.status.removeprefix(REFUSED)}" for row in refused]
    return {
        "zoo": str(zoo.folder),
        "n": len(zoo) + len(refused),
        "sound": len(zoo) - len(problems),
        "problems": [f"{zoo.rows[i].object_id}: {problem}" for i, problem in sorted(problems.items())] + listed,
        "notes": zoo.notes + spare_lines_damaged(zoo.folder),
        "quarantined": [f"{row.object_id}: {row.status}" for row in zoo.quarantined if row not in refused],
        "leftovers": leftovers,
        "unlisted": sorted({values["object_id"] for values in unlisted}),
    }


def find_problems(zoo: Zoo, skip: frozenset = frozenset()) -> dict[int, str]:
    """What is wrong with the NeRFs that are damaged, by position; copies in `skip` are not looked at."""
    columns = zoo.rows.columns
    order = np.lexsort((columns["row"], columns["shard"].codes))
    problems = {}
    for i in progress(order.tolist(), desc="verifying", unit="NeRF"):
        place = columns["shard"][i], int(columns["row"][i]), columns["sha256"][i]
        if place not in skip and (problem := _problem(zoo, i, place)):
            problems[i] = problem
    return problems


def _problem(zoo: Zoo, i: int, place: tuple[str, int, str]) -> str:
    shard, row, sha256 = place
    try:
        weights, packed = zoo.stored(i)
    except BadInput as error:
        return f"{shard} row {row}: {error.what}"
    if row_digest(weights, packed) != sha256:
        return f"{shard} row {row}: bytes do not match their checksum"
    return "" if np.isfinite(weights).all() else f"{shard} row {row}: weights are not finite"


def manifest_lines(folder: Path) -> list[dict]:
    """All usable lines, also those that later ones replaced."""
    path = Path(folder) / MANIFEST
    return parse(path.read_bytes(), path)[0]


def unnamed(zoo: Zoo) -> tuple[list[str], list[dict]]:
    """Files that no line names, and the lines stored in shards for objects without a NeRF that the manifest lacks.

    A crash between a shard and its lines leaves both, a torn line the second.
    """
    lines = manifest_lines(zoo.folder)
    named, known, have = {line["shard"] for line in lines}, set(map(copy_of, lines)), set(zoo.object_ids)
    left = [path.relative_to(zoo.folder).as_posix() for path in temporaries(zoo.folder)]
    unlisted = []
    for name in on_disk(zoo.folder):
        left += [name] if name not in named else []
        unlisted += [values for values in stored_lines(zoo.folder, name) if copy_of(values) not in known]
    return left, [values for values in unlisted if values["object_id"] not in have]


def stored_lines(folder: Path, name: str) -> list[dict]:
    """The lines a shard carries for its own rows; none when they or the shard are damaged."""
    try:
        lines = open_shard(folder, name).lines() or []
    except BadInput:
        return []
    return [values for values in lines if values["shard"] == name and values["status"] == "ok"]


def spare_lines_damaged(folder: Path) -> list[str]:
    """Notes on shards whose own copy of their manifest lines is damaged: their NeRFs are not."""
    notes = []
    for name in on_disk(folder):
        try:
            damaged = open_shard(folder, name).lines() is None
        except BadInput:
            continue
        if damaged:
            notes.append(f"{Path(folder) / name}: its spare copy of the manifest's lines is damaged; its NeRFs are not")
    return notes


def info(folder: Path | str) -> dict:
    """What a zoo (see `open_zoo`) holds: counts by class and split, quality, recipe."""
    zoo = open_zoo(folder)
    columns = zoo.rows.columns
    return {
        "zoo": str(zoo.folder),
        "n": len(zoo),
        "quarantined": len(zoo.quarantined),
        "classes": dict(sorted(Counter(columns["class_name"]).items())),
        "splits": dict(Counter(columns["split"])),
        "psnr_db": _spread(columns["psnr_db"]),
        "psnr_alone_db": _spread(columns["psnr_alone_db"]),
        "resolution": zoo.resolution if len(zoo) else None,
        "encodings": sorted(set(columns["encoding"])),
        "init_hashes": sorted(set(columns["init_hash"])),
        "steps": sorted(set(columns["steps"].tolist())),
        "sources": dict(Counter(source.split(": ")[0] for source in columns["source"])),
        "licences": dict(Counter(columns["licence"])),
        "notes": zoo.notes,
    }


def _spread(values: np.ndarray) -> dict | None:
    """Mean, least and fifth percentile of those that are known; None without."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    return {"mean": float(np.mean(known)), "min": float(np.min(known)), "p5": float(np.percentile(known, 5))}
