# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   n2v: {needs: [zoo], makes: [nerf2vec, embeddings], minutes: {smoke: 3, laptop: 15}}
# ---

# %% [markdown]
# # 04 · nerf2vec: from weights to an embedding
# **You will** train an encoder that reads a NeRF's weights, and a decoder that renders the object from the embedding.
#
# **You need** notebooks 02 and 03. **Time** smoke 3 min, laptop 15 min on two cores.
#
# **Afterwards you can** say what the encoder sees and what it is blind to, and why the decoder never looks at weights.

# %% tags=["parameters"]
profile: str = "smoke"  # size: "smoke", "laptop", "gpu" or "thesis"
out_dir: str = "runs/smoke"  # run folder, shared by all notebooks
seed: int = 0  # of everything random here
interactive: bool = True  # False when run headlessly

# %%
import json
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from n2v import profiles
from n2v.embed.batches import TrainingSet
from n2v.embed.embeddings import embed_zoo
from n2v.embed.matrix import weight_matrix
from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.embed.train import batch_loss, train
from n2v.nerf.layout import initial_vector
from n2v.seeds import seed_everything
from n2v.show.diagrams import DATA_COLOUR, LAYER_COLOUR, flow, layer_boxes, matrix_picture
from n2v.show.plots import plot_map, project
from n2v.show.record import Recorder
from n2v.show.style import apply_style
from n2v.tasks.timing import time_call
from n2v.zoo.store import Zoo

size, run = profiles.get(profile), Path(out_dir)
record = Recorder(run, "04")
seed_everything(seed)
apply_style()
zoo = Zoo(run / "zoo")

# %% [markdown]
# ## 1. The idea (Fig 1.1)
# An auto-encoder would have to give back 18,432 weights, although very different weights can show the same object. So
# the decoder is asked for something else: density and colour at any position. What the NeRF *does* is kept, not how.

# %%
boxes = [
    ("NeRF weights\n18,432", DATA_COLOUR), ("encoder", LAYER_COLOUR), ("embedding", DATA_COLOUR),
    ("decoder\n(+ position)", LAYER_COLOUR), ("density, colour", DATA_COLOUR),
    ("the same from\nthe NeRF itself", DATA_COLOUR), ("loss", "#ffe0a3"),
]  # fmt: skip
record.figure("fig-1.1", flow(boxes, "nerf2vec"), "The framework: trained against the NeRF's own renderings.")

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
# Cut one vector into the matrix yourself.


# %% tags=["exercise"]
def my_matrix(vector):
    """(18432,) to (336, 64): append 3,072 zeros, then cut row by row."""
    ### BEGIN SOLUTION
    return torch.cat([vector, torch.zeros(3072)]).reshape(336, 64)
    ### END SOLUTION


# %% tags=["check"]
assert torch.equal(my_matrix(first[0]), weight_matrix(first)[0]), "row-major, zeros at the end"

# %% [markdown]
# ## 3. Encoder and decoder (Fig 3.4, 3.6, 3.7)
# The thesis's encoder sends every row through the same layers and keeps the maximum over rows. The decoder sees the
# embedding beside the encoded position.

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

# %% [markdown]
# ### Exercise 2: what the maximum forgets
# Shuffle the rows of a weight matrix. Does the thesis's encoder notice?


# %% tags=["exercise"]
def notices_shuffled_rows(encoder, rows):
    """True when the embedding changes if the rows (1, 336, 64) stand in another order."""
    ### BEGIN SOLUTION
    shuffled = rows[:, torch.randperm(rows.shape[1])]
    with torch.no_grad():
        return not torch.allclose(encoder.encode_rows(rows), encoder.encode_rows(shuffled), atol=1e-5)
    ### END SOLUTION


# %% tags=["check"]
assert notices_shuffled_rows(thesis_model.encoder.eval(), weight_matrix(first)) is False

# %% [markdown]
# It does not: the encoder is blind to where a weight sits, although the shared start gives every place its meaning. Our
# second encoder reads principal components of the whole vector, place by place. Both are trained below, with the same
# decoder, the same time and the same data.
#
# ## 4. Train both
# Each step takes 16 NeRFs, sends rays through them, and asks the decoder for the same rays. The training targets come
# from the NeRFs, not from pictures.

# %%
config = size.training(seed)
models = {name: train(zoo, config, getattr(size, name), run / f"nerf2vec-{name}") for name in ("rows", "aligned")}

# %%
figure, axis = plt.subplots(figsize=(6.5, 3.2))
for name, style in (("rows", "--"), ("aligned", "-")):
    log = [json.loads(line) for line in (run / f"nerf2vec-{name}" / "log.jsonl").read_text().splitlines()]
    axis.plot([one["seconds"] for one in log], [one["ray_psnr_db"] for one in log], style, label=name)
    record.metric(f"ray_psnr_db_{name}", log[-1]["ray_psnr_db"])
    record.metric(f"steps_{name}", log[-1]["step"])
axis.set(xlabel="training time (s, two cores)", ylabel="PSNR on training rays (dB)")
axis.legend(title="encoder")
record.figure("extra-training", figure, "Training of the thesis's encoder (rows) and ours (aligned), same time.")

# %% [markdown]
# ## 5. Embeddings of the whole zoo
# *What to see:* objects of one class should stand together; the map is drawn from the thesis's encoder.

# %%
embeddings = {name: embed_zoo(model, zoo) for name, model in models.items()}
for name, values in embeddings.items():
    values.save(run / f"embeddings-{name}.safetensors")
figure = plot_map(project(embeddings["rows"].values, "tsne", seed), zoo.labels, "t-SNE of embeddings (rows)")
record.figure("extra-embedding-map", figure, "Embeddings of all NeRFs by class; the network never saw a label.")

# %% [markdown]
# ## 6. One embedding, many positions
# The embedding is the same for all of a NeRF's samples, so its share of the first and the skip layer can be computed
# once a NeRF instead of once a sample. It is the same function; only the order of additions differs.

# %%
laptop = Nerf2Vec(size.rows).eval()
codes, points = torch.randn(8, size.rows.encoder.embedding), torch.rand(8, 512, 3) - 0.5
with torch.no_grad():
    same = torch.allclose(
        laptop.decoder(codes, points)[1], laptop.decoder.forward_concatenated(codes, points)[1], atol=1e-5
    )
    once = time_call(lambda: laptop.decoder(codes, points), 10)["median_ms"]
    often = time_call(lambda: laptop.decoder.forward_concatenated(codes, points), 10)["median_ms"]
assert same
record.metric("decoder_speedup", often / once)
print(f"{often / once:.2f} times faster, same numbers")

# %% [markdown]
# ## 7. Mixed precision and epochs (App. B)
# On a CPU with bfloat16 instructions half precision saves time; the memory that the thesis saved is a GPU's.

# %%
training = TrainingSet(zoo, "train")
chosen = torch.arange(min(16, len(training)))
batch = training.batch(chosen, config.samples, torch.Generator().manual_seed(seed))


def one_step(amp):
    """Forward and backward of one training step."""
    mine = replace(config, amp=amp)
    loss, _ = batch_loss(models["rows"], training.field_weights[chosen], batch, mine, torch.Generator().manual_seed(0))
    loss.backward()


times = {name: time_call(lambda amp=amp: one_step(amp), 5, 2) for name, amp in (("float32", False), ("bfloat16", True))}
table = [
    {"precision": name, **values, "device": "CPU", "memory": "not run (needs a GPU)"} for name, values in times.items()
]
record.table("app-b.2", table, "Forward and backward of one step of the thesis's encoder at this profile's size.")
steps_an_epoch = max(1, len(training) // config.batch_size)
log = (run / "nerf2vec-rows" / "log.jsonl").read_text().splitlines()
last = json.loads(log[-1])
epoch_s = last["seconds"] / last["step"] * steps_an_epoch
table = [
    {"who": "thesis, RTX 3090", "NeRFs": "about 90,000", "epoch_s": 3480.0, "ms_a_nerf": 38.7},
    {"who": "here, two cores", "NeRFs": len(training), "epoch_s": epoch_s, "ms_a_nerf": 1000 * epoch_s / len(training)},
]
record.table(
    "app-b.3-epoch", table, "Time of one epoch. Ours has a small network and few coordinates: not the same work."
)

# %% [markdown]
# ## Result
# | | thesis says | code does | we do |
# |---|---|---|---|
# | compositing of targets | once | twice: semi-transparent targets are wrong | once |
# | empty space | alpha | raw density taken for alpha, padding in the mean | 1 - exp(-sigma step), masked mean |
# | too many samples | | dropped at random, intervals kept | whole rays dropped |
# | optimiser | Adam | AdamW, gradient scaler never stepped | AdamW, bfloat16 needs no scaler |
#
# **You learned** what the decoder is trained against; what a maximum over rows cannot see; how one schedule is stated.
#
# **Further reading** De Luigi et al. 2023 (inr2vec); Zama Ramirez et al. 2024 (nf2vec, TPAMI).
