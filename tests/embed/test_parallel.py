"""Two processes on this machine (gloo): they take the step that one would take, and one of them writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from one_step import one_step
from safetensors.torch import load_file

from n2v.embed.model import load_model
from n2v.embed.parallel import ALONE, processes
from n2v.errors import BadInput
from n2v.files import read_json

HERE = Path(__file__).parent
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def in_two_processes(arguments: list[str]) -> subprocess.CompletedProcess:
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*TORCHRUN, *arguments], env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_two_processes_take_the_step_of_one(zoo, tmp_path):
    """Gradients, running statistics and loss to 1e-5; NeRFs differ in their numbers of rays and empty points."""
    in_two_processes([str(HERE / "one_step.py"), str(zoo.folder), str(tmp_path / "two.safetensors")])
    two = load_file(tmp_path / "two.safetensors")
    loss, one = one_step(zoo, ALONE, 0, 4)
    assert float(two.pop("loss")) == pytest.approx(loss, abs=1e-6)
    assert two.keys() == one.keys() and any("running_var" in name for name in one)
    for name, expected in one.items():
        torch.testing.assert_close(two[name], expected, atol=1e-5, rtol=1e-4, msg=name)
    halves = [one_step(zoo, ALONE, *part)[1] for part in ((0, 2), (2, 4))]  # without shared statistics and counts
    apart = max(float(((a + b) / 2 - one[name]).abs().max()) for name, a, b in pairs(halves))
    assert apart > 1e-4


def pairs(halves):
    return [(name, halves[0][name], halves[1][name]) for name in halves[0]]


def test_training_under_torchrun_writes_one_run(zoo, tmp_path):
    words = ["train", str(zoo.folder), "--out", str(tmp_path), "--profile", "smoke", "--steps", "3", "--device", "cpu"]
    done = in_two_processes(["-m", "n2v.cli", *words])
    record = read_json(tmp_path / "run.json")
    assert (record["processes"], record["steps"], record["n_nerfs"]) == (2, 3, 3)
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [3]
    assert done.stdout.count("n nerfs") == 1
    model = load_model(tmp_path)
    assert torch.isfinite(model.encode(torch.from_numpy(zoo.field_weights()))).all()


def test_cuda_is_not_pretended():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(BadInput, match="no CUDA device"), processes("cuda"):
        pass
