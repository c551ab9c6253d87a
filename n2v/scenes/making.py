"""Every object of a collection becomes a view set: in several processes, resumed, none stopped by a bad one.

An object that cannot be used is quarantined (listed with its reason in quarantine.jsonl) and the rest goes on. A view
set says in made.json what it was made from; where files and settings are unchanged it is kept.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from n2v.errors import BadInput
from n2v.files import progress, provenance, sha256_of, write_bytes, write_json
from n2v.machine import available_cores
from n2v.scenes.items import Item, why
from n2v.scenes.views import TRAIN, check_views, is_whole_picture, write_views
from n2v.workers import Death, Workers

MADE, QUARANTINE = "made.json", "quarantine.jsonl"
WORKER_S = 3.0  # work that is worth another process: each takes 1 to 2 s to start


@dataclass(frozen=True)
class Task:
    """`make` is a function at the top of a module, (item, config) -> (ViewSet, what else its made.json says)."""

    verb: str  # "render" or "import": names the record (VERB.json) and the progress bar
    make: Callable
    config: object  # a dataclass of settings
    seconds_each: float  # of one object in one process, roughly

    def __call__(self, items: list[Item], out: Path) -> dict:
        """Make one view set; what was made, or {file, reason} of its refusal."""
        (item,) = items
        try:
            key = self.key(item)
            view_set, more = self.make(item, self.config)
            check_views(view_set, item.path)
        except BadInput as error:
            place = "" if error.where is None or Path(error.where) == item.path else f"{Path(error.where).name}: "
            return {"file": item.file, "reason": place + why(error)}
        except Exception as error:
            return {"file": item.file, "reason": f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"}
        told = {"file": item.file, "n_views": len(view_set.images) + len(view_set.held_out_images), **more, "key": key}
        write_views(view_set, item.folder(out), {MADE: json.dumps(told).encode()})
        return told

    def key(self, item: Item) -> str:
        """Changes with the settings and with any file of the object (its name, size or time)."""
        paths = [path for path in item.path.rglob("*") if path.is_file()] if item.path.is_dir() else [item.path]
        stats = [(path.relative_to(item.path).as_posix(), path.stat()) for path in paths]
        files = sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
        return sha256_of(json.dumps([item.identity, item.augment, item.up, asdict(self.config), files]).encode())[:32]

    def is_done(self, item: Item, out: Path) -> bool:
        """Is the item's view set there, whole, and made from these files with these settings?"""
        folder = item.folder(out)
        try:
            told = json.loads((folder / MADE).read_bytes())
            same = told["key"] == self.key(item) and (folder / TRAIN).is_file()
            return same and sum(map(is_whole_picture, folder.glob("*/r_*.png"))) == told["n_views"]
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def workers(self, n_items: int, n: int | None) -> Workers:
        """So many processes; None: one a core, as far as the work is worth their start."""
        if n is None:
            n = max(1, min(available_cores(), int(n_items * self.seconds_each / WORKER_S)))
        return Workers() if n == 1 else Workers.of(min(n, max(n_items, 1)))


def make_all(
    task: Task,
    found: tuple[list[Item], list[dict]],
    source: Path,
    out: Path,
    workers: int | None = None,
    resume: bool = True,
) -> tuple[dict, list[dict]]:
    """Make the view set `out/<class>/<object_id>` of every item found, beside {file, reason} of those refused already.
    `resume` keeps view sets whose files and settings are unchanged. `workers`: Task.workers.

    Returns:
        Summary (out, n_objects: whole view sets now, classes, n_VERBed, n_kept, n_quarantined, quarantine, wall_s),
        and the contents of each made.json written now.

    Raises:
        BadInput: Every object was refused, or `out` cannot be written.
    """
    started, (items, refused), out = time.monotonic(), found, Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        waiting = [item for item in items if not (resume and task.is_done(item, out))]
        told = _work_through(task, waiting, out, workers)
        made = [one for one in told if "reason" not in one]
        refused = sorted(refused + [one for one in told if "reason" in one], key=lambda one: one["file"])
        write_bytes(out / QUARANTINE, "".join(json.dumps(one) + "\n" for one in refused).encode())
        wall_s = round(time.monotonic() - started, 2)
        write_json(out / f"{task.verb}.json", provenance(config=asdict(task.config), source=source.name, wall_s=wall_s))
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        raise BadInput(what, where=out, fix="free space, or choose another") from error
    bad = {one["file"] for one in refused}
    classes = Counter(item.class_name for item in items if item.file not in bad)
    if not classes:
        alone = refused[0]["reason"] if len(refused) == 1 else f"all {len(refused)} objects were refused"
        raise BadInput(alone, where=source, fix=f"see {out / QUARANTINE}")
    counts = {f"n_{task.verb}ed": len(made), "n_kept": len(items) - len(waiting), "n_quarantined": len(refused)}
    counts |= {"n_objects": classes.total(), "classes": dict(classes)}
    return {"out": str(out), **counts, "quarantine": refused, "wall_s": wall_s}, made


def _work_through(task: Task, items: list[Item], out: Path, workers: int | None) -> list[dict]:
    """What the task tells of every item; of one whose process died the reason, too."""
    told, pool = [], task.workers(len(items), workers)
    with progress(total=len(items), desc=task.verb, unit="object") as bar:
        for (item,), one in pool.run(partial(task, out=out), [[item] for item in items]):
            told.append({"file": item.file, "reason": one.reason} if isinstance(one, Death) else one)
            bar.update()
    return told
