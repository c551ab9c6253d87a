"""Collections that differ only in their start: made right, read right, resumed where they stopped."""

from dataclasses import replace

import numpy as np
import pytest

from n2v.errors import BadInput
from n2v.nerf.fit import fit
from n2v.nerf.layout import initial_vector, vector_hash
from n2v.nerf.recipe import FitConfig
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.raycast import render_rgba
from n2v.scenes.shapes import make_object
from n2v.scenes.views import ViewSet
from n2v.tasks.bars import field_values
from n2v.tasks.starts import FIRST_START, changed_zoo, matched, portraits, refit_zoo, renumbered
from n2v.zoo.shipped import mini_zoo
from n2v.zoo.store import Zoo, ZooWriter

TINY = replace(FitConfig.laptop(3, 128), grid_resolution=16, psnr_floor_db=0.0)


@pytest.fixture(scope="module")
def chosen() -> tuple[Zoo, np.ndarray]:
    """The mini zoo, and four base NeRFs each of three classes."""
    zoo = mini_zoo()
    base = np.array([row.version == 0 for row in zoo.rows])
    return zoo, np.concatenate([np.flatnonzero(base & (zoo.labels == label))[:4] for label in (0, 4, 10)])


def test_matching_undoes_renumbering_exactly(chosen):
    zoo, few = chosen
    weights = zoo.field_weights(few)
    strangers = renumbered(weights, seed=1)
    assert not (strangers == weights).all(1).any()
    assert np.array_equal(matched(strangers), weights)
    assert np.array_equal(strangers, renumbered(weights, seed=1))


def test_the_function_does_not_know_the_order(chosen):
    zoo, few = chosen
    weights, grids = zoo.field_weights(few), zoo.occupied(few)
    mine, *others = (
        field_values(one, grids, side=6)
        for one in (weights, renumbered(weights), renumbered(weights, scale=True), weights[::-1])
    )
    assert all(np.allclose(mine, theirs, atol=1e-4) for theirs in others[:2]) and not np.allclose(mine, others[2])
    assert mine.shape == (12, 4 * 6**3)
    assert not np.allclose(renumbered(weights), renumbered(weights, scale=True))  # and mine.shape == (12, 4 * 6**3)
    assert mine.min() >= 0 and mine.max() <= 1 and mine.std() > 0.01
    nothing = field_values(weights, np.zeros_like(grids), side=6)
    assert nothing.max() == 0


def test_a_changed_zoo_keeps_its_identities(chosen, tmp_path):
    zoo, few = chosen
    writer = ZooWriter(tmp_path / "few", zoo.resolution)
    rows = [replace(zoo.rows[int(i)], shard="", row=-1, sha256="") for i in few]
    writer.add(rows, zoo.field_weights(few), zoo.occupied(few))
    source = Zoo(tmp_path / "few")
    copy = changed_zoo(source, tmp_path / "copy", renumbered)
    assert copy.object_ids == source.object_ids and (copy.labels == source.labels).all()
    assert [row.split for row in copy.rows] == [row.split for row in source.rows]
    assert np.array_equal(copy.occupied(), source.occupied())
    assert np.array_equal(matched(copy.field_weights()), source.field_weights())
    with pytest.raises(BadInput, match="there is a zoo already"):
        changed_zoo(source, tmp_path / "copy", renumbered)


def test_random_starts_are_recorded_and_resumed(chosen, tmp_path):
    zoo, few = chosen
    views = {}
    for i in few[:3]:
        made = make_object(zoo.rows[int(i)].class_name, int(i))
        c2w = orbit_cameras(4, 0)
        views[zoo.object_ids[int(i)]] = ViewSet(made.object_id, made.class_name, render_rgba(made, c2w, 16), c2w)
    writer = ZooWriter(tmp_path / "few", zoo.resolution)
    rows = [replace(zoo.rows[int(i)], shard="", row=-1, sha256="") for i in few[:3]]
    writer.add(rows, zoo.field_weights(few[:3]), zoo.occupied(few[:3]))
    source = Zoo(tmp_path / "few")
    assert len(refit_zoo(source, tmp_path / "random", TINY, views.get, [0, 1])) == 2
    again = refit_zoo(source, tmp_path / "random", TINY, views.get)
    assert again.object_ids == source.object_ids
    hashes = [vector_hash(initial_vector(FIRST_START + i)) for i in range(3)]
    assert [row.init_hash for row in again.rows] == hashes and [row.split for row in again.rows] == [
        row.split for row in source.rows
    ]
    own = fit([views[source.object_ids[1]]], replace(TINY, init_seed=FIRST_START + 1), [0])[0]
    assert np.array_equal(again.field_weights(1)[0], own.field_weights)


def test_a_portrait_is_what_the_nerf_shows(chosen):
    """Straight colour over white is the rendering again, to the rounding of a byte; and some pictures are held out."""
    zoo, few = chosen
    nerf = zoo[few[4]]
    views = portraits(nerf, 8, 32)
    assert len(views.images) >= 8 and len(views.images) + len(views.held_out_images) == 12
    opacity = views.images[0][..., 3:] / 255
    over_white = views.images[0][..., :3] / 255 * opacity + 1 - opacity
    assert np.abs(over_white - nerf.image(views.c2w[0], 32)[..., :3].numpy()).max() < 0.06
