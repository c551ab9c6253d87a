# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   n2v:
#     makes:
#     - zoo
#     minutes:
#       laptop: 4
#       smoke: 2
#     needs:
#     - views
# ---

# %% [markdown]
# # 03 · A zoo of NeRFs
# **You will** fit a NeRF to every object of the collection, ask of each how good it is and where its weights went, put
# the collection on disk so that damage is noticed, and look at the weights as data.
#
# **You need** notebooks 01 and 02. **Time** smoke 2 min, laptop 4 min on two cores; most of it is the fits.
#
# **Afterwards you can** say what a collection of NeRFs must record to be worth anything, what it costs to store, why a
# NeRF without its occupancy grid shows nothing, and show that the shared initial vector puts the class into the raw weights.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly
start_from: str = (
    ""  # folder of a zoo to start from; then only n_live NeRFs are fitted here. Empty: as the profile says
)
n_live: int = 13  # NeRFs fitted here when there is a zoo to start from

# %%
import hashlib
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from sklearn.decomposition import PCA

from n2v import profiles
from n2v.lessons.drawing.pictures import sheet
from n2v.lessons.drawing.plots import map_figure, project
from n2v.lessons.drawing.style import apply_style
from n2v.lessons.zoo import flip_bit, quality_figure, travel_figure
from n2v.nerf.composite import over_background, premultiplied
from n2v.nerf.fit import fit_apart, held_out_psnr
from n2v.nerf.layout import LAYERS, N_WEIGHTS, SHAPES, initial_vector, split_weights, travel
from n2v.nerf.neurons import permute_neurons
from n2v.publish.record import Recorder
from n2v.publish.viewer.nerf_page import write_pages
from n2v.scenes.classes import CLASSES, FREQUENCIES
from n2v.scenes.views import find_views, read_views
from n2v.seeds import seed_everything
from n2v.tasks.classify import leave_one_out
from n2v.tasks.metrics import wilson_interval
from n2v.zoo.build import build_zoo, spread
from n2v.zoo.shipped import mini_zoo, real_zoo
from n2v.zoo.store import Zoo
from n2v.zoo.verify import info, verify

size, run = profiles.get(profile), Path(out_dir)
record = Recorder(run, "03")
seed_everything(seed)
apply_style()

# %% [markdown]
# ## 1. Fit them all
# Four objects are fitted in one batched computation on each core. Stop the kernel in the middle and run the cell again:
# it goes on where it was, because a NeRF counts only when its weights are on disk *and* a line of the manifest names
# them, in this order.
#
# *A zoo to start from.* With `start_from` the run's zoo is a copy of that
# collection, and a few NeRFs are fitted here beside it (`zoo-live`), so that you see it done. Without, both are the same.

# %% tags=["start-from"]
shipped = Path(start_from) if start_from else mini_zoo().folder if size.from_mini_zoo and seed == 0 else None
if shipped and not (run / "zoo").exists():
    shutil.copytree(shipped, run / "zoo.part", dirs_exist_ok=True)
    (run / "zoo.part").rename(run / "zoo")
live_folder = run / ("zoo-live" if shipped else "zoo")

# %%
built = build_zoo(run / "views", live_folder, size.fit, seed=seed, limit=n_live if shipped else None, resume=True)
zoo, live = Zoo(run / "zoo"), Zoo(live_folder)
n_new = max(built["fitted"], 1)
facts = info(run / "zoo")
record.metric("n_nerfs", len(zoo))
record.metric("mean_psnr_db", facts["psnr_db"]["mean"])
record.metric("wall_s_a_nerf", built["wall_s"] / n_new)
print(
    f"fitted here: {built['fitted']}, already there: {built['already_there']}, quarantined: {len(built['quarantined'])}"
)
{key: facts[key] for key in ("n", "quarantined", "splits", "psnr_db", "init_hashes")}

# %%
mean_live = float(np.mean([row.psnr_db for row in live.rows]))
table = [
    {"who": "thesis, one NeRF on an RTX 3090", "seconds": 12.0, "steps": "1500 - 2000", "psnr_db": 34.5},
    {"who": f"here, wall clock over {built['fitted']} NeRFs", "seconds": built["wall_s"] / n_new,
     "steps": str(size.fit.n_steps), "psnr_db": mean_live},
]  # fmt: skip
engine = live.rows[0].backend
caption = f"Seconds to fit one NeRF. Ours: {size.size_px} px pictures, engine {engine}; not the thesis's sizes."
headline = f"{built['wall_s'] / n_new:.2g} s, {size.fit.n_steps} steps, {mean_live:.1f} dB"
record.table("app-b.3-fit", table, caption, headline)

# %% [markdown]
# ## 2. What a NeRF must carry with it
# 18,432 numbers without a label are worth nothing: nobody can say whether they were fitted well, from which start, or
# whether their object was in the test set. One line of the manifest, field by field:

# %%
without = {
    "base_id": "altered versions cannot be kept with their base: the leak of notebook 01",
    "shape_group": "recolours of one shape end in train and in test",
    "split": "everybody splits anew, and no two results compare",
    "licence": "nobody may pass it on",
    "seed": "the fit cannot be repeated",
    "init_hash": "weights of two starts get mixed: section 5",
    "encoding": "the same weights show another picture: notebook 02",
    "steps": "quality cannot be compared",
    "step": "rendered with other samples than it was fitted with",
    "psnr_db": "a collapsed fit looks like any other",
    "sha256": "damage goes unnoticed: section 8",
}
line = asdict(live.rows[0])
table = [
    {
        "field": name,
        "value": f"{value:.4g}" if isinstance(value, float) else str(value)[:40],
        "without it": without.get(name, ""),
    }
    for name, value in line.items()
]
record.table("extra-manifest", table, f"The manifest's line of {live.rows[0].object_id}.")

# %% [markdown]
# ## 3. How good they are
# PSNR is measured on held-out views, full image over white. *What to see:* the spread is several dB, so a mean alone hides
# what matters. And PSNR rewards a *small* object: white paper is easily right. Compare classes with that in mind.

# %%
quality = np.array([row.psnr_db for row in zoo.rows])
figure, axis = plt.subplots(figsize=(7, 3.4))
names = [row.class_name for row in zoo.rows]
order = [name for name in CLASSES if name in names]
sns.boxplot(x=names, y=quality, order=order, color="#9ecae9", width=0.6, fliersize=2, ax=axis)
axis.set(xlabel="", ylabel="PSNR on held-out views (dB)")
axis.tick_params("x", rotation=40)
record.figure(
    "extra-psnr", figure, f"Quality of the {len(zoo)} NeRFs by class (box: quartiles); mean {quality.mean():.1f} dB."
)

# %%
figure = quality_figure(zoo)
filled = zoo.occupied().reshape(len(zoo), -1).mean(1)
correlation = float(np.corrcoef(filled, quality)[0, 1])
record.metric("psnr_p5_db", float(np.percentile(quality, 5)))
record.metric("psnr_worst_db", float(quality.min()))
record.metric("psnr_filled_correlation", correlation)
caption = f"Quality of the zoo, and against how much of the box a NeRF fills (correlation {correlation:+.2f})."
record.figure("extra-psnr-spread", figure, caption)

# %%
folders = {folder.name: folder for folder in find_views(run / "views")}
own_zoo = not start_from  # the pictures of another zoo's objects are not here


def pair(a_zoo, index):
    """A held-out picture of an object and its NeRF from there; without pictures, the NeRF from the front."""
    if not own_zoo and a_zoo is zoo:
        return None, a_zoo[index].render(size_px=96)
    views = read_views(folders[a_zoo.object_ids[index]])
    return views.held_out_images[0], a_zoo[index].image(views.held_out_c2w[0], views.size_px).numpy()


ranked = np.argsort(quality)
ends = [*ranked[:5], *ranked[-5:]]
pairs = [pair(zoo, int(index)) for index in ends]
titles = [f"{zoo.object_ids[i]}\n{quality[i]:.1f} dB" for i in ends]
rows = [[truth for truth, _ in pairs], [render for _, render in pairs]]
figure = sheet(rows if own_zoo else rows[1:], ["picture", "NeRF"] if own_zoo else ["NeRF"], titles, 1.3)
record.figure("extra-psnr-ends", figure, "The five worst NeRFs (left) and the five best, from a view never given.")

# %% [markdown]
# *What to see:* the worst are not broken, they are *hard*: dark thin parts before white, with long outlines. A broken fit
# (below 15 dB, or not finite) never gets here: it is tried once more, more gently, and else listed in quarantine with its
# reason. A whole row of examples, one a class:

# %%
chosen = [int(np.flatnonzero(live.labels == label)[0]) for label in range(13) if (live.labels == label).any()]
pictures, renders = [], []
for index in chosen[:8]:
    view_set = read_views(folders[live.object_ids[index]])
    pictures.append(view_set.images[0])
    renders.append(live[index].render(size_px=96))
figure = sheet(
    [pictures, renders], ["a picture", "its NeRF,\nother view"], [live.rows[i].class_name for i in chosen[:8]]
)
record.figure("extra-zoo", figure, "Training pictures (top) and the fitted NeRFs from a view that was never given.")

# %% [markdown]
# Each class's best NeRF also becomes a page of its own: weights, grid and a renderer in one file of under 150 kB, to turn and
# to cut open without a network. They lie in `pages/zoo/` of the run folder; the report links them.

# %%
pages = write_pages(zoo, run / "pages" / "zoo")
record.table("extra-pages", pages, "The best NeRF of each class as an offline page in pages/zoo: dB and size.")

# %% [markdown]
# ### Real objects
# Made-up objects are convenient, and nobody's question. So a second zoo comes with the project: NeRFs of artist-made models
# under CC0, from repositories that nothing here was tuned on. Every notebook that reports on procedural objects reports on
# these, too. *alone*: with a grid rebuilt from the weights, as the authors rebuild theirs.

# %%
real = real_zoo()
table = []
for name, collection in (("this run", zoo), ("real objects", real)):
    told = {"psnr_db": "with the stored grid (dB)", "psnr_alone_db": "alone (dB)"}
    row = {"collection": name, "n": len(collection)}
    for key, column in told.items():
        values = np.array([getattr(one, key) for one in collection.rows if getattr(one, key) is not None])
        row |= {column: float(values.mean()), f"lowest {column}": float(values.min())} if len(values) else {}
    table.append(row)
record.table("extra-real-zoo", table, "Mean and lowest PSNR on held-out views.")
record.metric("real_psnr_db", table[1]["with the stored grid (dB)"])
labels_there = np.unique(real.labels)
rows = [
    [int(np.flatnonzero(real.labels == label)[k * 7 % (real.labels == label).sum()]) for label in labels_there]
    for k in (0, 1)
]
pictures = [[real[index].render(size_px=96) for index in row] for row in rows]
record.figure(
    "extra-real-zoo",
    sheet(pictures, None, [real.rows[i].class_name for i in rows[0]]),
    "NeRFs of real objects, two a class where there are two.",
)

# %% [markdown]
# ## 4. Weights as data
# Nobody told the fits about classes. Still, the weights of two chairs resemble each other, because both started at the
# same vector and moved in similar directions. Each point below is a NeRF: 18,432 numbers minus the initial vector, squeezed
# into two. PCA keeps directions (and says how little of the whole two of them are); t-SNE keeps neighbours. Close pairs of
# one marker are mostly an object and its altered version: the twins of notebook 01, seen from the weights' side.

# %%
weights, labels, start = zoo.field_weights(), zoo.labels, initial_vector()
moved = weights - start
pca = PCA(2, random_state=seed)
flat = pca.fit_transform(moved)
first, second = pca.explained_variance_ratio_
maps = {f"PCA ({first:.0%} and {second:.0%} of the variance)": flat, "t-SNE": project(moved, "tsne", seed)}
figure = map_figure(maps, labels)
record.figure(
    "extra-weight-map", figure, "Raw weights of all NeRFs, minus the shared initial vector; colour and marker: class."
)

# %% [markdown]
# ## 5. Why the start is shared
# The same objects in three ways. First fitted from the shared initial vector. Then with a random one for each NeRF: the
# pictures are as good, but weight 1,000 of one NeRF now means something else than weight 1,000 of another. And a third
# way, which costs no fit: take the first NeRFs and number the neurons of each differently. Not one pixel changes, since a
# layer's sum does not care about order; yet the vectors become strangers. Only base objects take part here: an altered twin
# would be an easy neighbour.

# %%
n_each, n_steps = (2, 50) if profile == "smoke" else (4, 200)  # base objects a class, all fitted twice
bases = spread([folder for folder in folders.values() if "_A" not in folder.name], 13 * n_each)
sets = [read_views(folder) for folder in bases]
truth = np.array([view_set.label for view_set in sets])
quick = replace(size.fit, n_steps=min(size.fit.n_steps, n_steps))
recipes = [quick] * len(sets) + [replace(quick, init_seed=1000 + i) for i in range(len(sets))]
fitted = fit_apart(sets * 2, recipes)
shared, own = fitted[: len(sets)], fitted[len(sets) :]

# %%
rng = np.random.default_rng(seed)
starts = {
    "shared initial vector": np.stack([one.field_weights for one in shared]),
    "one random vector each": np.stack([one.field_weights for one in own]),
}
starts["shared, neurons renumbered"] = np.stack([permute_neurons(one.field_weights, rng) for one in shared])
renumbered = [
    held_out_psnr(values, one.occupied, views, quick)
    for values, one, views in zip(starts["shared, neurons renumbered"], shared, sets, strict=True)
]
psnrs = [[one.psnr_db for one in shared], [one.psnr_db for one in own], renumbered]
table = []
for (name, found), psnr_db in zip(starts.items(), psnrs, strict=True):
    near, n = leave_one_out(found, truth), len(truth)
    low, high = wilson_interval(round(near * n), n)
    shuffled = float(np.mean([leave_one_out(found, rng.permutation(truth)) for _ in range(5)]))
    table.append({"start": name, "psnr_db": float(np.mean(psnr_db)), "nearest neighbour": near, "low": low, "high": high,
                  "shuffled labels": shuffled, "n": n})  # fmt: skip
caption = (
    "The same objects, three ways; nearest neighbour: how often its class is right (low, high: 95 % Wilson interval)."
)
record.table("extra-initial-vector", table, caption)
for name, row in zip(("nn_shared", "nn_random", "nn_renumbered"), table, strict=True):
    record.metric(name, row["nearest neighbour"])
initial = {row["start"]: row for row in table}

# %%
maps = {}
for method in ("pca", "tsne"):
    for name in ("shared initial vector", "one random vector each"):
        maps[f"{method.upper().replace('TSNE', 't-SNE')}, {name}"] = project(starts[name], method, seed)
figure = map_figure(maps, truth)
record.figure(
    "extra-initial-vector-map", figure, f"The same {len(truth)} objects, shared and random start; marker: class."
)

# %% [markdown]
# *What to see:* on the left, where the start is shared, markers of one kind often lie together; on the right they are strewn
# as if by chance, and the table agrees: with a random start, or renumbered neurons, the nearest NeRF is of the same class
# no more often than with shuffled labels.
#
# ### Exercise 1 (a function)
# Renumber the neurons between two matrices. `first` (64, n) computes them, `second` (m, 64) reads them.


# %% tags=["exercise"]
def renumber(first, second, order):
    """Both matrices after neuron order[i] has become neuron i: second @ relu(first @ x) must stay the same."""
    ### BEGIN SOLUTION
    # HINT: rows of `first` and columns of `second` belong to the same neurons
    return first[order], second[:, order]
    ### END SOLUTION


# %% tags=["check", "points:2"]
dice = np.random.default_rng(1)
one, two, inputs = dice.normal(size=(64, 5)), dice.normal(size=(3, 64)), dice.normal(size=(5, 9))
turned = dice.permutation(64)
new_one, new_two = renumber(one.copy(), two.copy(), turned)
assert (new_one.shape, new_two.shape) == (one.shape, two.shape), "no weight may come or go"
assert not np.allclose(new_one, one), "nothing moved: a neuron is a row of `first`"
assert np.allclose(new_one, one[turned]), "neuron order[i] becomes neuron i: that is first[order], not its inverse"
before, after = two @ np.maximum(one @ inputs, 0), new_two @ np.maximum(new_one @ inputs, 0)
assert np.allclose(before, after), (
    "the function changed: whoever reads a neuron (a column of `second`) must move with it"
)
### BEGIN HIDDEN TESTS
same = renumber(one, two, np.arange(64))
assert np.array_equal(same[0], one) and np.array_equal(same[1], two)
swapped = renumber(np.array([[1.0], [2.0], [3.0]]), np.array([[4.0, 5.0, 6.0]]), np.array([2, 0, 1]))
assert swapped[0].tolist() == [[3], [1], [2]] and swapped[1].tolist() == [[6, 4, 5]]
### END HIDDEN TESTS

# %% [markdown]
# ## 6. How far the weights travel
# Each layer's distance from the initial vector, relative to that vector's length. *What to see:* the input matrix travels
# furthest, the padding rows of the output matrix not at all, since nothing reads them (to the bit where weights are stored in
# float32; in the mini zoo what is left is float16's rounding). On the right, the
# input matrix by octave: up to octave 5 the weights move much and differently; above, where samples a few hundredths apart can
# resolve nothing, every octave moves equally far. That is not signal. Adam moves a weight by about its rate whether the
# gradient means something or is noise: three quarters of the input matrix are pushed about by it, in every NeRF.

# %%
record.figure("extra-travel", travel_figure(weights, start), f"How far {len(zoo)} NeRFs moved: by layer, by octave.")
distances = travel(weights, start)
table = [
    {"layer": name.replace("\n", ", "), "median": float(np.median(column)), "lowest": float(column.min()),
     "highest": float(column.max())}
    for name, column in zip(LAYERS, distances.T, strict=True)
]  # fmt: skip
record.table("extra-travel", table, "|w - w0| / |w0| of each layer over all NeRFs.")

# %% [markdown]
# ### Exercise 2 (a function)
# How far does a fit travel as a whole? Write the distance of each NeRF from the shared start, relative to the start's length.


# %% tags=["exercise"]
def travelled(vectors, origin):
    """|w - w0| / |w0| of each row. Shapes: vectors (n, d), origin (d,)."""
    ### BEGIN SOLUTION
    # HINT: np.linalg.norm along axis 1, in units of the start's own length
    return np.linalg.norm(vectors - origin, axis=1) / np.linalg.norm(origin)
    ### END SOLUTION


# %% tags=["check", "points:2"]
probe = np.stack([initial_vector(), 2 * initial_vector()])
found = np.asarray(travelled(probe, initial_vector()))
assert found.shape == (2,), "one number a NeRF: take the norm along axis 1"
assert found[0] == 0, "who has not moved has travelled 0"
assert np.allclose(found, [0, 1]), "the way from w0 to 2 w0 is one length of w0: divide by the length of the start"
print(f"a fit moves by {travelled(weights, initial_vector()).mean():.2f} of the start's length")
### BEGIN HIDDEN TESTS
assert np.allclose(travelled(np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([0.0, 2.0])), [np.sqrt(13) / 2, 1])
### END HIDDEN TESTS

# %% [markdown]
# ## 7. What it costs to keep
# A zoo stores each NeRF's weights and its occupancy, one bit a cell. Half the weights' bytes can be saved by float16. Does
# that cost quality? Measured on the same held-out views:

# %%
tested = chosen[:13]
costs = []
for index in tested:
    views, grid = read_views(folders[live.object_ids[index]]), live.occupied(index)[0]
    exact = live.field_weights(index)[0].astype(np.float32)
    recipe = replace(size.fit, step=live.rows[index].step, encoding=live.rows[index].encoding)
    rounded = exact.astype(np.float16).astype(np.float32)
    costs.append(held_out_psnr(exact, grid, views, recipe) - held_out_psnr(rounded, grid, views, recipe))
record.metric("float16_cost_db", float(np.mean(costs)))
record.metric("float16_worst_cost_db", float(np.max(costs)))
print(f"float16 costs {np.mean(costs):+.4f} dB on average, {np.max(costs):+.4f} dB at worst ({len(costs)} NeRFs)")

# %%
n_published = 3 * sum(FREQUENCIES.values())
view_folder = folders[live.object_ids[tested[0]]] / "train"
on_disk = sum(path.stat().st_size for path in (run / "zoo" / "shards").iterdir()) / len(zoo)
kinds = {
    f"the pictures it was fitted to (PNG, {view_set.size_px} px)": sum(
        path.stat().st_size for path in view_folder.iterdir()
    ),
    "weights, float32": 4 * N_WEIGHTS,
    "weights, float16": 2 * N_WEIGHTS,
    "weights, float16, without the 12 padding rows": 2 * (N_WEIGHTS - 12 * SHAPES[-1][1]),
    f"occupancy, {zoo.resolution}³ bits": zoo.resolution**3 // 8,
    "occupancy, 96³ bits (published grids)": 96**3 // 8,
    "this zoo's shards, all included": round(on_disk),
}
table = [
    {
        "kept": name,
        "bytes a NeRF": n,
        "MB, this zoo": n * len(zoo) / 1e6,
        "GB, the thesis's collection": n * n_published / 1e9,
    }
    for name, n in kinds.items()
]
caption = f"Storage; the thesis's collection: {n_published:,} NeRFs (three versions of 39,666 objects)."
record.table("extra-storage", table, caption)

# %% [markdown]
# *What to see:* at this size the pictures are *smaller* than the NeRF. A NeRF has the same size whatever the pictures'
# (the thesis's have 12 times the pixels of 64 px ones), but it is no compression here. And a fine grid weighs more than
# the weights.
#
# ### Exercise 3 (one line)
# How many megabytes do 92,000 NeRFs take in float32, and in float16 without the padding rows (17,664 weights)?


# %% tags=["exercise"]
def megabytes(n_nerfs, n_weights, bytes_each):
    """Size in MB (10^6 bytes)."""
    ### BEGIN SOLUTION
    # HINT: count the bytes; a megabyte is a million of them
    return n_nerfs * n_weights * bytes_each / 1e6
    ### END SOLUTION


# %% tags=["check"]
assert megabytes(1, 1_000_000, 1) == 1, "a megabyte is 10^6 bytes here, not 2^20"
assert round(megabytes(92_000, 18_432, 4)) == 6783, "NeRFs times weights times bytes of each"
assert megabytes(92_000, 17_664, 2) < megabytes(92_000, 18_432, 4) / 2, "float16 takes two bytes"
### BEGIN HIDDEN TESTS
assert round(megabytes(92_000, 17_664, 2)) == 3250 and megabytes(0, 5, 5) == 0
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 4 (an experiment)
# How few bits will do? Round the weights of each matrix to $2^b$ equally spaced values between its lowest and its highest,
# and let the check render the result with 2 to 8 bits. Where does quality break, and is it the same for all matrices?


# %% tags=["exercise"]
def quantised(matrix, n_bits):
    """The matrix (any shape, float) with each value moved to the nearest of 2^n_bits, lowest to highest, equally spaced."""
    ### BEGIN SOLUTION
    # HINT: count steps from the lowest value: 2^n_bits values are one step fewer; np.round does the rest
    low, high = matrix.min(), matrix.max()
    spacing = (high - low) / (2**n_bits - 1)
    return low + np.round((matrix - low) / spacing) * spacing
    ### END SOLUTION


# %% tags=["check", "points:3"]
probe = np.linspace(-1, 1, 1001).reshape(7, 143)
found = quantised(probe, 3)
assert found.shape == probe.shape, "keep the shape"
assert len(np.unique(np.round(found, 9))) == 8, "3 bits are 8 values: 7 steps between the lowest and the highest"
assert np.isclose(found.min(), -1) and np.isclose(found.max(), 1), "lowest and highest value must be among them"
assert np.abs(found - probe).max() <= 1 / 7 + 1e-9, "move to the nearest: never more than half a step away"
vector, views = live.field_weights(tested[0])[0], read_views(folders[live.object_ids[tested[0]]])
for n_bits in (2, 3, 4, 5, 6, 8):
    parts = [
        quantised(part[0].numpy().astype(np.float64), n_bits).ravel()
        for part in split_weights(torch.from_numpy(vector)[None])
    ]
    coarse = np.concatenate(parts).astype(np.float32)
    print(f"{n_bits:2d} bits: {held_out_psnr(coarse, live.occupied(tested[0])[0], views, size.fit):.2f} dB")
### BEGIN HIDDEN TESTS
assert np.allclose(quantised(probe, 16), probe, atol=2 / 65535), "16 bits are nearly exact"
assert set(np.unique(quantised(np.array([0.0, 0.4, 0.6, 1.0]), 1))) == {0.0, 1.0}
### END HIDDEN TESTS

# %% [markdown]
# ### Occupancy travels with the weights
# A NeRF is only ever asked inside its silhouettes' hull while it is fitted. What it says elsewhere nobody has corrected: it
# goes on with the object's patterns through the whole box. So the grid is part of the NeRF, and a collection of weights
# alone is a collection of walls.

# %%
foggy, table = [[], [], []], []
for index in chosen[:6]:
    views, nerf = read_views(folders[live.object_ids[index]]), live[index]
    photo = torch.from_numpy(views.held_out_images[0].astype(np.float32) / 255)
    foggy[0].append(over_background(premultiplied(photo)).numpy())
    row = {"object": live.object_ids[index]}
    for place, (name, kept) in enumerate(
        (("with its grid", nerf.occupied), ("without", torch.ones_like(nerf.occupied))), 1
    ):
        foggy[place].append(replace(nerf, occupied=kept).image(views.held_out_c2w[0], views.size_px).numpy())
        row[f"{name} (dB)"] = held_out_psnr(nerf.field_weights, kept, views, replace(size.fit, step=nerf.step))
    table.append(row)
figure = sheet(foggy, ["held-out\npicture", "with its grid", "without"], [row["object"] for row in table], 1.4)
record.figure(
    "extra-without-grid",
    figure,
    "A held-out view: the picture, the NeRF in its occupied cells, and the same NeRF everywhere.",
)
record.table("extra-without-grid", table, "PSNR on held-out views with and without the NeRF's own grid.")
fog_db = float(np.mean([row["with its grid (dB)"] - row["without (dB)"] for row in table]))
record.metric("fog_cost_db", fog_db)

# %% [markdown]
# ## 8. Damage
# Disks and downloads flip bits. In a picture you would see it; in 18,432 numbers nobody does. Each manifest line holds the
# SHA-256 of the NeRF's bytes, so `verify` can name the one that is hurt. On a copy of the zoo: flip one bit of one weight,
# first the last bit of its fraction, then one of its exponent.

# %%
report = verify(run / "zoo")
assert not report["problems"], report["problems"]
assert set(zoo.labels.tolist()) <= set(range(len(CLASSES)))
victim, at = live.rows[chosen[0]], 9216 + 5  # a weight of the first hidden matrix
shown, titles, table = [live[chosen[0]].image(size_px=96).numpy()], ["as stored"], []
with tempfile.TemporaryDirectory() as place:
    copy = Path(place) / "zoo"
    shutil.copytree(live_folder, copy)
    for bit, what in ((0, "last bit of the fraction"), (30, "top bit of the exponent")):
        before, after = flip_bit(copy, victim, at, bit)
        found = verify(copy)
        shown.append(Zoo(copy)[chosen[0]].image(size_px=96).numpy())
        titles.append(what.replace(" of", "\nof"))
        table.append({"bit": what, "weight before": f"{before:.9g}", "after": f"{after:.9g}",
                      "largest change of a pixel": float(np.abs(shown[-1] - shown[0]).max()), "NeRFs": found["n"],
                      "sound": found["sound"], "verify says": "; ".join(found["problems"])})  # fmt: skip
        flip_bit(copy, victim, at, bit)  # twice is not at all
    assert verify(copy)["sound"] == len(live), "after flipping back everything must be sound again"
record.table("extra-damage", table, f"One bit of {N_WEIGHTS * 32:,} in one NeRF flipped, and what verify says.")
record.figure(
    "extra-damage", sheet([shown], column_titles=titles, cell_inch=1.6), "The hurt NeRF: nobody sees the first."
)

# %% [markdown]
# *What to see:* the first NeRF is wrong and looks right. Only the checksum knows.
#
# ### Exercise 5 (a function)
# Be the verifier: compare stored bytes with the digests that were noted when they were written.


# %% tags=["exercise"]
def damaged(stored, noted):
    """Positions of those byte strings whose SHA-256 (hexadecimal) is not the one noted; both are lists, equally long."""
    ### BEGIN SOLUTION
    # HINT: which digest do the stored bytes have now? at which positions is it another one?
    return [
        i
        for i, (data, digest) in enumerate(zip(stored, noted, strict=True))
        if hashlib.sha256(data).hexdigest() != digest
    ]
    ### END SOLUTION


# %% tags=["check", "points:2"]
blobs = [row.tobytes() for row in live.field_weights(chosen[:5])]
noted = [hashlib.sha256(blob).hexdigest() for blob in blobs]
assert list(damaged(blobs, noted)) == [], "nothing was touched: compare hexdigest() with the note"
hurt = [*blobs]
hurt[3] = bytes([hurt[3][0] ^ 1]) + hurt[3][1:]
assert list(damaged(hurt, noted)) == [3], "one bit of one NeRF is wrong: name its position, and only that"
### BEGIN HIDDEN TESTS
assert list(damaged([b"", b"a"], [hashlib.sha256(b"x").hexdigest()] * 2)) == [0, 1]
### END HIDDEN TESTS

# %% [markdown]
# ## Result
# The cards of this notebook (numbers as in the list of differences that all notebooks share):

# %%
near = {name: f"{row['nearest neighbour']:.2f}" for name, row in initial.items()}
cards = [
    {"card": "16 · shared start", "thesis says": "needed", "code does": "the same vector for all (seed 999)",
     "we measured": f"nearest neighbour's class right: shared {near['shared initial vector']}, random {near['one random vector each']}, "
     f"neurons renumbered {near['shared, neurons renumbered']}; shuffled labels {initial['shared initial vector']['shuffled labels']:.2f}; "
     f"n = {len(truth)}, base objects only, {initial['shared initial vector']['psnr_db']:.1f} and {initial['one random vector each']['psnr_db']:.1f} dB"},
    {"card": "one fit", "thesis says": "12 s, 1,500 to 2,000 steps", "code does": "script never published; a file name says 3,000 steps",
     "we measured": f"{built['wall_s'] / n_new:.2f} s a NeRF, {size.fit.n_steps} steps, {size.size_px} px, engine {engine}"},
    {"card": "quality", "thesis says": "34.5 dB for 64 units (Fig A.1)", "code does": "not recorded with the NeRFs",
     "we measured": f"mean {quality.mean():.1f} dB, 5th percentile {np.percentile(quality, 5):.1f}, worst {quality.min():.1f}; n = {len(zoo)}"},
    {"card": "occupancy", "thesis says": "a grid skips empty space", "code does": "a grid file beside each NeRF",
     "we measured": f"without it a NeRF loses {fog_db:.1f} dB (mean of {len(chosen[:6])})"},
    {"card": "storage", "thesis says": "-", "code does": "float32, a folder an object",
     "we measured": f"float16 costs {np.mean(costs):.4f} dB, at worst {np.max(costs):.4f} (n = {len(costs)})"},
]  # fmt: skip
record.table("extra-card-collections", cards, "Thesis, code and this run: collections of NeRFs.")

# %% [markdown]
# **Saved** `zoo/` in the run folder: manifest and shards, for all notebooks that follow.
#
# **You learned** what provenance a collection needs; that a mean hides the worst; that raw weights carry the class, and only
# because the start is shared; that a NeRF without its occupancy grid shows nothing; that one flipped bit is found by its checksum.
#
# **Further reading** De Luigi et al. 2023 (inr2vec); Ramirez et al. 2024 (nf2vec); Entezari et al. 2022 and Ainsworth et al.
# 2023 (permutations, linear connectivity, Git Re-Basin); Navon et al. 2023 (DWSNets), Zhou et al. 2023 (NFN) and Kofinas et
# al. 2024 (neural graphs): encoders that do not care how neurons are numbered; Dupont et al. 2022 (functa: a shared network
# and a small modulation an object); van der Maaten and Hinton 2008 (t-SNE); gmnerf, a public collection of 507 GB.
