# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   n2v:
#     makes: []
#     minutes:
#       laptop: 7
#       smoke: 2
#     needs:
#     - views
# ---

# %% [markdown]
# # 02 · Fit one radiance field
# **You will** turn a few dozen pictures of one object into 18,432 numbers that show it from any side, first with sixty
# lines of your own, then with the library.
#
# **You need** notebook 01; derivatives. **Time** smoke 2 min, laptop 7 min on two cores. **Elsewhere** (Binder, Colab; no
# GPU needed): [docs/elsewhere.md](../docs/elsewhere.md).
#
# **Afterwards you can** derive volume rendering and write it, fit a radiance field from an empty page, say what empty space
# costs, and tell which of the 24 octaves of the encoding are signal and which are noise.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
import math
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from torch import nn

import n2v
from n2v import profiles
from n2v.lessons import one_nerf, one_ray
from n2v.lessons.drawing import diagrams
from n2v.lessons.drawing.charts import line_chart
from n2v.lessons.drawing.pictures import sheet
from n2v.lessons.drawing.style import apply_style
from n2v.lessons.verdict import mean_interval
from n2v.nerf.ablation import fit_variant, neighbour_correlation, over_seeds, resolved_octaves
from n2v.nerf.fit import fit, fit_apart, held_out_psnr
from n2v.nerf.layout import SHAPES, initial_vector
from n2v.nerf.occupancy import carve, cell_centres, grids_of
from n2v.nerf.render import render_image
from n2v.publish.demos.nerf_page import write_page
from n2v.publish.demos.pages import show_page
from n2v.publish.demos.widgets import RayInspector
from n2v.publish.record import Recorder
from n2v.scenes.views import find_views, read_views
from n2v.seeds import seed_everything

size, run = profiles.get(profile), Path(out_dir)
record = Recorder(run, "02")
seed_everything(seed)
apply_style()
chairs = [folder for folder in find_views(run / "views") if folder.parent.name == "chair"]
view_set = read_views(next((one for one in chairs if one.name == "chair-0014"), chairs[0]))
side = int(view_set.held_out_c2w[:, 2, 3].argmin())  # the held-out picture from the lowest camera: one recognises most
recipe = replace(size.fit, n_steps=max(1000, size.fit.n_steps))  # a proper fit at every size

# %% [markdown]
# ## 1. Where we are going
# In: pictures of one chair, and from where each was taken. Out: a function that says, for every place of a box, how dense
# it is there and which colour it has. Whoever has the function can look at the chair from anywhere.

# %%
finished = n2v.mini_zoo()["chair-0014"]
turned = [finished.render(azimuth, 25, 64) for azimuth in range(-60, 300, 60)]
titles = ["in: pictures", "out: a NeRF,\nfrom new sides"]
caption = (
    f"Top: 6 of the {len(view_set.images)} pictures that are fitted below. Bottom: a finished NeRF of the collection "
    f"that comes with the course, its chair-0014, seen from where no camera stood."
)
shown = list(view_set.images[:: len(view_set.images) // 6][:6])
record.figure("extra-goal", sheet([shown, turned], titles, cell_inch=1.3), caption)

# %% [markdown]
# ## 2. Light through a mist
# Look along one ray. $t$ is the distance from the camera, $\sigma(t)$ the density there (per scene unit), $c(t)$ its colour,
# and $T(t)$ the share of light that gets from $t$ to the camera. A thin layer $dt$ stops the share $\sigma\,dt$ of what
# passes through it, so
#
# $$\frac{dT}{dt} = -\sigma(t)\,T(t), \quad T(0) = 1 \qquad\Rightarrow\qquad \frac{d \ln T}{dt} = -\sigma
# \qquad\Rightarrow\qquad T(t) = e^{-\int_0^t \sigma(s)\,ds}.$$
#
# The same layer shows its colour with the share that it stops, $\sigma\,dt$, and of that $T$ arrives. All layers, and the
# background behind them:
#
# $$C = \int_0^\infty T(t)\,\sigma(t)\,c(t)\,dt + T(\infty)\,c_\text{background}.$$
#
# **To a sum.** Cut the ray into samples of length $\delta$ in which $\sigma_i$ and $c_i$ hardly change. Light reaches sample $i$
# after all before it: $T_i = e^{-\sum_{j<i} \sigma_j \delta}$. Inside the sample the integral can be done,
#
# $$\int_0^{\delta} T_i\,e^{-\sigma_i s}\,\sigma_i\,c_i\,ds = T_i\,(1 - e^{-\sigma_i \delta})\,c_i = T_i\,\alpha_i\,c_i
# \quad\text{with}\quad \alpha_i = 1 - e^{-\sigma_i \delta}, \quad T_i = \prod_{j<i} (1 - \alpha_j),$$
#
# so $C = \sum_i T_i \alpha_i c_i + (1 - \sum_i T_i \alpha_i)\,c_\text{background}$: what is not stopped anywhere is
# background. Where the density is constant in each sample, the sum *is* the integral.

# %%
caption = "One mist, cut coarsely and finely: density, and light left. The bars are the weights T·α of the samples."
record.figure("extra-integral", one_ray.integral_and_sum(), caption)

# %% [markdown]
# ### Exercise 1
# Write the share of light that a sample absorbs.


# %% tags=["exercise"]
def opacity(density, length):
    """Share of light absorbed on a segment. Shapes: any, equal."""
    ### BEGIN SOLUTION
    # HINT: what gets through falls off exponentially with density times length
    return 1 - torch.exp(-density * length)
    ### END SOLUTION


# %% tags=["check"]
one_ray.check_opacity(opacity)
### BEGIN HIDDEN TESTS
assert float(opacity(torch.zeros(3), torch.ones(3)).max()) == 0
assert abs(float(opacity(torch.tensor(2.0), torch.tensor(0.5))) - 0.6321206) < 1e-6
absorbed = opacity(torch.tensor([[1.0, 4.0]]), torch.full((1, 2), 0.25))
assert torch.allclose(absorbed, torch.tensor([[0.2212, 0.6321]]), atol=1e-4), "any shape will do"
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 2
# Write the share of light that reaches each sample, nearest sample first. Many rays come at once: the last dimension runs
# along a ray.


# %% tags=["exercise"]
def transmittance(alphas):
    """Light before each sample. Shapes: alphas (..., n), result (..., n)."""
    ### BEGIN SOLUTION
    # HINT: a running product of what the samples before it let through; nothing stands before the first
    before = torch.cat([torch.ones_like(alphas[..., :1]), 1 - alphas[..., :-1]], -1)
    return before.cumprod(-1)
    ### END SOLUTION


# %% tags=["check", "points:2"]
one_ray.check_transmittance(transmittance)
### BEGIN HIDDEN TESTS
assert torch.allclose(transmittance(torch.tensor([0.5, 0.5, 1.0, 0.3])), torch.tensor([1, 0.5, 0.25, 0.0]))
assert transmittance(torch.tensor([0.9])).tolist() == [1], "a ray may have one sample"
two = transmittance(torch.tensor([[0.5, 0.5], [0.0, 1.0]]))
assert torch.equal(two, torch.tensor([[1, 0.5], [1, 1.0]])), "the last dimension runs along a ray"
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 3
# Blend the samples of each ray over a background.


# %% tags=["exercise"]
def pixel(alphas, light, colours, background):
    """Colours of rays. Shapes: alphas and light (..., n), colours (..., n, 3), background (..., 3)."""
    ### BEGIN SOLUTION
    # HINT: a sample's weight is the light that reaches it times the share it absorbs; what do all weights leave over?
    weights = light * alphas
    blended = (weights[..., None] * colours).sum(-2)
    return blended + (1 - weights.sum(-1, keepdim=True)) * background
    ### END SOLUTION


# %% tags=["check", "points:3"]
one_ray.check_pixel(pixel)
### BEGIN HIDDEN TESTS
red, blue, white = torch.tensor([1.0, 0, 0]), torch.tensor([0, 0, 1.0]), torch.ones(3)
wall = pixel(torch.tensor([0.0, 1, 1]), torch.tensor([1.0, 1, 0]), torch.stack([blue, red, blue]), white)
assert torch.allclose(wall, red), "what stands behind a wall is not seen"
air = pixel(torch.zeros(2, 2), torch.ones(2, 2), torch.rand(2, 2, 3), torch.stack([red, white]))
assert torch.allclose(air, torch.stack([red, white])), "air shows each ray's own background"
glass = pixel(torch.tensor([0.4, 0.5]), torch.tensor([1.0, 0.6]), torch.stack([red, blue]), torch.zeros(3))
assert torch.allclose(glass, torch.tensor([0.4, 0, 0.3]), atol=1e-5)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 4
# Pictures are compared in decibels: PSNR is ten times the negative decimal logarithm of the mean squared error.


# %% tags=["exercise"]
def my_psnr(first, second):
    """PSNR (dB) of two pictures in [0, 1]."""
    ### BEGIN SOLUTION
    # HINT: what makes a small number large and positive, and ten times smaller ten more?
    return -10 * torch.log10(((first - second) ** 2).mean())
    ### END SOLUTION


# %% tags=["check"]
one_nerf.check_psnr(my_psnr)
### BEGIN HIDDEN TESTS
assert abs(float(my_psnr(torch.zeros(4, 3), torch.full((4, 3), 0.1))) - 20) < 1e-4
assert abs(float(my_psnr(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 0.5]))) - 9.0309) < 1e-3
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The network
# A position (x, y, z) of the box, scaled to $[0, 1]$, goes in; a density and a colour come out. A plain network prefers
# smooth functions, so the position is first spread over 24 octaves: of each coordinate, octave $k$ is
# $\sin(2^k \pi x), \cos(2^k \pi x)$. Section 7 asks how many of them are of use.
#
# ### Exercise 5
# Write octave $k$ of the encoding.


# %% tags=["exercise"]
def octave(x, k):
    """(sine, cosine) of 2^k pi x for a float tensor x in [0, 1], of any shape."""
    ### BEGIN SOLUTION
    # HINT: by what does each octave multiply the frequency of the one before?
    return torch.sin(2**k * torch.pi * x), torch.cos(2**k * torch.pi * x)
    ### END SOLUTION


# %% tags=["check"]
one_nerf.check_octave(octave)
### BEGIN HIDDEN TESTS
assert torch.allclose(torch.stack(octave(torch.tensor(0.5), 0)), torch.tensor([1.0, 0.0]), atol=1e-6)
assert torch.allclose(octave(torch.tensor([0.0, 0.1]), 2)[1], torch.tensor([1.0, 0.309017]), atol=1e-5)
### END HIDDEN TESTS

# %% [markdown]
# Three coordinates, 24 octaves, sine and cosine: 144 features. Then three hidden layers of 64 with ReLU, without biases,
# and four outputs, padded to 16 because the thesis's GPU code multiplies in blocks of 16. All matrices, row by row one after
# another, are the vector that stands for the object in all later notebooks. One input neuron reads all 144 features, so
# cut into rows of 64 numbers, as notebook 04 will do it, its weights fill $144 / 64 = 2.25$ rows.

# %%
field = nn.Sequential(*[nn.Linear(columns, rows, bias=False) for rows, columns in SHAPES])
figure = diagrams.flow(
    diagrams.field_boxes(), f"The field: {sum(layer.weight.numel() for layer in field):,} weights, no biases", 5
)
record.figure("fig-3.3", figure, "The NeRF's network as it is stored: four matrices, the last padded to 16 rows.")
blocks = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU())
figure = diagrams.flow(diagrams.layer_boxes(blocks), "LR block, then LNR block")
record.figure("fig-3.2", figure, "Linear-ReLU and linear-norm-ReLU, the blocks of notebook 04's networks.")

# %% [markdown]
# **Why $\sigma = e^{x - 1}$?** Air and wood lie four powers of ten apart, and a density is never negative: an exponential
# puts both within reach of a small output $x$. The fit starts at $x \approx 0$. There $\sigma = e^{-1} = 0.37$: a ray through the
# whole box, 1.4 scene units, loses $1 - e^{-0.37 \cdot 1.4} = 40\,\%$ of its light, so at first every ray sees all of its samples
# and all get a gradient. Without the $-1$ it would lose 75 %. A wall is an output of 6 or 7, air is anything below -3: the network need
# not reach far. Colours go through a sigmoid, into $[0, 1]$.
#
# ## 4. All of it, by hand
# Now a radiance field from an empty page, in plain PyTorch with **your** functions.
#
# **Rays.** A pixel is a ray: from the camera's place through the pixel's centre. The camera looks along its own $-z$; its focal
# length in pixels is half the picture's width over the tangent of half the opening angle.

# %%
yours = SimpleNamespace(  # or, of what is not written yet, the library's
    opacity=one_ray.check_opacity.lend(opacity), transmittance=one_ray.check_transmittance.lend(transmittance),
    pixel=one_ray.check_pixel.lend(pixel), psnr=one_nerf.check_psnr.lend(my_psnr), octave=one_nerf.check_octave.lend(octave),
)  # fmt: skip
SIDE, CELLS, STEP = 1.4, 48, max(recipe.step, 0.02)  # box side and sample length in scene units, cells a side
images, cameras = torch.from_numpy(view_set.images).float() / 255, torch.from_numpy(view_set.c2w).float()
n_px = images.shape[1]
focal_px = n_px / 2 / math.tan(view_set.camera_angle_x / 2)


def rays_of(c2w):
    """Origins and unit directions of a picture's pixels, row by row."""
    centre = torch.arange(n_px) + 0.5 - n_px / 2
    down, right = torch.meshgrid(centre, centre, indexing="ij")
    local = torch.stack([right, -down, torch.full_like(right, -focal_px)], -1).reshape(-1, 3)
    return c2w[:3, 3].expand_as(local), nn.functional.normalize(local @ c2w[:3, :3].T, dim=-1)


# %% [markdown]
# **Where to look.** Most of the box is air. A cell of a grid stays in the *visual hull* if in every picture its centre projects onto
# the object, give or take half a cell's diagonal. Only samples in the hull are ever computed.


# %%
def my_carve():
    """The cells that every picture lets stand."""
    axis = (torch.arange(CELLS) + 0.5) / CELLS * SIDE - SIDE / 2
    centres, kept = torch.cartesian_prod(axis, axis, axis), torch.ones(CELLS**3, dtype=torch.bool)
    half_diagonal, nearest = SIDE / CELLS * math.sqrt(3) / 2, float(cameras[:, :3, 3].norm(dim=-1).min()) - SIDE / 2
    reach_px = math.ceil(focal_px * half_diagonal / nearest)
    near_object = nn.functional.max_pool2d(images[..., 3][:, None], 2 * reach_px + 1, 1, reach_px)[:, 0] > 0
    for mask, c2w in zip(near_object, cameras, strict=True):
        x, y, z = ((centres - c2w[:3, 3]) @ c2w[:3, :3]).T  # in the camera's own axes
        row, column = n_px / 2 + focal_px * y / z, n_px / 2 - focal_px * x / z
        kept &= mask[row.long().clamp(0, n_px - 1), column.long().clamp(0, n_px - 1)]
    return kept.view(CELLS, CELLS, CELLS)


# %% [markdown]
# **March.** Samples lie on a lattice, one every `STEP` from the camera, where the ray is in the box and its cell in the hull.
# **Field.** Encode, four matrices, ReLU between, exponential and sigmoid. **Shoot.** Your three formulas.


# %%
def my_march(origins, directions, hull, step=STEP):
    """Lattice places in [0, 1]^3 (rays, places, 3), and which of them count."""
    away, reach = origins.norm(dim=-1), SIDE * math.sqrt(3) / 2  # no corner of the box is farther than that
    first, last = (away.min() - reach) // step, (away.max() + reach) // step
    t_mids = (torch.arange(int(first), int(last) + 1) + 0.5) * step
    unit = (origins[:, None] + directions[:, None] * t_mids[:, None]) / SIDE + 0.5
    x, y, z = (unit * CELLS).long().clamp(0, CELLS - 1).unbind(-1)
    return unit, ((unit > 0) & (unit < 1)).all(-1) & hull[x, y, z]


def my_field(matrices, unit):
    """Densities (n,) and colours (n, 3) at places (n, 3) of the unit box."""
    waves = [torch.stack(yours.octave(unit, k), -1) for k in range(24)]
    hidden = torch.stack(waves, -2).flatten(1)  # (n, 3 axes, 24 octaves, 2) to (n, 144)
    for matrix in matrices[:-1]:
        hidden = torch.relu(hidden @ matrix.T)
    raw = hidden @ matrices[-1][:4].T
    return torch.exp(raw[:, 3] - 1), torch.sigmoid(raw[:, :3])


def shoot(matrices, origins, directions, background, hull, step=STEP):
    """Colours of rays (n, 3)."""
    unit, inside = my_march(origins, directions, hull, step)
    sigmas, rgbs = torch.zeros(inside.shape), torch.zeros(*inside.shape, 3)
    sigmas[inside], rgbs[inside] = my_field(matrices, unit[inside])
    alphas = yours.opacity(sigmas, step)
    return yours.pixel(alphas, yours.transmittance(alphas), rgbs, background)


# %% [markdown]
# **The loop.** A step draws 768 rays that meet the hull, shows them over random background colours (so that transparent
# stays transparent), compares with the pictures over the same colours, and lets Adam move the weights against half the
# squared error. The learning rate falls to a third after 50, 75 and 90 % of the steps. The start is **one fixed vector, the
# same for every NeRF ever fitted**: notebook 04 lives on that.


# %%
def fit_mine(hull, n_steps=1000, n_rays=768, watch=lambda done, loss, matrices: None):
    """The fitted matrices; `watch` is told how it goes."""
    torch.manual_seed(seed)
    origins, directions = map(torch.cat, zip(*map(rays_of, cameras), strict=True))
    hits = [my_march(*rays_of(c2w), hull)[1].any(-1) for c2w in cameras]
    origins, directions, rgba = (part[torch.cat(hits)] for part in (origins, directions, images.reshape(-1, 4)))
    start = torch.from_numpy(initial_vector()).split([rows * columns for rows, columns in SHAPES])
    matrices = [part.reshape(shape).requires_grad_() for part, shape in zip(start, SHAPES, strict=True)]
    adam = torch.optim.Adam(matrices, lr=1e-2, eps=1e-15)
    for done in range(n_steps):
        adam.param_groups[0]["lr"] = 1e-2 * 0.33 ** sum(done >= share * n_steps for share in (0.5, 0.75, 0.9))
        drawn, background = torch.randint(len(rgba), (n_rays,)), torch.rand(n_rays, 3)
        colour, alpha = rgba[drawn].split([3, 1], -1)
        truth = colour * alpha + background * (1 - alpha)
        found = shoot(matrices, origins[drawn], directions[drawn], background, hull)
        loss = ((found - truth) ** 2).mean() / 2
        watch(done, loss.item(), matrices)
        adam.zero_grad()
        loss.backward()
        adam.step()
    watch(n_steps, loss.item(), matrices)
    return [matrix.detach() for matrix in matrices]


# %% [markdown]
# Sixty lines. Fit it, and watch: now and then it renders the held-out views, at half the sample length. *Predict first:* when
# does one see that it is a chair? Which decibels does the falling learning rate buy?


# %%
def held_out(matrices, hull):
    """Held-out pictures of the field, on white, and the true ones: (m, px, px, 3) twice."""
    true = torch.from_numpy(view_set.held_out_images).float() / 255
    rays = [rays_of(c2w) for c2w in torch.from_numpy(view_set.held_out_c2w).float()]
    with torch.no_grad():
        found = torch.stack([shoot(matrices, *one, torch.ones(3), hull, STEP / 2) for one in rays])
    return found.view(*true.shape[:-1], 3).clamp(0, 1), true[..., :3] * true[..., 3:] + 1 - true[..., 3:]


def look_now(done, loss, matrices):
    """At a few steps: loss, PSNR and a picture."""
    if done in marks:
        found, true = held_out(matrices, my_hull)
        value = np.mean([float(yours.psnr(*pair)) for pair in zip(found, true, strict=True)])
        history.append({"step": done, "loss": loss, "psnr_db": value, "picture": found[side].numpy()})


marks, history, my_hull = (0, 20, 100, 250, 500, 750, 1000), [], my_carve()
started = time.perf_counter()
mine = fit_mine(my_hull, watch=look_now)
my_s = time.perf_counter() - started
pictures, truths = held_out(mine, my_hull)
my_dbs = [float(yours.psnr(*pair)) for pair in zip(pictures, truths, strict=True)]
one_nerf.check_fit(np.mean(my_dbs))
figure = one_nerf.fit_story(history, truths[side].numpy(), [500, 750, 900])
record.figure("extra-fit", figure, "A held-out view while your NeRF is fitted; above each picture its step.")

# %%
db = {row["step"]: row["psnr_db"] for row in history}
early, late = (db[100] - db[0]) / (db[1000] - db[0]), db[1000] - db[500]
on_these = "its held-out pictures of this object"
record.verdict(
    "extra-fit", f"The NeRF by hand reaches 28 dB on {on_these}", db[1000], db[1000], db[1000], above=28, unit="dB"
)
record.verdict(
    "extra-fit", "The first tenth of the steps brings more than half of the decibels", early, early, early, above=0.5
)
record.verdict(
    "extra-fit", "The falling learning rate buys half a decibel or more", late, late, late, above=0.5, unit="dB"
)
record.metric("psnr_by_hand_db", db[1000])

# %% [markdown]
# A wrong function that slipped through its check would have shown here: with a background at full strength, or an opacity
# that grows the wrong way, the fit stays below 20 dB and `check_fit` says so. Not all mistakes show: an encoding without
# $\pi$ may fit as well, but its weights mean something else, and no NeRF of this course could be read with it.
#
# ## 5. The same by the library
# `n2v.fit` runs the same recipe in compiled code (`n2v doctor` names the engine), with other random rays, and with one thing
# more: it also asks about points *outside* the hull, whose answer is nothing. Section 6 shows what that is for.

# %%
usual = fit([view_set], recipe, [seed])[0]
final = fit([view_set], replace(recipe, n_samples=4 * recipe.n_samples), [seed])[0]  # a batch as large as yours
nerf = final.nerf(view_set)
weights, occupied, shown_step = nerf.field_weights, nerf.occupied, nerf.shown_step
hit = torch.cat([my_march(*rays_of(one), my_hull)[1].sum(-1) for one in cameras])
my_samples = round(768 * float(hit[hit > 0].float().mean()))
their_dbs = one_nerf.picture_psnrs(nerf.query, occupied, view_set, shown_step)
start = held_out_psnr(torch.from_numpy(initial_vector()), final.occupied, view_set, recipe)
record.metric("psnr_db", usual.psnr_db)
record.metric("psnr_initial_vector_db", start)
record.metric("fit_s", usual.fit_s)
apart = mean_interval(np.subtract(their_dbs, my_dbs))
record.verdict(
    "extra-engines", "The library's NeRF and the one by hand are within 2 dB", *apart, within=(-2, 2),
    n=len(my_dbs), unit="dB",
)  # fmt: skip
engines = [
    {"who": "by hand, PyTorch", "samples a step": my_samples, "seconds": my_s, "psnr_db": db[1000]},
    {"who": f"n2v.fit ({final.config.backend}), as many samples", "samples a step": final.config.n_samples,
     "seconds": final.fit_s, "psnr_db": final.psnr_db},
    {"who": "n2v.fit, as the next notebooks use it", "samples a step": usual.config.n_samples, "seconds": usual.fit_s,
     "psnr_db": usual.psnr_db},
    {"who": "the initial vector, not fitted", "psnr_db": start},
]  # fmt: skip
record.table("extra-engines", engines, f"One object, {recipe.n_steps} steps: held-out PSNR (dB), one seed.")

# %% [markdown]
# ### One ray of it, looked into
# *Predict first:* on how many samples does the light of one pixel fall? *What to see:* light goes
# where the density first jumps. Behind that nobody looks, and nothing was learned there. The bars have the colour that the
# network gives to those places.

# %%
c2w, angle, fine = torch.from_numpy(view_set.c2w[0]), view_set.camera_angle_x, recipe.step / 4
place = one_ray.busiest_pixel(occupied, c2w, size.size_px, fine, angle)
ray = one_ray.look_along(nerf, c2w, size.size_px, place, fine, camera_angle_x=angle)
picture = nerf.image(c2w, size.size_px, fine, angle).numpy()
caption = "The pipeline on one real ray, sample by sample: density, absorbed share, light left, blend weight, and their pixel."
record.figure("fig-2.1", one_ray.ray_figure(ray, picture, place), caption)
heavy = np.sort(ray.weights)[::-1].cumsum()
print(f"half of this pixel's light: {int((heavy < heavy[-1] / 2).sum()) + 1} of {len(heavy)} samples")

# %% [markdown]
# Look along others: move the sliders, or call `look_along` with a row and a column of your own. Rays that graze an outline
# and rays through air are worth a look.

# %%
if interactive:
    display(RayInspector(nerf, c2w, size.size_px, fine, camera_angle_x=angle))

# %% [markdown]
# ### All of it, in one file
# The page below holds the 18,432 weights and the grid and nothing else of the object; your graphics card does what this
# notebook does, as often as it can. Turn it; cut it open; let it ask outside the occupied cells (the next section
# says what you see then). The file works without a network: `n2v view` writes one of any NeRF.

# %%
path = write_page(nerf, run / "pages" / f"{view_set.object_id}.html")
record.metric("page_kb", path.stat().st_size / 1e3)
show_page(path, 820)

# %% [markdown]
# ## 6. Empty space
# The hull below holds the object and a little more. Samples outside it are never computed, which saves most of the work.

# %%
hull = carve(view_set, recipe.grid_resolution)
figure = one_ray.rays_in_box(view_set, hull, step=recipe.step)
record.figure("extra-rays", figure, "The cameras, 25 rays of one of them, and their samples inside the visual hull.")
everywhere = torch.ones(1, 1, 1, dtype=torch.bool)
all_samples, inside = (
    int(my_march(*rays_of(cameras[0]), grid)[1].sum()) for grid in (torch.ones_like(my_hull), my_hull)
)
record.metric("samples_saved_by_hull", all_samples / inside)
print(f"hull: {float(hull.float().mean()):.1%} of the box; {all_samples / inside:.1f} times fewer samples")

# %% [markdown]
# **But a NeRF that is only ever asked in its hull knows nothing outside it.** Your loop never compared what it says there with
# anything. Look at it without its grid: *fog*. `n2v.fit` therefore draws a few points outside the hull in every step, each a ray of
# one sample over a transparent pixel. So its weights alone should say where the object is, which an encoder that reads only
# weights (notebook 04) depends on. *Predict first:* how many decibels does each of the two lose without its grid?

# %%
fogged, _ = held_out(mine, torch.ones_like(my_hull))
alone = grids_of(weights, hull, nerf.encoding)[1]
theirs = [nerf.image(view_set.held_out_c2w[side], n_px, shown_step, angle).numpy()]
theirs += [render_image(nerf.query, alone, view_set.held_out_c2w[side], n_px, angle, shown_step).numpy()]
fog_dbs = [float(yours.psnr(*pair)) for pair in zip(fogged, truths, strict=True)]
alone_dbs = one_nerf.picture_psnrs(nerf.query, alone, view_set, shown_step)
foggy = np.mean(fog_dbs)
record.metric("psnr_by_hand_without_occupancy_db", foggy)
record.metric("psnr_alone_db", final.psnr_alone_db or math.nan)
values = [db[1000], foggy, final.psnr_db, final.psnr_alone_db or math.nan]
names = ["by hand,\nin its hull", "by hand,\neverywhere", "n2v.fit,\nwith its grid", "n2v.fit,\nweights alone"]
titles = [f"{name}\n{value:.1f} dB" for name, value in zip(names, values, strict=True)]
looks = [pictures[side].numpy(), fogged[side].numpy(), *theirs, truths[side].numpy()]
caption = "Two NeRFs with and without knowledge of where to look: asked only in the hull (left two), and outside, too."
for claim, with_grid, grid_or_dbs, limit in (
    ("The NeRF by hand, asked everywhere, loses more than 3 dB", my_dbs, fog_dbs, {"above": 3}),
    ("The library's NeRF, asked wherever its weights say that something is, loses less than 1 dB", their_dbs, alone_dbs, {"below": 1}),
):  # fmt: skip
    loss_db = mean_interval(np.subtract(with_grid, grid_or_dbs))
    record.verdict("extra-fog", claim, *loss_db, **limit, n=len(my_dbs), unit="dB")
record.figure("extra-fog", sheet([looks], column_titles=[*titles, "held-out\npicture"], cell_inch=1.6), caption)

# %% [markdown]
# ## 7. The frequency encoding
# **How fine an octave can be used?** The box is 1.4 scene units wide, so octave $k$ has half periods of $1.4 / 2^k$. Samples lie
# $\delta$ apart. *Nyquist's theorem*: a wave is told from slower ones only if there are at least two samples a period, here
# $1.4 / 2^k \ge \delta$, so $k \le \log_2(1.4 / \delta)$: 5.5 at $\delta = 0.03$, 9.2 at the thesis's 0.00237. Faster octaves look
# random from sample to sample. *Predict first:* what do the samples (blue) see of the three waves?

# %%
resolved = resolved_octaves(recipe.step)
figure = one_nerf.octave_waves((1, round(resolved), round(resolved) + 3), recipe.step)
record.figure("extra-octave-waves", figure, "Three octaves over part of the box, and what the samples see of them.")
distances = {"thesis's sample step": 0.00237, "our sample step": recipe.step, "one rounding of float32": 1e-7}
figure, axis = plt.subplots(figsize=(7.5, 3.6))
for (name, distance), marker in zip(distances.items(), "os^", strict=True):
    axis.plot(neighbour_correlation(distance, 24), marker=marker, label=f"{name}: {distance:.2g}")
axis.set(xlabel="octave k", ylabel="correlation with the neighbour", xticks=range(0, 24, 2))
axis.legend(title="distance (scene units)", loc="center left", bbox_to_anchor=(1, 0.5))
record.figure("extra-octave-correlation", figure, "How much an octave at one place says about the place next to it.")

# %% [markdown]
# *What to see:* at the thesis's own step nothing above octave 9 or so says anything about the next sample, and at
# octave 23 a value says less than half about the same sample one rounding of float32 away: these inputs are noise, equal for
# every NeRF. Is noise harmless? Take octaves away and see. From here on whole networks are compared, by the library's
# `fit_variant`: one network of any width, encoding and loss, written like your loop.

# %%
comparison = replace(recipe, n_steps=1000)
seeds = size.seeds if profile in ("gpu", "thesis") else (seed,)
fits, fields = [], {}


def compare(width=64, octaves=24, step=recipe.step, loss="smooth_l1", grid=hull):
    """One row a seed, kept in `fits`; what was fitted before is looked up."""
    told = {"width": width, "octaves": octaves, "step": step, "loss": loss, "whole box": grid is not hull}
    known = [row for row in fits if told.items() <= row.items()]
    for one in seeds if not known else ():
        slower = 5 if width > 256 and octaves else 1  # at the recipe's rate this one collapses
        config = replace(comparison, step=step, learning_rate=comparison.learning_rate / slower)
        sizes = {"width": width, "n_octaves": octaves}
        network, numbers = fit_variant(view_set, config, one, **sizes, loss=loss, hull=grid)
        fields[tuple(told.values())] = network.query()
        dbs = one_nerf.picture_psnrs(network.query(), grid, view_set, step)
        known.append({**numbers, **told, "dbs": dbs})
        fits.append(known[-1])
    return known


def gain(first, second):
    """Mean difference of held-out PSNR (dB) of two comparisons, and its interval over pictures and seeds."""
    return mean_interval(np.ravel([np.subtract(a["dbs"], b["dbs"]) for a, b in zip(first, second, strict=True)]))


# %%
counts, steps = (
    ((4, 10, 24), (recipe.step,)) if profile == "smoke" else ((4, 7, 10, 16, 24), (recipe.step, recipe.step / 2))
)
rows = [row for step in steps for n in counts for row in compare(octaves=n, step=step)]
record.verdict(
    "extra-octaves", "The thesis's 24 octaves are better than 10", *gain(compare(octaves=24), compare(octaves=10)), above=0,
    n=len(view_set.held_out_images), unit="dB",
)  # fmt: skip
axis = line_chart(rows, "octaves", "psnr_db", "step")
for step, dash in zip(steps, ("-", "--"), strict=False):
    axis.axvline(1 + resolved_octaves(step), color="black", ls=dash, lw=1)
axis.set(xlabel="octaves L", ylabel="held-out PSNR (dB)", xticks=counts)
record.figure("extra-octaves", axis.figure, "Octaves against held-out PSNR; vertical: as many as the samples resolve.")
caption = f"Octaves of the encoding and held-out PSNR (dB), {len(seeds)} seed(s), 1,000 steps."
record.table("extra-octaves", over_seeds(rows, ["step", "octaves"]), caption)

# %% [markdown]
# (The interval is over held-out pictures of one object, by Student's t: it says what other views of this chair would give,
# not what other chairs would.) The course keeps all 24, because the thesis's published vectors have them.
#
# ## 8. What width and encoding buy (Fig A.1, A.2)
# The thesis compares the bare position ("identity") with the frequency encoding at three widths, on a GPU. Here the same: same
# object, same rays, same number of steps. One detail that is easily missed: tiny-cuda-nn pads the three
# inputs with ones up to sixteen, so the network without biases does have one in its first layer. Without it every unit's
# kink would pass through the same corner of the box. This run fits what its size allows; what is shipped is another chair
# (chair-0000 of the laptop profile), one seed. With 512 units and frequencies the recipe's learning rate is too high: that fit
# collapsed to a white picture (12.1 dB), so this network alone learns at a fifth of it.

# %%
widths = (64,) if profile == "smoke" else (16, 64, 256, 512)
rows = [row for octaves in (0, 24) for width in widths for row in compare(width, octaves)]
table = over_seeds(rows, ["encoding", "width"])
by_name = {(row["encoding"], row["width"]): row["psnr_db"] for row in table}
record.verdict(
    "fig-a.1", "At 64 units the frequency encoding is better than the bare position", *gain(compare(), compare(octaves=0)),
    above=0, n=len(view_set.held_out_images), unit="dB",
)  # fmt: skip
headline = f"64 wide, frequency: {by_name['frequency', 64]:.1f} dB; identity: {by_name['identity', 64]:.1f} dB"
caption = "PSNR and fitting time against width: this run, what is shipped with the course, and the thesis's own (other pictures)."
record.figure("fig-a.1", one_nerf.width_plots(rows), caption, headline=headline)
record.table("fig-a.1", table, f"Held-out PSNR (dB) and fitting time (s), 1,000 steps, {len(seeds)} seed(s).")
for octaves, name in ((0, "bare position"), (24, "frequency encoding")) if len(widths) > 1 else ():
    claim = f"With the {name}, {max(widths)} units are more than half a decibel better than 64"
    wider = gain(compare(max(widths), octaves), compare(64, octaves))
    record.verdict("fig-a.1", claim, *wider, above=0.5, n=len(view_set.held_out_images), unit="dB")


# %%
def seen_from_the_side(field):
    """A held-out view of a fitted network."""
    with torch.no_grad():
        return render_image(field, hull, view_set.held_out_c2w[side], n_px, angle, shown_step).numpy()


names, cells = {0: "identity", 24: "frequency"}, []
places = cell_centres(len(hull))[hull.reshape(-1)]
for n, name in names.items():
    those = [fields[width, n, recipe.step, "smooth_l1", False] for width in widths]
    cells.append([*map(seen_from_the_side, those), truths[side].numpy()])
    with torch.no_grad():
        sigmas, rgbs = fields[64, n, recipe.step, "smooth_l1", False](places)
    low, high = (1 - torch.exp(-sigmas * recipe.step)).quantile(torch.tensor([0.1, 0.9])).tolist()
    print(f"{name}, 64 units, over the {len(places):,} cells of the hull: a sample absorbs {low:.2f} to {high:.2f} of the light "
          f"(middle 80 %), colours vary by {float(rgbs.std(0).mean()):.3f} (standard deviation)")  # fmt: skip
figure = sheet(cells, list(names.values()), [*[f"{width} units" for width in widths], "held-out\npicture"], 1.5)
record.figure("fig-a.2", figure, "A held-out view from those networks.")
record.metric("frequency_gain_db_at_64", by_name["frequency", 64] - by_name["identity", 64])

# %% [markdown]
# *What to see:* how different a network's answers are from place to place in the hull (printed). One whose answers hardly vary
# paints the hull in one colour, at every width.
#
# <details><summary>A wide network with a bare position can draw sharp edges, too. Why does it not? (Think first; click for an answer.)</summary>
# That a function exists among a network's settings does not mean that Adam finds it. At the start a unit of the first layer rises
# evenly through the whole box, and what such units add up to is smooth. Gradient descent moves it, slow waves long before fast ones
# (*spectral bias*: Rahaman et al. 2019; Tancik et al. 2020), and a thousand steps are over before edges come. The encoding hands the
# fast waves over ready-made. The thesis's identity networks, with more samples a step and more steps, reach 23.5 to 26 dB.
# </details>
#
# ## 9. Two more choices: the loss, and where to look
# The thesis's text says L1; its code computes smooth L1, which for errors below 1 is half the squared error; NeRF's paper
# has the squared error. Adam divides a gradient by its own size, so a factor of two changes nothing but rounding. (Roundings
# grow in a thousand steps: how far those two runs end apart is what chance alone does to a single fit here.)
# And the hull: the same number of samples a step, spent in the whole box, are fewer rays.

# %%
same = gain(compare(loss="mse"), compare())
record.verdict("extra-losses", "Half the squared error and the whole are within 1 dB", *same, within=(-1, 1), unit="dB")
rows = [row for name in ("smooth_l1", "l1", "mse") for row in compare(loss=name)]
record.table("extra-losses", over_seeds(rows, ["loss"]), f"Loss against held-out PSNR (dB), {len(seeds)} seed(s).")
boxed = compare(grid=everywhere)
record.verdict("extra-empty-space", "Looking only in the hull is better", *gain(compare(), boxed), above=0, unit="dB")
rows = [
    {"samples from": name, **{key: found[0][key] for key in ("psnr_db", "fit_s", "rays_a_step")}}
    for name, found in (("hull", compare()), ("whole box", boxed))
]
record.table("extra-empty-space", rows, "Equal samples and steps, with and without the hull: dB, seconds, rays a step.")

# %% [markdown]
# ## 10. An experiment of your own
# How many pictures does a NeRF need, and does it matter which? Six cameras that stand apart show every side, but hardly any
# place twice; six neighbours see the same places from slightly different directions, which tells how deep they lie, and
# never see the back. To find out, write the first kind of choice.
#
# ### Exercise 6
# Start with camera 0; then, again and again, take the one whose *nearest* chosen camera is farthest away.


# %% tags=["exercise"]
def spread(places, n):
    """Indices of n of the cameras at places (m, 3), a NumPy array, in the order in which they are chosen."""
    ### BEGIN SOLUTION
    # HINT: keep the list of chosen indices; places[:, None] - places[chosen] has all differences at once
    chosen = [0]
    while len(chosen) < n:
        distances = np.linalg.norm(places[:, None] - places[chosen], axis=2)
        chosen.append(int(distances.min(1).argmax()))
    return chosen
    ### END SOLUTION


# %% tags=["check", "points:3"]
one_nerf.check_spread(spread)
### BEGIN HIDDEN TESTS
corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0.9, 1, 0], [0, 1, 0.0]])
assert [int(one) for one in spread(corners, 4)] == [0, 2, 1, 4], "the farthest from its nearest chosen one"
assert [int(one) for one in spread(corners, 1)] == [0], "one camera is camera 0"
### END HIDDEN TESTS

# %% [markdown]
# *Predict first:* with six pictures, how many decibels are lost against all? And which six are better, those that stand
# apart or the first of the turn, all on one side? Write both down, then run.

# %%
choose = one_nerf.check_spread.lend(spread)
plan = [(how, n) for n in (3, 6, 12) for how in ("spread", "first of the turn")]


def only(how, n):
    """The view set with n of its pictures."""
    kept = list(range(n)) if how != "spread" else choose(view_set.c2w[:, :3, 3], n)
    return replace(view_set, images=view_set.images[kept], c2w=view_set.c2w[kept])


results = fit_apart([only(*one) for one in plan], [recipe] * len(plan), seed)
few = {}
for one, result in zip(plan, results, strict=True):
    found = result.nerf(view_set)
    few[one] = one_nerf.picture_psnrs(found.query, found.occupied, view_set, shown_step)
rows = [{"pictures": n, "which": how, "psnr_db": np.mean(dbs)} for (how, n), dbs in few.items()]
rows.append({"pictures": len(view_set.images), "which": "all", "psnr_db": usual.psnr_db})
better = mean_interval(np.subtract(few["spread", 6], few["first of the turn", 6]))
record.verdict(
    "extra-views",
    "Six cameras that stand apart beat the first six of the turn",
    *better,
    above=0,
    n=len(my_dbs),
    unit="dB",
)
axis = line_chart(rows, "pictures", "psnr_db", "which")
axis.set(xlabel="pictures used", ylabel="held-out PSNR (dB)", xticks=sorted({row["pictures"] for row in rows}))
record.figure("extra-views", axis.figure, "Held-out PSNR against the number of pictures, and which.")
record.table("extra-views", rows, "Pictures used and held-out PSNR (dB), one seed.")

# %% [markdown]
# *A model answer.* Nothing but the pictures says where matter is: with fewer of them, more different fields fit all that is
# known, and Adam finds one of those. Which pictures are best is a trade of coverage against depth; the verdict says what
# this run can tell of it. To see both ways of failing, render the two from a side that the neighbours never saw.
#
# ## Result

# %%
gained = gain(compare(octaves=24), compare(octaves=10))[0]
result = [
    {"question": "loss", "thesis says": "L1", "code does": "smooth L1",
     "we measured": f"squared error {same[0]:+.1f} dB against smooth L1: the same loss but for a factor"},
    {"question": "octaves", "thesis says": "24", "code does": "24",
     "we measured": f"24 against 10: {gained:+.1f} dB; {resolved:.1f} is what our samples resolve"},
    {"question": "PSNR at 64 units", "thesis says": "34.5 dB (GPU, 224 px)", "code does": "-",
     "we measured": f"{usual.psnr_db:.1f} dB ({size.size_px} px, {recipe.n_steps} steps)"},
    {"question": "seconds a NeRF", "thesis says": "12 (RTX 3090, 1,500 to 2,000 steps)", "code does": "no fitting script published",
     "we measured": f"{usual.fit_s:.1f} ({usual.config.backend}, {recipe.n_steps} steps)"},
]  # fmt: skip
record.table("extra-result-02", result, "What the thesis says, what its code does, and what this run measured.")

# %% [markdown]
# **You learned** to derive compositing and to write it; carving, and that a NeRF must be told of emptiness; what an octave is
# for, and that most of the 24 are the same noise in every NeRF.
#
# **Further reading** Mildenhall et al. 2020 (NeRF), Max 1995 (optical models), Li et al. 2023 (NerfAcc), Tancik et al. 2020
# (Fourier features).
