"""Build a zoo: every view set under a folder becomes one NeRF, on all cores, restartable at any moment."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import progress, provenance, read_json, write_json
from n2v.identity import Identity
from n2v.nerf.engines import NoEngine, most_on_gpu, on_gpu
from n2v.nerf.fit import FitResult, fit
from n2v.nerf.layout import initial_vector, vector_hash
from n2v.nerf.recipe import FitConfig, show_step
from n2v.scenes.classes import class_of, labels_of
from n2v.scenes.views import TRAIN, ViewSet, find_views, read_views
from n2v.seeds import child_seed
from n2v.zoo import drivers
from n2v.zoo.drivers import Death, Driver
from n2v.zoo.manifest import is_name
from n2v.zoo.splits import SPLIT_COLUMNS, assign
from n2v.zoo.store import Row, Zoo, ZooWriter

TOGETHER = 4  # NeRFs in one batched computation: keeps one core's cache busy; shares are dealt in these everywhere


@dataclass(frozen=True)
class Outcome:
    """What became of one view set: a fitted NeRF, or the reason why not."""

    folder: Path
    view_set: ViewSet | None
    result: FitResult | None
    problem: str = ""


def build_zoo(
    views: Path,
    out: Path,
    config: FitConfig,
    *,
    seed: int = 0,
    workers: int | None = None,
    shard: tuple[int, int] = (0, 1),
    resume: bool = False,
    limit: int | None = None,
    force: bool = False,
    driver: Driver | None = None,
) -> dict:
    """Fit one NeRF to each view set under `views` and store them in `out`.

    A view set that cannot be read or fitted is quarantined (listed in the manifest with its reason), the rest goes
    on; a collapsed fit is tried once more at half the learning rate. Labels: the thirteen classes have 0 to 12, others
    of the collection 13 and on in sorted order; a zoo that is gone on with keeps those it has given. Splits follow the
    corrected rule over the whole collection. So every shard of a distributed build agrees on both.

    Args:
        views: Folder of view sets.
        out: Zoo folder.
        config: Recipe.
        seed: Of the splits, and with each object id of that NeRF's ray order and backgrounds.
        workers: Processes, one thread each; None: one a core, or a few a GPU where the engine computes there. Ignored
            when a driver is given.
        shard: (i, n): build the i-th of n parts of the collection, i from 0; the parts share `out`.
        resume: Go on with an existing zoo, skipping what it holds.
        limit: At most this many view sets, taken in turn from the classes.
        force: Fit view sets whose silhouettes contradict their cameras, too.
        driver: Who computes; None: a pool, or this process for one worker or a handful of view sets.

    Returns:
        Counts, mean PSNR (dB; also of the weights alone) and wall seconds, as written to `out`/run.json
        (run-i-of-N.json for a shard); `ok` is False where nothing could be fitted and `out` held nothing.

    Raises:
        BadInput: no view sets, or a zoo that is there already: without `resume`, or fitted by another recipe.
        NoEngine: the engine does not work where it should compute.
    """
    started = time.perf_counter()
    folders = find_views(views)
    if not folders:
        raise BadInput(f"no view sets ({TRAIN})", where=views, fix="make them with: n2v render")
    folders = folders if limit is None else spread(folders, limit)
    items, problems = plan(folders)
    splits = {name: assign(items, rule, seed) for name, rule in SPLIT_COLUMNS.items()}
    done, listed, labels = _already_built(out, config, resume or shard[1] > 1)
    labels = labels_of((item.class_name for item in items), labels)
    ids = dict(zip([folder for folder in folders if folder not in problems], items, strict=True))
    groups = [folders[start : start + TOGETHER] for start in range(0, len(folders), TOGETHER)][shard[0] :: shard[1]]
    mine = [[folder for folder in group if folder in ids and ids[folder].object_id not in done] for group in groups]
    mine = _joined([group for group in mine if group], config)
    driver = driver or drivers.choose("pool" if len(mine) > 1 else "inprocess", workers, on_gpu(config.backend))
    keep = partial(_store, ZooWriter(out, config.grid_resolution), partial(_row, splits, labels, config), listed)
    failed = [Outcome(folder, None, None, problems[folder]) for folder in chain(*groups) if folder in problems]
    keep(failed)
    fitted, alone = [], []
    bar = progress(total=sum(map(len, mine)), desc="fitting NeRFs", unit="NeRF")
    with bar, closing(_fit_all(driver, partial(_fit_group, config=config, seed=seed, force=force), mine)) as finished:
        for outcomes in finished:
            keep(outcomes)
            fitted += [outcome.result.psnr_db for outcome in outcomes if not outcome.problem]
            alone += [outcome.result.psnr_alone_db or 0.0 for outcome in outcomes if not outcome.problem]
            failed += [outcome for outcome in outcomes if outcome.problem]
            bar.update(len(outcomes))
            bar.set_postfix_str(f"mean {np.mean(fitted or [0]):.1f} dB, {len(failed)} quarantined")
    summary = {
        "fitted": len(fitted),
        "already_there": len(done),
        "quarantined": [{"object": outcome.folder.name, "reason": outcome.problem} for outcome in failed],
        "mean_psnr_db": float(np.mean(fitted)) if fitted else None,
        "mean_psnr_alone_db": float(np.mean(alone)) if alone else None,
        "wall_s": time.perf_counter() - started,
        "ok": bool(fitted or done or not failed),
    }
    name = "run.json" if shard[1] == 1 else f"run-{shard[0]}-of-{shard[1]}.json"
    write_json(Path(out) / name, provenance(seed=seed, config=asdict(config), shard=list(shard), **summary))
    return summary


def spread(folders: list[Path], limit: int) -> list[Path]:
    """The first `limit` view sets taken in turn from each class folder."""
    by_class: dict[str, list[Path]] = {}
    for folder in folders:
        by_class.setdefault(folder.parent.name, []).append(folder)
    turns = [(place, name, folder) for name, members in by_class.items() for place, folder in enumerate(members)]
    return sorted(folder for _, _, folder in sorted(turns)[:limit])


def plan(folders: list[Path]) -> tuple[list[Identity], dict[Path, str]]:
    """Identity of every view set (without its pictures), and the reasons why some have none."""
    items, problems, seen = [], {}, {}
    for folder in folders:
        try:
            header = read_json(folder / TRAIN)
            object_id = str(header["object_id"])
            class_name = class_of(str(header["class_name"]))
            if object_id in seen:
                raise BadInput(f"object id '{object_id}' is also in {seen[object_id]}", fix="rename one")
            seen[object_id] = folder
            texts = {name: str(header.get(name) or "") for name in ("base_id", "shape_group", "family", "slots")}
            item = Identity(object_id, class_name, version=int(header.get("version", 0)), **texts)
            if bad := [name for name in (object_id, item.base_id, item.shape_group) if not is_name(name)]:
                raise BadInput(f"id {bad[0]!a}", where=folder / TRAIN, fix="use letters, digits, _ - .")
            items.append(item)
        except BadInput as error:
            problems[folder] = str(error)
        except (KeyError, TypeError, ValueError) as error:
            problems[folder] = f"{folder / TRAIN}: no usable identity ({error!r}); render the object again"
    return items, problems


def _already_built(out: Path, config: FitConfig, resume: bool) -> tuple[set[str], set[tuple[str, str]], dict[str, int]]:
    """Object ids that `out` holds, its quarantined ones with their reasons, and the labels given so far.

    Touched only when resuming.
    """
    manifest = Path(out) / "manifest.jsonl"
    if not manifest.exists():
        return set(), set(), {}
    if not resume:
        raise BadInput(
            "there is a zoo already", where=out, fix="add --resume to go on with it, or choose another folder"
        )
    zoo, recipe = Zoo(out), (config.n_steps, config.step, config.encoding)
    for row in zoo.rows:
        if (row.steps, row.step, row.encoding) != recipe:
            was = f"{row.object_id} was fitted with {row.steps} steps of {row.step:.3g}, {row.encoding} encoding"
            raise BadInput(f"another recipe: {was}", where=out, fix="use the same options, or another folder")
    labels = {row.class_name: row.label for row in chain(zoo.rows, zoo.quarantined) if row.label >= 0}
    return set(zoo.object_ids), {(row.object_id, row.status) for row in zoo.quarantined}, labels


def _joined(groups: list[list[Path]], config: FitConfig) -> list[list[Path]]:
    """Groups as they are fitted: on a GPU, several of those that shares are dealt in share a launch."""
    if not on_gpu(config.backend):
        return groups
    folders, workers = list(chain(*groups)), drivers.workers_a_gpu()
    size = min(most_on_gpu(config, workers), max(TOGETHER, -(-len(folders) // workers)))
    return [folders[start : start + size] for start in range(0, len(folders), size)]


def _fit_all(driver: Driver, task: partial, groups: list[list[Path]]) -> Iterator[list[Outcome]]:
    """Outcomes of groups as they finish; then those of groups whose process died, one view set at a time."""
    again = []
    with closing(driver.run(task, groups)) as finished:
        for group, result in finished:
            if isinstance(result, Death):
                again += [[folder] for folder in group]
            else:
                yield result
    with closing(driver.run(task, again, singly=True)) as finished:
        for group, result in finished:
            yield [Outcome(group[0], None, None, result.reason)] if isinstance(result, Death) else result


def _fit_group(folders: list[Path], config: FitConfig, seed: int, force: bool = False) -> list[Outcome]:
    """Read and fit a group; a collapsed fit is tried again alone at half the learning rate."""
    outcomes, readable = [], []
    for folder in folders:
        try:
            readable.append((folder, read_views(folder)))
        except BadInput as error:
            outcomes.append(Outcome(folder, None, None, str(error)))
    for folder, view_set, result in _fit_together(readable, config, seed, force):
        if isinstance(result, FitResult) and result.status != "ok":
            gentler = replace(config, learning_rate=config.learning_rate / 2)
            result = fit([view_set], gentler, [child_seed(seed, view_set.object_id)], force)[0]
        problem = str(result) if isinstance(result, BadInput) else result.status.removeprefix("ok")
        outcomes.append(Outcome(folder, _without_pictures(view_set), result if not problem else None, problem))
    return outcomes


def _without_pictures(view_set: ViewSet) -> ViewSet:
    """Its identity: what a manifest line needs, small enough to pass between processes."""
    return replace(view_set, images=view_set.images[:0], held_out_images=view_set.held_out_images[:0])


def _fit_together(readable: list[tuple[Path, ViewSet]], config: FitConfig, seed: int, force: bool) -> list[tuple]:
    """Fit view sets in one batch; if one of them cannot be fitted, one by one."""
    seeds = [child_seed(seed, view_set.object_id) for _, view_set in readable]
    try:
        results = fit([view_set for _, view_set in readable], config, seeds, force)
        return [(*pair, result) for pair, result in zip(readable, results, strict=True)]
    except NoEngine:
        raise
    except BadInput as error:
        if len(readable) == 1:
            return [(*readable[0], error)]
        return [_fit_together([pair], config, seed, force)[0] for pair in readable]


def _store(writer: ZooWriter, row_of: Callable[[Outcome], Row], listed: set, outcomes: list[Outcome]) -> None:
    """Store what was fitted and list what was not, unless it is `listed` with the same reason."""
    good = [outcome for outcome in outcomes if not outcome.problem]
    bad = [row_of(outcome) for outcome in outcomes if outcome.problem]
    if good:
        writer.add(
            [row_of(outcome) for outcome in good],
            np.stack([outcome.result.field_weights for outcome in good]),
            np.stack([outcome.result.occupied for outcome in good]),
        )
    writer.quarantine([row for row in bad if (row.object_id, row.status) not in listed])


def _row(splits: dict[str, dict[str, str]], labels: dict[str, int], config: FitConfig, outcome: Outcome) -> Row:
    """The manifest line of one outcome, without its place on disk."""
    view_set, result = outcome.view_set, outcome.result
    told = view_set.identity if view_set else {}
    class_name = class_of(view_set.class_name) if view_set else ""
    object_id = view_set.object_id if view_set else outcome.folder.name
    return Row(
        **{**told, "object_id": object_id, "class_name": class_name},
        label=labels.get(class_name, -1),
        **{name: found.get(object_id, "") for name, found in splits.items()},
        seed=result.seed if result else 0,
        init_hash=vector_hash(initial_vector(config.init_seed)),
        encoding=config.encoding,
        backend=result.config.backend if result else config.backend,
        steps=config.n_steps,
        step=config.step,
        psnr_db=result.psnr_db if result else None,
        fit_s=result.fit_s if result else None,
        status=outcome.problem or "ok",
        psnr_alone_db=result.psnr_alone_db if result else None,
        psnr_step=show_step(config.step) if result else None,
    )
