"""What honest students hand in: every name, folder and archive that course systems and JupyterLab make of it."""

import io
import json
import zipfile

import nbformat
import pytest
from course import tiny
from nbformat import v4

from n2v.course.contained import Limits
from n2v.course.grade import grade
from n2v.course.release import build, student_copy
from n2v.course.source import find_sources
from n2v.course.submissions import Answers, definitions, find_answers, find_students, plain_python
from n2v.errors import BadInput

OWN_CELL = "import statistics\n%matplotlib inline\n!ls\nSHIFT = 3\n\ndef halved(x):\n    return SHIFT * x / 6\n"
TRIES = "import math\n%timeit math.sqrt(2)\nlargest?\nfiles = !ls\n\ndef largest(numbers):\n    return max(numbers)\n"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return find_sources(tiny.notebooks(tmp_path_factory.mktemp("notebooks")))[0]


def answered(source, e1: str = tiny.RIGHT["07-1"], e2: str = tiny.RIGHT["07-2"], own: str = "") -> bytes:
    """A student copy as saved after work in it."""
    copy = student_copy(source)
    for name, code in (("07-1", e1), ("07-2", e2)):
        cell = next(cell for cell in copy.cells if {"exercise", name} <= set(cell.metadata.get("tags", [])))
        cell.source = code
    if own:
        copy.cells.insert(1, v4.new_code_cell(own))
    return nbformat.writes(copy).encode()


def zipped(**files: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def test_every_way_to_deliver_a_file_is_taken(source, tmp_path):
    book = answered(source)
    delivered = {
        "sub-folder": {"week 2/07_tiny.ipynb": book},
        "second download": {"07_tiny (1).ipynb": book},
        "capitals": {"07_Tiny.IPYNB": book},
        "spaces": {"07 Tiny.ipynb": book},
        "prefixed": {"Ann Lee_4711_assignsubmission_file_07_tiny.ipynb": book},
        "byte-order mark": {"07_tiny.ipynb": b"\xef\xbb\xbf" + book},
        "zip": {"all.zip": zipped(**{"x/07_tiny.ipynb": book, "__MACOSX/x/._07_tiny.ipynb": b"\0"})},
        "zip with paths": {"all.zip": zipped(**{"../../07_tiny.ipynb": book})},
        "as Lab leaves it": {
            "07_tiny.ipynb": book,
            "07_tiny.py": b"# %%\nold",
            ".ipynb_checkpoints/07_tiny-checkpoint.ipynb": b"{",
            "__pycache__/07_tiny.cpython-311.pyc": b"\0",
        },
    }
    for student, files in delivered.items():
        for name, data in files.items():
            (tmp_path / student / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / student / name).write_bytes(data)
    (tmp_path / "zip beside.zip").write_bytes(zipped(**{"07_tiny.ipynb": book}))
    students = find_students(tmp_path)
    assert set(students) == {*delivered, "zip beside"}
    for student, files in students.items():
        found = find_answers(files, source)
        assert isinstance(found, Answers) and found.cells == tiny.RIGHT, (student, found)
    assert not (tmp_path.parent / "07_tiny.ipynb").exists()


def test_what_cannot_be_taken_is_said(source, tmp_path):
    book = answered(source)
    bomb = zipped(**{f"{n}/07_tiny.ipynb": bytes(20 << 20) for n in range(3)})
    delivered = {
        "two": ({"07_tiny.ipynb": book, "old/07_tiny.ipynb": book}, "2 files for notebook 07.*leave one"),
        "renamed": ({"homework.ipynb": book}, "nothing handed in: no file is named like 07_tiny.ipynb"),
        "broken zip": ({"all.zip": b"PK"}, "all.zip cannot be unpacked; hand in the notebook itself"),
        "bomb": ({"all.zip": bomb}, "leave one"),
        "one bomb": ({"all.zip": zipped(**{"07_tiny.ipynb": bytes(33 << 20)})}, "larger than 32 MB"),
        "utf-16": ({"07_tiny.ipynb": book.decode().encode("utf-16")}, "is not a Jupyter notebook; save it again"),
        "empty": ({"07_tiny.ipynb": b""}, "is not a Jupyter notebook; save it again"),
    }
    for student, (files, said) in delivered.items():
        (tmp_path / student / "old").mkdir(parents=True)
        for name, data in files.items():
            (tmp_path / student / name).write_bytes(data)
        found = find_answers(find_students(tmp_path)[student], source)
        assert isinstance(found, str)
        with pytest.raises(AssertionError, match=said):
            raise AssertionError(found)
    assert len(bomb) < 1 << 20
    with pytest.raises(BadInput, match="no submissions"):
        find_students(tmp_path / "utf-16" / "old")


def test_an_import_and_a_helper_in_a_cell_of_ones_own_count(source, tmp_path):
    """And commands of IPython in an exercise's cell; a name that the notebook makes itself stays the notebook's."""
    submissions = tmp_path / "submissions"
    build([source], submissions / "blank")
    own = OWN_CELL + "OFFSET = 99\nimport nothing_like_this\n"
    e1 = "def shifted(values):\n    return np.asarray(values) + halved(2 * OFFSET) + statistics.mean([0])\n"
    for student, data in (("own", answered(source, e1, TRIES, own)), ("other", answered(source, e1))):
        (submissions / student).mkdir()
        (submissions / student / "07_tiny.ipynb").write_bytes(data)
    (tmp_path / "run").mkdir()
    marks, _ = grade([source], submissions, tmp_path / "run", Limits(20), trusted=True)
    found = {(mark.student, mark.exercise): (mark.marks, mark.feedback) for mark in marks}
    assert found["own", "07-1"] == (2, "right") and found["own", "07-2"] == (1, "right")
    assert found["other", "07-1"] == (0, "NameError: name 'halved' is not defined (line 2 of the cell)")
    assert found["blank", "07-1"] == found["blank", "07-2"] == (0, "not written yet")


def test_commands_become_pass_and_python_stays():
    python = "x = (7\n% 4)\ntext = '''\n%time\n'''"
    assert plain_python(python) == python
    assert plain_python("for i in range(2):\n    %time f(i)\n") == "for i in range(2):\n    pass"
    assert plain_python("def f(:\n    return 1") == "def f(:\n    return 1"
    names = [
        name
        for found, _ in definitions("import a.b, c as d\nfrom e import f\nx = 1\ny = [1]\nprint(2)")
        for name in found
    ]
    assert names == ["a", "d", "f", "x"]


def test_answers_are_found_without_tags(source):
    """As some editors save it."""
    copy = json.loads(answered(source))
    for cell in copy["cells"]:
        cell["metadata"] = {}
        del cell["id"]
    copy["nbformat_minor"] = 4
    from n2v.course.submissions import read_answers

    assert read_answers("07_tiny.ipynb", json.dumps(copy).encode(), source).cells == tiny.RIGHT
