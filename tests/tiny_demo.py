"""A demo's parts in a second: a small untrained decoder that shows lumps, and a few NeRFs of the mini zoo."""

from pathlib import Path

import numpy as np
import torch

from n2v.embed.decoder import DecoderConfig
from n2v.embed.embeddings import Embeddings
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.zoo.store import Zoo

ZOO = Path(__file__).parent.parent / "data" / "mini_zoo"
N_NUMBERS = 8  # of an embedding


def tiny_zoo() -> Zoo:
    """The shipped collection."""
    return Zoo(ZOO)


def tiny_model() -> Nerf2Vec:
    """Untrained; its density is steep, so every embedding is an object of lumps with air between them."""
    torch.manual_seed(0)
    encoder = EncoderConfig(widths=(8, 8, 8, 8), embedding=N_NUMBERS)
    model = Nerf2Vec(ModelConfig(encoder, DecoderConfig(hidden=16, n_octaves=3))).eval()
    with torch.no_grad():
        rgb, sigma = model.decoder.last.weight[:3], model.decoder.last.weight[3]
        rgb *= 20
        sigma *= 200
        model.decoder.last.bias[3] = -2.0
    return model


def tiny_objects(zoo: Zoo) -> Embeddings:
    """Chairs and cars, two base objects of each with their versions in train and one in test; random embeddings."""
    chosen = []
    for name in ("chair", "car"):
        for split, n in (("train", 2), ("test", 1)):
            rows = [i for i in range(len(zoo)) if zoo.rows[i].class_name == name and zoo.rows[i].split == split]
            bases = list(dict.fromkeys(zoo.rows[i].base_id for i in rows))[:n]
            chosen += [i for i in rows if zoo.rows[i].base_id in bases]
    rows = [zoo.rows[i] for i in chosen]
    return Embeddings(
        values=np.random.default_rng(0).normal(size=(len(rows), N_NUMBERS)).astype(np.float32),
        object_ids=[row.object_id for row in rows],
        base_ids=[row.base_id for row in rows],
        class_names=[row.class_name for row in rows],
        labels=zoo.labels[chosen],
        versions=[row.version for row in rows],
        shape_groups=[row.shape_group for row in rows],
        splits=[row.split for row in rows],
    )
