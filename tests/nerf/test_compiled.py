"""Every kernel, compiled as it is launched, fits real GPUs: no device is needed, only the compiler."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="triton is not installed: its kernels were NOT compiled")
from compiled import loop_of, restaged

ROOT = Path(__file__).parents[2]
HERE = "here"
OLDER = "3.6.0"  # what PyTorch 2.11 brings along
LIMIT_KIB = {80: 163, 86: 99, 89: 99, 90: 227}  # shared memory a program may ask for
MOST_SPILLED = 256  # bytes a thread
MOST_STALLS = {"field_forward": 40, "backward": 90}  # cycles a sample on sm_90, see compiled.py
FIELD = ("field_forward", "field_backward", "input_backward")


def older_triton() -> Path:
    """A folder of the environment with that Triton alone, made once; skips where no package index answers."""
    folder = Path(sys.prefix) / f"triton-{OLDER}"
    if not (folder / "triton").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--target", folder, f"triton=={OLDER}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"triton {OLDER} could not be installed: its kernels were NOT compiled")
    return folder


@cache
def rows_of(version: str, arch: int, *options: str) -> dict[str, dict]:
    """All launches of one architecture, by kernel, from a process of its own."""
    paths = [str(ROOT)] if version == HERE else [str(older_triton()), str(ROOT)]
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join(paths), "TRITON_INTERPRET": "0", "TRITON_ALWAYS_COMPILE": "1",
        "TRITON_DUMP_PTXAS_LOG": "1",
    }  # fmt: skip
    command = [sys.executable, ROOT / "tests/nerf/compiled.py", *options, "--json", str(arch)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert version == HERE or {row["triton"] for row in rows} == {version}
    return {row["kernel"]: row for row in rows}


pytestmark = pytest.mark.timeout(900)  # eight times three compilations, and once an installation
every_card = pytest.mark.parametrize("arch", LIMIT_KIB)
every_triton = pytest.mark.parametrize("version", [HERE, OLDER])


@pytest.mark.slow
@every_triton
@every_card
def test_every_kernel_fits(version, arch):
    rows = rows_of(version, arch)
    assert sorted(rows) == sorted(FIELD)
    for row in rows.values():
        assert row["shared"] <= LIMIT_KIB[arch] * 1024, row
        assert row["spilled"] is not None and row["spilled"] <= MOST_SPILLED, row
        assert row["mma"] > 0 and row["restaged"] == 0 and row["sines"] > 0, row


@pytest.mark.slow
@every_triton
def test_a_sample_costs_few_cycles(version):
    rows = rows_of(version, 90)
    backward = rows["field_backward"]["stalls"] + rows["input_backward"]["stalls"]
    assert 0 < rows["field_forward"]["stalls"] <= MOST_STALLS["field_forward"]
    assert 0 < backward <= MOST_STALLS["backward"]


@pytest.mark.slow
def test_what_does_not_fit_is_noticed():
    """The tiles of large cards on a small one."""
    rows = rows_of(HERE, 86, "--large", "--only=field_backward")
    assert rows["field_backward"]["shared"] > LIMIT_KIB[86] * 1024


def test_the_counter_counts():
    code = [("MOV", 9), (".L_x_0", 0), ("FADD", 2), ("@P0 BRA `(.L_x_1)", 3), (".L_x_1", 0), ("FMUL", 4)]
    code += [("@!P1 BRA `(.L_x_0)", 5), ("EXIT", 7)]
    assert sum(stall for _, stall in loop_of(code)) == 14  # jumps forward make no loop
    assert loop_of(code[:-2]) == []
    graph = (
        "  %w = tt.load %p\n  %z = scf.for %i {\n    %s = ttg.local_alloc %w : f16\n    %t = ttg.local_alloc %x : f16"
    )
    assert restaged(graph) == 1  # %w is from before the loop, %x is not
