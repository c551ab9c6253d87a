"""The thesis's engine from probe to fitted NeRF, its libraries' GPU parts on stand-ins (stand_ins.py)."""

from dataclasses import replace

import pytest
import torch

pytest.importorskip("nerfacc", reason="nerfacc is not installed (extra dev): the thesis's engine was NOT tested")

from stand_ins import Network

from n2v.errors import BadInput
from n2v.nerf.composite import over_background, premultiplied
from n2v.nerf.engines.tcnn_engine import TcnnBackend
from n2v.nerf.field import evaluate_reference
from n2v.nerf.layout import initial_vector
from n2v.nerf.occupancy import carve
from n2v.nerf.recipe import FitConfig
from n2v.nerf.render import psnr, render_image

pytestmark = pytest.mark.usefixtures("stand_ins")
CONFIG = replace(
    FitConfig.laptop(60, 4096), step=0.08, background="batch", encoding="tcnn", backend="tcnn", grid_resolution=16
)


@pytest.fixture
def engine() -> TcnnBackend:
    return TcnnBackend(device="cpu")


def quality_db(engine, vector, ball) -> float:
    """PSNR of a held-out picture on white, rendered inside the hull."""
    truth = over_background(premultiplied(torch.from_numpy(ball.held_out_images[0]).float() / 255))
    shown = render_image(
        lambda points: tuple(value[0] for value in engine.evaluate(vector[None], points[None], "tcnn")),
        carve(ball, 16), ball.held_out_c2w[0], 32, step=0.08,
    )  # fmt: skip
    return psnr(shown[..., :3], truth)


def test_it_learns(engine, ball):
    start = torch.from_numpy(initial_vector())
    weights = engine.fit([ball], [None], CONFIG, [1])[0]
    assert quality_db(engine, weights, ball) > quality_db(engine, start, ball) + 3
    assert torch.equal(weights[17664:], start[17664:])


def test_a_seed_names_a_fit(engine, ball):
    """Although nerfacc draws its grid's points from torch's global generator, which a fit leaves as it was."""
    short, before = replace(CONFIG, n_steps=5), torch.get_rng_state()
    one = engine.fit([ball], [None], short, [1])
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(one, engine.fit([ball], [None], short, [1]))
    assert not torch.equal(one, engine.fit([ball], [None], short, [2]))


def test_it_evaluates_as_the_reference(engine):
    weights = torch.from_numpy(initial_vector())[None]
    points = torch.rand(1, 300, 3, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    found, expected = engine.evaluate(weights, points, "tcnn"), evaluate_reference(weights, points, "tcnn")
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() < 3e-3  # float16 layers; 1e-3 seen
    assert [part.shape for part in engine.evaluate(weights, points[:, :0], "tcnn")] == [(1, 0), (1, 0, 3)]
    with pytest.raises(BadInput, match="has no 'exact' encoding"):
        engine.evaluate(weights, points, "exact")


def test_strided_pictures_are_taken(engine, ball):
    strided = replace(ball, images=ball.images.transpose(0, 2, 1, 3).copy().transpose(0, 2, 1, 3))
    assert not strided.images.flags.c_contiguous
    short = replace(CONFIG, n_steps=3)
    assert torch.equal(engine.fit([strided], [None], short, [1]), engine.fit([ball], [None], short, [1]))


@pytest.mark.parametrize("what", ["no sample survives", "no ray is alive"])
def test_an_empty_batch_changes_nothing(engine, ball, what, monkeypatch):
    render = TcnnBackend._render

    def emptied(*arguments):
        shown, opacity, n_samples = render(*arguments)
        return (shown, opacity, 0) if what == "no sample survives" else (shown, opacity * 0, n_samples)

    monkeypatch.setattr(TcnnBackend, "_render", staticmethod(emptied))
    weights = engine.fit([ball], [None], replace(CONFIG, n_steps=3), [1])[0]
    assert torch.equal(weights, torch.from_numpy(initial_vector()))


def test_the_number_of_rays_grows_in_steps(engine, ball, monkeypatch):
    render, told = TcnnBackend._render, []

    def sparse(*arguments):
        told.append(len(arguments[2]))
        return (*render(*arguments)[:2], 1)  # one sample survived: the recipe would like as many rays as there are

    monkeypatch.setattr(TcnnBackend, "_render", staticmethod(sparse))
    engine.fit([ball], [None], replace(CONFIG, n_steps=6), [1])
    assert told == [4, 8, 16, 32, 64, 128]


def test_the_probe_runs_both_ways(engine, monkeypatch):
    assert "equal bit by bit" in engine.probe()
    with monkeypatch.context() as patch:
        patch.setattr(Network, "forward", lambda self, unit: torch.zeros(len(unit), 4).half() + 0 * self.params.sum())
        with pytest.raises(RuntimeError, match="away from PyTorch"):
            engine.probe()
    with monkeypatch.context() as patch:
        forward = Network.forward
        patch.setattr(Network, "forward", lambda self, unit: forward(self, unit) + self.params.sum() * torch.nan)
        with pytest.raises(RuntimeError, match="away from PyTorch"):
            engine.probe()
    with monkeypatch.context() as patch:
        patch.setattr(Network, "forward", lambda self, unit: forward(self, unit).detach() + 0 * self.params.sum())
        with pytest.raises(RuntimeError, match="gradient"):
            engine.probe()


def test_another_initial_vector_is_noticed(engine, monkeypatch):
    original = Network.__init__

    def other(self, *arguments, **options):
        original(self, *arguments, **options)
        self.params.data[:7] += 1

    monkeypatch.setattr(Network, "__init__", other)
    with pytest.raises(RuntimeError, match="initial vector differs from ours at 7 places"):
        engine.probe()


def test_a_network_it_does_not_have_is_one_line():
    with pytest.raises(RuntimeError, match="unknown encoding or network"):
        TcnnBackend("FusedMLP", "cpu").probe()
    assert TcnnBackend("CutlassMLP", "cpu").probe()
