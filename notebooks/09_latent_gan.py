# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   n2v:
#     makes: []
#     minutes:
#       laptop: 10
#       smoke: 2
#     needs: []
# ---

# %% [markdown]
# # 09 · New objects from noise
# **You will** write a generative adversarial network on embeddings, and a rival from a later decade, flow matching; decode what
# they invent; and judge both without looking.
#
# **You need** to have read notebook 04; no artefact of it. **Time** smoke 2 min, laptop 10 min on two cores. **Elsewhere**
# (Binder, Colab; no GPU needed): [docs/elsewhere.md](../docs/elsewhere.md).
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
from torch import nn

import n2v
from n2v import profiles
from n2v.embed.embeddings import embed_zoo
from n2v.lessons import generation as checks
from n2v.lessons.drawing.charts import panels
from n2v.lessons.drawing.diagrams import draw_graph
from n2v.lessons.drawing.pictures import sheet
from n2v.lessons.drawing.style import apply_style
from n2v.lessons.generation import LATENT_GAN
from n2v.lessons.verdict import mean_interval, with_half_widths
from n2v.publish.demos.pages import show_page, write_generation_page
from n2v.publish.record import Recorder
from n2v.scenes.classes import CLASSES
from n2v.seeds import child_seed, seed_everything
from n2v.tasks.bars import principal_components
from n2v.tasks.generate import FlowConfig, GanConfig, critic_loss, train_flow, train_latent_gan
from n2v.tasks.generation_measures import class_verdicts, coverage, judge, novelty, one_nna
from n2v.tasks.metrics import over_repeats, wilson_interval
from n2v.tasks.read import linear_probe
from n2v.tasks.retrieve import distances

size, run = profiles.get(profile), Path(out_dir)
small = profile == "smoke"
record = Recorder(run, "09")
seed_everything(seed)
apply_style()
model = n2v.load()
embeddings = embed_zoo(model, n2v.mini_zoo())
values, labels = np.array(embeddings.values), np.array(embeddings.labels)
is_train, is_base = np.array(embeddings.splits) == "train", np.array(embeddings.versions) == 0
train, train_labels = values[is_train], labels[is_train]
bases, base_labels = values[is_train & is_base], labels[is_train & is_base]  # one version of each training object
held_out, held_out_labels = values[~is_train & is_base], labels[~is_train & is_base]
present = np.unique(held_out_labels)
n_each = int(np.bincount(held_out_labels)[present].min())  # samples a class: as many as there are held-out objects
wanted = np.repeat(present, n_each)
seeds = size.seeds if not small else (seed,)
chairs = train[train_labels == CLASSES.index("chair")]
print(
    f"{len(train)} training embeddings of {len(bases)} objects, {len(held_out)} held-out objects, {len(chairs)} of chairs"
)

# %% [markdown]
# Everything here happens in the space of the nerf2vec that comes with the project (`n2v.load()`), on embeddings of the shipped
# NeRFs (`n2v.mini_zoo()`): a tiny one of this run would decode to blobs, whatever was generated. What a profile changes is the
# number of steps, seeds and classes.
#
# ## 1. The Latent-GAN (Fig 4.6)
# A generator turns noise into an embedding: one hidden layer. A critic scores embeddings, real ones high and made ones low: two
# hidden layers. The generator wants its own scored high. It is a Wasserstein GAN with a gradient penalty, as in the latent GAN of
# Achlioptas et al.: the score's gradient must have length one, so that a difference of scores says *how far* made is from real. The
# critic has to be nearly right before its advice is worth taking, so it gets five steps for each of the generator's.

# %%
caption = (
    "Noise to embedding; the critic compares with real ones. The decoder is frozen and takes no part in the training."
)
record.figure("fig-4.6", draw_graph(LATENT_GAN), caption)

# %% [markdown]
# ### Exercise 1 (one line)
# Write the gradient penalty: the mean over the samples of (length of the gradient - 1)².


# %% tags=["exercise"]
def penalty(gradients):
    """Gradient penalty of a batch; gradients (n, d), one row a sample."""
    ### BEGIN SOLUTION
    # HINT: a length for each row: norm(dim=1); the mean comes last
    return ((gradients.norm(dim=1) - 1) ** 2).mean()
    ### END SOLUTION


# %% tags=["check"]
checks.check_penalty(penalty)
### BEGIN HIDDEN TESTS
assert abs(float(penalty(torch.tensor([[0.0, 2.0]]))) - 1) < 1e-6
assert abs(float(penalty(torch.eye(3)))) < 1e-6
### END HIDDEN TESTS

# %% [markdown]
# The whole of it, with your penalty. First the coordinates: so few embeddings of so many numbers lie in a space of one dimension less
# than there are of them. Turned to its axes nothing is lost, and the networks get small. (The library does so too, with at most 64 axes:
# what a network is to carry through has to fit through it.)

# %%
mean = torch.from_numpy(chairs).mean(0)
_, extents, axes = torch.linalg.svd(torch.from_numpy(chairs) - mean, full_matrices=False)
axes = axes[extents > 1e-5 * extents[0]]
turned = (torch.from_numpy(chairs) - mean) @ axes.T
real, scale = turned / turned.std(), turned.std()
n_features = real.shape[1]
print(f"{len(chairs)} embeddings of {chairs.shape[1]} numbers, turned: {n_features} numbers each")


def my_critic_loss(critic, batch, made):
    """Made below real, and a gradient of length one at random points between them."""
    share = torch.rand(len(batch), 1)
    between = (share * batch + (1 - share) * made).requires_grad_()
    (gradients,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return critic(made).mean() - critic(batch).mean() + 10 * penalty(gradients)


def update(optimiser, loss):
    """One step down."""
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


# %%
def my_gan(n_steps):
    """A trained generator of chairs, and the critic's estimate of the distance from real after each step."""
    generator = nn.Sequential(nn.Linear(1024, 128), nn.ReLU(), nn.Linear(128, n_features))
    critic = nn.Sequential(
        nn.Linear(n_features, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1)
    )
    ours, theirs = (torch.optim.Adam(net.parameters(), 1e-4, (0.5, 0.9)) for net in (generator, critic))
    story = []
    for _ in range(n_steps):
        for _ in range(5):
            batch = real[torch.randint(len(real), (32,))]
            made = generator(0.2 * torch.randn(32, 1024)).detach()
            update(theirs, my_critic_loss(critic, batch, made))
        update(ours, -critic(generator(0.2 * torch.randn(32, 1024))).mean())
        story.append(float((critic(batch).mean() - critic(made).mean()).detach()))
    return generator, story


n_page = 40 if small else 200
generator, story = my_gan(n_page)
critic = nn.Linear(n_features, 1)
torch.manual_seed(0)
mine = my_critic_loss(critic, real[:8], real[8:16])
torch.manual_seed(0)
theirs = critic_loss(critic, real[:8], real[8:16], torch.zeros(8, 0), 10.0)
assert torch.allclose(mine, theirs, rtol=1e-4), "the page's loss and the library's are the same"

# %%
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(5, 2.4))
axis.plot(range(1, n_page + 1), story)
axis.set(xlabel="generator step", ylabel="critic: real minus made")
record.figure(
    "extra-gan-loop",
    figure,
    f"The page's GAN on chairs, {n_page} steps: how far the critic says that made is from real.",
)

# %% [markdown]
# *What to see:* the curve is the game's only thermometer. It rises while the critic learns to see a difference and falls as
# the generator closes it; a curve that only rises has not come that far. `train_latent_gan` is the same loop, told a class where
# labels are given; section 3 lets it run longer.
#
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
    # HINT: the formulas above, in this order; whoever walks straight is always equally fast
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
    # HINT: n_steps times: add velocity times 1 / n_steps; the i-th step begins at t = i / n_steps
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
# And its whole training, with your two functions:


# %%
def my_flow(n_steps, n_layers=3, width=256):
    """A velocity of chairs' embeddings: (points, t) to (n, d)."""
    layers = [nn.Linear(n_features + 1, width), nn.SiLU()]
    for _ in range(n_layers - 1):
        layers += [nn.Linear(width, width), nn.SiLU()]
    network = nn.Sequential(*layers, nn.Linear(width, n_features))
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    for _ in range(n_steps):
        batch, t = real[torch.randint(len(real), (128,))], torch.rand(128, 1)
        points, target = pair(torch.randn_like(batch), batch, t)
        update(optimiser, ((network(torch.cat([points, t], 1)) - target) ** 2).mean())
    return lambda points, t: network(torch.cat([points, torch.full((len(points), 1), t)], 1))


velocity = my_flow(100 if small else 500)
with torch.no_grad():
    flowed = scale * euler(velocity, torch.randn(6, n_features), 20) @ axes + mean
    played = scale * generator(0.2 * torch.randn(6, 1024)) @ axes + mean
size_px = 96
rows = [[model.decode(one).render(size_px=size_px) for one in group] for group in (played, flowed)]
figure = sheet(rows, [f"GAN,\n{n_page} steps", "flow"])
record.figure(
    "extra-page-samples", figure, "New chairs of the two loops on this page, decoded by the shipped nerf2vec."
)


def spread_of(points):
    """Median distance of two of them."""
    return float(np.median(distances(points, points)[np.triu_indices(len(points), 1)]))


usual = spread_of(bases[base_labels == CLASSES.index("chair")])
print(f"distance of two samples, in that of two real chairs: GAN {spread_of(played.numpy()) / usual:.2f}, "
      f"flow {spread_of(flowed.numpy()) / usual:.2f}")  # fmt: skip

# %% [markdown]
# *What to see:* six draws of noise a row. Do six noises give six chairs (1 in the printed line: as different as real ones), or one chair
# six times? A generator starts at the mean of all embeddings, for its noise and its first weights are small: one blurred thing,
# whatever the noise. It leaves that place step by step.
#
# ## 3. Proper training, in steps
# One GAN a class, as in the thesis, with its configuration (noise of 1,024 numbers of standard deviation .2, critic of two hidden
# layers, five critic steps, learning rate 1e-4); one GAN for all, told the class; flow matching, told the class.

# %%
config, flow_config = GanConfig(n_steps=size.gan_steps), FlowConfig(n_steps=2000 if small else 4000)
gan_classes = [CLASSES.index("chair")] if small else present.tolist()
gans = {
    label: train_latent_gan(train[train_labels == label], config, child_seed(seed, int(label)) % 2**31)
    for label in gan_classes
}
methods = {
    "GAN, told the class": lambda one: train_latent_gan(train, config, one, train_labels),
    "flow, told the class": lambda one: train_flow(train, flow_config, one, train_labels),
}
trained = {(name, one): method(child_seed(seed, one) % 2**31) for name, method in methods.items() for one in seeds}
flow = trained["flow, told the class", seeds[0]]
print(
    f"{config.n_steps:,} generator steps a GAN, {len(gans)} of one class; {flow_config.n_steps:,} steps of flow matching"
)

# %% [markdown]
# ## 4. New objects (Fig 4.7)

# %%
n_shown = 3 if small else 6
made = {CLASSES[label]: flow.sample(n_shown, seed, int(label)) for label in present}
rows = [[model.decode(one).render(size_px=size_px) for one in gans[label].sample(n_shown, seed)] for label in gans]
names = [f"{CLASSES[label]},\nGAN" for label in gans]
if small:
    rows += [[model.decode(one).render(size_px=size_px) for one in made[name]] for name in ("chair", "table", "car")]
    names += [f"{name},\nflow" for name in ("chair", "table", "car")]
caption = f"New objects of one GAN a class ({config.n_steps:,} steps each)" + (
    ", and of flow matching." if small else "."
)
record.figure("fig-4.7", sheet(rows, names, cell_inch=1.3), caption)

# %%
rows = [[model.decode(one).render(size_px=size_px) for one in group] for group in made.values()]
figure = sheet(rows, list(made), cell_inch=1.3)
record.figure(
    "extra-new-objects", figure, f"New objects of flow matching, told the class ({flow_config.n_steps:,} steps)."
)

# %% [markdown]
# *What to see:* within a row: different objects, or one object again and again? Then compare each with the nearest training object;
# if they are equal everywhere, the generator has learned to copy, and a copier's samples would be the most detailed of all.
#
# *Why so blurred?* For two reasons that the next figure tells apart. The decoder learned from a few hundred NeRFs and blurs real
# objects, too: the rows *nearest training* show its best. And a generator knows eleven objects of a class; most of what it makes lies
# between them, where no object ever was. Look for parts and proportions; section 5 judges without looking.

# %%
chair = CLASSES.index("chair")
rows = []
for maker in (gans[chair].sample(6, seed), flow.sample(6, seed, chair)):
    nearest = chairs[distances(maker, chairs).argmin(1)]
    rows += [[model.decode(one).render(size_px=size_px) for one in group] for group in (maker, nearest)]
figure = sheet(rows, ["GAN", "nearest\ntraining", "flow", "nearest\ntraining"])
record.figure(
    "extra-made-nearest", figure, "Made chairs, and below each the training embedding that is nearest to it, decoded."
)
objects = bases[base_labels == chair]  # versions of one chair would be each other's neighbours
told_apart = one_nna(gans[chair].sample(len(chairs), seed), objects)
low, high = wilson_interval(told_apart * 2 * len(objects), 2 * len(objects))
low, high = min(low, told_apart), max(high, told_apart)
claim = "The nearest neighbour can hardly tell the GAN's chairs from real ones (1-NNA near one half)"
record.verdict("fig-4.7", claim, told_apart, low, high, within=(0.35, 0.65), n=2 * len(objects))

# %% [markdown]
# **Turn them.** The page `pages/generation.html` of the run folder needs neither Python nor a network:

# %%
turning = {"n_azimuths": 6, "size_px": 64} if small else {"n_azimuths": 12, "size_px": 96}
shown = {name: group[: 2 if small else 4] for name, group in made.items()}
page = write_generation_page(run / "pages" / "generation.html", model, shown, **turning)
if interactive:
    from IPython.display import display

    display(show_page(page))

# %% [markdown]
# ## 5. Good, complete, new
# No single measure will do:
#
# | measure | asks | best | fooled by |
# |---|---|---|---|
# | minimum matching distance | is something like each held-out object made? | low | many useless samples beside |
# | coverage | how many training objects are the nearest one of some sample? | high | a memoriser |
# | 1-NNA | can the nearest neighbour tell made from real? | 0.5; copies are below | copies and a collapse, mixed |
# | Fréchet distance | do mean and covariance agree? | low | anything beyond mean and covariance |
# | novelty | how near is a training object, held-out ones being 1? | about 1 | noise is "new" too |
#
# All take equally many samples as there are held-out objects: these, *real and never trained on*, are the yardstick's row.
#
# ### Exercise 4 (two lines)
# Write coverage: the share of real embeddings that are the nearest one of some sample.


# %% tags=["exercise"]
def my_coverage(made, real):
    """Share (0 to 1); made (m, d), real (n, d)."""
    ### BEGIN SOLUTION
    # HINT: for each sample the position of its nearest real one; how many different positions?
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
    # HINT: the distance to the nearest training embedding, once of `held_out` (its median is the unit) and once of `made`
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
# ### Four cheats, and what each measure cannot see
# A **memoriser** hands out the training objects. A **collapse** makes one new object a class, over and over. The **mixture** does
# both: copies for a third of its samples, one object a class for the others. **Shuffled coordinates** take every number from a real
# embedding, but each from another one: right margins, no object.
#
# **Predict first:** which cheat gets a perfect coverage, and which a perfect 1-NNA?
#
# <details><summary>An answer (think first).</summary>
#
# The memoriser covers everything: each training object is the nearest one of its copy. The mixture can come near a 1-NNA of one
# half: for a copy and its original the nearest neighbour is of the other kind (always wrong), for the repeated object it is of
# its own (always right); mixed in the right proportion, too low and too high cancel.
# </details>

# %%
rng = np.random.default_rng(child_seed(seed, "cheats"))
middle = {label: bases[base_labels == label][:2].mean(0) for label in present}  # new, and always the same
collapse = np.float32([middle[label] + 1e-3 * rng.normal(size=bases.shape[1]) for label in base_labels])
copied = (np.arange(len(bases)) % 3 == 0)[:, None]
cheats = {
    "memoriser": bases + np.float32(1e-4), "collapse": collapse, "mixture": np.where(copied, bases, collapse),
    "shuffled": np.stack([rng.permutation(column) for column in bases.T], 1),
}  # fmt: skip
rows = []
for name, points in {"held out": held_out, **cheats}.items():
    new = novelty(points, bases, held_out)
    rows.append({"who": name, "n": len(points), "reached": coverage(points, bases) * len(bases) / len(points),
                 "1-NNA": one_nna(points, bases), "copies": new["copies"], "novelty": new["ratio"]})  # fmt: skip
real_row = rows[0]
caught = {
    "coverage": lambda row: row["reached"] < real_row["reached"],
    "1-NNA": lambda row: not 0.45 <= row["1-NNA"] <= max(0.55, real_row["1-NNA"]),
    "novelty": lambda row: row["copies"] > 0.1,
}
for row in rows[1:]:
    row["caught by"] = ", ".join(name for name, test in caught.items() if test(row)) or "nobody"
real_row["caught by"] = "-"
record.table(
    "extra-cheats", rows,
    "Four cheats beside real held-out objects. reached: coverage as a share of what so many samples could cover. Caught: fewer reached "
    "than by the held-out objects; 1-NNA below .45 or above theirs and .55; more than a tenth copies.",
)  # fmt: skip
blind = {name: [row["who"] for row in rows[1:] if name not in row["caught by"]] for name in caught}
for name, missed in blind.items():
    print(f"{name} does not see: {', '.join(missed) or 'it saw all four'}")
assert "memoriser" in blind["coverage"] and "collapse" in blind["novelty"], "what is true at every size"

# %% [markdown]
# ### The generators
# The same measures on what the generators make, with the yardstick's row of held-out objects. The encoder knows its training objects
# better than others, so even new *real* ones miss the ideal. A generator that does better than the yardstick is nearer to the training
# objects than new objects are: it has learned what is special about them, too. A novelty below 1 says the same.

# %%
n_more = int(np.bincount(base_labels)[present].min())
many = np.repeat(present, n_more)
sets = {("real, held out (yardstick)", seed): (held_out, held_out_labels)}
if len(gans) == len(present):
    sets["GAN, one a class", seed] = (np.concatenate([gans[label].sample(n_each, seed) for label in present]), wanted)
for key, maker in trained.items():
    sets[key] = (maker.sample(len(wanted), key[1], wanted), wanted)
stacked = principal_components(train, [np.concatenate([points for points, _ in sets.values()])])
guessed, rows, start = linear_probe(stacked[0], train_labels, stacked[1]), [], 0
for (name, one), (points, asked) in sets.items():
    right = float((guessed[start : start + len(points)] == asked).mean())
    start += len(points)
    numbers, collapsed = judge(points, bases, held_out), None
    numbers.pop("verdict")
    if "yardstick" in name:
        numbers["mmd"] = None  # of held-out objects to themselves
    elif (name, one) in trained:
        more = trained[name, one].sample(len(many), one, many)
        collapsed = class_verdicts(more, many, train, train_labels, held_out, held_out_labels)["collapsed"]
    rows.append({"generator": name, **numbers, "class as asked": right, "classes collapsed": collapsed})
measured = table = over_repeats(rows, ("generator",))
measures = {
    "coverage": "coverage\n(higher is better)", "one_nna": "1-NNA\n(0.5 is best)",
    "frechet_on_embeddings": "Fréchet, embeddings\n(lower is better)", "novelty_ratio": "novelty\n(real: 1, copies: 0)",
    "class as asked": "class as asked\n(higher is better)",
}  # fmt: skip
caption = "Generators and yardstick by five measures; mean and 95 % interval over seeds where there are several. Dashed: yardstick."
record.figure("extra-generation", panels(table, "generator", measures, reference=table[0]["generator"]), caption)
record.table(
    "extra-generation", with_half_widths(table),
    f"{len(wanted)} samples, {n_each} a class, against {len(bases)} training objects; ±: half width of the 95 % t-interval over "
    f"seeds. GANs: {config.n_steps:,} steps, flow: {flow_config.n_steps:,}. mmd and the unit of novelty: {len(held_out)} held-out objects.",
)  # fmt: skip
for row in table[1:]:
    for key in ("coverage", "one_nna", "novelty_ratio", "frechet_on_embeddings"):
        record.metric(f"{key} {row['generator']}", row[key])

# %%
by_method = {name: np.array([row["coverage"] for row in rows if row["generator"] == name]) for name in methods}
gap = by_method["flow, told the class"] - by_method["GAN, told the class"]
claim = "Flow matching covers more of the training objects than the GAN that is told the class"
record.verdict("extra-generation", claim, *mean_interval(gap), above=0, n=len(gap))

# %% [markdown]
# *What to see:* first the yardstick, then each generator against it, column by column; then the table of cheats again: which of
# these numbers could a cheat have had? Different methods took different numbers of steps, so this compares recipes, not ideas.
#
# ## 6. What the final ReLU breaks
# The authors' generator ends in a ReLU: no coordinate it makes is ever negative. How many of an embedding's are? (The last line says.) A
# switch, the same steps:

# %%
ours = held_out[held_out_labels == CLASSES.index("chair")]
rows = []
for name, relu in (("linear output", False), ("final ReLU (authors' code)", True)):
    for one in seeds[:2]:
        recipe = replace(config, final_relu=relu, n_steps=config.n_steps // 2)
        made = train_latent_gan(chairs, recipe, one).sample(len(chairs), one)
        numbers = judge(made, chairs, ours)
        numbers.pop("verdict")
        rows.append({"generator": name, "negative, real": float((chairs < 0).mean()),
                     "negative, made": float((made < 0).mean()), **numbers})  # fmt: skip
linear, with_relu = table = over_repeats(rows, ("generator",))
record.table(
    "extra-final-relu",
    with_half_widths(table),
    f"Chairs, {config.n_steps // 2:,} steps; ± over the seeds. Share of negative numbers, and the measures.",
)
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
plenty = FlowConfig(hidden=128, n_steps=400 if small else 1000, learning_rate=8e-3)


# %% tags=["exercise"]
def by_heart(n_nerfs):
    """Share of copies among 64 samples of a flow that saw only the first n_nerfs of chairs."""
    ### BEGIN SOLUTION
    # HINT: train_flow(...).sample(64, 0) makes them; novelty(made, known, ours)["copies"] is the share
    known = chairs[:n_nerfs]
    return novelty(train_flow(known, plenty, 0).sample(64, 0), known, ours)["copies"]
    ### END SOLUTION


# %% tags=["check", "points:3"]
yours = checks.check_by_heart(by_heart, chairs, ours, plenty)
### BEGIN HIDDEN TESTS
some = chairs[:16]
copied = novelty(train_flow(some, plenty, 0).sample(64, 0), some, ours)["copies"]
assert abs(by_heart(16) - copied) < 0.15, "n_nerfs decides how many chairs are seen"
### END HIDDEN TESTS

# %%
for n_nerfs in (4, 8, 16, len(chairs)) if yours else ():
    print(f"trained on {n_nerfs} chairs: {by_heart(n_nerfs):.0%} of the samples are copies")

# %% [markdown]
# ## Result


# %%
def told(measure):
    """A measure of every generator, beside the yardstick."""
    return "; ".join(f"{row['generator']} {row[measure]:.2f}" for row in measured)


cards = [
    {"card": "14 · quality", "thesis says": "samples look credible", "code does": "pictures", "we measured": f"coverage: {told('coverage')}"},
    {"card": "14 · novelty", "thesis says": "-", "code does": "-", "we measured": f"novelty (copies: 0): {told('novelty_ratio')}"},
    {"card": "14 · output", "thesis says": "-", "code does": "final ReLU",
     "we measured": f"Fréchet distance {with_relu['frechet_on_embeddings']:.3g} with a final ReLU, {linear['frechet_on_embeddings']:.3g} without"},
    {"card": "13 · one run", "thesis says": "one", "code does": "one",
     "we measured": f"seeds: {len(seeds)}; GANs of one class: {len(gans)}, {config.n_steps:,} steps each"},
]  # fmt: skip
record.table("extra-card-generation", cards, "Thesis, code and this run: generation.")

# %% [markdown]
# **You learned** to write both loops; that a generator needs three questions: is it good, is it all, is it new? And that a yardstick
# of real objects and a cheat for each measure belong in the table.
#
# **Further reading** Achlioptas et al. 2018 (latent GAN), Gulrajani et al. 2017 (gradient penalty), Lipman et al. 2023 (flow
# matching), Yang et al. 2019 (1-NNA for shapes), Xu et al. 2018 on evaluating GANs.
