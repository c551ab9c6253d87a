"""The procedural collection: every family builds, repeats, and looks like its class to a crude eye."""

import numpy as np
import pytest
import trimesh
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES
from n2v.scenes.objects import RADIUS
from n2v.scenes.shapes import FAMILIES, make_collection, make_object

EVERY = [(name, family) for name in CLASSES for family in FAMILIES[name]]


def test_every_class_has_several_families():
    assert tuple(FAMILIES) == CLASSES
    assert min(len(families) for families in FAMILIES.values()) >= 5


@pytest.mark.parametrize("class_name, family", EVERY)
def test_family_builds_sound_objects(class_name, family):
    for seed in range(4):
        made = make_object(class_name, seed, family)
        low, high = made.bounds()
        assert np.linalg.norm(high - low) / 2 == pytest.approx(RADIUS, abs=1e-9)
        assert np.allclose(low + high, 0, atol=1e-9)
        assert 60 < sum(len(part.faces) for part in made.parts) < 6000
        assert len({part.name for part in made.parts}) == len(made.parts)
        for part in made.parts:
            assert np.isfinite(part.vertices).all()
            assert part.corner_rgba.min() >= 0 and part.corner_rgba.max() <= 1
            solid = trimesh.Trimesh(part.vertices, part.faces, process=False)
            assert solid.area_faces.min() > 0
            assert solid.volume > 0  # faces look outward


def pieces(parts, reach: float = 0.035) -> int:
    """Number of groups of parts that touch: surface points closer than `reach` (scene units) join two parts."""
    points = []
    for part in parts:
        mesh = trimesh.Trimesh(part.vertices, part.faces, process=False)
        points.append(np.concatenate([trimesh.sample.sample_surface(mesh, 600, seed=0)[0], part.vertices]))
    trees = [cKDTree(own) for own in points]
    touching = [[tree.query(other, distance_upper_bound=reach)[0].min() < reach for other in points] for tree in trees]
    return connected_components(csr_matrix(touching), directed=False)[0]


@pytest.mark.parametrize("class_name, family", EVERY)
def test_no_part_floats(class_name, family):
    for seed in range(3):
        assert pieces(make_object(class_name, seed, family).parts) == 1


def test_a_floating_part_would_be_seen():
    made = make_object("chair", 0, "stool")
    legless = tuple(part for part in made.parts if not part.name.startswith("leg"))
    assert pieces(legless) == 2  # seat and ring


def test_same_seed_same_object_and_other_seed_another():
    first, again, other = make_object("chair", 3), make_object("chair", 3), make_object("chair", 4)
    assert all(np.array_equal(a.vertices, b.vertices) for a, b in zip(first.parts, again.parts, strict=True))
    assert first.object_id == "chair-000003" != other.object_id
    assert len(first.parts) != len(other.parts) or not np.array_equal(first.parts[0].vertices, other.parts[0].vertices)


def test_larger_collections_extend_smaller_ones():
    small, large = make_collection(2, seed=1), make_collection(7, seed=1)
    by_id = {made.object_id: made for made in large}
    assert len(by_id) == 7 * 13
    for made in small:
        twin = by_id[made.object_id]
        assert twin.family == made.family
        assert np.array_equal(twin.parts[0].vertices, made.parts[0].vertices)


def histogram(made) -> np.ndarray:
    """Share of surface points in 8 x 8 x 8 cells."""
    mesh = trimesh.util.concatenate([trimesh.Trimesh(p.vertices, p.faces, process=False) for p in made.parts])
    points = trimesh.sample.sample_surface(mesh, 1500, seed=0)[0]
    return np.histogramdd(points, bins=8, range=[(-0.7, 0.7)] * 3)[0].ravel() ** 0.5


def test_nearest_neighbour_finds_the_class_and_shuffled_labels_do_not():
    objects = make_collection(12, seed=5)
    features = np.stack([histogram(made) for made in objects])
    labels = np.array([CLASSES.index(made.class_name) for made in objects])
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(1)
    assert (labels[nearest] == labels).mean() > 0.6
    shuffled = np.random.default_rng(0).permutation(labels)
    assert (shuffled[nearest] == shuffled).mean() < 0.2  # chance is 11 / 155


def test_unknown_names_are_refused():
    with pytest.raises(BadInput, match="unknown class 'boat'; use one of: airplane"):
        make_object("boat", 0)
    with pytest.raises(BadInput, match="unknown chair family 'throne'; use one of: four_legs"):
        make_object("chair", 0, "throne")
    with pytest.raises(BadInput, match="0 objects a class"):
        make_collection(0)
