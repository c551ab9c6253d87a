"""An embedding made sharper: descent on what the decoder shows of one NeRF, from the encoder's embedding on.

The encoder gives an embedding in one pass. Given more time, the NeRF itself can be asked how well it is met: the
decoder stays as it is, only the embedding moves (as in DeepSDF's auto-decoder, Park et al., arXiv 1901.05103, but
from a start that is near). No picture and no label is looked at, so it still is a map from the NeRF.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float

from n2v.embed.loss import point_loss
from n2v.embed.recipe import TrainConfig
from n2v.embed.targets import Targets, ask_targets
from n2v.files import progress
from n2v.nerf.nerf import Nerf

RATE = 0.05  # of Adam, falling to 0; embeddings have a variance of about 1
STAY = 2.0  # weight of the mean squared way from the start: without it crumbs grow where no sample stood
TOGETHER = 16  # NeRFs
STEPS = 100  # where the gain of more is below .1 dB (ci/reference/bounds)


def refined(
    model, nerfs: Sequence[Nerf], embeddings: Float[torch.Tensor, "n e"], steps: int = STEPS
) -> Float[torch.Tensor, "n e"]:
    """Embeddings of n NeRFs after `steps` steps of Adam on the training loss of cached samples (n2v.embed.targets).

    A second term keeps them near the start (STAY): it costs nothing over the object, halves the fog around it, and
    what lies between two embeddings stays what it was.

    The samples follow from a NeRF's name and the step alone, so a NeRF is refined alike among any others, up to
    rounding. With 0 steps nothing changes.

    Args:
        model: A Nerf2Vec; left as it is.
        nerfs: Whom the embeddings describe; their occupancy says where rays are drawn.
        embeddings: Where to start: `model.encode`.
        steps: Some 12 ms each a NeRF on one core.
    """
    config, found = TrainConfig.cached(), embeddings.detach().clone()
    parts = range(0, len(nerfs) if steps else 0, TOGETHER)
    for start in progress(parts, desc="refining", unit=f"{TOGETHER} NeRFs", disable=len(parts) < 2):
        part = slice(start, start + TOGETHER)
        targets = [ask_targets(one.field_weights, one.occupied, one.encoding, one.object_id) for one in nerfs[part]]
        found[part] = _descended(model.decoder, found[part], targets, steps, config)
    return found


@torch.enable_grad()
def _descended(decoder, embeddings: torch.Tensor, targets: list[Targets], steps: int, config: TrainConfig):
    """Adam on the embeddings of some NeRFs: decoded together, each by its own loss."""
    leaf, one = embeddings.clone().requires_grad_(), torch.zeros(1, dtype=torch.long)
    optimiser = torch.optim.Adam([leaf], RATE)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * (1 - step / steps)
        streams = [torch.Generator().manual_seed(step) for _ in targets]
        batches = [
            each.batch(one, config.n_points, config.n_empty, stream)
            for each, stream in zip(targets, streams, strict=True)
        ]
        sigmas, rgbs = decoder(leaf, torch.cat([batch.positions for batch in batches]))
        losses = [
            point_loss(sigmas[i : i + 1], rgbs[i : i + 1], batch, config, streams[i])[0]
            for i, batch in enumerate(batches)
        ]
        away = (leaf - embeddings).square().mean(1).sum()
        (leaf.grad,) = torch.autograd.grad(sum(losses) + STAY * away, leaf)
        optimiser.step()
    return leaf.detach()
