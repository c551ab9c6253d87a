"""The clock: warm against cold, limits, and the table's steps."""

import time

import pytest
import torch

from n2v.embed.decoder import DecoderConfig
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.tasks.timing import Step, time_as_published, time_call, time_table


class SlowStart:
    """A call whose first time takes longer."""

    def __init__(self, first_s: float) -> None:
        self.first_s, self.calls = first_s, 0

    def __call__(self) -> None:
        self.calls += 1
        time.sleep(self.first_s if self.calls == 1 else 0.001)


def test_a_cold_mean_shows_the_first_call_and_a_warm_median_does_not():
    assert time_as_published(SlowStart(0.3), 5) > 55  # 60 ms of the first call alone
    assert time_call(SlowStart(0.3), n_runs=5)["median_ms"] < 50


def test_a_limit_ends_long_series_and_says_how_long_they_were():
    call = SlowStart(0)
    assert time_call(call, n_runs=1000, limit_s=0.05)["runs"] < 100 and call.calls < 110
    assert time_call(SlowStart(0.1), n_runs=10, limit_s=0.001)["runs"] == 2


def test_the_table_has_a_row_for_each_step_and_batch():
    model = Nerf2Vec(ModelConfig(EncoderConfig("rows", (8, 8, 8, 8), 16), DecoderConfig(hidden=16, n_octaves=2))).eval()
    weights, seen = torch.zeros(4, 18_432), []

    def encode(k):
        seen.append(k)
        return model.encode(weights[:k])

    rows = time_table([Step("nerf2vec", "encode", "cpu", encode)], (1, 4), limit_s=0.2)
    assert [row["batch"] for row in rows] == [1, 4] and set(seen) == {1, 4}
    assert rows[0]["as_published_ms"] > 0 and rows[1]["as_published_ms"] is None
    assert rows[1]["ms_an_object"] == pytest.approx(rows[1]["median_ms"] / 4)
