"""The notebooks, executed in order without a screen, and a record of what became of each."""

import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from n2v import profiles
from n2v.errors import BadInput, MissingPart
from n2v.files import provenance, read_json, write_bytes, write_json
from n2v.show.record import forget
from n2v.show.report import write_report

NOT_ENDED = {"status": "not run", "seconds": 0.0, "cell": None, "error": "interrupted before it ended"}
LIMIT_S = {"smoke": 600, "laptop": 2400, "gpu": 3600, "thesis": None}  # seconds a notebook


@dataclass(frozen=True)
class Lesson:
    """One notebook and what its header says: `needs` and `makes` name artefacts of the run folder."""

    number: str
    path: Path
    needs: tuple[str, ...]
    makes: tuple[str, ...]
    minutes: dict[str, float]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def digest(self) -> str:
        """Of its source."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]


def read_lessons(folder: Path) -> list[Lesson]:
    """All notebooks NN_*.py of a folder, in order; checks that each need is made before.

    Raises:
        BadInput: no notebooks, a missing or broken header, or a need that no earlier notebook makes.
    """
    lessons, made = [], set()
    for path in sorted(Path(folder).glob("[0-9][0-9]_*.py")):
        lesson = _lesson(path)
        missing = [need for need in lesson.needs if need not in made]
        if missing:
            raise BadInput(
                f"needs {', '.join(missing)}, which no earlier notebook makes", where=path, fix="mend its header"
            )
        made |= set(lesson.makes)
        lessons.append(lesson)
    if not lessons:
        raise BadInput("no notebooks NN_*.py", where=folder, fix="run this in the project's folder or give --notebooks")
    return lessons


def _lesson(path: Path) -> Lesson:
    """One notebook's header, checked."""
    fix = "copy one from another notebook"
    jupytext = _require("jupytext")
    try:
        header = jupytext.read(path).metadata.get("n2v")
    except Exception as error:  # jupytext passes on whatever its YAML reader or nbformat raises
        raise BadInput(f"not a notebook ({str(error).splitlines()[0]})", where=path, fix=fix) from None
    if not isinstance(header, dict) or not {"needs", "makes", "minutes"} <= set(header):
        raise BadInput("no n2v header with needs, makes and minutes", where=path, fix=fix)
    for name, kind, example in (("needs", list, "[zoo]"), ("makes", list, "[]"), ("minutes", dict, "{smoke: 1}")):
        if not isinstance(header[name], kind):
            raise BadInput(f"n2v header: {name} is {header[name]!r}", where=path, fix=f"write it as {example}")
    return Lesson(path.name[:2], path, tuple(header["needs"]), tuple(header["makes"]), dict(header["minutes"]))


def reproduce(
    profile: str,
    out: Path,
    notebooks: Path = Path("notebooks"),
    *,
    only: tuple[str, ...] = (),
    resume: bool = False,
    seed: int = 0,
    parameters: dict | None = None,
) -> dict:
    """Execute the notebooks and write executed copies, run.json and report.html into `out`.

    A notebook that fails stops those that need what it makes; the others go on. With `resume`, one that is "ok" in
    run.json is skipped while its source, its parameters and everything before it are unchanged.

    Returns:
        The content of run.json; its "ok" says whether all notebooks asked for ended well.
    """
    lessons = _asked_for(profile, notebooks, only)
    out = Path(out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    given = {"profile": profile, "out_dir": str(out), "seed": seed, "interactive": False, **(parameters or {})}
    for lesson in lessons:
        check_parameters(lesson, given)
    earlier = read_json(out / "run.json") if (out / "run.json").exists() else {}
    old = earlier.get("notebooks", {}) if resume or only else {}
    run = {**provenance(profile=profile, seed=seed, parameters=given), "ok": False, "notebooks": dict(old)}
    made: dict[str, float] = {}  # artefact -> when the notebook that made it started
    chain_digest = json.dumps(given, sort_keys=True)
    try:
        for lesson in lessons:
            chain_digest = hashlib.sha256((chain_digest + lesson.digest).encode()).hexdigest()[:16]
            before = old.get(lesson.name, {})
            kept = resume and _holds(lesson, before, chain_digest, made)
            if kept or (only and lesson.number not in only):
                _tell(lesson, "up to date" if kept else "left out")
                record = before
            else:
                _note(run, lesson, {**NOT_ENDED, "digest": chain_digest}, out)
                record = _note(run, lesson, {**_run_or_not(lesson, given, out, made), "digest": chain_digest}, out)
            if record.get("status") == "ok":
                made |= dict.fromkeys(lesson.makes, record["started"])
        wanted = [lesson.name for lesson in lessons if not only or lesson.number in only]
        run["ok"] = all(run["notebooks"].get(name, {}).get("status") == "ok" for name in wanted)
        _save(run, out)
    finally:
        write_report(out)
    return run


def _note(run: dict, lesson: Lesson, record: dict, out: Path) -> dict:
    """Put a lesson's record into run.json at once, so that a kill is never taken for an earlier success."""
    run["notebooks"][lesson.name] = record
    _save(run, out)
    return record


def _asked_for(profile: str, notebooks: Path, only: tuple[str, ...]) -> list[Lesson]:
    """The lessons, once profile and numbers are known to exist."""
    profiles.get(profile)
    lessons = read_lessons(notebooks)
    unknown = set(only) - {lesson.number for lesson in lessons}
    if unknown:
        raise BadInput(f"no notebook {', '.join(sorted(unknown))}", where="--only", fix="use numbers such as 05,06")
    return lessons


def _holds(lesson: Lesson, before: dict, digest: str, made: dict[str, float]) -> bool:
    """Is an earlier result still good: same source, parameters and forerunners, and no need made anew since?"""
    if before.get("status") != "ok" or before.get("digest") != digest:
        return False
    return all(made.get(need, math.inf) <= before["started"] for need in lesson.needs)


def _run_or_not(lesson: Lesson, given: dict, out: Path, made: dict[str, float]) -> dict:
    """Execute a lesson whose needs are met; say which are not."""
    forget(out, lesson.number)
    started = time.time()
    lacking = [need for need in lesson.needs if need not in made]
    if lacking:
        record = {"status": "not run", "seconds": 0.0, "cell": None, "error": f"needs {', '.join(lacking)}"}
    else:
        minutes = lesson.minutes.get(given["profile"])
        _tell(lesson, "running" if minutes is None else f"running, about {minutes} min on two cores")
        record = execute(lesson, given, out / "notebooks", LIMIT_S[given["profile"]])
    place = "" if record["cell"] is None else f", cell {record['cell']}"
    _tell(lesson, f"{record['status']}, {record['seconds']:.0f} s{place} {record.get('error', '')}".rstrip())
    return {**record, "started": started, "source": lesson.digest}


def _tell(lesson: Lesson, text: str) -> None:
    print(f"{lesson.name}: {text}", file=sys.stderr, flush=True)


def _save(run: dict, out: Path) -> None:
    run["wall_s"] = sum(record["seconds"] for record in run["notebooks"].values())
    write_json(out / "run.json", run)


def check_parameters(lesson: Lesson, given: dict) -> None:
    """Refuse parameters that the notebook's parameters cell does not have (papermill only warns)."""
    known = _require("papermill").inspect_notebook(_read(lesson))
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BadInput(
            f"no parameter {', '.join(unknown)}", where=lesson.path, fix=f"it has: {', '.join(known) or 'none'}"
        )


def _read(lesson: Lesson):
    """The notebook for this interpreter's kernel, each cell marked with its position in the source."""
    notebook = _require("jupytext").read(lesson.path)
    for index, cell in enumerate(notebook.cells):
        cell.metadata["source_index"] = index
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def execute(lesson: Lesson, given: dict, folder: Path, limit_s: float | None) -> dict:
    """Run one notebook within `limit_s` seconds; keep its executed copy (also a failed one) and an HTML page.

    Returns:
        status "ok" or "failed", seconds, and on failure the error and the cell's position in the source, from 0.
    """
    papermill = _require("papermill")
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{lesson.name}.ipynb"
    _remove_old(target)
    watch = _Watch(limit_s)
    record = {"status": "ok", "cell": None}
    try:
        with _this_python():
            papermill.execute_notebook(
                _read(lesson), str(target), given, kernel_name="python3", progress_bar=False, log_output=False,
                cwd=str(Path.cwd()), timeout_func=watch,
            )  # fmt: skip
    except PapermillExecutionError as error:
        record = {"status": "failed", "cell": watch.cell, "error": f"{error.ename}: {error.evalue}"}
    except DeadKernelError:
        record = {"status": "failed", "cell": watch.cell, "error": "the kernel died (out of memory, or killed)"}
    except CellTimeoutError:
        record = {"status": "failed", "cell": watch.cell, "error": f"the notebook ran longer than {limit_s:.0f} s"}
    except RuntimeError as error:  # jupyter_client's, when a kernel does not come up
        record = {"status": "failed", "cell": watch.cell, "error": f"the kernel did not start ({error})"}
    record["seconds"] = time.perf_counter() - watch.started
    _write_html(target)
    return record


class _Watch:
    """Asked before each cell how long it may take: what is left to the notebook. Counts the source's cells."""

    def __init__(self, limit_s: float | None) -> None:
        self.limit_s, self.started, self.cell = limit_s, time.perf_counter(), None

    def __call__(self, cell: dict) -> int | None:
        if "injected-parameters" not in cell.metadata.get("tags", []):
            self.cell = cell.metadata["source_index"]
        if self.limit_s is None:
            return None
        return max(1, math.ceil(self.limit_s - (time.perf_counter() - self.started)))


@contextmanager
def _this_python() -> Iterator[None]:
    """Within, kernels called "python3" run this interpreter, and notebooks print plain progress."""
    own = str(Path(sys.prefix) / "share" / "jupyter")
    paths = os.pathsep.join(filter(None, [own, os.environ.get("JUPYTER_PATH")]))
    changed = {"N2V_HEADLESS": "1", "JUPYTER_PATH": paths}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _remove_old(target: Path) -> None:
    for path in (target, target.with_suffix(".html")):
        path.unlink(missing_ok=True)


def _write_html(target: Path) -> None:
    if not target.exists():
        return
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(embed_images=True).from_filename(str(target))
    write_bytes(target.with_suffix(".html"), page.encode())


def _require(name: str):
    """Import a part of the notebooks extra, or name it."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingPart(name, "notebooks") from None
