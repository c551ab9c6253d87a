# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   n2v:
#     makes: []
#     minutes:
#       laptop: 4
#       smoke: 2
#     needs:
#     - views
#     - zoo
#     - nerf2vec
#     - embeddings
# ---

# %% [markdown]
# # 07 · Between two objects
# **You will** walk from one object to another, through embeddings and through raw weights, straight and around, measure many
# such walks, and find out what they owe to the vector that every fit started from.
#
# **You need** notebook 04; notebook 03 for section 6. **Time** smoke 2 min, laptop 4 min on two cores. **Elsewhere** (Binder,
# Colab; no GPU needed): [docs/elsewhere.md](../docs/elsewhere.md).
#
# **Afterwards you can** say when averaging weights gives an object and when a ghost, measure how even a walk is, and put the
# neurons of a network back in order.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import n2v
from n2v import profiles
from n2v.embed.embeddings import Embeddings, embed_zoo
from n2v.embed.model import load_model
from n2v.embed.train import train
from n2v.lessons import interpolation as checks
from n2v.lessons.drawing.charts import panels
from n2v.lessons.drawing.pictures import sheet, write_gif
from n2v.lessons.drawing.style import apply_style
from n2v.lessons.verdict import mean_interval, with_half_widths
from n2v.nerf.fit import fit_apart
from n2v.nerf.layout import initial_vector
from n2v.nerf.neurons import order_free_description
from n2v.publish.demos.pages import write_interpolation_page
from n2v.publish.record import Recorder
from n2v.scenes.classes import CLASSES
from n2v.scenes.views import find_views, read_views
from n2v.seeds import seed_everything
from n2v.tasks.bars import field_values, principal_components
from n2v.tasks.interpolate import (
    GAMMAS,
    SPACES,
    WAYS,
    draw_pairs,
    lerp,
    measure_walks,
    slerp,
    smoothness,
    solidity,
    weights_field,
)
from n2v.tasks.metrics import over_repeats
from n2v.tasks.read import HIT, PROBE, linear_probe, read_all, with_intervals
from n2v.tasks.starts import FIRST_START, changed_zoo, matched, renumbered
from n2v.zoo.build import spread
from n2v.zoo.store import Zoo

size, run = profiles.get(profile), Path(out_dir)
small = profile == "smoke"
record = Recorder(run, "07")
seed_everything(seed)
apply_style()
rng = np.random.default_rng(seed)
shipped, mini, real = n2v.load(), n2v.mini_zoo(), n2v.real_zoo()
train_bases = [i for i in mini.indices("train") if mini.rows[i].version == 0]  # one version of each training object


def some(class_name, n):
    """The last n training NeRFs of the mini zoo, of one class."""
    return [i for i in train_bases if mini.rows[i].class_name == class_name][-n:]


# %% [markdown]
# Sections 2 to 5 use what comes with the project: 585 NeRFs of 1,000 steps (`n2v.mini_zoo()`), NeRFs of models that artists made
# (`n2v.real_zoo()`) and a trained nerf2vec (`n2v.load()`). Section 6 trains and fits things of its own, on this run's zoo.
#
# ## 1. Straight or around
# Between embeddings $a$ and $b$ the thesis takes $(1 - \gamma) a + \gamma b$ (equation 4.1). In many dimensions two random
# directions are nearly at right angles, so the middle of a straight line is shorter than its ends: it cuts the corner. The
# great circle does not.
#
# ### Exercise 1 (one line)
# Write the thesis's equation 4.1.


# %% tags=["exercise"]
def between(a, b, gamma):
    """Point at gamma (0: a, 1: b) on the straight line; a and b: arrays."""
    ### BEGIN SOLUTION
    # HINT: at gamma 0 all of a and nothing of b, at 1 the reverse
    return (1 - gamma) * a + gamma * b
    ### END SOLUTION


# %% tags=["check"]
checks.check_between(between)
### BEGIN HIDDEN TESTS
assert np.allclose(between(np.array([1.0, 5.0]), np.array([3.0, 1.0]), 0.5), [2, 3])
assert np.allclose(between(np.array([1.0, 5.0]), np.array([3.0, 1.0]), 1), [3, 1])
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 2 (three lines)
# With $\omega$ the angle between two *unit* vectors, the point of the great circle at $\gamma$ is
# $\frac{\sin((1 - \gamma)\,\omega)}{\sin \omega} a + \frac{\sin(\gamma\,\omega)}{\sin \omega} b$.


# %% tags=["exercise"]
def around(a, b, gamma):
    """Point at gamma on the great circle from unit vector a to unit vector b."""
    ### BEGIN SOLUTION
    # HINT: np.arccos(a @ b) is the angle of two unit vectors; the rest is the formula
    angle = np.arccos(a @ b)
    return (np.sin((1 - gamma) * angle) * a + np.sin(gamma * angle) * b) / np.sin(angle)
    ### END SOLUTION


# %% tags=["check", "points:2"]
checks.check_around(around)
### BEGIN HIDDEN TESTS
assert np.allclose(around(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 1 / 3), [np.cos(np.pi / 6), 0.5])
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Within a class and across classes (Fig 4.3)
# The thesis says "two randomly sampled NeRFs"; its code only takes two of one class. Here both. On the page, the whole of it:
# embed two NeRFs, walk, decode.

# %%
gammas = (0.0, *GAMMAS, 1.0)
size_px = 96
shown_at = (0, 2, 4, 5, 6, 8, 10)  # a column each, between the two NeRFs themselves
titles = ["NeRF A", *(f"γ = {gammas[k]:g}" for k in shown_at), "NeRF B"]


def decoded_walk(first, second):
    """Pictures of what lies between two NeRFs, through their embeddings."""
    a, b = (np.asarray(shipped.embed(nerf)) for nerf in (first, second))
    return [shipped.decode(between(a, b, gamma)).render(size_px=size_px) for gamma in gammas]


def in_columns(pair, walk):
    """A row of pictures: NeRF A, some frames of the walk, NeRF B."""
    first, last = (mini[i].render(size_px=size_px) for i in pair)
    return [first, *(walk[k] for k in shown_at), last]


couples = [("chair", "chair"), ("airplane", "airplane"), ("chair", "table"), ("car", "airplane")]
rows = []
for first, second in couples:
    pair = some(first, 2) if first == second else [*some(first, 1), *some(second, 1)]
    rows.append(in_columns(pair, decoded_walk(*(mini[i] for i in pair))))
figure = sheet(rows, [" to\n".join(couple) for couple in couples], titles, 1.3)
caption = (
    "Shipped nerf2vec, training objects: decoded embeddings on the way from A to B; γ = 0 and 1 are reconstructions."
)
record.figure("fig-4.3", figure, caption)

# %% [markdown]
# *What to see:* γ = 0 and 1 are blurred already, where nothing is mixed yet: that is the decoder of a few hundred NeRFs (notebook 05),
# not the walk. And a decoder shows *something* everywhere. Within a class, do parts grow and shrink? Across classes, is there a stretch
# that is neither? Whether what is shown is an object, section 4 measures.
#
# ## 3. Against raw weights (Fig 4.4)
# The mean of two networks is a network, but not the mean of what they show. Its frames may show something only where one of the
# two objects is (the union of both occupancy grids): elsewhere neither was ever fitted.

# %%
chair_pair = some("chair", 2)
union = mini.occupied(chair_pair).any(0)
through_weights = [
    weights_field(between(*mini.field_weights(chair_pair), gamma), union, mini.rows[0].encoding).render(size_px=size_px)
    for gamma in gammas
]
first, second = mini.field_weights(chair_pair).astype(np.float64)
lengths = np.linalg.norm([first, second, (first + second) / 2], axis=1)
print(f"the two weight vectors stand {np.degrees(np.arccos(first @ second / lengths[0] / lengths[1])):.0f} degrees apart; the middle of the "
      f"straight line has {2 * lengths[2] / (lengths[0] + lengths[1]):.2f} of the length of its ends")  # fmt: skip
around_weights = [
    weights_field(vector, union, mini.rows[0].encoding).render(size_px=size_px)
    for vector in slerp(*mini.field_weights(chair_pair), gammas)
]
through_embeddings = decoded_walk(*(mini[i] for i in chair_pair))
rows = [in_columns(chair_pair, walk) for walk in (through_embeddings, through_weights, around_weights)]
figure = sheet(rows, ["embeddings,\nstraight", "raw weights,\nstraight", "raw weights,\naround"], titles, 1.3)
record.figure("fig-4.4", figure, "Shipped: the same two chairs in embedding space (top) and in weight space, two ways.")

# %% [markdown]
# *What to see:* with raw weights the ends are the NeRFs themselves, with embeddings reconstructions. In the middle of the lower rows look
# for parts of *both* chairs, each half faded: a ghost. *Predict first:* which row's middle blocks most light? Section 4 counts.
#
# ### Exercise 3 (two lines)
# How even is a walk? Write the largest step's share of the whole way. A step is the root mean squared difference of two
# neighbouring pictures.


# %% tags=["exercise"]
def worst_share(pictures):
    """Largest step divided by the sum of all steps; pictures (g, h, w, c)."""
    ### BEGIN SOLUTION
    # HINT: pictures[1:] - pictures[:-1] has all neighbours at once; mean over the last three axes
    steps = np.sqrt(((pictures[1:] - pictures[:-1]) ** 2).mean((1, 2, 3)))
    return steps.max() / steps.sum()
    ### END SOLUTION


# %% tags=["check"]
checks.check_worst_share(worst_share)
### BEGIN HIDDEN TESTS
jump = np.zeros((5, 2, 2, 3))
jump[3:] = 1
assert worst_share(jump) == 1
assert abs(worst_share(np.linspace(0, 1, 5)[:, None, None, None] * np.ones((5, 2, 2, 3))) - 0.25) < 1e-9
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Many walks, in numbers
# Five questions to every walk. **Unevenness**: the largest step over the mean step; 1 is perfectly even. **Solid**: of the light that
# the middle blocks, how much is blocked by pixels that are nearly opaque (over .9)? A ghost is near 0; for the walk's ends the same is
# measured beside it. **Opacity**: how much is there at all, relative to the ends. **Middle to real**: distance from the middle's
# embedding to the nearest real one *other than the walk's own ends*; 1 is the usual distance between real neighbours. And a class:
# does a linear probe, trained on real embeddings, take the **middle for one of the two ends**? A middle through weights is encoded
# first, so both are asked the same. All pairs are training objects; for held-out ones expect less.
#
# **Predict first:** which of the five would you trust to tell a ghost from an object, and which could a ghost pass?
#
# <details><summary>An answer (think first).</summary>
#
# *Solid* alone looks at what a ghost is: light blocked a little everywhere. A ghost changes evenly from frame to frame, so *unevenness*
# likes it; a wide one blocks as much light in all as its ends do, so *opacity* need not mind, though it may; and an encoder that has
# never seen a ghost may put it anywhere, so *middle to real* and the class say something about the encoder as well.
# </details>

# %%
n_pairs = 6 if small else 12
known = embed_zoo(shipped, mini)
codes_there, labels_there = known.values, known.labels
trained = known.of_split("train")
kinds = {"same class": True, "across classes": False}
pairs = {kind: draw_pairs(labels_there, np.array(train_bases), n_pairs, same, rng) for kind, same in kinds.items()}


def predict(points):
    """Class by a linear probe on embeddings of the mini zoo's training NeRFs."""
    front, ours = principal_components(codes_there[trained], [points])
    return linear_probe(front, labels_there[trained], ours)


walked = measure_walks(shipped, mini, pairs, codes_there[train_bases], np.array(train_bases), predict)
numbers = [{**row, "walk": f"{row['space']}, {row['way']}"} for row in walked]
table = over_repeats(numbers, ("kind", "walk"), "pairs", ("pair", "space", "way"))
for row in table:  # of a few yes and no Student's t would leave 0 to 1
    row["middle is an end ±"] = np.nan
measured_walks = table
measures = {
    "unevenness": "unevenness\n(1: even steps)", "solid": "solid in the middle\n(share of its opacity)",
    "opacity": "opacity in the middle\n(share of the ends')", "middle to real": "middle to nearest other\n(neighbours: 1)",
    "middle is an end": "middle classed\nas one of the ends",
}  # fmt: skip
figure = panels(table, "walk", measures, by="kind")
record.figure(
    "extra-walks", figure, f"{n_pairs} walks a kind: mean and 95 % interval over the pairs (right: share of pairs)."
)
record.table(
    "extra-interpolation", with_half_widths(table),
    f"Means over {n_pairs} random pairs a kind, ±: half width of the 95 % t-interval. Shipped nerf2vec, mini zoo.",
)  # fmt: skip

# %% [markdown]
# **Is the middle through embeddings more solid than the one through weights?** All walks join the same two objects, so the
# difference is taken pair by pair, and its interval is over the pairs. Against the straight mean of weights, which the thesis shows,
# and against its stronger rival, the way around (exercise 2).

# %%
for kind in kinds:
    solid = {
        (space, way): np.array(
            [row["solid"] for row in walked if (row["kind"], row["space"], row["way"]) == (kind, space, way)]
        )
        for space in SPACES
        for way in WAYS
    }
    embedded, averaged, kept_long = (
        solid[one] for one in (("embeddings", "linear"), ("raw weights", "linear"), ("raw weights", "spherical"))
    )
    for claim, gain in (
        ("The middle is more solid through embeddings than through weights, both straight", embedded - averaged),
        ("It is more solid through embeddings, straight, than around through weights", embedded - kept_long),
        ("Through weights the middle is more solid around than straight", kept_long - averaged),
    ):
        record.verdict("extra-interpolation", f"{claim} ({kind})", *mean_interval(gain), above=0, n=n_pairs)
    record.metric(f"solid embeddings {kind}", float(embedded.mean()))
    record.metric(f"solid weights {kind}", float(averaged.mean()))

# %% [markdown]
# *What to see:* compare intervals, not dots.
#
# <details><summary>The middle of the straight line is shorter than its ends (section 3 prints by how much). What does that do to a network?
# (Think first; click for an answer.)</summary>
# A network of four matrices with ReLU between, all its weights times $s$, answers $s^4$ times as much. With $s = .84$ that is half: an
# output of 6, a wall of density $e^5 = 148$, becomes 3, a mist of $e^2 = 7$. The way around keeps the length. So part of what looks like a ghost is only a lack of length; the verdicts say how large that part is here. That a solid middle is an
# *object* nobody has said yet: look at the pictures, and at the class.
# </details>
#
# And if a probe takes a middle for one of its ends: it has to answer something, and nobody
# promised that the middle of a car and an airplane exists.
#
# ## 5. Try it: any two objects, from any side
# Choose two objects and move the sliders: both ends turn too, and below stands the whole way through embeddings and through weights.
# The page `pages/interpolation.html` of the run folder holds a few objects pre-rendered and needs neither Python nor a network.

# %%
for name, frames in (("embeddings", through_embeddings), ("raw-weights", through_weights)):
    write_gif(frames + frames[-2:0:-1], run / "figures" / f"interpolation-{name}.gif")
offered = [
    mini.object_ids[some(name, 1)[0]] for name in (("chair", "car") if small else ("chair", "table", "car", "airplane"))
]
frames = {"n_gammas": 5, "n_azimuths": 4, "size_px": 64} if small else {"n_gammas": 9, "n_azimuths": 12, "size_px": 128}
write_interpolation_page(run / "pages" / "interpolation.html", shipped, mini, offered, **frames)
if interactive:
    from IPython.display import display

    from n2v.publish.demos.widgets import InterpolationDemo

    display(InterpolationDemo(shipped, known, mini, tuple(chair_pair)))

# %% [markdown]
# ### Real objects
# From one real model to another, through an embedding space that has seen neither; and turned.

# %%
ends = [real[int(np.flatnonzero(real.labels == CLASSES.index(name))[0])] for name in ("chair", "table")]
a, b = (np.asarray(shipped.embed(nerf)) for nerf in ends)
few, turns = (0.0, 0.25, 0.5, 0.75, 1.0), (-15, 75, 165)
places = [shipped.decode(between(a, b, gamma)) for gamma in few]
stills = [[one.render(turn, size_px=size_px) for one in (ends[0], *places, ends[1])] for turn in turns]
figure = sheet(
    stills, [f"turned\n{turn}°" for turn in turns], ["NeRF A", *(f"γ = {gamma:g}" for gamma in few), "NeRF B"]
)
record.figure(
    "extra-real-walk", figure, "From a real chair to a real table, decoded; the NeRFs themselves at both ends."
)

# %% [markdown]
# *What to see:* what is in between is one thing seen from three sides, not a blend of pictures: the decoder answers for positions,
# and never hears of a camera. *What to try:* put the slider in the middle and turn.
#
# ### Exercise 4 (an experiment)
# Where on the way does a walk change its class? Write the first $\gamma$ at which `predict` no longer says what it says of the
# start. Then try it: do walks from chair to table change half way?


# %% tags=["exercise"]
def crossing(points, gammas, predict):
    """First gamma whose class differs from that of points[0]; 1 when none does. points (g, d), gammas (g,)."""
    ### BEGIN SOLUTION
    # HINT: predict takes all points at once; np.flatnonzero has the places where the class is another
    classes = predict(points)
    other = np.flatnonzero(classes != classes[0])
    return gammas[other[0]] if len(other) else 1.0
    ### END SOLUTION


# %% tags=["check", "points:3"]
checks.check_crossing(crossing)
### BEGIN HIDDEN TESTS
line = np.linspace(0, 1, 11)
assert crossing(line[:, None], line, lambda x: np.zeros(len(x), int)) == 1
assert crossing(line[:, None], line, lambda x: (x[:, 0] > 0.55).astype(int)) == line[6]
### END HIDDEN TESTS

# %%
fine = np.linspace(0, 1, 41)
mine = checks.check_crossing.lend(crossing)
changes_at = [mine(lerp(codes_there[i], codes_there[j], fine), fine, predict) for i, j in pairs["across classes"]]
print("class changes at γ =", ", ".join(f"{gamma:.2f}" for gamma in changes_at))

# %% [markdown]
# *What to see:* half way is where the two ends are equally near; a probe need not draw its borders there, and a third class may lie
# on the way. How far from 0.5 are yours?
#
# ## 6. What interpolation owes to the shared start
# All NeRFs here began at one initial vector. The thesis names this as a limitation: NeRFs found in the wild did not. It
# never measures what is lost. Two ways to lose it: fit from a **random** vector each, or take a fitted NeRF and **renumber**
# its neurons, which changes no pixel (notebook 03). The second costs no fit, so the whole zoo can take part.
#
# And a remedy for the second: every neuron still resembles its own place in the initial vector. So compare all neurons of a layer
# with all places, and find the assignment that makes the sum of the likenesses largest (Hungarian method). Layer by layer, then
# again with outgoing weights until nothing moves.

# %%
zoo = Zoo(run / "zoo")
models = {name: load_model(run / f"nerf2vec-{name}") for name in ("best", "rows")}
codes = {name: Embeddings.load(run / f"embeddings-{name}.safetensors") for name in models}
labels, versions = codes["best"].labels, np.array(codes["best"].versions)
train_part = codes["best"].of_split("train")
bases = train_part[versions[train_part] == 0]
test_part = np.concatenate([codes["best"].of_split("test"), codes["best"].of_split("val")])
weights, grids = zoo.field_weights(), zoo.occupied()
strangers = renumbered(weights, seed)
back = matched(strangers)
print(f"{(back == weights).all(1).mean():.0%} of {len(zoo)} renumbered NeRFs have every weight back, bit for bit")
record.metric("restored_bit_for_bit", float((back == weights).all(1).mean()))


@torch.no_grad()
def embed(model, values):
    """Embeddings of (n, 18432) weights."""
    return torch.cat([model.encode(torch.from_numpy(part)) for part in np.array_split(values, 16)]).numpy()


# %% [markdown]
# An encoder trained on renumbered NeRFs might learn to live with it. The thesis's own, a maximum over rows, hardly cares where a
# *row* stands; but renumbering also shuffles *columns*. It is trained for a few steps on both, equally many:

# %%
brief = replace(size.training(seed), time_budget_s=None, n_steps=30 if small else 120)
with tempfile.TemporaryDirectory() as folder:
    shuffled = changed_zoo(zoo, Path(folder) / "renumbered", lambda values: renumbered(values, seed))
    encoders = {
        name: train(source, brief, size.models["rows"], Path(folder) / f"run {i}")
        for i, (name, source) in enumerate({"shared": zoo, "renumbered": shuffled}.items())
    }
one = np.stack([order_free_description(values) for values in weights])
features = {
    ("shared start", "raw weights"): weights,
    ("renumbered", "raw weights"): strangers,
    ("renumbered, matched to the initial vector", "raw weights"): back,
    ("renumbered, matched to one NeRF", "raw weights"): matched(strangers, weights[bases[0]]),
    ("shared or renumbered", "order-free description"): one,
    ("shared or renumbered", "values of the field"): field_values(weights, grids, zoo.rows[0].encoding),
    ("shared start", "embedding, best"): codes["best"].values,
    ("renumbered", "embedding, best"): embed(models["best"], strangers),
    ("renumbered, matched to the initial vector", "embedding, best"): embed(models["best"], back),
    ("shared start", "embedding, rows, trained briefly on these"): embed(encoders["shared"], weights),
    ("renumbered", "embedding, rows, trained briefly on these"): embed(encoders["renumbered"], strangers),
}
flat = {key: principal_components(values[train_part], [values])[1] for key, values in features.items()}
read = read_all(flat, labels, codes["best"].base_ids, (train_part, test_part), head=None)
columns = (PROBE, HIT, "versions found")
table = [{"start": row["features"][0], **row, "features": row["features"][1]} for row in with_intervals(read, columns)]
hit = {row["features"]: row["value"] for row in read if row["measure"] == HIT}
record.table(
    "extra-initial-vector-tasks", table,
    f"{len(test_part)} held-out NeRFs of the zoo: class by linear probe and by the nearest of {len(train_part)} training NeRFs (hit@1), "
    "versions found among all; on at most 64 principal components of the training NeRFs (neighbours by all 18,432 numbers: "
    "notebook 08). In brackets: 95 % interval by object. One seed.",
)  # fmt: skip
names = {"shared start": "shared", "renumbered": "renumbered", "renumbered, matched to the initial vector": "matched"}
for start, name in names.items():
    record.metric(f"nn_raw_{name}", hit[start, "raw weights"])
record.metric("nn_order_free", hit["shared or renumbered", "order-free description"])
lost = next(row for row in read if (row["features"], row["measure"]) == (("renumbered", "raw weights"), HIT))
claim = "Renumbering costs the nearest neighbour by raw weights hits"
found = (lost["lead"], lost["lead_low"], lost["lead_high"])
record.verdict("extra-initial-vector-tasks", claim, *found, above=0, n=lost["n_objects"])
for remedy in ("matched to the initial vector", "matched to one NeRF"):
    regained = hit[f"renumbered, {remedy}", "raw weights"] - hit["renumbered", "raw weights"]
    print(f"{remedy}: {regained / max(lost['lead'], 1e-9):.0%} of the lost hits come back")
moved = np.abs(features["renumbered", "embedding, best"] - features["shared start", "embedding, best"]).max()
print(f"largest change of a number of a 'best' embedding when neurons are renumbered: {moved:.1g}")

# %% [markdown]
# *What to see:* what renumbering takes from raw weights, and how much of it each remedy brings back (printed). Matching to one NeRF of
# the collection can help because that one remembers the start as well. A description in which the order does not occur needs no
# remedy; nor do values of the field, nor *best*, which asks the NeRF instead of reading its weights (notebook 04). They have to look at
# the object for that. The thesis's encoder, trained on renumbered NeRFs from the beginning: compare its two rows with chance, 1 in 13.
#
# ### Exercise 5 (a function)
# The heart of the remedy, for one layer. `rows` (n, d) are neurons in an unknown order, `reference` (n, d) in the right one. Return
# for each place the row that belongs there, every row once. `scipy.optimize.linear_sum_assignment` does the assigning.


# %% tags=["exercise"]
def same_neurons(rows, reference):
    """order (n,) so that rows[order] resembles reference most, by the sum of the rows' inner products."""
    ### BEGIN SOLUTION
    # HINT: reference @ rows.T has the inner product of every place with every row; the assignment shall maximise
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(reference @ rows.T, maximize=True)[1]
    ### END SOLUTION


# %% tags=["check", "points:2"]
checks.check_same_neurons(same_neurons)
### BEGIN HIDDEN TESTS
corner, turned = np.eye(6), np.random.default_rng(4).permutation(6)
assert np.array_equal(corner[turned][same_neurons(corner[turned], corner)], corner)
### END HIDDEN TESTS

# %% [markdown]
# ### Random starts
# A NeRF from a start of its own has no place to go back to. Its neurons can still be matched to those of some *other* NeRF, as
# similar as they get. A few base objects, fitted here twice with the same recipe:

# %%
n_each, n_steps = 3, (40 if small else 100)
folders = spread([folder for folder in find_views(run / "views") if "_A" not in folder.name], 13 * n_each)
sets = [read_views(folder) for folder in folders]
truth = np.array([CLASSES.index(views.class_name) for views in sets])
known = {zoo.object_ids[i] for i in train_part}
n_known = sum(views.object_id in known for views in sets)
quick = replace(size.fit, n_steps=n_steps)
recipes = [quick] * len(sets) + [replace(quick, init_seed=FIRST_START + i) for i in range(len(sets))]
results = fit_apart(sets * 2, recipes)
shared, own = results[: len(sets)], results[len(sets) :]
fitted = {name: np.stack([one.field_weights for one in fits]) for name, fits in (("shared", shared), ("random", own))}
occupied = {name: np.stack([one.occupied for one in fits]) for name, fits in (("shared", shared), ("random", own))}
psnr_db = {name: np.mean([one.psnr_db for one in fits]) for name, fits in (("shared", shared), ("random", own))}

# %%
few = {
    ("shared", "raw weights"): fitted["shared"],
    ("random", "raw weights"): fitted["random"],
    ("random, matched to one of them", "raw weights"): matched(fitted["random"], fitted["random"][0]),
    ("random, matched to one shared NeRF", "raw weights"): matched(fitted["random"], fitted["shared"][0]),
}
for name, values in fitted.items():
    few[name, "order-free description"] = np.stack([order_free_description(one) for one in values])
    few[name, "values of the field"] = field_values(values, occupied[name], quick.encoding)
    few[name, "embedding, best"] = embed(models["best"], values)
read = read_all(few, truth, [views.base_id for views in sets], head=None)
table = [
    {"start": row["features"][0], **row, "features": row["features"][1]} for row in with_intervals(read, (PROBE, HIT))
]
table = [{**row, "psnr_db": float(psnr_db[row["start"].split(",")[0]])} for row in table]
of_few = {row["features"]: row["value"] for row in read if row["measure"] == HIT}
record.table(
    "extra-random-starts", table,
    f"The same {len(sets)} objects from one start and from one start each ({n_steps} steps): class of the nearest object "
    f"of the other folds (hit@1), and by linear probe, over five folds. One seed; ci/initial_vector.py runs it larger. {n_known} of the objects were in the encoder's "
    "training, longer fitted: its row on the shared start flatters it.",
)  # fmt: skip
for start in ("shared", "random"):
    record.metric(f"few_nn_raw_{start}", of_few[start, "raw weights"])

# %% [markdown]
# ### The walk itself
# Two chairs again, fitted longer for this, through raw weights: from one start; the second renumbered; the same, matched back; and both
# from random starts, as they are and with the second matched to the first.

# %%
proper, two = (
    replace(size.fit, n_steps=max(500, size.fit.n_steps)),
    [one for one in sets if one.class_name == "chair"][-2:],
)
results = fit_apart(two * 2, [proper] * 2 + [replace(proper, init_seed=FIRST_START + i) for i in range(2)])
fitted = {
    name: np.stack([one.field_weights for one in results[at]])
    for name, at in (("shared", slice(2)), ("random", slice(2, 4)))
}
occupied = {
    name: np.stack([one.occupied for one in results[at]])
    for name, at in (("shared", slice(2)), ("random", slice(2, 4)))
}
first, second = 0, 1
other = renumbered(fitted["shared"][second : second + 1], seed)
ends = {
    "shared start": ("shared", fitted["shared"][second]),
    "B renumbered": ("shared", other[0]),
    "B matched back\nto the start": ("shared", matched(other, initial_vector())[0]),
    "random starts": ("random", fitted["random"][second]),
    "random, B matched\nto A": ("random", matched(fitted["random"][second : second + 1], fitted["random"][first])[0]),
}
stops, rows, table = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0), [], []
for name, (kind, last) in ends.items():
    union = occupied[kind][first] | occupied[kind][second]
    way = lerp(fitted[kind][first], last, stops)
    frames = torch.stack([weights_field(one, union, quick.encoding).image(size_px=64) for one in way])
    rows.append(list(frames.numpy()))
    solid, opacity = solidity(frames), frames[..., 3].mean((1, 2))
    table.append({"way": name.replace("\n", " "), "solid": float(solid[3]), "solid ends": float(solid[[0, -1]].mean()),
                  "opacity": float(opacity[3] / opacity[[0, -1]].mean()),
                  "unevenness": 6 * smoothness(frames[..., :3])["worst_share"]})  # fmt: skip
titles_few = ["A", *(f"γ = {gamma:g}" for gamma in stops[1:-1]), "B"]
again = np.array_equal(ends["B matched back\nto the start"][1], fitted["shared"][second])
print(
    f"renumbered and matched back, B is {'the same vector again, bit for bit' if again else 'another vector than before'}"
)
caption = f"Raw weights between two chairs ({proper.n_steps:,} steps); both ends show the same objects in every row."
record.figure("extra-start-walks", sheet(rows, list(ends), titles_few), caption)
record.table(
    "extra-start-walks",
    table,
    "Solid in the middle and at the ends, opacity of the middle relative to the ends; one pair.",
)

# %% [markdown]
# *What to see:* where the middle has no opacity (table), nothing of either chair is left. Order is all that renumbering takes, so order
# brings the whole walk back. Between two random starts a matching finds the most similar neurons that there are; whether that is
# enough, the last two rows show.
#
# ## Result

# %%
cards = [
    {"card": "10 · pairs", "thesis says": "two random NeRFs", "code does": "two of one class",
     "we measured": f"{n_pairs} pairs of one class and {n_pairs} across classes"},
    {"card": "quality", "thesis says": "smooth", "code does": "pictures",
     "we measured": "solid in the middle: " + "; ".join(f"{row['kind']}, {row['walk']} {row['solid']:.2f}" for row in measured_walks)},
    {"card": "16 · shared start", "thesis says": "needed, never tested", "code does": "one vector for all",
     "we measured": f"hit@1 of raw weights {hit['shared start', 'raw weights']:.2f}, renumbered {hit['renumbered', 'raw weights']:.2f}; "
     f"of 'best' {hit['shared start', 'embedding, best']:.2f} and {hit['renumbered', 'embedding, best']:.2f}"},
    {"card": "remedy", "thesis says": "-", "code does": "-",
     "we measured": f"renumbered and matched to the initial vector: {(back == weights).all(1).mean():.0%} of NeRFs restored bit for bit; random "
     f"starts, matched: opacity {table[-1]['opacity']:.2f} in the middle (shared start: {table[0]['opacity']:.2f})"},
]  # fmt: skip
record.table("extra-card-interpolation", cards, "Thesis, code and this run: between two objects.")

# %% [markdown]
# **You learned** that a straight line means different things in different spaces; that a middle can be even, solid and still
# nothing; and that a shared start is an order of neurons, which can be lost and, if nothing else was lost, found again.
#
# **Further reading** Entezari et al. 2022 and Ainsworth et al. 2023 (Git Re-Basin) on averaging networks up to the order of their
# neurons; White 2016 on walking around instead of straight.
