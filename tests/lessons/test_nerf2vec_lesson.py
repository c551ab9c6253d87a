"""Notebooks 04 and 05: checks name mistakes, cards measure what they say, the shipped model's card reads its record."""

import math

import numpy as np
import pytest
import torch

from n2v.embed.asking import ask
from n2v.embed.decoder import DecoderConfig, MlpDecoder
from n2v.embed.encoder import EncoderConfig, RowEncoder, make_encoder, weight_matrix
from n2v.files import write_json
from n2v.lessons import nerf2vec, reconstruction
from n2v.lessons.drawing.topology import DECODER, NETWORK, draw_graph, encoder_graph, values_of
from n2v.nerf.layout import N_WEIGHTS
from n2v.nerf.nerf import Turntable
from n2v.nerf.neurons import permute_neurons
from n2v.publish.data_cards import shipped_table
from n2v.zoo.shipped import mini_zoo

SMALL = EncoderConfig("rows", widths=(8, 8), embedding=6, n_components=4, hidden=8)


def stream() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def unwritten(*_):
    raise NotImplementedError


def split_layer(layer, embedding, features):
    n = embedding.shape[1]
    return (embedding @ layer.weight[:, :n].T + layer.bias)[:, None] + features @ layer.weight[:, n:].T


RIGHT_AND_WRONG = {
    nerf2vec.check_matrix: [
        (lambda v: torch.cat([v, torch.zeros(3072)]).view(336, 64), None),
        (lambda v: torch.cat([torch.zeros(3072), v]).view(336, 64), "behind the weights"),
        (lambda v: torch.cat([v, torch.zeros(3072)]).view(64, 336).T, "row by row"),
        (lambda v: torch.cat([v, torch.zeros(3072)]).view(64, 336), r"the shape is \(64, 336\)"),
        (lambda v: np.concatenate([v.numpy(), np.zeros(3072, np.float32)]).reshape(336, 64), None),
        (lambda v: None, "nothing came back"),
    ],
    nerf2vec.check_emptiness: [
        (lambda s, step: 1 - torch.exp(-s * step), None),
        (lambda s, step: s, "raw density"),
        (lambda s, step: (s * step).clamp(max=1), "clamping"),
    ],
    nerf2vec.check_share: [
        (split_layer, None),
        (lambda m, e, f: m(torch.cat([e[:, None].expand(-1, f.shape[1], -1), f], -1)), "right, but slow"),
        (lambda m, e, f: split_layer(m, e, f) - m.bias, "bias is missing"),
    ],
    reconstruction.check_best_colour: [
        (lambda p: p.mean((0, 1)), None),
        (lambda p: p.flatten(0, 1).median(0).values, "median"),
    ],
    reconstruction.check_foreground: [
        (lambda a, b, o: ((a - b)[o > 0.05] ** 2).mean(), None),
        (lambda a, b, o: ((a - b) ** 2).mean(), "whole picture"),
    ],
    reconstruction.check_chain: [
        (lambda a, b: -10 * math.log10(10 ** (-a / 10) + 10 ** (-b / 10)), None),
        (lambda a, b: min(a, b), "nearly right"),
    ],
}


@pytest.mark.parametrize("check", RIGHT_AND_WRONG, ids=lambda check: check.__name__)
def test_checks_pass_what_is_right_and_name_what_is_wrong(check):
    assert check(unwritten) is False
    for answer, mistake in RIGHT_AND_WRONG[check]:
        if mistake is None:
            assert check(answer) is True
        else:
            with pytest.raises(AssertionError, match=mistake):
                check(answer)


def shuffled(dimension: int, equal=lambda a, b: torch.allclose(a, b, atol=1e-5)):
    def notices(one, values):
        order = torch.randperm(values.shape[dimension], generator=stream())
        return not equal(one.encode_rows(values), one.encode_rows(values.index_select(dimension, order)))

    return notices


def test_blindness_is_told_from_shuffled_columns():
    rows = weight_matrix(torch.randn(1, N_WEIGHTS, generator=stream()))
    encoder = RowEncoder(SMALL).eval()
    assert nerf2vec.check_blindness(shuffled(1), encoder, rows)
    wrong = {
        "the columns were shuffled": shuffled(2),
        "every encoder": lambda *_: True,
        "no encoder": lambda *_: False,
        "wrong way round": lambda *both: not shuffled(1)(*both),
        "exact": shuffled(1, torch.equal),
        "nothing came back": lambda *_: None,
    }
    for words, answer in wrong.items():
        with pytest.raises(AssertionError, match=words):
            nerf2vec.check_blindness(answer, encoder, rows)


def test_checks_with_data():
    train = torch.randn(6, 40, generator=stream())

    def kept(values, vector, k):
        mean = values.mean(0)
        basis = torch.linalg.svd(values - mean, full_matrices=False)[2][:k]
        return mean + (vector - mean) @ basis.T @ basis

    assert reconstruction.check_projection(kept, train, torch.randn(40, generator=stream()))
    with pytest.raises(AssertionError, match="not put back"):
        reconstruction.check_projection(lambda t, v, k: kept(t, v, k) - t.mean(0), train, torch.ones(40))
    printed = (lambda mse: -10 * math.log10(mse), lambda mse: -10 * math.log(mse / 10))
    assert reconstruction.check_formulas(*printed)
    with pytest.raises(AssertionError, match="wrong way round"):
        reconstruction.check_formulas(*printed[::-1])


def test_components_are_asked_for_several_k():
    """A mistake that gives the right share for one k by chance is not named for it."""
    values, labels = torch.randn(60, 20, generator=stream()), np.arange(60) % 3
    train, test = np.arange(40), np.arange(40, 60)

    def hits(part, queries=test, gallery=train):
        near = torch.cdist(values[queries][:, part], values[gallery][:, part]).argmin(1)
        return float((labels[gallery][near] == labels[queries]).mean())

    assert nerf2vec.check_components(lambda k: hits(slice(k)), values, labels, train, test)
    wrong = {
        "each training NeRF's": lambda k: hits(slice(k), train, test),
        "all components": lambda k: hits(slice(None)),
        "last components": lambda k: hits(slice(-k, None)),
        "first component is left out": lambda k: hits(slice(1, k + 1)),
        "only component k": lambda k: hits(slice(k - 1, k)),
        "share of misses": lambda k: 1 - hits(slice(k)),
        "is right": lambda k: hits(slice(2)) if k == 2 else 0.123,
    }
    for words, answer in wrong.items():
        with pytest.raises(AssertionError, match=words):
            nerf2vec.check_components(answer, values, labels, train, test)


def test_cards_measure_what_they_say():
    assert "= 0.500000" in nerf2vec.loss_card(stream())["we measured"]
    solid = torch.cat([torch.rand(50, 3, generator=stream()), torch.ones(50, 1)], 1)
    half = solid * 0.5
    text = nerf2vec.compositing_card(torch.cat([solid, half]), stream())["we measured"]
    assert text.startswith("50% of 100 rays") and text.endswith("(solid rays 0.0000)")
    curves = {"a": (np.ones(2), np.array([1e-4, 1e-5])), "b": (np.ones(2), np.array([1e-4, 1e-4]))}
    assert "1e-05 against 1e-04" in nerf2vec.schedule_card(curves, ("a", "b"))["we measured"]


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
    import matplotlib.pyplot as plt

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
    measures = {"test": "mini_zoo", "n": 78, "n_real": 52, "readers": {"novel": {"embeddings": readers}, "real": {}}}
    measures["reconstruction"] = measures["real"] = [{**row, "full_ssim": 0.9, "foreground_ssim": 0.5}]
    record = {"collection": "toys", "trained": trained, "measures": measures, "bytes": 8_000_000}
    write_json(tmp_path / "run.json", record)
    text = shipped_table(tmp_path)
    assert "1,234 NeRFs (toys), 0 skipped" in text and "8.0 MB as float16" in text and "2 min, seed 3" in text
    assert (
        "| nerf2vec | own | 21.0 | 15.5 | 0.900 | 0.500 |" in text and "| embeddings | 0.90 / 0.80 / 0.70 | - |" in text
    )
