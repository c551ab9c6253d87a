# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   n2v:
#     made_by:
#     - n2v.embed.embeddings
#     - n2v.embed.model
#     - n2v.embed.train
#     makes:
#     - nerf2vec
#     - embeddings
#     minutes:
#       laptop: 11
#       smoke: 1
#     needs:
#     - zoo
# ---

# %% [markdown]
# # 04 · nerf2vec: from weights to an embedding
# **You will** train two encoders that read a NeRF's weights, and a decoder that renders the object from the embedding.
#
# **You need** notebooks 02 and 03. **Time** smoke 1 min, laptop 11 min on two cores.
#
# **Afterwards you can** say what each encoder sees and what it is blind to, why the decoder never looks at weights, and
# what five small differences between thesis, code and sound practice do.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from n2v import profiles
from n2v.embed import model as shipped
from n2v.embed.batches import TrainingSet
from n2v.embed.embeddings import embed_zoo
from n2v.embed.encoder import kept_weights, leading_directions, make_encoder, weight_matrix
from n2v.embed.model import ModelConfig, Nerf2Vec, load_model
from n2v.embed.recipe import Protocol
from n2v.embed.train import TrainConfig, batch_loss, train
from n2v.errors import BadInput
from n2v.files import read_json
from n2v.lessons import nerf2vec as checks
from n2v.lessons import thesis_and_code as cards
from n2v.lessons.drawing.diagrams import DATA_COLOUR, LAYER_COLOUR, flow, framework, layer_boxes, matrix_picture
from n2v.lessons.drawing.plots import map_figure, project
from n2v.lessons.drawing.style import apply_style
from n2v.lessons.nerf2vec import plot_blindness, plot_front, plot_schedules, plot_training
from n2v.machine import fast_bfloat16
from n2v.nerf.layout import initial_vector
from n2v.nerf.march import camera_rays
from n2v.nerf.nerf import Turntable
from n2v.publish.demos.embedding_map import write_map_page
from n2v.publish.record import Recorder
from n2v.scenes.cameras import CAMERA_ANGLE_X, front_camera
from n2v.seeds import seed_everything
from n2v.tasks.bars import bars
from n2v.tasks.read import encoder_measures, reader_measures
from n2v.tasks.timing import time_call
from n2v.zoo.shipped import is_mini_zoo
from n2v.zoo.store import Zoo

size, run = profiles.get(profile), Path(out_dir)
record = Recorder(run, "04")
seed_everything(seed)
apply_style()
zoo = Zoo(run / "zoo")
train_split, test_split = zoo.indices("train"), zoo.indices("test")


def stream(name: int = 0):
    """A generator of its own for each use."""
    return torch.Generator().manual_seed(1000 * seed + name)


# %% [markdown]
# ## 1. The idea (Fig 1.1)
# An auto-encoder would have to give back 18,432 weights, although very different weights can show the same object. So
# the decoder is asked for something else: density and colour at any position. What the NeRF *does* is kept, not how.

# %%
caption = "The framework. The target does not pass through the encoder: the NeRF is asked at the same positions."
record.figure("fig-1.1", framework(), caption)

# %% [markdown]
# ## 2. The encoder's input (Fig 3.5)
# The four matrices are laid end to end, padded, and cut again into 336 rows of 64. *What to see:* on the left the
# initial vector dominates; on the right, what is left without it, is what this object wrote into its weights.

# %%
first = torch.from_numpy(zoo.field_weights(0))
start = torch.from_numpy(initial_vector())[None]
figure = matrix_picture(weight_matrix(first)[0].numpy(), weight_matrix(start)[0].numpy())
record.figure("fig-3.5", figure, f"Weight matrix of {zoo.object_ids[0]} (left) and its change since the start (right).")

# %% [markdown]
# ### Exercise 1
# Cut one vector into the matrix yourself: 18,432 numbers, then 3,072 zeros, row by row.


# %% tags=["exercise"]
def my_matrix(vector):
    """(18432,) to (336, 64)."""
    ### BEGIN SOLUTION
    return torch.cat([vector, torch.zeros(3072)]).reshape(336, 64)
    ### END SOLUTION


# %% tags=["check"]
checks.check_matrix(my_matrix)
### BEGIN HIDDEN TESTS
assert torch.equal(my_matrix(first[0]), weight_matrix(first)[0])
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Encoder and decoder (Fig 3.4, 3.6, 3.7)
# The thesis's encoder sends every row through the same layers and keeps the maximum over rows. The decoder sees the
# embedding beside the encoded position. The diagrams are drawn from the modules, at the thesis's sizes.

# %%
thesis_model = Nerf2Vec(ModelConfig())
n_encoder = sum(value.numel() for value in thesis_model.encoder.parameters())
n_decoder = sum(value.numel() for value in thesis_model.decoder.parameters())
boxes = [("336 rows\nof 64", DATA_COLOUR), *layer_boxes(thesis_model.encoder), ("max over\nrows", "#ffe0a3")]
record.figure("fig-3.4", flow(boxes, f"Encoder, {n_encoder:,} parameters"), "The thesis's encoder, from the module.")
boxes = [("position 3", DATA_COLOUR), ("frequencies\n3 → 144", LAYER_COLOUR), ("embedding\n1024", DATA_COLOUR),
         ("side by side\n1168", DATA_COLOUR)]  # fmt: skip
record.figure("fig-3.6", flow(boxes, "The decoder's input"), "Embedding and encoded position.")
decoder = thesis_model.decoder
boxes = [("1168", DATA_COLOUR), *layer_boxes(decoder.first), *layer_boxes(decoder.before),
         ("+ skip\n1168 → 1024", "#ffe0a3"), *layer_boxes(decoder.after), *layer_boxes(decoder.last)]  # fmt: skip
record.figure("fig-3.7", flow(boxes, f"Decoder, {n_decoder:,} parameters"), "The thesis's decoder, from the module.")
assert (n_encoder, n_decoder) == (2_926_592, 6_596_612), "counted by hand from the figures"

# %% [markdown]
# ## 4. What the maximum forgets
# Row 3 and row 200 of the matrix are treated alike. Does the encoder notice when they change places?
#
# ### Exercise 2
# Shuffle the rows of a weight matrix and compare the embeddings. (They may differ by rounding: use `torch.allclose`.)


# %% tags=["exercise"]
def notices_shuffled_rows(encoder, rows):
    """True when the embedding changes if the rows (1, 336, 64) stand in another order; encoder.encode_rows(rows)."""
    ### BEGIN SOLUTION
    shuffled = rows[:, torch.randperm(rows.shape[1])]
    with torch.no_grad():
        return not torch.allclose(encoder.encode_rows(rows), encoder.encode_rows(shuffled), atol=1e-5)
    ### END SOLUTION


# %% tags=["check", "points:2"]
checks.check_blindness(notices_shuffled_rows, thesis_model.encoder.eval(), weight_matrix(first))
### BEGIN HIDDEN TESTS
assert notices_shuffled_rows(thesis_model.encoder.eval(), weight_matrix(-first)) is False
### END HIDDEN TESTS

# %% [markdown]
# It does not notice. Yet *where* a weight sits is half of what it says: all NeRFs start from one vector, so weight 5,000
# has the same meaning in each of them. Below, four encoders get the weights of one NeRF with some rows of the hidden
# matrices exchanged: a different function, a different object, usually no object at all.

# %%
weights = torch.from_numpy(zoo.field_weights(train_split))
kinds = {kind: size.models[kind] for kind in ("rows", "symmetric", "aligned")}
shares, changes = (0.02, 0.1, 0.3, 1.0), {}
for kind, base in kinds.items():
    torch.manual_seed(seed)
    encoder = make_encoder(replace(base.encoder, kind=kind)).eval()
    if kind == "aligned":
        encoder.fit_front(weights)
    changes[kind] = cards.change_when_exchanged(encoder, weights[:16], shares, stream(1))
caption = "How far an untrained encoder's embedding moves when rows of the hidden matrices change places."
record.figure("extra-blindness", plot_blindness(shares, changes), caption)

# %% [markdown]
# *What to see:* the thesis's encoder (rows) stays at zero. The other two move. What they are:
#
# | kind | idea |
# |---|---|
# | rows | the thesis: the same layers for every row, maximum over rows |
# | aligned | principal components of the weights, then a small network with a linear skip |
# | symmetric | messages along the network's own edges: blind to the order of *neurons*, which changes nothing, not of rows |
# | asking | (not here) the NeRF's answers on a lattice: any NeRF, whatever its neurons |
#
# Principal components are the simplest way to use the alignment. What do principal components of *weights* see? A component is one
# direction in 18,432 dimensions along which the training NeRFs differ.

# %%
variances, directions = leading_directions(weights - weights.mean(0), 256)
total = float((weights - weights.mean(0)).square().sum(1).mean())
spread = (weights - weights.mean(0)).square().mean(0)
low, used = len(kept_weights(8)), len(kept_weights(24))
held = [float(spread[kept_weights(octaves)].sum()) / total for octaves in (8, 24)]
parts = {
    "octaves 0 to 7,\nhidden, output": (held[0], low),
    "octaves 8 to 23": (held[1] - held[0], used - low),
    "padding": (1 - held[1], weights.shape[1] - used),
}
figure = plot_front((variances.cumsum(0) / total).numpy(), parts)
record.figure("extra-front", figure, "Left: variance that the first components hold. Right: where the variance lies.")
record.metric("variance_share_octaves_8_to_23", parts["octaves 8 to 23"][0])

# %% [markdown]
# *What to see:* the tail is long: no few components hold most of the variance. A part of it lies in octaves that the samples
# cannot resolve (notebook 02), so it is noise; the padding carries nothing. An encoder can skip both: ours reads octaves 0 to 7, the
# hidden layers and the outputs (`EncoderConfig.octaves`). The components plotted here are those of all weights.
#
# ### Exercise 3: an experiment
# Is the tail needed to tell classes apart? `components` (NeRFs, components) holds them for the whole zoo, largest first.
# For the test NeRFs, find the nearest *training* NeRF by the first `k` components, and return how often it has the right class.

# %%
components = (torch.from_numpy(zoo.field_weights()) - weights.mean(0)) @ directions
labels = zoo.labels


# %% tags=["exercise"]
def hits_with(k):
    """Share of test NeRFs whose nearest training NeRF (Euclidean, first k components) has their class."""
    ### BEGIN SOLUTION
    near = torch.cdist(components[test_split, :k], components[train_split, :k]).argmin(1)
    return float((labels[train_split][near] == labels[test_split]).mean())
    ### END SOLUTION


# %% tags=["check", "points:3"]
checks.check_components(hits_with, components, labels, train_split, test_split)
### BEGIN HIDDEN TESTS
assert abs(hits_with(8) - cards.component_hits(components, labels, train_split, test_split, 8)) < 1e-6
### END HIDDEN TESTS

# %%
rows = [
    {"components": k, "hit@1": cards.component_hits(components, labels, train_split, test_split, k),
     "variance held": float(variances[:k].sum()) / total}
    for k in (1, 2, 4, 8, 16, 32, 64, 128, 256)
    if k <= components.shape[1]
]  # fmt: skip
record.table("extra-components", rows, f"Nearest training NeRF by the first components; {len(test_split)} test NeRFs.")

# %% [markdown]
# *What to see:* hit@1 rises and then *falls*. What the objects of a class have in common stands in the first components; the tail is
# what each fit did on its own, and in a distance it counts as much as the rest. A good embedding forgets it.

# %% [markdown]
# ## 5. What the decoder is trained against
# Each step takes 16 NeRFs, sends rays through them, and asks the decoder for the same rays. The targets come from the NeRFs,
# not from pictures: any number of rays, from anywhere, free of charge. A fifth of the loss goes to empty space.
#
# ### Exercise 4
# Empty space must block no light. How much does a sample of length `step` block where the decoder says density `sigmas`?


# %% tags=["exercise"]
def opacity_of(sigmas, step):
    """Share of light that samples block. sigmas: per scene unit, any shape."""
    ### BEGIN SOLUTION
    return 1 - torch.exp(-sigmas * step)
    ### END SOLUTION


# %% tags=["check"]
checks.check_emptiness(opacity_of)
### BEGIN HIDDEN TESTS
assert abs(float(opacity_of(torch.tensor(2.0), 0.5)) - 0.6321206) < 1e-6
assert float(opacity_of(torch.tensor(1e6), 0.1)) == 1.0
### END HIDDEN TESTS

# %% [markdown]
# ## 6. Train both
# The same decoder, the same data, the same time. Three things differ: the encoder, which of the weights it reads, and a second term in
# the loss of ours.
#
# Reconstruction asks that an embedding can be drawn from, not that similar objects lie close together: distances are then
# mostly about colour and proportions. But the collection has versions of each object, and which ones belong together is known
# without any label. With $z_i$ an embedding scaled to length 1, $V_i$ the other versions of its object in the batch and $\tau = 0.2$,
#
# $$\ell_i = -\frac{1}{|V_i|} \sum_{v \in V_i} \log \frac{\exp(z_i \cdot z_v / \tau)}{\sum_{a \ne i} \exp(z_i \cdot z_a / \tau)}$$
#
# asks of each NeRF to find its own versions among the others of the batch (Khosla et al., 2020, with the object in the place of the
# class). It weighs 0.05 beside the reconstruction. Batches are put together so that versions meet in one; a NeRF without another
# version in its batch has no such term. `ci/reference/encoders/` measures encoder and second loss apart, three seeds.

# %%
config = size.training(seed)
models = {
    name: train(zoo, size.training(seed, name), size.models[name], run / f"nerf2vec-{name}")
    for name in ("rows", "asking")
}

# %%
logs = {}
for name in models:
    logs[name] = [json.loads(line) for line in (run / f"nerf2vec-{name}" / "log.jsonl").read_text().splitlines()]
    record.metric(f"ray_psnr_db_{name}", logs[name][-1]["ray_psnr_db"])
    record.metric(f"steps_{name}", logs[name][-1]["step"])
record.figure("extra-training", plot_training(logs), "The thesis's encoder (rows) and ours (asking), the same time.")

# %% [markdown]
# *What to see:* the row encoder's 336 rows take part of each step, so it never gets more steps in the same time (right: where its line
# ends); but at an equal number of steps it is behind as well. It is not only slow, it is told less.
#
# A third one is **best**: where this run's zoo is the mini zoo, the nerf2vec that comes with the project (`data_cards/nerf2vec.md`),
# trained longer on more NeRFs and on none of the held-out ones; elsewhere, whose objects it may have seen, the asking one just trained.

# %%
best = run / "nerf2vec-best"
source = run / "nerf2vec-asking"
if is_mini_zoo(zoo):
    try:
        source = shipped.shipped_run()
    except BadInput as missing:
        print(f"{missing}; the asking encoder trained above stands in")
shutil.rmtree(best, ignore_errors=True)
best.mkdir(parents=True)
for path in source.iterdir():
    if path.is_file() and path.name != "training.safetensors":
        shutil.copy(path, best / path.name)
models["best"] = load_model(best)

# %% [markdown]
# ## 7. Side by side
# Reconstruction of held-out NeRFs (PSNR over the object alone, and over the whole picture; *own*: through the decoded field's
# own occupancy), then readers of the embeddings. What has no decoder can be read all the same: raw weights, the front of our encoder,
# occupancy, a picture, answers of the field. These are the bars that an embedding has to clear (`n2v.tasks.bars`).

# %%
pictures, look = (8 if profile == "smoke" else 26), Turntable(n_views=2, size_px=64)
table = []
for name in models:
    table.append(
        {"encoder": name, **encoder_measures(models[name], zoo, train_split, test_split, look, pictures, seed=seed)}
    )
    for key in ("foreground_db", "full_db", "linear_probe", "head", "hit_at_1"):
        record.metric(f"{key}_{name}", table[-1][key])
heights = reader_measures(bars(zoo, model=models["best"]), zoo, train_split, test_split, seed=seed)
table += [{"encoder": name, **found} for name, found in heights.items()]
caption = (
    "Held-out NeRFs: PSNR (dB; n_pictures of them, two views), accuracy and hit@1 (n_read of them); one training seed."
)
record.table("extra-encoders", table, caption)

# %% [markdown]
# *What to see:* between rows and asking, decibels and accuracy from the same NeRFs in the same time. Which part the encoder has in it
# and which the second loss: `ci/reference/encoders/` (the encoder gives the decibels and most of the accuracy, the loss gives
# hit@1). One seed and a small test set here; `python ci/encoders.py --zoo data/mini_zoo --out runs/encoders` takes three.
#
# ## 8. Embeddings of the whole zoo
# *What to see:* objects of one class should stand together, although the network never saw a label. Tight groups of two or three in
# the second map are versions of one object: the second loss asks for those. Are *different* objects of a class neighbours?

# %%
embeddings = {name: embed_zoo(model, zoo) for name, model in models.items()}
for name, values in embeddings.items():
    values.save(run / f"embeddings-{name}.safetensors")
maps = {name: project(embeddings[name].values, "tsne", seed) for name in ("rows", "best")}
figure = map_figure({f"{name}: {len(zoo)} NeRFs": points for name, points in maps.items()}, embeddings["rows"].labels)
caption = "t-SNE of the embeddings of all NeRFs (thesis's encoder, best encoder); colour and marker: the class."
record.figure("extra-embedding-map", figure, caption)

# %% [markdown]
# ### Try it: what stands where
# Point at a mark to see its object; switch between the encoders. Which of the objects far from their class would you have put
# there too? The page lies in the run folder and works offline.

# %%
layouts = {"our best encoder": maps["best"], "the thesis's encoder": maps["rows"]}
map_page = write_map_page(run / "pages" / "embedding_map.html", layouts, embeddings["best"], zoo)
if interactive:
    from IPython.display import display

    from n2v.publish.demos.controls import show_page

    display(show_page(map_page))

# %% [markdown]
# ## 9. One embedding, many positions
# The decoder's first layer reads (embedding, encoded position). A linear layer of two things side by side is the sum of two
# linear layers, and the embedding's part is the same for all of a NeRF's samples.
#
# ### Exercise 5
# Write that layer so that the embedding is multiplied once a NeRF, not once a sample.


# %% tags=["exercise"]
def first_layer(layer, embedding, features):
    """`layer` of (embedding, features) side by side. Shapes: embedding (b, e), features (b, n, f), result (b, n, h)."""
    ### BEGIN SOLUTION
    n = embedding.shape[1]
    once = embedding @ layer.weight[:, :n].T + layer.bias
    return features @ layer.weight[:, n:].T + once[:, None]
    ### END SOLUTION


# %% tags=["check", "points:2"]
checks.check_share(first_layer)
### BEGIN HIDDEN TESTS
_layer = torch.nn.Linear(4, 2)
_both = torch.cat([torch.ones(1, 3, 2), torch.full((1, 3, 2), 0.5)], -1)
assert torch.allclose(first_layer(_layer, torch.ones(1, 2), torch.full((1, 3, 2), 0.5)), _layer(_both), atol=1e-6)
### END HIDDEN TESTS

# %%
plain = Nerf2Vec(size.models["rows"]).eval().decoder
codes, points = torch.randn(8, size.models["rows"].encoder.embedding), torch.rand(8, 512, 3) - 0.5
with torch.no_grad():
    assert torch.allclose(plain(codes, points)[1], plain.forward_concatenated(codes, points)[1], atol=1e-5)
    once = time_call(lambda: plain(codes, points), 10)["median_ms"]
    often = time_call(lambda: plain.forward_concatenated(codes, points), 10)["median_ms"]
record.metric("decoder_speedup", often / once)
print(f"{often / once:.2f} times faster, the same numbers")

# %% [markdown]
# ## 10. Mixed precision and epochs (App. B)
# Half precision saves time where the processor multiplies in it: most GPUs, few laptops. Elsewhere it is imitated and costs
# time, so the recipe turns it on only where it pays. The memory that the thesis saved is a GPU's; `ci/bench_gpu.py` measures it on one.

# %%
training = TrainingSet(zoo, "train")
n_timed = min(16 if fast_bfloat16() else 4, len(training))  # imitated, sixteen would take half a minute
chosen = torch.arange(n_timed)
batch = training.batch(chosen, config.samples, stream(2))


def one_step(amp):
    """Forward and backward of one training step."""
    mine = replace(config, amp=amp)
    loss, _ = batch_loss(models["rows"], training.weights(chosen), batch, mine, stream(3))
    loss.backward()


times = {name: time_call(lambda amp=amp: one_step(amp), 2, 1) for name, amp in (("float32", False), ("bfloat16", True))}
memory = "not run (this times the CPU)"
facts = {"NeRFs": n_timed, "device": "CPU", "memory": memory}
table = [{"precision": name, **values, **facts} for name, values in times.items()]
speedup = times["float32"]["median_ms"] / times["bfloat16"]["median_ms"]
record.metric("bfloat16_speedup_cpu", speedup)
caption = "Forward and backward of one step of the thesis's encoder at this profile's size."
record.table("app-b.2", table, caption, f"bfloat16 {speedup:.2f} times as fast on this CPU; memory not run")
steps_an_epoch = max(1, len(training) // config.batch_size)
table = [{"who": "thesis, RTX 3090", "NeRFs": "about 90,000", "epoch_s": 3480.0, "ms_a_nerf": 38.7}]
for name, log in logs.items():
    epoch_s = log[-1]["seconds"] / log[-1]["step"] * steps_an_epoch
    here = {"who": f"here, {name}", "NeRFs": len(training), "epoch_s": epoch_s}
    table.append({**here, "ms_a_nerf": 1000 * epoch_s / len(training)})
caption = "Time of one epoch. Ours has a small network and few coordinates: not the same work."
where = read_json(run / "nerf2vec-rows" / "run.json")["trained_on"]
headline = f"{table[1]['ms_a_nerf']:.0f} ms a NeRF, trained on: {where} (thesis: 38.7 ms on a GPU, far more work)"
record.table("app-b.3-epoch", table, caption, headline)

# %% [markdown]
# ## Result: five differences, measured
# Rows 4 to 8 of where thesis, published code and sound practice differ: 5 to 7 measured just now on this zoo, 4 on random colours, 8
# read from the schedules. (Rows 1 to 3 stand in notebooks 01 and 05.)

# %%
rates = {
    "thesis: 400 epochs, then 100": TrainConfig(), "ours (this profile)": config,
    "published code: 501 epochs": TrainConfig(protocol=Protocol(constant_rate=True)),
}  # fmt: skip
share = np.linspace(0, 1, 400, endpoint=False)
curves = {name: (share, np.array([one.rate_at(x) for x in share])) for name, one in rates.items()}
record.figure("extra-schedules", plot_schedules(curves), "Learning rates: thesis, published code, ours.")
origins, directions_in = camera_rays(torch.from_numpy(front_camera()), 48, CAMERA_ANGLE_X)
dropped, _ = cards.dropping_card(zoo, 0, origins, directions_in, config.samples.step, stream(4))
table = [
    cards.loss_card(stream(5)),
    cards.compositing_card(batch.targets[batch.is_ray], stream(6)),
    cards.emptiness_card(models["asking"], zoo, train_split[:8], config.samples.step, stream(7)),
    dropped,
    cards.schedule_card(curves, ("thesis: 400 epochs, then 100", "published code: 501 epochs")),
]
record.table("extra-protocol", table, "Thesis, published code and ours; rows numbered as in the project's list.")

# %% [markdown]
# Each of these is a switch (`n2v.embed.recipe.Protocol`); all on is the published protocol, and `tests/embed/test_protocol.py`
# checks what each one changes.

# %% [markdown]
# *What to see:* the first row says that the code's loss is no L1. The second: targets are wrong exactly on soft outlines. The third:
# the same points, read as density or as opacity; a density of 1 per scene unit is almost nothing over one short sample, and a wall when
# it is taken for an opacity. The fourth: light gets through where samples are missing.
#
# **You learned** what the decoder is trained against; to ask what an encoder *cannot* see before making it larger; that one shared
# start makes 18,432 weights comparable place by place; how a schedule is stated.
#
# **Further reading** De Luigi et al. 2023 (inr2vec); Zama Ramirez et al. 2024 (nf2vec, TPAMI); Navon et al. 2023 on encoders that
# respect neuron order by construction.
