"""Notebooks 04 and 05: checks name mistakes, cards measure what they say, the shipped model's card reads its record."""

import math

import numpy as np
import pytest
import torch

from n2v.embed.encoder import EncoderConfig, RowEncoder, make_encoder, weight_matrix
from n2v.files import write_json
from n2v.lessons import nerf2vec, reconstruction
from n2v.lessons import thesis_and_code as cards
from n2v.nerf.layout import N_WEIGHTS
from n2v.publish.data_cards import shipped_table

SMALL = EncoderConfig("rows", widths=(8, 8), embedding=6, n_components=4, hidden=8)


def stream() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def unwritten(*_):
    raise NotImplementedError


RIGHT_AND_WRONG = {
    nerf2vec.check_matrix: [
        (lambda v: torch.cat([v, torch.zeros(3072)]).view(336, 64), None),
        (lambda v: torch.cat([torch.zeros(3072), v]).view(336, 64), "behind the weights"),
        (lambda v: torch.cat([v, torch.zeros(3072)]).view(64, 336).T, "row by row"),
    ],
    nerf2vec.check_emptiness: [
        (lambda s, step: 1 - torch.exp(-s * step), None),
        (lambda s, step: s, "raw density"),
        (lambda s, step: (s * step).clamp(max=1), "clamping"),
    ],
    nerf2vec.check_share: [
        (lambda m, e, f: m(torch.cat([e[:, None].expand(-1, f.shape[1], -1), f], -1)), None),
        (lambda m, e, f: (e @ m.weight[:, :5].T)[:, None] + f @ m.weight[:, 5:].T, "bias is missing"),
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


def test_checks_with_data():
    rows = weight_matrix(torch.randn(1, N_WEIGHTS, generator=stream()))
    encoder = RowEncoder(SMALL).eval()

    def notices(one, values):
        other = one.encode_rows(values[:, torch.randperm(values.shape[1], generator=stream())])
        return not torch.allclose(one.encode_rows(values), other, atol=1e-5)

    assert nerf2vec.check_blindness(notices, encoder, rows)
    with pytest.raises(AssertionError, match="every encoder"):
        nerf2vec.check_blindness(lambda *_: True, encoder, rows)
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
    values, labels = torch.randn(30, 6, generator=stream()), np.arange(30) % 3
    parts = np.arange(20), np.arange(20, 30)

    def hits(k, queries=parts[1]):
        near = torch.cdist(values[queries, :k], values[parts[0], :k]).argmin(1)
        return float((labels[parts[0]][near] == labels[queries]).mean())

    assert nerf2vec.check_components(hits, values, labels, *parts)


def test_cards_measure_what_they_say():
    assert "= 0.500000" in cards.loss_card(stream())["we measured"]
    solid = torch.cat([torch.rand(50, 3, generator=stream()), torch.ones(50, 1)], 1)
    half = solid * 0.5
    text = cards.compositing_card(torch.cat([solid, half]), stream())["we measured"]
    assert text.startswith("50% of 100 rays") and text.endswith("(solid rays 0.0000)")
    curves = {"a": (np.ones(2), np.array([1e-4, 1e-5])), "b": (np.ones(2), np.array([1e-4, 1e-4]))}
    assert "1e-05 against 1e-04" in cards.schedule_card(curves, ("a", "b"))["we measured"]


@pytest.mark.parametrize("kind", ["rows", "tokens", "aligned"])
def test_only_rows_do_not_move_when_rows_change_places(kind):
    vectors = torch.randn(8, N_WEIGHTS, generator=stream())
    torch.manual_seed(0)
    encoder = make_encoder(EncoderConfig(kind, (8, 8), 6, n_components=4, hidden=8)).eval()
    if kind == "aligned":
        encoder.fit_front(vectors)
    moved = cards.change_when_exchanged(encoder, vectors, (0.1, 1.0), stream())
    assert max(moved) < 1e-5 if kind == "rows" else 0.01 < moved[0] < moved[1]


def test_the_shipped_card_tells_its_record(tmp_path):
    row = {"what": "nerf2vec", "occupancy": "own", "full_db": 21.04, "foreground_db": 15.5}
    readers = {"linear_probe": 0.9, "head": 0.8, "hit_at_1": 0.7}
    encoder = {"kind": "aligned", "embedding": 256, "octaves": 8}
    trained = {"n_nerfs": 1234, "skipped": {}, "n_parameters": 1000, "steps": 50, "wall_s": 120.0, "device": "cpu"}
    trained |= {"commit": "abcdef0123", "model": {"encoder": encoder}, "config": {"batch_size": 16, "seed": 3}}
    measures = {"test": "mini_zoo", "n": 78, "readers": readers, "raw_weights": readers}
    measures["reconstruction"] = [{**row, "full_ssim": 0.9, "foreground_ssim": 0.5}]
    record = {"collection": "toys", "trained": trained, "measures": measures, "bytes": 8_000_000}
    write_json(tmp_path / "run.json", record)
    text = shipped_table(tmp_path)
    assert "1,234 NeRFs (toys), 0 skipped" in text and "8.0 MB as float16" in text and "2 min, seed 3" in text
    assert "| nerf2vec | own | 21.0 | 15.5 | 0.900 | 0.500 |" in text and "| embeddings | 0.90 | 0.80 | 0.70 |" in text
