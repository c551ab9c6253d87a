# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   n2v: {needs: [nerf2vec, embeddings], makes: [], minutes: {smoke: 1, laptop: 4}}
# ---

# %% [markdown]
# # 09 · New objects from noise
# **You will** train a small generative adversarial network on embeddings, one a class, and decode what it invents.
#
# **You need** notebook 04. **Time** smoke 1 min, laptop 4 min on two cores.
#
# **Afterwards you can** tell a good generator from one that copies and from one that collapsed, without looking.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
from dataclasses import replace
from pathlib import Path

import numpy as np

from n2v import profiles
from n2v.embed.embeddings import Embeddings
from n2v.embed.model import load_model
from n2v.scenes.classes import CLASSES
from n2v.seeds import seed_everything
from n2v.show.diagrams import DATA_COLOUR, flow, layer_boxes
from n2v.show.journeys import decoded_pictures
from n2v.show.pictures import sheet
from n2v.show.record import Recorder
from n2v.show.style import apply_style
from n2v.tasks.generate import GanConfig, coverage, judge, novelty, train_latent_gan
from n2v.tasks.retrieve import distances

size, run = profiles.get(profile), Path(out_dir)
record = Recorder(run, "09")
seed_everything(seed)
apply_style()
embeddings, model = Embeddings.load(run / "embeddings-aligned.safetensors"), load_model(run / "nerf2vec-aligned")
is_train = np.array(embeddings.splits) == "train"
config = GanConfig(n_steps=size.gan_steps)


def of_class(name):
    """Training and held-out embeddings of a class."""
    mine = embeddings.labels == CLASSES.index(name)
    return embeddings.values[mine & is_train], embeddings.values[mine & ~is_train]


# %% [markdown]
# ## 1. The network (Fig 4.6)
# Generator and discriminator have two fully connected layers each. It is a Wasserstein GAN with a gradient penalty, as
# in the latent GAN of Achlioptas et al. The authors' generator ends in a ReLU, so that no coordinate of an embedding
# can be negative; ours ends in a linear layer, with the ReLU as a switch.

# %%
train, held_out = of_class("chair")
gan = train_latent_gan(train, config, seed)
boxes = [(f"noise\n{config.noise}", DATA_COLOUR), *layer_boxes(gan.generator), ("embedding", DATA_COLOUR),
         ("discriminator:\nreal or made?", "#ffe0a3")]  # fmt: skip
record.figure(
    "fig-4.6", flow(boxes, "Latent-GAN"), "Noise to embedding; the frozen decoder turns embeddings into objects."
)

# %% [markdown]
# ## 2. One GAN a class (Fig 4.7)

# %%
rows, pictures = [], []
for name in CLASSES:
    train, held_out = of_class(name)
    gan = train_latent_gan(train, config, seed)
    made = gan.sample(len(train), seed)
    rows.append({"class": name, "n_train": len(train), **judge(made, train, held_out)})
    shown = made[:3]
    nearest = train[distances(shown, train).argmin(1)]
    pictures.append(np.concatenate([decoded_pictures(model, shown), decoded_pictures(model, nearest)]))
columns = ["made", "made", "made", "nearest\nreal", "nearest\nreal", "nearest\nreal"]
figure = sheet([list(row) for row in pictures], list(CLASSES), columns)
record.figure(
    "fig-4.7", figure, "Three samples a class, decoded, and beside them the nearest training embedding of each."
)
record.table("fig-4.7", rows, "one_nna: 0.5 is best, 1 worst. novelty_ratio: about 1 is new, 0 a copy. One seed.")
for key in ("coverage", "one_nna", "novelty_ratio"):
    record.metric(key, float(np.mean([row[key] for row in rows])))

# %% [markdown]
# *What to see:* compare each sample with the real object three columns to the right. If they are equal everywhere, the
# GAN has learned to copy.
#
# ## 3. What the final ReLU breaks

# %%
train, held_out = of_class("chair")
table = []
for name, relu in (("linear output", False), ("final ReLU (authors' code)", True)):
    made = train_latent_gan(train, replace(config, final_relu=relu), seed).sample(len(train), seed)
    share = float((train < 0).mean())
    table.append({"generator": name, "negative numbers, real": share, "negative numbers, made": float((made < 0).mean()),
                  **judge(made, train, held_out)})  # fmt: skip
record.table("extra-final-relu", table, "Chairs. A generator that cannot be negative misses every negative coordinate.")
assert table[1]["negative numbers, made"] == 0

# %% [markdown]
# ## 4. Cheats must be caught
# A copier has perfect quality and no novelty; a collapsed generator covers nothing.

# %%
copies = train[np.random.default_rng(seed).permutation(len(train))]
constant = np.repeat(train[:1], len(train), 0) + 1e-4
table = [
    {"cheat": name, **judge(made, train, held_out)} for name, made in (("copies", copies), ("one point", constant))
]
record.table("extra-cheats", table, "Two cheating generators and what the measures say.")
assert table[0]["verdict"] == "copies" and table[1]["verdict"] == "collapsed"

# %% [markdown]
# ### Exercise 1
# Write coverage: the share of real embeddings that are the nearest one of some sample.


# %% tags=["exercise"]
def my_coverage(made, real):
    """Share (0 to 1); made (m, d), real (n, d)."""
    ### BEGIN SOLUTION
    squared = ((made[:, None] - real[None]) ** 2).sum(-1)
    return len(set(squared.argmin(1).tolist())) / len(real)
    ### END SOLUTION


# %% tags=["check"]
assert my_coverage(train, train) == coverage(train, train) == 1
assert my_coverage(constant, train) == coverage(constant, train) <= 1 / len(train) + 1e-9

# %% [markdown]
# ### Exercise 2
# Is a set of samples new? Write the share that lies closer than a tenth of the training set's median spacing to some
# training embedding.


# %% tags=["exercise"]
def my_copies(made, train):
    """Share (0 to 1) of samples that are nearly a training embedding."""
    ### BEGIN SOLUTION
    own = np.sqrt(((train[:, None] - train[None]) ** 2).sum(-1))
    np.fill_diagonal(own, np.inf)
    nearest = np.sqrt(((made[:, None] - train[None]) ** 2).sum(-1)).min(1)
    return float((nearest < 0.1 * np.median(own.min(1))).mean())
    ### END SOLUTION


# %% tags=["check"]
assert my_copies(copies, train) == novelty(copies, train)["copies"] == 1

# %% [markdown]
# ## Result
# | | thesis says | code does | we do |
# |---|---|---|---|
# | quality | samples look credible | | matching distance, coverage, 1-NNA, Fréchet distance on embeddings |
# | novelty | | | nearest training embedding beside each sample, and a ratio |
# | output | | final ReLU | linear; the ReLU's damage measured |
#
# **You learned** that a generator needs two kinds of measures: is it good, and is it new?
#
# **Further reading** Achlioptas et al. 2018; Gulrajani et al. 2017; Xu et al. 2018 on evaluating GANs.
