"""One NeRF as one object, and what it shares with every other field that can be looked at."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.nerf.recipe import show_step
from n2v.nerf.render import field_query, render_image
from n2v.scenes.cameras import CAMERA_ANGLE_X, front_camera, orbit_camera, turntable_cameras
from n2v.scenes.views import png_bytes


@dataclass(frozen=True)
class Turntable:
    """How fields are measured and compared: pictures from a turntable."""

    n_views: int = 4
    size_px: int = 64
    step: float = 0.04  # scene units


class Picture(np.ndarray):
    """RGB pixels, uint8 (h, w, 3), that a notebook shows as a picture."""

    def _repr_png_(self) -> bytes | None:
        return png_bytes(np.asarray(self)) if self.ndim == 3 else None


class Field:
    """What answers `query` and knows where it is `occupied`: a NeRF, or what an embedding decodes to.

    `shown_step` is the sample length (scene units) of its pictures where none is given.
    """

    occupied: Bool[torch.Tensor, "g g g"]
    shown_step: float

    def query(self, positions: Float[torch.Tensor, "n 3"]) -> tuple[torch.Tensor, torch.Tensor]:
        """Densities (n,) per scene unit and colours (n, 3) in [0, 1] at positions in scene units."""
        raise NotImplementedError

    def to(self, device: torch.device | str) -> "Field":
        """The same on a device: it answers, and is rendered, there."""
        raise NotImplementedError

    def render(self, azimuth: float = -15, elevation: float = 25, size_px: int = 128) -> Picture:
        """A picture on white.

        Args:
            azimuth: Degrees; 0 stands in front of a procedural object, 90 at its +x side.
            elevation: Degrees above the horizon.
            size_px: Side of the picture.

        >>> n2v.mini_zoo()["chair-0000"].render(azimuth=30, size_px=32).shape
        (32, 32, 3)
        """
        rgb = self.image(orbit_camera(azimuth, elevation), size_px)[..., :3].cpu().numpy()
        return np.round(255 * rgb).astype(np.uint8).view(Picture)

    def image(
        self,
        c2w=None,
        size_px: int = 64,
        step: float | None = None,
        camera_angle_x: float = CAMERA_ANGLE_X,
    ) -> Float[torch.Tensor, "h w 4"]:
        """What `render` shows before it is rounded, and opacity, from any camera (c2w; the front without one)."""
        c2w = front_camera() if c2w is None else c2w
        return render_image(self.query, self.occupied, c2w, size_px, camera_angle_x, step or self.shown_step)

    def views(self, config: Turntable) -> Float[torch.Tensor, "v h w 4"]:
        """Pictures from `turntable_cameras`."""
        return torch.stack([self.image(c2w, config.size_px, config.step) for c2w in turntable_cameras(config.n_views)])

    def _repr_png_(self) -> bytes | None:
        return self.render()._repr_png_()


@dataclass(frozen=True, eq=False, repr=False)
class Nerf(Field):
    """One NeRF: its weights, and what is needed to use them.

    `occupied`: cells that may hold matter; `encoding`: see n2v.nerf.encoding; `step`: sample length of its fit (scene
    units); `psnr_db`: over held-out pictures; `licence`: of the object.

    >>> nerf = n2v.mini_zoo()["chair-0000"]
    >>> nerf.class_name, nerf.licence, len(nerf.field_weights)
    ('chair', 'MIT', 18432)
    >>> sigmas, rgbs = nerf.query(nerf.field_weights.new_zeros(1, 3))
    >>> sigmas.shape, rgbs.shape
    (torch.Size([1]), torch.Size([1, 3]))
    """

    object_id: str
    field_weights: Float[torch.Tensor, "w"]
    occupied: Bool[torch.Tensor, "g g g"]
    step: float
    encoding: str = "exact"
    class_name: str = ""
    source: str = ""
    licence: str = ""
    psnr_db: float | None = None

    @property
    def shown_step(self) -> float:
        return show_step(self.step)

    def to(self, device: torch.device | str) -> "Nerf":
        """The same on a device: it answers, and is rendered, there."""
        return replace(self, field_weights=self.field_weights.to(device), occupied=self.occupied.to(device))

    def query(self, positions: Float[torch.Tensor, "n 3"]) -> tuple[torch.Tensor, torch.Tensor]:
        """Densities (n,) per scene unit and colours (n, 3) in [0, 1] at positions in scene units."""
        return field_query(self.field_weights, self.encoding)(positions)

    def __repr__(self) -> str:
        return f"Nerf({self.object_id}, {self.class_name})"
