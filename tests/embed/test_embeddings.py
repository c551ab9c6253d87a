"""Embeddings on disk, and pictures decoded from them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from solids import SOLIDS, write_zoo

from n2v.embed.decoder import DecoderConfig
from n2v.embed.embeddings import Embeddings, embed_zoo
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.embed.reconstruct import foreground_psnr
from n2v.errors import BadInput
from n2v.nerf.nerf import Turntable
from n2v.nerf.occupancy import cell_centres
from n2v.nerf.render import field_query, psnr, render_image
from n2v.scenes.cameras import turntable_cameras
from n2v.scenes.objects import AABB
from n2v.zoo.store import Zoo

LOOK = Turntable(n_views=2, size_px=24)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Nerf2Vec(ModelConfig(EncoderConfig("rows", (8, 8), 16), DecoderConfig(32, 6))).eval()


@pytest.fixture(scope="module")
def embeddings(model, zoo):
    return embed_zoo(model, zoo)


def test_embeddings_are_the_encoder_s_whatever_the_batches(model, zoo, embeddings):
    with torch.no_grad():
        expected = model.encode(torch.from_numpy(zoo.field_weights())).numpy()
    np.testing.assert_allclose(embeddings.values, expected, atol=1e-6)
    np.testing.assert_allclose(embed_zoo(model, zoo, batch_size=3).values, expected, atol=1e-6)
    assert embeddings.object_ids == list(SOLIDS) and embeddings.of_split("test").tolist() == [3]
    assert embeddings.index_of("rod") == 2
    with pytest.raises(BadInput, match="no object 'cube'"):
        embeddings.index_of("cube")


def test_round_trip(embeddings, tmp_path):
    path = tmp_path / "folder" / "embeddings.safetensors"
    embeddings.save(path)
    again = Embeddings.load(path)
    np.testing.assert_array_equal(again.values, embeddings.values)
    for name in ("object_ids", "base_ids", "class_names", "versions", "shape_groups", "splits"):
        assert getattr(again, name) == getattr(embeddings, name)
    assert again.labels.tolist() == [6] * 4


def test_broken_files_are_refused(embeddings, tmp_path):
    path = tmp_path / "embeddings.safetensors"
    with pytest.raises(BadInput, match="no such file"):
        Embeddings.load(path)
    values = embeddings.values.copy()
    values[1, 2] = np.nan
    replace(embeddings, values=values).save(path)
    with pytest.raises(BadInput, match="not finite"):
        Embeddings.load(path)
    embeddings.save(path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(BadInput, match="not a file of embeddings"):
        Embeddings.load(path)
    replace(embeddings, splits=embeddings.splits[:-1]).save(path)
    with pytest.raises(BadInput, match="splits: 3 of 4"):
        Embeddings.load(path)


def test_unreadable_nerfs_are_left_out(model, zoo, tmp_path):
    write_zoo(tmp_path, ["ball", "block"], zoo.field_weights([0, 1]), zoo.occupied([0, 1]))
    write_zoo(tmp_path, ["rod"], zoo.field_weights([2]), zoo.occupied([2]))
    damaged = Zoo(tmp_path)
    (tmp_path / damaged.rows[2].shard).unlink()
    assert embed_zoo(model, damaged).object_ids == ["ball", "block"]
    assert [row.object_id for row in damaged.quarantined] == ["rod"]
    (tmp_path / damaged.rows[0].shard).unlink()
    with pytest.raises(BadInput, match="no readable NeRF"):
        embed_zoo(model, Zoo(tmp_path))


def test_a_decoded_field_is_the_decoder(model):
    embedding, positions = torch.randn(16), torch.rand(40, 3) - 0.5
    sigmas, rgbs = model.decode(embedding).query(positions)
    with torch.no_grad():
        expected = model.decoder(embedding[None], positions[None])
    torch.testing.assert_close(sigmas, expected[0][0])
    torch.testing.assert_close(rgbs, expected[1][0])


def test_decoded_occupancy_holds_the_dense_cells_and_their_neighbours(model, monkeypatch):
    """A ball of radius .3 in place of the decoder."""

    field = model.decode(torch.zeros(16), resolution=28)
    monkeypatch.setattr(field, "query", lambda positions: (100.0 * (positions.norm(dim=-1) < 0.3), positions))
    occupied = field.occupied
    distance = cell_centres(28).norm(dim=-1).view(28, 28, 28)
    cell = (AABB[3] - AABB[0]) / 28
    assert occupied[distance < 0.3 + cell].all()
    assert not occupied[distance > 0.3 + math.sqrt(3) * cell + 1e-6].any()


def test_psnr_over_the_object_alone():
    truth = torch.ones(1, 4, 4, 4)
    truth[..., 3] = 0
    truth[0, 0, 0, 3] = 1  # one foreground pixel
    shown = truth.clone()
    shown[0, 0, 0, :3] = 0.9
    assert foreground_psnr(shown, truth) == pytest.approx(20, abs=1e-4)
    assert psnr(shown[..., :3], truth[..., :3]) == pytest.approx(20 + 10 * math.log10(16), abs=1e-4)
    assert math.isnan(foreground_psnr(shown, torch.zeros_like(truth)))


def test_a_nerf_shown_from_its_own_weights_is_itself_and_fog_without_occupancy(zoo):
    nerf = zoo[0]
    truth = nerf.views(LOOK)
    query = field_query(torch.from_numpy(zoo.field_weights(0)[0]))
    grid = torch.from_numpy(zoo.occupied(0)[0])
    again = render_image(query, grid, turntable_cameras(LOOK.n_views)[1], LOOK.size_px, step=LOOK.step)
    assert psnr(again, truth[1]) == math.inf
    everywhere = replace(nerf, occupied=torch.ones_like(nerf.occupied)).views(LOOK)
    assert psnr(everywhere[..., :3], truth[..., :3]) < 30  # why occupancy travels with the weights
