"""The course's own notebooks: the solution gets all marks; blank copies, wrong answers and empty ones get none."""

import os
import re
from pathlib import Path
from textwrap import indent

import pytest
from course.small_run import small_run
from course.wrong import WRONG

from n2v.course.contained import Limits
from n2v.course.grade import grade
from n2v.course.release import build
from n2v.course.source import Source, find_sources

RUN = os.environ.get("N2V_RUN")  # a run folder of profile smoke; without one, a small one is made
ROOT = Path(__file__).parents[2]
SOURCES = find_sources(ROOT / "notebooks")
NOTHING = "\n\ndef {name}(*args, **kwargs):\n    return {value}\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The run folder that checks read."""
    return Path(RUN).resolve() if RUN else small_run(tmp_path_factory.mktemp("small") / "run")


def with_code(source: Source, changed: dict[str, str]) -> str:
    """The notebook with its solutions, and code appended to the cells of some exercises."""
    lines = source.path.read_text().splitlines()
    for exercise in reversed(source.exercises):
        cell = source.cells[exercise.cells[-1]]
        end = cell.line - 1 + len(cell.text.splitlines())
        lines[end:end] = changed.get(exercise.id, "").splitlines()
    return "\n".join(lines) + "\n"


def planted(source: Source) -> dict[str, dict[str, tuple[str, str]]]:
    """Student -> exercise -> wrong code, and words of what is to be said of it; all mistakes are handed in."""
    found = {}
    for exercise in source.exercises:
        text = "\n".join(source.cells[position].text for position in exercise.cells)
        found[exercise.id] = []
        for name in set(exercise.functions) & set(WRONG[source.number]):
            arguments = re.search(rf"^def {name}\((.*?)\)", text, re.M)[1]
            for words, body in WRONG[source.number][name].items():
                code = f"\n\ndef {name}({arguments}):\n{indent(body.strip(), '    ')}\n"
                found[exercise.id].append((code, words))
        assert found[exercise.id], f"plant one of {exercise.functions} in tests/course/wrong.py"
    n_students = max(map(len, found.values()))
    return {f"wrong {k}": {name: each[k % len(each)] for name, each in found.items()} for k in range(n_students)}


def returning(source: Source, value: str) -> dict[str, str]:
    """Every function returns the same."""
    made = {one.id: [NOTHING.format(name=name, value=value) for name in one.functions] for one in source.exercises}
    return {name: "".join(texts) for name, texts in made.items()}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.number)
def test_marks_of_right_blank_and_wrong_copies(source, run, tmp_path):
    submissions, mistakes = tmp_path / "submissions", planted(source)
    build([source], submissions / "blank")
    empty = {"none": returning(source, "None"), "dict": returning(source, "{'a': 1}")}
    wrong = {student: {name: code for name, (code, _) in each.items()} for student, each in mistakes.items()}
    for student, changed in {"solution": {}, **wrong, **empty}.items():
        (submissions / student).mkdir()
        (submissions / student / source.path.name).write_text(with_code(source, changed))
    marks, _ = grade([source], submissions, run, Limits(400))  # also on a busy machine
    assert not [mark.feedback for mark in marks if mark.marks is None], "the author's own answers are right"
    assert len(marks) == (4 + len(mistakes)) * len(source.exercises)
    for mark in marks:
        if mark.student == "solution":
            assert (mark.marks, mark.feedback) == (mark.max, "right"), mark
        else:
            assert mark.marks == 0 and mark.feedback != "right", mark
        if mark.student == "blank":
            assert mark.feedback == "not written yet", mark
        if mark.student in mistakes:
            assert mistakes[mark.student][mark.exercise][1] in mark.feedback, mark
        if mark.student in empty:
            assert not re.search(r"Error|Traceback", mark.feedback), mark
