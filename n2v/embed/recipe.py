"""How nerf2vec is trained: every number of the recipe."""

import math
from dataclasses import dataclass, field, fields

import torch

from n2v.errors import BadInput
from n2v.machine import fast_bfloat16


@dataclass(frozen=True)
class Protocol:
    """One switch for each place where the published code differs from sound practice.

    Each is tested alone, most against a closed form (tests/embed/test_protocol.py). Source: the code of nerf2vec and
    nf2vec, `train_nerf2vec.py` and `nerf/utils.py`. Not repeated: the jitter of its samples along a ray.
    """

    # Targets are composited over the background twice, so whatever is semi-transparent is wrong:
    # (C + b (1 - a)) a + b (1 - a) instead of C + b (1 - a).
    composited_twice: bool = False
    # In empty space the raw density, per scene unit and without bound, is the blend factor of colour and background.
    density_as_alpha: bool = False
    # Empty points fill what rays leave of the budget; NeRFs with fewer get zeros, which count in the mean.
    padding_in_mean: bool = False
    # Beyond the budget, samples are dropped at random and the light they block is missing from the prediction, while
    # the target has it; off: whole rays are dropped.
    samples_dropped: bool = False
    # Empty points are uniform over the free cells; off: half of them lie within three cells of the object.
    empty_uniform: bool = False
    # Rays are pixels of the 36 cameras that the pictures were taken with; off: from anywhere above to occupied cells.
    stored_cameras: bool = False
    # The thesis says L1; the code's smooth L1 is half the squared error wherever errors stay below 1.
    half_squares: bool = False
    # One random background colour a batch; off: one a ray.
    one_background: bool = False
    # 501 epochs at one rate; off: the schedule of the configuration.
    constant_rate: bool = False
    # The loss is scaled by 2^10 and the scaler then left alone: gradients are never divided again, and an overflow is
    # never skipped. AdamW divides by the gradient's own size, so the factor itself changes next to nothing.
    scaler_not_stepped: bool = False

    @classmethod
    def as_published(cls) -> "Protocol":
        """Everything as the published code does it."""
        return cls(**{switch.name: True for switch in fields(cls)})


PROTOCOLS = {"corrected": Protocol, "as_published": Protocol.as_published}


def get(name: str) -> Protocol:
    """A protocol by name."""
    if name not in PROTOCOLS:
        raise BadInput(f"unknown protocol '{name}'", fix=f"use one of: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]()


CHOICES = {
    "schedule": ("steps", "cosine"),
    "foreground_loss": ("smooth_l1", "l1"),
    "background_loss": ("smooth_l1", "l1"),
    "half": ("bfloat16", "float16"),
    "clock": ("wall", "cpu"),
    "tracker": (None, "wandb"),
    "targets": ("rays", "cached"),
    "colour_loss": ("l1", "l2"),
}


@dataclass(frozen=True)
class SampleConfig:
    """How many coordinates a NeRF gives a training step; defaults: the thesis (section 3.3.1)."""

    n_foreground: int = 25_000
    n_background: int = 10_000
    step: float = 1.4 * math.sqrt(3) / 1024  # sample length on rays, scene units
    n_rays: int = 512  # rays tried (the authors keep 512); those beyond the foreground budget are dropped whole

    @classmethod
    def laptop(cls, n_foreground: int = 192, n_background: int = 64) -> "SampleConfig":
        """Coarse samples for two cores."""
        return cls(n_foreground, n_background, step=0.04, n_rays=n_foreground // 4)


@dataclass(frozen=True)
class TrainConfig:
    """How nerf2vec is trained; defaults: the thesis (section 4.1) with its one stated schedule.

    The schedule follows the share of the budget spent: `n_steps`, or `time_budget_s` where that is given.
    """

    batch_size: int = 16  # NeRFs a step, of all processes together
    n_steps: int = 500 * 5625  # 500 epochs of 90,000 NeRFs
    time_budget_s: float | None = None  # seconds; overrides n_steps
    clock: str = "wall"  # of the budget; "cpu" counts the process's own time, fair on a machine with other work
    learning_rate: float = 1e-4  # AdamW
    final_rate: float = 1e-5  # for the last fifth (thesis: last 100 of 500 epochs)
    schedule: str = "steps"  # "steps" as the thesis, or "cosine" with a short warm-up
    weight_decay: float = 1e-2
    foreground_weight: float = 0.8
    background_weight: float = 0.2
    foreground_loss: str = "smooth_l1"  # "smooth_l1" (authors' code) or "l1" (thesis): of rays' colours
    background_loss: str = "smooth_l1"  # the same of empty points' opacity
    contrastive_weight: float = 0.0  # of the term that keeps versions of an object together (n2v.embed.loss)
    temperature: float = 0.2  # of that term
    targets: str = "rays"  # "rays" (thesis): rendered anew in every step; "cached": asked once (n2v.embed.targets)
    n_points: int = 1024  # samples on rays a NeRF and step ("cached")
    n_empty: int = 512  # points of empty space ("cached")
    colour_weight: float = 4.0  # of the samples' colours beside their opacity ("cached")
    colour_loss: str = "l2"  # "l1" or "l2" ("cached")
    ray_weight: float = 20.0  # of the colours of rays that the samples make ("cached")
    empty_weight: float = 6.0  # of empty points among the samples; those on rays count by their light ("cached")
    alter: bool = False  # mirror, recolour and stretch ("cached", an encoder that asks; n2v.embed.targets)
    stretch: float = 0.2  # see n2v.embed.targets
    amp: bool | None = None  # layers in half precision, activations and compositing not; None: where that is fast
    half: str = "bfloat16"  # or "float16", with a gradient scaler
    clip_norm: float | None = None  # largest norm of a step's gradient; None: as it is
    seed: int = 0
    checkpoint_s: float = 60.0  # seconds between checkpoints
    n_validation: int = 32  # NeRFs of the val split that choose the best checkpoint; 0: none
    tracker: str | None = None  # "wandb" (extra: tracking)
    samples: SampleConfig = field(default_factory=SampleConfig)
    protocol: Protocol = field(default_factory=Protocol)

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

    @classmethod
    def cached(cls, time_budget_s: float | None = None, n_steps: int = 2000, seed: int = 0) -> "TrainConfig":
        """Two cores and a grid decoder: targets asked once, thousands of them a NeRF and step."""
        return cls(
            n_steps=n_steps,
            time_budget_s=time_budget_s,
            learning_rate=1e-3,
            final_rate=1e-5,
            schedule="cosine",
            clip_norm=1.0,
            contrastive_weight=0.05,
            targets="cached",
            alter=True,
            seed=seed,
        )

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                known = ", ".join(str(value) for value in allowed)
                raise BadInput(f"unknown {name} '{getattr(self, name)}'", fix=f"use one of: {known}")

    def autocast(self, device: torch.device) -> torch.autocast:
        """The context in which the networks run on a device."""
        return torch.autocast(device.type, getattr(torch, self.half), enabled=self.mixed(device))

    def mixed(self, device: torch.device) -> bool:
        """Whether the networks' layers run in half precision on a device."""
        return fast_bfloat16(device) if self.amp is None else self.amp

    def rate_at(self, share: float) -> float:
        """Learning rate after `share` (0 to 1) of the budget."""
        if self.protocol.constant_rate:
            return self.learning_rate
        if self.schedule == "steps":
            return self.learning_rate if share < 0.8 else self.final_rate
        warm = min(1.0, share / 0.03 + 0.05)
        return warm * (self.final_rate + (self.learning_rate - self.final_rate) * (1 + math.cos(math.pi * share)) / 2)
