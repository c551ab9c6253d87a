"""Decoded embeddings as pictures: samples, and the way between two objects."""

import numpy as np
import torch
from jaxtyping import Float

from n2v.embed.model import Nerf2Vec
from n2v.embed.reconstruct import RenderConfig, decoded_occupancy, decoded_query
from n2v.nerf.render import CAMERA_ANGLE_X, field_query, render_image
from n2v.scenes.cameras import turntable_cameras
from n2v.tasks.interpolate import GAMMAS, distance_to_real, lerp, smoothness, solidity
from n2v.zoo.store import Zoo

VIEW = 7  # of eight turntable views: three quarters from the front


def front_camera() -> np.ndarray:
    """The view every sheet uses."""
    return turntable_cameras(8)[VIEW]


def decoded_picture(model: Nerf2Vec, embedding, size_px: int = 64, step: float = 0.04) -> Float[torch.Tensor, "h w 4"]:
    """One decoded embedding from the front, with its own occupancy."""
    occupied = decoded_occupancy(model, torch.as_tensor(embedding), step=step)
    return render_image(decoded_query(model, embedding), occupied, front_camera(), size_px, CAMERA_ANGLE_X, step)


def decoded_pictures(model: Nerf2Vec, embeddings, size_px: int = 64) -> Float[np.ndarray, "n h w 4"]:
    """Several decoded embeddings."""
    return np.stack([decoded_picture(model, one, size_px).numpy() for one in embeddings])


def nerf_picture(zoo: Zoo, index: int, size_px: int = 64, step: float = 0.04) -> Float[torch.Tensor, "h w 4"]:
    """One NeRF of a zoo from the front."""
    query = field_query(torch.from_numpy(zoo.field_weights(index)[0]), zoo.rows[index].encoding)
    return render_image(query, torch.from_numpy(zoo.occupied(index)[0]), front_camera(), size_px, CAMERA_ANGLE_X, step)


def interpolation_strips(
    model: Nerf2Vec, zoo: Zoo, pair: tuple[int, int], size_px: int = 64
) -> tuple[dict[str, Float[torch.Tensor, "g h w 4"]], list[dict]]:
    """The way from one NeRF to another in embedding space and in weight space, ends included, and its numbers.

    The weight-space frames see the union of both occupancy grids; embeddings decode their own.
    """
    weights, grids, encoding = zoo.field_weights(pair), zoo.occupied(pair), zoo.rows[pair[0]].encoding
    with torch.no_grad():
        ends = model.encode(torch.from_numpy(weights)).numpy()
        everything = model.encode(torch.from_numpy(zoo.field_weights())).numpy()
    gammas = (0.0, *GAMMAS, 1.0)
    union = torch.from_numpy(grids[0] | grids[1])
    step, camera = RenderConfig().step, front_camera()
    between = lerp(*ends, gammas)
    strips = {
        "embeddings": torch.stack([decoded_picture(model, one, size_px) for one in between]),
        "raw weights": torch.stack(
            [
                render_image(field_query(torch.from_numpy(one), encoding), union, camera, size_px, CAMERA_ANGLE_X, step)
                for one in lerp(*weights, gammas)
            ]
        ),
    }
    middle = distance_to_real(between[len(gammas) // 2][None], everything)[0]
    numbers = []
    for name, frames in strips.items():
        solid = solidity(frames)
        numbers.append(
            {
                "space": name,
                "worst_step_share": smoothness(frames[..., :3])["worst_share"],
                "solid_ends": float(solid[[0, -1]].mean()),
                "solid_middle": float(solid[len(solid) // 2]),
                "opacity_middle": float(frames[len(frames) // 2][..., 3].mean() / frames[[0, -1]][..., 3].mean()),
                "middle_to_real": float(middle) if name == "embeddings" else None,
            }
        )
    return strips, numbers
