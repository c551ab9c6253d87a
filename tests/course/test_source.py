"""What a notebook must be like to be handed out; everything else is refused with file, cell and line."""

import pytest
from course import tiny

from n2v.course.source import find_sources, read_source
from n2v.errors import BadInput

BEGIN, END = "    ### BEGIN SOLUTION\n", "    ### END SOLUTION\n"

BROKEN = {
    "unclosed": (END, "", 1, "BEGIN SOLUTION is never closed", 25),
    "nested": (END, BEGIN, 1, "begins within the one of line 25", 28),
    "never opened": (BEGIN, "", 1, "END SOLUTION without its BEGIN", 27),
    "crossed": (END, "    ### END HIDDEN TESTS\n", 1, "hidden tests outside a check cell", 28),
    "misspelt": (BEGIN, "    ### BEGIN SOLUTIONS\n", 1, "misspelt: ### BEGIN SOLUTIONS", 25),
    "sloppy": (BEGIN, "    #BEGIN SOLUTION\n", 1, "misspelt", 25),
    "solution elsewhere": ("OFFSET = 3.0\n", f"{BEGIN}OFFSET = 3.0\n{END}", 1, "solution outside an exercise cell", 18),
    "check without exercise": ('# %% tags=["exercise"]', "# %%", 1, "solution outside an exercise cell", 25),
    "two checks": ("# %%\nlimits", '# %% tags=["check"]\nlimits', 1, "a check without an exercise before it", 45),
    "exercise without check": ('# %% tags=["check"]', "# %%", 1, "hidden tests outside a check cell", 61),
    "points": ('"points:2"', '"points:two"', 1, "points are points:two", 32),
    "points twice": ('"points:2"', '"points:2", "points:3"', 1, "points are points:2, points:3", 32),
    "points on the exercise": ('["exercise"]', '["exercise", "points:2"]', 1, "points stand on the check cell", 23),
    "no function": ("def shifted(values):\n", "if True:\n", 1, "a solution outside a function", 25),
    "no python": ("def shifted(values):\n", "def shifted(values:\n", 1, "not Python", 23),
    "nothing to write": (BEGIN + "    # HINT: OFFSET is the distance\n", "", 1, "END SOLUTION without", 26),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_notebook_is_refused_with_its_line(tmp_path, name):
    old, new, times, what, line = BROKEN[name]
    assert old in tiny.NOTEBOOK
    path = tiny.notebooks(tmp_path, tiny.NOTEBOOK.replace(old, new, times)) / "07_tiny.py"
    with pytest.raises(BadInput) as found:
        read_source(path)
    assert what in str(found.value) and f"line {line}" in str(found.value), found.value
    assert str(path) in str(found.value) and ", cell " in str(found.value)


def test_the_last_exercise_needs_a_check(tmp_path):
    cut = tiny.NOTEBOOK.index('# %% tags=["check"]')
    path = tiny.notebooks(tmp_path, tiny.NOTEBOOK[:cut]) / "07_tiny.py"
    with pytest.raises(BadInput, match="an exercise without a check after it"):
        read_source(path)


def test_the_exercises_of_a_good_one(tmp_path):
    (source,) = find_sources(tiny.notebooks(tmp_path))
    first, second = source.exercises
    assert (first.id, first.points, first.functions, first.title) == ("07-1", 2, ("shifted",), "Exercise 1")
    assert (second.id, second.points, second.functions, second.has_hidden) == ("07-2", 1, ("largest",), True)
    lines = source.path.read_text().splitlines()
    for cell in source.cells:
        assert cell.text.splitlines()[0] in lines[cell.line - 1]


def test_asking_for_what_is_not_there(tmp_path):
    with pytest.raises(BadInput, match="no notebooks"):
        find_sources(tmp_path)
    with pytest.raises(BadInput, match="no notebook 08.*there are 07"):
        find_sources(tiny.notebooks(tmp_path), ("08",))
