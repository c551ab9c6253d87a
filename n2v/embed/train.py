"""Train nerf2vec: each step a few NeRFs, their weights to the encoder, their own renderings as the target."""

import json
import math
import time
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path

import torch

from n2v.embed.batches import RayBatch, TrainingSet, epoch_batches
from n2v.embed.checkpoint import BEST, LOG, STATE, VALIDATION, Progress, Records, restore_progress, save_progress
from n2v.embed.loss import batch_loss, versions_together
from n2v.embed.model import RECORD, WEIGHTS, ModelConfig, Nerf2Vec, load_model, save_model
from n2v.embed.parallel import Ranks, distributed, processes
from n2v.embed.recipe import Protocol, TrainConfig
from n2v.embed.targets import PointBatch, augmented
from n2v.errors import BadInput
from n2v.files import progress, provenance, sha256_of, write_json
from n2v.seeds import child_seed
from n2v.zoo.store import Zoo

__all__ = ["TrainConfig", "batch_loss", "train"]
LOSS_SCALE = 2.0**10  # the published code's
FREE = ("n_steps", "time_budget_s", "clock", "amp", "half", "checkpoint_s", "n_validation", "tracker")


def train(
    zoo: Zoo,
    config: TrainConfig,
    model_config: ModelConfig,
    out: Path,
    *,
    split: str | None = "train",
    resume: bool = False,
    device: str | None = None,
    start: Path | None = None,
) -> Nerf2Vec:
    """Train on one split of a zoo and leave a run folder; the trained model comes back on the CPU.

    The folder: the last model and, in `best`, the one with the highest PSNR on some NeRFs of the val split (where there
    are any); log.jsonl, validation.jsonl, run.json, and the state to resume from. Steps draw from streams named by
    (seed, step), so a run of `n_steps` that is killed and resumed follows the trajectory of an undisturbed one (a run
    with a time budget follows the clock). Under torchrun every process takes its share of each batch (see
    n2v.embed.parallel) and the first one writes.

    Args:
        zoo: NeRFs; those that cannot be read or are not finite are skipped, counted and listed in run.json.
        config: The recipe.
        model_config: Sizes.
        out: The run folder.
        split: Which NeRFs; None: all.
        resume: Go on from the folder's last checkpoint.
        device: "cpu" or "cuda"; None: CUDA where there is one.
        start: A trained run to begin with, its front included; None: random weights.
    """
    with processes(device) as ranks:
        training = TrainingSet(zoo, split, ranks.device)
        least = max(2, ranks.world)
        if config.batch_size < ranks.world:
            what = f"{ranks.world} processes for batches of {config.batch_size} NeRFs"
            raise BadInput(what, fix="start fewer")
        if len(training) < least:
            what, fix = f"{len(training)} NeRFs in split '{split or 'all'}'", f"fit at least {least} NeRFs of it"
            raise BadInput(what, where=zoo.folder, fix=fix)
        out = Path(out)
        out.mkdir(parents=True, exist_ok=True)
        going_on = resume and (out / STATE).exists()
        run = _start(training, config, model_config, ranks, fit_front=not (going_on or start))
        if start and not going_on:
            begun = load_model(start)
            if begun.config != model_config:
                raise BadInput("a model of another configuration", where=start, fix="start from one of the same sizes")
            run.model.load_state_dict(begun.state_dict())
        if going_on:
            restore_progress(run, out, model_config)
        elif ranks.first:  # what an earlier run left must not pass for this one's
            for left in (STATE, WEIGHTS, RECORD, f"{BEST}/{WEIGHTS}"):
                (out / left).unlink(missing_ok=True)
        _Trainer(run, training, _held_out(zoo, config, ranks), config, out, ranks).run()
        if ranks.first:
            save_progress(run, out)
            write_json(out / RECORD, _record(run, training, config, ranks))
        ranks.wait()
    return run.model.to("cpu").eval()


def _start(training: TrainingSet, config: TrainConfig, model_config: ModelConfig, ranks: Ranks, fit_front) -> Progress:
    """Model, optimiser and scaler before the first step, the same in every process."""
    torch.manual_seed(child_seed(config.seed, "model"))
    model = Nerf2Vec(model_config)
    if fit_front and hasattr(model.encoder, "fit_front"):
        training.prepare(model.encoder, cached=False)
        model.encoder.fit_front(training.inputs(torch.arange(len(training))))
    model.to(ranks.device)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    scales = config.half == "float16" and config.mixed(ranks.device) and not config.protocol.scaler_not_stepped
    scaler = torch.amp.GradScaler(ranks.device.type, enabled=scales)
    return Progress(model, optimiser, scaler, _identity(training, config))


def _identity(training: TrainingSet, config: TrainConfig) -> str:
    """Digest of the NeRFs and of what decides the trajectory; budget, precision and reports may differ."""
    recipe = {name: value for name, value in asdict(config).items() if name not in FREE}
    return sha256_of(json.dumps([training.digests, recipe]).encode())


def _held_out(zoo: Zoo, config: TrainConfig, ranks: Ranks) -> TrainingSet | None:
    """Some NeRFs of the val split, if there are any."""
    if not (ranks.first and config.n_validation and len(zoo.indices("val"))):
        return None
    return TrainingSet(zoo, "val", ranks.device, at_most=config.n_validation)


def _record(run: Progress, training: TrainingSet, config: TrainConfig, ranks: Ranks) -> dict:
    """run.json."""
    return provenance(
        config=asdict(config), model=asdict(run.model.config), n_nerfs=len(training), skipped=training.skipped,
        n_parameters=sum(value.numel() for value in run.model.parameters()), steps=run.done, wall_s=run.spent_s,
        n_overflows=run.n_overflows, best_validation_db=run.best_db, trained_on=ranks.device.type,
        processes=ranks.world, precision=config.half if config.mixed(ranks.device) else "float32",
    )  # fmt: skip


class _Trainer:
    """The loop: steps until the budget is spent, reports, checkpoints."""

    def __init__(
        self, run: Progress, training: TrainingSet, held_out: TrainingSet | None, config: TrainConfig, out: Path, ranks
    ) -> None:
        self.state, self.training, self.held_out = run, training, held_out
        self.config, self.out, self.ranks = config, out, ranks
        self.net = distributed(run.model, ranks)
        self.epoch, self.parts = -1, []

    def run(self) -> None:
        total = None if self.config.time_budget_s else self.config.n_steps
        records = Records(self.out, self.config, self.state.done) if self.ranks.first else None
        with (
            closing(records) if records else nullcontext(),
            progress(total=total, initial=self.state.done, desc="training", unit="step", disable=not records) as bar,
        ):
            self.loop(records, bar)

    def loop(self, records: Records | None, bar) -> None:
        config, state = self.config, self.state
        now = time.process_time if config.clock == "cpu" else time.perf_counter
        started, saved = now() - state.spent_s, time.perf_counter()
        while (share := self.share(now() - started)) < 1:
            self.net.train()
            state.optimiser.param_groups[0]["lr"] = config.rate_at(share)
            mse = self.step()
            state.done, state.spent_s = state.done + 1, now() - started
            bar.update()
            state.seen += [mse] if records else []
            if records and state.done % 50 == 0:
                self.report(records, bar)
            if records and time.perf_counter() - saved > config.checkpoint_s:
                self.validate(records)
                save_progress(state, self.out)
                saved = time.perf_counter()
        if records:
            self.report(records, bar)
            self.validate(records)

    def share(self, spent_s: float) -> float:
        """Of the budget that is spent, agreed on by all processes."""
        if self.config.time_budget_s:
            return self.ranks.agreed(spent_s / self.config.time_budget_s)
        return self.state.done / self.config.n_steps

    def chosen(self) -> torch.Tensor:
        """Positions of this step's NeRFs, of them this process's share."""
        config, least = self.config, max(2, self.ranks.world)
        if not self.parts:  # how many there are does not depend on the order
            self.parts = epoch_batches(torch.arange(len(self.training)), config.batch_size, least)
        epoch, place = divmod(self.state.done, len(self.parts))
        if epoch != self.epoch:
            stream = torch.Generator().manual_seed(child_seed(config.seed, "epoch", epoch))
            bases = self.training.bases
            together = config.contrastive_weight > 0
            order = versions_together(bases, stream) if together else torch.randperm(len(bases), generator=stream)
            self.epoch, self.parts = epoch, epoch_batches(order, config.batch_size, least)
        return self.parts[place].tensor_split(self.ranks.world)[self.ranks.rank]

    def step(self) -> float:
        """One optimiser step; returns the rays' mean squared error."""
        config, state, done = self.config, self.state, self.state.done
        mine = (self.ranks.rank,) if self.ranks.world > 1 else ()
        stream = torch.Generator(self.ranks.device).manual_seed(child_seed(config.seed, "step", done, *mine))
        torch.manual_seed(child_seed(config.seed, "noise", done, *mine))
        chosen = self.chosen()
        inputs, batch = drawn(self.training, state.model, chosen, config, stream)
        bases = self.training.bases[chosen].to(self.ranks.device)
        loss, mse = batch_loss(self.net, inputs, batch, config, stream, self.ranks, bases)
        if not torch.isfinite(loss) and state.scaler.get_scale() <= 1:  # a scaler skips the step and halves its scale
            raise BadInput("the loss is not finite", where=f"step {done}", fix="lower the learning rate or set amp off")
        descend(loss, state, config)
        return mse

    def report(self, records: Records, bar) -> None:
        """One line of the log, and the bar's text: PSNR over the steps since the last one."""
        state, budget_s = self.state, self.config.time_budget_s
        if not state.seen:
            return
        psnr_db = to_db(sum(state.seen) / len(state.seen))
        state.seen.clear()
        records.add(LOG, {"step": state.done, "seconds": state.spent_s, "ray_psnr_db": psnr_db})
        left_s = (budget_s or state.spent_s / state.done * self.config.n_steps) - state.spent_s
        bar.set_postfix_str(f"{psnr_db:.1f} dB on rays, {left_s:.0f} s left")

    def validate(self, records: Records) -> None:
        """PSNR of rays of the held-out NeRFs, the same rays each time; the best model so far is kept."""
        if self.held_out is None:
            return
        state = self.state
        psnr_db = to_db(validation_mse(state.model, self.held_out, self.config))
        if not math.isfinite(psnr_db):
            return
        records.add(VALIDATION, {"step": state.done, "seconds": state.spent_s, "val_psnr_db": psnr_db})
        if state.best_db is None or psnr_db > state.best_db:
            state.best_db = psnr_db
            save_model(state.model, self.out / BEST)


def descend(loss: torch.Tensor, state: Progress, config: TrainConfig) -> None:
    """One step of the optimiser; with float16 the scaler divides gradients again and skips those that overflowed."""
    optimiser, scaler = state.optimiser, state.scaler
    optimiser.zero_grad()
    if config.protocol.scaler_not_stepped:
        (loss * LOSS_SCALE).backward()
        optimiser.step()
        return
    scaler.scale(loss).backward()
    if config.clip_norm is not None:
        scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.clip_norm)
    before = scaler.get_scale()
    scaler.step(optimiser)
    scaler.update()
    state.n_overflows += scaler.get_scale() < before


def drawn(
    training: TrainingSet, model: Nerf2Vec, chosen: torch.Tensor, config: TrainConfig, stream, still: bool = False
) -> tuple[torch.Tensor, RayBatch | PointBatch]:
    """What the encoder reads of the chosen NeRFs and what the decoder must show; `still`: nothing altered."""
    training.prepare(model.encoder, config.targets == "cached")
    inputs = training.inputs(chosen)
    if config.targets == "rays":
        protocol = Protocol() if still else config.protocol
        return inputs, training.batch(chosen, config.samples, stream, protocol)
    batch = training.targets.batch(chosen, config.n_points, config.n_empty, stream)
    if config.alter and not still and training.answers is not None:
        inputs, batch = augmented(inputs, batch, config.stretch, stream)
    return inputs, batch


@torch.no_grad()
def validation_mse(model: Nerf2Vec, held_out: TrainingSet, config: TrainConfig) -> float:
    """Mean squared error of rays, each NeRF's the same in every call."""
    model.eval()
    total = 0.0
    for chosen in torch.arange(len(held_out)).split(config.batch_size):
        stream = torch.Generator(held_out.device).manual_seed(child_seed(config.seed, "validation", int(chosen[0])))
        inputs, batch = drawn(held_out, model, chosen, config, stream, still=True)
        total += len(chosen) * batch_loss(model, inputs, batch, config, stream)[1]
    return total / len(held_out)


def to_db(mse: float) -> float:
    """PSNR of colours in [0, 1]."""
    return -10 * math.log10(max(mse, 1e-12))
