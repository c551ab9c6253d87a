"""The command line: exit codes, one line for mistakes, JSON, and help that is quick."""

import errno
import json
import os
import re
import shlex
import subprocess
import sys
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from n2v import __version__, cli
from n2v.commands.show import doctor
from n2v.errors import BadInput
from n2v.publish.doctor import CHECKS, examine

ROOT = Path(__file__).parents[1]
EVERY = (
    "doctor", "shapes", "render", "pictures import", "fit", "zoo info", "zoo verify",
    "zoo merge", "zoo pack", "zoo import", "zoo export", "view", "train", "embed", "classify", "retrieve",
    "interpolate", "generate", "benchmark", "reproduce", "report", "site",
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


LONG = "a/path/" + "that/goes/on/" * 20 + "x"


@pytest.mark.parametrize(
    "words, said",
    [
        ("bogus", "n2v: no command 'bogus'; use one of doctor, shapes, render, pictures, fit, zoo, view, "),
        ("--bogus", "n2v: no command '--bogus'; use one of doctor, "),
        ("zoo", "n2v zoo: no command given; use one of info, verify, merge, pack, import, export"),
        ("zoo bogus", "n2v zoo: no command 'bogus'; use one of info, verify, merge, pack, import, export"),
        ("shapes --out x --sed 1", "n2v shapes: the following arguments are required: --per-class"),
        ("view", "n2v view: the following arguments are required: ZOO, OBJECT_ID, --out"),
        ("train a --out b --encoder row", "n2v train: --encoder: invalid choice: 'row' (choose from "),
        (f"train a --out b --device {LONG}", f"n2v train: --device: invalid choice: '{LONG}' (choose from "),
        ("train a --out b --seeed 3", "n2v train: unknown: --seeed, 3; did you mean --seed?"),
        (f"zoo info a {LONG}", f"n2v zoo info: unknown: {LONG}"),
        ("train a --out b --seed x", "n2v train: --seed: invalid int value: 'x'"),
        ("train a --out b --steps 1.5", "n2v train: --steps: invalid int value: '1.5'"),
        ("train a --out b --minutes x", "n2v train: --minutes: invalid float value: 'x'"),
        ("retrieve e --out x --k 1 x", "n2v retrieve: --k: invalid int value: 'x'"),
        ("embed a b --out", "n2v embed: --out: expected one argument"),
        ("assignment list --notebooks x 02 --bogus", "n2v assignment list: unknown: --bogus"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(words, said, capsys):
    assert cli.main(words.split()) == 2
    printed, prog = capsys.readouterr(), said.split(":")[0]
    assert printed.out == "" and printed.err.startswith(said) and printed.err.count("\n") == 1
    assert printed.err.endswith(f"; see: {prog} --help\n")


def test_help_on_a_group_lists_first_paragraphs(capsys):
    for words, there in ((["--help"], "assignment"), (["zoo", "-h"], "export"), (["pictures", "--help"], "import")):
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
        printed = capsys.readouterr().out
        assert stop.value.code == 0 and there in printed and "Example" not in printed


def test_every_example_parses():
    """What each command's help shows. The example of a command in n2v/commands/zoo.py is optional."""
    shown = {name: re.findall(r"Example: n2v (.*)", function.__doc__) for name, function in cli.commands().items()}
    assert [name for name, lines in shown.items() if len(lines) != 1] in ([], ["fit", "zoo info"])
    for name, lines in shown.items():
        for line in lines:
            assert line.startswith(name) and cli.asked(shlex.split(line)).func is cli.commands()[name]


@pytest.mark.parametrize("name", [name for name, one in cli.commands().items() if "seed" in signature(one).parameters])
@pytest.mark.parametrize("seed", [-1, 1 << 63, 99999999999999999999])
def test_a_seed_out_of_range_is_refused_before_any_work(name, seed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    needed = [word for one in signature(cli.commands()[name]).parameters.values() for word in filled(one)]
    assert cli.main([*name.split(), *needed, "--seed", str(seed)]) == 2
    assert capsys.readouterr().err == f"n2v: --seed: {seed}; use 0 to 2^63 - 1\n" and not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "words, said",
    [
        ("train a --out b --minutes nan", "--minutes: nan; use a number that is finite"),
        ("train a --out b --minutes inf", "--minutes: inf; use a number that is finite"),
        ("view a b --out c.png --step nan", "--step: nan; use a number that is finite"),
        ("fit a --out b --slurm.memory-gb=-inf", "--slurm.memory-gb: -inf; use a number that is finite"),
        ("assignment grade a --out b.csv --timeout nan", "--timeout: nan; use a number that is finite"),
        ("retrieve a --out b --k", "no value for k; give one or more"),
        ("shapes --out a --per-class 1 --classes", "no value for classes; give one or more"),
        ("zoo merge --out a", "no value for zoos; give one or more"),
        ("retrieve a --out b --k 1 9223372036854775808", "--k: 9223372036854775808; use less than 2^63"),
    ],
)
def test_numbers_that_are_none_and_empty_lists_are_one_line(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(words.split()) == 2
    assert capsys.readouterr().err == f"n2v: {said}\n" and not [*tmp_path.iterdir()]


USED = {  # words before --out; what makes files has a suffix
    "shapes": "--per-class 1", "render": "none", "pictures import": "none", "fit": "none", "zoo pack": "none",
    "zoo merge": f"{ROOT}/data/mini_zoo", "zoo import": "none", "zoo export": f"{ROOT}/data/mini_zoo",
    "view": "none none", "train": "none", "embed": "none none", "classify": "none", "retrieve": "none",
    "interpolate": "none none a b", "generate": "none none --class-name chair", "benchmark": "ruler",
    "assignment grade": "none",
    "assignment build": f"02 --notebooks {ROOT}/notebooks",
}  # fmt: skip
MADE_AS_FILES = {"view": "x.png", "embed": "x.safetensors", "assignment grade": "x.csv"}
GOES_ON = {"reproduce"}  # by itself: only what is not up to date is made again


def test_every_command_with_an_out_is_known():
    assert {name for name, one in cli.commands().items() if "out" in signature(one).parameters} == {*USED, *GOES_ON}


@pytest.mark.parametrize("name", USED)
def test_what_is_at_out_is_kept(name, tmp_path, monkeypatch, capsys):
    """The rule of CONVENTIONS.md: no --resume, no --force, then nothing is touched."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / MADE_AS_FILES.get(name, "used")
    kept = out if out.suffix else out / "02_one_nerf.ipynb"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("years of work")
    run = ["--run", str(tmp_path)] if name == "assignment grade" else []
    assert cli.main([*name.split(), *USED[name].split(), "--out", str(out), *run]) == 2
    said = capsys.readouterr().err
    assert (
        re.search(r"there is something already|holds something else|is there already", said) and said.count("\n") == 1
    )
    assert kept.read_text() == "years of work" and [*tmp_path.rglob("*")] in ([kept], [out, kept])


def filled(parameter) -> list[str]:
    """Words for a parameter that has to be given."""
    if parameter.default is not parameter.empty:
        return []
    positional = len(getattr(parameter.annotation, "__metadata__", ())) == 2
    return ["1"] if positional else [f"--{parameter.name.replace('_', '-')}", "1"]


@pytest.mark.parametrize(
    "words",
    [
        ["assignment", "build", "02", "--out", "FILE"],
        ["view", "zoo", "chair-0000", "--out", "FILE/x.png"],
        ["train", "data/mini_zoo", "--profile", "smoke", "--steps", "1", "--out", "FILE"],
        ["embed", "run", "zoo", "--out", "FILE/deeper/e.safetensors"],
        ["reproduce", "--only", "05", "--out", "FILE"],
    ],
)
def test_a_file_where_a_folder_has_to_be_is_one_line(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    place = tmp_path / "FILE"
    place.write_text("kept")
    assert cli.main([word.replace("FILE", str(place)) for word in words]) == 2
    assert capsys.readouterr().err == f"n2v: {place}: is a file; choose another --out\n"
    assert place.read_text() == "kept" and [*tmp_path.iterdir()] == [place]


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


def test_what_to_mend_stands_under_its_row():
    rows = [{"part": "a", "state": "ok", "mend": ""}, {"part": "b", "state": "absent", "mend": "install b"}]
    assert cli.summary({"parts": rows}).splitlines() == [
        "parts", "  part  state", "  a     ok", "  b     absent", "      mend: install b",
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

    monkeypatch.setattr("n2v.publish.doctor.CHECKS", (*CHECKS, ("probe", broken, True, "nothing", "mend it")))
    rows = {row["part"]: row for row in examine()}
    for part in ("python", "torch", "embree"):
        assert rows[part]["state"] == "ok" and rows[part]["mend"] == ""
    assert rows["probe"]["state"] == "MISSING" and rows["probe"]["mend"] == "mend it"
    assert rows["probe"]["found"] == "OSError: libcuda.so.1: cannot open shared object file"
    assert rows["data/mini_zoo"]["found"] == "585 NeRFs"
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.3.3")
    monkeypatch.setattr("n2v.publish.doctor.CHECKS", tuple(one for one in CHECKS if one[0] == "n2v's name"))
    (row,) = examine()
    assert row["found"] == "a distribution n2v 0.3.3 is installed, too" and "Noise2Void" in row["mend"]
    assert all("n2v[" not in row["mend"] for row in rows.values())


def test_doctor_says_what_an_engine_said_once(monkeypatch):
    said = {"tcnn": "tinycudann is not installed; get a GPU", "triton": "RuntimeError: no CUDA device"}
    monkeypatch.setattr("n2v.nerf.engines.try_out", lambda name, apart=False: (False, said.get(name, "x")))
    monkeypatch.setattr("n2v.publish.doctor.CHECKS", tuple(one for one in CHECKS if one[0] in said))
    found = {row["part"]: (row["found"], row["mend"]) for row in examine()}
    assert found["tcnn"] == ("tinycudann is not installed", "get a GPU")
    assert found["triton"] == ("no CUDA device", "needs an NVIDIA GPU")


@pytest.mark.parametrize("trouble, state", [(None, "ok"), ("bubblewrap (bwrap) is not installed", "absent")])
def test_doctor_says_whether_grading_can_shut_students_code_in(monkeypatch, trouble, state):
    monkeypatch.setattr("n2v.publish.doctor.CHECKS", ())
    monkeypatch.setattr("n2v.course.contained.trouble", lambda: trouble)
    (row,) = doctor()["parts"]
    assert (row["part"], row["state"]) == ("sandbox", state)
    assert not trouble or (row["found"] == trouble and "install bubblewrap" in row["mend"])


def test_objects_become_a_nerf_to_look_at(tmp_path, capsys):
    shapes, views, zoo = (str(tmp_path / name) for name in ("shapes", "views", "zoo"))
    for words in (
        ["shapes", "--out", shapes, "--per-class", "1", "--augment", "0", "--classes", "chair"],
        ["render", shapes, "--out", views, "--views", "8", "--held-out", "1", "--size", "32"],
        ["fit", views, "--out", zoo, "--profile", "smoke", "--steps", "200", "--workers", "1"],
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
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    os.close(writing)
    assert done.returncode == 141 and done.stderr == b""
