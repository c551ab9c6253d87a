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
#       smoke: 1
#     needs:
#     - zoo
#     - nerf2vec
# ---

# %% [markdown]
# # 05 · What an embedding remembers
# **You will** render objects back from their embeddings, measure what was lost, and find out where and why.
#
# **You need** notebook 04. **Time** smoke 1 min, laptop 2 min on two cores.
#
# **Afterwards you can** read a PSNR critically: by which formula, over which pixels, against which truth, beside which
# ceiling and which floor.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
import math
from pathlib import Path

import numpy as np
import torch

from n2v import profiles
from n2v.embed.model import Nerf2Vec, load_model
from n2v.embed.reconstruct import Losers, compare_reconstructions, some_of
from n2v.lessons import reconstruction as checks
from n2v.lessons.drawing.pictures import sheet
from n2v.lessons.drawing.style import apply_style
from n2v.lessons.reconstruction import plot_losers, plot_outline, plot_quality, plot_thickness
from n2v.lessons.where_lost import join_bands, psnr_chain, where_lost
from n2v.nerf.nerf import Turntable
from n2v.nerf.render import psnr
from n2v.publish.record import Recorder
from n2v.seeds import seed_everything
from n2v.tasks.metrics import reconstruction_summary
from n2v.zoo.shipped import real_zoo
from n2v.zoo.store import Zoo

size, run = profiles.get(profile), Path(out_dir)
record = Recorder(run, "05")
seed_everything(seed)
apply_style()
zoo = Zoo(run / "zoo")
models = {name: load_model(run / f"nerf2vec-{name}") for name in ("rows", "best")}
n_each = {"smoke": 4}.get(
    profile, 13
)  # NeRFs a split that are rendered, twice as many of test; classes as equal as they come
render = Turntable(n_views=2, size_px=min(size.size_px, 64))
samples = {
    split: some_of(zoo, split, n, seed) for split, n in (("train", n_each), ("val", n_each), ("test", 2 * n_each))
}

# %% [markdown]
# ## 1. Pictures (Fig 4.1)
# *What to see:* overall shape and main colours survive; thin parts and small contrasts do not. Test objects were never seen by
# the encoder, in any version. *rows* is the thesis's encoder, *best* the best one there is here (notebook 04).

# %%
chosen = [int(i) for split in ("train", "test") for i in samples[split][: size.n_shown]]
rows = [[zoo[index].render(size_px=64) for index in chosen]]
for model in models.values():
    rows.append([model.decode(model.embed(zoo[index])).render(size_px=64) for index in chosen])
titles = [f"{zoo.rows[index].class_name}\n({zoo.rows[index].split})" for index in chosen]
figure = sheet(rows, ["NeRF", *(f"decoded,\n{name}" for name in models)], titles)
record.figure("fig-4.1", figure, "NeRF renders (top) and renders of their embeddings, training then test objects.")

# %% [markdown]
# ## 2. Which formula?
# ### Exercise 1
# Write the usual formula, $-10 \log_{10} \mathrm{MSE}$ for pictures in [0, 1], and the one printed in the thesis
# (eq. 3.4), $-10 \ln(\mathrm{MSE} / 10)$.


# %% tags=["exercise"]
def psnr_of(mse):
    """Decibels, by the usual definition."""
    ### BEGIN SOLUTION
    return -10 * math.log10(mse)
    ### END SOLUTION


def psnr_as_printed(mse):
    """What the thesis's equation 3.4 gives."""
    ### BEGIN SOLUTION
    return -10 * math.log(mse / 10)
    ### END SOLUTION


# %% tags=["check"]
checks.check_formulas(psnr_of, psnr_as_printed)
### BEGIN HIDDEN TESTS
assert abs(psnr_of(0.001) - 30) < 1e-9 and abs(psnr_of(1.0)) < 1e-9
assert abs(psnr_as_printed(10.0)) < 1e-9
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Which pixels?
# Most of a picture is white. Whoever draws white there gets decibels for it, so measure the object alone as well.
#
# ### Exercise 2
# Write the mean squared error over the pixels where the true opacity exceeds 0.05.


# %% tags=["exercise"]
def foreground_mse(shown, truth, opacity):
    """Mean over object pixels and channels. Shapes: shown, truth (h, w, 3), opacity (h, w)."""
    ### BEGIN SOLUTION
    mask = opacity > 0.05
    return ((shown - truth)[mask] ** 2).mean()
    ### END SOLUTION


# %% tags=["check", "points:2"]
checks.check_foreground(foreground_mse)
### BEGIN HIDDEN TESTS
_truth = torch.zeros(2, 2, 3)
assert float(foreground_mse(_truth + 0.1, _truth, torch.tensor([[1.0, 0], [0, 0]]))) == torch.tensor(0.1) ** 2
### END HIDDEN TESTS

# %%
example = int(samples["test"][0])
truth = zoo[example].views(render)
shown = models["best"].decode(models["best"].embed(zoo[example])).views(render)
mask = truth[..., 3] > 0.05
table = []
for pixels, first, second in (("whole picture", shown[..., :3], truth[..., :3]),
                              ("object alone", shown[..., :3][mask], truth[..., :3][mask])):  # fmt: skip
    mse = float(((first - second) ** 2).mean())
    usual, printed = -10 * math.log10(mse), -10 * math.log(mse / 10)
    table.append({"pixels": pixels, "MSE": mse, "-10 log10(MSE)": usual, "-10 ln(MSE / 10)": printed})
record.table(
    "extra-formulas", table, f"One reconstruction ({zoo.object_ids[example]}), two formulas, two sets of pixels (dB)."
)

# %% [markdown]
# *What to see:* as printed, every number is 2.3 times as large plus 23. The thesis's values (about 30 and 25 dB) fit its code, the usual
# formula, over 512 rays that hit something: compare them with *object alone*, not with the whole picture.
#
# ## 4. Which floor?
# ### Exercise 3
# Which single colour gives the highest PSNR for a picture?


# %% tags=["exercise"]
def best_colour(picture):
    """Colour (3,) that minimises the mean squared error of a constant picture; picture (h, w, 3)."""
    ### BEGIN SOLUTION
    return picture.mean((0, 1))
    ### END SOLUTION


# %% tags=["check"]
checks.check_best_colour(best_colour)
### BEGIN HIDDEN TESTS
_picture = truth[0, ..., :3]
_best = psnr(best_colour(_picture).expand_as(_picture), _picture)
assert all(_best >= psnr(torch.full((3,), grey).expand_as(_picture), _picture) for grey in (0.2, 0.5, 0.8, 1.0))
### END HIDDEN TESTS

# %% [markdown]
# Four more things know nothing of a decoder, and must lose: a blank picture; the best single colour; the *nearest training NeRF*, by
# distance of the weights; and the weights themselves, squeezed through as many principal components as the embedding has
# numbers and rendered as a NeRF.
#
# ### Exercise 4
# Write that squeeze: subtract the mean of the training weights, keep the first `k` principal components, put it back together.
# (`torch.linalg.svd` of the centred training weights has them in the rows of its last matrix.)


# %% tags=["exercise"]
def kept(train, vector, k):
    """What k components keep. Shapes: train (n, w), vector (w,), result (w,)."""
    ### BEGIN SOLUTION
    mean = train.mean(0)
    basis = torch.linalg.svd(train - mean, full_matrices=False)[2][:k]
    return mean + (vector - mean) @ basis.T @ basis
    ### END SOLUTION


# %% tags=["check", "points:2"]
few = torch.from_numpy(zoo.field_weights(zoo.indices("train")[:6]))
held_out = torch.from_numpy(zoo.field_weights(example)[0])
checks.check_projection(kept, few, held_out)
### BEGIN HIDDEN TESTS
assert torch.allclose(kept(few, few[1], 5), few[1], atol=1e-3), "six vectors lie in five dimensions around their mean"
assert torch.allclose(kept(few, held_out, 0), few.mean(0), atol=1e-5)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. All of it: three splits, two encoders, four losers
# Each NeRF's decoded embedding against the NeRF's own renders. *own*: through the decoded field's own occupancy. *given*: through the
# input NeRF's, as the thesis renders; that tells the decoder where nothing is, and is worth some decibels over the whole picture.
# Over the object alone it may cost: what was decoded outside the grid is cut off.

# %%
losers = Losers(zoo, zoo.indices("train"), models["best"].config.encoder.embedding)
found = []
for split, indices in samples.items():
    at_test = split == "test"
    found += compare_reconstructions(models, zoo, indices, render, losers if at_test else None, at_test, where_lost)
summary = reconstruction_summary(found)
value = {(row["what"], row["occupancy"], row["split"]): row for row in summary}
headline = (
    ", ".join(f"{value['best', 'own', split]['foreground_db']:.1f} dB {split}" for split in samples) + " (object alone)"
)
caption = f"Mean PSNR (dB) and SSIM over n NeRFs, {render.n_views} views each on white; ± is the 95 % interval of foreground_db."
record.table("fig-4.1", summary, caption, headline)

# %%
own = [row for row in found if row["occupancy"] == "own"]
caption = "Foreground PSNR of reconstructions, NeRF by NeRF; box: middle half, line: median, diamond: mean."
record.figure("extra-distribution", plot_quality(own), caption)
at_test = [row for row in summary if row["split"] == "test"]
ceiling = float(np.mean([zoo.rows[int(i)].psnr_db for i in samples["test"]]))
record.figure(
    "extra-losers", plot_losers(at_test, ceiling), "Test NeRFs: reconstructions above what must lose to them."
)

# %%
for name in models:
    for split in samples:
        record.metric(f"foreground_db_{split}_{name}", value[name, "own", split]["foreground_db"])
        record.metric(f"full_db_{split}_{name}", value[name, "own", split]["full_db"])
best_loser = max(row["foreground_db"] for row in at_test if row["occupancy"] == "-")
record.metric("foreground_db_best_loser", best_loser)
record.metric("ceiling_db", ceiling)
torch.manual_seed(seed)
same = samples["test"][:4]  # a control: the same encoder without any training
control = compare_reconstructions({"untrained": Nerf2Vec(size.models["rows"]).eval()}, zoo, same, render, given=False)
ids = {row["object_id"] for row in control}
nothing = float(np.mean([row["foreground_db"] for row in control]))
for name in models:
    mine = [row["foreground_db"] for row in own if row["what"] == name and row["object_id"] in ids]
    record.metric(f"foreground_gain_over_untrained_{name}", float(np.mean(mine)) - nothing)
    print(f"{name}: {np.mean(mine):.1f} dB on {len(ids)} test objects, an untrained network {nothing:.1f} dB")
print(
    f"best loser {best_loser:.1f} dB, best encoder {value['best', 'own', 'test']['foreground_db']:.1f} dB on the object alone"
)

# %% [markdown]
# ### Real objects
# The same encoders and decoder on NeRFs of real models, none of which any of them has seen. The nearest training NeRF is
# one of this run's: whoever cannot draw better than it has learned to look up.

# %%
real = real_zoo()
asked = some_of(real, None, 2 * n_each, seed)
known = Losers(zoo, zoo.indices("train"), models["best"].config.encoder.embedding, asked=real)
at_real = reconstruction_summary(compare_reconstructions(models, real, asked, render, known))
record.table("extra-real-decoded", at_real, f"{len(asked)} real objects: PSNR (dB) and SSIM as above.")
few = [real[int(index)] for index in asked[: size.n_shown]]
pictures = [
    [nerf.render() for nerf in few],
    [models["best"].decode(models["best"].embed(nerf)).render() for nerf in few],
]
titles = [nerf.class_name for nerf in few]
record.figure(
    "extra-real-decoded", sheet(pictures, ["NeRF", "decoded,\nbest"], titles), "Real objects, never trained on."
)

# %% [markdown]
# *What to see:* where train lies above validation and test, the difference is memory. Over the whole picture even a blank sheet is not far
# away; over the object alone it is. And the nearest training NeRF and a PCA of the weights are serious opponents where the
# training set is small: whoever reports a reconstruction owes them.
#
# ## 6. Which ceiling?
# The truth here is the *NeRF*, which is itself only some 30 dB from the pictures. What is a reconstruction worth against the
# pictures?
#
# ### Exercise 5
# Two independent errors, each alone of a known PSNR: what is the PSNR of both together?


# %% tags=["exercise"]
def combined_db(first, second):
    """PSNR (dB) of a chain of two independent errors."""
    ### BEGIN SOLUTION
    return -10 * math.log10(10 ** (-first / 10) + 10 ** (-second / 10))
    ### END SOLUTION


# %% tags=["check", "points:2"]
checks.check_chain(combined_db)
### BEGIN HIDDEN TESTS
assert abs(combined_db(30, 30) - (30 - 10 * math.log10(2))) < 1e-9
assert abs(combined_db(20, 200) - 20) < 1e-6
### END HIDDEN TESTS

# %%
table = []
for name in models:
    for split in samples:
        one = value[name, "own", split]["full_db"]
        above = float(np.mean([zoo.rows[int(i)].psnr_db for i in samples[split]]))
        expected = psnr_chain(one, above)
        table.append({"encoder": name, "split": split, "decoded vs NeRF": one, "NeRF vs pictures": above,
                      "decoded vs pictures, expected": expected, "lost to the NeRF": one - expected})  # fmt: skip
record.table("extra-ceiling", table, "Whole pictures (dB): what the NeRFs' own error adds, if the two are independent.")

# %% [markdown]
# ## 7. What is lost, and why
# Three questions to the same pictures. **Where** on the object is the error? **What kind** is it: a wrong outline, a wrong colour of the
# whole object, or missing detail? And **which objects** lose most?

# %%
tested = [row for row in own if row["split"] == "test"]
bands, kinds, correlation = {}, [], {}
for name in models:
    mine = [row for row in tested if row["what"] == name]
    bands[name] = join_bands([row["bands"] for row in mine])
    shares = {
        key: float(np.nanmean([row["error_shares"][key] for row in mine])) for key in ("shape", "colour", "detail")
    }
    kinds.append({"encoder": name, "n": len(mine), **shares})
    pair = np.array([[row["thickness_px"], row["foreground_db"]] for row in mine])
    correlation[name] = float(np.corrcoef(pair.T)[0, 1])
    record.metric(f"thickness_correlation_{name}", correlation[name])
caption = "Error of test reconstructions against the distance from the object's outline."
record.figure("extra-outline", plot_outline(bands), caption)
caption = "Shares of the squared error: wrong outline, one colour shift of the object, detail (mean over test NeRFs)."
record.table("extra-error-kinds", kinds, caption)
caption = "Foreground PSNR against thickness, one mark a test NeRF; correlation " + ", ".join(
    f"{one:+.2f} ({name})" for name, one in correlation.items()
)
record.figure("extra-thickness", plot_thickness(tested), caption)

# %% [markdown]
# *What to see:* first, the outline. A pixel next to it is all or nothing, so an outline that is off by one pixel costs as much as a
# colour that is off everywhere; compare the error just inside it with the error deep inside, and the share of *shape* in the
# table with that of *colour*. Then, thickness: of a thin leg everything is outline. The caption says how strong that link is
# here; with few objects it is a hint, not a law.
#
# ## Result
# | | thesis says | code does | we measured |
# |---|---|---|---|
# | PSNR formula | -10 ln(MSE / 10) | -10 log10(MSE) | -10 log10(MSE); both in section 2 |
# | pixels | | 512 rays that hit something | object alone and whole picture, train, validation and test |
# | which NeRFs | | class-ordered part of validation | drawn with a seed, classes as equal as they come |
# | result | about 30 dB train, 25 validation | | table of section 5: far fewer NeRFs, a smaller network, minutes of training |
# | beside it | | | ceiling (the input NeRF) and four losers |
#
# **You learned** to ask of every PSNR: which formula, which pixels, which truth, which ceiling, which floor.
#
# **Further reading** Park et al. 2019 (DeepSDF) on decoders of embeddings; Wang et al. 2004 on SSIM.
