"""The chain over tiny notebooks: what runs, what is refused, and what is recorded when something breaks."""

import json
import os
from pathlib import Path

import pytest

from n2v.errors import BadInput
from n2v.show.chain import LIMIT_S, read_lessons, reproduce

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
from n2v.show.record import Recorder
place = Path(out_dir) / "ran.txt"
place.write_text((place.read_text() if place.exists() else "") + "{number} ")
Recorder(out_dir, "{number}").metric("seed", seed)
assert not interactive"""


def lesson(folder: Path, number: str, needs: list[str], makes: list[str], code: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{number}_lesson.py"
    body = code or GOOD.format(number=number)
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


def test_a_good_chain_runs_in_order_and_resume_runs_only_what_changed(notebooks, tmp_path, capfd):
    out = tmp_path / "out"
    run = reproduce("smoke", out, notebooks, seed=7)
    assert run["ok"] and ran(out) == ["01", "02"]
    assert json.loads((out / "run.json").read_text())["notebooks"]["02_lesson"]["status"] == "ok"
    assert json.loads((out / "metrics.json").read_text())["02"]["seed"] == 7
    for name in ("report.html", "notebooks/01_lesson.ipynb", "notebooks/02_lesson.html"):
        assert (out / name).stat().st_size > 0
    written = capfd.readouterr()
    assert written.out == "" and "02_lesson: ok" in written.err
    assert "01_lesson: running, about 1 min" in written.err

    assert reproduce("smoke", out, notebooks, seed=7, resume=True)["ok"] and ran(out) == ["01", "02"]
    lesson(notebooks, "02", ["a"], ["b"], GOOD.format(number="02") + "\nassert seed == 7")
    assert reproduce("smoke", out, notebooks, seed=7, resume=True)["ok"] and ran(out) == ["01", "02", "02"]
    assert "N2V_HEADLESS" not in os.environ


def test_resume_repeats_what_follows_a_notebook_made_anew(notebooks, tmp_path):
    out = tmp_path / "out"
    reproduce("smoke", out, notebooks)
    reproduce("smoke", out, notebooks, only=("01",))
    reproduce("smoke", out, notebooks, resume=True)
    assert ran(out) == ["01", "02", "01", "02"]


def test_an_interrupted_notebook_is_not_taken_for_its_earlier_success(notebooks, tmp_path, monkeypatch):
    out = tmp_path / "out"
    table = 'from n2v.show.record import Recorder\nRecorder(out_dir, "01").table("table-3.1", [{"a": 1}], "counts")'
    lesson(notebooks, "01", [], ["a"], GOOD.format(number="01") + "\n" + table)
    assert reproduce("smoke", out, notebooks)["ok"]

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("n2v.show.chain.execute", interrupt)
        with pytest.raises(KeyboardInterrupt):
            reproduce("smoke", out, notebooks)
    assert not (out / "tables" / "table-3.1.csv").exists()
    assert "interrupted before it ended" in (out / "report.html").read_text()
    assert reproduce("smoke", out, notebooks, resume=True)["ok"] and ran(out) == ["01", "02", "01", "02"]
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
        ("[1]", "no n2v header"),
    ],
)
def test_a_header_that_cannot_be_used_is_named(notebooks, wrong, message):
    path = notebooks / "02_lesson.py"
    good = '{needs: ["a"], makes: ["b"], minutes: {smoke: 1, laptop: 1}}'
    assert good in path.read_text()
    path.write_text(path.read_text().replace(good, wrong))
    with pytest.raises(BadInput, match=f"02_lesson.py: .*{message}"):
        read_lessons(notebooks)


def test_resume_with_another_seed_repeats_everything(notebooks, tmp_path):
    out = tmp_path / "out"
    reproduce("smoke", out, notebooks, only=("01",))
    reproduce("smoke", out, notebooks, only=("01",), resume=True, seed=1)
    assert ran(out) == ["01", "01"]


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


def test_what_an_earlier_run_measured_does_not_pass_for_new(notebooks, tmp_path):
    out = tmp_path / "out"
    table = 'from n2v.show.record import Recorder\nRecorder(out_dir, "02").table("table-4.1", [{"a": 1}], "old")'
    lesson(notebooks, "02", ["a"], ["b"], table)
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
