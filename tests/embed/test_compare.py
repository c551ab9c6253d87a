"""Reconstructions beside what must lose: each measure against its own oracle, each loser against its definition."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from discs import disc
from scipy.ndimage import gaussian_filter
from solids import SOLIDS, write_zoo

from n2v.embed.decoder import DecoderConfig
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.embed.reconstruct import LOSERS, MEASURES, Losers, compare_reconstructions, picture_measures, some_of
from n2v.errors import BadInput
from n2v.nerf.nerf import Turntable
from n2v.tasks.metrics import reconstruction_summary

LOOK = Turntable(n_views=2, size_px=24)


def reference_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Wang et al. 2004, eq. 13, in float64; (h, w) in [0, 1], mirrored at the border."""

    def blur(values):
        return gaussian_filter(values, 1.5, truncate=5 / 1.5, mode="mirror")

    mean_a, mean_b = blur(first), blur(second)
    var_a, var_b = blur(first**2) - mean_a**2, blur(second**2) - mean_b**2
    cov = blur(first * second) - mean_a * mean_b
    a = (2 * mean_a * mean_b + 1e-4) * (2 * cov + 9e-4)
    b = (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
    return float((a / b).mean())


def test_measures_against_numpy():
    """PSNR to 1e-5 dB, SSIM to 1e-4, on noise over a disc."""
    truth = disc()
    shown = truth.clone()
    shown[..., :3] = (
        truth[..., :3] + 0.2 * torch.randn(1, 32, 32, 3, generator=torch.Generator().manual_seed(0))
    ).clamp(0, 1)
    found = picture_measures(shown, truth)
    a, b = (pictures[0, ..., :3].double().numpy() for pictures in (shown, truth))
    assert found["full_db"] == pytest.approx(-10 * np.log10(((a - b) ** 2).mean()), abs=1e-5)
    body = truth[0, ..., 3].numpy() > 0
    assert found["foreground_db"] == pytest.approx(-10 * np.log10(((a - b)[body] ** 2).mean()), abs=1e-5)
    expected = np.mean([reference_ssim(a[..., i], b[..., i]) for i in range(3)])
    assert found["full_ssim"] == pytest.approx(expected, abs=1e-4)
    assert found["foreground_ssim"] > found["full_ssim"]  # flat white around the disc tolerates no noise


def test_measures_at_both_ends():
    truth = disc()
    same = picture_measures(truth.clone(), truth)
    assert same["full_db"] == math.inf and same["full_ssim"] == pytest.approx(1) == same["foreground_ssim"]
    white = torch.ones_like(truth)
    nothing = torch.cat([white[..., :3], torch.zeros_like(white[..., 3:])], -1)
    assert picture_measures(white, nothing)["full_db"] == math.inf
    assert math.isnan(picture_measures(white, nothing)["foreground_ssim"])


def test_losers_are_what_they_are_called(zoo):
    """Two components of three NeRFs hold them exactly; the nearest of a training object is another object."""
    losers = Losers(zoo, zoo.indices("train"), 2)
    weights = zoo.field_weights()
    np.testing.assert_allclose(losers.projected(0).numpy(), weights[0], atol=1e-4)
    centred = weights[:3] - weights[:3].mean(0)
    _, _, basis = np.linalg.svd(centred, full_matrices=False)
    expected = weights[:3].mean(0) + (weights[3] - weights[:3].mean(0)) @ basis[:2].T @ basis[:2]
    np.testing.assert_allclose(losers.projected(3).numpy(), expected, atol=1e-4)
    distance = np.linalg.norm(weights[3] - weights[:3], axis=1)
    assert losers.nearest(3) == distance.argmin() and losers.nearest(1) != 1
    truth = zoo[3].views(LOOK)
    shown = losers.views(3, truth, LOOK)
    assert tuple(shown) == LOSERS
    assert torch.equal(shown["nearest training NeRF"], zoo[losers.nearest(3)].views(LOOK))
    assert (shown["blank picture"] == 1).all()
    one = shown["mean colour"][0, 0, 0]
    assert (shown["mean colour"] == one).all() and torch.allclose(one, truth.mean((0, 1, 2)))


def test_versions_of_an_object_are_not_its_neighbours(zoo, tmp_path):
    twin = {"base_id": "ball"}
    copy = write_zoo(tmp_path, list(SOLIDS)[:2], zoo.field_weights([0, 1]), zoo.occupied([0, 1]), block=twin)
    with pytest.raises(BadInput, match="no other object"):
        Losers(copy, copy.indices("train"), 1).nearest(0)
    with pytest.raises(BadInput, match="1 training NeRFs"):
        Losers(zoo, zoo.indices("train")[:1], 1)


def test_one_row_a_nerf_thing_and_way(zoo):
    """The ceiling is the NeRF itself: a model that shows it has no error, one that was never trained loses to it."""
    torch.manual_seed(0)
    model = Nerf2Vec(ModelConfig(EncoderConfig("rows", (8, 8), 16), DecoderConfig(32, 6))).eval()
    rows = compare_reconstructions({"untrained": model}, zoo, zoo.indices(), LOOK, Losers(zoo, zoo.indices("train"), 2))
    assert len(rows) == 4 * (2 + len(LOSERS)) and {row["input_db"] for row in rows} == {25.0}
    table = reconstruction_summary(rows)
    assert [(row["split"], row["n"]) for row in table if row["what"] == "mean colour"] == [("train", 3), ("test", 1)]
    for row in table:
        assert all(math.isfinite(row[name]) for name in MEASURES), row
    kept = {row["split"]: row for row in table if row["what"] == LOSERS[-1]}
    assert kept["train"]["full_db"] > 60 > 25 > kept["test"]["full_db"]  # seen, and held out


def test_samples_are_balanced_and_seeded(zoo, tmp_path):
    labels = {"ball": {"label": 1, "class_name": "bench"}, "rod": {"label": 2, "class_name": "cabinet"}}
    mixed = write_zoo(tmp_path, list(SOLIDS), zoo.field_weights(), zoo.occupied(), **labels)
    assert some_of(mixed, "train", 3).tolist() == mixed.indices("train").tolist() == some_of(mixed, "train", 9).tolist()
    assert len({some_of(zoo, "train", 1, seed)[0] for seed in range(8)}) > 1


def test_losers_of_one_zoo_are_asked_about_another(zoo, tmp_path):
    """The nearest is of the first zoo; what components keep is shown through the other's occupancy."""
    other = write_zoo(tmp_path, list(SOLIDS)[:1], zoo.field_weights([3]) + np.float32(1e-4), zoo.occupied([0]))
    known = Losers(zoo, zoo.indices("train"), 2, asked=other)
    assert known.nearest(0) in zoo.indices("train")
    shown = known.views(0, other[0].views(LOOK), LOOK)
    expected = replace(other[0], field_weights=known.projected(0)).views(LOOK)
    assert torch.equal(shown["PCA of weights, decoded back"], expected)
