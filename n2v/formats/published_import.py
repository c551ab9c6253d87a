"""Published NeRFs into a zoo: every folder becomes a row or is quarantined with its reason; restartable."""

import json
import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import progress, provenance, write_json
from n2v.formats.published import (
    GRID,
    RESOLUTION,
    ROWS,
    WEIGHTS,
    find_folders,
    identify,
    read_grid,
    read_lists,
    read_weights,
    rebuild_grid,
    stays_inside,
)
from n2v.identity import Identity
from n2v.nerf.layout import N_HIDDEN, N_OUTPUTS, SLICES, initial_vector, vector_hash
from n2v.nerf.occupancy import pack_bits
from n2v.nerf.recipe import THESIS_STEP
from n2v.scenes.classes import SYNSETS, label_of
from n2v.scenes.views import TRAIN
from n2v.zoo.build import spread
from n2v.zoo.manifest import REFUSED, UNLISTED, Row, parse, row_digest, wrong
from n2v.zoo.splits import RULES, assign, leak
from n2v.zoo.store import ZooWriter, going_on

SHARD = 64  # NeRFs in one file
KNOWN_SEEDS = (999, 1337)  # the authors', and tiny-cuda-nn's own


@dataclass(frozen=True)
class Found:
    """One folder of a collection: whose NeRF it holds, or the reason why it has none; `told` is its line in ROWS.

    `named` is what the folder's path says; `who` has an id that is unique, and what `told` says of its relatives.
    """

    folder: Path
    who: Identity
    named: Identity | None = None
    problem: str = ""
    told: Row | None = None


def import_published(
    folder: Path,
    out: Path,
    *,
    source: str | None = None,
    licence: str | None = None,
    rule: str | None = None,
    seed: int = 0,
    resume: bool = False,
    limit: int | None = None,
) -> dict:
    """Read every published NeRF at or below `folder` into the zoo `out`.

    Args:
        folder: Any folder of the layout that n2v.formats.published describes.
        out: Zoo folder.
        source: Where the NeRFs come from, for every row; None: as an export tells, else "published".
        licence: Their licence; None: as an export tells, else "unknown".
        rule: "corrected" or "as_published" instead of the lists in `folder`; None: these, "corrected" without any.
        seed: Of the corrected rule.
        resume: Go on with an existing zoo, skipping what it holds.
        limit: At most this many folders, taken in turn from the classes.

    Returns:
        Counts, reasons, share of test objects with another version in train, as written to `out`/run.json.

    Raises:
        BadInput: No object below `folder`, unusable lists, or a zoo in `out` without `resume`.
    """
    started = time.perf_counter()
    found = _find_all(Path(folder), limit)
    good = [one for one in found if not one.problem]
    splits, n_absent = _splits(good, Path(folder), rule, seed)
    zoo = going_on(out, resume)
    held = set(zoo.object_ids) if zoo else set()
    todo = [one for one in found if one.who.object_id not in held]
    told = {"source": source or "", "licence": licence or ""}
    counts = _store(todo, ZooWriter(out, resolution=RESOLUTION), splits, told)
    summary = {
        **counts,
        "already_there": len(held.intersection(one.who.object_id for one in good)),
        "splits": dict(Counter(splits[one.who.object_id] for one in good)),
        "listed_but_absent": n_absent,
        "test_with_a_version_in_train": leak([one.who for one in good], splits),
        "wall_s": time.perf_counter() - started,
        "ok": counts["imported"] > 0 or bool(held),
    }
    write_json(Path(out) / "run.json", provenance(seed=seed, folder=Path(folder).name, rule=rule, **summary))
    return summary


def _store(todo: list[Found], writer: ZooWriter, splits: dict[str, str], told: dict[str, str]) -> dict:
    """Read what is sound into the zoo, quarantine the rest; counts and reasons."""
    n_imported, n_rebuilt, quarantined = 0, 0, []
    with progress(total=len(todo), desc="importing NeRFs", unit="NeRF") as bar:
        for start in range(0, len(todo), SHARD):
            sound, bad = [], []
            for one in todo[start : start + SHARD]:
                split = splits.get(one.who.object_id, "")
                try:
                    sound.append(_read(one, split, told))
                    n_rebuilt += not (one.folder / GRID).exists()
                except BadInput as error:
                    bad.append(replace(_row(one, split, told), status=error.what))
            if sound:
                rows, weights, grids = zip(*sound, strict=True)
                writer.add(list(rows), np.stack(weights), np.stack(grids))
            writer.quarantine(bad)
            n_imported += len(sound)
            quarantined += [{"object": row.object_id, "reason": row.status} for row in bad]
            bar.update(len(sound) + len(bad))
            bar.set_postfix_str(f"{len(quarantined)} quarantined")
    return {"imported": n_imported, "rebuilt_grids": n_rebuilt, "quarantined": quarantined}


def _find_all(root: Path, limit: int | None) -> list[Found]:
    """Every object folder with its identity, ids made unique: an id in a second class gets the synset before it."""
    folders = find_folders(root)
    folders = folders if limit is None else spread(folders, limit)
    if not folders:
        raise BadInput("no published NeRF here", where=root, fix=f"give a folder of <synset>/<object id>/{WEIGHTS}")
    told, ids, places = _read_rows(root), set(), {}
    found = []
    for folder in folders:
        place = folder.relative_to(root).as_posix()
        one = _find_one(folder, root, told.get(place))
        if not one.problem and one.named in places:
            one = replace(one, who=Identity(place, ""), problem=f"the same object is in {places[one.named]}")
        elif not one.problem and one.who.object_id in ids:
            name = f"{SYNSETS[one.who.class_name]}_{one.who.object_id}"
            one = replace(one, who=replace(one.who, object_id=name))
        if not one.problem:
            ids.add(one.who.object_id)
            places[one.named] = place
        found.append(one)
    return found


def _find_one(folder: Path, root: Path, told: Row | None) -> Found:
    """Identity of a folder; a folder or file that is a link out of `root` has none."""
    nobody = Identity(folder.name, "")
    for path in (folder, folder / WEIGHTS, folder / GRID, folder / TRAIN):
        if not stays_inside(path, root):
            return Found(folder, nobody, problem=f"{path.name} is a link that leads outside the collection")
    try:
        named = identify(folder.absolute())
    except BadInput as error:
        return Found(folder, nobody, problem=error.what)
    if told and (told.class_name, told.version) == (named.class_name, named.version):
        relatives = {"base_id": told.base_id, "shape_group": told.shape_group}
        return Found(folder, replace(named, object_id=told.object_id, **relatives), named, told=told)
    return Found(folder, named, named)


def _read_rows(root: Path) -> dict[str, Row]:
    """What an export of ours tells of its folders, by their place in it; lines that make no sense are left out."""
    path, rows = root / ROWS, {}
    if not path.is_file() or not stays_inside(path, root):
        return rows
    for line in path.read_bytes().splitlines():
        told, _ = parse(line, path)
        if told and not told[0]["status"].startswith(REFUSED):
            rows[str(json.loads(line).get("folder"))] = Row(**told[0])
    return rows


def _splits(good: list[Found], folder: Path, rule: str | None, seed: int) -> tuple[dict[str, str], int]:
    """Split of every object id, and how many listed objects there are no folders of."""
    if rule not in (None, *RULES):
        raise BadInput(f"split rule '{rule}'", fix=f"use one of: {', '.join(RULES)}")
    listed = {} if rule else read_lists(folder)
    if not listed:
        return assign([one.who for one in good], rule or "corrected", seed), 0
    splits = {one.who.object_id: listed.get(one.named, UNLISTED) for one in good}
    return splits, len(listed.keys() - {one.named for one in good})


def _read(one: Found, split: str, told: dict[str, str]) -> tuple[Row, np.ndarray, np.ndarray]:
    """Row, weights and grid of a folder; BadInput says why it has none."""
    if one.problem:
        raise BadInput(one.problem)
    weights = read_weights(one.folder)
    occupied = read_grid(one.folder) if (one.folder / GRID).exists() else rebuild_grid(weights)
    row = replace(_row(one, split, told), init_hash=_initial_hash(weights))
    # What an export tells of its fit holds only for the very bytes it wrote
    if one.told and row_digest(weights, pack_bits(occupied)) == one.told.sha256:
        known = {name: value for name, value in told.items() if value}
        row = replace(one.told, label=row.label, split=split, status="ok", shard="", row=-1, sha256="", **known)
    if problem := wrong(vars(row)):
        raise BadInput(problem)
    return row, weights, occupied


def _row(one: Found, split: str, told: dict[str, str]) -> Row:
    """The manifest line of a folder, as far as its path tells."""
    return Row(
        **{**one.who.identity, "source": told["source"] or "published", "licence": told["licence"] or "unknown"},
        label=label_of(one.who.class_name) if one.who.class_name else -1,
        split=split,
        seed=0,
        init_hash="",
        encoding="tcnn",
        backend="published",
        steps=0,
        step=THESIS_STEP,
        psnr_db=None,
        fit_s=None,
    )


def _initial_hash(weights: np.ndarray) -> str:
    """Which initial vector a NeRF started from, read off its padding rows, which fitting leaves alone."""
    padding = slice(SLICES[-1].start + N_OUTPUTS * N_HIDDEN, SLICES[-1].stop)
    known = (name for vector, name in _known_vectors() if np.array_equal(weights[padding], vector[padding]))
    return next(known, "unknown")


@cache
def _known_vectors() -> list[tuple[np.ndarray, str]]:
    vectors = [initial_vector(seed) for seed in KNOWN_SEEDS]
    return [(vector, vector_hash(vector)) for vector in vectors]
