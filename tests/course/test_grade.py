"""Grading: right answers, wrong ones, and those that attack the grader. Each loses its own marks and no others'."""

import csv
import json
import re
from pathlib import Path

import pytest
from course import tiny

from n2v import cli
from n2v.course.grade import grade
from n2v.course.sandbox import Limits, namespaces
from n2v.course.source import find_sources

SHUT = namespaces()
LIMITS = Limits(seconds=5, memory_mb=128)
LOUD = "def shifted(values):\n    {}\n    return np.asarray(values) + OFFSET\n"

ATTACKS = {
    "loops": (LOUD.format("while True: pass"), "out of time"),
    "sleeps": (LOUD.format("import time; time.sleep(60)"), "out of time"),
    "loops_at_once": ("while True: pass\n" + tiny.RIGHT["07-1"], "out of time"),
    "eats_memory": (LOUD.format("hoard = [bytearray(1 << 26) for _ in range(1000)]"), "memory"),
    "eats_memory_in_numpy": (LOUD.format("hoard = np.ones(1 << 30)"), "memory"),
    "returns_much": ("def shifted(values):\n    return [0.0] * 50_000_000\n", "memory|more than|out of time"),
    "exits": (LOUD.format("import sys; sys.exit(0)"), "called exit"),
    "exits_hard": (LOUD.format("import os; os._exit(0)"), "without returning"),
    "crashes": (LOUD.format("import ctypes; ctypes.string_at(0)"), "crashed|ended|killed"),
    "prints_right": ("def shifted(values):\n    print('shifted: right')\n", "add the offset|could not use|NoneType"),
    "equals_everything": (
        "class All(list):\n    def __eq__(self, other): return True\n    def tolist(self): return self\n"
        "def shifted(values):\n    return All()\n",
        "could not use",
    ),
    "patches_numpy": (
        "import numpy\nnumpy.allclose = lambda *a, **k: True\n"
        "def shifted(values):\n    numpy.allclose = lambda *a, **k: True\n    return values + 3 * (len(values) == 3)\n",
        "with other inputs: a test failed",
    ),
    "patches_asserts": (
        "import builtins\nbuiltins.AssertionError = KeyboardInterrupt\ndef shifted(values): return np.zeros(3)\n",
        "add the offset",
    ),
    "writes_to_files_it_finds": (
        "import os, json\n"
        "def shifted(values):\n"
        "    for n in range(3, 64):\n"
        "        try: os.write(n, b'[null, 0.0]')\n"
        "        except OSError: pass\n"
        "    os._exit(0)\n",
        "no answer|without returning",
    ),
    "reads_the_judge": (
        "import sys\ndef shifted(values):\n    frame = sys._getframe()\n    while frame:\n"
        "        frame.f_globals.update(shifted=lambda v: v); frame = frame.f_back\n    return values\n",
        "add the offset",
    ),
    "changes_its_input": ("def shifted(values):\n    values += OFFSET\n    return values\n", "in place"),
    "returns_a_function": ("def shifted(values):\n    return lambda: 3\n", "function came back"),
    "does_not_parse": ("def shifted(values)\n    return 3\n", r"SyntaxError.*line 1"),
    "raises": ("def shifted(values):\n    return values / missing\n", r"NameError.*missing.*line 2"),
    "catches_all": ("def shifted(values):\n    raise BaseException('no')\n", "BaseException"),
    "is_not_there": ("pass\n", "no shifted in the cell"),
    "is_not_written": ("def shifted(values):\n    raise NotImplementedError('x')\n", "not written yet"),
    "only_visible": ("def shifted(values):\n    return np.full(3, 3.0)\n", "with other inputs: "),
}
if SHUT:  # else this would end the tests
    code = "import os\ndef shifted(values):\n    os.kill(-1, 9)\n    return values\n"
    ATTACKS["kills_all_it_can"] = (code, "No such process")


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """Marks of all attackers, graded in one go beside an honest student, and the folder."""
    place = tmp_path_factory.mktemp("attacks")
    precious = place / "precious.txt"
    precious.write_text("the instructor's")
    submissions = place / "submissions"
    tiny.hand_in(submissions, "honest")
    for name, (code, _) in ATTACKS.items():
        tiny.hand_in(submissions, name, e1=code)
    sources = find_sources(tiny.notebooks(place / "notebooks"))
    marks, _ = grade(sources, submissions, place / "run", LIMITS)
    return {(mark.student, mark.exercise): mark for mark in marks}, place


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_loses_its_own_marks_with_a_reason(attacked, name):
    marks, _ = attacked
    lost, kept = marks[name, "07-1"], marks[name, "07-2"]
    assert lost.marks == 0 and lost.max == 2
    assert lost.feedback and re.search(ATTACKS[name][1], lost.feedback), lost.feedback
    assert (kept.marks, kept.feedback) == (1, "right")


def test_the_honest_answer_beside_them_is_right(attacked):
    marks, place = attacked
    assert [marks["honest", name].marks for name in tiny.RIGHT] == [2, 1]
    assert (place / "precious.txt").read_text() == "the instructor's"


def test_hidden_tests_stay_hidden(attacked):
    said = " ".join(mark.feedback for mark in attacked[0].values())
    assert "-5.0" not in said and "allclose" not in said


@pytest.fixture(scope="module")
def class_room(tmp_path_factory):
    """Four students through the command line; and the attacks that need a path."""
    place = tmp_path_factory.mktemp("class")
    submissions, victim = place / "submissions", place / "victim"
    victim.mkdir()
    (victim / "kept.txt").write_text("kept")
    (place / "run").mkdir()
    (place / "copied").mkdir()
    tiny.hand_in(submissions, "right")
    tiny.hand_in(submissions, "=wrong", e2="def largest(numbers):\n    return max(numbers, key=abs)\n")
    deletes = f"import shutil\nshutil.rmtree({str(victim)!r}, ignore_errors=True)\nopen({str(victim / 'new')!r}, 'w')\n"
    tiny.hand_in(submissions, "deletes", e1=deletes + "def shifted(values):\n    return values\n")
    reads = f"import os\nfound = [os.listdir({str(submissions)!r}), os.listdir({str(place / 'notebooks')!r})]\n"
    tiny.hand_in(submissions, "copies", e1=reads + "def shifted(values):\n    raise ValueError(str(found))\n")
    forks = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n"
    tiny.hand_in(submissions, "forks", e1=forks)
    speaks = "import socket\nsocket.create_connection(('127.0.0.1', 9), 1)\n"
    tiny.hand_in(submissions, "speaks", e1=speaks)
    daemon = (
        "import os, time\ndef shifted(values):\n    if os.fork() == 0:\n        os.setsid()\n"
        "        while True: time.sleep(1); os.system('true ' + 'n2v-daemon')\n    return values\n"
    )
    tiny.hand_in(submissions, "daemon", e1=daemon)
    (submissions / "nothing").mkdir()
    (submissions / "two").mkdir()
    for name in ("07_tiny.py", "07_tiny copy.py"):
        (submissions / "two" / name).write_text("# %%\n1\n")
    (submissions / "link").mkdir()
    (submissions / "link" / "07_tiny.ipynb").symlink_to("/etc/passwd")
    (submissions / "broken").mkdir()
    (submissions / "broken" / "07_tiny.ipynb").write_text("{")
    words = ["assignment", "grade", str(submissions), "--out", str(place / "grades.csv"), "--json"]
    words += ["--notebooks", str(tiny.notebooks(place / "notebooks")), "--feedback", str(place / "feedback")]
    words += ["--run", str(place / "run"), "--timeout", "6"]
    return place, words


def test_a_class_from_the_command_line(class_room, capsys):
    place, words = class_room
    assert cli.main(words) == 0
    result = json.loads(capsys.readouterr().out)
    marks = {one["student"]: (one["marks"], one["max"]) for one in result["students"]}
    assert marks.pop("right") == (3, 3) and marks.pop("=wrong") == (2, 3)
    assert {marks.pop(name) for name in ("nothing", "two", "link", "broken")} == {(0, 3)}
    lost = {(one["student"], one["exercise"]): one["feedback"] for one in result["lost"]}
    assert set(marks.values()) == {(1, 3)}, lost  # the attackers keep what they did right
    assert lost["=wrong", "07-2"] == "with other inputs: negative numbers count too"
    assert "nothing handed in" in lost["nothing", "07-1"] and "2 files" in lost["two", "07-2"]
    assert "plain file" in lost["link", "07-1"] and "is not a Jupyter notebook; save" in lost["broken", "07-1"]
    with open(place / "grades.csv", newline="") as file:
        table = {row["student"]: row for row in csv.DictReader(file)}
    assert table["right"]["07-1 (of 2)"] == "2" and table["'=wrong"]["07-2 (of 1)"] == "0"
    assert "3 of 3" in (place / "feedback" / "right.md").read_text()
    if SHUT:
        assert (place / "victim" / "kept.txt").exists() and not (place / "victim" / "new").exists()
        assert "Read-only" in lost["deletes", "07-1"]
        assert lost["copies", "07-1"].startswith("ValueError: [[], []]"), "others' work and the solutions are hidden"
        assert "unreachable" in lost["speaks", "07-1"] or "refused" in lost["speaks", "07-1"]
        assert result["sandbox"] == "namespaces and limits" and not left_over(b"n2v-daemon")


def test_limits_alone_also_contain_loops_exits_and_memory(tmp_path, monkeypatch):
    """As where the kernel gives no namespaces."""
    monkeypatch.setattr("n2v.course.grade.namespaces", lambda: False)
    chosen = ("sleeps", "eats_memory", "exits_hard", "patches_numpy")
    tiny.hand_in(tmp_path / "submissions", "honest")
    for name in chosen:
        tiny.hand_in(tmp_path / "submissions", name, e1=ATTACKS[name][0])
    sources = find_sources(tiny.notebooks(tmp_path / "notebooks"))
    marks, shut = grade(sources, tmp_path / "submissions", tmp_path / "run", LIMITS)
    found = {(mark.student, mark.exercise): mark for mark in marks}
    assert not shut and [found["honest", name].marks for name in tiny.RIGHT] == [2, 1]
    for name in chosen:
        assert found[name, "07-1"].marks == 0 and found[name, "07-2"].marks == 1
        assert re.search(ATTACKS[name][1], found[name, "07-1"].feedback)


def test_what_the_author_s_own_answer_fails_is_not_graded(tmp_path):
    """A broken check, or an artefact that is not there, costs nobody marks, and is said."""
    text = tiny.NOTEBOOK.replace("limits = [1, 2]", "limits = [*open(out_dir + '/numbers')]")
    text = text.replace("values) + OFFSET", "values) - OFFSET")
    tiny.hand_in(tmp_path / "submissions", "ann")
    words = ["assignment", "grade", str(tmp_path / "submissions"), "--out", str(tmp_path / "grades.csv")]
    words += ["--run", str(tmp_path)]
    assert cli.main([*words, "--notebooks", str(tiny.notebooks(tmp_path / "notebooks", text))]) == 1
    table = (tmp_path / "grades.csv").read_text()
    assert table.count("not graded: ") == 2 and "add the offset" in table
    assert "line 45 of 07_tiny.py: FileNotFoundError" in table and "the run folder/numbers" in table


def test_a_run_that_is_not_there_is_said_before_anybody_is_graded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("n2v.course.grade.grade", lambda *_: pytest.fail("graded"))
    tiny.hand_in(tmp_path / "submissions", "ann")
    words = ["assignment", "grade", str(tmp_path / "submissions"), "--out", str(tmp_path / "grades.csv")]
    assert cli.main([*words, "--run", str(tmp_path / "smok")]) == 2
    said = f"n2v: {tmp_path / 'smok'}: no such run folder; make it with: make reproduce PROFILE=smoke\n"
    assert capsys.readouterr().err == said and not (tmp_path / "grades.csv").exists()


def left_over(word: bytes) -> list[Path]:
    """Processes whose command line or forked parent's has a word in it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path] if word in path.read_bytes() else []
        except OSError:
            continue
    return found
