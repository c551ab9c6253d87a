"""Mend a zoo: withdraw what is damaged, take up again what was lost, clear what a kill left behind.

Only ever appends lines and shards; a file is removed only when it is half-written, or when no line names it and every
NeRF in it is in the zoo from elsewhere. So no sound NeRF can be lost, and a repair that is killed is simply run again.
"""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.zoo.manifest import MANIFEST, REFUSED, Row, append, copy_of, row_digest, wrong
from n2v.zoo.shards import FOLDER, FolderLock, on_disk, salvage, temporaries, write_shard
from n2v.zoo.store import Zoo
from n2v.zoo.verify import find_problems, manifest_lines, stored_lines, unnamed


@dataclass(frozen=True)
class Repair:
    """What a repair did, as object ids (files for `removed`).

    `quarantined` have no sound copy left and wait for `n2v fit --resume`; `replaced` fell back on an older sound copy;
    `salvaged` were read out of a shard cut short; `restored` had been withdrawn and are sound again; `adopted` were in
    a shard that no line named.
    """

    quarantined: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    salvaged: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def repair(folder: Path) -> dict:
    """Mend a zoo in place; see Repair for what it returns.

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
        done = Repair(removed=[path.name for path in temporaries(folder)])
        for path in temporaries(folder):
            path.unlink(missing_ok=True)
        _withdraw(folder, done)
        _restore(folder, done)
        _adopt(folder, done)
        _clear(folder, done)
    finally:
        lock.release()
    return asdict(done)


def _withdraw(folder: Path, done: Repair) -> None:
    """Withdraw every damaged copy, until those that take their place are sound too."""
    refused = [row for row in Zoo(folder).quarantined if row.status.startswith(REFUSED)]
    append(folder, [replace(row, status=f"damaged: {row.status.removeprefix(REFUSED)}") for row in refused])
    lost = {row.object_id for row in refused}
    sound: set = set()
    while True:
        zoo = Zoo(folder)
        problems = find_problems(zoo, skip=frozenset(sound))
        bad = [zoo.rows[i] for i in problems]
        sound |= {(row.shard, row.row, row.sha256) for i, row in enumerate(zoo.rows) if i not in problems}
        if not bad:
            break
        done.salvaged.extend(_salvage(folder, [row for row in bad if row.object_id not in done.salvaged]))
        reasons = [
            replace(row, status=f"damaged: {problem}") for row, problem in zip(bad, problems.values(), strict=True)
        ]
        append(folder, reasons)
        lost |= {row.object_id for row in bad}
    have = set(zoo.object_ids)
    done.quarantined.extend(sorted(lost - have))
    done.replaced.extend(sorted(lost & have - set(done.salvaged)))


def _salvage(folder: Path, rows: list[Row]) -> list[str]:
    """Copy NeRFs whose bytes are whole in a shard that no longer opens into a new shard; their object ids."""
    kept: dict[tuple, list] = {}
    for row in rows:
        found = salvage(folder, row.shard, row.row)
        if found and row_digest(*found[:2]) == row.sha256 and np.isfinite(found[0]).all():
            kept.setdefault((found[2], found[0].dtype.str, found[0].shape, found[1].shape), []).append(
                (row, *found[:2])
            )
    for (resolution, *_), found in kept.items():
        same = [row for row, _, _ in found]
        stored, packed = np.stack([weights for _, weights, _ in found]), np.stack([bits for _, _, bits in found])
        append(folder, write_shard(folder, same, stored, packed, resolution))
    return sorted(row.object_id for found in kept.values() for row, _, _ in found)


def _restore(folder: Path, done: Repair) -> None:
    """Offer withdrawn copies again that are sound by now (a shard brought back from a backup)."""
    zoo = Zoo(folder)
    have = set(zoo.object_ids)
    last = {copy_of(line): line for line in manifest_lines(folder)}
    withdrawn = [line for line in last.values() if line["status"] != "ok" and line["shard"]]
    done.restored.extend(_offer(zoo, [line for line in withdrawn if line["object_id"] not in have]))
    done.quarantined[:] = [name for name in done.quarantined if name not in done.restored]


def _adopt(folder: Path, done: Repair) -> None:
    """Write the missing lines of NeRFs that are in a shard and nowhere else."""
    zoo = Zoo(folder)
    done.adopted.extend(_offer(zoo, unnamed(zoo)[1]))
    done.quarantined[:] = [name for name in done.quarantined if name not in done.adopted]


def _offer(zoo: Zoo, lines: list[dict]) -> list[str]:
    """Append lines as usable where the copy they name is sound, one an object; the object ids."""
    rows = {}
    for line in lines:
        try:
            found = zoo.read(line["shard"], line["row"])
        except BadInput:
            continue
        sound = row_digest(*found) == line["sha256"] and np.isfinite(found[0]).all()
        if sound and not wrong({**line, "status": "ok"}):
            rows[line["object_id"]] = Row(**{**line, "status": "ok"})
    append(zoo.folder, list(rows.values()))
    return sorted(rows)


def _clear(folder: Path, done: Repair) -> None:
    """Remove unnamed shards of which every NeRF is in the zoo from elsewhere."""
    zoo = Zoo(folder)
    have = set(zoo.object_ids)
    for name in unnamed(zoo)[0]:
        ids = {line["object_id"] for line in stored_lines(folder, name)}
        if ids and ids <= have:
            (folder / name).unlink()
            done.removed.append(name)
