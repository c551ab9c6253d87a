"""The chain over tiny notebooks: what runs, what is refused, and what is recorded when something breaks."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from n2v.cli import main
from n2v.errors import BadInput
from n2v.publish.chain import LIMIT_S, reproduce
from n2v.publish.notebooks import read_lessons
from n2v.zoo.shards import FolderLock

ROOT = Path(__file__).parents[2]

HEADER = """# ---
# jupyter:
#   jupytext:
#     text_representation: {{extension: .py, format_name: percent}}
#   n2v: {{needs: {needs}, makes: {makes}, minutes: {{smoke: 1, laptop: 1}}}}
# ---

# %% [markdown]
# # A lesson

# %% tags=["parameters"]
profile: str = "smoke"
out_dir: str = "runs/smoke"
seed: int = 0
interactive: bool = True

# %%
{code}
"""
GOOD = """from pathlib import Path
from n2v.publish.record import Recorder
place = Path(out_dir) / "ran.txt"
place.write_text((place.read_text() if place.exists() else "") + "{number} ")
for name in {makes}:
    (Path(out_dir) / f"{{name}}.txt").write_text(f"{{name}} {{seed}}")
Recorder(out_dir, "{number}").metric("seed", seed)
assert not interactive"""


def lesson(folder: Path, number: str, needs: list[str], makes: list[str], code: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{number}_lesson.py"
    body = code or GOOD.format(number=number, makes=makes)
    path.write_text(HEADER.format(needs=json.dumps(needs), makes=json.dumps(makes), code=body))
    return path


@pytest.fixture
def notebooks(tmp_path):
    folder = tmp_path / "notebooks"
    lesson(folder, "01", [], ["a"])
    lesson(folder, "02", ["a"], ["b"])
    return folder


def ran(out: Path) -> list[str]:
    return (out / "ran.txt").read_text().split() if (out / "ran.txt").exists() else []


@pytest.fixture
def at_once(monkeypatch):
    """Run notebooks within this process: for what the chain decides, not for how a kernel behaves."""

    def execute(lesson, given, folder, limit_s, at_cell):
        folder.mkdir(exist_ok=True)
        (folder / f"{lesson.name}.html").write_text("executed")
        nbformat.write(lesson.read(), folder / f"{lesson.name}.ipynb")
        try:
            exec(lesson.text().split("interactive: bool = True", 1)[1], dict(given))
        except ZeroDivisionError as error:
            return {"status": "failed", "cell": 2, "seconds": 0.0, "error": str(error)}
        return {"status": "ok", "cell": None, "seconds": 0.0}

    monkeypatch.setattr("n2v.publish.chain.execute", execute)


def test_a_good_chain_runs_in_order_and_then_is_up_to_date(notebooks, tmp_path, capfd):
    out = tmp_path / "out"
    run = reproduce("smoke", out, notebooks, seed=7)
    assert run["ok"] and ran(out) == ["01", "02"]
    assert json.loads((out / "run.json").read_text())["notebooks"]["02_lesson"]["status"] == "ok"
    assert json.loads((out / "metrics.json").read_text())["02"]["seed"] == 7
    for name in ("report.html", "notebooks/01_lesson.ipynb", "notebooks/02_lesson.html"):
        assert (out / name).stat().st_size > 0
    written = capfd.readouterr()
    assert written.out == "" and "02_lesson: ok" in written.err
    assert "01_lesson: running (not run yet), about 1 min" in written.err

    assert reproduce("smoke", out, notebooks, seed=7)["ok"] and ran(out) == ["01", "02"]
    assert "02_lesson: up to date" in capfd.readouterr().err
    assert "N2V_HEADLESS" not in os.environ


def again(notebooks, out, capfd, **options) -> tuple[list[str], str]:
    """Which notebooks one more pass ran, and what it told."""
    (out / "ran.txt").unlink(missing_ok=True)
    capfd.readouterr()
    reproduce("smoke", out, notebooks, **options)
    return ran(out), capfd.readouterr().err


def test_what_changed_is_run_again_and_what_depends_on_it(notebooks, tmp_path, capfd, at_once):
    out = tmp_path / "out"
    lesson(notebooks, "03", [], ["c"])
    assert again(notebooks, out, capfd)[0] == ["01", "02", "03"]
    assert again(notebooks, out, capfd)[0] == []

    same = GOOD.format(number="01", makes=["a"]) + "\nx = 1"
    lesson(notebooks, "01", [], ["a"], same)
    found, told = again(notebooks, out, capfd)
    assert found == ["01"] and "01_lesson: running (its code" in told  # it made the same: 02 still holds

    path = lesson(notebooks, "01", [], ["a"], same + "\n# a remark")
    path.write_text(path.read_text().replace("# # A lesson", "# # A better lesson"))
    assert again(notebooks, out, capfd)[0] == [] and again(notebooks, out, capfd)[0] == []
    assert "A better lesson" in (out / "notebooks" / "01_lesson.html").read_text()
    lesson(notebooks, "01", [], ["a"], same.replace("\nx = 1", "\n\n# %%\nx = 1"))
    assert again(notebooks, out, capfd)[0] == ["01"]

    lesson(notebooks, "01", [], ["a"], GOOD.format(number="01", makes=["a"]).replace("} {seed}", "} new {seed}"))
    found, told = again(notebooks, out, capfd)
    assert found == ["01", "02"] and "02_lesson: running (a changed)" in told

    (out / "c.txt").write_text("by another hand")
    found, told = again(notebooks, out, capfd)
    assert found == ["03"] and "03_lesson: running (c changed)" in told
    (out / "a.txt").unlink()
    found, told = again(notebooks, out, capfd)
    assert found == ["01"] and "02_lesson: up to date" in told  # made again, byte for byte

    found, told = again(notebooks, out, capfd, seed=1)
    assert found == ["01", "02", "03"] and "a parameter or a package changed" in told
    (out / "notebooks" / "02_lesson.html").unlink()
    found, told = again(notebooks, out, capfd, seed=1)
    assert found == ["02"] and "notebooks/02_lesson.html is missing" in told
    assert again(notebooks, out, capfd, seed=1, fresh=True)[0] == ["01", "02", "03"]


def test_a_changed_library_file_makes_its_users_stale(notebooks, tmp_path, capfd, at_once, monkeypatch):
    out, package = tmp_path / "out", tmp_path / "n2v"
    (package / "publish").mkdir(parents=True)
    for name in ("__init__.py", "publish/__init__.py", "publish/other.py"):
        (package / name).write_text("")
    (package / "publish" / "record.py").write_text('"""Old."""\nfrom n2v.errors import BadInput\n')
    (package / "errors.py").write_text("LIMIT, PART = 1, 'fused.cpp'\n")
    (package / "fused.cpp").write_text("1")
    (package / "unused.cpp").write_text("1")
    monkeypatch.setattr("n2v.publish.freshness.PACKAGE", package)
    lesson(notebooks, "02", ["a"], ["b"], "from pathlib import Path\nPath(out_dir, 'b.txt').write_text('b')")
    assert again(notebooks, out, capfd)[0] == ["01"]
    (package / "publish" / "other.py").write_text("unused = 1\n")
    (package / "unused.cpp").write_text("2")
    (package / "publish" / "record.py").write_text('"""New."""\n# remark\nfrom n2v.errors import BadInput\n')
    assert again(notebooks, out, capfd)[1].count("up to date") == 2
    for path, text in ((package / "errors.py", "LIMIT, PART = 2, 'fused.cpp'\n"), (package / "fused.cpp", "2")):
        path.write_text(text)
        found, told = again(notebooks, out, capfd)
        assert (
            found == ["01"] and "01_lesson: running (its code, the library" in told and "02_lesson: up to date" in told
        )


def test_what_other_code_made_is_removed_and_what_a_kill_left_is_kept(notebooks, tmp_path, at_once, monkeypatch):
    out = tmp_path / "out"
    work = (
        "from pathlib import Path\nplace = Path(out_dir) / 'a'\nplace.mkdir(exist_ok=True)\n"
        "(place / f'{len(list(place.iterdir()))}.txt').write_text('one')"
    )
    lesson(notebooks, "01", [], ["a"], work)
    assert reproduce("smoke", out, notebooks)["ok"] and len(list((out / "a").iterdir())) == 1
    record = json.loads((out / "run.json").read_text())
    record["notebooks"]["01_lesson"] |= {"status": "not run", "error": "interrupted"}
    (out / "run.json").write_text(json.dumps(record))
    assert reproduce("smoke", out, notebooks)["ok"] and len(list((out / "a").iterdir())) == 2
    lesson(notebooks, "01", [], ["a"], work + "\nx = 1")
    assert reproduce("smoke", out, notebooks)["ok"] and len(list((out / "a").iterdir())) == 1

    calls = work + "\nfrom n2v.seeds import child_seed\nchild_seed(0, 1)\n"  # a notebook that says by what it is made
    for more, n_files in (("x = 1", 1), ("x = 2", 2), ("child_seed(0, 2)", 1)):
        path = lesson(notebooks, "01", [], ["a"], calls + more)
        path.write_text(path.read_text().replace("n2v: {", "n2v: {made_by: [n2v.seeds], "))
        assert reproduce("smoke", out, notebooks)["ok"] and len(list((out / "a").iterdir())) == n_files


def test_a_later_notebook_s_folder_of_a_like_name_is_not_the_maker_s(notebooks, tmp_path, capfd, at_once):
    out = tmp_path / "out"
    beside = "from pathlib import Path\nplace = Path(out_dir) / 'a-short.txt'\nplace.write_text(place.name * {n})\n"
    for n in (1, 2):
        lesson(notebooks, "02", ["a"], ["b"], beside.format(n=n) + GOOD.format(number="02", makes=["b"]))
        assert "02" in again(notebooks, out, capfd)[0]
        assert again(notebooks, out, capfd)[0] == []


def test_a_notebook_s_page_belongs_to_its_results(notebooks, tmp_path, capfd, at_once):
    out = tmp_path / "out"
    page = (
        "from pathlib import Path\n(Path(out_dir) / 'pages').mkdir(exist_ok=True)\n"
        "(Path(out_dir) / 'pages' / 'a.html').write_text('a')\n"
    )
    lesson(notebooks, "01", [], ["a"], page + GOOD.format(number="01", makes=["a"]))
    again(notebooks, out, capfd)
    (out / "pages" / "a.html").unlink()
    found, told = again(notebooks, out, capfd)
    assert found == ["01"] and "running (pages/a.html is missing)" in told
    lesson(notebooks, "01", [], ["a"])
    assert again(notebooks, out, capfd)[0] == ["01"] and not (out / "pages" / "a.html").exists()


def test_a_notebook_that_makes_less_than_it_says_has_failed(notebooks, tmp_path, at_once):
    lesson(notebooks, "01", [], ["a"], "x = 1")
    run = reproduce("smoke", tmp_path / "out", notebooks)
    assert not run["ok"] and "it makes a, which is not in the run folder" in run["notebooks"]["01_lesson"]["error"]
    assert run["notebooks"]["02_lesson"]["error"] == "needs a"


def test_one_run_at_a_time_in_a_folder(notebooks, tmp_path, at_once):
    out = tmp_path / "out"
    out.mkdir()
    other = FolderLock(out)
    assert other.alone()
    with pytest.raises(BadInput, match="another run works in this folder"):
        reproduce("smoke", out, notebooks)
    other.release()
    assert reproduce("smoke", out, notebooks)["ok"]


def test_a_killed_run_goes_on_where_it_was(notebooks, tmp_path):
    """SIGKILL of the parent in the middle of notebook 02: 01 is not repeated, 02's cell is on record."""
    out = tmp_path / "out"
    beat = GOOD.format(number="02", makes=["b"]) + (
        "\n\n# %%\nimport time\nfor i in range(600):\n    (Path(out_dir) / 'beat').write_text(str(i))\n"
        "    if (Path(out_dir) / 'go').exists():\n        break\n    time.sleep(0.1)"
    )
    lesson(notebooks, "02", ["a"], ["b"], beat)
    words = ["reproduce", "--profile", "smoke", "--out", str(out), "--notebooks", str(notebooks)]
    run = subprocess.Popen([sys.executable, "-m", "n2v.cli", *words], stderr=subprocess.DEVNULL, cwd=ROOT)
    deadline = time.monotonic() + 200
    while not (out / "beat").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    run.kill()
    run.wait()
    record = json.loads((out / "run.json").read_text())["notebooks"]
    assert record["01_lesson"]["status"] == "ok"
    assert record["02_lesson"]["status"] == "not run" and record["02_lesson"]["cell"] == 3
    time.sleep(2.5)
    last = (out / "beat").read_text()
    time.sleep(0.5)
    assert (out / "beat").read_text() == last, "the kernel outlived its parent"
    (out / "go").touch()
    assert reproduce("smoke", out, notebooks)["ok"] and ran(out) == ["01", "02", "02"]


def test_an_interrupted_notebook_is_not_taken_for_its_earlier_success(notebooks, tmp_path, monkeypatch, at_once):
    out = tmp_path / "out"
    table = 'from n2v.publish.record import Recorder\nRecorder(out_dir, "01").table("table-3.1", [{"a": 1}], "counts")'
    lesson(notebooks, "01", [], ["a"], GOOD.format(number="01", makes=["a"]) + "\n" + table)
    assert reproduce("smoke", out, notebooks)["ok"]

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("n2v.publish.chain.execute", interrupt)
        with pytest.raises(KeyboardInterrupt):
            reproduce("smoke", out, notebooks, fresh=True)
    assert not (out / "tables" / "table-3.1.csv").exists()
    assert "interrupted before it ended" in (out / "report.html").read_text()
    assert reproduce("smoke", out, notebooks)["ok"] and ran(out) == ["01", "02", "01"]
    assert (out / "tables" / "table-3.1.csv").exists()


def test_a_kernel_that_does_not_start_is_recorded(notebooks, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("Kernel didn't respond in 60 seconds")

    monkeypatch.setattr("papermill.execute_notebook", refuse)
    run = reproduce("smoke", tmp_path / "out", notebooks)
    record = run["notebooks"]["01_lesson"]
    assert record["status"] == "failed" and "did not start (Kernel didn't respond" in record["error"]
    assert run["notebooks"]["02_lesson"]["status"] == "not run" and (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{needs: a, makes: [], minutes: {}}", "needs is 'a'; write it as"),
        ("{needs: [], makes: null, minutes: {}}", "makes is None; write it as"),
        ("{needs: [], makes: [], minutes: 3}", "minutes is 3; write it as"),
        ("{needs: [, makes", "not a notebook"),
        ("{needs: [], makes: [], minutes: {}}\n# --", "opens with '# ---' and never closes"),
        ("[1]", "no n2v header"),
    ],
)
def test_a_header_that_cannot_be_used_is_named(notebooks, wrong, message):
    path = notebooks / "02_lesson.py"
    good = '{needs: ["a"], makes: ["b"], minutes: {smoke: 1, laptop: 1}}'
    assert good in path.read_text()
    text = path.read_text().replace(good, wrong)
    path.write_text(text.replace("# --\n# ---\n", "") if "# --\n" in text else text)
    with pytest.raises(BadInput, match=f"02_lesson.py: .*{message}"):
        read_lessons(notebooks)


def test_a_failing_cell_is_recorded_and_what_needs_it_is_not_run(notebooks, tmp_path):
    out = tmp_path / "out"
    lesson(
        notebooks, "01", [], ["a"], "x = 1\n\n# %%\nprint('here')\n\n# %%\nraise ValueError('broken <b> on purpose')"
    )
    lesson(notebooks, "03", [], ["c"])
    run = reproduce("smoke", out, notebooks)
    first, second, third = (run["notebooks"][f"0{i}_lesson"] for i in (1, 2, 3))
    assert not run["ok"] and first["status"] == "failed" and first["error"] == "ValueError: broken <b> on purpose"
    assert first["cell"] == 4  # markdown, parameters, x, print, raise; counted from 0
    assert second["status"] == "not run" and second["error"] == "needs a"
    assert third["status"] == "ok" and ran(out) == ["03"]
    page = (out / "report.html").read_text()
    assert "broken &lt;b&gt; on purpose" in page and "broken <b>" not in page
    assert "broken" in (out / "notebooks" / "01_lesson.html").read_text()


def test_a_killed_kernel_is_recorded(notebooks, tmp_path):
    lesson(notebooks, "01", [], ["a"], "import os\n\n# %%\nos.kill(os.getpid(), 9)\n\n# %%\nprint('never')")
    run = reproduce("smoke", tmp_path / "out", notebooks)
    record = run["notebooks"]["01_lesson"]
    assert record["status"] == "failed" and record["cell"] == 3 and "kernel died" in record["error"]
    assert run["notebooks"]["02_lesson"]["status"] == "not run"


def test_a_notebook_over_its_time_is_stopped(notebooks, tmp_path, monkeypatch):
    monkeypatch.setitem(LIMIT_S, "smoke", 2)
    lesson(notebooks, "01", [], ["a"], "import time\ntime.sleep(60)")
    run = reproduce("smoke", tmp_path / "out", notebooks, only=("01",))
    record = run["notebooks"]["01_lesson"]
    assert record["status"] == "failed" and "longer than 2 s" in record["error"] and record["seconds"] < 30


def test_what_an_earlier_run_measured_does_not_pass_for_new(notebooks, tmp_path, at_once):
    out = tmp_path / "out"
    table = 'from n2v.publish.record import Recorder\nRecorder(out_dir, "02").table("table-4.1", [{"a": 1}], "old")'
    lesson(notebooks, "02", ["a"], [], table)
    assert reproduce("smoke", out, notebooks)["ok"] and (out / "tables" / "table-4.1.csv").exists()
    lesson(notebooks, "01", [], ["a"], "1 / 0")
    assert not reproduce("smoke", out, notebooks)["ok"]
    assert not (out / "tables" / "table-4.1.csv").exists() and not list((out / "items").glob("*"))


def test_a_name_that_is_no_parameter_is_refused_before_anything_runs(notebooks, tmp_path):
    with pytest.raises(BadInput, match=r"01_lesson.py: no parameter sed; it has: profile, out_dir, seed, interactive"):
        reproduce("smoke", tmp_path / "out", notebooks, parameters={"sed": 1})
    assert ran(tmp_path / "out") == []


def test_a_need_that_nothing_makes_is_refused(notebooks):
    lesson(notebooks, "02", ["zoo"], ["b"])
    with pytest.raises(BadInput, match=r"02_lesson.py: needs zoo, which no earlier notebook makes"):
        read_lessons(notebooks)


def test_user_mistakes_are_named(notebooks, tmp_path):
    for wrong, message in (({"only": ("09",)}, "no notebook 09"), ({"profile": "huge"}, "unknown profile 'huge'")):
        with pytest.raises(BadInput, match=message):
            reproduce(**{"profile": "smoke", "out": tmp_path / "out", "notebooks": notebooks, **wrong})
    (notebooks / "03_plain.py").write_text("# %%\nprint(1)\n")
    with pytest.raises(BadInput, match="03_plain.py: no n2v header"):
        read_lessons(notebooks)
    with pytest.raises(BadInput, match="no notebooks"):
        read_lessons(tmp_path)


def test_only_one_without_what_it_needs_is_not_run(notebooks, tmp_path):
    run = reproduce("smoke", tmp_path / "out", notebooks, only=("02",))
    assert not run["ok"] and run["notebooks"]["02_lesson"]["error"] == "needs a"


@pytest.mark.parametrize(
    ("words", "fresh"), [([], False), (["--resume"], False), (["--fresh"], True), (["--no-resume"], True)]
)
def test_the_command_resumes_unless_told_otherwise(monkeypatch, words, fresh, capsys):
    asked = {}

    def stand_in(profile, out, notebooks, **options):
        asked.update(options, out=out)
        return {"notebooks": {}, "wall_s": 0.0, "ok": True}

    monkeypatch.setattr("n2v.publish.chain.reproduce", stand_in)
    assert main(["reproduce", "--profile", "smoke", "--only", "05, 06", *words]) == 0
    assert asked == {"only": ("05", "06"), "fresh": fresh, "seed": 0, "out": Path("runs/smoke")}
