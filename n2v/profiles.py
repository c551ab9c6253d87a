"""The named sizes. Everything that differs between a smoke test and the thesis stands here and nowhere else."""

from dataclasses import dataclass, replace

from n2v.embed.decoder import DecoderConfig
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig
from n2v.embed.recipe import SampleConfig, TrainConfig
from n2v.errors import BadInput
from n2v.nerf.recipe import FitConfig


@dataclass(frozen=True)
class Profile:
    """One size of the whole chain.

    Objects: `per_class` base objects in each of 13 classes, each with `augment` altered versions. Pictures:
    `n_views` to fit and `n_held_out` to measure, `size_px` a side. `seeds` is how often heads and tables are
    repeated.
    """

    name: str
    per_class: int
    augment: int
    n_views: int
    n_held_out: int
    size_px: int
    fit: FitConfig
    models: dict[str, ModelConfig]  # by encoder: "rows" (the thesis), "aligned", "asking", "symmetric"
    train: TrainConfig  # of the thesis's decoder; `training` has that of ours
    head_epochs: int = 150
    gan_steps: int = 3000  # of each class's GAN
    seeds: tuple[int, ...] = (0, 1, 2)
    n_shown: int = 6  # objects in a figure's rows
    baseline_epochs: int = 10  # of the picture classifier
    ablation_steps: int | None = None  # of each nerf2vec of Fig C.1; None: as many as the others
    objects_seed: int = 0  # of the objects and their cameras, a run's seed added
    from_mini_zoo: bool = False  # start from data/mini_zoo (the same objects, at seed 0) and fit only a few live

    def training(self, seed: int = 0, encoder: str = "rows") -> TrainConfig:
        """How a model of `models` is trained, with a run's seed."""
        if self.models[encoder].decoder.kind == "mlp":
            return replace(self.train, seed=seed)
        recipe = TrainConfig.cached(self.train.time_budget_s, self.train.n_steps, seed)
        return replace(recipe, batch_size=self.train.batch_size)


def _models(rows: EncoderConfig, decoder: DecoderConfig, channels: int, octaves: int | None = 8) -> dict:
    """The thesis's encoder over its decoder, and three others over one that fits the budget."""
    grid = DecoderConfig(hidden=8 * channels, kind="grid", channels=channels)
    aligned = EncoderConfig("aligned", embedding=1024, n_components=256, hidden=512, noise=0.1, octaves=octaves)
    asking = EncoderConfig(
        "asking", embedding=1024, n_components=224, hidden=8 * channels, channels=channels, n_local=9
    )
    symmetric = EncoderConfig("symmetric", embedding=1024, hidden=512, channels=channels, octaves=octaves)
    ours = {encoder.kind: ModelConfig(encoder, grid) for encoder in (aligned, asking, symmetric)}
    return {"rows": ModelConfig(rows, decoder), **ours}


def smoke() -> Profile:
    """Everything from nothing on two cores in about ten minutes: every code path, tiny sizes."""
    models = _models(EncoderConfig("rows", (64, 64, 128, 128), 128), DecoderConfig(hidden=128, n_octaves=10), 8)
    train = replace(TrainConfig.laptop(time_budget_s=16), samples=SampleConfig.laptop(96, 32))
    return Profile(
        "smoke", 4, 1, 24, 4, 64, FitConfig.laptop(100), models, train,
        head_epochs=30, gan_steps=1500, n_shown=4, baseline_epochs=3, ablation_steps=20,
    )  # fmt: skip


def laptop() -> Profile:
    """The default: meaningful numbers on two to eight cores in at most 45 minutes."""
    models = _models(EncoderConfig("rows", (128, 128, 256, 256), 256), DecoderConfig(hidden=256, n_octaves=10), 16)
    train = TrainConfig.laptop(time_budget_s=240)
    return Profile(
        "laptop", 15, 2, 36, 6, 64, FitConfig.laptop(1000), models, train,
        baseline_epochs=6, ablation_steps=150, objects_seed=1, from_mini_zoo=True,
    )  # fmt: skip


def gpu() -> Profile:
    """One GPU, from nothing: thesis-size networks on 13 x 20 x 3 objects. Half an hour by estimate (CONVENTIONS.md)."""
    models = _models(EncoderConfig(), DecoderConfig(), 32)
    train = replace(TrainConfig(), n_steps=2000, schedule="cosine", background_loss="l1")
    return Profile(
        "gpu", 20, 2, 36, 6, 128, FitConfig.fine(), models, train, seeds=(0, 1), ablation_steps=2000
    )  # fmt: skip


def thesis() -> Profile:
    """The thesis's sizes; its objects (ShapeNet) cannot be made here, so these are as many procedural ones."""
    models = _models(EncoderConfig(), DecoderConfig(), 32)
    return Profile("thesis", 2561, 2, 36, 6, 224, FitConfig(), models, TrainConfig())


PROFILES = {"smoke": smoke, "laptop": laptop, "gpu": gpu, "thesis": thesis}


def get(name: str) -> Profile:
    """A profile by name."""
    if name not in PROFILES:
        raise BadInput(f"unknown profile '{name}'", fix=f"use one of: {', '.join(PROFILES)}")
    return PROFILES[name]()
