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
#     - zoo
#     - nerf2vec
# ---

# %% [markdown]
# # 05 · What an embedding remembers
# **You will** render objects back from their embeddings, measure what was lost, and find out where and why.
#
# **You need** notebook 04. **Time** smoke 2 min, laptop 4 min on two cores. **Elsewhere** (Binder, Colab; no GPU needed):
# [docs/elsewhere.md](../docs/elsewhere.md).
#
# **Afterwards you can** read a PSNR critically: by which formula, over which pixels, against which truth, beside which
# ceiling and which floor; and say how many numbers an object needs.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch

from n2v import profiles
from n2v.embed.model import Nerf2Vec, load_model
from n2v.embed.reconstruct import LOSERS, Losers, compare_reconstructions, some_of
from n2v.files import read_json
from n2v.lessons import reconstruction as lesson
from n2v.lessons.drawing.charts import line_chart
from n2v.lessons.drawing.pictures import sheet
from n2v.lessons.drawing.style import apply_style
from n2v.lessons.reconstruction import climb, gain, gap, plot_ladder, plot_losers, rungs
from n2v.lessons.verdict import mean_interval
from n2v.lessons.where_lost import join_bands, outline_and_inside, where_lost
from n2v.nerf.nerf import Turntable
from n2v.nerf.render import psnr
from n2v.publish.record import Recorder
from n2v.seeds import seed_everything
from n2v.tasks.metrics import reconstruction_summary
from n2v.zoo.shipped import is_mini_zoo, mini_zoo, real_zoo
from n2v.zoo.store import Zoo

size, run = profiles.get(profile), Path(out_dir)
record = Recorder(run, "05")
seed_everything(seed)
apply_style()
zoo, known, real = Zoo(run / "zoo"), mini_zoo(), real_zoo()
models = {name: load_model(run / f"nerf2vec-{name}") for name in ("rows", "best")}
trained = read_json(run / "nerf2vec-rows" / "run.json")
n_each = {"smoke": 4}.get(profile, 13)  # NeRFs a split that are rendered, of test twice as many; classes alike
render = Turntable(n_views=2, size_px=min(size.size_px, 64))
wanted = {"train": n_each, "val": n_each, "test": 2 * n_each}
samples = {split: some_of(zoo, split, n, seed) for split, n in wanted.items()}
bases = {row.object_id: row.base_id for row in zoo.rows}
print(f"rows: the thesis's encoder, trained in notebook 04: {trained['n_nerfs']} NeRFs, {trained['steps']} steps, "
      f"{models['rows'].config.encoder.embedding} numbers")  # fmt: skip
print(f"best: the shipped model, {models['best'].config.encoder.embedding} numbers")
if not is_mini_zoo(zoo):
    print("This run's zoo is its own: some of its objects may be among those that 'best' was trained on.")

# %% [markdown]
# ## 1. Pictures (Fig 4.1)
# First what the shipped model, *best*, makes of objects that it has never seen: held-out ones of the mini zoo, and things that artists
# made, from the real zoo. *own*: seen through what the decoder itself takes for occupied; *given*: through the NeRF's own cells, as
# the thesis renders. *refined*: the embedding moved by 100 steps of descent on what the decoder shows of the NeRF (`n2v.embed.refine`);
# the decoder stays as it is, so what refinement gains is what the encoder lost. Last, *given* as well, *rows*: the thesis's
# encoder and decoder as this run could train them.
#
# *Predict first:* what survives, and what is lost: outline, main colours, thin parts, small patterns? Section 8 measures it.

# %%
unseen = [known[int(i)] for i in some_of(known, "test", 4, seed)] + [real[int(i)] for i in some_of(real, None, 4, seed)]
pictures, names = [[nerf.render(size_px=128) for nerf in unseen]], ["NeRF"]
by_rows = f"rows, given\n({trained['steps']} steps,\n{trained['n_nerfs']} NeRFs)"
for name, given, steps, title in (
    ("best", 0, 0, "best, own"),
    ("best", 1, 0, "best, given"),
    ("best", 1, 100, "best, refined,\ngiven"),
    ("rows", 1, 0, by_rows),
):
    model = models[name]
    fields = [
        model.decode(model.embed(nerf, steps), **({"occupied": nerf.occupied} if given else {})) for nerf in unseen
    ]
    pictures.append([field.render(size_px=128) for field in fields])
    names.append(title)
titles = [f"{nerf.class_name}\n({'mini' if i < 4 else 'real'} zoo)" for i, nerf in enumerate(unseen)]
figure = sheet(pictures, names, titles, cell_inch=1.35)
record.figure("fig-4.1", figure, "Objects that no training has seen (top) and what is drawn from their embeddings.")

# %% [markdown]
# ## 2. Which formula?
# ### Exercise 1
# Write the usual formula, $-10 \log_{10} \mathrm{MSE}$ for pictures in [0, 1], and the one printed in the thesis
# (eq. 3.4), $-10 \ln(\mathrm{MSE} / 10)$.
#
# *Predict first:* which of the two gives more for an MSE of 0.01, and by how much?


# %% tags=["exercise"]
def psnr_of(mse):
    """Decibels, by the usual definition."""
    ### BEGIN SOLUTION
    # HINT: minus ten times the decimal logarithm: math.log10
    return -10 * math.log10(mse)
    ### END SOLUTION


def psnr_as_printed(mse):
    """What the thesis's equation 3.4 gives."""
    ### BEGIN SOLUTION
    # HINT: math.log is the natural logarithm
    return -10 * math.log(mse / 10)
    ### END SOLUTION


# %% tags=["check"]
lesson.check_formulas(lambda mse: (psnr_of(mse), psnr_as_printed(mse)))
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
    # HINT: a mask of shape (h, w) picks pixels of a picture (h, w, 3), with all their channels
    mask = opacity > 0.05
    return ((shown - truth)[mask] ** 2).mean()
    ### END SOLUTION


# %% tags=["check", "points:2"]
lesson.check_foreground(foreground_mse)
### BEGIN HIDDEN TESTS
_truth = torch.zeros(2, 2, 3)
assert float(foreground_mse(_truth + 0.1, _truth, torch.tensor([[1.0, 0], [0, 0]]))) == torch.tensor(0.1) ** 2
### END HIDDEN TESTS

# %%
both = lesson.check_formulas.lend(lambda mse: (psnr_of(mse), psnr_as_printed(mse)))
example = int(samples["test"][0])
truth = zoo[example].views(render)
shown = models["best"].decode(models["best"].embed(zoo[example])).views(render)
mask = truth[..., 3] > 0.05
table = []
for pixels, first, second in (("whole picture", shown[..., :3], truth[..., :3]),
                              ("object alone", shown[..., :3][mask], truth[..., :3][mask])):  # fmt: skip
    mse = float(((first - second) ** 2).mean())
    usual, printed = both(mse)
    table.append({"pixels": pixels, "MSE": mse, "-10 log10(MSE)": usual, "-10 ln(MSE / 10)": printed})
record.table(
    "extra-formulas", table, f"One reconstruction ({zoo.object_ids[example]}), two formulas, two sets of pixels (dB)."
)

# %% [markdown]
# As printed, every number is 2.3 times as large plus 23. The thesis's values (about 30 and 25 dB) fit its code, the usual
# formula, over 512 rays that hit something: compare them with *object alone*, not with the whole picture.
#
# ## 4. Which floor?
# ### Exercise 3
# Which single colour gives the highest PSNR for a picture?
#
# *Predict first:* white, the object's colour, or something between?


# %% tags=["exercise"]
def best_colour(picture):
    """Colour (3,) that minimises the mean squared error of a constant picture; picture (h, w, 3)."""
    ### BEGIN SOLUTION
    # HINT: set the derivative of the squared error to zero: which average comes out?
    return picture.mean((0, 1))
    ### END SOLUTION


# %% tags=["check"]
lesson.check_best_colour(best_colour)
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
#
# *Predict first:* what does the decoded picture of a mean of weights look like: a mean object, or none?


# %% tags=["exercise"]
def kept(train, vector, k):
    """What k components keep. Shapes: train (n, w), vector (w,), result (w,)."""
    ### BEGIN SOLUTION
    # HINT: how far does the centred vector reach along each of the k directions? go that far along them, from the mean
    mean = train.mean(0)
    basis = torch.linalg.svd(train - mean, full_matrices=False)[2][:k]
    return mean + (vector - mean) @ basis.T @ basis
    ### END SOLUTION


# %% tags=["check", "points:2"]
few = torch.from_numpy(zoo.field_weights(zoo.indices("train")[:6]))
held_out = torch.from_numpy(zoo.field_weights(example)[0])
lesson.check_projection(kept, few, held_out)
### BEGIN HIDDEN TESTS
assert torch.allclose(kept(few, few[1], 5), few[1], atol=1e-3), "six vectors lie in five dimensions around their mean"
assert torch.allclose(kept(few, held_out, 0), few.mean(0), atol=1e-5)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. All of it: three splits, two encoders, four losers
# Each NeRF's decoded embedding against the NeRF's own renders. *own*: through the decoded field's own occupancy. *given*: through the
# input NeRF's, as the thesis renders; that tells the decoder where nothing is, and is worth decibels over the whole picture.
# Over the object alone it may cost: what was decoded outside the grid is cut off.

# %%
losers = Losers(zoo, zoo.indices("train"), models["best"].config.encoder.embedding)
found = []
for split, indices in samples.items():
    at_test = split == "test"
    found += compare_reconstructions(models, zoo, indices, render, losers if at_test else None, at_test, where_lost)
summary = reconstruction_summary(found)
value = {(row["what"], row["occupancy"], row["split"]): row for row in summary}
headline = "rows, object alone: " + ", ".join(
    f"{value['rows', 'own', one]['foreground_db']:.1f} dB {one}" for one in samples
)
caption = f"PSNR (dB) and SSIM, mean of n NeRFs, {render.n_views} views on white; ±: 95 % interval of the foreground's."
record.table("fig-4.1", summary, caption, headline)

# %%
own = [row for row in found if row["occupancy"] == "own"]
caption = "Foreground PSNR of reconstructions, NeRF by NeRF; box: middle half, line: median, triangle: mean."
figure, axis = plt.subplots(figsize=(8, 3.4))
sns.boxplot(pd.DataFrame(own), x="split", y="foreground_db", hue="what", showmeans=True, fliersize=2, ax=axis)
axis.set_ylabel("foreground PSNR (dB)")
record.figure("extra-distribution", figure, caption)
at_test = [row for row in summary if row["split"] == "test"]
ceiling = float(np.mean([zoo.rows[int(i)].psnr_db for i in samples["test"]]))
caption = "Test NeRFs of this run: reconstructions, and what knows no decoder."
record.figure("extra-losers", plot_losers(at_test, ceiling), caption)

# %% [markdown]
# What the numbers above say about sentences that are easily written about such a table:

# %%
tested = [row for row in found if row["split"] == "test" and row["occupancy"] in ("own", "-")]
for name in models:
    of_it = {one: [row for row in own if (row["what"], row["split"]) == (name, one)] for one in ("train", "test")}
    difference, low, high = gap(of_it["train"], of_it["test"], bases)
    claim = f"'{name}' draws training objects better than test objects"
    record.verdict("fig-4.1", claim, difference, low, high, above=0, n=len(of_it["test"]), unit="dB")
for name in models:
    difference, low, high, n = gain(tested, name, LOSERS[2], bases)
    claim = f"'{name}' draws a test object better than the nearest training NeRF does"
    record.verdict("extra-losers", claim, difference, low, high, above=0, n=n, unit="dB")
difference, low, high, n = gain(tested, "best", LOSERS[0], bases, "full_db")
given = [row for row in found if row["split"] == "test" and row["occupancy"] in ("given", "-")]
for name in models:
    for measure, what in (("foreground_db", "object alone"), ("full_db", "whole picture")):
        apart, lower, upper, n = gain(given, name, LOSERS[3], bases, measure)
        claim = (
            f"'{name}', given, draws better than as many principal components of the weights ({what}, the same cells)"
        )
        record.verdict("extra-losers", claim, apart, lower, upper, above=0, n=n, unit="dB")
claim = "Over the whole picture 'best' is more than 6 dB from a blank sheet"
record.verdict("extra-losers", claim, difference, low, high, above=6, n=n, unit="dB")

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
difference, low, high, n = gain([*control, *tested], "rows", "untrained", bases)
record.metric("foreground_gain_over_untrained_rows", difference)
claim = "Training helped 'rows' at all: it draws test objects better than the same network untrained"
record.verdict("extra-losers", claim, difference, low, high, above=0, n=n, unit="dB")

# %% [markdown]
# ### Real objects
# The same models on NeRFs of things that artists made, which none of them has seen. The nearest training NeRF is one of this
# run's: whoever cannot draw better than it has learned to look up.

# %%
asked = some_of(real, None, 2 * n_each, seed)
near = Losers(zoo, zoo.indices("train"), models["best"].config.encoder.embedding, asked=real)
of_real = [{**row, "split": "real"} for row in compare_reconstructions(models, real, asked, render, near)]
record.table(
    "extra-real-decoded", reconstruction_summary(of_real), f"{len(asked)} real objects: PSNR (dB) and SSIM as above."
)
fair = [row for row in of_real if row["occupancy"] in ("own", "-")]
for name in models:
    difference, low, high, n = gain(fair, name, LOSERS[2], {row.object_id: row.base_id for row in real.rows})
    claim = f"'{name}' draws a real object better than the nearest training NeRF does"
    record.verdict("extra-real-decoded", claim, difference, low, high, above=0, n=n, unit="dB")

# %% [markdown]
# <details><summary>The mean colour beats the blank sheet over the whole picture, and yet looks worse. What does that say about PSNR? (Think first; click for an answer.)</summary>
# PSNR charges a large error once and a small error everywhere by the same rule: squares, averaged. A grey veil over the sheet is a small
# error at every pixel, which the eye minds more than the sum does. So one number is not enough: hence the object alone, SSIM, the
# pictures themselves, and losers beside them, to know what a number is worth.
# </details>
#
# ## 6. How many numbers does an object need?
# What bounds a reconstruction: the encoder, the decoder, or the few numbers between them? Take both networks away. Ask a NeRF at $g^3$
# points (opacity and colour, four numbers a point), interpolate between them, and draw *that*. It needs no training, works on any
# NeRF, and its price is known: $4 g^3$ numbers. All is drawn through the NeRF's own cells (*given*), so that only what is inside counts.
#
# Beside it, *principal components*: of all 32³ answers, not of weights; the shipped encoder begins with them.
#
# *Predict first:* how many points a side until this draws better than an embedding of about a thousand numbers?

# %%
climbers = [known[int(i)] for i in some_of(known, "test", {"smoke": 8}.get(profile, 12), seed)]
asking = (
    models["best"].encoder if hasattr(models["best"].encoder, "front") else load_model(run / "nerf2vec-asking").encoder
)
steps = climb(climbers, asking.front, models, render)
caption = f"Object alone, mean of {len(climbers)} held-out NeRFs of the mini zoo, against how many numbers are kept."
means = pd.DataFrame(steps).groupby(["what", "numbers"], sort=False)["foreground_db"].mean()
table = means.reset_index().to_dict("records")
record.figure("extra-ladder", plot_ladder(table), caption)
record.table("extra-ladder", table, f"The same as numbers (dB); {len(climbers)} NeRFs.")

# %%
one = max(climbers, key=lambda nerf: float(nerf.occupied.float().mean()))  # the one that fills most of its box
fields = rungs(one, asking.front, models, render.step)
drawn = [name for name in fields if name not in ("6³ answers",)]
figure = sheet([[one.render(size_px=96), *(fields[name][1].render(size_px=96) for name in drawn)]], None,
               ["NeRF", *(f"{name.replace(' ', chr(10))}\n({fields[name][0]:,})" for name in drawn)], 1.25)  # fmt: skip
record.figure("extra-ladder-pictures", figure, f"{one.object_id}, drawn from more and more numbers (in brackets).")

# %%
origin = {row.object_id: row.base_id for row in known.rows}
for against, claim in (
    ("8³ answers", "The shipped embedding draws better than 8³ answers, which are 2,048 numbers"),
    ("12³ answers", "The shipped embedding draws better than 12³ answers, which are 6,912 numbers"),
    ("32³ answers", "The shipped embedding draws better than all 32³ answers that it was made from"),
):
    difference, low, high, n = gain(steps, "embedding, best", against, origin)
    record.verdict("extra-ladder", claim, difference, low, high, above=0, n=n, unit="dB")
difference, low, high, n = gain(steps, "embedding, best, refined", "embedding, best", origin)
claim = "The encoder, not the decoder, bounds the shipped model: its refined embedding draws more than 1 dB better"
record.verdict("extra-ladder", claim, difference, low, high, above=1, n=n, unit="dB")
difference, low, high, n = gain(steps, "embedding, best", "embedding, rows", origin)
claim = "The shipped embedding draws better than that of the thesis's encoder as trained here"
record.verdict("extra-ladder", claim, difference, low, high, above=0, n=n, unit="dB")

# %% [markdown]
# The line is what *pooling* buys. Whoever lies above it at the same number of numbers has learned what objects look like. The dotted
# line is all that an asking encoder is told: beyond it a decoder can only guess from what such objects usually have between
# the points.
#
# <details><summary>Even all 131,072 answers are far from the NeRF. What is missing? (Think first; click for an answer.)</summary>
# Whatever is finer than a cell, 1/32 of the box: a surface may lie anywhere within a cell, so outlines are soft by half a cell; thin bars
# and patterns fall between the points. The same NeRF asked at 64³ points would be closer, for eight times the numbers. Much of a PSNR
# over the object alone is such outline: section 8 measures how much.
# </details>
#
# ## 7. Which ceiling?
# The truth here is the *NeRF*, which itself misses the pictures (by how much: "NeRF vs pictures" below). What is a
# reconstruction worth against the pictures?
#
# ### Exercise 5
# Two independent errors, each alone of a known PSNR: what is the PSNR of both together?
#
# *Predict first:* 30 dB and 30 dB: what comes out?


# %% tags=["exercise"]
def combined_db(first, second):
    """PSNR (dB) of a chain of two independent errors."""
    ### BEGIN SOLUTION
    # HINT: from decibels back to squared errors; of independent errors these add up
    return -10 * math.log10(10 ** (-first / 10) + 10 ** (-second / 10))
    ### END SOLUTION


# %% tags=["check", "points:2"]
lesson.check_chain(combined_db)
### BEGIN HIDDEN TESTS
assert abs(combined_db(30, 30) - (30 - 10 * math.log10(2))) < 1e-9
assert abs(combined_db(20, 200) - 20) < 1e-6
### END HIDDEN TESTS

# %%
chain = lesson.check_chain.lend(combined_db)
table = []
for name in models:
    for split in samples:
        one = value[name, "own", split]["full_db"]
        above = float(np.mean([zoo.rows[int(i)].psnr_db for i in samples[split]]))
        expected = chain(one, above)
        table.append({"encoder": name, "split": split, "decoded vs NeRF": one, "NeRF vs pictures": above,
                      "decoded vs pictures, expected": expected, "lost to the NeRF": one - expected})  # fmt: skip
record.table("extra-ceiling", table, "Whole pictures (dB): what the NeRFs' own error adds, if the two are independent.")

# %% [markdown]
# ## 8. What is lost, and why
# Two questions to the same pictures. **Where** on the object is the error? And **what kind** is it: a wrong outline, a wrong colour of
# the whole object, or missing detail?
#
# *Predict first:* at the outline or inside?

# %%
tested = [row for row in own if row["split"] == "test"]
of_model = {name: [row for row in tested if row["what"] == name] for name in models}
bands = {name: [row["bands"] for row in mine] for name, mine in of_model.items()}
axis = line_chart(
    [{"encoder": name, **row} for name, each in bands.items() for row in join_bands(each)],
    "distance_px", "rms_error", "encoder",
)  # fmt: skip
axis.axvline(0, color="black", lw=1)
axis.set(xlabel="distance from the outline (pixels; right of 0: on the object)", ylabel="RMS colour error (0 to 1)")
caption = "Error of test reconstructions against the distance from the object's outline."
record.figure("extra-outline", axis.figure, caption)
for name, each in bands.items():
    apart = np.array(outline_and_inside(each))
    claim = f"'{name}': within 1.5 pixels of the outline the error on the object is larger than farther inside"
    record.verdict("extra-outline", claim, *mean_interval(apart), above=0, n=np.isfinite(apart).sum())

# %%
kinds = []
for name, mine in of_model.items():
    shares = {
        key: float(np.nanmean([row["error_shares"][key] for row in mine])) for key in ("shape", "colour", "detail")
    }
    kinds.append({"encoder": name, "n": len(mine), **shares})
caption = "Shares of the squared error: wrong outline, one colour shift of the object, detail (mean over test NeRFs)."
record.table("extra-error-kinds", kinds, caption)

# %% [markdown]
# A pixel next to the outline is all or nothing, so an outline that is off by one pixel costs as much there as a colour that is off
# everywhere; and of a thin leg everything is outline. Whether that decides here is what the verdict says.
#
# ## Result

# %%
alone = {
    name: ", ".join(f"{value[name, 'own', split]['foreground_db']:.1f} dB {split}" for split in samples)
    for name in models
}
cards = [
    {"question": "PSNR formula", "thesis says": "-10 ln(MSE / 10)", "code does": "-10 log10(MSE)",
     "we measured": f"one object, one error: {printed:.1f} by the first, {usual:.1f} dB by the second"},
    {"question": "pixels", "thesis says": "-", "code does": "512 rays that hit something",
     "we measured": f"'best' on test: object alone {value['best', 'own', 'test']['foreground_db']:.1f} dB, whole picture "
     f"{value['best', 'own', 'test']['full_db']:.1f} dB"},
    {"question": "which NeRFs", "thesis says": "-", "code does": "class-ordered part of validation",
     "we measured": f"{len(samples['test'])} test NeRFs drawn with a seed, classes as equal as they come"},
    {"question": "result", "thesis says": "about 30 dB train, 25 validation", "code does": "-",
     "we measured": f"object alone: rows ({trained['n_nerfs']} NeRFs, {trained['steps']:,} steps) {alone['rows']}; best {alone['best']}"},
    {"question": "beside it", "thesis says": "-", "code does": "-",
     "we measured": f"object alone, best of the losers {best_loser:.1f} dB; whole picture, the input NeRFs {ceiling:.1f} dB"},
]  # fmt: skip
record.table("extra-card-reconstruction", cards, "Thesis, code and this run: reconstruction.")

# %% [markdown]
# **You learned** to ask of every PSNR: which formula, which pixels, which truth, which ceiling, which floor; and of every embedding:
# what would as many plain numbers have done?
#
# **Further reading** Park et al. 2019 (DeepSDF) on decoders of embeddings; Wang et al. 2004 on SSIM.
