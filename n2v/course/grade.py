"""Marks for a folder of submissions: one judging process a notebook, tables and feedback."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from n2v.course.sandbox import INSTALL, OWN_ENVIRONMENT, Limits, refuse_visible, trouble
from n2v.course.source import Source
from n2v.course.submissions import find_answers, find_students, handed_in
from n2v.errors import BadInput
from n2v.files import progress, write_bytes

UNREAD = ("notebooks", "figures", "site", "*.html")  # of a run folder; solutions stand in some


@dataclass(frozen=True)
class Mark:
    """One line of the grades: an exercise of a student."""

    student: str
    exercise: str
    marks: float | None  # None: could not be graded, and does not count
    max: float
    feedback: str


def grade(
    sources: Iterable[Source],
    submissions: Path,
    run: Path,
    limits: Limits,
    profile: str = "smoke",
    trusted: bool = False,
) -> tuple[list[Mark], str]:
    """Grade every student's answers to those notebooks that somebody handed in; also: what answers were shut in by.

    Checks read a copy of the run folder of that profile. `trusted`: grade also where there is no sandbox.

    Raises:
        BadInput: no sandbox, nothing handed in, or a folder that answers could see.
    """
    reason = trouble()
    if reason and not trusted:
        raise BadInput(f"answers cannot be shut in: {reason}", fix=f"{INSTALL}; --trusted runs them unprotected")
    students = {_plain(name): files for name, files in find_students(submissions).items()}
    wanted, marks = handed_in(students, sources), []
    if not reason:
        refuse_visible([submissions, run, wanted[0].path.parent])
    for source in wanted:
        found = {student: find_answers(files, source) for student, files in students.items()}
        problems = {student: told for student, told in found.items() if isinstance(told, str)}
        job = {
            "source": str(source.path.resolve()),
            "submissions": {student: asdict(told) for student, told in found.items() if student not in problems},
            "limits": asdict(limits),
            "shut": not reason,
            "profile": profile,
        }
        verdicts = _judged(job, source, run)
        marks += [mark for student in students for mark in _marks(student, source, verdicts, problems)]
    order = list(students)
    return sorted(marks, key=lambda mark: order.index(mark.student)), _shut_in_by(reason)


def _shut_in_by(reason: str | None) -> str:
    how = f"none ({reason}): students' code can read, write and send" if reason else "bubblewrap and limits"
    return f"{how}; as root: grade as an ordinary user, whom an escape would serve less" if os.getuid() == 0 else how


def _judged(job: dict, source: Source, run: Path) -> dict[tuple[str, str], str | None]:
    """What is wrong, if anything, by student and exercise, from a process of its own with a copy of the run folder."""
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryFile("w+") as log:
        copy = Path(place).resolve() / "run"
        shutil.copytree(run, copy, ignore=shutil.ignore_patterns(*UNREAD))
        judge = subprocess.Popen(
            [sys.executable, "-m", "n2v.course.judge"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=place,
            env={**os.environ, **OWN_ENVIRONMENT},
        )  # fmt: skip
        try:
            judge.stdin.write(json.dumps({**job, "run": str(copy)}))
            judge.stdin.close()
            n_answers = (len(job["submissions"]) + 1) * len(source.exercises)
            bar = progress(total=n_answers, desc=f"notebook {source.number}", unit="answer")
            verdicts = {}
            for line in judge.stdout:
                student, exercise, reason = json.loads(line)
                verdicts[student, exercise] = reason
                bar.update()
            code = judge.wait()
        finally:
            judge.kill()
            judge.wait()
        if code:
            log.seek(0)
            last = (log.read().strip() or f"exit code {code}").splitlines()[-1]
            raise BadInput(f"cannot be graded ({last})", where=source.path)
    return verdicts


def _marks(student: str, source: Source, verdicts: dict, problems: dict[str, str]) -> Iterator[Mark]:
    """One mark an exercise; where the author's own answer fails there is none to give."""
    for exercise in source.exercises:
        own = verdicts.get(("", exercise.id), "the grader stopped")
        if own:
            yield Mark(student, exercise.id, None, exercise.points, f"not graded: {_plain(own)}")
            continue
        reason = problems.get(student) or verdicts.get((student, exercise.id), "the grader stopped")
        marks = 0.0 if reason else exercise.points
        yield Mark(student, exercise.id, marks, exercise.points, _plain(reason or "right"))


def _plain(text: str) -> str:
    """One line without characters that steer a terminal."""
    line = " ".join(text.split())
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)


def totals(marks: list[Mark]) -> list[dict]:
    """Each student's sum, over what could be graded."""
    found = []
    for student, own in _by_student(marks).items():
        graded = [mark for mark in own if mark.marks is not None]
        sums = {"marks": sum(mark.marks for mark in graded), "max": sum(mark.max for mark in graded)}
        found.append({"student": student, **sums, "not graded": len(own) - len(graded)})
    return found


def _by_student(marks: list[Mark]) -> dict[str, list[Mark]]:
    return {name: [mark for mark in marks if mark.student == name] for name in dict.fromkeys(m.student for m in marks)}


def write_grades(marks: list[Mark], out: Path) -> None:
    """A table for a grade book: one row a student, then marks and feedback of each exercise."""
    worth = {f"{mark.exercise} (of {mark.max:g})": f"{mark.exercise} feedback" for mark in marks}
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["student", "total", "max", *worth, *worth.values()])
    for one, own in zip(totals(marks), _by_student(marks).values(), strict=True):
        numbers = ["not graded" if mark.marks is None else f"{mark.marks:g}" for mark in own]
        total = [f"{one['marks']:g}", f"{one['max']:g}"]
        table.writerow([_harmless(one["student"]), *total, *numbers, *[_harmless(mark.feedback) for mark in own]])
    write_bytes(out, text.getvalue().encode())


def _harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def write_feedback(marks: list[Mark], folder: Path) -> None:
    """One page of Markdown a student."""
    for one, own in zip(totals(marks), _by_student(marks).values(), strict=True):
        lines = [f"# {one['student']}: {one['marks']:g} of {one['max']:g}", ""]
        lines += ["| exercise | marks | what the check says |", "|---|---|---|"]
        for mark in own:
            said = mark.feedback.replace("|", "\\|").replace("<", "&lt;")
            given = "-" if mark.marks is None else f"{mark.marks:g}"
            lines.append(f"| {mark.exercise} | {given} of {mark.max:g} | {said} |")
        write_bytes(folder / f"{one['student']}.md", ("\n".join(lines) + "\n").encode())
