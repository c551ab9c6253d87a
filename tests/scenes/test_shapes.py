"""The procedural collection: every option builds and occurs, seeds repeat, combinations are many, classes differ."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES, FREQUENCIES
from n2v.scenes.objects import RADIUS, read_slots
from n2v.scenes.shapes import AMBIGUOUS, BUILDERS, FAMILIES, counts, make_collection, make_object, slot_options
from n2v.scenes.shapes.looks import PATTERNS, corner_uv, mask
from n2v.scenes.shapes.parts import Kit, outline

EVERY = [(name, family) for name in CLASSES for family in FAMILIES[name]]


@pytest.fixture(scope="module")
def many():
    return make_collection(40, seed=3)


def test_every_class_has_several_families():
    assert tuple(FAMILIES) == CLASSES
    assert min(len(families) for families in FAMILIES.values()) >= 6


@pytest.mark.parametrize("class_name, family", EVERY)
def test_family_builds_sound_objects(class_name, family):
    for seed in range(3):
        made = make_object(class_name, seed, family)
        low, high = made.bounds()
        assert np.linalg.norm(high - low) / 2 == pytest.approx(RADIUS, abs=1e-9)
        assert np.allclose(low + high, 0, atol=1e-9)
        assert made.family == family == read_slots(made.slots)["body"]
        assert len({part.name for part in made.parts}) == len(made.parts) <= 80
        for part in made.parts:
            assert np.isfinite(part.vertices).all()
            assert part.corner_rgba.min() >= 0 and part.corner_rgba.max() <= 1
            solid = trimesh.Trimesh(part.vertices, part.faces, process=False)
            assert solid.is_watertight or trimesh.Trimesh(part.vertices, part.faces).is_watertight
            assert (part.texture is None) == (part.corner_uv is None)


def pieces(parts, reach: float = 0.05) -> int:
    """Number of groups of parts that touch: surface points closer than `reach` (scene units) join two parts."""
    points = []
    for part in parts:
        mesh = trimesh.Trimesh(part.vertices, part.faces, process=False)
        points.append(np.concatenate([trimesh.sample.sample_surface(mesh, 300, seed=0)[0], part.vertices]))
    trees = [cKDTree(own) for own in points]
    touching = [[tree.query(other, distance_upper_bound=reach)[0].min() < reach for other in points] for tree in trees]
    return connected_components(csr_matrix(touching), directed=False)[0]


def test_parts_hold_together(many):
    floating = [made.object_id for made in many[::6] if pieces(made.parts) > 1]
    assert len(floating) <= len(many[::6]) * 0.05, floating


def test_a_floating_part_would_be_seen():
    seat = next(part for part in make_object("chair", 0, "flat").parts if part.name.startswith("seat"))
    assert pieces((seat, replace(seat, vertices=seat.vertices + np.array([0, 0, 2.0])))) == 2


def test_same_seed_same_object_and_other_seed_another():
    first, again, other = make_object("chair", 3), make_object("chair", 3), make_object("chair", 4)
    assert all(np.array_equal(a.vertices, b.vertices) for a, b in zip(first.parts, again.parts, strict=True))
    assert first.slots == again.slots and first.object_id == "chair-000003" != other.object_id
    assert len(first.parts) != len(other.parts) or not np.array_equal(first.parts[0].vertices, other.parts[0].vertices)


def test_larger_collections_extend_smaller_ones():
    small, large = make_collection(1, seed=1), make_collection(3, seed=1)
    by_id = {made.object_id: made for made in large}
    assert len(by_id) == 3 * 13
    for made in small:
        assert by_id[made.object_id].slots == made.slots
        assert np.array_equal(by_id[made.object_id].parts[0].vertices, made.parts[0].vertices)


@pytest.mark.parametrize(
    "class_name, slot",
    [
        ("chair", "back"),
        ("sofa", "arms"),
        ("table", "body"),
        ("display", "body"),
        ("phone", "body"),
        ("lamp", "support"),
    ],
)
def test_every_option_occurs_and_the_tail_is_long(class_name, slot):
    found, options = Counter(), set()
    for seed in range(200):
        kit = Kit(np.random.default_rng(seed))
        BUILDERS[class_name](kit)
        found[kit.slots[slot]] += 1
        options.update(kit.options[slot])
    assert set(found) == options
    shares = np.sort(list(found.values())) / 200
    assert shares[-1] > 0.25 and shares[:2].max() < 0.1


def test_most_objects_are_combinations_that_no_other_has(many):
    combinations = Counter((made.class_name, made.slots) for made in many)
    alone = sum(combinations[made.class_name, made.slots] == 1 for made in many) / len(many)
    assert alone > 0.65


def test_ambiguous_objects_say_so(many):
    could_be = [read_slots(made.slots).get("could_be") for made in many]
    assert 0.02 < np.mean([name is not None for name in could_be]) < 0.07
    for made, name in zip(many, could_be, strict=True):
        assert name is None or name in {other for other, _ in AMBIGUOUS[made.class_name]}


def test_textures_on_about_two_parts_in_five(many):
    share = np.mean([part.texture is not None for made in many for part in made.parts])
    assert 0.3 < share < 0.5


def test_patterns_differ_and_coordinates_stay_on_a_label():
    rng = np.random.default_rng(0)
    for pattern in PATTERNS:
        share = mask(pattern, rng)
        assert share.shape == (64, 64) and 0 <= share.min() < share.max() <= 1
    corners = rng.uniform(-1, 1, (50, 3, 3))
    fitted, tiled = corner_uv(corners, 0.0), corner_uv(corners, 0.5)
    assert fitted.min() >= 0 and fitted.max() <= 1 and tiled.min() < 0


def test_outline_goes_from_square_to_circle():
    assert np.allclose(np.abs(outline(0.0)).max(1), 1) and np.allclose(np.linalg.norm(outline(1.0), axis=1), 1)


def test_frequencies():
    assert set(counts(7).values()) == {7}
    thesis = counts(100, "thesis")
    assert sum(thesis.values()) == pytest.approx(1300, abs=7)
    assert thesis["table"] / thesis["phone"] == pytest.approx(FREQUENCIES["table"] / FREQUENCIES["phone"], rel=0.05)
    half = counts(100, "half")
    assert all(half[name] == pytest.approx(50 + thesis[name] / 2, abs=1) for name in CLASSES)
    with pytest.raises(BadInput, match="unknown frequencies 'zipf'; use balanced, thesis, half"):
        counts(3, "zipf")


def histogram(made) -> np.ndarray:
    """Share of surface points in 8 x 8 x 8 cells."""
    mesh = trimesh.util.concatenate([trimesh.Trimesh(p.vertices, p.faces, process=False) for p in made.parts])
    points = trimesh.sample.sample_surface(mesh, 1500, seed=0)[0]
    return np.histogramdd(points, bins=8, range=[(-0.7, 0.7)] * 3)[0].ravel() ** 0.5


def test_nearest_neighbour_finds_the_class_more_often_than_chance_and_shuffled_labels_do_not(many):
    features = np.stack([histogram(made) for made in many[::3]])
    labels = np.array([CLASSES.index(made.class_name) for made in many[::3]])
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(1)
    assert (labels[nearest] == labels).mean() > 0.4
    shuffled = np.random.default_rng(0).permutation(labels)
    assert (shuffled[nearest] == shuffled).mean() < 0.2  # chance is about 1 / 13


@pytest.mark.parametrize("class_name", CLASSES)
def test_every_option_of_every_slot_can_be_asked_for(class_name):
    options = slot_options(class_name)
    assert set(options["body"]) == set(FAMILIES[class_name]) and len(options) >= 3
    first = {slot: names[0] for slot, names in options.items()}
    for slot in ("body", "support", "extra"):
        for name in options[slot]:
            made = first_that_takes(class_name, {"body": first["body"], slot: name})
            assert read_slots(made.slots)[slot] == name and "could_be" not in read_slots(made.slots)


def first_that_takes(class_name, slots):
    """A loudspeaker stands on the floor or on a stand, each with options of its own: the first seed of six that can."""
    for seed in range(6):
        with suppress(BadInput):
            return make_object(class_name, seed, slots=slots)
    raise AssertionError(f"no {class_name} with {slots}")


def test_the_other_name_of_an_ambiguous_object_is_made_of_options_that_there_are():
    for pairs in AMBIGUOUS.values():
        for builder, forced in pairs:
            assert all(name in slot_options(builder)[slot] for slot, name in forced.items())


def test_slots_that_there_are_not_are_refused():
    with pytest.raises(BadInput, match="slot 'back' has no option 'throne'; use one of: bars, hoop"):
        make_object("chair", 0, slots={"back": "throne"})
    with pytest.raises(BadInput, match="this chair has no slot 'engine'; use: body, support"):
        make_object("chair", 0, slots={"engine": "none"})


def test_unknown_names_are_refused():
    with pytest.raises(BadInput, match="unknown class 'boat'; use one of: airplane"):
        make_object("boat", 0)
    with pytest.raises(BadInput, match="unknown chair family 'throne'; use one of: flat"):
        make_object("chair", 0, "throne")
    with pytest.raises(BadInput, match="0 objects a class"):
        make_collection(0)
