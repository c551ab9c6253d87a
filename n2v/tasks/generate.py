"""Latent-GAN: new embeddings from noise, and the measures that say whether they are good and whether they are new.

Source: Achlioptas et al. 2018, arXiv 1707.02392 (latent WGAN with gradient penalty); thesis section 4.5.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from n2v.errors import BadInput
from n2v.seeds import child_seed
from n2v.tasks.retrieve import distances


@dataclass(frozen=True)
class GanConfig:
    """Two fully connected layers each for generator and discriminator (thesis Fig 4.6)."""

    noise: int = 64  # numbers of random noise
    hidden: int = 128
    n_steps: int = 2000  # generator steps
    n_critic: int = 3  # discriminator steps for each
    batch_size: int = 32
    learning_rate: float = 5e-4
    penalty: float = 10.0  # of the gradient norm
    final_relu: bool = False  # as in the authors' code: no embedding coordinate can be negative then


class LatentGan:
    """A trained generator and the standardisation of the embeddings it learned."""

    def __init__(self, generator: nn.Module, mean: torch.Tensor, scale: torch.Tensor, noise: int) -> None:
        self.generator, self.mean, self.scale, self.noise = generator.eval(), mean, scale, noise

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Float[np.ndarray, "n d"]:
        """n new embeddings."""
        noise = torch.randn(n, self.noise, generator=torch.Generator().manual_seed(child_seed(seed, "sample")))
        return (self.generator(noise) * self.scale + self.mean).numpy()


def _make_networks(n_features: int, config: GanConfig) -> tuple[nn.Module, nn.Module]:
    last = [nn.ReLU()] if config.final_relu else []
    generator = nn.Sequential(
        nn.Linear(config.noise, config.hidden), nn.ReLU(), nn.Linear(config.hidden, n_features), *last
    )
    critic = nn.Sequential(nn.Linear(n_features, 2 * config.hidden), nn.LeakyReLU(0.2), nn.Linear(2 * config.hidden, 1))
    return generator, critic


def train_latent_gan(embeddings: Float[np.ndarray, "n d"], config: GanConfig | None = None, seed: int = 0) -> LatentGan:
    """Train on the embeddings of one class.

    With `final_relu` the embeddings are only scaled, not centred, as the authors feed them.

    Raises:
        BadInput: fewer than four embeddings, or values that are not finite.
    """
    config = config or GanConfig()
    if len(embeddings) < 4:
        raise BadInput(f"{len(embeddings)} embeddings", where="Latent-GAN", fix="give at least 4 of a class")
    if not np.isfinite(embeddings).all():
        raise BadInput("embeddings are not finite", where="Latent-GAN", fix="embed again")
    torch.manual_seed(child_seed(seed, "gan"))
    real = torch.as_tensor(embeddings, dtype=torch.float32)
    mean = torch.zeros_like(real[0]) if config.final_relu else real.mean(0)
    scale = real.std(0).clamp(min=1e-6)
    real = (real - mean) / scale
    generator, critic = _make_networks(real.shape[1], config)
    optimisers = [
        torch.optim.Adam(net.parameters(), lr=config.learning_rate, betas=(0.5, 0.9)) for net in (generator, critic)
    ]
    for _ in range(config.n_steps):
        for _ in range(config.n_critic):
            chosen = real[torch.randint(len(real), (config.batch_size,))]
            with torch.no_grad():
                made = generator(torch.randn(config.batch_size, config.noise))
            loss = (
                critic(made).mean() - critic(chosen).mean() + config.penalty * _gradient_penalty(critic, chosen, made)
            )
            _update(optimisers[1], loss)
        _update(optimisers[0], -critic(generator(torch.randn(config.batch_size, config.noise))).mean())
    return LatentGan(generator, mean, scale, config.noise)


def _update(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _gradient_penalty(critic: nn.Module, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """(|gradient| - 1)^2 at random points between real and made (Gulrajani et al. 2017)."""
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * made).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((gradient.norm(dim=1) - 1) ** 2).mean()


def minimum_matching_distance(made: Float[np.ndarray, "m d"], real: Float[np.ndarray, "n d"]) -> float:
    """Mean distance of each real embedding to the nearest made one: lower is better."""
    return float(distances(real, made).min(1).mean())


def coverage(made: Float[np.ndarray, "m d"], real: Float[np.ndarray, "n d"]) -> float:
    """Share of real embeddings that are the nearest one of some made embedding: low when the generator collapsed."""
    return len(np.unique(distances(made, real).argmin(1))) / len(real)


def one_nna(made: Float[np.ndarray, "m d"], real: Float[np.ndarray, "n d"]) -> float:
    """Accuracy of telling made from real by the nearest neighbour, leave one out: 0.5 is best, 1 the worst."""
    both = np.concatenate([made, real])
    is_real = np.arange(len(both)) >= len(made)
    distance = distances(both, both)
    np.fill_diagonal(distance, np.inf)
    return float((is_real[distance.argmin(1)] == is_real).mean())


def frechet_distance(made: Float[np.ndarray, "m d"], real: Float[np.ndarray, "n d"]) -> float:
    """Squared Fréchet distance between Gaussians fitted to two sets of embeddings (this is not an FID).

    |mean difference|^2 + tr(A + B - 2 (A B)^(1/2)); the root's trace is the sum of the singular values of the
    product of the centred data, so that fewer samples than dimensions are no problem.
    """
    a, b = (np.asarray(values, np.float64) for values in (made, real))
    shift = ((a.mean(0) - b.mean(0)) ** 2).sum()
    a, b = ((values - values.mean(0)) / np.sqrt(len(values) - 1) for values in (a, b))
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(shift + (a**2).sum() + (b**2).sum() - 2 * cross)


def novelty(
    made: Float[np.ndarray, "m d"], train: Float[np.ndarray, "n d"], held_out: Float[np.ndarray, "t d"] | None = None
) -> dict[str, float]:
    """Are samples copies? Distance to the nearest training embedding against that of real objects never trained on.

    `ratio` is the median over samples divided by the median over `held_out`: about 1 for new samples of the same kind,
    0 for copies. `copies` is the share of samples nearer than a tenth of it. Without held-out embeddings the
    training set's leave-one-out distances stand in; where it holds several versions of an object these are the
    distances between versions, far too short, so give `held_out` there.

    Raises:
        BadInput: the embeddings compared with repeat each other, so that there is no distance to measure by.
    """
    if held_out is not None and len(held_out):
        spacing = float(np.median(distances(held_out, train).min(1)))
    else:
        own = distances(train, train)
        np.fill_diagonal(own, np.inf)
        spacing = float(np.median(own.min(1)))
    if spacing == 0:
        raise BadInput("embeddings repeat each other", where="novelty", fix="check the encoder, or remove duplicates")
    nearest = distances(made, train).min(1)
    return {"ratio": float(np.median(nearest)) / spacing, "copies": float((nearest < 0.1 * spacing).mean())}


def judge(made: np.ndarray, train: np.ndarray, test: np.ndarray) -> dict[str, float | str]:
    """All measures at once, and a verdict.

    `mmd` and the yardstick of novelty come from the held-out embeddings `test`; coverage, 1-NNA, the Fréchet distance
    and spread compare with `train`, because a class has only a few held-out objects.
    """
    new, covered = novelty(made, train, test), coverage(made, train)
    spread = float(made.std(0).mean() / train.std(0).mean())
    verdict = "collapsed" if spread < 0.3 or covered < 0.15 else "copies" if new["copies"] > 0.5 else "alive"
    return {
        "mmd": minimum_matching_distance(made, test),
        "coverage": covered,
        "one_nna": one_nna(made[: len(train)], train[: len(made)]),
        "frechet_on_embeddings": frechet_distance(made, train),
        "novelty_ratio": new["ratio"],
        "copies": new["copies"],
        "spread": spread,
        "verdict": verdict,
    }
