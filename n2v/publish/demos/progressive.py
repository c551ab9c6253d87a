"""A field looked at without waiting: a coarse picture at once, the fine one a moment later."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float

from n2v.embed.decoder import OPACITY_FLOOR, cell_opacity, grown, query_occupancy
from n2v.embed.model import Nerf2Vec
from n2v.nerf.march import camera_rays
from n2v.nerf.render import Query, as_picture, render_rays
from n2v.scenes.cameras import CAMERA_ANGLE_X, orbit_camera

COARSE_CELLS, FINE_CELLS = 16, 32  # cells a side of the two occupancy grids
SEARCH_FLOOR = 0.03  # of light blocked in one step: the fine grid is searched where the coarse one is above it
RAYS_AT_ONCE = 2048  # between two chances to stop


@dataclass(frozen=True)
class View:
    """Where the camera of a demo stands, looking at the object's middle."""

    azimuth_deg: float = -15.0  # 0: in front
    elevation_deg: float = 25.0

    def c2w(self) -> Float[torch.Tensor, "4 4"]:
        """The camera (OpenGL)."""
        return torch.from_numpy(orbit_camera(self.azimuth_deg, self.elevation_deg))


@dataclass(frozen=True)
class Quality:
    """Sizes of the first and of the refined picture (pixels a side), and their sample lengths (scene units)."""

    first_px: int = 32
    refined_px: int = 96
    first_step: float = 0.06
    refined_step: float = 0.04


class DecodedObject:
    """One embedding, ready to be looked at from anywhere.

    Its share of the decoder is computed once, when it is made; its occupancy once, when it is first needed: 4,096 cells
    for the first picture, then the finer grid, but only where the coarse one is not quite empty. The result is that of
    `DecodedField` (tests/publish/test_demos.py) for fewer evaluations.
    """

    def __init__(self, model: Nerf2Vec, embedding: Float[torch.Tensor, "e"], quality: Quality | None = None) -> None:
        self.query: Query = model.decode(embedding).query
        self.quality = quality or Quality()

    @cached_property
    def _opacity(self) -> Float[torch.Tensor, "g g g"]:
        return cell_opacity(self.query, COARSE_CELLS, self.quality.refined_step)

    @cached_property
    def coarse(self) -> Bool[torch.Tensor, "g g g"]:
        """Occupancy for the first picture."""
        return grown(self._opacity > OPACITY_FLOOR)

    @cached_property
    def fine(self) -> Bool[torch.Tensor, "g g g"]:
        """Occupancy for the refined picture."""
        return query_occupancy(self.query, FINE_CELLS, self.quality.refined_step, grown(self._opacity > SEARCH_FLOOR))

    def first_picture(self, view: View) -> Float[torch.Tensor, "h w 4"]:
        """Small, coarse and soon."""
        size_px, step = self.quality.first_px, self.quality.first_step
        return as_picture(render_rays(self.query, self.coarse, *_rays(view, size_px), step))

    def refined_picture(self, view: View) -> Float[torch.Tensor, "h w 4"]:
        """What `progress` ends with, in one call."""
        *_, last = self.progress(view)
        return last

    def progress(self, view: View) -> Iterator[Float[torch.Tensor, "h w 4"] | None]:
        """The first picture, the refined one at the end, and None in between wherever it may be dropped."""
        yield self.first_picture(view)
        grid = self.fine
        yield None
        origins, directions = _rays(view, self.quality.refined_px)
        parts = []
        for part in torch.arange(len(origins)).split(RAYS_AT_ONCE):
            parts.append(render_rays(self.query, grid, origins[part], directions[part], self.quality.refined_step))
            yield None
        yield as_picture(torch.cat(parts))


def _rays(view: View, size_px: int) -> tuple[torch.Tensor, torch.Tensor]:
    return camera_rays(view.c2w(), size_px, CAMERA_ANGLE_X)
