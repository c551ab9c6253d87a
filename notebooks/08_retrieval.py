# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   n2v:
#     makes: []
#     minutes:
#       laptop: 2
#       smoke: 2
#     needs:
#     - zoo
#     - embeddings
#     - picture_features
#     - picture_network
# ---

# %% [markdown]
# # 08 · Retrieval
# **You will** find similar objects by nearest neighbours, and learn that the thesis's "mAP@k" is something else.
#
# **You need** notebooks 04 and 06. **Time** smoke 2 min, laptop 2 min on two cores. **Elsewhere** (Binder, Colab; no GPU needed):
# [docs/elsewhere.md](../docs/elsewhere.md).
#
# **Afterwards you can** tell hit@k, precision@k and mean average precision apart, compute what chance gives, and say which
# question a nearest neighbour answers: which class, or which object?

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import n2v
from n2v import profiles
from n2v.embed.embeddings import Embeddings
from n2v.embed.model import load_model
from n2v.files import read_json
from n2v.lessons import retrieval as lesson
from n2v.lessons.drawing.charts import bar_chart, dot_chart
from n2v.lessons.drawing.style import apply_style
from n2v.nerf.layout import SLICES
from n2v.publish.demos.pages import write_retrieval_page
from n2v.publish.record import Recorder
from n2v.scenes.classes import FREQUENCIES
from n2v.seeds import seed_everything
from n2v.tasks.bars import bars
from n2v.tasks.metrics import chance_average_precision, chance_hit_at_k, cluster_interval, lead
from n2v.tasks.read import HIT, MAP, VERSIONS, read_all, with_intervals
from n2v.tasks.retrieve import as_published, corrected, distances, instance_retrieval, random_rankings, voted_hits
from n2v.zoo.shipped import mini_zoo, real_zoo
from n2v.zoo.store import Zoo

size, run = profiles.get(profile), Path(out_dir)
record = Recorder(run, "08")
seed_everything(seed)
apply_style()

# %% [markdown]
# ## 1. Look first (Fig 4.5)
# The nerf2vec that comes with the project embeds the base objects of the mini zoo. Queries are objects that no training saw; the
# gallery is the training objects. Left the four nearest by embedding, right the four nearest by raw weights, both by plain Euclidean
# distance. This figure is the same in every profile.
#
# **Predict first:** an airplane's neighbours will be airplanes. Will they have its *wings*, or its *colour*?

# %%
shipped, mini = n2v.load(), mini_zoo()
base = np.array([i for i, row in enumerate(mini.rows) if row.version == 0])
held = np.array([mini.rows[i].split != "train" for i in base])
queries, gallery = base[held], base[~held]


@torch.no_grad()
def embedded(zoo, positions):
    """Embeddings by the shipped model, (n, d)."""
    weights = torch.from_numpy(zoo.field_weights(positions))
    return torch.cat([shipped.encode(part) for part in weights.split(16)]).float().numpy()


codes = embedded(mini, base)
by_embedding = distances(codes[held], codes[~held])
by_weights = distances(mini.field_weights(queries), mini.field_weights(gallery))

# %%
ways = {"nerf2vec (shipped)": by_embedding, "raw weights": by_weights}
kinds = np.unique(mini.labels[queries], return_index=True)[1]
chosen = [int(i) for i in kinds[:: max(1, len(kinds) // 6)][:6]]
rows = [[queries[i], *(gallery[j] for apart in ways.values() for j in np.argsort(apart[i])[:4])] for i in chosen]
pictures = [[mini[int(i)].render(size_px=96) for i in row] for row in rows]
names = [[mini.rows[int(i)].class_name for i in row] for row in rows]
figure = lesson.neighbour_sheet(pictures, names, tuple(ways))
caption = f"Held-out objects of the mini zoo and their nearest of {len(gallery)} training objects."
record.figure("fig-4.5", figure, caption, alt="; ".join(", ".join(row) for row in names))

# %% [markdown]
# *What to look at:* a solid blue frame is the right class, a dashed orange one a wrong one. Do neighbours share parts, proportions,
# or only the colour? Would you have made the same mistakes? And does one object come back in row after row, whoever asks? Such a *hub*
# lies in the middle of everybody. Six queries prove nothing; how often is the nearest right, and who is asked most often?

# %%
first = {name: mini.labels[gallery[apart.argmin(1)]] == mini.labels[queries] for name, apart in ways.items()}
table = []
for name, found in first.items():
    low, high = cluster_interval(found.astype(float), queries)
    often = np.bincount(np.argsort(ways[name], 1)[:, :4].ravel()).max() / len(found)
    row = {"features": name, "hit@1": found.mean(), "low": low, "high": high, "n": len(found)}
    table.append({**row, "largest hub: in the four nearest of": often})
caption = "Is the nearest of the right class? And the share of queries that the most popular object is a neighbour of."
record.table("extra-first-neighbours", table, f"{caption} All held-out base objects of the mini zoo.")
weights = mini.field_weights(gallery)
far = np.linalg.norm(weights - weights.mean(0), axis=1).argsort().argsort()  # 0: nearest to the mean
hub = np.bincount(np.argsort(by_weights, 1)[:, :4].ravel(), minlength=len(gallery)).argmax()
print(f"the largest hub of raw weights is number {far[hub] + 1} of {len(gallery)} by distance from their mean")
found = [100 * one for one in lead(*(right.astype(float) for right in first.values()), queries)]
claim = "The nearest by embedding is of the right class more often than the nearest by raw weights"
record.verdict("extra-first-neighbours", claim, *found, above=0, n=len(queries), unit="points")

# %% [markdown]
# <details><summary>A hub is everybody's neighbour. What makes one, in 18,432 numbers? (Think first.)</summary>
# In many dimensions nearly all lengths of the differences come from noise, and noise is as long for every pair. What then decides who
# is near is who lies nearest to the middle (look at the printed line): a NeRF whose weights moved little is less far from all others.
# Nearness to the middle says nothing about the query. Fewer numbers, or numbers weighed by what they tell, have smaller hubs; the last
# column says by how much here.
# </details>
#
# ## 2. Three measures
# Rank the gallery by distance. **hit@k**: is any of the first k right? **precision@k**: how many of them are right?
# *Card.* **Thesis says** mAP@k. **Code does** the first and prints it as Recall@k.
#
# ### Exercise 1
# Write hit@k of one ranking.


# %% tags=["exercise"]
def my_hit(relevant, k):
    """1 if any of the first k entries of a boolean ranking is true, else 0."""
    ### BEGIN SOLUTION
    # HINT: relevant[:k] are the first k
    return int(np.any(relevant[:k]))
    ### END SOLUTION


# %% tags=["check"]
hit_is_right = lesson.check_hit(my_hit)
### BEGIN HIDDEN TESTS
assert my_hit(np.array([False, True]), 1) == 0 and my_hit(np.array([False, True]), 2) == 1
### END HIDDEN TESTS

# %% [markdown]
# **Average precision** asks for the order, too. Walk down the ranking; at each right answer note which share of those seen so far is
# right; the mean of these notes is the average precision, and its mean over queries is **mAP**. One right answer at rank 1 and the
# others last is worth little; all right ones first is worth 1. **mAP@k** stops at rank k, and divides by the number of right answers
# that could have stood there, the smaller of k and all there are. hit@k only ever grows with k; mAP@k need not.

# %%
rankings = {
    "all first": [1, 1, 1, 0, 0, 0, 0, 0], "one first": [1, 0, 0, 0, 0, 0, 1, 1],
    "one at rank 5": [0, 0, 0, 0, 1, 1, 1, 0], "two late": [0, 0, 0, 1, 1, 0, 0, 1],
}  # fmt: skip
caption = "Four rankings with three right answers each; numbers: precision so far; dotted: k = 5. hit@5 cannot tell them apart."
record.figure("extra-average-precision", lesson.plot_rankings(rankings, 5), caption)

# %% [markdown]
# ### Exercise 2
# Write the average precision of one whole ranking.


# %% tags=["exercise"]
def my_average_precision(relevant):
    """Mean of the precision at the rank of each true entry of a boolean ranking."""
    ### BEGIN SOLUTION
    # HINT: np.flatnonzero gives places from 0, ranks count from 1; at the i-th right one i are right so far
    ranks = np.flatnonzero(relevant) + 1
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    ### END SOLUTION


# %% tags=["check", "points:2"]
precision_is_right = lesson.check_average_precision(my_average_precision)
### BEGIN HIDDEN TESTS
assert my_average_precision(np.array([True, True, False])) == 1
assert abs(my_average_precision(np.array([False, False, True, True])) - (1 / 3 + 2 / 4) / 2) < 1e-9
### END HIDDEN TESTS

# %% [markdown]
# Your two measures on the rankings of section 1:

# %%
for name, apart in ways.items():
    ranked = mini.labels[gallery[np.argsort(apart, 1)]] == mini.labels[queries][:, None]
    told = [f"hit@5 {np.mean([my_hit(row, 5) for row in ranked]):.2f}"] if hit_is_right else []
    told += [f"mAP {np.mean([my_average_precision(row) for row in ranked]):.2f}"] if precision_is_right else []
    print(f"{name}: {', '.join(told) or 'not written yet'}")

# %% [markdown]
# ## 3. What chance gives
# ### Exercise 3
# A gallery of n objects holds m of the query's class. What is the chance that k random ones contain at least one? **Predict first**
# for the thesis's collection (13 classes, table the largest with a fifth) and k = 10.


# %% tags=["exercise"]
def chance_hit(n, m, k):
    """Probability (0 to 1), drawing without replacement."""
    ### BEGIN SOLUTION
    # HINT: go through "none": the first is a miss with (n - m) / n, the second, given that, with one fewer of each
    miss = 1.0
    for i in range(k):
        miss *= (n - m - i) / (n - i)
    return 1 - miss
    ### END SOLUTION


# %% tags=["check", "points:2"]
chance_is_right = lesson.check_chance_hit(chance_hit)
### BEGIN HIDDEN TESTS
assert abs(chance_hit(4, 2, 2) - 5 / 6) < 1e-9 and abs(chance_hit(10, 2, 1) - 0.2) < 1e-9
### END HIDDEN TESTS

# %% [markdown]
# The thesis's own class frequencies, a random ranking, and what its Table 4.3 reports:

# %%
counts = np.array([FREQUENCIES[name] // 10 for name in FREQUENCIES])
everyone = np.repeat(np.arange(13), counts)
pool = counts[None] - np.eye(13, dtype=int)[everyone]
table = [
    {"k": k, "thesis, nerf2vec": value, "chance, hit@k": chance_hit_at_k(everyone, pool, k),
     "chance, true mAP@k": chance_average_precision(everyone, pool, k)}
    for k, value in ((1, 0.7238), (5, 0.9189), (10, 0.9596))
]  # fmt: skip
ks, n = np.arange(1, 21), int(counts.sum()) - 1
figure, axis = plt.subplots(figsize=(6, 2.8))
if chance_is_right:
    floor = [np.average([chance_hit(n, int(m) - 1, int(k)) for m in counts], weights=counts) for k in ks]
    axis.plot(ks, 100 * np.array(floor), label="random ranking, hit@k (your function)")
axis.plot(ks, [100 * chance_average_precision(everyone, pool, int(k)) for k in ks], ls="--", label="random, true mAP@k")
axis.plot([1, 5, 10], [100 * row["thesis, nerf2vec"] for row in table], "s", color="black", label="thesis, nerf2vec")
axis.set(xlabel="k", ylabel="%", ylim=(0, 100), xticks=[1, 5, 10, 15, 20])
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
record.figure("extra-chance", figure, "Table 4.3 and its floor, from class frequencies alone.")
record.table("extra-chance", table, "The same at the thesis's three k (shares).")

# %% [markdown]
# And two controls on this run's own zoo: distances that are random numbers, and embeddings with shuffled labels. Both must fall to
# the floor.

# %%
zoo = Zoo(run / "zoo")
labels, base_ids = zoo.labels, [row.base_id for row in zoo.rows]
train_set, test_set = zoo.indices("train"), np.concatenate([zoo.indices("test"), zoo.indices("val")])
test_bases = [base_ids[i] for i in test_set]
looks = np.load(run / "picture_features.npy", allow_pickle=False)
looked = read_json(run / "picture_network.json")["network"]  # which one notebook 06 could train
ours, best = "nerf2vec (thesis's encoder)", "nerf2vec (our best)"
features = {
    ours: Embeddings.load(run / "embeddings-rows.safetensors").values,
    best: Embeddings.load(run / "embeddings-best.safetensors").values,
    "raw weights": zoo.field_weights(),
    "pictures, 1 view": looks[:, 0], "pictures, 9 views": looks.mean(1),
}  # fmt: skip

# %%
n_draws = max(20, 20_000 // len(test_set))
random = random_rankings(labels, test_set, train_set, n_draws=n_draws, seed=seed)
record.table("extra-random-ranking", random, "Random distances through the same code, beside the closed form.")
shuffled = np.random.default_rng(seed).permutation(labels)
control = {row["measure"]: row for row in corrected(features[ours], shuffled, test_set, train_set, base_ids=base_ids)}[
    "mAP"
]
gap = [100 * (control[key] - control["chance"]) for key in ("value", "low", "high")]
claim = "With shuffled labels mAP stays within five points of chance"
record.verdict("extra-random-ranking", claim, *gap, within=(-5, 5), n=control["n_objects"], unit="points")
assert all(abs(row["value"] - row["chance"]) < 0.015 for row in random), "random retrieval must stand on the floor"

# %% [markdown]
# ## 4. Twice: as published and corrected (Table 4.3)
# *Card.* **As published:** queries and gallery are the test set, the query alone is left out. Theirs holds base objects only; where
# a run has too few of them, all versions join, and a query's twin may stand in the gallery. **Corrected:** test objects search the
# training set, which holds no version of them; intervals count objects.
#
# Whoever is asked here was in nobody's training: encoders and the picture network of notebook 06 learned from the training split
# alone. But the picture network learned it **with class labels**, the embeddings without (ours knew which NeRFs are versions of one
# object): an advantage that the thesis's table does not mention.

# %%
only_bases = np.array([i for i in test_set if zoo.rows[i].version == 0], int)
published_set = only_bases if len(only_bases) >= 26 else test_set
enough = len(published_set) > 10
twins = Counter(base_ids[i] for i in published_set)
twin_share = sum(count for count in twins.values() if count > 1) / max(1, len(published_set))
print(
    f"as published: {len(published_set)} queries, {twin_share:.0%} with a twin in the gallery; "
    f"corrected: {len(test_set)} queries, {len(train_set)} in the gallery"
)
rows, tables, too_few = [], {}, {"measure": "not run: too few held-out objects"}
for name, values in features.items():
    tables[name] = corrected(values, labels, test_set, train_set, base_ids=base_ids)
    published = as_published(values, labels, published_set, base_ids=base_ids) if enough else [too_few]
    rows += [{"features": name, "protocol": "as published", **row} for row in published]
    rows += [{"features": name, "protocol": "corrected", **row} for row in tables[name]]
voted = voted_hits(looks, labels, published_set, base_ids=base_ids) if enough else [too_few]
rows += [{"features": "pictures, 9 views, voted", "protocol": "as published", **row} for row in voted]

# %%
theirs = {ours: (0.7238, 0.9189, 0.9596), "pictures, 1 view": (0.7465, 0.9152, 0.9510),
          "pictures, 9 views, voted": (0.8274, 0.9166, 0.9379)}  # fmt: skip
by_kind, shown = {}, []
for row in rows:
    by_kind.setdefault((row["features"], row["protocol"]), {})[row["measure"]] = row
for (name, protocol), found in by_kind.items():
    line = {"features": name, "protocol": protocol}
    if protocol == "as published":
        line["thesis, hit@1 / 5 / 10, %"] = " / ".join(f"{100 * value:.1f}" for value in theirs.get(name, ()))
    at = [found[f"hit@{k}"] for k in (1, 5, 10) if f"hit@{k}" in found]
    line["hit@1 / 5 / 10, %"] = (
        " / ".join(f"{100 * row['value']:.1f}" for row in at) or "not run: too few held-out objects"
    )
    line["chance"] = " / ".join(f"{100 * row['chance']:.1f}" for row in at if np.isfinite(row["chance"]))
    for measure in ("hit@1", "mAP"):
        if "low" in found.get(measure, {}):
            one = found[measure]
            line[f"{measure} (95 %)"] = f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})"
    shown.append(line)
shown += [
    {"features": f"pictures, {network}", "protocol": "both", "hit@1 / 5 / 10, %": "not run: needs notebook 06 on a GPU"}
    for network in ("ResNet50, from scratch", "ResNet50, pretrained")
    if network != looked
]
hits = {
    name: " / ".join(f"{100 * row['value']:.1f}" for row in found if row["measure"].startswith("hit@"))
    for name, found in tables.items()
}
caption = f"{len(test_set)} held-out queries, {len(train_set)} training NeRFs, corrected protocol."
same = ("precision@1", "mAP@1")  # at k = 1 all three are one
drawn = [row for row in rows if row["protocol"] == "corrected" and row["measure"] not in same]
axis = bar_chart(drawn, "measure", "features")
axis.tick_params(axis="x", labelsize=8)
axis.set_ylabel("% (thin lines: 95 % interval; black: chance)")
record.figure("table-4.3", axis.figure, caption)
note = (
    "Shares; the thesis prints hit@k as mAP@k. One nerf2vec and one picture network each; pictures: "
    f"{looked}, trained with labels. 95 %: interval by object."
)
headline = "; ".join(f"{name} {value}" for name, value in hits.items())
record.table("table-4.3", shown, note, f"hit@1 / 5 / 10, corrected: {headline}")

# %%
by_measure = {name: {row["measure"]: row for row in found} for name, found in tables.items()}
for name, found in by_measure.items():
    record.metric(f"hit@1 {name}", found["hit@1"]["value"])
    record.metric(f"mAP {name}", found["mAP"]["value"])
for name in (ours, best, "raw weights"):
    row = by_measure[name]["mAP"]
    gap = [100 * (row[key] - row["chance"]) for key in ("value", "low", "high")]
    claim = f"Above chance in mAP: {name}"
    record.verdict("table-4.3", claim, *gap, above=0, n=row["n_objects"], unit="points")

# %% [markdown]
# *What to see:* hit@k rises with k for everything, chance included; mAP does not. The distance of a feature to its black line
# is what it knows.
#
# ### The bars
# And what needs no embedding at all, corrected protocol. The verdicts say how far our best embedding is ahead of the strongest of them.

# %%
kinds = {best: features[best], ours: features[ours], "raw weights": features["raw weights"]}
kinds |= bars(zoo, model=load_model(run / "nerf2vec-best"))
bar_rows = read_all(kinds, labels, base_ids, (train_set, test_set), head=None)
seen = [row for row in bar_rows if row["measure"] in (HIT, MAP, VERSIONS)]
chance = by_measure[best]["hit@1"]["chance"]
caption = "Bars that an embedding has to clear; versions found: is the nearest of all a version of the same object? Dotted: chance of hit@1."
record.figure("extra-bars-retrieved", dot_chart(seen, "features", "measure", chance=chance).figure, caption)
caption = "The same as numbers, with 95 % intervals by object."
record.table("extra-bars-retrieved", with_intervals(seen, (HIT, MAP, VERSIONS)), caption)
for measure in (HIT, MAP, VERSIONS):  # the strongest, by these same numbers: that favours the bar
    row = max(
        (one for one in seen if one["measure"] == measure and one["features"] not in (best, ours)),
        key=lambda one: one["value"],
    )
    found = (100 * row[key] for key in ("lead", "lead_low", "lead_high"))
    claim = f"Our best embeddings beat the strongest bar, {row['features']} ({measure})"
    record.verdict("extra-bars-retrieved", claim, *found, above=0, n=row["n_objects"], unit="points")

# %% [markdown]
# ## 5. Which distance?
# ### Exercise 4
# Write one minus the cosine of every pair.


# %% tags=["exercise"]
def cosine_distances(queries, gallery):
    """(q, g) distances of (q, d) queries and (g, d) gallery items."""
    ### BEGIN SOLUTION
    # HINT: make every row one long; then one matrix product has all cosines
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    gallery = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    return 1 - queries @ gallery.T
    ### END SOLUTION


# %% tags=["check", "points:2"]
cosine_is_right = lesson.check_cosine(cosine_distances)
### BEGIN HIDDEN TESTS
assert np.allclose(cosine_distances(np.array([[2.0, 0]]), np.array([[5.0, 0], [0, 3.0], [-1, 0]])), [[0, 1, 2]])
### END HIDDEN TESTS

# %% [markdown]
# Of vectors of unit length, $|a - b|^2 = 2 - 2\cos(a, b)$: both distances rank alike, so only lengths can make a difference. Does the
# length of an embedding, or of a weight vector, tell the class?

# %%
table = []
for name, values in features.items():
    for metric in ("euclidean", "cosine"):
        measured = corrected(values, labels, test_set, train_set, base_ids=base_ids, metric=metric)
        table += [
            {"features": name, "distance": metric, **{key: row[key] for key in ("measure", "value", "low", "high")}}
            for row in measured if row["measure"] in ("hit@1", "mAP")
        ]  # fmt: skip
record.table("extra-distances", table, "Euclidean and cosine distance, corrected protocol.")
right = {
    (name, metric): (
        labels[train_set[distances(features[name][test_set], features[name][train_set], metric).argmin(1)]]
        == labels[test_set]
    )
    for name in (best, "raw weights")
    for metric in ("euclidean", "cosine")
}
for claim, one, other in (
    ("By cosine the nearest raw weights are of the right class more often than by Euclid", ("raw weights", "cosine"), ("raw weights", "euclidean")),
    ("Both by cosine, our best embeddings find the class more often than raw weights", (best, "cosine"), ("raw weights", "cosine")),
):  # fmt: skip
    found = [100 * value for value in lead(right[one].astype(float), right[other].astype(float), test_bases)]
    record.verdict("extra-distances", claim, *found, above=0, n=len(set(test_bases)), unit="points")
if cosine_is_right:
    values = features[best]
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    near = [
        cosine_distances(unit[test_set], unit[train_set]).argmin(1),
        distances(unit[test_set], unit[train_set]).argmin(1),
    ]
    print(f"unit length: the nearest by your cosine and by Euclid are the same for {(near[0] == near[1]).mean():.0%}")

# %% [markdown]
# <details><summary>Why should the length of a weight vector be in the way? (Think first; remember the hub of section 1.)</summary>
# A fit that moved little ends near the start, and so near everybody: a hub. How far a fit moves says how hard its pictures were, and hardly
# what they show. A cosine looks at the direction alone, and short vectors lose their advantage. So Euclid is not the bar that raw
# weights deserve: where you compare with them, compare by cosine, too. (How much it was worth here: the first verdict above.)
# </details>
#
# ## 6. Real objects
# Queries are real models, and so is the gallery: all others but recolours of the same shape. Shipped nerf2vec, which saw none of
# them; the same in every profile.

# %%
real = real_zoo()
groups = np.array([row.shape_group for row in real.rows])
kinds = {
    "nerf2vec (shipped)": embedded(real, range(len(real))), "raw weights": real.field_weights(),
    "occupancy, 12 cubed": bars(real)["occupancy 12 cubed"](None),
}  # fmt: skip
barred = groups[:, None] == groups
chance = np.mean([(real.labels[~row] == label).mean() for row, label in zip(barred, real.labels, strict=True)])
table, near, right = [], {}, {}
for name, values in kinds.items():
    near[name] = np.argsort(np.where(barred, np.inf, distances(values, values)), 1)[:, :4]
    right[name] = (real.labels[near[name][:, 0]] == real.labels).astype(float)
    low, high = cluster_interval(right[name], groups)
    row = {"features": name, "hit@1": right[name].mean(), "low": low, "high": high, "chance": chance, "n": len(real)}
    table.append(row)
asked = np.unique(real.labels, return_index=True)[1]
asked = asked[:: max(1, len(asked) // 6)][:6]
ways = ("nerf2vec (shipped)", "raw weights")
rows = [[int(i), *(int(j) for name in ways for j in near[name][i])] for i in asked]
pictures = [[real[i].render(size_px=96) for i in row] for row in rows]
figure = lesson.neighbour_sheet(pictures, [[real.rows[i].class_name for i in row] for row in rows], ways)
record.figure(
    "extra-real-retrieved", figure, f"Real queries and their nearest among {len(real) - 1} other real objects."
)
record.table("extra-real-retrieved", table, "hit@1 among real objects; 95 % interval by shape group.")
for name in list(kinds)[1:]:
    found = [100 * one for one in lead(right["nerf2vec (shipped)"], right[name], groups)]
    claim = f"Among real objects the shipped embeddings find the class more often than: {name}"
    record.verdict("extra-real-retrieved", claim, *found, above=0, n=len(set(groups)), unit="points")

# %% [markdown]
# *What to see:* occupancy is no network's merit; it is there as soon as a NeRF is fitted. Where an embedding does not beat it, it has
# learned little about real shapes beyond where matter is.
#
# ## 7. Find the twin
# A harder question: find another version (bent, recoloured) of the same object among all objects. It asks for the object,
# not for the class, and features that are good at one may be bad at the other. The second loss of our encoder (notebook 04) trains
# exactly this on the training objects: only the held-out rows say what it has learned about objects it never saw.

# %%
who = {"held out": test_set, "training objects": train_set}
table = [
    {"features": name, "queries": part, "distance": metric,
     **instance_retrieval(values, base_ids, metric, np.sort(positions))}
    for name, values in features.items()
    for part, positions in who.items()
    for metric in ("euclidean", "cosine")
]  # fmt: skip
kept = ("features", "queries", "distance", "value", "chance", "low", "high", "n_objects")
table = [{key: row.get(key) for key in kept} for row in table]
record.table("extra-twins", table, "Is the nearest NeRF of the whole zoo another version of the same object?")

# %% [markdown]
# ### Exercise 5
# Which part of a NeRF remembers the object? Write the share of NeRFs whose nearest other NeRF (Euclidean, `distances(a, b)`) is a
# version of the same object. **Predict first:** which of the four matrices finds the twin best, and does any find it better than all
# weights together?


# %% tags=["exercise"]
def twin_rate(values, base_ids):
    """Share (0 to 1); values: (n, d); base_ids: the object of each."""
    ### BEGIN SOLUTION
    # HINT: nobody is his own neighbour: make the distance of each to itself infinite, then argmin(1)
    near = distances(values, values)
    np.fill_diagonal(near, np.inf)
    bases = np.array(base_ids)
    return (bases[near.argmin(1)] == bases).mean()
    ### END SOLUTION


# %% tags=["check", "points:3"]
twins_are_right = lesson.check_twin_rate(twin_rate)
### BEGIN HIDDEN TESTS
pairs = ["a", "b", "a", "b"]
assert twin_rate(np.array([[0.0], [5.0], [0.1], [5.1]], np.float32), pairs) == 1
assert twin_rate(np.array([[0.0], [0.1], [5.0], [5.1]], np.float32), pairs) == 0
### END HIDDEN TESTS

# %% [markdown]
# The held-out NeRFs of the mini zoo, part by part: each looks for its twin among the others (black line: chance), and the base objects
# look for their class among the training objects as in section 1.

# %%
asked = np.array([i for i, row in enumerate(mini.rows) if row.split != "train"])
of_mini, twin_ids = mini.field_weights(asked), [mini.rows[i].base_id for i in asked]
first_matrix = np.arange(SLICES[0].stop).reshape(64, 3, 24, 2)  # neuron, axis, octave, sine or cosine
parts = {
    "all": np.arange(of_mini.shape[1]), "first": first_matrix.ravel(), "first:\noctaves\n0-7": first_matrix[:, :, :8].ravel(),
    "first:\noctaves\n8-23": first_matrix[:, :, 8:].ravel(), "hidden 1": np.arange(SLICES[1].start, SLICES[1].stop),
    "hidden 2": np.arange(SLICES[2].start, SLICES[2].stop), "output": np.arange(SLICES[3].start, SLICES[3].stop),
}  # fmt: skip
of_queries, of_gallery, rows, found_twin = mini.field_weights(queries), mini.field_weights(gallery), [], {}
class_chance = np.mean([(mini.labels[gallery] == label).mean() for label in mini.labels[queries]])
for part, chosen in parts.items():
    row = instance_retrieval(of_mini[:, chosen], twin_ids)
    told = {"low": row["low"], "high": row["high"], "chance": row["chance"]}
    yours = twin_rate(of_mini[:, chosen], twin_ids) if twins_are_right else None
    rows.append({"part": part, "asked": "twin", "value": row["value"], **told, "yours": yours})
    nearest = gallery[distances(of_queries[:, chosen], of_gallery[:, chosen]).argmin(1)]
    right = (mini.labels[nearest] == mini.labels[queries]).astype(float)
    low, high = cluster_interval(right, queries)
    rows.append(
        {"part": part, "asked": "class", "value": right.mean(), "low": low, "high": high, "chance": class_chance}
    )
    apart = distances(of_mini[:, chosen], of_mini[:, chosen])
    np.fill_diagonal(apart, np.inf)
    found_twin[part] = (np.array(twin_ids)[apart.argmin(1)] == np.array(twin_ids)).astype(float)
caption = "Which part of the weights finds the twin, and which the class? Held-out NeRFs of the mini zoo."
record.figure("extra-twin-parts", bar_chart(rows, "part", "asked").figure, caption)
record.table(
    "extra-twin-parts", [{**row, "part": row["part"].replace("\n", " ")} for row in rows], "The same as numbers."
)
low = "first:\noctaves\n0-7"
for claim, better, worse in (
    ("The first matrix alone finds the twin more often than all weights", "first", "all"),
    ("Its octaves 0-7 alone find it more often than the whole first matrix", low, "first"),
    ("The first hidden matrix finds it more often than the output matrix", "hidden 1", "output"),
):
    found = [100 * one for one in lead(found_twin[better], found_twin[worse], twin_ids)]
    record.verdict("extra-twin-parts", claim, *found, above=0, n=len(set(twin_ids)), unit="points")

# %% [markdown]
# <details><summary>How can a part know more than the whole? (Think first; click for an answer.)</summary>
# It does not know more; it is *nearer*. In a Euclidean distance every number votes, with a weight that is how far it moves from NeRF to
# NeRF. The first matrix meets the encoded position: what is where is written there as waves along the three axes, and two fits of
# nearly one object write nearly the same. What hidden matrices do with those waves can be done in many ways; each fit goes its own,
# and in a distance that is noise. The same holds inside the first matrix: octaves above 7 are finer than the step between two samples
# (notebook 02), so nothing in the pictures tells them where to go. Leaving half of the numbers out removes noise, not knowledge. Weighing
# them, instead of leaving out, is what whitening does (the bar above), and what a learned encoder is for. A *linear probe*, which chooses
# its weights itself, may read the class where distances are blind: notebook 06.
# </details>
#
# ## 8. Try it: neighbours of any object
# Choose a query among held-out and real objects, or click a neighbour to ask for *its* neighbours; embeddings of the shipped
# nerf2vec and raw weights stand side by side. ✓ and a full frame mark the query's class, ✗ and a dashed frame another one.
# `pages/retrieval.html` of the run folder is the same offline.

# %%
splits = [mini.rows[i].split for i in base]
objects = Embeddings.of(codes, [mini.rows[i] for i in base], mini.labels[base], splits)
asking = Embeddings.of(kinds["nerf2vec (shipped)"], real.rows, real.labels, ["real"] * len(real)), real
n_queries = 30 if profile == "smoke" else 200
write_retrieval_page(run / "pages" / "retrieval.html", objects, mini, real=asking, n_queries=n_queries)
if interactive:
    from IPython.display import display

    from n2v.publish.demos.widgets import RetrievalDemo

    display(RetrievalDemo(objects, mini, real=asking))

# %% [markdown]
# ## Result


# %%
def hits_of(name, protocol):
    """hit@1, hit@5 and hit@10 of Table 4.3, percent."""
    return next(row["hit@1 / 5 / 10, %"] for row in shown if (row["features"], row["protocol"]) == (name, protocol))


cards = [
    {"card": "measure", "thesis says": "mAP@k", "code does": "hit@k, printed as Recall@k; chance 11.5, 42.7, 63.3 %",
     "we measured": "mAP: " + "; ".join(f"{name} {found['mAP']['value']:.2f}" for name, found in by_measure.items())},
    {"card": "gallery", "thesis says": "test set", "code does": "test set of a leaky split",
     "we measured": f"{best}: held out alone {hits_of(best, 'as published')}; corrected {hits_of(best, 'corrected')}"},
    {"card": "9 views", "thesis says": "9 views", "code does": "views vote for a class at every rank",
     "we measured": f"the same {hits_of('pictures, 9 views, voted', 'as published')}; mean of the views' features "
     f"{hits_of('pictures, 9 views', 'as published')}"},
    {"card": "spread", "thesis says": "-", "code does": "one run", "we measured": "intervals by object; one training of each encoder"},
]  # fmt: skip
record.table("extra-card-retrieval", cards, "Thesis, code and this run: retrieval.")

# %% [markdown]
# **You learned** to ask what a measure computes, and what nothing at all would score; that "similar" needs a question, and a distance
# is not knowledge.
#
# **Further reading** Musgrave et al. 2020, *A metric learning reality check*.
