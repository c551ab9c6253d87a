"""`n2v assignment list`, `build` and `grade`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from n2v.commands.output import Force, refuse_used

Numbers = Annotated[tuple[str, ...], "NN", "notebooks, such as 02 04; none or all: every one"]
Notebooks = Annotated[Path, "folder of the notebooks, solutions included"]


def _sources(numbers: tuple[str, ...], notebooks: Path):
    from n2v.course.source import find_sources

    return find_sources(notebooks, () if numbers == ("all",) else numbers)


def assignment_list(numbers: Numbers = (), notebooks: Notebooks = Path("notebooks")) -> dict:
    """The marking scheme: every exercise, its functions and points, as the notebooks say.

    Example: n2v assignment list 02
    """
    rows = []
    for exercise in (exercise for source in _sources(numbers, notebooks) for exercise in source.exercises):
        row = {"exercise": exercise.id, "points": exercise.points, "write": ", ".join(exercise.functions)}
        rows.append({**row, "hidden tests": exercise.has_hidden, "heading": exercise.title})
    return {"exercises": rows, "points": sum(row["points"] for row in rows)}


def assignment_build(
    numbers: Numbers = (),
    *,
    out: Annotated[Path, "folder for the copies"],
    notebooks: Notebooks = Path("notebooks"),
    text: Annotated[bool, "write .py files besides"] = False,
    nbgrader: Annotated[bool, "not for students: source notebooks, solutions included, for nbgrader"] = False,
    force: Annotated[bool, "replace copies that are there and differ, and what was written in them"] = False,
) -> dict:
    """The copies for students: no solutions, no hidden tests.

    Example: n2v assignment build 02 --out release
    """
    from n2v.course.release import build

    rows = build(_sources(numbers, notebooks), out, text=text, nbgrader=nbgrader, force=force)
    return {"out": out, "files": rows}


def assignment_grade(
    submissions: Annotated[
        Path, "SUBMISSIONS", "folder with a folder or zip file a student: submissions/<student>/04_*.ipynb"
    ],
    out: Annotated[Path, "table of marks and feedback (.csv)"],
    notebook: Annotated[str, "numbers, such as 04 or 02,04; default: whatever was handed in"] = "",
    notebooks: Notebooks = Path("notebooks"),
    run: Annotated[Path, "run folder that checks read, from: n2v reproduce"] = Path("runs/smoke"),
    profile: Annotated[str, "its profile"] = "smoke",
    feedback: Annotated[Path | None, "folder for one .md a student"] = None,
    timeout: Annotated[float, "seconds that a student's code may take in one exercise"] = 120.0,
    memory_mb: Annotated[int, "memory that it may take, in MB"] = 2048,
    trusted: Annotated[bool, "without a sandbox where there is none: answers can do whatever you can"] = False,
    force: Force = False,
) -> dict:
    """Marks and feedback; students' code runs in a sandbox (bubblewrap) that may compute and nothing else.

    Example: n2v assignment grade submissions --out grades.csv --feedback feedback
    """
    from n2v.errors import BadInput

    if not sys.platform.startswith("linux"):
        raise BadInput(f"grading runs on Linux only, not on {sys.platform}", fix="use a Linux machine or container")
    from n2v import profiles
    from n2v.course.contained import Limits
    from n2v.course.grade import grade, totals, write_feedback, write_grades

    profiles.get(profile)
    refuse_used(out, is_file=True, force=force)
    if feedback is not None:
        refuse_used(feedback, force=force)
    if timeout <= 0 or memory_mb <= 0:
        raise BadInput(f"timeout {timeout:g} s, memory {memory_mb} MB", fix="use numbers above 0")
    if not run.is_dir():
        raise BadInput("no such run folder", where=run, fix=f"make it with: make reproduce PROFILE={profile}")
    numbers = tuple(filter(None, (part.strip() for part in notebook.split(","))))
    limits = Limits(timeout, memory_mb)
    marks, shut_in_by = grade(_sources(numbers, notebooks), submissions, run, limits, profile, trusted)
    write_grades(marks, out)
    if feedback is not None:
        write_feedback(marks, feedback)
    ungraded = {mark.exercise: mark.feedback for mark in marks if mark.marks is None}
    lost = [asdict(mark) for mark in marks if mark.marks is not None and mark.marks < mark.max]
    return {
        "grades": out,
        "students": totals(marks),
        "lost": [{name: mark[name] for name in ("student", "exercise", "feedback")} for mark in lost],
        "not_graded": [{"exercise": name, "reason": reason} for name, reason in ungraded.items()],
        "sandbox": shut_in_by,
        "ok": not ungraded,
    }
