"""The course's own notebooks: the solution gets all marks, the blank copy none, a wrong answer loses its own."""

import os
import re
from pathlib import Path

import pytest
from course.wrong import WRONG

from n2v.course.contained import Limits
from n2v.course.grade import grade
from n2v.course.release import build
from n2v.course.source import Source, find_sources

RUN = os.environ.get("N2V_RUN")  # a run folder; with it all notebooks are judged, half a minute each, else one
ALWAYS = ("02",)
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


def with_code(source: Source, changed: dict[str, str]) -> str:
    """The notebook with its solutions, and code appended to the cells of some exercises."""
    lines = source.path.read_text().splitlines()
    for exercise in reversed(source.exercises):
        cell = source.cells[exercise.cells[-1]]
        end = cell.line - 1 + len(cell.text.splitlines())
        lines[end:end] = changed.get(exercise.id, "").splitlines()
    return "\n".join(lines) + "\n"


def wrong(source: Source, which: int) -> dict[str, str]:
    """Wrong code for every second exercise: a planted mistake, or else the right result off by one or turned round."""
    found = {}
    for exercise in source.exercises[which::2]:
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


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.number)
def test_marks_of_right_blank_and_wrong_copies(source, tmp_path):
    if not RUN and source.number not in ALWAYS:
        pytest.skip("N2V_RUN=runs/smoke, after make reproduce PROFILE=smoke, judges this one too")
    submissions, run = tmp_path / "submissions", tmp_path / "run"
    if RUN:
        run.symlink_to(Path(RUN).resolve())
    else:
        run.mkdir()
    build([source], submissions / "blank")
    copies = {"solution": {}, "odd": wrong(source, 0), "even": wrong(source, 1)}
    for student, changed in copies.items():
        (submissions / student).mkdir()
        (submissions / student / source.path.name).write_text(with_code(source, changed))
    marks, _ = grade([source], submissions, run, Limits(120))
    graded = {(mark.student, mark.exercise): mark for mark in marks if mark.marks is not None}
    names = {name for _, name in graded}
    assert len(names) > len(source.exercises) / 2, {mark.feedback for mark in marks if mark.marks is None}
    for (student, name), mark in graded.items():
        if student == "blank":
            assert (mark.marks, mark.feedback) == (0, "not written yet")
        elif name in copies[student]:
            assert mark.marks == 0 and mark.feedback != "right", (student, mark)
        else:
            assert mark.marks == mark.max, (student, mark)
