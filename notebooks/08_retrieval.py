# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   n2v: {needs: [zoo, embeddings, picture_features], makes: [], minutes: {smoke: 1, laptop: 2}}
# ---

# %% [markdown]
# # 08 · Retrieval
# **You will** find similar objects by nearest neighbours, and learn that the thesis's "mAP@k" is something else.
#
# **You need** notebooks 04 and 06. **Time** smoke 1 min, laptop 2 min on two cores.
#
# **Afterwards you can** tell hit@k, precision@k and mean average precision apart, and compute what chance gives.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
from pathlib import Path

import numpy as np

from n2v import profiles
from n2v.embed.embeddings import Embeddings
from n2v.seeds import seed_everything
from n2v.show.journeys import nerf_picture
from n2v.show.pictures import sheet
from n2v.show.plots import plot_retrieval
from n2v.show.record import Recorder
from n2v.show.style import apply_style
from n2v.show.thesis import COUNTS
from n2v.tasks.metrics import average_precision, chance_hit_at_k, hit_at_k
from n2v.tasks.retrieve import as_published, corrected, distances, instance_retrieval
from n2v.zoo.store import Zoo

size, run = profiles.get(profile), Path(out_dir)
record = Recorder(run, "08")
seed_everything(seed)
apply_style()
zoo = Zoo(run / "zoo")
loaded = {name: Embeddings.load(run / f"embeddings-{name}.safetensors") for name in ("rows", "aligned")}
labels = zoo.labels
train_set, test_set = zoo.indices("train"), np.concatenate([zoo.indices("test"), zoo.indices("val")])
looks = np.load(run / "picture_features.npy", allow_pickle=False)
features = {
    "nerf2vec (rows)": loaded["rows"].values, "nerf2vec (aligned)": loaded["aligned"].values,
    "raw weights": zoo.field_weights(), "pictures, 1 view": looks[:, 0], "pictures, 9 views": looks.mean(1),
}  # fmt: skip

# %% [markdown]
# ## 1. Three measures
# Rank the gallery by distance. **hit@k**: is any of the first k right? **precision@k**: how many of them are right?
# **Average precision**: the mean of the precision at each right answer. The thesis's code computes the first and its
# table calls it mAP@k; that is why its numbers rise with k.
#
# ### Exercise 1
# Write hit@k and average precision of one ranking.


# %% tags=["exercise"]
def my_hit(relevant, k):
    """1 if any of the first k entries of a boolean ranking is true, else 0."""
    ### BEGIN SOLUTION
    return int(np.any(relevant[:k]))
    ### END SOLUTION


def my_average_precision(relevant):
    """Mean of the precision at the rank of each true entry of a boolean ranking."""
    ### BEGIN SOLUTION
    ranks = np.flatnonzero(relevant) + 1
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    ### END SOLUTION


# %% tags=["check"]
ranking = np.array([False, True, False, True])
assert (my_hit(ranking, 1), my_hit(ranking, 2)) == (0, 1)
assert my_average_precision(ranking) == average_precision(ranking[None])[0] == 0.5
assert hit_at_k(ranking[None], 2)[0] == 1

# %% [markdown]
# ## 2. What chance gives
# With the thesis's own class frequencies, a random ranking reaches a hit@10 of 63 %.

# %%
counts = np.array([COUNTS[name] // 10 for name in COUNTS])
queries = np.repeat(np.arange(13), counts)
gallery = counts[None] - np.eye(13, dtype=int)[queries]
table = [{"k": k, "chance hit@k (thesis's test set)": 100 * chance_hit_at_k(queries, gallery, k)} for k in (1, 5, 10)]
record.table("extra-chance", table, "Chance floor of Table 4.3 from class frequencies alone, in %.")

# %% [markdown]
# ## 3. Twice: as published and corrected (Table 4.3)
# As published, queries and gallery are the test set. Corrected, test objects search the training set, which holds no
# version of them.

# %%
rows, tables = [], {}
thesis = {"nerf2vec (rows)": (72.38, 91.89, 95.96), "pictures, 1 view": (74.65, 91.52, 95.10),
          "pictures, 9 views": (82.74, 91.66, 93.79)}  # fmt: skip
for name, values in features.items():
    tables[name] = corrected(values, labels, test_set, train_set)
    for protocol, found in (("corrected", tables[name]), ("as published", as_published(values, labels, test_set))):
        for row in found:
            theirs = dict(zip(("hit@1", "hit@5", "hit@10"), thesis.get(name, (None,) * 3), strict=True))
            given = theirs.get(row["measure"]) if protocol == "as published" else None
            rows.append({"features": name, "protocol": protocol, **row, "thesis_percent": given})
record.table(
    "table-4.3", rows, "The thesis prints hit@k as mAP@k. Pictures: a small ResNet's features, not ResNet50's."
)

# %%
figure = plot_retrieval(tables, "Retrieval, corrected protocol")
record.figure("table-4.3", figure, f"{len(test_set)} queries, {len(train_set)} gallery objects; black lines: chance.")
by_measure = {name: {row["measure"]: row for row in found} for name, found in tables.items()}
for name, found in by_measure.items():
    record.metric(f"hit@1 {name}", found["hit@1"]["value"])
    record.metric(f"mAP {name}", found["mAP"]["value"])
ours = by_measure["nerf2vec (rows)"]
assert ours["mAP"]["low"] > ours["mAP"]["chance"], "embeddings must beat chance beyond their interval"
shuffled = np.random.default_rng(seed).permutation(labels)
control = {row["measure"]: row for row in corrected(features["nerf2vec (rows)"], shuffled, test_set, train_set)}
record.metric("mAP shuffled labels", control["mAP"]["value"])
assert abs(control["mAP"]["value"] - control["mAP"]["chance"]) < 0.08, "shuffled labels must fall to chance"

# %% [markdown]
# ## 4. Neighbours (Fig 4.5)
# *What to see:* do the neighbours share the structure, or only the colour?

# %%
chosen = test_set[:: max(1, len(test_set) // size.n_shown)][: size.n_shown]
values = features["nerf2vec (aligned)"]
nearest = train_set[np.argsort(distances(values[chosen], values[train_set]), 1)[:, :4]]
rows = [
    [nerf_picture(zoo, int(i)).numpy() for i in (query, *found)] for query, found in zip(chosen, nearest, strict=True)
]
names = [zoo.rows[i].class_name for i in chosen]
record.figure(
    "fig-4.5", sheet(rows, names, ["query", "1st", "2nd", "3rd", "4th"]), "Queries from test, neighbours from train."
)

# %% [markdown]
# ## 5. Find the twin
# A harder question: find another version (bent, recoloured) of the same object among all objects.

# %%
base_ids = loaded["rows"].base_ids
table = [{"features": name, **instance_retrieval(values, base_ids)} for name, values in features.items()]
record.table("extra-twins", table, "Nearest neighbour is another version of the same base object, over the whole zoo.")

# %% [markdown]
# ### Exercise 2
# A gallery of n objects holds m of the query's class. What is the chance that k random ones contain at least one?


# %% tags=["exercise"]
def chance_hit(n, m, k):
    """Probability (0 to 1), drawing without replacement."""
    ### BEGIN SOLUTION
    miss = 1.0
    for i in range(k):
        miss *= (n - m - i) / (n - i)
    return 1 - miss
    ### END SOLUTION


# %% tags=["check"]
assert abs(chance_hit(10, 2, 1) - 0.2) < 1e-9
assert abs(chance_hit(4, 2, 2) - 5 / 6) < 1e-9

# %% [markdown]
# ## Result
# | | thesis says | code does | we report |
# |---|---|---|---|
# | measure | mAP@k | hit@k (prints Recall@k) | hit@k, precision@k, mAP@k and mAP, each beside chance |
# | gallery | test set | test set, twins of queries among training data of the encoder | both protocols |
#
# **You learned** to ask what a measure computes, and what nothing at all would score.
#
# **Further reading** Musgrave et al. 2020, *A metric learning reality check*.
