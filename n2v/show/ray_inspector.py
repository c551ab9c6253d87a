"""One pixel of a NeRF, looked into: the samples along its ray, what the network says there, and what each adds."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.errors import BadInput
from n2v.nerf.march import camera_rays, march
from n2v.nerf.nerf import Field
from n2v.nerf.render import CAMERA_ANGLE_X, blend_weights
from n2v.show.one_nerf import ray_stems


@dataclass(frozen=True)
class PixelRay:
    """Samples along the ray of one pixel, nearest first.

    t_mids: distances from the camera, scene units; length: of a sample, scene units; sigmas: density per scene unit;
    transmittance: light left before each sample; weights: transmittance times absorbed share; rgbs: in [0, 1].
    """

    t_mids: Float[np.ndarray, "s"]
    length: float
    sigmas: Float[np.ndarray, "s"]
    transmittance: Float[np.ndarray, "s"]
    weights: Float[np.ndarray, "s"]
    rgbs: Float[np.ndarray, "s 3"]

    @property
    def pixel(self) -> Float[np.ndarray, "3"]:
        """The colour that the samples make over white."""
        return self.weights @ self.rgbs + (1 - self.weights.sum())


@torch.no_grad()
def look_along(
    field: Field,
    c2w: Float[torch.Tensor, "4 4"],
    size_px: int,
    place: tuple[int, int],
    step: float,
    camera_angle_x: float = CAMERA_ANGLE_X,
) -> PixelRay:
    """The samples of the pixel at `place` = (row, column), counted from the top left, of a square picture.

    Accuracy: `pixel` is what `Field.image` shows there, within 1e-5 (tests/show/test_ray_inspector.py).
    """
    row, column = place
    if not (0 <= row < size_px and 0 <= column < size_px):
        raise BadInput(f"no pixel ({row}, {column})", fix=f"rows and columns go from 0 to {size_px - 1}")
    origins, directions = camera_rays(c2w, size_px, camera_angle_x)
    one = slice(row * size_px + column, row * size_px + column + 1)
    samples = march(origins[one], directions[one], field.occupied, step)
    positions = samples.positions(origins[one], directions[one])
    sigmas, rgbs = field.query(positions) if len(positions) else (positions[:, 0], positions)
    depths = sigmas.double() * step
    light = torch.exp(depths - torch.cumsum(depths, 0))
    blend = blend_weights(sigmas * step, samples.ray_indices, 1)
    t_mids = (samples.t_starts + samples.t_ends) / 2
    values = (value.float().numpy() for value in (sigmas, light, blend, rgbs))
    return PixelRay(t_mids.numpy(), step, *values)


def busiest_pixel(
    occupied: Bool[torch.Tensor, "g g g"],
    c2w: Float[torch.Tensor, "4 4"],
    size_px: int,
    step: float,
    camera_angle_x: float = CAMERA_ANGLE_X,
) -> tuple[int, int]:
    """(row, column) of the pixel with the most samples on its ray."""
    samples = march(*camera_rays(c2w, size_px, camera_angle_x), occupied, step)
    return divmod(int(samples.counts().argmax()), size_px)


def ray_figure(ray: PixelRay, picture: Float[np.ndarray, "h w c"], place: tuple[int, int]):
    """The picture with the pixel marked, beside density, absorbed share, light left and weight of each sample."""
    return ray_stems(ray.t_mids, ray.length, ray.sigmas, ray.rgbs, picture, place)
