"""What a split rule lets through: twins of test objects in train, and how near the nearest stranger is."""

import math
from collections import Counter

import numpy as np
from jaxtyping import Bool, Float

from n2v.identity import Identity
from n2v.lessons.drawing.charts import bar_chart
from n2v.scenes.cameras import orbit_camera
from n2v.scenes.classes import CLASSES, label_of
from n2v.scenes.objects import SceneObject, read_slots
from n2v.scenes.raycast import render_rgba
from n2v.tasks.bars import overlap
from n2v.tasks.metrics import cluster_interval
from n2v.tasks.read import nearest_neighbour
from n2v.zoo.splits import assign, combination, leak

ORDER = ("as_published", "corrected", "novel")  # from the most that is let through to the least
LEAKED = "version of the same object in train"
FIXED_VIEWS = ((0, 0), (90, 0), (0, 89))  # azimuth and elevation: front, side, top


def identities(counts: dict[str, int], n_versions: int = 3) -> list[Identity]:
    """Names alone of a collection with so many base objects a class, each in `n_versions` versions."""
    return [
        Identity(f"{name}-{i:04d}{f'_A{version}' * (version > 0)}", name, base_id=f"{name}-{i:04d}", version=version)
        for name, n in counts.items()
        for i in range(n)
        for version in range(n_versions)
    ]


def published_expectation(counts: dict[str, int], n_versions: int = 3) -> float:
    """Expected leak of the authors' rule in closed form: the chance that a test object has a twin in train.

    Of a class's n base objects the rule puts k = n // 10 into test and as many into validation, for each version on
    its own; so each of the n_versions - 1 twins of a test object is in train with probability 1 - 2 k / n. NaN where
    no class has ten objects.
    """
    n_test = {name: n // 10 for name, n in counts.items()}
    total = sum(n_test.values())
    if not total:
        return math.nan
    return sum(k * (1 - (2 * k / counts[name]) ** (n_versions - 1)) for name, k in n_test.items() if k) / total


def leak_rows(collections: dict[str, list[Identity]], seed: int = 0) -> list[dict]:
    """The split rules on several collections: sizes, test objects with a twin in train, and what to expect.

    `novel` needs to know what objects are made of; of names alone it is left out.
    """
    rows = []
    for title, items in collections.items():
        bases = Counter(item.class_name for item in items if item.version == 0)
        n_versions = 1 + max(item.version for item in items)
        for rule in ORDER if any(map(combination, items)) else ORDER[:2]:
            splits = assign(items, rule, seed)
            n, share = Counter(splits[item.object_id] for item in items), leak(items, splits)
            row = {"collection": title, "rule": rule, **{name: n[name] for name in ("train", "val", "test")}}
            row |= {"with a twin in train": round(share * n["test"]), "leak": share if n["test"] else math.nan}
            expected = published_expectation(bases, n_versions) if rule == "as_published" else 0.0
            rows.append({**row, "expected": expected})
    return rows


def mesh_ruler(made: list[SceneObject]) -> Float[np.ndarray, "n 7"]:
    """The seven numbers of `n2v.tasks.bars.ruler`, of meshes: lowest and highest x, y, z, logarithm of the volume.

    Volumes of parts are added (scene units, divergence theorem); where parts overlap they count twice.
    """
    found = []
    for one in made:
        corners = [part.vertices[part.faces] for part in one.parts]
        volume = sum(np.einsum("ij,ij->", c[:, 0], np.cross(c[:, 1], c[:, 2])) / 6 for c in corners)
        found.append([*one.bounds().ravel(), np.log(abs(volume) + 1e-6)])
    return np.array(found)


def mesh_silhouettes(made: list[SceneObject], size_px: int = 32) -> Bool[np.ndarray, "n c"]:
    """What each object covers in three fixed pictures (FIXED_VIEWS), flat."""
    cameras = np.stack([orbit_camera(*view) for view in FIXED_VIEWS])
    return np.stack([render_rgba(one, cameras, size_px, supersample=1)[..., 3].ravel() > 127 for one in made])


def what_splits_measure(
    made: list[SceneObject], n_draws: int = 5, seed: int = 0
) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Each split rule on a collection: what leaks, how near training objects come, what a ruler gets right.

    Args:
        made: Base objects and their versions, at least ten base objects a class.
        n_draws: Splits drawn of `corrected` and `novel`; the authors' rule has one.
        seed: Of the first draw.

    Returns:
        A row a rule (shares over all draws; `low` and `high` bound the ruler's, by base object); and what the figure
        shows: overlap of the silhouettes of each test object with the nearest one in train, by rule, and of each
        object with its own versions ("own versions").
    """
    labels, bases = np.array([label_of(one.class_name) for one in made]), np.array([one.base_id for one in made])
    combinations = np.array([_body_and_support(one) for one in made])
    silhouettes, rulers = mesh_silhouettes(made), mesh_ruler(made)
    seen, rulers = overlap(silhouettes, silhouettes), rulers / rulers.std(0)
    rows, shown = [], {}
    for rule in ORDER:
        draws = []
        for draw in range(n_draws if rule != "as_published" else 1):
            splits = assign(made, rule, seed + draw)
            train, test = (np.flatnonzero([splits[i.object_id] == name for i in made]) for name in ("train", "test"))
            near = seen[np.ix_(test, train)]
            told = {
                "base": bases[test],
                LEAKED: np.full(len(test), leak(made, splits)),
                "same body and support in train": np.isin(combinations[test], combinations[train]),
                "nearest in train is a version of it": bases[train][near.argmax(1)] == bases[test],
                "overlap with the nearest in train": near.max(1),
                "ruler right": nearest_neighbour(rulers[train], labels[train], rulers[test]) == labels[test],
            }
            draws.append(told)
        found = {name: np.concatenate([told[name] for told in draws]) for name in draws[0]}
        base, right = found.pop("base"), found["ruler right"]
        low, high = cluster_interval(right.astype(float), base.tolist())
        means = {name: values.mean() for name, values in found.items()}
        rows.append({"rule": rule, "draws": len(draws), "test objects": len(base), **means, "low": low, "high": high})
        shown[rule] = found["overlap with the nearest in train"]
    shown["own versions"] = seen[(bases[:, None] == bases) & ~np.eye(len(made), dtype=bool)]
    return rows, shown


def _body_and_support(item: Identity) -> str:
    filled = read_slots(item.slots)
    return f"{item.class_name} {filled.get('body')} {filled.get('support')}"


def measures_figure(rows: list[dict], shown: dict[str, np.ndarray]):
    """Left: overlaps as boxes, rule by rule and of own versions. Right: leak and the ruler's accuracy."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.4), width_ratios=[1.25, 1])
    sns.boxplot(shown, orient="h", fliersize=2, ax=left)
    left.set_xlabel("overlap of silhouettes with the nearest training object\n(lowest box: with its own versions)")
    told = [{"rule": row["rule"], "% of test objects": "with a version in train", "value": row[LEAKED]} for row in rows]
    told += [{**row, "% of test objects": "class told by a ruler", "value": row["ruler right"]} for row in rows]
    bar_chart(told, "rule", "% of test objects", right, chance=1 / len(CLASSES))
    figure.tight_layout()
    return figure
