"""The course's own notebooks: the solution gets all marks, the blank copy none, a wrong answer loses its own."""

import re
from pathlib import Path

import pytest
from course.wrong import WRONG

from n2v.course.grade import grade
from n2v.course.release import build
from n2v.course.sandbox import Limits
from n2v.course.source import Source, find_sources

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


def spoilt(source: Source, which: int) -> dict[str, str]:
    """Every second exercise answered almost rightly: each result off by one, or turned round."""
    chosen = source.exercises[which::2]
    return {one.id: SPOIL + "".join(f"{name} = _spoilt({name})\n" for name in one.functions) for one in chosen}


def planted(source: Source) -> dict[str, dict[str, str]]:
    """Student -> exercise -> the wrong function, for those that the notebook has."""
    found = {}
    for name, body in WRONG[source.number].items():
        for exercise in source.exercises:
            if name in exercise.functions:
                text = "\n".join(source.cells[position].text for position in exercise.cells)
                arguments = re.search(rf"^def {name}\((.*?)\)", text, re.M)[1]
                lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
                found[f"wrong-{name}"] = {exercise.id: f"\n\ndef {name}({arguments}):\n{lines}\n"}
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.number)
def test_marks_of_right_blank_and_wrong_copies(source, tmp_path):
    submissions, run = tmp_path / "submissions", tmp_path / "run"
    run.mkdir()
    (run / "zoo").symlink_to(ROOT / "data" / "mini_zoo")
    build([source], submissions / "blank")
    copies = {"solution": {}, "odd": spoilt(source, 0), "even": spoilt(source, 1), **planted(source)}
    assert any(name.startswith("wrong-") for name in copies), "plant a wrong answer in tests/course/wrong.py"
    for student, changed in copies.items():
        (submissions / student).mkdir()
        (submissions / student / source.path.name).write_text(with_code(source, changed))
    marks, _ = grade([source], submissions, run, Limits(60))
    graded = {(mark.student, mark.exercise): mark for mark in marks if mark.marks is not None}
    names = {name for _, name in graded}
    assert len(names) >= min(2, len(source.exercises)), [mark.feedback for mark in marks if mark.marks is None][:9]
    for (student, name), mark in graded.items():
        if student == "blank":
            assert (mark.marks, mark.feedback) == (0, "not written yet")
        elif name in copies[student]:
            assert mark.marks == 0 and mark.feedback != "right", (student, mark)
        else:
            assert mark.marks == mark.max, (student, mark)
