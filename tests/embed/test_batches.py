"""Training batches: whole rays, targets equal to the renderer's, empty points that are empty."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from solids import SOLIDS, write_zoo

from n2v.embed.batches import TrainingSet, epoch_batches, ray_batch
from n2v.embed.decoder import DecoderConfig
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.embed.recipe import Protocol, SampleConfig
from n2v.embed.targets import aimed_rays, empty_points, in_cells, occupied_points
from n2v.embed.train import TrainConfig, batch_loss
from n2v.errors import BadInput
from n2v.nerf.march import march
from n2v.nerf.render import field_query, render_rays

SAMPLES = SampleConfig.laptop(200, 64)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_targets_are_what_the_renderer_shows(zoo):
    """Each kept ray, rendered alone by n2v.nerf.render through the NeRF's own occupancy; to 1e-5."""
    weights, occupied = torch.from_numpy(zoo.field_weights()), torch.from_numpy(zoo.occupied())
    batch = ray_batch(weights, occupied, "exact", SAMPLES, stream())
    origins, directions = aimed_rays(occupied, SAMPLES.n_rays, stream())
    for i in range(len(weights)):
        shown = render_rays(field_query(weights[i]), occupied[i], origins[i], directions[i], SAMPLES.step)
        kept = batch.is_ray[i]
        assert kept.sum() >= 8
        torch.testing.assert_close(batch.targets[i][kept], shown[kept], atol=1e-5, rtol=1e-4)
    assert (batch.targets[..., 3] > 0.5).any()


def test_rays_over_the_budget_are_dropped_whole(zoo):
    """The authors' code drops samples at random and keeps their intervals (THESIS, row 7)."""
    config = replace(SAMPLES, n_foreground=90)
    occupied = torch.from_numpy(zoo.occupied())
    batch = ray_batch(torch.from_numpy(zoo.field_weights()), occupied, "exact", config, stream())
    origins, directions = aimed_rays(occupied, config.n_rays, stream())
    used = torch.bincount(batch.slots[batch.lengths > 0], minlength=4 * config.n_rays).view(4, -1)
    for i in range(4):
        counts = march(origins[i], directions[i], occupied[i], config.step).counts()
        assert torch.equal(used[i], torch.where(batch.is_ray[i], counts, 0))
        assert 0 < int(used[i].sum()) <= 90 < int(counts.sum())
    assert (batch.slots.diff(dim=1) >= 0).all()


def test_rays_come_from_above_and_hit_their_aim(zoo):
    occupied = torch.from_numpy(zoo.occupied())
    origins, directions = aimed_rays(occupied, 500, stream())
    distance = origins.norm(dim=-1)
    assert (origins[..., 2] >= -1e-6).all() and 1.6 <= float(distance.min()) < float(distance.max()) <= 2.1001
    assert float((origins[..., 2] / distance).max()) <= np.sin(np.pi / 3) + 1e-5
    for i in range(4):
        assert (march(origins[i], directions[i], occupied[i], 0.005).counts() > 0).float().mean() > 0.99


def test_empty_points_are_empty(zoo):
    occupied = torch.from_numpy(zoo.occupied())
    batch = ray_batch(torch.from_numpy(zoo.field_weights()), occupied, "exact", SAMPLES, stream())
    points, is_empty = batch.positions[:, SAMPLES.n_foreground :], batch.is_empty[:, SAMPLES.n_foreground :]
    assert torch.equal(is_empty, ~in_cells(occupied, points))
    assert 0.5 < float(is_empty.float().mean()) < 1
    assert float(points.abs().max()) <= 0.7 and not batch.is_empty[:, : SAMPLES.n_foreground].any()


def test_half_of_the_empty_points_lie_near_the_object():
    """One occupied cell of 16 a side: uniform points almost never come within three cells of it."""
    occupied = torch.zeros(1, 16, 16, 16, dtype=torch.bool)
    occupied[0, 8, 8, 8] = True
    points, is_empty = empty_points(occupied, 400, stream())
    cell = 1.4 / 16
    near = ((points[0] - cell / 2).abs() <= 3.5 * cell + 1e-5).all(-1)
    assert near[200:].all() and near[:200].float().mean() < 0.2
    assert is_empty[0].float().mean() > 0.95


def test_a_nerf_without_any_cell_gives_a_batch_without_rays(zoo):
    weights, nothing = torch.from_numpy(zoo.field_weights([0, 1])), torch.zeros(2, 8, 8, 8, dtype=torch.bool)
    batch = ray_batch(weights, nothing, "exact", SAMPLES, stream())
    assert not batch.is_ray.any() and batch.is_empty[:, SAMPLES.n_foreground :].all() and (batch.targets == 0).all()


def test_cells_are_drawn_evenly_and_from_their_own_nerf():
    """Three grids, the middle one empty: 4,000 draws over 2 and 8 cells, each within 4 standard deviations."""
    occupied = torch.zeros(3, 8, 8, 8, dtype=torch.bool)
    occupied[0, 1, 2, 3] = occupied[0, 7, 0, 5] = True
    occupied[2, 4:6, 4:6, 4:6] = True
    points = occupied_points(occupied, 4000, stream())
    assert in_cells(occupied, points)[[0, 2]].all()
    cells = ((points + 0.7) / 1.4 * 8).long()
    assert (cells[1] == 0).all()
    for i, n_cells in ((0, 2), (2, 8)):
        _, counts = cells[i].unique(dim=0, return_counts=True)
        p = 1 / n_cells
        assert len(counts) == n_cells and float((counts - 4000 * p).abs().max()) < 4 * (4000 * p * (1 - p)) ** 0.5


def test_a_part_of_a_batch_is_the_batch_of_those_nerfs(zoo):
    training = TrainingSet(zoo)
    batch = training.batch(torch.arange(3), SAMPLES, stream())
    part = batch.part(1, 3)
    assert torch.equal(part.targets, batch.targets[1:]) and int(part.slots.max()) < 2 * SAMPLES.n_rays
    owner = part.slots // SAMPLES.n_rays
    assert torch.equal(owner, torch.arange(2)[:, None].expand_as(owner))


def test_a_step_makes_nothing_on_a_device_that_was_not_named(zoo):
    """With a default device that holds no numbers, whatever forgot its device breaks the step."""
    training = TrainingSet(zoo)
    assert isinstance(training.packed, np.ndarray) and training.packed.shape == (3, 48**3 // 8)
    config = TrainConfig.laptop()
    model = Nerf2Vec(ModelConfig(EncoderConfig("rows", (8, 8), 16), DecoderConfig(16, 4)))
    with torch.device("meta"):
        for protocol in (Protocol(), Protocol.as_published()):
            generator = torch.Generator("cpu").manual_seed(0)
            batch = training.batch(torch.arange(3, device="cpu"), SAMPLES, generator, protocol)
            loss, _ = batch_loss(model, training.weights(torch.arange(3, device="cpu")), batch, config, generator)
            loss.backward()
    assert loss.device.type == "cpu" and all(value.grad.device.type == "cpu" for value in model.parameters())


def test_a_zoo_whose_shard_has_no_occupancy_is_refused(zoo, tmp_path):
    """Without it nothing says where a NeRF is empty, and thin fog between cameras would be trained on."""
    copy = write_zoo(tmp_path, list(SOLIDS), zoo.field_weights(), zoo.occupied())
    shard = tmp_path / copy.rows[0].shard
    tensors = load_file(shard)
    del tensors["occupancy"]
    save_file(tensors, shard, metadata={"resolution": "48", "format": "n2v zoo 1"})
    with pytest.raises(BadInput, match="no usable NeRF in split 'train'.*(?i:occupancy)"):
        TrainingSet(type(zoo)(tmp_path))


def test_training_set_is_the_split_and_skips_what_is_broken(zoo, tmp_path):
    assert [zoo.rows[i].object_id for i in TrainingSet(zoo).indices] == ["ball", "block", "rod"]
    copy = write_zoo(tmp_path, list(SOLIDS), zoo.field_weights(), zoo.occupied())
    shard = tmp_path / copy.rows[0].shard
    data = bytearray(shard.read_bytes())
    start = data.index(zoo.field_weights([1]).tobytes())
    data[start : start + 4] = np.float32(np.nan).tobytes()
    shard.write_bytes(bytes(data))
    training = TrainingSet(type(zoo)(tmp_path))
    assert training.skipped == {"block": "weights are not finite"} and len(training) == 2


def test_zoo_of_two_encodings_is_refused(zoo, tmp_path):
    mixed = write_zoo(tmp_path, list(SOLIDS), zoo.field_weights(), zoo.occupied(), rod={"encoding": "tcnn"})
    with pytest.raises(BadInput, match="encodings exact, tcnn"):
        TrainingSet(mixed)
    with pytest.raises(BadInput, match="no usable NeRF in split 'val'"):
        TrainingSet(zoo, "val")


@pytest.mark.parametrize(("n", "sizes"), [(32, [16, 16]), (33, [16, 17]), (34, [16, 16, 2]), (3, [3]), (1, [1])])
def test_epochs_visit_everything_once_and_never_one_alone(n, sizes):
    parts = epoch_batches(torch.randperm(n, generator=stream()), 16)
    assert [len(part) for part in parts] == sizes and sorted(torch.cat(parts).tolist()) == list(range(n))
