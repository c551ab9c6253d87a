"""Read every byte of a zoo again, name what is wrong, and mend it.

A repair only ever appends lines; a file is removed only when it is half-written, or when no line names it and every
NeRF in it is in the zoo from elsewhere. So no sound NeRF can be lost, and a repair that is killed is simply run again.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import progress
from n2v.zoo.manifest import MANIFEST, REFUSED, Row, append, read_lines
from n2v.zoo.shards import FOLDER, FolderLock, on_disk, open_shard, temporaries
from n2v.zoo.shipped import open_zoo
from n2v.zoo.store import Zoo


def verify(folder: Path) -> dict:
    """Check every NeRF's bytes against its checksum, and that its numbers are finite. Changes nothing.

    Returns:
        n (NeRFs listed), sound (NeRFs intact), problems (one line each), notes, quarantined, leftovers (files that no
        line names), unlisted (object ids whose NeRF is in a shard but in no line). `repair` mends all of them.
    """
    zoo = Zoo(folder)
    problems = _problems(zoo)
    refused = [row for row in zoo.quarantined if row.status.startswith(REFUSED)]
    leftovers, unlisted, notes = _spare(zoo)
    listed = [f"{row.object_id}: {row.status.removeprefix(REFUSED)}" for row in refused]
    return {
        "zoo": str(zoo.folder),
        "n": len(zoo) + len(refused),
        "sound": len(zoo) - len(problems),
        "problems": [f"{row.object_id}: {problems[row]}" for row in zoo.rows if row in problems] + listed,
        "notes": zoo.notes + notes,
        "quarantined": [f"{row.object_id}: {row.status}" for row in zoo.quarantined if row not in refused],
        "leftovers": leftovers,
        "unlisted": sorted({row.object_id for row in unlisted}),
    }


def _problems(zoo: Zoo, known_sound: frozenset[Row] = frozenset()) -> dict[Row, str]:
    """What is wrong with the NeRFs that are damaged."""
    rows = sorted((row for row in zoo.rows if row not in known_sound), key=lambda row: (row.shard, row.row))
    found = {row: zoo.problem(row) for row in progress(rows, desc="verifying", unit="NeRF")}
    return {row: problem for row, problem in found.items() if problem}


def _spare(zoo: Zoo) -> tuple[list[str], list[Row], list[str]]:
    """Files that no line names, the lines that shards carry for objects without a NeRF, and notes on damaged ones.

    A crash between a shard and its lines leaves both, a torn line the second.
    """
    named = {line["shard"] for line in read_lines(zoo.folder)[0]}
    left = [path.relative_to(zoo.folder).as_posix() for path in temporaries(zoo.folder)]
    have, rows, notes = set(zoo.object_ids), [], []
    for name in on_disk(zoo.folder):
        left += [name] if name not in named else []
        lines = _stored_rows(zoo.folder, name)
        if lines is None:
            notes.append(f"{zoo.folder / name}: its spare copy of the manifest's lines is damaged; its NeRFs are not")
        rows += [row for row in lines or [] if row.object_id not in have]
    return left, rows, notes


def _stored_rows(folder: Path, name: str) -> list[Row] | None:
    """The lines a shard carries for its own rows; None when they are damaged."""
    try:
        lines = open_shard(folder, name).lines()
    except BadInput:
        return []
    if lines is None:
        return None
    return [Row(**values) for values in lines if values["shard"] == name and values["status"] == "ok"]


def repair(folder: Path) -> dict[str, list[str]]:
    """Mend a zoo in place.

    Returns:
        Object ids: quarantined (without a sound copy: `n2v fit --resume` makes them again), replaced (by an older
        sound copy), adopted (from a shard whose line was missing, refused or withdrawn); and removed files.

    Raises:
        BadInput: No zoo there, or somebody is writing to it.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file() and not list(on_disk(folder)):
        raise BadInput("no zoo here (no manifest.jsonl, no shards)", where=folder, fix="check the path")
    (folder / FOLDER).mkdir(exist_ok=True)
    lock = FolderLock(folder)
    if not lock.alone():
        fix = "wait until it is done (a file system without locks, such as some network shares: repair a local copy)"
        raise BadInput("a build is writing to this zoo", where=folder, fix=fix)
    try:
        (folder / MANIFEST).touch()  # a lost manifest is made again from the lines in the shards
        removed = [path.name for path in temporaries(folder, remove=True)]
        lost = _withdraw(folder)
        zoo = Zoo(folder)
        adopted = {row.object_id: row for row in _spare(zoo)[1] if not zoo.problem(row)}
        append(folder, list(adopted.values()))
        have = set(Zoo(folder).object_ids)
        for name in _spare(Zoo(folder))[0]:
            ids = {row.object_id for row in _stored_rows(folder, name) or []}
            if ids and ids <= have:
                (folder / name).unlink()
                removed.append(name)
    finally:
        lock.release()
    replaced = sorted(lost & have - set(adopted))
    return {"quarantined": sorted(lost - have), "replaced": replaced, "adopted": sorted(adopted), "removed": removed}


def _withdraw(folder: Path) -> set[str]:
    """Withdraw every damaged copy, until those that take their place are sound too; the objects it was about."""
    refused = [row for row in Zoo(folder).quarantined if row.status.startswith(REFUSED)]
    append(folder, [replace(row, status=f"damaged: {row.status.removeprefix(REFUSED)}") for row in refused])
    lost, sound = {row.object_id for row in refused}, frozenset()
    while problems := _problems(zoo := Zoo(folder), sound):
        append(folder, [replace(row, status=f"damaged: {problem}") for row, problem in problems.items()])
        lost |= {row.object_id for row in problems}
        sound |= {row for row in zoo.rows if row not in problems}
    return lost


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
