"""Training batches: rays aimed at each NeRF, and what the NeRF itself shows along them (thesis 3.3.5)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int

from n2v.embed.asking import AskingEncoder
from n2v.embed.recipe import Protocol, SampleConfig
from n2v.embed.targets import Targets, aimed_rays, ask_targets, empty_points, pixel_rays, uniform
from n2v.errors import BadInput
from n2v.files import progress
from n2v.nerf.composite import composite
from n2v.nerf.field import evaluate
from n2v.nerf.march import Samples, march
from n2v.nerf.occupancy import unpack_bits
from n2v.zoo.splits import groups
from n2v.zoo.store import Zoo

CORRECTED = Protocol()


@dataclass(frozen=True)
class RayBatch:
    """Samples of b NeRFs, packed ray after ray, and empty points after them.

    Shapes: positions (b, n + m, 3) scene units, n for rays and m empty; slots (b, n) ray of each sample,
    non-decreasing, counted over the whole batch; lengths (b, n) scene units, 0 where no ray's sample stands; targets
    (b, r, 4) premultiplied colour and opacity as the NeRF renders it; is_ray (b, r); is_empty (b, n + m) marks points
    outside the occupied cells (among the first n: where empty points fill what rays left).
    """

    positions: Float[torch.Tensor, "b points 3"]
    slots: Int[torch.Tensor, "b n"]
    lengths: Float[torch.Tensor, "b n"]
    targets: Float[torch.Tensor, "b r 4"]
    is_ray: Bool[torch.Tensor, "b r"]
    is_empty: Bool[torch.Tensor, "b points"]

    def part(self, first: int, stop: int) -> "RayBatch":
        """The NeRFs first..stop - 1 as a batch of their own."""
        values = {name: value[first:stop] for name, value in vars(self).items()}
        return RayBatch(**{**values, "slots": values["slots"] - first * self.targets.shape[1]})


class TrainingSet:
    """The NeRFs of one split in the machine's memory: weights as float32, occupancy as bits.

    Those that cannot be read or are not finite are left out; `skipped` has the reasons by object id. Batches are made
    on `device`: only their NeRFs' numbers and bits travel to it.
    """

    def __init__(
        self,
        zoo: Zoo,
        split: str | None = "train",
        device: str | torch.device = "cpu",
        at_most: int | None = None,  # NeRFs, spread over the split
    ) -> None:
        self.device = torch.device(device)
        wanted = zoo.indices(split)
        if at_most is not None:
            wanted = wanted[:: -(-len(wanted) // at_most) or 1]
        self.indices, self.skipped = zoo.readable(wanted)
        if not len(self.indices):
            why = "".join(f" ({name}: {reason})" for name, reason in list(self.skipped.items())[:1])
            raise BadInput(
                f"no usable NeRF in split '{split or 'all'}'{why}", where=zoo.folder, fix="run: n2v zoo verify"
            )
        self.field_weights = torch.from_numpy(zoo.field_weights(self.indices))
        self.packed, self.resolution = zoo.packed(self.indices), zoo.resolution
        encodings = {zoo.rows[i].encoding for i in self.indices}
        if len(encodings) > 1:
            raise BadInput(f"encodings {', '.join(sorted(encodings))} in one zoo", where=zoo.folder, fix="train on one")
        self.encoding = encodings.pop()
        rows = [zoo.rows[i] for i in self.indices]
        self.digests = [row.sha256 for row in rows]
        named = groups(rows)
        numbers = {name: i for i, name in enumerate(dict.fromkeys(named))}
        self.bases = torch.tensor([numbers[name] for name in named])  # of which object each NeRF is a version

        self.answers, self.targets = None, None

    def __len__(self) -> int:
        return len(self.indices)

    def prepare(self, encoder: torch.nn.Module, cached: bool) -> None:
        """Ask once what need not be asked in every step: what the encoder reads, and targets where they are cached."""
        if isinstance(encoder, AskingEncoder) and self.answers is None:
            parts = progress(self.field_weights.split(16), desc="asking NeRFs", unit_scale=16, unit="NeRF")
            self.answers = torch.cat([encoder.inputs(part, self.encoding) for part in parts]).to(self.device)
        if cached and self.targets is None:
            each = [
                ask_targets(weights, self.occupied(torch.tensor([i]))[0].cpu(), self.encoding, digest)
                for i, (weights, digest) in enumerate(
                    zip(progress(self.field_weights, desc="asking for targets", unit="NeRF"), self.digests, strict=True)
                )
            ]
            self.targets = Targets.of(each, self.device)

    def inputs(self, chosen: Int[torch.Tensor, "b"]) -> torch.Tensor:
        """What the encoder reads of the chosen NeRFs, on the device: answers, where `prepare` has asked, or weights."""
        return self.weights(chosen) if self.answers is None else self.answers[chosen.to(self.device)]

    def weights(self, chosen: Int[torch.Tensor, "b"]) -> Float[torch.Tensor, "b w"]:
        """Field weights of the chosen NeRFs, on the device."""
        return self.field_weights[chosen].to(self.device)

    def occupied(self, chosen: Int[torch.Tensor, "b"]) -> Bool[torch.Tensor, "b g g g"]:
        """Occupancy grids of the chosen NeRFs, on the device."""
        return torch.from_numpy(unpack_bits(self.packed[chosen.numpy()], self.resolution)).to(self.device)

    def batch(
        self,
        chosen: Int[torch.Tensor, "b"],
        config: SampleConfig,
        generator: torch.Generator,
        protocol: Protocol = CORRECTED,
    ) -> RayBatch:
        """Rays through random occupied cells of the chosen NeRFs, rendered by the NeRFs themselves."""
        return ray_batch(self.weights(chosen), self.occupied(chosen), self.encoding, config, generator, protocol)


@torch.no_grad()
def ray_batch(
    field_weights: Float[torch.Tensor, "b w"],
    occupied: Bool[torch.Tensor, "b g g g"],
    encoding: str,
    config: SampleConfig,
    generator: torch.Generator,
    protocol: Protocol = CORRECTED,
) -> RayBatch:
    """Sample, march and render one batch. Beyond the budget of samples whole rays are dropped (or as published)."""
    b, n_rays = len(field_weights), config.n_rays
    drawn = pixel_rays(b, n_rays, generator) if protocol.stored_cameras else aimed_rays(occupied, n_rays, generator)
    origins, directions = (part.reshape(-1, 3) for part in drawn)
    owners = torch.arange(b, device=origins.device).repeat_interleave(n_rays)
    samples = march(origins, directions, occupied, config.step, owners)
    counts = samples.counts().view(b, n_rays)
    is_ray = counts > 0
    if not protocol.samples_dropped:
        is_ray &= counts.cumsum(1) <= config.n_foreground
        samples = samples.where(is_ray.view(-1)[samples.ray_indices])
    positions = samples.positions(origins, directions)
    width = max(config.n_foreground, int(counts.sum(1).max())) if protocol.samples_dropped else config.n_foreground
    seen, lengths, slots = _packed(samples, positions, b, width, config.step)
    sigmas, rgbs = evaluate(field_weights, seen, encoding)
    targets = composite(sigmas, rgbs, lengths, slots, b * n_rays).view(b, n_rays, 4)
    if protocol.samples_dropped:
        kept = _within_budget(samples.ray_indices // n_rays, config.n_foreground, generator)
        seen, lengths, slots = _packed(samples.where(kept), positions[kept], b, config.n_foreground, config.step)
    near_share = 0.0 if protocol.empty_uniform else 0.5
    if not protocol.padding_in_mean:
        empty, is_empty = empty_points(occupied, config.n_background, generator, near_share)
        is_empty = torch.nn.functional.pad(is_empty, (config.n_foreground, 0))
        return RayBatch(torch.cat([seen, empty], 1), slots, lengths, targets, is_ray, is_empty)
    empty, is_empty = empty_points(occupied, config.n_foreground + config.n_background, generator, near_share)
    free = torch.nn.functional.pad(lengths == 0, (0, config.n_background), value=True)
    everywhere = torch.where(free[..., None], empty, torch.nn.functional.pad(seen, (0, 0, 0, config.n_background)))
    return RayBatch(everywhere, slots, lengths, targets, is_ray, is_empty & free)


def _packed(samples: Samples, positions: Float[torch.Tensor, "s 3"], b: int, width: int, step: float) -> tuple:
    """Each NeRF's samples at the front of `width` places: positions, lengths and slots of a RayBatch."""
    n_rays = samples.n_rays // b
    nerfs = torch.arange(b, device=positions.device)
    owner = samples.ray_indices // n_rays
    place = torch.arange(len(owner), device=owner.device) - torch.searchsorted(owner, nerfs)[owner]
    packed, lengths = positions.new_zeros(b, width, 3), positions.new_zeros(b, width)
    slots = ((nerfs + 1) * n_rays - 1)[:, None].repeat(1, width)
    packed[owner, place], lengths[owner, place], slots[owner, place] = positions, step, samples.ray_indices
    return packed, lengths, slots


def _within_budget(owner: Int[torch.Tensor, "s"], budget: int, generator: torch.Generator) -> Bool[torch.Tensor, "s"]:
    """At most `budget` samples of each NeRF, drawn at random wherever they stand."""
    order = torch.argsort(owner + uniform(owner.shape, generator).double())
    place = torch.arange(len(owner), device=owner.device) - torch.searchsorted(owner, owner)
    return torch.empty_like(order, dtype=torch.bool).index_put_((order,), place < budget)


def epoch_batches(order: Int[torch.Tensor, "n"], batch_size: int, at_least: int = 2) -> list[Int[torch.Tensor, "b"]]:
    """A shuffled epoch cut into batches; a last one of fewer than `at_least` joins the one before.

    Batch norm needs two NeRFs, and every process one.
    """
    parts = list(order.split(batch_size))
    if len(parts) > 1 and len(parts[-1]) < at_least:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts
