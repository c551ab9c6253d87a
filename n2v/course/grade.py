"""Marks for a folder of submissions: one contained process a notebook, tables and feedback."""

import ast
import csv
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from n2v.course.check import Task
from n2v.course.contained import INSTALL, Contained, Limits, refuse_visible, trouble
from n2v.course.source import Exercise, Source, blocks
from n2v.course.statements import IMPORT, Statement, needed, preparation
from n2v.course.submissions import Answers, find_answers, find_students, handed_in
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
        answers = {student: told for student, told in found.items() if student not in problems}
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place).resolve() / "run"
            shutil.copytree(run, copy, ignore=shutil.ignore_patterns(*UNREAD))
            given = {"profile": profile, "out_dir": str(copy), "seed": 0, "interactive": False}
            verdicts = _verdicts(source, answers, given, Contained(copy, limits, not reason))
        marks += [mark for student in students for mark in _marks(student, source, verdicts, problems)]
    order = list(students)
    return sorted(marks, key=lambda mark: order.index(mark.student)), _shut_in_by(reason)


def _shut_in_by(reason: str | None) -> str:
    how = f"none ({reason}): students' code can read, write and send" if reason else "bubblewrap and limits"
    return f"{how}; as root: grade as an ordinary user, whom an escape would serve less" if os.getuid() == 0 else how


def _verdicts(source: Source, answers: dict[str, Answers], given: dict, box: Contained) -> dict:
    """What is wrong, if anything, by student and exercise; the author's own answer, of "", goes first.

    `given`: parameter -> value. Each exercise is judged with the names that stand before it in the notebook, and with
    all imports, which every copy would do for itself otherwise.
    """
    every, verdicts, failed = preparation(source), {}, {}
    wanted = {exercise.id: needed(every, source, exercise) for exercise in source.exercises}
    used = {id(one) for found in wanted.values() for one in found}
    imports = [one for one in every if isinstance(one.node, IMPORT)]
    waiting = imports + [one for one in every if id(one) in used and one not in imports]
    n_answers = (len(answers) + 1) * len(source.exercises)
    with box, progress(total=n_answers, desc=f"notebook {source.number}", unit="answer") as bar:
        for exercise in source.exercises:
            now = [one for one in waiting if one in imports or one.cell < exercise.check]
            waiting = waiting[len(now) :]
            failed |= box.prepare([(one.line, _text(one, source, given)) for one in now])
            wrong = next((one.line for one in wanted[exercise.id] if one.line in failed), None)
            if wrong is not None:
                said = failed[wrong].replace(given["out_dir"], "the run folder")
                verdicts["", exercise.id] = f"line {wrong} of {source.path.name}: {said}"
                continue
            own = Answers({exercise.id: "\n".join(source.cells[at].text for at in exercise.cells)}, [])
            for student, told in {"": own, **answers}.items():
                verdicts[student, exercise.id] = _verdict(source, exercise, told, box)
                bar.update()
                if student == "" and verdicts["", exercise.id]:
                    break
    return verdicts


def _text(one: Statement, source: Source, given: dict) -> str:
    """The statement; of a parameter, the one that sets it to what is given."""
    names = one.bound & set(given) if "parameters" in source.cells[one.cell].tags else ()
    return "; ".join(f"{name} = {given[name]!r}" for name in names) or ast.unparse(one.node)


def _verdict(source: Source, exercise: Exercise, told: Answers, box: Contained) -> str | None:
    if exercise.id not in told.cells:
        return "no cell for this exercise"
    check = source.cells[exercise.check]
    hidden = [line + 1 for block in blocks(check) for line in range(block.first, block.last + 1)]
    code, functions = told.cells[exercise.id], list(exercise.functions)
    return box.verdict(asdict(Task(exercise.id, code, told.own, functions, check.text, hidden)))


def _marks(student: str, source: Source, verdicts: dict, problems: dict[str, str]) -> Iterator[Mark]:
    """One mark an exercise; where the author's own answer fails there is none to give."""
    for exercise in source.exercises:
        if own := verdicts[("", exercise.id)]:
            yield Mark(student, exercise.id, None, exercise.points, f"not graded: {_plain(own)}")
            continue
        reason = problems.get(student) or verdicts[student, exercise.id]
        yield Mark(student, exercise.id, 0.0 if reason else exercise.points, exercise.points, _plain(reason or "right"))


def _plain(text: str) -> str:
    """One line without characters that steer a terminal."""
    line = " ".join(text.split())
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)


def totals(marks: list[Mark]) -> list[dict]:
    """Each student's sum, over what could be graded."""
    found: dict[str, dict] = {}
    for mark in marks:
        row = found.setdefault(mark.student, {"student": mark.student, "marks": 0.0, "max": 0.0, "not graded": 0})
        row["marks"] += mark.marks or 0
        row["max"] += 0 if mark.marks is None else mark.max
        row["not graded"] += mark.marks is None
    return [*found.values()]


def write_grades(marks: list[Mark], out: Path) -> None:
    """A table for a grade book: one row a student, then marks and feedback of each exercise."""
    worth = {f"{mark.exercise} (of {mark.max:g})": f"{mark.exercise} feedback" for mark in marks}
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["student", "total", "max", *worth, *worth.values()])
    for one in totals(marks):
        own = [mark for mark in marks if mark.student == one["student"]]
        numbers = ["not graded" if mark.marks is None else f"{mark.marks:g}" for mark in own]
        said = [_harmless(mark.feedback) for mark in own]
        table.writerow([_harmless(one["student"]), f"{one['marks']:g}", f"{one['max']:g}", *numbers, *said])
    write_bytes(out, text.getvalue().encode())


def _harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def write_feedback(marks: list[Mark], folder: Path) -> None:
    """One page of Markdown a student."""
    for one in totals(marks):
        lines = [f"# {one['student']}: {one['marks']:g} of {one['max']:g}", ""]
        lines += ["| exercise | marks | what the check says |", "|---|---|---|"]
        for mark in marks:
            if mark.student == one["student"]:
                said = mark.feedback.replace("|", "\\|").replace("<", "&lt;")
                given = "-" if mark.marks is None else f"{mark.marks:g}"
                lines.append(f"| {mark.exercise} | {given} of {mark.max:g} | {said} |")
        write_bytes(folder / f"{one['student']}.md", ("\n".join(lines) + "\n").encode())
