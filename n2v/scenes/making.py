"""Every object of a collection becomes a view set: in several processes, resumed, none stopped by a bad one.

An object that cannot be used is quarantined (listed with its reason in quarantine.jsonl) and the rest goes on. Every
finished one gets a line in a log, and one whose line, files and settings are unchanged is kept when it all runs again.
"""

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from n2v.errors import BadInput
from n2v.files import progress, provenance, sha256_of, write_bytes, write_json
from n2v.machine import available_cores
from n2v.scenes.items import Item, why
from n2v.scenes.views import TRAIN, check_views, is_whole_picture, write_views

QUARANTINE = "quarantine.jsonl"
WORKER_S = 3.0  # work that is worth another process: each takes 1 to 2 s to start


def make_all(
    verb: str,
    make: Callable,
    found: tuple[list[Item], list[dict]],
    source: Path,
    out: Path,
    config: object,
    *,
    seconds_each: float,
    workers: int | None = None,
    resume: bool = True,
) -> tuple[dict, list[dict]]:
    """Make the view set `out/<class>/<object_id>` of every item.

    Args:
        verb: "render" or "import": names the log (VERBed.jsonl), the record (VERB.json) and the progress bar.
        make: A function at the top of a module, (item, config) -> (ViewSet, what else its line says).
        found: The items, and {file, reason} of objects refused already.
        source: The collection, named in errors.
        out: Folder of the view sets.
        config: A dataclass of settings.
        seconds_each: How long an object takes one process, roughly.
        workers: Processes; None: one a core, as far as the work is worth their start.
        resume: Keep view sets whose files and settings are unchanged.

    Returns:
        Summary (out, n_objects: whole view sets now, n_VERBed, n_kept, n_quarantined, quarantine, classes, wall_s), and
        the lines of what was made now.

    Raises:
        BadInput: Every object was refused, or `out` cannot be written.
    """
    started, (items, refused) = time.monotonic(), found
    log = Path(out) / f"{verb}ed.jsonl"
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
        lines = _read_lines(log) if resume else {}
        waiting = [item for item in items if not _is_made(item, out, config, lines)]
        with open(log, "a", encoding="utf-8") as file:
            seconds = len(waiting) * seconds_each
            done = [
                _noted(line, file)
                for _, line in work_through(_attempt, waiting, (make, out, config), workers, seconds, verb)
            ]
        made, bad = [line for line in done if "reason" not in line], [line for line in done if "reason" in line]
        refused += bad
        lines = {line["file"]: line for line in (*lines.values(), *made)}
        _write_lines(log, [line for file, line in lines.items() if file not in {entry["file"] for entry in refused}])
        _write_lines(Path(out) / QUARANTINE, refused)
        wall_s = round(time.monotonic() - started, 2)
        write_json(Path(out) / f"{verb}.json", provenance(config=asdict(config), source=source.name, wall_s=wall_s))
    except OSError as error:
        fix = "free space, or choose another"
        raise BadInput(f"cannot be written ({error.strerror})", where=out, fix=fix) from error
    counts = {f"n_{verb}ed": len(made), "n_kept": len(items) - len(waiting), "n_quarantined": len(refused)}
    return {
        "out": str(out),
        **_whole(items, refused, source, out),
        **counts,
        "quarantine": refused,
        "wall_s": wall_s,
    }, made


def _noted(line: dict, file: TextIO) -> dict:
    """A line, on disk before the next object is taken; refusals are written at the end."""
    if "reason" not in line:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return line


def _whole(items: list[Item], refused: list[dict], source: Path, out: Path) -> dict:
    """How many view sets there are now, by class; BadInput when there are none."""
    bad = {entry["file"] for entry in refused}
    good = [item for item in items if item.file not in bad]
    if not good:
        alone = refused[0]["reason"] if len(refused) == 1 else f"all {len(refused)} objects were refused"
        raise BadInput(alone, where=source, fix=f"see {Path(out) / QUARANTINE}")
    return {"n_objects": len(good), "classes": dict(Counter(item.class_name for item in good))}


def _attempt(item: Item, make: Callable, out: Path, config: object) -> dict:
    """Make one view set; its line in the log, or {file, reason} of its refusal."""
    try:
        key = _fingerprint(item, config)
        view_set, more = make(item, config)
        check_views(view_set, item.path)
    except BadInput as error:
        place = "" if error.where is None or Path(error.where) == item.path else f"{Path(error.where).name}: "
        return {"file": item.file, "reason": place + why(error)}
    except Exception as error:
        return {"file": item.file, "reason": f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"}
    write_views(view_set, item.folder(out))
    n_views = len(view_set.images) + len(view_set.held_out_images)
    told = {"file": item.file, "object_id": item.object_id, "class_name": item.class_name, "n_views": n_views}
    return {**told, **more, "key": key}


def _fingerprint(item: Item, config: object) -> str:
    """Changes with the settings and with any file of the object (its name, size or time)."""
    paths = [path for path in item.path.rglob("*") if path.is_file()] if item.path.is_dir() else [item.path]
    stats = [(path.relative_to(item.path).as_posix(), path.stat()) for path in paths]
    files = sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
    return sha256_of(json.dumps([item.identity, item.augment, item.up, asdict(config), files]).encode())[:32]


def _is_made(item: Item, out: Path, config: object, lines: dict) -> bool:
    """Is the item's view set there, whole, and made from these files with these settings?"""
    line, folder = lines.get(item.file), item.folder(out)
    if line is None or line.get("key") != _fingerprint(item, config) or not (folder / TRAIN).is_file():
        return False
    return sum(map(is_whole_picture, folder.glob("*/r_*.png"))) == line.get("n_views")


def _read_lines(log: Path) -> dict[str, dict]:
    """Lines of a log by file, the last one of a file; a torn line counts as none."""
    lines = {}
    for text in log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else ():
        try:
            line = json.loads(text)
            lines[line["file"]] = line
        except (ValueError, KeyError, TypeError):
            continue
    return lines


def _write_lines(path: Path, lines: list[dict]) -> None:
    ordered = sorted(lines, key=lambda line: line["file"])
    write_bytes(path, "".join(json.dumps(line) + "\n" for line in ordered).encode())


def work_through(
    work: Callable, items: list, rest: tuple, workers: int | None, seconds: float, desc: str
) -> Iterator[tuple]:
    """(item, work(item, *rest)) as they come, with a progress bar; `seconds`: all of it in one process, roughly."""
    if workers is None:
        workers = max(1, min(available_cores(), int(seconds / WORKER_S)))
    if workers < 1:
        raise BadInput(f"{workers} workers", fix="use at least 1")
    one_by_one = ((item, work(item, *rest)) for item in items)
    with progress(total=len(items), desc=desc, unit="object") as bar:
        for done in one_by_one if workers == 1 else _at_once(work, items, rest, workers):
            bar.update()
            yield done


def _at_once(work: Callable, items: list, rest: tuple, workers: int) -> Iterator[tuple]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, max(len(items), 1)), mp_context=context)
    try:
        waiting = {pool.submit(work, item, *rest): item for item in items}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    except BrokenProcessPool:
        fix = "run again with --workers 1: finished view sets are kept"
        raise BadInput("a worker process died, perhaps out of memory", fix=fix) from None
    finally:
        pool.shutdown(cancel_futures=True)
