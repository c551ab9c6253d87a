"""Train, validation and test: no version of a test object in train, no combination of parts, or as the authors did."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from n2v.errors import BadInput
from n2v.identity import Identity
from n2v.scenes.classes import CLASSES
from n2v.scenes.objects import read_slots

SPLITS = ("train", "val", "test")
RULES = ("corrected", "novel", "as_published")
PUBLISHED_SEED = 1203  # authors' generate_splits
SPLIT_COLUMNS = {"split": "corrected", "split_novel": "novel", "split_as_published": "as_published"}  # of a manifest


def combination(one: Identity) -> str:
    """What `novel` keeps in one split: class, body and support; of every third class the whole family."""
    filled = read_slots(one.slots)
    if not filled.keys() >= {"body", "support"}:
        return ""
    whole_family = one.class_name in CLASSES[::3]
    return f"{one.class_name} {filled['body']} {'' if whole_family else filled['support']}"


def assign(items: Sequence[Identity], rule: str = "corrected", seed: int = 0) -> dict[str, str]:
    """Split name of every object id; independent of the items' order.

    Args:
        items: Objects, base and augmented.
        rule: "corrected" keeps all versions of a base object and all members of a shape group together (and an
            object listed under two classes), 80 / 10 / 10 per class with at least one validation and one test
            group where a class has three. "novel" also keeps objects of one combination (of every third class: of one
            family) together, so that none in test was ever trained on, about 10 % of a class each. "as_published"
            shuffles and cuts base, A1 and A2 80 / 10 / 10 independently per class, as the authors' code does.
        seed: Of "corrected" and "novel"; the published rule has its own (1203).
    """
    if rule not in RULES:
        raise BadInput(f"unknown split rule '{rule}'", fix=f"use one of: {', '.join(RULES)}")
    if rule == "as_published":
        return _as_published(items)
    members: dict[str, list[Identity]] = defaultdict(list)
    for item, group in zip(items, groups(items, combinations=rule == "novel"), strict=True):
        members[group].append(item)
    by_class: dict[str, list[str]] = defaultdict(list)
    for group, content in members.items():
        by_class[min(item.class_name for item in content)].append(group)
    splits = {}
    for class_name in sorted(by_class):
        names = sorted(by_class[class_name])
        order = np.random.default_rng([seed, len(class_name), *class_name.encode()]).permutation(len(names))
        drawn = [members[names[index]] for index in order]
        for content, split in zip(drawn, (_tenths if rule == "novel" else _in_turn)(drawn), strict=True):
            splits.update({item.object_id: split for item in content})
    return splits


def _in_turn(drawn: list[list[Identity]]) -> list[str]:
    """A tenth of the groups to test, a tenth to validation, at least one each where there are three."""
    n_held = max(1, round(len(drawn) / 10)) if len(drawn) >= 3 else 0
    return ["test" if place < n_held else "val" if place < 2 * n_held else "train" for place in range(len(drawn))]


def _tenths(drawn: list[list[Identity]]) -> list[str]:
    """About a tenth of the objects each to test and validation: groups as they come, none that would make a fifth."""
    n, found = sum(map(len, drawn)), []
    room = {"test": 0, "val": 0}
    for content in drawn:
        open_for = (split for split, taken in room.items() if taken < n / 10 and taken + len(content) <= n / 5)
        split = next(open_for, "train")
        if split != "train":
            room[split] += len(content)
        found.append(split)
    return found


def nested_order(items: Sequence[Identity], seed: int = 0) -> list[int]:
    """Positions of items so that every beginning is class-balanced and, but for its end, made of whole base objects.

    For training sets of growing size: the smaller is part of the larger.
    """
    by_class: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for i, item in enumerate(items):
        by_class[item.class_name][item.base_id].append(i)
    turns = []
    for class_name, bases in by_class.items():
        order = np.random.default_rng([seed, *class_name.encode()]).permutation(len(bases))
        turns += [(turn, class_name, base) for turn, base in zip(order.tolist(), sorted(bases), strict=True)]
    return [i for _, class_name, base in sorted(turns) for i in by_class[class_name][base]]


def groups(items: Sequence[Identity], combinations: bool = False) -> list[str]:
    """Name of each item's group: items that share a base id, a shape group or an object id, directly or by a chain.

    With `combinations`, those that are made of the same body and support, too.
    """
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for item in items:
        keys = [f"object {item.object_id}", f"base {item.base_id}"]
        if item.shape_group:
            keys.append(f"group {item.class_name} {item.shape_group}")
        if combinations and (made := combination(item)):
            keys.append(f"made {made}")
        first, *others = sorted(root(key) for key in keys)
        for other in others:
            parent[other] = first
    return [root(f"object {item.object_id}") for item in items]


def _as_published(items: Sequence[Identity]) -> dict[str, str]:
    """Each of base, A1, A2 shuffled and cut on its own, class by class (10 % rounded down)."""
    parts: dict[tuple[int, str], list[str]] = defaultdict(list)
    for item in items:
        parts[item.version, item.class_name].append(item.object_id)
    generator = np.random.default_rng(PUBLISHED_SEED)
    splits = {}
    for key in sorted(parts):
        names = sorted(parts[key])
        n_held = len(names) // 10
        for place, index in enumerate(generator.permutation(len(names))):
            splits[names[index]] = "test" if place < n_held else "val" if place < 2 * n_held else "train"
    return splits


def leak(items: Sequence[Identity], splits: dict[str, str]) -> float:
    """Share of test objects of which some other member of their group is in train (0 when nothing is in test)."""
    trained, tested = set(), []
    for item, group in zip(items, groups(items), strict=True):
        if splits[item.object_id] == "train":
            trained.add(group)
        elif splits[item.object_id] == "test":
            tested.append(group)
    return sum(group in trained for group in tested) / len(tested) if tested else 0.0
