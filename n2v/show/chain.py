"""The notebooks, executed in order without a screen, and a record of what became of each."""

import hashlib
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from n2v import profiles
from n2v.errors import BadInput, MissingPart
from n2v.files import provenance, read_json, write_bytes, write_json
from n2v.show.report import write_report

LIMIT_S = {"smoke": 600, "laptop": 2400, "gpu": 3600, "thesis": None}  # seconds a cell


@dataclass(frozen=True)
class Lesson:
    """One notebook and what its header says: `needs` and `makes` name artefacts of the run folder."""

    number: str
    path: Path
    needs: tuple[str, ...]
    makes: tuple[str, ...]
    minutes: dict[str, float]

    @property
    def digest(self) -> str:
        """Of its source."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]


def read_lessons(folder: Path) -> list[Lesson]:
    """All notebooks NN_*.py of a folder, in order; checks that each need is made before.

    Raises:
        BadInput: no notebooks, a missing or broken header, or a need that no earlier notebook makes.
    """
    jupytext = _require("jupytext")
    lessons, made = [], set()
    for path in sorted(Path(folder).glob("[0-9][0-9]_*.py")):
        header = jupytext.read(path).metadata.get("n2v")
        if not header or not {"needs", "makes", "minutes"} <= set(header):
            raise BadInput(
                "no n2v header with needs, makes and minutes", where=path, fix="copy one from another notebook"
            )
        lesson = Lesson(path.name[:2], path, tuple(header["needs"]), tuple(header["makes"]), dict(header["minutes"]))
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
    profiles.get(profile)
    lessons = read_lessons(notebooks)
    unknown = set(only) - {lesson.number for lesson in lessons}
    if unknown:
        raise BadInput(f"no notebook {', '.join(sorted(unknown))}", where="--only", fix="use numbers such as 05,06")
    out = Path(out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    given = {"profile": profile, "out_dir": str(out), "seed": seed, "interactive": False, **(parameters or {})}
    for lesson in lessons:
        check_parameters(lesson, given)
    earlier = read_json(out / "run.json") if (out / "run.json").exists() else {}
    old = earlier.get("notebooks", {}) if resume or only else {}
    run = {**provenance(profile=profile, seed=seed, parameters=given), "notebooks": dict(old), "wall_s": 0.0}
    have, chain_digest = set(), json.dumps(given, sort_keys=True)
    for lesson in lessons:
        chain_digest = hashlib.sha256((chain_digest + lesson.digest).encode()).hexdigest()[:16]
        before = old.get(lesson.path.stem, {})
        kept = before.get("status") == "ok" and before.get("digest") == chain_digest
        if (only and lesson.number not in only) or (resume and kept):
            have |= set(lesson.makes) if before.get("status") == "ok" else set()
            print(f"{lesson.path.stem}: {'up to date' if kept else 'left out'}", flush=True)
            continue
        lacking = [need for need in lesson.needs if need not in have]
        record = _not_run(lacking) if lacking else execute(lesson, given, out / "notebooks", LIMIT_S[profile])
        have |= set(lesson.makes) if record["status"] == "ok" else set()
        run["notebooks"][lesson.path.stem] = {**record, "digest": chain_digest}
        print(
            f"{lesson.path.stem}: {record['status']}, {record['seconds']:.0f} s {record.get('error', '')}", flush=True
        )
        _save(run, out)
    wanted = [lesson.path.stem for lesson in lessons if not only or lesson.number in only]
    run["ok"] = all(run["notebooks"].get(name, {}).get("status") == "ok" for name in wanted)
    _save(run, out)
    write_report(out)
    return run


def _save(run: dict, out: Path) -> None:
    run["wall_s"] = sum(record["seconds"] for record in run["notebooks"].values())
    write_json(out / "run.json", run)


def _not_run(lacking: list[str]) -> dict:
    return {"status": "not run", "seconds": 0.0, "cell": None, "error": f"needs {', '.join(lacking)}"}


def check_parameters(lesson: Lesson, given: dict) -> None:
    """Refuse parameters that the notebook's parameters cell does not have (papermill only warns)."""
    papermill, jupytext = _require("papermill"), _require("jupytext")
    known = papermill.inspect_notebook(jupytext.read(lesson.path))
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BadInput(
            f"no parameter {', '.join(unknown)}", where=lesson.path, fix=f"it has: {', '.join(known) or 'none'}"
        )


def execute(lesson: Lesson, given: dict, folder: Path, limit_s: float | None) -> dict:
    """Run one notebook; keep its executed copy (also a failed one) and an HTML page."""
    papermill, jupytext = _require("papermill"), _require("jupytext")
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    notebook = jupytext.read(lesson.path)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{lesson.path.stem}.ipynb"
    started = time.perf_counter()
    record = {"status": "ok", "cell": None}
    _use_this_python()
    try:
        papermill.execute_notebook(
            notebook, str(target), given, kernel_name="python3", progress_bar=False, log_output=False,
            execution_timeout=limit_s, cwd=str(Path.cwd()),
        )  # fmt: skip
    except PapermillExecutionError as error:
        record = {"status": "failed", "cell": error.cell_index, "error": f"{error.ename}: {error.evalue}"}
    except DeadKernelError as error:
        record = {"status": "failed", "cell": _last_started(target), "error": f"the kernel died ({error})"}
    except CellTimeoutError:
        record = {"status": "failed", "cell": _last_started(target), "error": f"a cell ran longer than {limit_s:.0f} s"}
    record["seconds"] = time.perf_counter() - started
    _write_html(target)
    return record


def _use_this_python() -> None:
    """Make "python3" kernels run this interpreter, and notebooks print plain progress."""
    os.environ["N2V_HEADLESS"] = "1"
    own = str(Path(sys.prefix) / "share" / "jupyter")
    paths = os.environ.get("JUPYTER_PATH", "").split(os.pathsep)
    if own not in paths:
        os.environ["JUPYTER_PATH"] = os.pathsep.join([own, *filter(None, paths)])


def _last_started(target: Path) -> int | None:
    """Index of the cell that was running when a kernel died, from papermill's own marks."""
    if not target.exists():
        return None
    cells = json.loads(target.read_text())["cells"]
    running = [i for i, cell in enumerate(cells) if cell["metadata"].get("papermill", {}).get("status") == "running"]
    return running[0] if running else None


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
