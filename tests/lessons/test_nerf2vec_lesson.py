"""Notebooks 04 and 05: checks name mistakes, cards measure what they say, the shipped model's card reads its record."""

import math
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from n2v.embed.asking import ask
from n2v.embed.decoder import DecoderConfig, MlpDecoder
from n2v.embed.encoder import EncoderConfig, RowEncoder, make_encoder
from n2v.files import write_json
from n2v.lessons import nerf2vec, reconstruction
from n2v.lessons.drawing.diagrams import DECODER, NETWORK, draw_graph, encoder_graph, values_of
from n2v.nerf.layout import N_WEIGHTS
from n2v.nerf.march import camera_rays
from n2v.nerf.nerf import Turntable
from n2v.nerf.neurons import permute_neurons
from n2v.publish.data_cards import shipped_table
from n2v.scenes.cameras import CAMERA_ANGLE_X, front_camera
from n2v.zoo.shipped import mini_zoo


def stream() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_cards_measure_what_they_say():
    assert "= 0.500000" in nerf2vec.loss_card(stream())["we measured"]
    solid = torch.cat([torch.rand(50, 3, generator=stream()), torch.ones(50, 1)], 1)
    half = solid * 0.5
    text = nerf2vec.compositing_card(torch.cat([solid, half]), stream())["we measured"]
    assert text.startswith("50% of 100 rays") and text.endswith("(solid rays 0.0000)")
    assert "1e-05 against 1e-04" in nerf2vec.schedule_card(1e-5, 1e-4)["we measured"]


def test_dropped_samples_let_light_through_and_layers_show_what_was_answered():
    nerf = mini_zoo()["chair-0000"]
    rays = camera_rays(torch.from_numpy(front_camera()), 24, CAMERA_ANGLE_X)
    told = nerf2vec.dropping_card(nerf, rays, 0.04, stream())["we measured"]
    before, after = map(float, re.findall(r"[01]\.\d{3}", told))
    assert 0.5 < after < before <= 1
    layers = nerf2vec.answer_layers(ask(nerf.field_weights[None])[0], 3)
    assert len(layers) == 3 and all(one.shape == (32, 32, 3) and one.min() < 0.9 for one in layers.values())


def test_parts_of_the_vector_share_variance_and_weights():
    rows = nerf2vec.variance_parts(torch.from_numpy(mini_zoo().field_weights(range(20))))
    for of in ("of the variance", "of the weights"):
        assert sum(row[of] for row in rows) == pytest.approx(1, abs=1e-4)
    assert rows[2]["of the weights"] == pytest.approx(12 * 64 / N_WEIGHTS)


@pytest.mark.parametrize("kind", ["rows", "aligned", "symmetric", "asking"])
def test_what_each_encoder_is_blind_to(kind):
    """Exchanged rows are another function, renumbered neurons the same one."""
    zoo = mini_zoo()
    vectors = torch.from_numpy(zoo.field_weights(zoo.indices("train")[:48:16]))
    torch.manual_seed(0)
    sizes = {"n_components": 4, "hidden": 8, "channels": 8, "n_local": 1}
    encoder = make_encoder(EncoderConfig(kind, (8, 8), 80, **sizes)).eval()
    if kind in ("aligned", "asking"):
        encoder.fit_front(ask(vectors) if kind == "asking" else vectors)
    encode = (lambda weights: encoder(ask(weights))) if kind == "asking" else encoder
    rng = np.random.default_rng(0)
    same = torch.from_numpy(np.stack([permute_neurons(one, rng) for one in vectors.numpy()]))
    other = nerf2vec.rows_exchanged(vectors, 1.0, stream())
    assert (nerf2vec.movement(encode, vectors, other) < 1e-4) == (kind == "rows")
    assert (nerf2vec.movement(encode, vectors, same) < 1e-2) == (kind in ("symmetric", "asking"))


@torch.no_grad()
def test_the_diagrams_are_the_modules():
    """The description that is drawn gives what the module gives."""
    encoder = RowEncoder(EncoderConfig("rows", (8, 8, 16, 16), 6)).eval()
    weights = torch.randn(2, N_WEIGHTS, generator=stream())
    found = values_of(encoder_graph(), encoder, {"weights": weights})
    assert torch.allclose(found["embedding"], encoder(weights), atol=1e-5)
    decoder = MlpDecoder(6, DecoderConfig(hidden=8, n_octaves=3))
    positions = torch.rand(2, 5, 3, generator=stream()) - 0.5
    found = values_of(DECODER, decoder, {"embedding": found["embedding"], "position": positions})
    sigmas, rgbs = decoder(found["embedding"], positions)
    assert torch.allclose(found["density"], sigmas, atol=1e-5) and torch.allclose(found["colour"], rgbs, atol=1e-5)
    figure = draw_graph(DECODER, found, NETWORK)
    texts = [text.get_text() for text in figure.axes[0].texts]
    arrows = [text for text in figure.axes[0].texts if text.get_text() == ""]
    assert "side by\nside\n5 x 24" in texts and len(arrows) == 11, "eleven boxes of the network, eleven arrows"
    plt.close(figure)


def test_answers_on_a_lattice_draw_better_the_more_there_are():
    nerf = mini_zoo()["chair-0000"]
    rows = reconstruction.climb([nerf], None, {}, Turntable(1, 32))
    decibels = {row["what"]: row["foreground_db"] for row in rows}
    assert decibels["4³ answers"] < decibels["12³ answers"] < decibels["32³ answers"] > 14
    assert rows[0]["numbers"] == 4 * 4**3
    figure = reconstruction.plot_ladder([*rows, {**rows[0], "what": "embedding, best"}])
    assert [text.get_text() for text in figure.axes[0].texts] == [f"{side}³" for side in reconstruction.SIDES]
    plt.close(figure)


def test_gains_pair_objects_and_count_versions_once():
    rows = [{"what": what, "object_id": one, "foreground_db": value} for what, one, value in (
        ("a", "x", 3.0), ("a", "x2", 5.0), ("a", "y", 4.0), ("a", "z", 9.0),
        ("b", "x", 1.0), ("b", "x2", 1.0), ("b", "y", 2.0), ("b", "w", 0.0))]  # fmt: skip
    value, low, high, n = reconstruction.gain(rows, "a", "b", {"x2": "x"})
    assert (value, n) == (2.5, 2) and low < value < high
    of_a, of_b = rows[:4], rows[4:]
    value, low, high = reconstruction.gap(of_a, of_b, {"x2": "x"})
    assert value == pytest.approx(17 / 3 - 1) and low < value < high
    assert math.isnan(reconstruction.gap(of_a[:1], of_b, {})[1])


def test_the_shipped_card_tells_its_record(tmp_path):
    row = {"what": "nerf2vec", "occupancy": "own", "full_db": 21.04, "foreground_db": 15.5}
    readers = {"linear_probe": 0.9, "head": 0.8, "hit_at_1": 0.7}
    encoder = {"kind": "aligned", "embedding": 256, "n_components": 64}
    trained = {"n_nerfs": 1234, "skipped": {}, "n_parameters": 1000, "steps": 50, "wall_s": 120.0, "device": "cpu"}
    trained |= {"commit": "abcdef0123", "model": {"encoder": encoder}, "config": {"batch_size": 16, "seed": 3}}
    of_novel = {"embeddings": readers, "ruler": {**readers, "head": 0.85}, "rendering": dict.fromkeys(readers, 0.1)}
    measures = {
        "test": "mini_zoo",
        "n": 78,
        "n_real": 52,
        "readers": {"novel": of_novel, "real": {"embeddings": readers}},
    }
    measures["reconstruction"] = measures["real"] = [{**row, "full_ssim": 0.9, "foreground_ssim": 0.5}]
    record = {"collection": "toys", "trained": trained, "measures": measures, "bytes": 8_000_000}
    write_json(tmp_path / "run.json", record)
    text = shipped_table(tmp_path)
    assert "1,234 NeRFs (toys), 0 skipped" in text and "8.0 MB as float16" in text and "2 min, seed 3" in text
    assert "| nerf2vec | own | 21.0 | 15.5 | 0.900 | 0.500 |" in text and "| ruler | 0.90 / 0.85 / 0.70 | - |" in text
    assert "level in head or hit@1: novel: ruler; real: none." in text
