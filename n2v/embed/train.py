"""Train nerf2vec: each step a few NeRFs, their weights to the encoder, their own renderings as the target."""

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file

from n2v.embed.batches import RayBatch, SampleConfig, TrainingSet, blend, epoch_order
from n2v.embed.encoder import AlignedEncoder
from n2v.embed.model import ModelConfig, Nerf2Vec, save_model
from n2v.errors import BadInput
from n2v.files import atomic_path, progress, provenance, read_json, write_bytes, write_json
from n2v.machine import fast_bfloat16
from n2v.seeds import child_seed
from n2v.zoo.store import Zoo

STATE, LOG = "training.safetensors", "log.jsonl"


@dataclass(frozen=True)
class TrainConfig:
    """How nerf2vec is trained; defaults: the thesis (section 4.1) with its one stated schedule.

    The schedule follows the share of the budget spent: `n_steps`, or `time_budget_s` where that is given.
    """

    batch_size: int = 16  # NeRFs a step
    n_steps: int = 400 * 5625  # 400 epochs of 90,000 NeRFs
    time_budget_s: float | None = None  # seconds; overrides n_steps
    clock: str = "wall"  # of the budget; "cpu" counts the process's own time, fair on a machine with other work
    learning_rate: float = 1e-4  # AdamW
    final_rate: float = 1e-5  # for the last fifth (thesis: last 100 of 500 epochs)
    schedule: str = "steps"  # "steps" as the thesis, or "cosine" with a short warm-up
    weight_decay: float = 1e-2
    foreground_weight: float = 0.8
    background_weight: float = 0.2
    background_loss: str = "smooth_l1"  # "smooth_l1" (authors' code) or "l1" (thesis): of empty points' opacity
    amp: bool | None = None  # bfloat16 layers, float32 activations and compositing; None: where that is fast
    seed: int = 0
    checkpoint_s: float = 60.0  # seconds between checkpoints
    samples: SampleConfig = field(default_factory=SampleConfig)

    @classmethod
    def laptop(cls, time_budget_s: float | None = None, n_steps: int = 2000, seed: int = 0) -> "TrainConfig":
        """Two cores: a hundredth of the coordinates, a higher rate on a cosine, and L1 on empty points.

        Smooth L1 is quadratic near zero, so thin fog around an object costs almost nothing: three memorised objects
        render at 6 to 10 dB through their own decoded occupancy, and at 21 to 25 dB with L1
        (tests/embed/test_training.py).
        """
        return cls(
            n_steps=n_steps,
            time_budget_s=time_budget_s,
            learning_rate=1e-3,
            final_rate=1e-5,
            schedule="cosine",
            background_loss="l1",
            seed=seed,
            samples=SampleConfig.laptop(),
        )

    def __post_init__(self) -> None:
        choices = {"schedule": ("steps", "cosine"), "background_loss": ("smooth_l1", "l1"), "clock": ("wall", "cpu")}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise BadInput(f"unknown {name} '{getattr(self, name)}'", fix=f"use one of: {', '.join(allowed)}")

    @property
    def mixed(self) -> bool:
        """Whether the layers run in bfloat16."""
        return fast_bfloat16() if self.amp is None else self.amp

    def rate_at(self, share: float) -> float:
        """Learning rate after `share` (0 to 1) of the budget."""
        if self.schedule == "steps":
            return self.learning_rate if share < 0.8 else self.final_rate
        warm = min(1.0, share / 0.03 + 0.05)
        return warm * (self.final_rate + (self.learning_rate - self.final_rate) * (1 + math.cos(math.pi * share)) / 2)


def train(
    zoo: Zoo, config: TrainConfig, model_config: ModelConfig, out: Path, *, split: str = "train", resume: bool = False
) -> Nerf2Vec:
    """Train on one split of a zoo and leave a run folder: model, log.jsonl, run.json, and the state to resume from.

    Steps draw from streams named by (seed, step), so a run of `n_steps` that is killed and resumed follows the
    trajectory of an undisturbed one (a run with a time budget follows the clock).
    """
    training = TrainingSet(zoo, split)
    if len(training) < 2:
        raise BadInput(f"{len(training)} NeRFs in split '{split}'", where=zoo.folder, fix="fit at least 2 NeRFs of it")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(child_seed(config.seed, "model"))
    model = Nerf2Vec(model_config)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    if resume and (out / STATE).exists():
        done, spent_s = _restore(model, optimiser, out, model_config)
        _trim_log(out / LOG, done)
    else:
        done, spent_s = 0, 0.0
        (out / LOG).unlink(missing_ok=True)
        if isinstance(model.encoder, AlignedEncoder):
            model.encoder.fit_front(model.visible(training.field_weights))
    done, spent_s = _loop(model, optimiser, training, config, out, done, spent_s)
    model.eval()
    _checkpoint(model, optimiser, out, done, spent_s)
    record = {"config": asdict(config), "model": asdict(model_config), "n_nerfs": len(training)}
    record["skipped"] = training.skipped
    parameters = sum(value.numel() for value in model.parameters())
    write_json(out / "run.json", provenance(**record, n_parameters=parameters, steps=done, wall_s=spent_s))
    return model


def _loop(model, optimiser, training: TrainingSet, config: TrainConfig, out: Path, done: int, spent_s: float):
    """Steps until the budget is spent; returns steps done and seconds spent."""
    now = time.process_time if config.clock == "cpu" else time.perf_counter
    started, saved = now() - spent_s, time.perf_counter()
    steps_an_epoch = len(epoch_order(len(training), config.batch_size, torch.Generator()))
    model.train()
    epoch, parts, shown = -1, [], []
    total = None if config.time_budget_s else config.n_steps
    with progress(total=total, initial=done, desc="training nerf2vec", unit="step") as bar, open(out / LOG, "a") as log:
        while True:
            spent_s = now() - started
            share = spent_s / config.time_budget_s if config.time_budget_s else done / config.n_steps
            if share >= 1:
                if shown:
                    _report(log, bar, done, spent_s, shown, config)
                return done, spent_s
            if done // steps_an_epoch != epoch:
                epoch = done // steps_an_epoch
                stream = torch.Generator().manual_seed(child_seed(config.seed, "epoch", epoch))
                parts = epoch_order(len(training), config.batch_size, stream)
            optimiser.param_groups[0]["lr"] = config.rate_at(share)
            mse = _step(model, optimiser, training, parts[done % steps_an_epoch], config, done)
            done += 1
            shown.append(mse)
            bar.update()
            if done % 50 == 0:
                _report(log, bar, done, spent_s, shown, config)
            if time.perf_counter() - saved > config.checkpoint_s:
                _checkpoint(model, optimiser, out, done, spent_s)
                saved = time.perf_counter()


def _report(log, bar, done: int, spent_s: float, shown: list[float], config: TrainConfig) -> None:
    """One line of the log, and the bar's text: PSNR over the steps since the last one."""
    psnr_db = -10 * math.log10(max(sum(shown) / len(shown), 1e-12))
    log.write(json.dumps({"step": done, "seconds": spent_s, "ray_psnr_db": psnr_db}) + "\n")
    log.flush()
    left = f", {config.time_budget_s - spent_s:.0f} s left" if config.time_budget_s else ""
    bar.set_postfix_str(f"{psnr_db:.1f} dB on rays{left}")
    shown.clear()


def _step(model, optimiser, training: TrainingSet, chosen, config: TrainConfig, done: int) -> float:
    """One optimiser step; returns the foreground mean squared error."""
    stream = torch.Generator().manual_seed(child_seed(config.seed, "step", done))
    torch.manual_seed(child_seed(config.seed, "noise", done))
    batch = training.batch(chosen, config.samples, stream)
    loss, mse = batch_loss(model, training.field_weights[chosen], batch, config, stream)
    optimiser.zero_grad()
    loss.backward()
    if not torch.isfinite(loss):
        raise BadInput("the loss is not finite", where=f"step {done}", fix="lower the learning rate or set amp off")
    optimiser.step()
    return mse


def batch_loss(
    model,  # encodes and decodes as Nerf2Vec does
    field_weights: Float[torch.Tensor, "b w"],
    batch: RayBatch,
    config: TrainConfig,
    generator: torch.Generator,
) -> tuple[Float[torch.Tensor, ""], float]:
    """0.8 * smooth L1 on foreground rays + 0.2 * smooth L1 of empty points' opacity against 0, and the ray MSE.

    Rays are composited over one random background colour each. An empty point's opacity is
    1 - exp(-sigma * step) and points that are not empty are left out of the mean (the authors' code takes the raw
    density for the opacity and averages padding in). Source: thesis eq. 3.3.
    """
    b, n_rays = batch.is_ray.shape
    n = batch.positions.shape[1]
    with torch.autocast("cpu", torch.bfloat16, enabled=config.mixed):
        embedding = model.encode(field_weights)
        sigmas, rgbs = model.decode(embedding, torch.cat([batch.positions, batch.empty], 1))
    shown = blend(sigmas[:, :n], rgbs[:, :n], batch.lengths, batch.slots, b * n_rays).view(b, n_rays, 4)
    background = torch.rand(b, n_rays, 3, generator=generator)
    predicted = shown[..., :3] + background * (1 - shown[..., 3:])
    truth = batch.targets[..., :3] + background * (1 - batch.targets[..., 3:])
    is_ray, is_empty = batch.is_ray[..., None].float(), batch.is_empty.float()
    errors = torch.nn.functional.smooth_l1_loss(predicted, truth, reduction="none")
    n_values = 3 * is_ray.sum().clamp(min=1)
    foreground = (errors * is_ray).sum() / n_values
    opacity = -torch.expm1(-sigmas[:, n:] * config.samples.step)
    measure = getattr(torch.nn.functional, f"{config.background_loss}_loss")
    emptiness = measure(opacity, torch.zeros_like(opacity), reduction="none")
    background_term = (emptiness * is_empty).sum() / is_empty.sum().clamp(min=1)
    mse = float((((predicted - truth) ** 2 * is_ray).sum() / n_values).detach())
    return config.foreground_weight * foreground + config.background_weight * background_term, mse


def _checkpoint(model: Nerf2Vec, optimiser, out: Path, done: int, spent_s: float) -> None:
    """Model first, then the optimiser's state with the step count: a kill between the two loses one checkpoint."""
    save_model(model, out)
    state = {}
    for number, values in optimiser.state_dict()["state"].items():
        state.update({f"{number}.{name}": value.contiguous() for name, value in values.items()})
    state.update({f"model.{name}": value.contiguous() for name, value in model.state_dict().items()})
    with atomic_path(out / STATE) as temporary:
        save_file(state, temporary, metadata={"done": str(done), "spent_s": str(spent_s)})


def _trim_log(path: Path, done: int) -> None:
    """Drop a torn line and those of steps after the checkpoint: they are about to be taken again."""
    kept = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            if json.loads(line)["step"] <= done:
                kept.append(line + "\n")
        except json.JSONDecodeError:
            continue
    write_bytes(path, "".join(kept).encode())


def _restore(model: Nerf2Vec, optimiser, out: Path, model_config: ModelConfig) -> tuple[int, float]:
    """Put model and optimiser back where the last checkpoint left them."""
    from safetensors import safe_open

    stored = read_json(out / "model.json")
    if stored != json.loads(json.dumps(asdict(model_config))):
        raise BadInput("the run was made with another model configuration", where=out, fix="use another --out")
    tensors = load_file(out / STATE)
    with safe_open(out / STATE, "pt") as handle:
        metadata = handle.metadata()
    model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
    state: dict[int, dict] = {}
    for name, value in tensors.items():
        if not name.startswith("model."):
            number, key = name.split(".", 1)
            state.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return int(metadata["done"]), float(metadata["spent_s"])
