"""Do pictures and cameras belong together? The visual hull must explain every silhouette (checked before a fit)."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool

from n2v.errors import BadInput
from n2v.nerf.march import camera_rays, march
from n2v.nerf.occupancy import SIDE, carve
from n2v.scenes.cameras import check_cameras, other_conventions
from n2v.scenes.views import ViewSet

FLOOR = 0.9  # share of the object's pixels that the hull must explain; measured shares: CONVENTIONS.md
MOST_RAYS = 4000
UNKNOWN = "check pictures, cameras (their order too) and box"


def explained(view_set: ViewSet, hull: Bool[torch.Tensor, "g g g"], seed: int = 0) -> float:
    """Share of the object's pixels (at most 4,000 drawn of all views) whose ray meets the hull; 1 is perfect.

    With wrong cameras the silhouettes rule out each other's cells, and little or nothing is left to explain them.
    """
    opaque = np.argwhere(view_set.images[..., 3] > 127)
    if not len(opaque):
        return 1.0  # nothing to explain; the fit itself will say that no ray meets the object
    drawn = np.random.default_rng(seed).permutation(len(opaque))[:MOST_RAYS]
    chosen = torch.from_numpy(opaque[np.sort(drawn)]).to(hull.device)
    origins, directions = [], []
    for view, c2w in enumerate(torch.as_tensor(view_set.c2w, dtype=torch.float32, device=hull.device)):
        _, rows, columns = chosen[chosen[:, 0] == view].unbind(1)
        origin, direction = camera_rays(c2w, view_set.size_px, view_set.camera_angle_x)
        pixels = rows * view_set.size_px + columns
        origins.append(origin[pixels])
        directions.append(direction[pixels])
    samples = march(torch.cat(origins), torch.cat(directions), hull, SIDE / hull.shape[0] / 2)
    return float((samples.counts() > 0).float().mean())


def check_silhouettes(view_set: ViewSet, hull: Bool[torch.Tensor, "g g g"]) -> None:
    """Refuse a view set whose silhouettes contradict its cameras.

    Raises:
        BadInput: Names how much is explained, and the camera convention under which all would be.
    """
    share = explained(view_set, hull)
    if share >= FLOOR:
        return
    shares = {
        name: explained(other, carve(other, hull.shape[0], hull.device))
        for name, other in _other_readings(view_set).items()
    }
    best = max(shares, key=shares.__getitem__)
    hint = f"under another reading {shares[best]:.0%} would be: {best}" if shares[best] >= FLOOR else UNKNOWN
    raise BadInput(
        f"the cameras explain only {share:.0%} of the object's pixels",
        where=view_set.object_id,
        fix=f"{hint}; or fit it all the same with --force",
    )


def _other_readings(view_set: ViewSet) -> dict[str, ViewSet]:
    """The pictures with their cameras in other conventions, and the cameras with their pictures turned over."""
    readings = {}
    for name, c2w in other_conventions(np.asarray(view_set.c2w, float)).items():
        with suppress(BadInput):  # cameras that cannot see the box rule nothing out, so they would explain everything
            check_cameras(c2w, None, view_set.aabb, view_set.camera_angle_x)
            readings[name] = replace(view_set, c2w=c2w.astype(np.float32))
    readings["the pictures look upside down: flip them"] = replace(view_set, images=view_set.images[:, ::-1].copy())
    readings["the pictures look mirrored: flip them left to right"] = replace(
        view_set, images=view_set.images[:, :, ::-1].copy()
    )
    return readings
