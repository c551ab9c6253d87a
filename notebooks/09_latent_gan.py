# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   n2v:
#     makes: []
#     minutes:
#       laptop: 6
#       smoke: 1
#     needs:
#     - nerf2vec
#     - embeddings
# ---

# %% [markdown]
# # 09 · New objects from noise
# **You will** train a generative adversarial network on embeddings, and a rival from a later decade, flow matching; decode what
# they invent; and judge both without looking.
#
# **You need** notebook 04. **Time** smoke 1 min, laptop 6 min on two cores.
#
# **Afterwards you can** tell a good generator from one that copies and from one that collapsed, and say which measure is blind
# to what.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from n2v import profiles
from n2v.embed.embeddings import Embeddings
from n2v.embed.model import load_model
from n2v.lessons import generation as checks
from n2v.lessons.drawing.diagrams import DATA_COLOUR, flow, layer_boxes
from n2v.lessons.drawing.pictures import sheet
from n2v.lessons.drawing.style import apply_style
from n2v.lessons.generation import measure_figure
from n2v.publish.record import Recorder
from n2v.scenes.classes import CLASSES
from n2v.seeds import child_seed, seed_everything
from n2v.tasks.bars import principal_components
from n2v.tasks.generate import FlowConfig, GanConfig, train_flow, train_latent_gan
from n2v.tasks.generation_measures import (
    class_verdicts,
    coverage,
    frechet_distance,
    judge,
    novelty,
    one_nna,
    picture_features,
)
from n2v.tasks.interpolate import decoded_pictures
from n2v.tasks.metrics import over_repeats
from n2v.tasks.read import linear_probe
from n2v.tasks.retrieve import distances

size, run = profiles.get(profile), Path(out_dir)
small = profile == "smoke"
record = Recorder(run, "09")
seed_everything(seed)
apply_style()
embeddings, model = Embeddings.load(run / "embeddings-best.safetensors"), load_model(run / "nerf2vec-best")
values, labels = np.array(embeddings.values), np.array(embeddings.labels)
is_train, is_base = np.array(embeddings.splits) == "train", np.array(embeddings.versions) == 0
train, train_labels = values[is_train], labels[is_train]
bases, base_labels = values[is_train & is_base], labels[is_train & is_base]  # one version of each training object
held_out, held_out_labels = values[~is_train & is_base], labels[~is_train & is_base]
present = np.unique(held_out_labels)
n_each = int(np.bincount(held_out_labels)[present].min())  # samples a class: as many as there are held-out objects
wanted = np.repeat(present, n_each)
seeds = size.seeds if not small else (seed,)
seconds = 2.0 if small else 10.0  # of training, for each method and seed
print(f"{len(train)} training embeddings of {len(bases)} objects, {len(held_out)} held-out objects, {n_each} a class")

# %% [markdown]
# ## 1. The Latent-GAN (Fig 4.6)
# Generator and critic have two fully connected layers each. The critic scores embeddings, real ones high and made ones low; the
# generator wants its own scored high. It is a Wasserstein GAN with a gradient penalty, as in the latent GAN of Achlioptas et
# al.: the scores' gradient must have length one, so that they say *how far* a sample is from real.

# %%
chairs = train[train_labels == CLASSES.index("chair")]
config = GanConfig(n_steps=size.gan_steps)
gan = train_latent_gan(chairs, replace(config, n_steps=20), seed)  # to draw it
boxes = [(f"noise\n{config.noise}", DATA_COLOUR), *layer_boxes(gan.generator), ("embedding", DATA_COLOUR),
         ("critic:\nreal or made?", "#ffe0a3")]  # fmt: skip
record.figure(
    "fig-4.6", flow(boxes, "Latent-GAN"), "Noise to embedding; the frozen decoder turns embeddings into objects."
)

# %% [markdown]
# ### Exercise 1 (one line)
# Write the gradient penalty: the mean over the samples of (length of the gradient - 1)².


# %% tags=["exercise"]
def penalty(gradients):
    """Gradient penalty of a batch; gradients (n, d), one row a sample."""
    ### BEGIN SOLUTION
    return ((gradients.norm(dim=1) - 1) ** 2).mean()
    ### END SOLUTION


# %% tags=["check"]
checks.check_penalty(penalty)
### BEGIN HIDDEN TESTS
assert abs(float(penalty(torch.tensor([[0.0, 2.0]]))) - 1) < 1e-6
assert abs(float(penalty(torch.eye(3)))) < 1e-6
### END HIDDEN TESTS

# %% [markdown]
# ## 2. A rival: flow matching
# No game, no critic. Draw noise $x_0$, an embedding $x_1$ and a time $t$; stand at $x_t = (1 - t)\,x_0 + t\,x_1$ and learn to
# predict the velocity $x_1 - x_0$ by plain least squares. Many ways cross at one place; the network learns their mean, and following
# that mean from $t = 0$ to $1$ carries noise to the distribution of the embeddings.
#
# ### Exercise 2 (two lines)
# Write what the network is shown and what it is to predict.


# %% tags=["exercise"]
def pair(noise, real, t):
    """Point on the straight way at time t, and its velocity. Shapes: noise, real (n, d), t (n, 1)."""
    ### BEGIN SOLUTION
    return (1 - t) * noise + t * real, real - noise
    ### END SOLUTION


# %% tags=["check", "points:2"]
checks.check_pair(pair)
### BEGIN HIDDEN TESTS
place, speed = pair(torch.zeros(1, 2), torch.tensor([[4.0, 8.0]]), torch.tensor([[0.75]]))
assert place.tolist() == [[3, 6]] and speed.tolist() == [[4, 8]]
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 3 (a function)
# Follow a velocity from $t = 0$ to $1$ in equal steps (Euler's method).


# %% tags=["exercise"]
def euler(velocity, start, n_steps):
    """Last point; velocity(points, t) gives (n, d) for points (n, d) and a number t."""
    ### BEGIN SOLUTION
    points = start
    for i in range(n_steps):
        points = points + velocity(points, i / n_steps) / n_steps
    return points
    ### END SOLUTION


# %% tags=["check", "points:2"]
checks.check_euler(euler)
### BEGIN HIDDEN TESTS
assert abs(float(euler(lambda x, t: torch.ones_like(x), torch.zeros(1, 1), 7)) - 1) < 1e-6
assert abs(float(euler(lambda x, t: x, torch.ones(1, 1), 100)) - 1.01**100) < 1e-3
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Three generators, equal seconds
# One GAN a class, as in the thesis; one GAN for all, told the class; flow matching, told the class. Each gets the same
# training time in all, so a GAN a class gets a thirteenth of it.


# %%
def sample_all(make, n_a_class):
    """Embeddings and labels of n samples of each class."""
    asked = np.repeat(present, n_a_class)
    return make(asked), asked


def gan_a_class(one):
    """A GAN for each class."""
    share = replace(config, time_budget_s=seconds / len(present))
    gans = {label: train_latent_gan(train[train_labels == label], share, one) for label in present}
    steps.append(np.mean([gan.n_steps for gan in gans.values()]))
    return lambda asked: np.concatenate([gans[label].sample((asked == label).sum(), one) for label in present])


def gan_for_all(one):
    """One GAN that is told the class."""
    gan = train_latent_gan(train, replace(config, time_budget_s=seconds), one, train_labels)
    steps.append(gan.n_steps)
    return lambda asked: gan.sample(len(asked), one, asked)


def flow_for_all(one):
    """Flow matching that is told the class."""
    rival = train_flow(train, FlowConfig(time_budget_s=seconds), one, train_labels)
    steps.append(rival.n_steps)
    return lambda asked: rival.sample(len(asked), one, asked)


methods = {"GAN, one a class": gan_a_class, "GAN, told the class": gan_for_all, "flow, told the class": flow_for_all}
steps, makers = [], {}
for name, method in methods.items():
    for one in seeds:
        makers[name, one] = method(child_seed(seed, one) % 2**31)
print(dict(zip(makers, map(round, steps), strict=True)), "training steps")

# %% [markdown]
# ## 4. One GAN a class (Fig 4.7)

# %%
rows = []
for label in present:
    row, mine = [], train[train_labels == label]
    for name in ("GAN, one a class", "flow, told the class"):
        made, asked = sample_all(makers[name, seeds[0]], 2)
        made = made[asked == label]
        row += [*made, *mine[distances(made, mine).argmin(1)]]
    rows.append(list(decoded_pictures(model, row, 40 if small else 64, 24)))
columns = ["GAN", "GAN", "nearest\nreal", "nearest\nreal", "flow", "flow", "nearest\nreal", "nearest\nreal"]
figure = sheet(rows, [CLASSES[label] for label in present], columns)
caption = "Two samples a class of each kind, decoded, and beside them the nearest training embedding of each."
record.figure("fig-4.7", figure, caption)

# %% [markdown]
# *What to see:* compare each sample with the real object two columns to the right. If they are equal everywhere, the generator has
# learned to copy. The thesis finds its samples diverse and detailed; a copier's would be more so.
#
# ## 5. Good, complete, new
# No single measure will do:
#
# | measure | asks | best | fooled by |
# |---|---|---|---|
# | minimum matching distance | is something like each held-out object made? | low | many useless samples beside |
# | coverage | how many training objects are the nearest one of some sample? | high | copies |
# | 1-NNA | can the nearest neighbour tell made from real? | 0.5; copies are below | crowded middles in many dimensions |
# | Fréchet distance | do mean and covariance agree? | low | anything beyond mean and covariance |
# | novelty | how near is a training object, held-out ones being 1? | about 1 | noise is "new" too |
#
# All take equally many samples as there are held-out objects: these, *real and never trained on*, are the yardstick's row. Every
# measure is taken on embeddings, and on **pictures** too: mean colour and opacity of 8 x 8 tiles of a decoded view, in the principal
# components of the training objects' pictures. (A fixed description; an FID would need a network trained on photographs.)
#
# ### Exercise 4 (two lines)
# Write coverage: the share of real embeddings that are the nearest one of some sample.


# %% tags=["exercise"]
def my_coverage(made, real):
    """Share (0 to 1); made (m, d), real (n, d)."""
    ### BEGIN SOLUTION
    squared = ((made[:, None] - real[None]) ** 2).sum(-1)
    return len(set(squared.argmin(1).tolist())) / len(real)
    ### END SOLUTION


# %% tags=["check", "points:2"]
checks.check_coverage(my_coverage)
### BEGIN HIDDEN TESTS
assert my_coverage(train[:9], train[:9]) == 1
assert my_coverage(np.repeat(train[:1], 9, 0), train[:9]) == coverage(np.repeat(train[:1], 9, 0), train[:9]) == 1 / 9
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 5 (a function)
# Is a set of samples new? A sample is a copy when its nearest training embedding is nearer than a tenth of what is usual for objects
# never trained on: the median over `held_out` of *their* distance to the nearest training embedding.


# %% tags=["exercise"]
def my_copies(made, train, held_out):
    """Share (0 to 1) of samples that are nearly a training embedding."""

    ### BEGIN SOLUTION
    def nearest(points):
        return np.sqrt(((points[:, None] - train[None]) ** 2).sum(-1)).min(1)

    return float((nearest(made) < 0.1 * np.median(nearest(held_out))).mean())
    ### END SOLUTION


# %% tags=["check", "points:2"]
checks.check_copies(my_copies)
### BEGIN HIDDEN TESTS
assert my_copies(train[:20], train, held_out) == 1 and my_copies(held_out, train, held_out) == 0
### END HIDDEN TESTS

# %% [markdown]
# ### Everybody measured, cheats too
# A **copier** hands out training objects. A **collapsed** generator makes one object a class. **Shuffled coordinates** take every
# number from a real embedding, but each from another one: right margins, no object. A measure is worth something if it
# catches at least one of them.

# %%
rng = np.random.default_rng(child_seed(seed, "cheats"))
of_class = {label: np.flatnonzero(base_labels == label) for label in present}
n_more = int(np.bincount(base_labels)[present].min())  # samples a class where nothing is rendered
cheats = {
    "cheat: copies": lambda asked: bases[[rng.choice(of_class[label]) for label in asked]],
    "cheat: one object a class": lambda asked: np.float32(
        [bases[of_class[label][0]] + 1e-3 * rng.normal(size=bases.shape[1]) for label in asked]
    ),
    "cheat: shuffled coordinates": lambda asked: np.stack(
        [rng.choice(column, len(asked)) for column in bases.T], 1
    ).astype(np.float32),
}


def seen(points):
    """Features of the decoded pictures."""
    return picture_features(decoded_pictures(model, points, *((24, 16) if small else (32, 24)))).astype(np.float32)


raw_seen = seen(bases)
sets = {("real, held out (yardstick)", seed): held_out}
for (name, one), make in [*makers.items(), *(((name, seed), make) for name, make in cheats.items())]:
    sets[name, one] = sample_all(make, n_each)[0]
seen_by = {
    key: principal_components(raw_seen, [seen(points)], 32)[1].astype(np.float32) for key, points in sets.items()
}
train_seen = principal_components(raw_seen, [raw_seen], 32)[1].astype(np.float32)
stacked = principal_components(train, [np.concatenate([*sets.values()])])
guessed = linear_probe(stacked[0], train_labels, stacked[1])

# %%
rows, start = [], 0
for (name, one), points in sets.items():
    asked = held_out_labels if "yardstick" in name else wanted
    right = float((guessed[start : start + len(points)] == asked).mean())
    start += len(points)
    numbers, by_picture = judge(points, bases, held_out), seen_by[name, one]
    numbers.pop("verdict")
    if "yardstick" in name:
        verdicts = {"collapsed": None, "copies": None}  # too few a class to judge them one by one
        numbers["mmd"] = None  # of held-out objects to themselves
    else:
        more, asked = sample_all(makers.get((name, one)) or cheats[name], n_more)
        verdicts = class_verdicts(more, asked, train, train_labels, held_out, held_out_labels)
    rows.append({"generator": name, **numbers, "coverage on pictures": coverage(by_picture, train_seen),
                 "one_nna on pictures": one_nna(by_picture, train_seen),
                 "frechet on pictures": frechet_distance(by_picture, train_seen), "class as asked": right,
                 "classes collapsed": verdicts["collapsed"], "classes copied": verdicts["copies"]})  # fmt: skip
table = over_repeats(rows, ("generator",))
by_name = {row["generator"]: row for row in table}
record.table(
    "extra-generation", table,
    f"{len(wanted)} samples, {n_each} a class, against {len(bases)} training objects; ±: half width of the 95 % t-interval over "
    f"seeds. {seconds:g} s of training each. mmd and the unit of novelty: {len(held_out)} held-out objects.",
)  # fmt: skip
for name in methods:
    for key in ("coverage", "one_nna", "novelty_ratio", "frechet_on_embeddings", "frechet on pictures"):
        record.metric(f"{key} {name}", by_name[name][key])
    if by_name[name]["classes collapsed"] >= 1:
        print(f"COLLAPSED: {name}, {by_name[name]['classes collapsed']:.1f} of {len(present)} classes")
{row["generator"]: {key: round(row[key], 2) for key in ("coverage", "one_nna", "novelty_ratio")} for row in table}

# %% [markdown]
# Which measure catches which cheat? Caught means: worse than the real, held-out objects; for 1-NNA also clearly below one half.

# %%
yardstick = by_name["real, held out (yardstick)"]
worse = {
    "coverage": lambda row: row["coverage"] < yardstick["coverage"],
    "1-NNA": lambda row: row["one_nna"] > yardstick["one_nna"] or row["one_nna"] < 0.45,
    "1-NNA, pictures": lambda row: (
        row["one_nna on pictures"] > yardstick["one_nna on pictures"] or row["one_nna on pictures"] < 0.45
    ),
    "Fréchet": lambda row: row["frechet_on_embeddings"] > yardstick["frechet_on_embeddings"],
    "Fréchet, pictures": lambda row: row["frechet on pictures"] > yardstick["frechet on pictures"],
    "novelty": lambda row: row["copies"] > 0.5,
    "class by class": lambda row: row["classes collapsed"] + row["classes copied"] > len(present) / 2,
}
table_of_cheats = [
    {"cheat": name, **{measure: "caught" if caught(by_name[name]) else "" for measure, caught in worse.items()}}
    for name in cheats
]
assert table_of_cheats[0]["novelty"] == "caught", "a copier must be caught by novelty"
assert by_name["cheat: one object a class"]["coverage"] <= len(present) / len(bases) + 1e-9, (
    "one object a class, no more"
)
assert table_of_cheats[1]["class by class"] == "caught", "a collapse must be caught where classes are looked at alone"
record.table(
    "extra-cheats", table_of_cheats, "Which measure catches which cheat, the held-out objects being the limit."
)

# %%
measures = {
    "coverage": "coverage\n(higher is better)", "one_nna": "1-NNA, embeddings\n(0.5 is best)",
    "one_nna on pictures": "1-NNA, pictures\n(0.5 is best)", "frechet_on_embeddings": "Fréchet, embeddings\n(lower is better)",
    "frechet on pictures": "Fréchet, pictures\n(lower is better)", "novelty_ratio": "novelty\n(real: 1, copies: 0)",
}  # fmt: skip
caption = "Generators, yardstick and cheats by six measures; mean and 95 % interval over seeds where there are several."
record.figure("extra-generation", measure_figure(table, measures), caption)

# %% [markdown]
# *What to see:* first the yardstick. Held-out objects themselves do not score perfectly, because an encoder knows its training
# objects better than others; no generator can be expected to beat them honestly. Then the cheats: the copier wins where quality is
# asked and loses novelty, and its 1-NNA falls below one half; the collapsed one loses coverage; and shuffled coordinates are new and
# varied, so only measures that look at how coordinates go together can mind. Does any one column catch all three, and would it with a
# fourth cheat? Only then look at the generators.
#
# ## 6. What the final ReLU breaks
# The authors' generator ends in a ReLU: no coordinate it makes is ever negative. Half of an embedding's are. A switch, the same seconds:

# %%
mine = base_labels == CLASSES.index("chair")
ours = held_out[held_out_labels == CLASSES.index("chair")]
rows = []
for name, relu in (("linear output", False), ("final ReLU (authors' code)", True)):
    for one in seeds:
        recipe = replace(config, final_relu=relu, time_budget_s=seconds / 4)
        made = train_latent_gan(chairs, recipe, one).sample(len(chairs), one)
        numbers = judge(made, chairs, ours)
        numbers.pop("verdict")
        rows.append({"generator": name, "negative, real": float((chairs < 0).mean()),
                     "negative, made": float((made < 0).mean()), **numbers})  # fmt: skip
table = over_repeats(rows, ("generator",))
record.table("extra-final-relu", table, f"Chairs, {len(seeds)} seed(s). Share of negative numbers, and the measures.")
record.metric("frechet_final_relu", table[1]["frechet_on_embeddings"])
record.metric("frechet_linear", table[0]["frechet_on_embeddings"])
assert table[1]["negative, made"] == 0
print(f"a ReLU makes {table[1]['negative, made']:.0%} negative numbers; real embeddings have {(chairs < 0).mean():.0%}")

# %% [markdown]
# ## 7. Learning by heart
# With few embeddings and many steps flow matching can do what no measure of quality minds: learn them by heart.
#
# ### Exercise 6 (an experiment)
# Train a flow (`train_flow`, config `plenty`, seed 0) on the first `n_nerfs` of `chairs` only and return the share of copies (`novelty`,
# compared with those, held-out chairs as the unit) among 64 samples (seed 0). Then try twice as many, and all of them. (Versions of a
# chair follow each other in `chairs`: four NeRFs are two objects or fewer.)

# %%
plenty = FlowConfig(hidden=128, n_steps=400 if small else 1000)


# %% tags=["exercise"]
def by_heart(n_nerfs):
    """Share of copies among 64 samples of a flow that saw only the first n_nerfs of chairs."""
    ### BEGIN SOLUTION
    known = chairs[:n_nerfs]
    return novelty(train_flow(known, plenty, 0).sample(64, 0), known, ours)["copies"]
    ### END SOLUTION


# %% tags=["check", "points:3"]
checks.check_by_heart(by_heart, chairs, ours, plenty)
### BEGIN HIDDEN TESTS
few = chairs[: min(8, len(chairs))]
copied = novelty(train_flow(few, plenty, 0).sample(64, 0), few, ours)["copies"]
assert abs(by_heart(8) - copied) < 0.15, "n_nerfs decides how many chairs are seen"
### END HIDDEN TESTS

# %% [markdown]
# ## Result
# | | thesis says | code does | we measured |
# |---|---|---|---|
# | quality (14) | samples look credible | | matching distance, coverage, 1-NNA, Fréchet distance, on embeddings and on pictures: `extra-generation` |
# | novelty (14) | | | nearest training object beside each sample, ratio and share of copies |
# | output (14) | | final ReLU | linear; the ReLU's damage: `extra-final-relu` |
# | one GAN a class | as the thesis | | beside one for all, and flow matching, at equal training time |
# | one run (13) | one | one | the seeds of this profile, with intervals |
#
# **You learned** that a generator needs three questions: is it good, is it all, is it new? And that a yardstick of real objects and a
# cheat for each measure belong in the table.
#
# **Further reading** Achlioptas et al. 2018 (latent GAN), Gulrajani et al. 2017 (gradient penalty), Lipman et al. 2023 (flow
# matching), Yang et al. 2019 (1-NNA for shapes), Xu et al. 2018 on evaluating GANs.
