"""What an exercise needs of a notebook, and what it does not."""

import ast

import pytest
from course.tiny import HEADER, notebooks

from n2v.course.source import read_source
from n2v.course.statements import needed, preparation

TEXT = (
    HEADER
    + """# %% tags=["parameters"]
a: int = 1

# %%
from math import pi

b = a + 1
rows = [b, 2]
for i in range(2):
    rows = [rows[k] for k in (0, 1)]
for b_long in rows:
    print(b_long)
axis = rows.copy()
axis.append(pi, range(9))
record(item=rows)


def half(value):
    return value / b


# %% tags=["exercise"]
def answer(values):
    ### BEGIN SOLUTION
    return VALUE
    ### END SOLUTION


# %% tags=["check"]
CHECK
"""
)


@pytest.mark.parametrize(
    ("value", "check", "lines"),
    [
        ("values", "answer(1)", []),
        ("sum(range(3))", "answer(1)", []),  # not the line that hands range to a method
        ("rows", "answer(1)", ["a", "b", "rows", "for"]),  # made of the rows before
        ("values", "rows = answer(1)\nassert rows", []),  # its own
        ("values", "assert answer(rows)\nrows = 3", ["a", "b", "rows", "for"]),  # read first
        ("values", "for b in (1, 2):\n    assert answer(b)", []),
        ("half(values)", "answer(1)", ["a", "b", "half"]),
        ("values", "print(a)\nanswer(1)", ["a"]),  # a check is executed as it stands
        ("values", "answer(axis)", ["a", "b", "rows", "for", "axis", "axis.append"]),
    ],
)
def test_what_leads_to_a_name(value, check, lines, tmp_path):
    source = read_source(notebooks(tmp_path, TEXT.replace("VALUE", value).replace("CHECK", check)) / "07_tiny.py")
    every = preparation(source)
    found = [ast.unparse(one.node).replace("def ", "") for one in needed(every, source, source.exercises[0])]
    found = [text for text in found if not text.startswith("from")]
    assert len(found) == len(lines) and all(map(str.startswith, found, lines)), found
