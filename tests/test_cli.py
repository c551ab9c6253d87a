"""The command line: exit codes, one line for mistakes, JSON, and help that is quick."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from n2v import __version__, cli
from n2v.errors import BadInput
from n2v.show.doctor import CHECKS, examine

EVERY = (
    "doctor", "shapes", "render", "pictures import", "fit", "zoo info", "zoo verify",
    "zoo merge", "zoo pack", "zoo import", "zoo export", "view", "train", "embed", "classify", "retrieve",
    "interpolate", "generate", "reproduce", "report", "site",
    "assignment list", "assignment build", "assignment grade",
)  # fmt: skip


def answer(monkeypatch, result):
    """Make `n2v doctor` return (or raise) something."""

    def doctor() -> dict:
        """Stand-in."""
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr(cli, "commands", lambda: {"doctor": doctor, "zoo info": doctor, "zoo verify": doctor})


def test_every_command_is_there_and_has_help(capsys):
    assert tuple(cli.commands()) == EVERY
    for name in EVERY:
        with pytest.raises(SystemExit) as stop:
            cli.main([*name.split(), "--help"])
        assert stop.value.code == 0
        assert f"usage: n2v {name}" in capsys.readouterr().out
        assert cli.commands()[name].__doc__


@pytest.mark.parametrize("words", [["bogus"], ["zoo"], ["zoo", "bogus"], ["shapes", "--out", "x", "--sed", "1"]])
def test_usage_errors_exit_2(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2 and capsys.readouterr().out == ""


def test_a_user_s_mistake_is_one_line(capsys, tmp_path):
    assert cli.main(["zoo", "info", str(tmp_path / "none")]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("n2v: ") and printed.err.count("\n") == 1
    assert "no zoo here" in printed.err and "Traceback" not in printed.err


def test_mistakes_pass_through_when_asked(monkeypatch, tmp_path):
    monkeypatch.setenv("N2V_TRACEBACK", "1")
    with pytest.raises(BadInput):
        cli.main(["zoo", "info", str(tmp_path)])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_a_full_disk_is_one_line(monkeypatch, capsys, number):
    answer(monkeypatch, OSError(number, os.strerror(number), "runs/x"))
    assert cli.main(["doctor"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("n2v: runs/x: no space left") and printed.count("\n") == 1


def test_a_full_disk_under_safetensors_is_one_line_too(monkeypatch, capsys, tmp_path):
    """Its exception is no OSError. A real write, past the size that the process may write to one file."""
    import resource

    from safetensors.numpy import save_file

    def doctor() -> dict:
        """Stand-in."""
        save_file({"a": np.zeros(100_000, np.float32)}, tmp_path / "a.safetensors")
        return {}

    monkeypatch.setattr(cli, "commands", lambda: {"doctor": doctor, "zoo info": doctor})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        code = cli.main(["doctor"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    printed = capsys.readouterr().err
    assert code == 2 and printed.startswith("n2v: output: no space left") and printed.count("\n") == 1
    answer(monkeypatch, SafetensorError("invalid header"))
    with pytest.raises(SafetensorError):
        cli.main(["doctor"])


def test_a_fault_of_ours_is_not_hidden(monkeypatch):
    answer(monkeypatch, OSError(errno.EIO, "broken disk"))
    with pytest.raises(OSError, match="broken disk"):
        cli.main(["doctor"])


def test_an_interruption_exits_130_with_a_hint(monkeypatch, capsys):
    answer(monkeypatch, KeyboardInterrupt())
    assert cli.main(["doctor"]) == 130 and "--resume" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--json", "doctor"], ["doctor", "--json"], ["zoo", "--json", "info"]])
def test_json_anywhere(monkeypatch, capsys, words):
    answer(
        monkeypatch, {"out": Path("a/b"), "n": np.int64(3), "psnr_db": float("nan"), "rows": [{"x": np.float32(0.5)}]}
    )
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out) == {"out": "a/b", "n": 3, "psnr_db": None, "rows": [{"x": 0.5}]}


def test_a_result_that_is_not_ok_exits_1(monkeypatch, capsys):
    answer(monkeypatch, {"ok": False, "notebooks": [{"notebook": "01", "error": "x"}]})
    assert cli.main(["doctor"]) == 1 and "notebook  error" in capsys.readouterr().out


def test_the_summary_is_readable():
    text = cli.summary({"n_objects": 3, "psnr_db": 22.97947, "rows": [{"a": 1, "b": None}], "ok": True, "ids": [1] * 9})
    assert text.splitlines() == [
        "n objects  3", "psnr db    22.98", "rows", "  a  b", "  1  -", "ok         yes",
        "ids        1, 1, 1, 1, 1, 1, 1, 1 and 1 more",
    ]  # fmt: skip


def test_version(capsys):
    assert cli.main(["--version"]) == 0 and capsys.readouterr().out == f"{__version__}\n"


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from n2v import cli; cli.commands(); print([m for m in ('torch', 'trimesh') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_doctor_tries_every_part_and_survives_a_broken_one(monkeypatch):
    def broken() -> str:
        raise OSError("libcuda.so.1: cannot open shared object file\nmore")

    monkeypatch.setattr("n2v.show.doctor.CHECKS", (*CHECKS, ("probe", broken, True, "nothing", "mend it")))
    rows = {row["part"]: row for row in examine()}
    for part in ("python", "torch", "embree"):
        assert rows[part]["state"] == "ok" and rows[part]["mend"] == ""
    assert rows["probe"]["state"] == "MISSING" and rows["probe"]["mend"] == "mend it"
    assert rows["probe"]["found"] == "OSError: libcuda.so.1: cannot open shared object file"


def test_objects_become_a_nerf_to_look_at(tmp_path, capsys):
    shapes, views, zoo = (str(tmp_path / name) for name in ("shapes", "views", "zoo"))
    for words in (
        ["shapes", "--out", shapes, "--per-class", "1", "--augment", "0", "--classes", "chair"],
        ["render", shapes, "--out", views, "--views", "8", "--held-out", "1", "--size", "32"],
        ["fit", views, "--out", zoo, "--profile", "smoke", "--steps", "60", "--workers", "1"],
    ):
        assert cli.main([*words, "--json"]) == 0
    object_id = next(Path(views, "chair").iterdir()).name
    capsys.readouterr()
    starts = {".png": b"\x89PNG", ".gif": b"GIF89a", ".html": b"<!doctype html>"}
    for suffix, start in starts.items():
        out = tmp_path / f"one{suffix}"
        assert cli.main(["view", zoo, object_id, "--out", str(out), "--size", "24", "--frames", "3"]) == 0
        assert out.read_bytes().startswith(start)
    assert b"://" not in (tmp_path / "one.html").read_bytes()  # no address at all
    assert cli.main(["view", zoo, "chair-none", "--out", str(tmp_path / "x.png")]) == 2
    assert "no object 'chair-none'" in capsys.readouterr().err
    assert (
        cli.main(["view", zoo, object_id, "--out", str(tmp_path / "x.jpg")]) == 2 and not (tmp_path / "x.jpg").exists()
    )


def test_a_reader_who_leaves_early_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "n2v.cli", "zoo", "info", "data/mini_zoo"]
    root = Path(__file__).parents[1]
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, cwd=root, check=False)
    os.close(writing)
    assert done.returncode == 141 and done.stderr == b""
