"""Published NeRFs into a zoo: every folder becomes a row or is quarantined with its reason; restartable."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

from n2v.errors import BadInput
from n2v.files import progress, provenance, write_json
from n2v.formats.published import (
    GRID,
    RESOLUTION,
    WEIGHTS,
    find_folders,
    find_lists,
    identify,
    read_grid,
    read_lists,
    read_weights,
    rebuild_grid,
    stays_inside,
)
from n2v.identity import Identity
from n2v.nerf.fit import view_psnr
from n2v.nerf.layout import N_HIDDEN, N_OUTPUTS, SLICES, initial_vector, vector_hash
from n2v.nerf.occupancy import pack_bits
from n2v.nerf.recipe import THESIS_STEP
from n2v.nerf.render import field_query
from n2v.scenes.classes import SYNSETS, label_of
from n2v.scenes.views import TRAIN, read_views
from n2v.zoo.build import spread
from n2v.zoo.manifest import REFUSED, UNLISTED, Row, parse, row_digest, wrong
from n2v.zoo.splits import RULES, assign, leak
from n2v.zoo.store import ZooWriter, going_on

ROWS = "n2v_rows.jsonl"  # beside an export: the manifest lines of the zoo it came from
SHARD = 64  # NeRFs in one file
N_MEASURED = 4  # pictures a NeRF's PSNR is measured on
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


@dataclass
class Tally:
    """What came of an import."""

    imported: int = 0
    rebuilt_grids: int = 0
    unmeasured: int = 0
    quarantined: list[dict] = field(default_factory=list)


def import_published(
    folder: Path,
    out: Path,
    *,
    source: str | None = None,
    licence: str | None = None,
    lists: Path | None = None,
    rule: str | None = None,
    seed: int = 0,
    measure: bool = False,
    resume: bool = False,
    limit: int | None = None,
) -> dict:
    """Read every published NeRF at or below `folder` into the zoo `out`.

    Args:
        folder: Any folder of the layout that n2v.formats.published describes.
        out: Zoo folder.
        source: Where the NeRFs come from, for every row; None: as an export tells, else "published".
        licence: Their licence; None: as an export tells, else "unknown".
        lists: Folder of the split lists; None: looked for in `folder` and `folder`/data.
        rule: "corrected" or "as_published" instead of lists; None: the lists, "corrected" where there are none.
        seed: Of the corrected rule.
        measure: Measure PSNR on up to four pictures of each object that has some (the ones it was fitted to, unless
            it holds others back).
        resume: Go on with an existing zoo, skipping what it holds.
        limit: At most this many folders, taken in turn from the classes.

    Returns:
        Counts, reasons, share of test objects with another version in train, as written to `out`/run.json.

    Raises:
        BadInput: No object below `folder`, unusable lists, or a zoo in `out` without `resume`.
    """
    started = time.perf_counter()
    found = find_all(folder, limit)
    good = [one for one in found if not one.problem]
    splits, n_absent = _splits(good, Path(folder), lists, rule, seed)
    zoo = going_on(out, resume)
    held = set(zoo.object_ids) if zoo else set()
    todo, tally = [one for one in found if one.who.object_id not in held], Tally()
    row_of, writer = partial(_row, splits, source, licence), ZooWriter(out, resolution=RESOLUTION)
    with progress(total=len(todo), desc="importing NeRFs", unit="NeRF") as bar:
        for start in range(0, len(todo), SHARD):
            part = todo[start : start + SHARD]
            _import_part(part, writer, row_of, measure, tally)
            bar.update(len(part))
            bar.set_postfix_str(f"{len(tally.quarantined)} quarantined")
    summary = {
        **asdict(tally),
        "already_there": len(held.intersection(one.who.object_id for one in good)),
        "splits": dict(Counter(splits[one.who.object_id] for one in good)),
        "listed_but_absent": n_absent,
        "test_with_a_version_in_train": leak([one.who for one in good], splits),
        "wall_s": time.perf_counter() - started,
        "ok": tally.imported > 0 or bool(held),
    }
    write_json(Path(out) / "run.json", provenance(seed=seed, folder=Path(folder).name, rule=rule, **summary))
    return summary


def find_all(root: Path, limit: int | None = None) -> list[Found]:
    """Every object folder with its identity, ids made unique: an id in a second class gets the synset before it."""
    folders = find_folders(root)
    folders = folders if limit is None else spread(folders, limit)
    if not folders:
        raise BadInput("no published NeRF here", where=root, fix=f"give a folder of <synset>/<object id>/{WEIGHTS}")
    told, ids, places = _read_rows(Path(root)), set(), {}
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


def _splits(
    good: list[Found], folder: Path, lists: Path | None, rule: str | None, seed: int
) -> tuple[dict[str, str], int]:
    """Split of every object id, and how many listed objects there are no folders of."""
    if rule not in (None, *RULES) or (rule and lists):
        fix = f"use one of: {', '.join(RULES)}, and no lists with it"
        raise BadInput(f"split rule '{rule}'", fix=fix)
    files = {} if rule else find_lists(lists or folder)
    if lists and not files:
        raise BadInput("no split lists here", where=lists, fix="it must hold train.json, validation.json or test.json")
    if not files:
        return assign([one.who for one in good], rule or "corrected", seed), 0
    listed = read_lists(files)
    splits = {one.who.object_id: listed.get(one.named, UNLISTED) for one in good}
    return splits, len(listed.keys() - {one.named for one in good})


def _import_part(part: list[Found], writer: ZooWriter, row_of: Callable[..., Row], measure: bool, tally: Tally) -> None:
    """Read some folders, store what is sound as one shard, quarantine the rest."""
    good, bad = [], []
    for one in part:
        try:
            if one.problem:
                raise BadInput(one.problem)
            weights, has_grid = read_weights(one.folder), (one.folder / GRID).exists()
            occupied = read_grid(one.folder) if has_grid else rebuild_grid(weights)
            row = row_of(one, weights, occupied)
            if problem := wrong(asdict(row)):
                raise BadInput(problem)
            if measure and row.psnr_db is None:
                quality = measured_psnr(one.folder, weights, occupied, row.encoding)
                row = replace(row, psnr_db=quality, psnr_step=None if quality is None else THESIS_STEP)
                tally.unmeasured += quality is None
        except BadInput as error:
            bad.append(replace(row_of(one), status=error.what))
            continue
        good.append((row, weights, occupied))
        tally.rebuilt_grids += not has_grid
    if good:
        rows, weights, grids = zip(*good, strict=True)
        writer.add(list(rows), np.stack(weights), np.stack(grids))
    writer.quarantine(bad)
    tally.imported += len(good)
    tally.quarantined += [{"object": row.object_id, "reason": row.status} for row in bad]


def _row(
    splits: dict[str, str],
    source: str | None,
    licence: str | None,
    one: Found,
    weights: np.ndarray | None = None,
    occupied: np.ndarray | None = None,
) -> Row:
    """The manifest line of a folder. What an export tells of its fit holds only for the very bytes it wrote."""
    label = label_of(one.who.class_name) if one.who.class_name else -1
    split = splits.get(one.who.object_id, "")
    if one.told and weights is not None and row_digest(weights, pack_bits(occupied)) == one.told.sha256:
        row = replace(one.told, label=label, split=split, status="ok", shard="", row=-1, sha256="")
        return replace(row, source=source or row.source, licence=licence or row.licence)
    return Row(
        **{**one.who.identity, "source": source or "published", "licence": licence or "unknown"},
        label=label,
        split=split,
        seed=0,
        init_hash=_initial_hash(weights) if weights is not None else "",
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


def measured_psnr(folder: Path, weights: np.ndarray, occupied: np.ndarray, encoding: str) -> float | None:
    """Mean PSNR (dB) on white over a few pictures of a folder, held-out ones where it has some; None without.

    Raises:
        BadInput: the NeRF's own pictures are not finite.
    """
    try:
        views = read_views(folder)
    except BadInput:
        return None
    names = ("images", "c2w", "held_out_images", "held_out_c2w")
    few = replace(views, **{name: getattr(views, name)[:N_MEASURED] for name in names})
    query = field_query(torch.from_numpy(weights), encoding)
    quality = view_psnr(query, torch.from_numpy(occupied), few, THESIS_STEP)
    if not np.isfinite(quality):
        raise BadInput("its pictures are not finite")
    return quality


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
