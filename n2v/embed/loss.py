"""The training losses: rays against the NeRF's own and empty points (thesis eq. 3.3), or samples asked once."""

import torch
from jaxtyping import Float, Int

from n2v.embed.batches import RayBatch
from n2v.embed.parallel import ALONE, Ranks
from n2v.embed.recipe import TrainConfig
from n2v.embed.targets import N_RAYS, STEP, PointBatch, uniform
from n2v.nerf.composite import composite, over_background

COLOUR_MEASURES = {"l1": torch.abs, "l2": torch.square}
MEASURES = {"smooth_l1": torch.nn.functional.smooth_l1_loss, "l1": torch.nn.functional.l1_loss}


def batch_loss(
    model,  # (inputs, positions) to densities, colours and the shared part of embeddings, as Nerf2Vec
    inputs: torch.Tensor,
    batch: RayBatch | PointBatch,
    config: TrainConfig,
    generator: torch.Generator,
    ranks: Ranks = ALONE,
    bases: Int[torch.Tensor, "b"] | None = None,
) -> tuple[Float[torch.Tensor, ""], float]:
    """`ray_loss` or `point_loss`, as the batch is, and the mean squared error of rays.

    With `bases` (number of each NeRF's base object) and a weight, the contrastive loss of all processes' NeRFs is
    added, of the leading numbers that `EncoderConfig.n_shared` counts (`model` returns only these).
    """
    with config.autocast(batch.positions.device):
        sigmas, rgbs, embedding = model(inputs, batch.positions)
    if isinstance(batch, PointBatch):
        loss, mse = point_loss(sigmas, rgbs, batch, config, generator)
    else:
        loss, mse = ray_loss(sigmas, rgbs, batch, config, generator, ranks)
    if bases is not None and config.contrastive_weight:
        everyone = ranks.gathered(embedding.float()), ranks.gathered(bases)
        loss = loss + config.contrastive_weight * contrastive_loss(*everyone, config.temperature)
    return loss, mse


def ray_loss(
    sigmas: Float[torch.Tensor, "b points"],
    rgbs: Float[torch.Tensor, "b points 3"],
    batch: RayBatch,
    config: TrainConfig,
    generator: torch.Generator,
    ranks: Ranks = ALONE,
) -> tuple[Float[torch.Tensor, ""], float]:
    """0.8 * loss of rays + 0.2 * loss of empty points, and the rays' mean squared error.

    Rays are composited over one random background colour each. An empty point's opacity is 1 - exp(-sigma * step), and
    points that are not empty are left out of the mean; `config.protocol` has what the authors' code does instead. With
    several processes both means are over the NeRFs of all, so that the mean of their gradients is the gradient of the
    whole batch.
    """
    protocol, n = config.protocol, batch.lengths.shape[1]
    b, n_rays = batch.is_ray.shape
    shown = composite(sigmas[:, :n], rgbs[:, :n], batch.lengths, batch.slots, b * n_rays).view(b, n_rays, 4)
    backgrounds = uniform((1, 1, 3) if protocol.one_background else (b, n_rays, 3), generator).expand(b, n_rays, 3)
    predicted, truth = over_background(shown, backgrounds), over_background(batch.targets, backgrounds)
    if protocol.composited_twice:
        truth = over_background(torch.cat([truth * batch.targets[..., 3:], batch.targets[..., 3:]], -1), backgrounds)
    is_ray = batch.is_ray[..., None]
    n_values = 3 * ranks.mean(batch.is_ray.sum()).clamp(min=1)
    measure = MEASURES["smooth_l1" if protocol.half_squares else config.foreground_loss]
    foreground = (measure(predicted, truth, reduction="none") * is_ray).sum() / n_values
    background = _emptiness(sigmas, rgbs, batch, backgrounds[:, :1], config, ranks)
    mse = float((((predicted - truth) ** 2 * is_ray).sum() / (3 * batch.is_ray.sum().clamp(min=1))).detach())
    loss = config.foreground_weight * foreground + config.background_weight * background
    return loss, mse


def _emptiness(sigmas, rgbs, batch: RayBatch, backdrop, config: TrainConfig, ranks: Ranks) -> Float[torch.Tensor, ""]:
    """Mean loss of the points that should be empty; `backdrop` (b, 1, 3) is what is behind them."""
    protocol = config.protocol
    measure = MEASURES["smooth_l1" if protocol.half_squares else config.background_loss]
    if protocol.density_as_alpha:
        seen = rgbs * sigmas[..., None] + backdrop * (1 - sigmas[..., None])
        errors = measure(seen, backdrop.expand_as(seen), reduction="none").mean(-1)
    else:
        opacity = -torch.expm1(-sigmas * config.samples.step)
        errors = measure(opacity, torch.zeros_like(opacity), reduction="none")
    counts = batch.is_empty.sum(1)
    n_points = counts.max() * len(counts) if protocol.padding_in_mean else counts.sum()
    return (errors * batch.is_empty).sum() / ranks.mean(n_points).clamp(min=1)


def point_loss(
    sigmas: Float[torch.Tensor, "b points"],
    rgbs: Float[torch.Tensor, "b points 3"],
    batch: PointBatch,
    config: TrainConfig,
    generator: torch.Generator,
) -> tuple[Float[torch.Tensor, ""], float]:
    """Opacity and colour of samples, each counted by the light that reaches it, and the mean squared error of rays.

    mean over light of |alpha - alpha*|, plus `colour_weight` times the mean over light times alpha* of (c - c*)^2 (or
    |c - c*|), plus `ray_weight` times the mean squared error of the colours that the samples of a ray blend to.
    """
    n = batch.rays.shape[1]
    light = torch.cat([batch.light[:, :n], config.empty_weight * batch.light[:, n:]], 1)
    opacity = -torch.expm1(-sigmas * STEP)
    loss = (light * (opacity - batch.opacity).abs()).sum() / light.sum()
    seen = light * batch.opacity
    colours = COLOUR_MEASURES[config.colour_loss](rgbs - batch.rgbs).mean(-1)
    loss = loss + config.colour_weight * (seen * colours).sum() / seen.sum().clamp(min=1e-6)
    with torch.set_grad_enabled(config.ray_weight > 0):
        mse = _rays_apart(sigmas[:, :n], rgbs[:, :n], batch, generator)
    return loss + config.ray_weight * mse if config.ray_weight else loss, float(mse.detach())


def _rays_apart(sigmas, rgbs, batch: PointBatch, generator: torch.Generator) -> Float[torch.Tensor, ""]:
    """Mean squared error of the colours that the samples of a ray blend to, over one random background a ray.

    Both sides are blended from the same samples: of a ray that is cut, what is here.
    """
    n, n_rays = batch.rays.shape[1], len(batch.rays) * N_RAYS
    lengths = STEP * (batch.light[:, :n] > 0)
    true = -torch.log1p(-batch.opacity[:, :n].clamp(max=0.9999)) / STEP
    shown = composite(sigmas, rgbs, lengths, batch.rays, n_rays)
    truth = composite(true, batch.rgbs[:, :n], lengths, batch.rays, n_rays)
    backgrounds = uniform((n_rays, 3), generator)
    errors = over_background(shown, backgrounds) - over_background(truth, backgrounds)
    there = torch.bincount(batch.rays.flatten(), lengths.flatten(), n_rays) > 0
    return errors.square().mean(1)[there].sum() / there.sum().clamp(min=1)


def contrastive_loss(
    embeddings: Float[torch.Tensor, "b e"], bases: Int[torch.Tensor, "b"], temperature: float = 0.1
) -> Float[torch.Tensor, ""]:
    """Mean cross-entropy of finding an object's other versions among the batch, by cosine similarity.

    Supervised contrastive loss (Khosla et al., 2020, eq. 2) with the base object in the place of the class; for two
    versions it is InfoNCE (van den Oord et al., 2018). NeRFs without another version in the batch are only something
    to be told from; where no NeRF has one, the loss is 0.

    Args:
        embeddings: One a NeRF.
        bases: Number of the base object of each.
        temperature: What similarities are divided by.
    """
    directions = torch.nn.functional.normalize(embeddings.float(), dim=-1)
    itself = torch.eye(len(bases), dtype=torch.bool, device=bases.device)
    similarities = (directions @ directions.T / temperature).masked_fill(itself, torch.finfo(torch.float32).min)
    surprises = similarities.logsumexp(1, keepdim=True) - similarities
    is_version = (bases[:, None] == bases) & ~itself
    n_versions = is_version.sum(1)
    each = surprises.masked_fill(~is_version, 0.0).sum(1) / n_versions.clamp(min=1)
    return each.sum() / (n_versions > 0).sum().clamp(min=1)


def versions_together(bases: Int[torch.Tensor, "n"], generator: torch.Generator) -> Int[torch.Tensor, "n"]:
    """A random order of n NeRFs in which the versions of an object follow each other, in random order too."""
    place = torch.randperm(int(bases.max()) + 1, generator=generator)[bases]
    order = torch.randperm(len(bases), generator=generator)
    return order[torch.argsort(place[order], stable=True)]
