"""Grading: right answers, wrong ones, and those that attack the grader. Each loses its own marks and no others'."""

import csv
import json
import os
import re
import socket
from dataclasses import asdict
from pathlib import Path

import pytest
from course import tiny

from n2v import cli
from n2v.course import contained
from n2v.course.check import Task
from n2v.course.contained import Limits
from n2v.course.grade import grade
from n2v.course.source import find_sources
from n2v.errors import BadInput

WHY_NOT = contained.trouble()
needs_sandbox = pytest.mark.skipif(WHY_NOT is not None, reason=f"no sandbox here: {WHY_NOT}")
pytestmark = pytest.mark.timeout(900)  # all attacks are graded in one go, also on a busy machine
LIMITS = Limits(seconds=10, memory_mb=128)
LOUD = "def shifted(values):\n    {}\n    return np.asarray(values) + OFFSET\n"
SCAN = """
import ctypes
WORDS = {"solution": (b"OFFSET is", b" the distance"), "hidden": (b"1.0, -5", b".0])"),
         "other": (b"secret-of", b"-another"), "own": (b"my-own", b"-words")}
def shifted(values):
    own, found = "my-own" + str("-words"), dict.fromkeys(WORDS, 0)
    for line in open("/proc/self/maps"):
        if " rw" in line and "[v" not in line:
            low, high = (int(part, 16) for part in line.split()[0].split("-"))
            data = ctypes.string_at(low, high - low)
            for name, (first, rest) in WORDS.items():
                at = data.find(first)
                while at >= 0:
                    found[name] += data.startswith(rest, at + len(first))
                    at = data.find(first, at + 1)
    raise ValueError(f"{found['solution']} {found['hidden']} {found['other']} {found['own'] > 0}")
"""
FRAMES = """
import sys, gc
def shifted(values):
    frame, names = sys._getframe(), set()
    while frame:
        names |= {*frame.f_locals, *frame.f_globals}
        frame = frame.f_back
    held = {type(one).__name__ for one in gc.get_objects()}
    found = {"exercise", "stand_ins", "task", "source"} & names
    raise ValueError(sorted(found | {"Source", "Exercise", "StandIns", "Task"} & held))
"""
CROWD = """
import os, time
def shifted(values):
    for _ in range(6):
        if os.fork() == 0:
            hoard = b"x" * (60 << 20)
            time.sleep(60)
    time.sleep(60)
"""
LEAVES = """
import os
def shifted(values):
    open("left", "w").write("secret")
    os.mkdir("closed", 0)
    return values
"""
CALL = "import ctypes\ndef shifted(values):\n    libc = ctypes.CDLL(None, use_errno=True)\n    {}\n"
CALL += "    raise OSError(ctypes.get_errno(), 'refused')\n"

ATTACKS = {
    "loops": (LOUD.format("while True: pass"), "out of time"),
    "loops_at_once": ("while True: pass\n" + tiny.RIGHT["07-1"], "out of time"),
    "eats_memory": (LOUD.format("hoard = [bytearray(1 << 26) for _ in range(1000)]"), "memory"),
    "eats_memory_in_numpy": (LOUD.format("hoard = np.ones(1 << 30)"), "memory"),
    "returns_much": ("def shifted(values):\n    return [0.0] * 50_000_000\n", "memory|more than|out of time"),
    "exits": (LOUD.format("import sys; sys.exit(0)"), "called exit"),
    "exits_hard": (LOUD.format("import os; os._exit(0)"), "without returning"),
    "crashes": (LOUD.format("import ctypes; ctypes.string_at(0)"), "crashed|ended|killed"),
    "prints_right": ("def shifted(values):\n    print('shifted: right')\n", "could not use.*nothing \\(None\\)"),
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
        "no answer|without returning|more than",
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
    "returns_a_dictionary": ("def shifted(values):\n    return {'a': 1}\n", "returned dict; its docstring"),
    "returns_a_set": ("def shifted(values):\n    return {1, 2}\n", "a set came back; only numbers"),
    "writes_to_the_terminal": ("def shifted(values):\n    raise ValueError('\\x1b[2J')\n", r"ValueError: \\x1b\[2J"),
}
# What only the sandbox stops.
SHUT = {
    "scans_memory": (SCAN, "ValueError: 0 0 0 True"),
    "walks_frames": (FRAMES, r"ValueError: \[\]"),
    "kills_all_it_can": (LOUD.format("import os; os.kill(-1, 9)"), "the check ended"),
    "kills_the_server": ("import os\ndef shifted(values):\n    os.kill(1, 9)\n    return values\n", "add the offset"),
    "reads_the_server": (LOUD.format("open('/proc/1/mem', 'rb')"), "PermissionError"),
    "new_namespaces": (CALL.format("libc.unshare(0x10000000)"), "Errno (1|28)"),
    "traces": (CALL.format("libc.ptrace(16, 1, 0, 0)"), "Errno 1"),
    "limits_the_server": (
        LOUD.format("import resource; resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))"),
        "ended twice",
    ),
    "crowd_of_memory": (CROWD, "too much memory"),
    "crowd_of_processes": (
        LOUD.format("import os; [os.fork() or time.sleep(60) for _ in range(99)]"),
        "more than|BlockingIO|NameError",
    ),
    "fills_the_scratch": (LOUD.format("[open(str(n), 'wb').write(bytes(1 << 24)) for n in range(9)]"), "No space left"),
    "large_file": (LOUD.format("open('large', 'wb').write(bytes(100 << 20))"), "File too large|No space"),
    "leaves_files": (LEAVES, "add the offset"),
    "looks_for_files": (LOUD.format("import os; raise ValueError(os.listdir('/scratch'))"), r"ValueError: \[\]"),
    "looks_for_processes": (
        LOUD.format("import os; raise ValueError(sum(n.isdigit() for n in os.listdir('/proc')))"),
        "ValueError: 3 ",
    ),
    "sets_the_kernel": (LOUD.format("open('/proc/sys/kernel/core_pattern', 'r+')"), "Read-only|Permission"),
    "reads_users": (LOUD.format("open('/etc/passwd')"), "FileNotFoundError"),
    "reads_environment": (
        LOUD.format("import os; raise ValueError(os.environ.get('N2V_TEST_SECRET'))"),
        "ValueError: None",
    ),
    "changes_packages": (LOUD.format("open(np.__file__, 'a')"), "Read-only|Permission"),
    "changes_the_run": (LOUD.format("open(out_dir + '/new', 'w')"), "NameError|Read-only"),
    "abstract_socket": (
        LOUD.format("import socket; socket.socket(socket.AF_UNIX).connect('\\0n2v-test-listener')"),
        "refused",
    ),
    "another_students_words": ("# secret-of-another\ndef shifted(values):\n    return values\n", "add the offset"),
}
if WHY_NOT is None:
    ATTACKS |= SHUT


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """Marks of all attackers, graded in one go beside an honest student, and the folder."""
    place = tmp_path_factory.mktemp("attacks")
    submissions = place / "submissions"
    tiny.hand_in(submissions, "honest")
    for name, (code, _) in ATTACKS.items():
        tiny.hand_in(submissions, name, e1=code)
    (place / "run").mkdir()
    sources = find_sources(tiny.notebooks(place / "notebooks"))
    with pytest.MonkeyPatch.context() as patch, socket.socket(socket.AF_UNIX) as listener:
        patch.setenv("N2V_TEST_SECRET", "the instructor's")
        listener.bind("\0n2v-test-listener")
        listener.listen()
        marks, _ = grade(sources, submissions, place / "run", LIMITS, trusted=True)
    return {(mark.student, mark.exercise): mark for mark in marks}, place


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_loses_its_own_marks_with_a_reason(attacked, name):
    marks, _ = attacked
    lost, kept = marks[name, "07-1"], marks[name, "07-2"]
    assert lost.marks == 0 and lost.max == 2
    assert lost.feedback and re.search(ATTACKS[name][1], lost.feedback), lost.feedback
    assert (kept.marks, kept.feedback) == (1, "right")


def test_the_honest_answer_beside_them_is_right(attacked):
    assert [attacked[0]["honest", name].marks for name in tiny.RIGHT] == [2, 1]


def test_hidden_tests_stay_hidden(attacked):
    said = " ".join(mark.feedback for mark in attacked[0].values())
    assert "-5.0" not in said and "allclose" not in said


@pytest.fixture(scope="module")
def class_room(tmp_path_factory):
    """Students through the command line; and the attacks that need a path. A socket listens beside them."""
    place = tmp_path_factory.mktemp("class")
    submissions, victim = place / "submissions", place / "victim"
    victim.mkdir()
    (victim / "kept.txt").write_text("kept")
    (place / "run").mkdir()
    tiny.hand_in(submissions, "right")
    tiny.hand_in(submissions, "=wrong", e2="def largest(numbers):\n    return max(numbers, key=abs)\n")
    deletes = f"import shutil\nshutil.rmtree({str(victim)!r}, ignore_errors=True)\nopen({str(victim / 'new')!r}, 'w')\n"
    tiny.hand_in(submissions, "deletes", e1=deletes + "def shifted(values):\n    return values\n")
    tiny.hand_in(submissions, "copies", e1=f"import os\nos.listdir({str(submissions)!r})\n")
    tiny.hand_in(submissions, "reads", e1=f"open({str(place / 'notebooks' / '07_tiny.py')!r})\n")
    tiny.hand_in(submissions, "forks", e1="import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n")
    tiny.hand_in(submissions, "speaks", e1="import socket\nsocket.create_connection(('127.0.0.1', 9), 1)\n")
    connects = f"import socket\nsocket.socket(socket.AF_UNIX).connect({str(place / 'socket')!r})\n"
    tiny.hand_in(submissions, "connects", e1=connects)
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
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "socket"))
        listener.listen()
        listener.settimeout(0.1)
        yield place, words, listener


@needs_sandbox
def test_a_class_from_the_command_line(class_room, capsys):
    place, words, listener = class_room
    with socket.socket(socket.AF_UNIX) as known:  # the listener can be reached, from outside
        known.connect(str(place / "socket"))
        listener.accept()[0].close()
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
    assert (place / "victim" / "kept.txt").exists() and not (place / "victim" / "new").exists()
    for name in ("deletes", "copies", "reads", "connects"):
        assert lost[name, "07-1"].startswith("FileNotFoundError"), "of this machine's files nothing can be seen"
    with pytest.raises(TimeoutError):
        listener.accept()
    assert "unreachable" in lost["speaks", "07-1"] or "refused" in lost["speaks", "07-1"]
    assert result["sandbox"].startswith("bubblewrap and limits") and not left_over(b"n2v-daemon")
    assert ("as root" in result["sandbox"]) is (os.getuid() == 0)


def test_without_a_sandbox_grading_is_refused_unless_trusted(tmp_path, monkeypatch):
    """Limits alone still end loops and exits, and keep the marks apart."""
    monkeypatch.setattr("n2v.course.grade.trouble", lambda: "bubblewrap (bwrap) is not installed")
    chosen = ("loops", "eats_memory", "exits_hard", "patches_numpy", "reads_the_judge")
    tiny.hand_in(tmp_path / "submissions", "honest")
    for name in chosen:
        tiny.hand_in(tmp_path / "submissions", name, e1=ATTACKS[name][0])
    (tmp_path / "run").mkdir()
    sources = find_sources(tiny.notebooks(tmp_path / "notebooks"))
    with pytest.raises(BadInput, match=r"bwrap\) is not installed; install bubblewrap .*--trusted"):
        grade(sources, tmp_path / "submissions", tmp_path / "run", LIMITS)
    marks, how = grade(sources, tmp_path / "submissions", tmp_path / "run", LIMITS, trusted=True)
    found = {(mark.student, mark.exercise): mark for mark in marks}
    assert how.startswith("none (bubblewrap") and [found["honest", name].marks for name in tiny.RIGHT] == [2, 1]
    for name in chosen:
        assert found[name, "07-1"].marks == 0 and found[name, "07-2"].marks == 1
        assert re.search(ATTACKS[name][1], found[name, "07-1"].feedback)


@needs_sandbox
def test_submissions_where_answers_can_look_are_refused(tmp_path, monkeypatch):
    tiny.hand_in(tmp_path / "submissions", "ann")
    monkeypatch.setattr("n2v.course.contained.visible", lambda: [tmp_path])
    with pytest.raises(BadInput, match="where answers can look; move it"):
        contained.refuse_visible([tmp_path / "submissions"])


@needs_sandbox
def test_when_an_answer_has_ended_nothing_of_it_is_left(tmp_path):
    """Eight processes that ignore signals and answer nothing: gone when the verdict is there."""
    crowd = "import os, signal\nsignal.signal(15, signal.SIG_IGN)\nfor _ in range(3): os.fork()\nwhile True: pass\n"
    task = Task("07-1", crowd, [], ["f"], "f()", [])
    with contained.Contained(tmp_path, Limits(seconds=2), True) as box:
        assert box.verdict(asdict(task)) == "f ran out of time (limit 2 s)"
        assert len(children_of(box.process.pid)) == 1, "the one that serves"


def children_of(process: int) -> list[int]:
    """All processes below one."""
    found = []
    for path in Path("/proc").glob(f"{process}/task/*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *children_of(child)]
    return found


def test_what_the_author_s_own_answer_fails_is_not_graded(tmp_path):
    """A broken check, or an artefact that is not there, costs nobody marks, and is said."""
    text = tiny.NOTEBOOK.replace("limits = [1, 2]", "limits = [*open(out_dir + '/numbers')]")
    text = text.replace("values) + OFFSET", "values) - OFFSET")
    tiny.hand_in(tmp_path / "submissions", "ann")
    words = ["assignment", "grade", str(tmp_path / "submissions"), "--out", str(tmp_path / "grades.csv")]
    words += ["--run", str(tmp_path / "run"), "--trusted"]
    (tmp_path / "run").mkdir()
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
