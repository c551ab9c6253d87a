"""Mend a zoo: withdraw what is damaged, take up again what was lost, clear what a kill left behind.

Only ever appends lines; a file is removed only when it is half-written, or when no line names it and every NeRF in it
is in the zoo from elsewhere. So no sound NeRF can be lost, and a repair that is killed is simply run again.
"""

from dataclasses import replace
from pathlib import Path

from n2v.errors import BadInput
from n2v.zoo.manifest import MANIFEST, REFUSED, append
from n2v.zoo.shards import FOLDER, FolderLock, on_disk, temporaries
from n2v.zoo.store import Zoo
from n2v.zoo.verify import find_problems, spare, stored_rows


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
        halves = temporaries(folder)
        for path in halves:
            path.unlink(missing_ok=True)
        lost, adopted = _withdraw(folder), _adopt(folder)
        removed = [path.name for path in halves] + _clear(folder)
    finally:
        lock.release()
    have = set(Zoo(folder).object_ids)
    replaced = sorted(lost & have - set(adopted))
    return {"quarantined": sorted(lost - have), "replaced": replaced, "adopted": adopted, "removed": removed}


def _withdraw(folder: Path) -> set[str]:
    """Withdraw every damaged copy, until those that take their place are sound too; the objects it was about."""
    refused = [row for row in Zoo(folder).quarantined if row.status.startswith(REFUSED)]
    append(folder, [replace(row, status=f"damaged: {row.status.removeprefix(REFUSED)}") for row in refused])
    lost, sound = {row.object_id for row in refused}, frozenset()
    while True:
        zoo = Zoo(folder)
        problems = find_problems(zoo, sound)
        if not problems:
            return lost
        append(folder, [replace(zoo.rows[i], status=f"damaged: {problem}") for i, problem in problems.items()])
        lost |= {zoo.rows[i].object_id for i in problems}
        sound |= {row for i, row in enumerate(zoo.rows) if i not in problems}


def _adopt(folder: Path) -> list[str]:
    """Offer the NeRFs that are sound in a shard and in no usable line, one an object; their ids."""
    zoo = Zoo(folder)
    sound = {row.object_id: row for row in spare(zoo)[1] if not zoo.problem(row)}
    append(folder, list(sound.values()))
    return sorted(sound)


def _clear(folder: Path) -> list[str]:
    """Remove unnamed shards of which every NeRF is in the zoo from elsewhere."""
    zoo, removed = Zoo(folder), []
    for name in spare(zoo)[0]:
        ids = {row.object_id for row in stored_rows(folder, name) or []}
        if ids and ids <= set(zoo.object_ids):
            (folder / name).unlink()
            removed.append(name)
    return removed
