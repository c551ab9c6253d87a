"""What an embedding still shows: decoded renders against the NeRF's own, and what must do worse."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.embed.model import Nerf2Vec
from n2v.nerf.march import cell_indices
from n2v.nerf.occupancy import cell_centres
from n2v.nerf.render import CAMERA_ANGLE_X, Query, field_query, psnr, render_image
from n2v.scenes.cameras import turntable_cameras
from n2v.zoo.store import Zoo

OPACITY_FLOOR = 0.1  # a cell counts as empty when a sample of one step in it blocks less light than this


def decoded_query(model: Nerf2Vec, embedding: Float[torch.Tensor, "e"] | Float[np.ndarray, "e"]) -> Query:
    """A function from positions (n, 3) to densities and colours of one embedding, for n2v.nerf.render."""
    with torch.no_grad():
        share = model.decoder.embedding_share(torch.as_tensor(embedding, dtype=torch.float32)[None])

    def query(positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            sigmas, rgbs = model.decoder.from_share(share, positions[None])
        return sigmas[0], rgbs[0]

    return query


def decoded_occupancy(
    model: Nerf2Vec, embedding: Float[torch.Tensor, "e"], resolution: int = 32, step: float = 0.04
) -> Bool[torch.Tensor, "g g g"]:
    """Cells where the decoded field is not empty, grown by one cell: an embedding has no occupancy of its own."""
    return query_occupancy(decoded_query(model, embedding), resolution, step)


def query_occupancy(
    query: Query, resolution: int = 32, step: float = 0.04, within: Bool[torch.Tensor, "k k k"] | None = None
) -> Bool[torch.Tensor, "g g g"]:
    """Cells whose centre blocks more than OPACITY_FLOOR of the light in one step, grown by one cell."""
    return grown(cell_opacity(query, resolution, step, within) > OPACITY_FLOOR)


def cell_opacity(
    query: Query, resolution: int, step: float, within: Bool[torch.Tensor, "k k k"] | None = None
) -> Float[torch.Tensor, "g g g"]:
    """Share of light that a sample of one step at each cell's centre blocks.

    Only cells that lie in a coarser grid `within` are looked at, when one is given; it is 0 in the others.
    """
    centres = cell_centres(resolution)
    chosen = torch.arange(len(centres))
    if within is not None:
        chosen = within.reshape(-1)[cell_indices(centres, within.shape[-1])].nonzero()[:, 0]
    opacity = torch.zeros(len(centres))
    for part in chosen.split(1 << 15):
        opacity[part] = -torch.expm1(-query(centres[part])[0] * step)
    return opacity.view(resolution, resolution, resolution)


def grown(dense: Bool[torch.Tensor, "g g g"]) -> Bool[torch.Tensor, "g g g"]:
    """Cells that are dense or touch one that is, at a face, an edge or a corner."""
    return torch.nn.functional.max_pool3d(dense[None, None].float(), 3, 1, 1)[0, 0] > 0


@dataclass(frozen=True)
class RenderConfig:
    """How reconstructions are looked at."""

    n_views: int = 4
    size_px: int = 64
    step: float = 0.04  # scene units


def nerf_views(zoo: Zoo, index: int, config: RenderConfig) -> Float[torch.Tensor, "v h w 4"]:
    """One NeRF of a zoo from a turntable: colour on white, and opacity."""
    weights = torch.from_numpy(zoo.field_weights(index)[0])
    query = field_query(weights, zoo.rows[index].encoding)
    return render_views(query, torch.from_numpy(zoo.occupied(index)[0]), config)


def decoded_views(
    model: Nerf2Vec, embedding: torch.Tensor, config: RenderConfig, occupied: torch.Tensor | None = None
) -> Float[torch.Tensor, "v h w 4"]:
    """A decoded embedding from the same turntable; its own occupancy unless one is given."""
    occupied = decoded_occupancy(model, embedding, step=config.step) if occupied is None else occupied
    return render_views(decoded_query(model, embedding), occupied, config)


def render_views(query: Query, occupied: torch.Tensor, config: RenderConfig) -> Float[torch.Tensor, "v h w 4"]:
    """Pictures from `turntable_cameras`."""
    cameras = turntable_cameras(config.n_views)
    return torch.stack(
        [render_image(query, occupied, c2w, config.size_px, CAMERA_ANGLE_X, config.step) for c2w in cameras]
    )


def foreground_psnr(
    shown: Float[torch.Tensor, "v h w 4"], truth: Float[torch.Tensor, "v h w 4"], opacity_floor: float = 0.05
) -> float:
    """PSNR (dB) over the pixels where the truth is not background."""
    mask = truth[..., 3] > opacity_floor
    return psnr(shown[..., :3][mask], truth[..., :3][mask]) if bool(mask.any()) else math.nan
