"""A small notebook with exercises, and submissions to it."""

from pathlib import Path

HEADER = """# ---
# jupyter:
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   n2v: {needs: [], makes: [], minutes: {smoke: 1, laptop: 1}}
# ---

"""

NOTEBOOK = (
    HEADER
    + '''# %% [markdown]
# # 07 · Tiny
# ### Exercise 1

# %% tags=["parameters"]
out_dir: str = "runs/smoke"

# %%
import numpy as np

OFFSET = 3.0
unused = open("no such file that anybody has")


# %% tags=["exercise"]
def shifted(values):
    """Each value plus the offset."""
    ### BEGIN SOLUTION
    # HINT: OFFSET is the distance
    return np.asarray(values) + OFFSET
    ### END SOLUTION


# %% tags=["check", "points:2"]
try:
    assert shifted(np.zeros(3)).tolist() == [3, 3, 3], "add the offset"
    print("shifted: right")
except NotImplementedError:
    print("not written yet")
### BEGIN HIDDEN TESTS
assert np.allclose(shifted(np.array([1.0, -5.0])), [4, -2])
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 2

# %%
limits = [1, 2]
limits.append(OFFSET)


# %% tags=["exercise"]
def largest(numbers):
    """The largest of some numbers."""
    ### BEGIN SOLUTION
    ordered_by_size = sorted(numbers)
    return ordered_by_size[-1]
    ### END SOLUTION


# %% tags=["check"]
assert largest(limits) == OFFSET
assert largest([5]) == 5, "one number is the largest"
### BEGIN HIDDEN TESTS
assert largest([-2, -1]) == -1, "negative numbers count too"
### END HIDDEN TESTS
'''
)

RIGHT = {
    "07-1": "def shifted(values):\n    return np.asarray(values) + OFFSET\n",
    "07-2": "def largest(numbers):\n    return max(numbers)\n",
}


def notebooks(folder: Path, text: str = NOTEBOOK) -> Path:
    """A folder of notebooks with the tiny one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "07_tiny.py").write_text(text)
    return folder


def hand_in(submissions: Path, student: str, **answers: str) -> None:
    """Put a student's file in place; answers by name e1, e2, right ones where none is given."""
    cells = [f'# %% tags=["exercise", "{name}"]\n{answers.get("e" + name[-1], RIGHT[name])}\n' for name in RIGHT]
    folder = submissions / student
    folder.mkdir(parents=True)
    (folder / "07_tiny.py").write_text(HEADER + "\n".join(cells))
