"""Build a zoo: every view set under a folder becomes one NeRF, on all cores, restartable at any moment."""

import time
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
from n2v.scenes.views import TRAIN, find_views, read_views
from n2v.seeds import child_seed
from n2v.workers import Death, Workers, choose, workers_a_gpu
from n2v.zoo.manifest import Row, is_name
from n2v.zoo.splits import SPLIT_COLUMNS, assign
from n2v.zoo.store import ZooWriter, going_on

TOGETHER = 4  # NeRFs in one batched computation: keeps one core's cache busy; shares are dealt in these everywhere


Outcome = tuple[Path, FitResult | str]  # what became of one view set: a fitted NeRF, or the reason why not


@dataclass(frozen=True)
class Share:
    """What one build has to do, and what it knows of the whole collection."""

    config: FitConfig
    groups: list[list[Path]]  # to be fitted
    failed: list[Outcome]  # without a usable identity
    items: dict[Path, Identity]
    splits: dict[str, dict[str, str]]  # of object ids, by the manifest's column
    labels: dict[str, int]  # of class names
    done: set[str]  # object ids that the zoo holds
    listed: set[tuple[str, str]]  # object ids in quarantine, and why

    def row(self, folder: Path, result: FitResult | str) -> Row:
        """The manifest line of one outcome, without its place on disk."""
        who = self.items.get(folder) or Identity(folder.name, "")
        made = {"seed": 0, "backend": self.config.backend, "psnr_db": None, "fit_s": None, "status": str(result)}
        if isinstance(result, FitResult):
            made = {name: getattr(result, name) for name in ("seed", "psnr_db", "fit_s", "status", "psnr_alone_db")}
            made |= {"backend": result.config.backend, "psnr_step": show_step(self.config.step)}
        return Row(
            **who.identity,
            **made,
            label=self.labels.get(who.class_name, -1),
            **{name: found.get(who.object_id, "") for name, found in self.splits.items()},
            init_hash=vector_hash(initial_vector(self.config.init_seed)),
            encoding=self.config.encoding,
            steps=self.config.n_steps,
            step=self.config.step,
        )


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
    driver: Workers | None = None,
) -> dict:
    """Fit one NeRF to each view set under `views` and store them in `out`.

    A view set that cannot be read or fitted is quarantined (listed in the manifest with its reason), the rest goes
    on; a collapsed fit is tried once more at half the learning rate. Labels: the thirteen classes have 0 to 12, others
    of the collection 13 and on in sorted order; a zoo that is gone on with keeps those it has given. Splits follow the
    rules over the whole collection. So every shard of a distributed build agrees on both.

    Args:
        views: Folder of view sets.
        out: Zoo folder.
        config: Recipe.
        seed: Of the splits, and with each object id of that NeRF's ray order and backgrounds.
        workers: Processes, one thread each; None: one a core, or a few a GPU where the engine computes there.
        shard: (i, n): build the i-th of n parts of the collection, i from 0; the parts share `out`.
        resume: Go on with an existing zoo, skipping what it holds.
        limit: At most this many view sets, taken in turn from the classes.
        force: Fit view sets whose silhouettes contradict their cameras, too.
        driver: Who computes; None: `workers`, or this process for one worker or a handful of view sets.

    Returns:
        Counts, mean PSNR (dB; also of the weights alone) and wall seconds, as written to `out`/run.json
        (run-i-of-N.json for a shard); `ok` is False where nothing could be fitted and `out` held nothing.

    Raises:
        BadInput: no view sets, or a zoo that is there already: without `resume`, or fitted by another recipe.
        NoEngine: the engine does not work where it should compute.
    """
    started = time.perf_counter()
    share = _share(views, out, config, seed, shard, resume, limit)
    driver = driver or choose("pool" if len(share.groups) > 1 else "inprocess", workers, on_gpu(config.backend))
    rows = _fit_and_store(share, ZooWriter(out, config.grid_resolution), driver, seed, force)
    fitted, failed = ([row for row in rows if (row.status == "ok") == well] for well in (True, False))
    summary = {
        "fitted": len(fitted),
        "already_there": len(share.done),
        "quarantined": [{"object": row.object_id, "reason": row.status} for row in failed],
        "mean_psnr_db": float(np.mean([row.psnr_db for row in fitted])) if fitted else None,
        "mean_psnr_alone_db": float(np.mean([row.psnr_alone_db or 0.0 for row in fitted])) if fitted else None,
        "wall_s": time.perf_counter() - started,
        "ok": bool(fitted or share.done or not failed),
    }
    name = "run.json" if shard[1] == 1 else f"run-{shard[0]}-of-{shard[1]}.json"
    write_json(Path(out) / name, provenance(seed=seed, config=asdict(config), shard=list(shard), **summary))
    return summary


def _share(
    views: Path, out: Path, config: FitConfig, seed: int, shard: tuple[int, int], resume: bool, limit: int | None
) -> Share:
    """What a build has to do: every shards-th group of four of the collection, without what `out` holds."""
    folders = find_views(views)
    if not folders:
        raise BadInput(f"no view sets ({TRAIN})", where=views, fix="make them with: n2v render")
    folders = folders if limit is None else spread(folders, limit)
    found, problems = plan(folders)
    items = dict(zip([folder for folder in folders if folder not in problems], found, strict=True))
    splits = {name: assign(found, rule, seed) for name, rule in SPLIT_COLUMNS.items()}
    done, listed, labels = _already_built(out, config, resume or shard[1] > 1)
    groups = [folders[start : start + TOGETHER] for start in range(0, len(folders), TOGETHER)][shard[0] :: shard[1]]
    failed = [(folder, problems[folder]) for folder in chain(*groups) if folder in problems]
    mine = [[folder for folder in group if folder in items and items[folder].object_id not in done] for group in groups]
    mine = _joined([group for group in mine if group], config)
    labels = labels_of((item.class_name for item in found), labels)
    return Share(config, mine, failed, items, splits, labels, done, listed)


def _fit_and_store(share: Share, writer: ZooWriter, driver: Workers, seed: int, force: bool) -> list[Row]:
    """The line of every view set, which is stored or listed as soon as it is done."""
    task = partial(_fit_group, config=share.config, seed=seed, force=force)
    seen: list[Row] = []
    bar = progress(total=sum(map(len, share.groups)), desc="fitting NeRFs", unit="NeRF")
    with bar, closing(driver.run(task, share.groups)) as finished:
        told = (
            [(folder, result.reason) for folder in group] if isinstance(result, Death) else result
            for group, result in finished
        )
        for outcomes in chain([share.failed], told):
            rows = [share.row(*outcome) for outcome in outcomes]
            good = [(row, one) for row, (_, one) in zip(rows, outcomes, strict=True) if row.status == "ok"]
            if good:
                weights, grids = zip(*((one.field_weights, one.occupied) for _, one in good), strict=True)
                writer.add([row for row, _ in good], np.stack(weights), np.stack(grids))
            bad = [row for row in rows if row.status != "ok"]
            writer.quarantine([row for row in bad if (row.object_id, row.status) not in share.listed])
            seen += rows
            bar.update(len(outcomes))
            bar.set_postfix_str(f"{sum(row.status != 'ok' for row in seen)} quarantined")
    return seen


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
            object_id, class_name = str(header["object_id"]), class_of(str(header["class_name"]))
            if object_id in seen:
                raise BadInput(f"object id '{object_id}' is also in {seen[object_id]}", fix="rename one")
            seen[object_id] = folder
            names = ("base_id", "shape_group", "source", "licence", "family", "slots")
            texts = {name: str(header.get(name) or "") for name in names}
            item = Identity(object_id, class_name, version=int(header.get("version", 0)), **texts)
            if bad := [name for name in (object_id, item.base_id, item.shape_group) if not is_name(name)]:
                raise BadInput(f"id {bad[0]!a}", where=folder / TRAIN, fix="use letters, digits, _ - .")
            items.append(item)
        except BadInput as error:
            problems[folder] = str(error)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problems[folder] = f"{folder / TRAIN}: no usable identity ({error!r}); render the object again"
    return items, problems


def _already_built(out: Path, config: FitConfig, resume: bool) -> tuple[set[str], set[tuple[str, str]], dict[str, int]]:
    """Object ids that `out` holds, its quarantined ones with their reasons, and the labels given so far."""
    zoo, recipe = going_on(out, resume), (config.n_steps, config.step, config.encoding)
    if zoo is None:
        return set(), set(), {}
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
    folders, workers = list(chain(*groups)), workers_a_gpu()
    size = min(most_on_gpu(config, workers), max(TOGETHER, -(-len(folders) // workers)))
    return [folders[start : start + size] for start in range(0, len(folders), size)]


def _fit_group(folders: list[Path], config: FitConfig, seed: int, force: bool = False) -> list[Outcome]:
    """Read and fit a group, one by one if one of them cannot be; a collapsed fit is tried again at half the rate."""
    outcomes, readable = [], []
    for folder in folders:
        try:
            readable.append((folder, read_views(folder)))
        except BadInput as error:
            outcomes.append((folder, str(error)))
    seeds = [child_seed(seed, view_set.object_id) for _, view_set in readable]
    try:
        results = fit([view_set for _, view_set in readable], config, seeds, force)
    except NoEngine:
        raise
    except BadInput as error:
        if len(readable) == 1:
            return [*outcomes, (readable[0][0], str(error))]
        return outcomes + [one for folder, _ in readable for one in _fit_group([folder], config, seed, force)]
    gentler = replace(config, learning_rate=config.learning_rate / 2)
    for (folder, view_set), result, own in zip(readable, results, seeds, strict=True):
        found = result if result.status == "ok" else fit([view_set], gentler, [own], force)[0]
        outcomes.append((folder, found if found.status == "ok" else found.status))
    return outcomes
