"""Refined embeddings: nearer to their own NeRF and to no other, alike in any company, the model untouched."""

import subprocess
import sys

import pytest
import torch

import n2v
from n2v.embed.reconstruct import REFINED, compare_reconstructions, foreground_psnr
from n2v.embed.refine import refined
from n2v.nerf.nerf import Turntable

LOOK, STEPS = Turntable(n_views=2, size_px=32), 20


@pytest.fixture(scope="module")
def case():
    zoo, model = n2v.mini_zoo(), n2v.load()
    nerfs = [zoo[int(i)] for i in zoo.indices("val")[::30]]
    with torch.no_grad():
        embeddings = torch.cat([model.encode(nerf.field_weights[None], nerf.encoding) for nerf in nerfs])
    return model, nerfs, embeddings, refined(model, nerfs, embeddings, STEPS)


def decibels(model, nerf, embedding) -> float:
    return foreground_psnr(model.decode(embedding, occupied=nerf.occupied).views(LOOK), nerf.views(LOOK))


def test_nearer_to_their_own_nerf_and_away_from_others(case):
    """Each nearer within 20 steps, by 1 dB on average; refined towards another NeRF, an embedding leaves its own."""
    model, nerfs, before, after = case
    starts, ends = ([decibels(model, *pair) for pair in zip(nerfs, part, strict=True)] for part in (before, after))
    gains = [end - start for start, end in zip(starts, ends, strict=True)]
    assert min(gains) > 0.2 and sum(gains) / len(gains) > 1, gains
    astray = refined(model, nerfs[:1], before[-1:], STEPS)
    assert decibels(model, nerfs[-1], astray[0]) < starts[-1]


def test_alike_in_any_company_and_again(case):
    model, nerfs, before, after = case
    alone = refined(model, nerfs[1:2], before[1:2], STEPS)
    torch.testing.assert_close(alone[0], after[1], atol=5e-3, rtol=0)
    assert (after[0] - after[1]).abs().max() > 0.5  # what "alike" is to be told from


def test_the_pull_keeps_embeddings_near(case, monkeypatch):
    """Twenty steps move embeddings at most .7 as far as without the second term."""
    model, nerfs, before, after = case
    monkeypatch.setattr("n2v.embed.refine.STAY", 0.0)
    free = refined(model, nerfs, before, STEPS)
    assert (after - before).norm() < 0.7 * (free - before).norm()


def test_the_model_stays_and_no_steps_change_nothing(case):
    model, nerfs, before, _ = case
    state = {name: value.clone() for name, value in model.state_dict().items()}
    assert torch.equal(refined(model, nerfs[:1], before[:1], 0), before[:1])
    refined(model, nerfs[:1], before[:1], 2)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())


def test_one_nerf_a_zoo_and_rows_of_a_comparison_agree(case, tmp_path):
    model, nerfs, before, _ = case
    one = torch.from_numpy(model.embed(nerfs[0], refine=5))
    torch.testing.assert_close(one, refined(model, nerfs[:1], before[:1], 5)[0], atol=5e-3, rtol=0)
    rows = compare_reconstructions({"m": model}, n2v.mini_zoo(), n2v.mini_zoo().indices("val")[:1], LOOK, refine=STEPS)
    shown = {(row["what"], row["occupancy"]): row["foreground_db"] for row in rows}
    assert shown[f"m, {REFINED}", "given"] > shown["m", "given"] + 0.2 and len(shown) == 4


def test_refused_on_the_command_line(tmp_path):
    command = [sys.executable, "-m", "n2v.cli", "embed", "data/nerf2vec", "mini_zoo", "--refine", "-1"]
    done = subprocess.run([*command, "--out", str(tmp_path / "e.safetensors")], capture_output=True, text=True)
    assert done.returncode == 2 and "--refine" in done.stderr and "Traceback" not in done.stderr
