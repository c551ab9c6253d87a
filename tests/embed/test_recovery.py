"""Training that goes wrong and right: kills, overflow, precision, the best model, records, a control without sense."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from solids import ALIGNED_TINY, ROWS_TINY, SOLIDS, write_zoo

from n2v.embed.batches import TrainingSet
from n2v.embed.checkpoint import Progress
from n2v.embed.model import Nerf2Vec, load_model
from n2v.embed.parallel import Ranks
from n2v.embed.recipe import SampleConfig
from n2v.embed.train import TrainConfig, batch_loss, descend, to_db, train, validation_mse
from n2v.errors import BadInput, MissingPart
from n2v.files import read_json

QUICK = replace(TrainConfig.laptop(n_steps=50), samples=SampleConfig.laptop(96, 32), learning_rate=3e-3, amp=False)
CHILD = """
import sys, torch
from dataclasses import replace
from test_recovery import QUICK, ROWS_TINY, ALIGNED_TINY, train
from n2v.zoo.store import Zoo
torch.set_num_threads(int(sys.argv[4]))
config = {"rows": ROWS_TINY, "aligned": ALIGNED_TINY}[sys.argv[3]]
train(Zoo(sys.argv[1]), replace(QUICK, checkpoint_s=0.0), config, sys.argv[2])
"""


def steps_done(state: Path) -> int:
    try:
        with safe_open(state, "pt") as handle:
            return json.loads(handle.metadata()["numbers"])["done"]
    except (SafetensorError, OSError):
        return 0


@pytest.mark.parametrize("kind", ["rows", "aligned"])
def test_a_killed_run_resumes_on_the_same_trajectory(zoo, tmp_path, kind):
    """SIGKILL in the middle of a process that writes a checkpoint every step; the end is the same to the last bit."""
    model_config = {"rows": ROWS_TINY, "aligned": ALIGNED_TINY}[kind]
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parents[1])])
    words = [str(zoo.folder), str(tmp_path / "parts"), kind, str(torch.get_num_threads())]
    child = subprocess.Popen([sys.executable, "-c", CHILD, *words], env={**os.environ, "PYTHONPATH": paths})
    try:
        while steps_done(tmp_path / "parts" / "training.safetensors") < 3 and child.poll() is None:
            time.sleep(0.01)
    finally:
        child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, "it ended before it was killed"
    stopped = steps_done(tmp_path / "parts" / "training.safetensors")
    parts = train(zoo, QUICK, model_config, tmp_path / "parts", resume=True)
    whole = train(zoo, QUICK, model_config, tmp_path / "whole")
    assert 3 <= stopped < 50 and read_json(tmp_path / "parts" / "run.json")["steps"] == 50
    for (name, expected), found in zip(whole.state_dict().items(), parts.state_dict().values(), strict=True):
        torch.testing.assert_close(found, expected, atol=0, rtol=0, msg=name)
    logs = [(tmp_path / run / "log.jsonl").read_text().splitlines() for run in ("whole", "parts")]
    assert [json.loads(line)["ray_psnr_db"] for line in logs[0]] == [
        json.loads(line)["ray_psnr_db"] for line in logs[1]
    ]
    if kind == "rows":
        with pytest.raises(BadInput, match="another model configuration"):
            train(zoo, QUICK, ALIGNED_TINY, tmp_path / "parts", resume=True)
        state = tmp_path / "parts" / "training.safetensors"
        state.write_bytes(state.read_bytes()[:-9])
        with pytest.raises(BadInput, match="broken checkpoint"):
            train(zoo, QUICK, ROWS_TINY, tmp_path / "parts", resume=True)


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_half_precision_follows_float32_and_resumes(zoo, tmp_path, half):
    """The first loss within 3 %; the scaler's state travels with the checkpoint."""
    training = TrainingSet(zoo)
    mixed = replace(QUICK, n_steps=3, amp=True, half=half)
    torch.manual_seed(0)
    model = Nerf2Vec(ROWS_TINY)
    batch = training.batch(torch.arange(3), QUICK.samples, torch.Generator().manual_seed(0))
    losses = [
        batch_loss(model, training.field_weights, batch, config, torch.Generator().manual_seed(1))[0].item()
        for config in (QUICK, mixed)
    ]
    assert losses[0] != losses[1] and losses[1] == pytest.approx(losses[0], rel=0.03)
    train(zoo, mixed, ROWS_TINY, tmp_path)
    train(zoo, replace(mixed, n_steps=5), ROWS_TINY, tmp_path, resume=True)
    record = read_json(tmp_path / "run.json")
    assert (record["precision"], record["steps"]) == (half, 5) and record["n_overflows"] < 5
    with safe_open(tmp_path / "training.safetensors", "pt") as handle:
        scaler = json.loads(handle.metadata()["numbers"])["scaler"]
    assert bool(scaler) == (half == "float16")


def test_clipping_bounds_the_gradient():
    for clip, expected in ((None, 3000.0), (0.5, 0.5)):
        model = torch.nn.Linear(1, 1, bias=False)
        state = Progress(model, torch.optim.SGD(model.parameters(), lr=0.0), torch.amp.GradScaler("cpu", enabled=False))
        descend(model(torch.tensor([[3000.0]])).sum(), state, replace(QUICK, clip_norm=clip))
        assert float(model.weight.grad.norm()) == pytest.approx(expected, rel=1e-4)


def test_the_best_model_is_the_one_with_the_best_validation(zoo, tmp_path):
    held = write_zoo(tmp_path / "zoo", list(SOLIDS), zoo.field_weights(), zoo.occupied(), rod={"split": "val"})
    run = tmp_path / "run"
    train(held, replace(QUICK, n_steps=12, checkpoint_s=0.0), ROWS_TINY, run)
    lines = [json.loads(line) for line in (run / "validation.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [*range(1, 13), 12]
    values = [line["val_psnr_db"] for line in lines]
    assert read_json(run / "run.json")["best_validation_db"] == max(values) > min(values)
    best = validation_mse(load_model(run / "best"), TrainingSet(held, "val"), QUICK)
    assert to_db(best) == pytest.approx(max(values), abs=1e-3)
    train(zoo, replace(QUICK, n_steps=2), ROWS_TINY, run)  # nothing held out: no best model, not an old one
    assert read_json(run / "run.json")["best_validation_db"] is None
    assert not (run / "best" / "model.safetensors").exists()


def test_weights_of_another_nerf_teach_the_mean_object(zoo):
    """Shuffled anew in each step, the weights say nothing: the decoder learns what no weights at all would teach."""
    training, model_config = TrainingSet(zoo, None), ALIGNED_TINY

    def learn(kind: str) -> float:
        torch.manual_seed(0)
        model = Nerf2Vec(model_config)
        model.encoder.fit_front(training.field_weights)
        optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
        shuffle, errors = torch.Generator().manual_seed(5), []
        for step in range(150):
            generator = torch.Generator().manual_seed(step)
            batch = training.batch(torch.arange(4), QUICK.samples, generator)
            shown = {
                "own": training.field_weights,
                "shuffled": training.field_weights[torch.randperm(4, generator=shuffle)],
                "none": training.field_weights.mean(0).expand(4, -1),
            }[kind]
            loss, mse = batch_loss(model, shown, batch, QUICK, generator)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            errors.append(mse)
        return to_db(sum(errors[-25:]) / 25)

    own, shuffled, none = (learn(kind) for kind in ("own", "shuffled", "none"))
    assert abs(shuffled - none) < 1.0 and own > shuffled + 4, (own, shuffled, none)


def test_wandb_gets_the_numbers_of_the_log(zoo, tmp_path, monkeypatch):
    lines, ended = [], []
    stub = types.ModuleType("wandb")

    def init(**options):
        lines.append(options)
        return types.SimpleNamespace(
            log=lambda values, step: lines.append((step, values)), finish=lambda: ended.append(True)
        )

    stub.init = init
    monkeypatch.setitem(sys.modules, "wandb", stub)
    train(zoo, replace(QUICK, n_steps=4, tracker="wandb"), ROWS_TINY, tmp_path / "run")
    assert lines[0]["config"]["n_steps"] == 4 and ended == [True]
    stored = json.loads((tmp_path / "run" / "log.jsonl").read_text())
    assert lines[1] == (4, {"seconds": stored["seconds"], "ray_psnr_db": stored["ray_psnr_db"]})
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingPart, match=r"-e '\.\[tracking\]'"):
        train(zoo, replace(QUICK, n_steps=4, tracker="wandb"), ROWS_TINY, tmp_path / "other")


def test_a_run_goes_on_with_its_own_nerfs_and_recipe_alone(zoo, tmp_path):
    start = replace(QUICK, n_steps=4, checkpoint_s=0.0)
    train(zoo, start, ROWS_TINY, tmp_path)
    longer = replace(start, n_steps=6, amp=None)
    train(zoo, longer, ROWS_TINY, tmp_path, resume=True)  # a longer budget is no other run
    assert read_json(tmp_path / "run.json")["steps"] == 6
    for other in (replace(longer, seed=1), replace(longer, learning_rate=1e-4)):
        with pytest.raises(BadInput, match="other NeRFs or by another recipe"):
            train(zoo, other, ROWS_TINY, tmp_path, resume=True)
    with pytest.raises(BadInput, match="other NeRFs or by another recipe"):
        train(zoo, longer, ROWS_TINY, tmp_path, split=None, resume=True)


def test_a_fresh_run_takes_away_what_an_earlier_one_left(zoo, tmp_path, monkeypatch):
    """Killed before its first checkpoint, it must not go on from the earlier run's end."""
    train(zoo, replace(QUICK, n_steps=4), ROWS_TINY, tmp_path)

    def killed(trainer):
        raise KeyboardInterrupt

    monkeypatch.setattr("n2v.embed.train._Trainer.run", killed)
    with pytest.raises(KeyboardInterrupt):
        train(zoo, replace(QUICK, n_steps=4), ROWS_TINY, tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert not left & {"training.safetensors", "model.safetensors", "run.json"}


def test_more_processes_than_a_batch_has_nerfs_are_refused(zoo, tmp_path, monkeypatch):
    monkeypatch.setattr("n2v.embed.train.processes", lambda device: nullcontext(Ranks(0, 3)))
    with pytest.raises(BadInput, match="3 processes for batches of 2 NeRFs"):
        train(zoo, replace(QUICK, batch_size=2), ROWS_TINY, tmp_path)
