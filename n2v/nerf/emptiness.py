"""Empty space, asked about: points outside the hull, each a ray of one sample whose pixel is transparent.

Rays are marched inside the hull only, so without these points a network may answer anything outside it, and a grid
rebuilt from its weights alone fills with fog. The compositing loss does the rest: no engine needs another kernel.
Nearly all random points are soon empty, so three times during a fit half of them move to where fog was found.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float

from n2v.nerf.field import evaluate, to_unit_box
from n2v.nerf.occupancy import DENSITY_FLOOR, SIDE, cell_centres

LENGTH = 0.1  # of an empty point's sample, scene units: longer costs sharpness, shorter leaves fog (CONVENTIONS.md)
LOOKED_AT = 4  # a look draws one point in every fourth empty cell


@dataclass(frozen=True)
class EmptySpace:
    """The cells that a hull leaves out (centres in scene units, side in the same) and how many points a batch asks."""

    centres: Float[torch.Tensor, "c 3"]
    cell_side: float
    n_points: int
    generator: torch.Generator

    @classmethod
    def around(cls, hull: Bool[torch.Tensor, "g g g"], n_points: int, generator: torch.Generator) -> "EmptySpace":
        """Of a hull; a hull that fills the box leaves nothing to ask about. The generator's state moves on by one."""
        centres = cell_centres(hull.shape[0])[~hull.reshape(-1).cpu()]
        own = torch.Generator().manual_seed(int(torch.randint(1 << 62, (), generator=generator)))
        return cls(centres, SIDE / hull.shape[0], n_points if len(centres) else 0, own)

    def draw(self, n: int, centres: torch.Tensor | None = None) -> Float[torch.Tensor, "n 3"]:
        """Uniformly random points (scene units) of the cells, or of those with these centres."""
        centres = self.centres if centres is None else centres
        chosen = centres[torch.randint(len(centres), (n,), generator=self.generator)]
        return chosen + (torch.rand(n, 3, generator=self.generator) - 0.5) * self.cell_side

    @torch.no_grad()
    def look(self, field_weights: Float[torch.Tensor, "w"], positions: torch.Tensor, encoding: str) -> int:
        """Move the first half of the empty points of all batches, in place, to cells in which the field has fog.

        Fog: density above half the floor of occupancy at a random point of the cell. Every fourth cell is tried.

        Args:
            field_weights: As fitted so far.
            positions: (b, n, 3) in [0, 1]^3, each batch's empty points first.
            encoding: Of the field.

        Returns:
            How many cells with fog were found.
        """
        n_tried = len(self.centres) // LOOKED_AT
        if not self.n_points or not n_tried:
            return 0
        tried = torch.randperm(len(self.centres), generator=self.generator)[:n_tried]
        points = self.centres[tried] + (torch.rand(n_tried, 3, generator=self.generator) - 0.5) * self.cell_side
        sigmas, _ = evaluate(field_weights[None], points[None].to(field_weights.device), encoding)
        foggy = self.centres[tried[(sigmas[0] > DENSITY_FLOOR / 2).cpu()]]
        if len(foggy):
            half = self.n_points // 2
            drawn = to_unit_box(self.draw(len(positions) * half, foggy))
            positions[:, :half] = drawn.view(len(positions), half, 3).to(positions.device)
        return len(foggy)


def looks(n_steps: int) -> set[int]:
    """Steps before which a fit looks for fog: a quarter, a half and three quarters of the way."""
    return {n_steps * quarter // 4 for quarter in (1, 2, 3)}
