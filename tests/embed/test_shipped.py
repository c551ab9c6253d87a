"""The shipped form of a trained run: the same model to float16, small, and with its record."""

import pytest
import torch
from safetensors.torch import load_file

from n2v.embed import model as shipped
from n2v.embed.decoder import DecoderConfig
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig, Nerf2Vec, load_model, save_model
from n2v.errors import BadInput
from n2v.files import read_json, write_json

CONFIG = ModelConfig(
    EncoderConfig("aligned", embedding=16, n_components=6, hidden=16, octaves=6), DecoderConfig(16, n_octaves=4)
)


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(0)
    model = Nerf2Vec(CONFIG)
    model.encoder.fit_front(torch.randn(9, 18432))
    folder = tmp_path / "run"
    save_model(model, folder)
    write_json(folder / "run.json", {"n_parameters": 5, "config": {"seed": 3}, "n_nerfs": 9, "steps": 7})
    return folder


def test_packed_model_is_the_model_to_float16(run, tmp_path):
    """Embeddings within 5e-3 of their own size; half the bytes."""
    out = tmp_path / "nerf2vec"
    told = shipped.pack_run(run, out, "nine of noise", {"full_db": 12.5})
    vectors, points = torch.randn(4, 18432), torch.rand(4, 20, 3) - 0.5
    whole, packed = load_model(run), load_model(out)
    assert not packed.training and packed.config == CONFIG
    with torch.no_grad():
        expected, found = whole.encode(vectors), packed.encode(vectors)
        assert float((found - expected).norm() / expected.norm()) < 5e-3
        torch.testing.assert_close(packed(vectors, points)[1], whole(vectors, points)[1], atol=5e-3, rtol=0)
    assert all(value.dtype == torch.float16 for value in load_file(out / "model.safetensors").values())
    assert (out / "model.safetensors").stat().st_size < 0.55 * (run / "model.safetensors").stat().st_size
    record = read_json(out / "run.json")
    assert record["collection"] == "nine of noise" and record["measures"] == {"full_db": 12.5}
    assert record["trained"]["config"]["seed"] == 3 and record["bytes"] == told["bytes"]


def test_what_is_too_large_or_broken_is_refused_and_leaves_nothing(run, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(shipped, "LIMIT_BYTES", 1000)
    with pytest.raises(BadInput, match="more than 1,000"):
        shipped.pack_run(run, out, "", {})
    model = load_model(run)
    model.encoder.basis[0, 0] = 1e6  # beyond float16
    save_model(model, run)
    with pytest.raises(BadInput, match="basis is not finite in float16"):
        shipped.pack_run(run, out, "", {})
    (run / "model.safetensors").write_bytes(b"short")
    with pytest.raises(BadInput, match="broken checkpoint"):
        shipped.pack_run(run, out, "", {})
    assert not out.exists()


def test_its_place(run, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "data_folder", lambda: tmp_path)
    with pytest.raises(BadInput, match="not here"):
        shipped.load()
    with pytest.raises(BadInput, match="no shipped nerf2vec 'best'"):
        shipped.shipped_run("best")
    shipped.pack_run(run, tmp_path / "nerf2vec", "noise", {})
    assert shipped.shipped_run() == tmp_path / "nerf2vec" and not shipped.load().training
