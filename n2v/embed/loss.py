"""The training loss: colours of rays against the NeRF's own, and empty points that must be empty (thesis eq. 3.3)."""

import torch
from jaxtyping import Float, Int

from n2v.embed.batches import RayBatch, blend
from n2v.embed.contrastive import contrastive_loss
from n2v.embed.parallel import ALONE, Ranks
from n2v.embed.recipe import TrainConfig
from n2v.embed.sampling import uniform

MEASURES = {"smooth_l1": torch.nn.functional.smooth_l1_loss, "l1": torch.nn.functional.l1_loss}


def batch_loss(
    model,  # (field_weights, positions) to densities, colours and embeddings, as Nerf2Vec
    field_weights: Float[torch.Tensor, "b w"],
    batch: RayBatch,
    config: TrainConfig,
    generator: torch.Generator,
    ranks: Ranks = ALONE,
    bases: Int[torch.Tensor, "b"] | None = None,
) -> tuple[Float[torch.Tensor, ""], float]:
    """0.8 * loss of rays + 0.2 * loss of empty points, and the rays' mean squared error.

    Rays are composited over one random background colour each. An empty point's opacity is 1 - exp(-sigma * step), and
    points that are not empty are left out of the mean; `config.protocol` has what the authors' code does instead. With
    several processes both means are over the NeRFs of all, so that the mean of their gradients is the gradient of the
    whole batch. With `bases` (number of each NeRF's base object) and a weight, the contrastive loss of all processes'
    NeRFs is added.
    """
    protocol, n = config.protocol, batch.lengths.shape[1]
    b, n_rays = batch.is_ray.shape
    with config.autocast(batch.positions.device):
        sigmas, rgbs, embedding = model(field_weights, batch.positions)
    shown = blend(sigmas[:, :n], rgbs[:, :n], batch.lengths, batch.slots, b * n_rays).view(b, n_rays, 4)
    backgrounds = uniform((1, 1, 3) if protocol.one_background else (b, n_rays, 3), generator).expand(b, n_rays, 3)
    predicted, truth = over(shown, backgrounds), over(batch.targets, backgrounds)
    if protocol.composited_twice:
        truth = over(torch.cat([truth * batch.targets[..., 3:], batch.targets[..., 3:]], -1), backgrounds)
    is_ray = batch.is_ray[..., None]
    n_values = 3 * ranks.mean(batch.is_ray.sum()).clamp(min=1)
    measure = MEASURES["smooth_l1" if protocol.half_squares else config.foreground_loss]
    foreground = (measure(predicted, truth, reduction="none") * is_ray).sum() / n_values
    background = _emptiness(sigmas, rgbs, batch, backgrounds[:, :1], config, ranks)
    mse = float((((predicted - truth) ** 2 * is_ray).sum() / (3 * batch.is_ray.sum().clamp(min=1))).detach())
    loss = config.foreground_weight * foreground + config.background_weight * background
    if bases is not None and config.contrastive_weight:
        everyone = ranks.gathered(embedding.float()), ranks.gathered(bases)
        loss = loss + config.contrastive_weight * contrastive_loss(*everyone, config.temperature)
    return loss, mse


def over(shown: Float[torch.Tensor, "*n 4"], background: Float[torch.Tensor, "*n 3"]) -> Float[torch.Tensor, "*n 3"]:
    """Premultiplied colour and opacity over a background colour."""
    return shown[..., :3] + background * (1 - shown[..., 3:])


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
