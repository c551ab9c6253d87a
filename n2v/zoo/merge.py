"""Several zoos become one, or one is packed: every NeRF checked on the way and copied into a new zoo."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import progress, provenance, read_json, sync_folder, write_json
from n2v.scenes.classes import labels_of
from n2v.zoo.manifest import Row
from n2v.zoo.shards import FolderLock
from n2v.zoo.splits import SPLIT_COLUMNS, assign, leak
from n2v.zoo.store import Zoo, ZooWriter

RECORD = "run.json"
SHARD_ROWS = 512  # NeRFs in a shard of a new zoo
PACKED_ROWS = 256
SAME_OBJECT = ("base_id", "class_name", "version", "shape_group")

Copies = list[tuple[Zoo, Row]]  # of one object, the preferred one first


def merge_zoos(folders: list[Path], out: Path, *, seed: int = 0) -> dict:
    """Merge zoos into a new one. The sources stay as they are; `out` is whole or absent.

    Of different NeRFs of one object that of the best PSNR is kept. Classes beyond the thirteen are numbered anew, and
    splits dealt anew, over the union.

    Args:
        folders: Zoos of one occupancy resolution, encoding and initial vector.
        out: Folder to make.
        seed: Of the splits.

    Returns:
        out, ok (False when some NeRF was damaged), n, duplicates, damaged (object ids of which no zoo has a sound NeRF;
        they are quarantined), quarantined, splits, leak (share of test objects with a relative in train).

    Raises:
        BadInput: Zoos that do not fit together, different objects of one id, or something in `out`.
    """
    refuse_used(Path(out))
    zoos = [Zoo(Path(folder)) for folder in folders]
    _refuse_unlike(zoos)
    copies = _copies_of(zoos)
    without = {row.object_id: row for zoo in zoos for row in zoo.quarantined if row.object_id not in copies}
    told = [row for row in [*(same[0][1] for same in copies.values()), *without.values()] if row.class_name]
    labels = labels_of(row.class_name for row in told)
    dealt = {column: assign(told, rule, seed) for column, rule in SPLIT_COLUMNS.items()}

    def placed(row: Row) -> Row:
        given = {column: found[row.object_id] for column, found in dealt.items() if row.class_name}
        return replace(row, label=labels.get(row.class_name, -1), **given)

    told = {"merge": {"zoos": [str(folder) for folder in folders], "seed": seed}}
    chosen = [[(zoo, placed(row)) for zoo, row in same] for _, same in sorted(copies.items())]
    damaged = _copy(chosen, [placed(row) for row in without.values()], Path(out), SHARD_ROWS, told)
    rows = Zoo(out).rows
    return {
        "out": str(out),
        "ok": not damaged,
        "n": len(rows),
        "duplicates": sum(len(same) - 1 for same in chosen),
        "damaged": damaged,
        "quarantined": len(without) + len(damaged),
        "splits": dict(sorted(Counter(row.split for row in rows).items())),
        "leak": leak(rows, {row.object_id: row.split for row in rows}),
    }


def pack_zoo(folder: Path, out: Path) -> dict:
    """Copy a sound zoo into `out` in the smallest form that every command still reads.

    Weights as float16, occupancy compressed, few shards. What float16 costs is measured in notebook 03 (about 0.00 dB
    at the fits' quality); a weight beyond its range (65,504) is refused. The recipe of `folder`'s run.json goes along.

    Returns:
        out, n, bytes, and bytes a NeRF.

    Raises:
        BadInput: damage in the zoo, something in `out`, or weights beyond float16.
    """
    zoo, record = Zoo(folder), Path(folder) / RECORD
    if problems := [f"{row.object_id}: {problem}" for row in zoo.rows if (problem := zoo.problem(row))]:
        raise BadInput(f"{len(problems)} NeRFs are damaged: {problems[0]}", where=folder, fix="run: n2v zoo verify")
    if not len(zoo):
        raise BadInput("no NeRF to pack", where=folder, fix="give a zoo with some")
    told = {"packed_from": read_json(record) if record.is_file() else {}}
    _copy([[(zoo, row)] for row in zoo.rows], zoo.quarantined, Path(out), PACKED_ROWS, told, packed=True)
    size = sum(path.stat().st_size for path in Path(out).rglob("*") if path.is_file())
    return {"out": str(out), "n": len(zoo), "bytes": size, "bytes_a_nerf": size / len(zoo)}


def _refuse_unlike(zoos: list[Zoo]) -> None:
    """BadInput for zoos that one encoder could not read together."""
    filled = [zoo for zoo in zoos if len(zoo)]
    if not filled:
        raise BadInput("no NeRF to merge", where=", ".join(str(zoo.folder) for zoo in zoos), fix="give zoos with some")
    first: dict[str, tuple[str, Path]] = {}
    for zoo in filled:
        facts = {(name, getattr(row, name)) for row in zoo.rows for name in ("encoding", "init_hash")}
        for name, value in sorted({*facts, ("resolution", str(zoo.resolution))}):
            known, where = first.setdefault(name, (value, zoo.folder))
            if known != value:
                what = f"{name} is {value}, but {known} in {where}"
                raise BadInput(what, where=zoo.folder, fix="merge zoos of one recipe only")


def _copies_of(zoos: list[Zoo]) -> dict[str, Copies]:
    """Every zoo's NeRF of each object, best first; refuses what is not one object."""
    found: dict[str, Copies] = {}
    for zoo in zoos:
        for row in zoo.rows:
            found.setdefault(row.object_id, []).append((zoo, row))
    for object_id, same in found.items():
        if len({tuple(getattr(row, name) for name in SAME_OBJECT) for _, row in same}) > 1:
            places = " and ".join(str(zoo.folder) for zoo, _ in same)
            raise BadInput(f"different objects of one id: {object_id}", where=places, fix="rename one of them")
        # Equal ones are told apart by their bytes, so that the order of the folders does not matter
        same.sort(key=lambda one: (np.inf if one[1].psnr_db is None else -one[1].psnr_db, one[1].sha256))
    return found


def _copy(
    chosen: list[Copies], without: list[Row], out: Path, n_rows: int, record: dict, packed: bool = False
) -> list[str]:
    """Write the first sound NeRF of each object as a new zoo `out`; the objects of which none is sound.

    It grows in a hidden folder that takes its name when all is there. What a kill left of that is begun again.
    """
    refuse_used(out)
    growing = out.parent / f".{out.name}.growing"
    if growing.exists():
        if not FolderLock(growing).alone():
            raise BadInput("somebody else is making this zoo", where=growing, fix="wait until it is done")
        shutil.rmtree(growing)
    writer = ZooWriter(growing, chosen[0][0][0].resolution, alone=True, compress=packed)
    damaged = []
    for start in progress(range(0, len(chosen), n_rows), desc="copying", unit="shard"):
        blocks: dict[str, list[tuple[Row, np.ndarray, np.ndarray]]] = {}
        for same in chosen[start : start + n_rows]:
            problems = [zoo.problem(row) for zoo, row in same]
            if all(problems):
                damaged.append(replace(same[0][1], status=f"damaged: {problems[0]}"))
                continue
            zoo, row = same[problems.index("")]
            weights, bits = zoo.stored(row)
            weights = weights.astype(np.float16) if packed else weights
            blocks.setdefault(weights.dtype.str, []).append((row, weights, bits))
        for block in blocks.values():
            rows, weights, bits = zip(*block, strict=True)
            writer.add_stored(list(rows), np.stack(weights), np.stack(bits))
    writer.quarantine([replace(row, shard="", row=-1, sha256="") for row in [*without, *damaged]])
    write_json(growing / RECORD, provenance(**record, n=len(chosen) - len(damaged)))
    growing.rename(out)
    sync_folder(out.parent)
    return [row.object_id for row in damaged]


def refuse_used(out: Path) -> None:
    """Nothing that is there is replaced."""
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise BadInput("there is something already", where=out, fix="choose another folder")
