"""Several zoos become one: every NeRF checked on the way, copied bit by bit, and given its place in the new split."""

import os
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import progress, provenance, sync_folder, write_json
from n2v.scenes.classes import labels_of
from n2v.zoo.manifest import MANIFEST, Row, row_digest
from n2v.zoo.shards import FolderLock, on_disk
from n2v.zoo.splits import SPLIT_COLUMNS, assign, leak
from n2v.zoo.store import Zoo, ZooWriter
from n2v.zoo.verify import manifest_lines

IDENTITY = ("base_id", "class_name", "version", "shape_group")
ONE = ("encoding", "init_hash")  # what must be the same for one encoder to read all NeRFs


@dataclass(frozen=True)
class Candidate:
    """One zoo's NeRF of an object."""

    zoo: Zoo
    index: int
    row: Row


def merge_zoos(
    folders: list[Path],
    out: Path,
    *,
    conflict: str = "refuse",
    splits: str = "corrected",
    seed: int = 0,
    shard_rows: int = 512,
) -> dict:
    """Merge zoos into a new one. The sources stay as they are.

    The new zoo grows in a hidden folder beside `out` that takes its name when all is there: `out` is whole or absent.
    Run again after an interruption it goes on; run again after success it changes nothing.

    Classes beyond the thirteen are numbered anew, over the union.

    Args:
        folders: Zoos of one occupancy resolution, encoding and initial vector.
        out: Folder to make.
        conflict: Where zoos hold different NeRFs of one object id: "refuse", or keep that of the "best" PSNR.
        splits: "corrected" deals the union anew by the corrected rule; "keep" leaves each row's split as it is.
        seed: Of the corrected rule.
        shard_rows: NeRFs in a shard of the new zoo.

    Returns:
        out, ok (False when some NeRF was damaged), n, duplicates, damaged (object ids of which no zoo has a sound NeRF;
        they are quarantined), quarantined, splits, leak (share of test objects with a relative in train), copied.

    Raises:
        BadInput: Zoos that do not fit together, different NeRFs of one id, or another zoo in `out`.
    """
    out = Path(out)
    if conflict not in ("refuse", "best") or splits not in ("corrected", "keep"):
        raise BadInput(f"conflict '{conflict}', splits '{splits}'", fix="use refuse or best, corrected or keep")
    if shard_rows < 1:
        raise BadInput(f"{shard_rows} NeRFs in a shard", fix="use at least 1")
    zoos = _open(folders, out)
    labels = labels_of(row.class_name for zoo in zoos for row in chain(zoo.rows, zoo.quarantined) if row.class_name)
    candidates = _candidates(zoos, labels, conflict, splits)
    without = _without(zoos, labels, set(candidates))
    dealt = _deal(candidates, without, splits, seed)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        return {**_finished(out, candidates, dealt), "copied": 0}
    growing = out.parent / f".{out.name}.merging"
    writer = _begin(growing, zoos, candidates, dealt)
    copied = _copy(writer, candidates, dealt, shard_rows)
    listed = {row.object_id for row in Zoo(growing).quarantined}
    writer.quarantine([replace(row, **dealt[row.object_id]) for row in without if row.object_id not in listed])
    settings = {"zoos": [str(folder) for folder in folders], "conflict": conflict, "splits": splits, "seed": seed}
    write_json(growing / "run.json", provenance(merge=settings, n=len(Zoo(growing))))
    os.rename(growing, out)
    sync_folder(out.parent)
    return {**_finished(out, candidates, dealt), "copied": copied}


def _open(folders: list[Path], out: Path) -> list[Zoo]:
    """The zoos to merge; refuses those that one encoder could not read together."""
    if out.resolve() in [Path(folder).resolve() for folder in folders]:
        raise BadInput("would be merged into itself", where=out, fix="give --out another folder")
    zoos = [Zoo(Path(folder)) for folder in folders]
    filled = [zoo for zoo in zoos if len(zoo)]
    if not filled:
        raise BadInput("no NeRF to merge", where=", ".join(map(str, folders)), fix="give zoos that hold some")
    first: dict[str, tuple[str, Path]] = {}
    for zoo in filled:
        facts = [(name, value) for name in ONE for value in sorted(set(zoo.rows.columns[name]))]
        for name, value in [*facts, ("resolution", str(zoo.resolution))]:
            known, where = first.setdefault(name, (value, zoo.folder))
            if known != value:
                what = f"{name} is {value}, but {known} in {where}"
                raise BadInput(what, where=zoo.folder, fix="merge zoos of one recipe only")
    return zoos


def _relabelled(row: Row, labels: dict[str, int]) -> Row:
    """A zoo numbers the classes beyond the thirteen by itself; the merged zoo numbers the union's."""
    label = labels.get(row.class_name, -1)
    return row if row.label == label else replace(row, label=label)


def _candidates(zoos: list[Zoo], labels: dict[str, int], conflict: str, splits: str) -> dict[str, list[Candidate]]:
    """Every zoo's NeRF of each object, the preferred one first; refuses what is not one object or one NeRF."""
    found: dict[str, list[Candidate]] = {}
    for zoo in zoos:
        for index, row in enumerate(zoo.rows):
            found.setdefault(row.object_id, []).append(Candidate(zoo, index, _relabelled(row, labels)))
    several = {object_id: same for object_id, same in found.items() if len(same) > 1}
    _refuse(several, IDENTITY, "different objects of one id", "rename one of each pair")
    if conflict == "refuse":
        _refuse(several, ("sha256",), "different NeRFs of one object", "keep the better ones with: --conflict best")
    if splits == "keep":
        _refuse(several, ("split",), "different splits of one object", "deal new ones with: --splits corrected")
    for same in several.values():  # stable: equal ones stay in the order of the folders
        same.sort(key=lambda one: (np.inf if one.row.psnr_db is None else -one.row.psnr_db, one.row.sha256))
    return found


def _refuse(several: dict[str, list[Candidate]], names: tuple[str, ...], what: str, fix: str) -> None:
    """BadInput that names the objects whose rows differ in `names`, and where the first of them is."""
    bad = [
        object_id
        for object_id, same in several.items()
        if len({tuple(getattr(one.row, name) for name in names) for one in same}) > 1
    ]
    if bad:
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        places = " and ".join(str(one.zoo.folder) for one in several[bad[0]])
        raise BadInput(f"{what}: {', '.join(bad[:5])}{more}", where=places, fix=fix)


def _without(zoos: list[Zoo], labels: dict[str, int], have: set[str]) -> list[Row]:
    """The last word on each object of which no zoo has a NeRF, without the place of a damaged copy."""
    rows = {row.object_id: row for zoo in zoos for row in zoo.quarantined if row.object_id not in have}
    plain = (_relabelled(rows[object_id], labels) for object_id in sorted(rows))
    return [replace(row, shard="", row=-1, sha256="") for row in plain]


def _deal(candidates: dict[str, list[Candidate]], without: list[Row], splits: str, seed: int) -> dict[str, dict]:
    """Splits of every object by column, also of those without a NeRF: one fitted later finds its relatives' split."""
    rows = [same[0].row for same in candidates.values()] + without
    if splits == "keep":
        return {row.object_id: _splits(row) for row in rows}
    items = [row for row in rows if row.class_name]
    dealt = {name: assign(items, rule, seed) for name, rule in SPLIT_COLUMNS.items()}
    return {row.object_id: {name: found.get(row.object_id, "") for name, found in dealt.items()} for row in rows}


def _begin(growing: Path, zoos: list[Zoo], candidates: dict, dealt: dict[str, dict]) -> ZooWriter:
    """The hidden zoo, ready to go on; what another merge or a kill left in it is removed."""
    resolution = next(zoo.resolution for zoo in zoos if len(zoo))
    if (growing / MANIFEST).exists() and not _agrees(Zoo(growing), candidates, dealt):
        held = FolderLock(growing)
        if not held.alone():
            raise BadInput("another merge is making this zoo", where=growing, fix="wait until it is done")
        shutil.rmtree(growing)
    writer = ZooWriter(growing, resolution, alone=True)
    lines = manifest_lines(growing) if (growing / MANIFEST).exists() else []
    for name in set(on_disk(growing)) - {line["shard"] for line in lines}:
        (growing / name).unlink()
    return writer


def _agrees(zoo: Zoo, candidates: dict[str, list[Candidate]], dealt: dict[str, dict]) -> bool:
    """True when a zoo holds nothing but what this merge would put there."""
    rows = all(
        row.sha256 in {one.row.sha256 for one in candidates.get(row.object_id, ())}
        and _splits(row) == dealt[row.object_id]
        for row in zoo.rows
    )
    return rows and all(dealt.get(row.object_id) == _splits(row) for row in zoo.quarantined)


def _splits(row: Row) -> dict[str, str]:
    return {name: getattr(row, name) for name in SPLIT_COLUMNS}


def _copy(writer: ZooWriter, candidates: dict, dealt: dict[str, dict], shard_rows: int) -> int:
    """Copy what the new zoo lacks, shard by shard, and list what no zoo has sound; the number copied."""
    have = set(Zoo(writer.folder).object_ids) if (writer.folder / MANIFEST).exists() else set()
    todo = [object_id for object_id in sorted(candidates) if object_id not in have]
    copied = 0
    with progress(total=len(todo), desc="merging", unit="NeRF") as bar:
        for start in range(0, len(todo), shard_rows):
            block: dict[str, list[tuple[Row, np.ndarray, np.ndarray]]] = {}
            damaged = []
            for object_id in todo[start : start + shard_rows]:
                row, found = _first_sound(candidates[object_id])
                row = replace(row, **dealt[object_id])
                if found is None:
                    damaged.append(replace(row, shard="", row=-1, sha256=""))
                else:
                    block.setdefault(found[0].dtype.str, []).append((row, *found))
            for same in block.values():
                rows, weights, bits = zip(*same, strict=True)
                writer.add_stored(list(rows), np.stack(weights), np.stack(bits))
                copied += len(rows)
            writer.quarantine(damaged)
            bar.update(min(shard_rows, len(todo) - start))
    return copied


def _first_sound(same: list[Candidate]) -> tuple[Row, tuple[np.ndarray, np.ndarray] | None]:
    """The first candidate whose bytes match their checksum and are finite; else the first one's row and why not."""
    reasons = []
    for one in same:
        try:
            found = one.zoo.stored(one.index)
        except BadInput as error:
            reasons.append(f"{one.row.shard} row {one.row.row}: {error.what}")
            continue
        if row_digest(*found) == one.row.sha256 and np.isfinite(found[0]).all():
            return one.row, found
        reasons.append(f"{one.row.shard} row {one.row.row}: altered or not finite")
    return replace(same[0].row, status=f"damaged: {reasons[0]}"), None


def _finished(out: Path, candidates: dict[str, list[Candidate]], dealt: dict[str, dict]) -> dict:
    """What the merged zoo holds; refuses a folder that is not this merge's result."""
    if not (out / MANIFEST).is_file():
        raise BadInput("holds something else", where=out, fix="give --out a folder that does not exist yet")
    zoo = Zoo(out)
    there = {*zoo.object_ids, *(row.object_id for row in zoo.quarantined)}
    if there != set(dealt) or not _agrees(zoo, candidates, dealt):
        raise BadInput("holds another zoo already", where=out, fix="give --out a folder that does not exist yet")
    rows = list(zoo.rows)
    damaged = [row.object_id for row in zoo.quarantined if row.object_id in candidates]
    return {
        "out": str(out),
        "ok": not damaged,
        "n": len(zoo),
        "duplicates": sum(len(same) - 1 for same in candidates.values()),
        "damaged": damaged,
        "quarantined": len(zoo.quarantined),
        "splits": dict(sorted(Counter(row.split for row in rows).items())),
        "leak": leak(rows, {row.object_id: row.split for row in rows}),
    }
