"""Training data of one object: rays marched once and packed into batches of whole rays, and points of empty space.

Rays are marched inside the hull only, so without more a network may answer anything outside it, and a grid rebuilt
from its weights alone fills with fog. Each batch therefore asks about points outside the hull, too: rays of one sample
whose pixel is transparent, so the compositing loss does the rest and no engine needs another kernel. Nearly all random
points are soon empty: three times during a fit half of them move to where fog was found.
"""

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from n2v.errors import BadInput
from n2v.nerf.field import evaluate, to_unit_box
from n2v.nerf.march import Samples, camera_rays, march
from n2v.nerf.occupancy import DENSITY_FLOOR, SIDE, cell_centres
from n2v.nerf.recipe import FitConfig
from n2v.scenes.objects import AABB
from n2v.scenes.views import ViewSet

EMPTY_LENGTH = 0.1  # of its sample, scene units: longer costs sharpness, shorter leaves fog (CONVENTIONS.md)
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


@dataclass(frozen=True)
class Batches:
    """b batches of n sample places and r ray slots; slot r - 1 and beyond the ray count are padding.

    Shapes: positions (b, n, 3) in [0, 1]^3; slots (b, n) ray slot of each sample, non-decreasing; lengths (b, n)
    scene units, 0 for padding; targets (b, r, 4) straight RGBA in [0, 1]; is_ray (b, r).
    Where `empty` is given, the first empty.n_points places and slots of each batch are its points.
    """

    positions: Float[torch.Tensor, "b n 3"]
    slots: Int[torch.Tensor, "b n"]
    lengths: Float[torch.Tensor, "b n"]
    targets: Float[torch.Tensor, "b r 4"]
    is_ray: Bool[torch.Tensor, "b r"]
    empty: EmptySpace | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def to(self, device: torch.device | str) -> "Batches":
        """The same on a device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: value.to(device) for name, value in values.items() if name != "empty"})

    def look_again(self, field_weights: Float[torch.Tensor, "w"], encoding: str) -> None:
        """Move empty points, in place, to where the field fitted so far has fog (`EmptySpace.look`)."""
        if self.empty is not None:
            self.empty.look(field_weights, self.positions, encoding)


def training_batches(
    view_set: ViewSet, hull: Bool[torch.Tensor, "g g g"], config: FitConfig, generator: torch.Generator
) -> Batches:
    """All batches of a fit by `config`: rays through the hull, and points outside it in each.

    These are config.n_empty, but never more than a batch has rays, which are few where an object fills the box:
    all count alike in the loss, and emptiness must not outweigh the pictures.
    """
    n_places = config.n_samples - config.n_empty
    batches = pack_batches(view_set, hull, n_places, config.step, config.n_steps, generator)
    if config.n_empty == 0:
        return batches
    n_points = min(config.n_empty, math.ceil(int(batches.is_ray.sum()) / len(batches)))
    return _with_empty(batches, EmptySpace.around(hull, n_points, generator), config.n_samples)


def prepare(
    view_sets: list[ViewSet], hulls: list[Bool[torch.Tensor, "g g g"]], config: FitConfig, seeds: list[int]
) -> tuple[list[Batches], list[torch.Generator]]:
    """`training_batches` of each object, and the generator that its backgrounds come from."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    each = zip(view_sets, hulls, generators, strict=True)
    return [training_batches(views, hull, config, generator) for views, hull, generator in each], generators


def _with_empty(batches: Batches, empty: EmptySpace, n_samples: int) -> Batches:
    """Batches with the points of empty space before their rays: rays of one sample with transparent pixels.

    All fits of a group have n_samples places, so that they can be computed together: what is left is padding.
    """
    b, n, on = len(batches), empty.n_points, {"device": batches.positions.device}
    left = n_samples - n - batches.positions.shape[1]
    unused = batches.targets.shape[1] - 1 + n  # slot of the padding
    points = to_unit_box(empty.draw(b * n)).view(b, n, 3).to(**on) if n else torch.zeros(b, 0, 3, **on)
    return Batches(
        torch.cat([points, batches.positions, torch.full((b, left, 3), 0.5, **on)], 1),
        torch.cat([torch.arange(n, **on).expand(b, n), batches.slots + n, torch.full((b, left), unused, **on)], 1),
        torch.cat([torch.full((b, n), EMPTY_LENGTH, **on), batches.lengths, torch.zeros(b, left, **on)], 1),
        torch.cat([torch.zeros(b, n, 4, **on), batches.targets], 1),
        torch.cat([torch.ones(b, n, dtype=torch.bool, **on), batches.is_ray], 1),
        empty,
    )


def training_rays(
    view_set: ViewSet, margin_px: int | None, device: torch.device | str = "cpu"
) -> tuple[Float[torch.Tensor, "r 3"], Float[torch.Tensor, "r 3"], Float[torch.Tensor, "r 4"]]:
    """Origins, directions and straight RGBA in [0, 1] of training pixels at most `margin_px` from an opaque one.

    None: of all pixels.
    """
    images = torch.from_numpy(np.ascontiguousarray(view_set.images)).to(device)
    cameras = torch.as_tensor(view_set.c2w, dtype=torch.float32, device=device)
    wide = images[..., 3] > 0 if margin_px is not None else torch.ones_like(images[..., 3], dtype=torch.bool)
    if margin_px:
        wide = torch.nn.functional.max_pool2d(wide.float()[:, None], 2 * margin_px + 1, 1, margin_px)[:, 0] > 0
    parts = []
    for image, c2w, kept in zip(images, cameras, wide.flatten(1), strict=True):
        rays = camera_rays(c2w, view_set.size_px, view_set.camera_angle_x)
        parts.append([part[kept] for part in (*rays, image.view(-1, 4).float() / 255)])
    return tuple(map(torch.cat, zip(*parts, strict=True)))


def margin_px(view_set: ViewSet, resolution: int) -> int:
    """How far from a silhouette, in pixels, a hull cell can appear: its diagonal at the nearest box corner."""
    focal_px = 0.5 * view_set.size_px / math.tan(view_set.camera_angle_x / 2)
    nearest = float(np.linalg.norm(view_set.c2w[:, :3, 3], axis=-1).min()) - AABB[3]
    diagonal = math.sqrt(3) * SIDE / resolution
    return max(1, min(math.ceil(focal_px * diagonal / max(nearest, 0.1)), view_set.size_px))


def pack_batches(
    view_set: ViewSet,
    hull: Bool[torch.Tensor, "g g g"],
    n_samples: int,
    step: float,
    n_batches: int,
    generator: torch.Generator,
) -> Batches:
    """Rays in random order, marched through the hull, cut into at most `n_batches` batches of `n_samples` places.

    Whole rays only: the places left at a batch's end are padding. Fewer batches come back when the views hold
    fewer rays (a fit then goes round again). They are on the hull's device; what is random is drawn on the CPU.
    """
    origins, directions, colours = training_rays(view_set, margin_px(view_set, hull.shape[0]), hull.device)
    nothing = BadInput("no ray meets the object", where=view_set.object_id, fix="check the pictures' alpha and cameras")
    if not len(origins) or not hull.any():
        raise nothing
    order = torch.randperm(len(origins), generator=generator).to(hull.device)
    origins, directions, colours = origins[order], directions[order], colours[order]
    longest = math.ceil(math.sqrt(3) * SIDE / step)
    if longest > n_samples:
        what = f"a ray can hold {longest} samples but a step only {n_samples}"
        raise BadInput(what, fix="raise n_samples or the step length")
    samples = _march_until(origins, directions, hull, step, n_samples * n_batches)
    if not len(samples.ray_indices):
        raise nothing
    return _cut(samples, origins, directions, colours, n_samples, n_batches)


def _march_until(origins, directions, hull, step: float, wanted: int, chunk: int = 16384) -> Samples:
    """March rays in order until `wanted` samples were found or the rays are used up."""
    parts, found = [], 0
    for start in range(0, len(origins), chunk):
        part = march(origins[start : start + chunk], directions[start : start + chunk], hull, step)
        parts.append((part.ray_indices + start, part.t_starts, part.t_ends))
        found += len(part.t_starts)
        if found >= wanted:
            break
    return Samples(*map(torch.cat, zip(*parts, strict=True)), len(origins))


def _cut(samples: Samples, origins, directions, colours, n_samples: int, n_batches: int) -> Batches:
    """Lay packed samples out in fixed-size batches of whole rays."""
    rays, counts = torch.unique_consecutive(samples.ray_indices, return_counts=True)
    ends = torch.cumsum(counts, 0)
    ends_here, cuts = ends.cpu(), [0]  # in rays
    while cuts[-1] < len(rays) and len(cuts) <= n_batches:
        filled = int(ends_here[cuts[-1] - 1]) if cuts[-1] else 0
        cuts.append(int(torch.searchsorted(ends_here, filled + n_samples, right=True)))
    if len(cuts) > 2 and cuts[-1] == len(rays):
        cuts.pop()  # the last, partly filled batch would be noisier than the others
    on = {"device": ends.device}
    cut, ray = torch.tensor(cuts, **on), torch.arange(cuts[-1], **on)
    batch_of_ray = torch.bucketize(ray, cut[1:], right=True)
    slot_of_ray = ray - cut[batch_of_ray]
    rays, counts, ends = rays[: cuts[-1]], counts[: cuts[-1]], ends[: cuts[-1]]
    ray_of_sample = torch.repeat_interleave(counts)
    start_of_batch = (ends - counts)[cut[:-1]]
    batch = batch_of_ray[ray_of_sample]
    place = torch.arange(len(batch), **on) - start_of_batch[batch]
    b, n_slots = len(cuts) - 1, int((cut[1:] - cut[:-1]).max()) + 1
    kept = Samples(samples.ray_indices[: len(batch)], samples.t_starts[: len(batch)], samples.t_ends[: len(batch)], 0)
    positions = torch.full((b, n_samples, 3), 0.5, **on)
    positions[batch, place] = to_unit_box(kept.positions(origins, directions))
    slots = torch.full((b, n_samples), n_slots - 1, **on)
    slots[batch, place] = slot_of_ray[ray_of_sample]
    lengths = torch.zeros(b, n_samples, **on)
    lengths[batch, place] = kept.t_ends - kept.t_starts
    targets = torch.zeros(b, n_slots, 4, **on)
    targets[batch_of_ray, slot_of_ray] = colours[rays]
    is_ray = torch.zeros(b, n_slots, dtype=torch.bool, **on)
    is_ray[batch_of_ray, slot_of_ray] = True
    return Batches(positions, slots, lengths, targets, is_ray)
