"""Marks for a folder of submissions: who handed in what, one judging process a notebook, tables and feedback."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from n2v.course.sandbox import Limits, namespaces
from n2v.course.source import Exercise, Source
from n2v.errors import BadInput
from n2v.files import progress, write_bytes

MAX_FILE = 32 << 20  # bytes of a submission's file
SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Mark:
    """One line of the grades: an exercise of a student."""

    student: str
    exercise: str
    marks: float | None  # None: could not be graded, and does not count
    max: float
    feedback: str


def find_students(folder: Path) -> list[str]:
    """Names of the submissions: the sub-folders of a folder."""
    if not folder.is_dir():
        raise BadInput("no such folder", where=folder, fix="put each student's files in submissions/<student>/")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    names = [name for name in names if not name.startswith(".")]
    if not names:
        raise BadInput("no submissions", where=folder, fix="put each student's files in submissions/<student>/")
    return names


def handed_in(folder: Path) -> tuple[str, ...]:
    """Numbers of the notebooks that somebody handed in."""
    found = [path for name in find_students(folder) for path in (folder / name).glob("[0-9][0-9]_*")]
    numbers = {path.name[:2] for path in found if path.suffix in (".ipynb", ".py")}
    if not numbers:
        raise BadInput("no notebook NN_*.ipynb in any student's folder", where=folder)
    return tuple(sorted(numbers))


def find_file(folder: Path, number: str) -> Path | str:
    """The one notebook of that number in a student's folder, or why there is none."""
    found = sorted(path for path in folder.glob(f"{number}_*") if path.suffix in (".ipynb", ".py"))
    if not found:
        return "nothing handed in"
    if len(found) > 1:
        return f"{len(found)} files for notebook {number}: {', '.join(path.name for path in found)}; leave one"
    if found[0].is_symlink() or not found[0].is_file():
        return f"{found[0].name} is not a plain file"
    return found[0] if found[0].stat().st_size <= MAX_FILE else f"{found[0].name} is larger than {MAX_FILE >> 20} MB"


def read_answers(path: Path, source: Source) -> dict[str, str] | str:
    """Code of each exercise's cells in a submission, or why it cannot be read.

    A cell belongs to an exercise by its tag or its id as `build` wrote them. Where these were lost, it is the last cell
    that defines the exercise's functions, or, in a copy with all exercise cells, the one in the same place.
    """
    import jupytext
    import nbformat

    try:
        text = path.read_text()
        notebook = nbformat.reads(text, as_version=4) if path.suffix == ".ipynb" else jupytext.reads(text, "py:percent")
        cells = [cell for cell in notebook.cells if cell.cell_type == "code" and isinstance(cell.source, str)]
    except Exception:  # a file of anybody's making: nothing may stop the others
        kind = "a Jupyter notebook" if path.suffix == ".ipynb" else "a notebook as text"
        return f"{path.name} is not {kind}; save it again and hand it in"
    answers = {exercise.id: _cells_of(exercise, cells) for exercise in source.exercises}
    return {name: "\n".join(found) for name, found in answers.items() if found}


def _cells_of(exercise: Exercise, cells: list) -> list[str]:
    tagged = [cell.source for cell in cells if {"exercise", exercise.id} <= _tags(cell)]
    if tagged:
        return tagged
    ids = {f"cell-{position}" for position in exercise.cells}
    named = [cell.source for cell in cells if cell.get("id") in ids]
    if len(named) == len(ids) and all(_defines(name, "\n".join(named)) for name in exercise.functions):
        return named
    checks = [cell for cell in cells if "check" not in _tags(cell)]
    defining = {}
    for name in exercise.functions:
        found = [cell.source for cell in checks if _defines(name, cell.source)]
        defining |= {found[-1]: None} if found else {}
    return list(defining)


def _tags(cell) -> set[str]:
    tags = cell.metadata.get("tags", [])
    return {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()


def _defines(name: str, code: str) -> bool:
    return re.search(rf"^def {re.escape(name)}\(", code, re.M) is not None


def grade(
    sources: Iterable[Source], submissions: Path, run: Path, limits: Limits, profile: str = "smoke"
) -> tuple[list[Mark], bool]:
    """Grade every student's answers to the notebooks.

    Returns:
        The marks, and whether students' code was shut in by namespaces (else by limits alone).
    """
    students, shut, marks = find_students(submissions), namespaces(), []
    for source in sources:
        answers, problems = {}, {}
        for student in students:
            found = find_file(submissions / student, source.number)
            read = found if isinstance(found, str) else read_answers(found, source)
            (problems if isinstance(read, str) else answers)[student] = read
        job = {
            "source": str(source.path.resolve()),
            "submissions": answers,
            "limits": asdict(limits),
            "shut": shut,
            "run": str(run.resolve()),
            "profile": profile,
            "hidden": [str(path.resolve()) for path in (source.path.parent, submissions, run / "notebooks")],
        }
        verdicts = _judged(job, source, len(answers) + 1)
        marks += [mark for student in students for mark in _marks(student, source, verdicts, problems)]
    return sorted(marks, key=lambda mark: students.index(mark.student)), shut


def _judged(job: dict, source: Source, n_each: int) -> dict[tuple[str, str], dict]:
    """Verdicts by student and exercise, from a process of its own."""
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryFile("w+") as log:
        scratch = Path(place) / "scratch"
        scratch.mkdir()
        command = [sys.executable, "-m", "n2v.course.worker"]
        worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=_environment(scratch)
        )
        try:
            worker.stdin.write(json.dumps({**job, "scratch": str(scratch)}))
            worker.stdin.close()
            bar = progress(total=n_each * len(source.exercises), desc=f"notebook {source.number}", unit="answer")
            verdicts = {}
            for line in worker.stdout:
                verdict = json.loads(line)
                verdicts[verdict["student"], verdict["exercise"]] = verdict
                bar.update()
            code = worker.wait()
        finally:
            worker.kill()
            worker.wait()
        if code:
            log.seek(0)
            last = (log.read().strip() or f"exit code {code}").splitlines()[-1]
            raise BadInput(f"cannot be graded ({last})", where=source.path)
    return verdicts


def _environment(scratch: Path) -> dict[str, str]:
    """Nothing of the instructor's environment but what Python needs; one thread; no GPU, no screen."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    home = {name: str(scratch) for name in ("HOME", "TMPDIR", "MPLCONFIGDIR")}
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # read: compiled kernels
    other = {"CUDA_VISIBLE_DEVICES": "", "MPLBACKEND": "Agg", "N2V_HEADLESS": "1", "XDG_CACHE_HOME": cache}
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), kept.get("PYTHONPATH")]))
    return {**kept, **home, **other, **dict.fromkeys(SINGLE, "1"), "PYTHONPATH": path}


def _marks(student: str, source: Source, verdicts: dict, problems: dict[str, str]) -> Iterator[Mark]:
    """One mark an exercise; where the author's own answer fails there is none to give."""
    for exercise in source.exercises:
        own = verdicts.get(("", exercise.id))
        if own is None or not own["passed"]:
            why = own["reason"] if own else "the grader stopped"
            yield Mark(student, exercise.id, None, exercise.points, f"not graded: {why}")
        elif student in problems:
            yield Mark(student, exercise.id, 0.0, exercise.points, problems[student])
        else:
            verdict = verdicts[student, exercise.id]
            marks = exercise.points if verdict["passed"] else 0.0
            yield Mark(student, exercise.id, marks, exercise.points, verdict["reason"])


def totals(marks: list[Mark]) -> list[dict]:
    """Each student's sum, over what could be graded."""
    sums: dict[str, dict] = {}
    for mark in marks:
        one = sums.setdefault(mark.student, {"student": mark.student, "marks": 0.0, "max": 0.0, "not graded": 0})
        if mark.marks is None:
            one["not graded"] += 1
        else:
            one["marks"] += mark.marks
            one["max"] += mark.max
    return list(sums.values())


def write_grades(marks: list[Mark], out: Path) -> None:
    """A table for a grade book: one row a student, then marks and feedback of each exercise."""
    names = list(dict.fromkeys(mark.exercise for mark in marks))
    by_place = {(mark.student, mark.exercise): mark for mark in marks}
    text = io.StringIO()
    table = csv.writer(text)
    feedback = [f"{name} feedback" for name in names]
    table.writerow(["student", "total", "max", *[f"{name} (of {_max(marks, name):g})" for name in names], *feedback])
    for one in totals(marks):
        own = [by_place[one["student"], name] for name in names]
        numbers = ["not graded" if mark.marks is None else f"{mark.marks:g}" for mark in own]
        words = [_harmless(mark.feedback) for mark in own]
        table.writerow([_harmless(one["student"]), f"{one['marks']:g}", f"{one['max']:g}", *numbers, *words])
    write_bytes(out, text.getvalue().encode())


def _max(marks: list[Mark], exercise: str) -> float:
    return next(mark.max for mark in marks if mark.exercise == exercise)


def _harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    line = " ".join(text.split())
    return f"'{line}" if line[:1] in ("=", "+", "-", "@") else line


def write_feedback(marks: list[Mark], folder: Path) -> None:
    """One page of Markdown a student."""
    for one in totals(marks):
        own = [mark for mark in marks if mark.student == one["student"]]
        lines = [
            f"# {one['student']}: {one['marks']:g} of {one['max']:g}",
            "",
            "| exercise | marks | what the check says |",
        ]
        lines += ["|---|---|---|", *[_row(mark) for mark in own]]
        write_bytes(folder / f"{one['student']}.md", ("\n".join(lines) + "\n").encode())


def _row(mark: Mark) -> str:
    said = " ".join(mark.feedback.split()).replace("|", "\\|").replace("<", "&lt;")
    given = "-" if mark.marks is None else f"{mark.marks:g}"
    return f"| {mark.exercise} | {given} of {mark.max:g} | {said} |"
