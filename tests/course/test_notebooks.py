"""The course's own notebooks: the solution gets all marks; blank copies, wrong answers and empty ones get none."""

import os
import re
from pathlib import Path

import pytest
from course.small_run import small_run
from course.wrong import WRONG

from n2v.course.contained import Limits
from n2v.course.grade import grade
from n2v.course.release import build
from n2v.course.source import Source, find_sources

RUN = os.environ.get("N2V_RUN")  # a run folder of profile smoke; without one, a small one is made
ON_SMALL = ("01", "02", "07", "08")  # notebooks that were graded on the small one
ROOT = Path(__file__).parents[2]
SOURCES = find_sources(ROOT / "notebooks")
SPOIL = """

def _spoilt(right):
    import numpy

    def off(value):
        if isinstance(value, (list, tuple)):
            return type(value)(map(off, value)) if len(value) else [None]
        if isinstance(value, bool) or getattr(value, "dtype", None) in (bool, "torch.bool"):
            return not value if isinstance(value, bool) else ~value
        try:
            return value + 1
        except Exception:
            return None

    return lambda *args, **kwargs: off(right(*args, **kwargs))

"""


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


def wrong(source: Source) -> dict[str, str]:
    """Wrong code for every exercise: a planted mistake, or else the right result off by one or turned round."""
    found = {}
    for exercise in source.exercises:
        text = "\n".join(source.cells[position].text for position in exercise.cells)
        mistakes = [name for name in exercise.functions if name in WRONG[source.number]]
        found[exercise.id] = SPOIL + "".join(f"{name} = _spoilt({name})\n" for name in exercise.functions)
        if mistakes:
            found[exercise.id] = ""
        for name in mistakes:
            arguments = re.search(rf"^def {name}\((.*?)\)", text, re.M)[1]
            lines = "\n".join(f"    {line}" for line in WRONG[source.number][name].strip().splitlines())
            found[exercise.id] += f"\n\ndef {name}({arguments}):\n{lines}\n"
    return found


def test_every_notebook_has_a_planted_mistake():
    for source in SOURCES:
        written = {name for exercise in source.exercises for name in exercise.functions}
        assert written & set(WRONG[source.number]), f"plant one of {sorted(written)} in tests/course/wrong.py"


def returning(source: Source, value: str) -> dict[str, str]:
    """Every function returns the same."""
    made = {one.id: [NOTHING.format(name=name, value=value) for name in one.functions] for one in source.exercises}
    return {name: "".join(texts) for name, texts in made.items()}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.number)
def test_marks_of_right_blank_and_wrong_copies(source, run, tmp_path):
    if not RUN and source.number not in ON_SMALL:
        pytest.skip("N2V_RUN=runs/smoke, after make reproduce PROFILE=smoke, grades this one too")
    submissions = tmp_path / "submissions"
    build([source], submissions / "blank")
    empty = {"none": returning(source, "None"), "dict": returning(source, "{'a': 1}")}
    right = {"solution": {}} if RUN else {}  # else the author's own answers alone, which always go first
    for student, changed in {**right, "wrong": wrong(source), **empty}.items():
        (submissions / student).mkdir()
        (submissions / student / source.path.name).write_text(with_code(source, changed))
    marks, _ = grade([source], submissions, run, Limits(400))  # also on a busy machine
    assert not [mark.feedback for mark in marks if mark.marks is None], "the author's own answers are right"
    assert len(marks) == (4 + len(right)) * len(source.exercises)
    for mark in marks:
        if mark.student == "solution":
            assert (mark.marks, mark.feedback) == (mark.max, "right"), mark
        else:
            assert mark.marks == 0 and mark.feedback != "right", mark
        if mark.student == "blank":
            assert mark.feedback == "not written yet", mark
        if mark.student in empty:
            assert not re.search(r"Error|Traceback", mark.feedback), mark
