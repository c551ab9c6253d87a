"""Split rules: the corrected one never leaks, the published one does."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from n2v.errors import BadInput
from n2v.identity import Identity
from n2v.zoo.splits import SPLITS, assign, combination, groups, leak, nested_order


def collection(n_bases: int, classes=("chair", "table")) -> list[Identity]:
    """Bases with two augmented versions each; every tenth base is a recolour of the one before."""
    items = []
    for class_name in classes:
        for number in range(n_bases):
            base = f"{class_name}-{number:04d}"
            group = f"g{number - 1 if number % 10 == 9 else number}"
            for version in range(3):
                name = base if version == 0 else f"{base}_A{version}"
                items.append(Identity(name, class_name, base_id=base, version=version, shape_group=group))
    return items


def share(splits, items, split):
    return sum(splits[item.object_id] == split for item in items) / len(items)


@pytest.mark.parametrize("seed", range(5))
def test_corrected_never_leaks(seed):
    items = collection(100)
    splits = assign(items, "corrected", seed)
    assert leak(items, splits) == 0
    seen = {}
    for item, group in zip(items, groups(items), strict=True):
        assert seen.setdefault(group, splits[item.object_id]) == splits[item.object_id]
    for class_name in ("chair", "table"):
        members = [item for item in items if item.class_name == class_name]
        assert [round(share(splits, members, split), 1) for split in SPLITS] == [0.8, 0.1, 0.1]


def test_as_published_leaks_almost_always():
    """A1 and A2 each land in train with probability .8, independently: 1 - .2^2 = .96 ."""
    items = [replace(item, shape_group="") for item in collection(1000)]
    splits = assign(items, "as_published")
    assert leak(items, splits) == pytest.approx(0.96, abs=0.025)  # 600 test objects: standard error .008
    bases = [item for item in items if item.version < 2]  # base and A1 alone: .8
    assert leak(bases, splits) == pytest.approx(0.8, abs=0.05)


def test_as_published_cuts_each_version_of_each_class_rounding_down():
    items = collection(37, ("chair",))
    splits = assign(items, "as_published")
    for version in range(3):
        names = [splits[item.object_id] for item in items if item.version == version]
        assert [names.count(split) for split in SPLITS] == [31, 3, 3]
    assert assign(items, "as_published", seed=5) == splits  # its seed is its own


@pytest.mark.parametrize("rule", ["corrected", "as_published"])
def test_independent_of_the_items_order(rule):
    items = collection(40)
    shuffled = random.Random(3).sample(items, len(items))
    assert assign(items, rule) == assign(shuffled, rule)


def test_seeds_differ():
    items = collection(40)
    assert assign(items, seed=0) != assign(items, seed=1)


@pytest.mark.parametrize("n_groups", [1, 2, 3, 4, 10, 14])
def test_small_classes_keep_a_test_and_a_validation_group_from_three_groups_on(n_groups):
    items = [Identity(f"lamp-{i}", "lamp") for i in range(n_groups)]
    found = set(assign(items).values())
    assert found == (set(SPLITS) if n_groups >= 3 else {"train"})


def test_groups_are_connected_through_a_chain():
    """a-b share a base, b-c a shape group, c-d nothing."""
    told = {"a": ("x", ""), "b": ("x", "g"), "c": ("y", "g"), "d": ("z", "")}
    items = [Identity(name, "car", base_id=base, shape_group=group) for name, (base, group) in told.items()]
    first, second, third, fourth = groups(items)
    assert first == second == third != fourth


def test_an_object_listed_under_two_classes_stays_in_one_split():
    """Fourteen published ids carry two classes."""
    items = collection(30)
    items += [Identity("table-0003", "chair"), Identity("table-0003_A1", "chair", base_id="table-0003", version=1)]
    for seed in range(10):
        splits = assign(items, seed=seed)
        assert leak(items, splits) == 0
        assert splits["table-0003"] == splits["table-0003_A1"] == splits["table-0003_A2"]


def test_the_leak_measure_sees_a_leak():
    items = [Identity("a", "car"), Identity("a_A1", "car", base_id="a"), Identity("b", "car")]
    assert leak(items, {"a": "test", "a_A1": "train", "b": "test"}) == 0.5
    assert leak(items, {"a": "test", "a_A1": "val", "b": "train"}) == 0
    assert leak(items, {"a": "train", "a_A1": "train", "b": "train"}) == 0  # nothing to test


def test_unknown_rule():
    with pytest.raises(BadInput, match="corrected, novel, as_published"):
        assign([], "random")


def test_growing_training_sets_are_nested_balanced_and_whole():
    items = [
        Identity(f"{name}-{i}_A{version}", name, base_id=f"{name}-{i}", version=version)
        for name, n in (("car", 6), ("sofa", 6), ("lamp", 3))
        for i in range(n)
        for version in range(3)
    ]
    order = nested_order(items, 0)
    assert sorted(order) == list(range(len(items))) and nested_order(items, 1) != order
    for n_rounds in (1, 2, 3):
        chosen = [items[i] for i in order[: 9 * n_rounds]]  # three classes, three versions a base object
        assert Counter(item.class_name for item in chosen) == dict.fromkeys(("car", "sofa", "lamp"), 3 * n_rounds)
        assert set(Counter(item.base_id for item in chosen).values()) == {3}


def made_of(n: int = 40, seed: int = 0) -> list[Identity]:
    """A collection with slots: chairs (kept apart by combination) and airplanes (by family), three versions each."""
    rng, items = np.random.default_rng(seed), []
    for name in ("airplane", "chair"):
        for i in range(n):
            body, support = rng.choice(["a", "b", "c", "d", "e", "f"]), rng.choice(["x", "y", "z", "w"])
            slots = f"body={body} support={support} extra={rng.choice(['p', 'q'])}"
            for version in range(3):
                own = f"{name}-{i}" + (f"_A{version}" if version else "")
                items.append(Identity(own, name, base_id=f"{name}-{i}", version=version, family=body, slots=slots))
    return items


def crossing(items: list[Identity], splits: dict[str, str], kept) -> set:
    """What is in test and in train, too."""
    found = {split: {kept(item) for item in items if splits[item.object_id] == split} for split in SPLITS}
    return found["test"] & found["train"]


def test_novel_lets_no_combination_and_for_every_third_class_no_family_cross():
    for seed in range(3):
        items = made_of(seed=seed)
        splits = assign(items, "novel", seed)
        assert not crossing(items, splits, lambda item: (item.class_name, *item.slots.split()[:2]))
        planes = [item for item in items if item.class_name == "airplane"]  # every third class, from the first
        assert not crossing(planes, splits, lambda item: item.family)
        chairs = [item for item in items if item.class_name == "chair"]
        assert crossing(chairs, splits, lambda item: item.family)  # their families may
        assert leak(items, splits) == 0
        for name in ("airplane", "chair"):
            mine = [splits[item.object_id] for item in items if item.class_name == name]
            assert 0.05 <= mine.count("test") / len(mine) <= 0.2


def test_a_planted_combination_is_caught_and_corrected_lets_them_cross():
    items = made_of()
    splits = assign(items, "novel")
    told = next(item for item in items if splits[item.object_id] == "test" and item.class_name == "chair")
    planted = replace(told, object_id="planted", base_id="planted", shape_group="planted")
    assert crossing([*items, planted], splits | {"planted": "train"}, combination)
    assert assign([*items, planted], "novel")["planted"] == assign([*items, planted], "novel")[told.object_id]
    assert crossing(items, assign(items, "corrected"), combination)


def test_novel_without_slots_is_grouped_by_object():
    items = [Identity(f"{n}-{v}", "lamp", base_id=f"{n}", version=v) for n in range(20) for v in range(3)]
    splits = assign(items, "novel")
    assert leak(items, splits) == 0 and set(splits.values()) == set(SPLITS)
