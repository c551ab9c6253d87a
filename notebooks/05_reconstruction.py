# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   n2v: {needs: [zoo, nerf2vec], makes: [], minutes: {smoke: 1, laptop: 4}}
# ---

# %% [markdown]
# # 05 · What an embedding remembers
# **You will** render objects back from their embeddings and measure what was lost.
#
# **You need** notebook 04. **Time** smoke 1 min, laptop 4 min on two cores.
#
# **Afterwards you can** read a PSNR critically: over which pixels, against which truth, beside which ceiling and floor.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
import math
from pathlib import Path

import torch

from n2v import profiles
from n2v.embed.model import Nerf2Vec, load_model
from n2v.embed.reconstruct import RenderConfig, mean_of, nerf_views, reconstruction_table
from n2v.nerf.render import psnr
from n2v.seeds import seed_everything
from n2v.show.journeys import decoded_picture, nerf_picture
from n2v.show.pictures import sheet
from n2v.show.record import Recorder
from n2v.show.style import apply_style
from n2v.zoo.store import Zoo

size, run = profiles.get(profile), Path(out_dir)
record = Recorder(run, "05")
seed_everything(seed)
apply_style()
zoo = Zoo(run / "zoo")
models = {name: load_model(run / f"nerf2vec-{name}") for name in ("rows", "aligned")}

# %% [markdown]
# ## 1. Pictures (Fig 4.1)
# *What to see:* overall shape and main colours survive; thin parts and small contrasts do not. Test objects were never
# seen by the encoder, in no version.

# %%
shown = {split: zoo.indices(split)[:: max(1, len(zoo.indices(split)) // size.n_shown)] for split in ("train", "test")}
chosen = [int(index) for split in shown for index in shown[split][: size.n_shown]]
rows = [[nerf_picture(zoo, index).numpy() for index in chosen]]
for model in models.values():
    with torch.no_grad():
        codes = model.encode(torch.from_numpy(zoo.field_weights(chosen)))
    rows.append([decoded_picture(model, code).numpy() for code in codes])
titles = [f"{zoo.rows[index].class_name}\n({zoo.rows[index].split})" for index in chosen]
figure = sheet(rows, ["NeRF", "decoded,\nrows", "decoded,\naligned"], titles)
record.figure("fig-4.1", figure, "NeRF renders (top) and renders of their embeddings, training then test objects.")

# %% [markdown]
# ## 2. PSNR, three ways
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
assert abs(psnr_of(0.001) - 30) < 1e-9
assert psnr_as_printed(0.001) > 90, "as printed, 30 dB would read 92"

# %% [markdown]
# ## 3. All of them, beside what must lose
# Against the NeRF's own renders from four sides. `full_db` uses the decoded field's own occupancy; `given_db` the input
# NeRF's occupancy, as the thesis does: it tells the decoder where nothing is. A blank picture and the best single
# colour must lose. `input_db` is the NeRF against its pictures: no reconstruction can mean more than that.

# %%
n_each = {"smoke": 13}.get(profile, 40)
render = RenderConfig(n_views=4, size_px=min(size.size_px, 64))
columns = ("full_db", "foreground_db", "given_db", "blank_db", "mean_colour_db", "input_db")
table, full = [], {}
untrained = Nerf2Vec(size.rows).eval()
for name, model in {**models, "untrained (control)": untrained}.items():
    for split in ("train", "val", "test") if name in models else ("test",):
        everything = zoo.indices(split)
        indices = everything[:: max(1, math.ceil(len(everything) / n_each))]
        found = reconstruction_table(model, zoo, indices, render)
        full[name, split] = mean_of(found, "full_db")
        table.append(
            {"encoder": name, "split": split, "n": len(found), **{column: mean_of(found, column) for column in columns}}
        )
record.table("fig-4.1", table, "Mean PSNR (dB) over n NeRFs, four views each, on white; one training seed.")

# %%
floor = max(table[0]["blank_db"], table[0]["mean_colour_db"])
for name in models:
    record.metric(f"full_db_test_{name}", full[name, "test"])
    record.metric(f"full_db_train_{name}", full[name, "train"])
record.metric("full_db_test_untrained", full["untrained (control)", "test"])
record.metric("mean_colour_db", table[0]["mean_colour_db"])
assert full["rows", "train"] > full["untrained (control)", "test"], "training must help"

# %% [markdown]
# ### Exercise 2
# Which single colour gives the highest PSNR for a picture?


# %% tags=["exercise"]
def best_colour(picture):
    """Colour (3,) that minimises the mean squared error of a constant picture; picture (h, w, 3)."""
    ### BEGIN SOLUTION
    return picture.mean((0, 1))
    ### END SOLUTION


# %% tags=["check"]
picture = nerf_views(zoo, 0, render)[0, ..., :3]
best = psnr(best_colour(picture).expand_as(picture), picture)
for other in (torch.ones(3), torch.tensor([0.5, 0.5, 0.5])):
    assert best >= psnr(other.expand_as(picture), picture)

# %% [markdown]
# ## Result
# | | thesis says | code does | we measured |
# |---|---|---|---|
# | PSNR formula | -10 ln(MSE / 10) | -10 log10(MSE) | -10 log10(MSE) |
# | pixels | | 512 rays that hit something, class-ordered part of validation | whole pictures, all splits; foreground beside |
# | result | about 30 dB train, 25 validation | | the table above: far fewer NeRFs, a smaller network, minutes of training |
#
# **You learned** to ask of every PSNR: which pixels, which truth, which floor.
#
# **Further reading** Park et al. 2019 (DeepSDF) on decoders of embeddings.
