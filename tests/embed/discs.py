"""A picture whose every pixel is known."""

import torch


def disc(size: int = 32, radius: float = 9.0) -> torch.Tensor:
    """One red disc on white, RGBA as the renderer gives it."""
    place = torch.arange(size) + 0.5 - size / 2
    inside = (place[:, None] ** 2 + place[None] ** 2).sqrt() < radius
    picture = torch.ones(1, size, size, 4)
    picture[..., 3] = inside.float()
    picture[0, inside] = torch.tensor([0.8, 0.1, 0.1, 1.0])
    return picture
