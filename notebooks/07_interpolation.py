# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   n2v: {needs: [zoo, nerf2vec, embeddings], makes: [], minutes: {smoke: 1, laptop: 2}}
# ---

# %% [markdown]
# # 07 · Between two objects
# **You will** walk from one object to another, through embeddings and through raw weights.
#
# **You need** notebook 04. **Time** smoke 1 min, laptop 2 min on two cores.
#
# **Afterwards you can** say why averaging weights gives a ghost, and measure how even a walk is.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
from pathlib import Path

import numpy as np

from n2v import profiles
from n2v.embed.model import load_model
from n2v.files import write_bytes
from n2v.seeds import seed_everything
from n2v.show.journeys import interpolation_strips
from n2v.show.pictures import png_bytes, sheet, slider_page, write_gif
from n2v.show.record import Recorder
from n2v.show.style import apply_style
from n2v.tasks.interpolate import GAMMAS, lerp, slerp
from n2v.zoo.store import Zoo

size, run = profiles.get(profile), Path(out_dir)
record = Recorder(run, "07")
seed_everything(seed)
apply_style()
zoo, model = Zoo(run / "zoo"), load_model(run / "nerf2vec-aligned")
rng = np.random.default_rng(seed)
titles = ["A", *(f"γ = {gamma:g}" for gamma in GAMMAS), "B"]


def pair_of(first, second):
    """Two training NeRFs (base versions) of two classes, drawn at random."""
    found = []
    for name in (first, second):
        mine = [i for i in zoo.indices("train") if zoo.rows[i].class_name == name and zoo.rows[i].version == 0]
        found.append(int(rng.choice([i for i in mine if i not in found])))
    return tuple(found)


# %% [markdown]
# ## 1. A straight line
# ### Exercise 1
# Write the thesis's equation 4.1.


# %% tags=["exercise"]
def between(a, b, gamma):
    """Point at gamma (0: a, 1: b) on the straight line; a and b: arrays."""
    ### BEGIN SOLUTION
    return (1 - gamma) * a + gamma * b
    ### END SOLUTION


# %% tags=["check"]
a, b = np.array([1.0, 0.0]), np.array([0.0, 1.0])
assert np.allclose(between(a, b, 0.25), lerp(a, b, (0.25,))[0])
assert np.allclose(np.linalg.norm(slerp(a, b, (0.5,))), 1), "slerp keeps the length, lerp cuts the corner"

# %% [markdown]
# ## 2. Within a class and across classes (Fig 4.3)
# The thesis says "two randomly sampled NeRFs"; its code only takes two of one class. Both are shown.

# %%
journeys = {("chair", "chair"): None, ("table", "table"): None, ("chair", "table"): None, ("car", "airplane"): None}
numbers = []
for classes in journeys:
    journeys[classes], found = interpolation_strips(model, zoo, pair_of(*classes), 64)
    kind = "same class" if classes[0] == classes[1] else "across"
    numbers += [{"pair": " to ".join(classes), "kind": kind, **row} for row in found]
rows = [list(strips["embeddings"].numpy()) for strips in journeys.values()]
figure = sheet(rows, [" to ".join(classes) for classes in journeys], titles)
record.figure("fig-4.3", figure, "Decoded embeddings on the way from A to B; ends are reconstructions, not originals.")

# %% [markdown]
# ## 3. Against raw weights (Fig 4.4)
# *What to see:* the mean of two networks is a network, but not the mean of what they show. The shared start keeps it
# from being pure noise.

# %%
strips = journeys["chair", "chair"]
figure = sheet([list(strip.numpy()) for strip in strips.values()], list(strips), titles)
record.figure("fig-4.4", figure, "The same way in embedding space (top) and in weight space (bottom).")
record.table(
    "extra-interpolation", numbers, "worst_step_share: 0.1 is even, 1 a single jump. solid: share of opacity > 0.9."
)
for space in ("embeddings", "raw weights"):
    mine = [row for row in numbers if row["space"] == space]
    record.metric(f"solid_middle {space}", float(np.mean([row["solid_middle"] for row in mine])))
    record.metric(f"opacity_middle {space}", float(np.mean([row["opacity_middle"] for row in mine])))

# %% [markdown]
# ## 4. Move it yourself
# The animation and the page with a slider lie in the run folder and work offline.

# %%
frames = list(strips["embeddings"].numpy())
write_gif(frames, run / "figures" / "interpolation.gif")
write_bytes(run / "demos" / "interpolation.html", slider_page(frames, "From chair to chair", titles).encode())
if interactive:
    import ipywidgets as widgets
    from IPython.display import display

    picture = widgets.Image(value=png_bytes(frames[0]), width=256)
    slider = widgets.IntSlider(0, 0, len(frames) - 1, description="frame")
    slider.observe(lambda change: setattr(picture, "value", png_bytes(frames[change["new"]])), "value")
    display(widgets.VBox([slider, picture]))

# %% [markdown]
# ### Exercise 2
# How even is a walk? Write the largest step's share of the whole way.


# %% tags=["exercise"]
def worst_share(pictures):
    """Largest of the root mean squared differences of neighbouring pictures, divided by their sum; (g, h, w, c)."""
    ### BEGIN SOLUTION
    steps = np.sqrt(((pictures[1:] - pictures[:-1]) ** 2).mean((1, 2, 3)))
    return steps.max() / steps.sum()
    ### END SOLUTION


# %% tags=["check"]
jump = np.zeros((5, 2, 2, 3))
jump[3:] = 1
assert worst_share(jump) == 1
assert abs(worst_share(np.linspace(0, 1, 5)[:, None, None, None] * np.ones((5, 2, 2, 3))) - 0.25) < 1e-9

# %% [markdown]
# ## Result
# | | thesis says | code does | we show |
# |---|---|---|---|
# | pairs | two random NeRFs | same class only | both |
# | quality | looks smooth | | evenness, solidity and distance to real embeddings, in numbers |
#
# **You learned** that a straight line means different things in different spaces.
#
# **Further reading** Entezari et al. 2022 on why averaging networks fails, and when it does not.
