"""Notebook 03, many NeRFs: quality and travel as figures, stored studies, damage on purpose."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float

from n2v.errors import BadInput
from n2v.files import data_folder, inside, write_bytes
from n2v.lessons.drawing.plots import class_scatter
from n2v.lessons.drawing.style import OURS
from n2v.nerf.layout import LAYERS, N_OCTAVES, octave_travel, travel
from n2v.scenes.cameras import front_camera
from n2v.scenes.classes import names_of
from n2v.scenes.views import ViewSet
from n2v.zoo.store import Row, Zoo


def quality_figure(zoo: Zoo):
    """How the held-out PSNR of a zoo is distributed, and against how much of the box each NeRF occupies."""
    import matplotlib.pyplot as plt

    quality = np.array([row.psnr_db for row in zoo.rows], float)
    share = 100 * zoo.occupied().reshape(len(zoo), -1).mean(1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.8), width_ratios=[1, 1.5], sharey=True)
    left.hist(quality, bins=20, orientation="horizontal", color=OURS, edgecolor="white")
    left.axhline(quality.mean(), color="black", label=f"mean {quality.mean():.1f} dB")
    fifth = np.percentile(quality, 5)
    left.axhline(fifth, color="black", ls=":", label=f"5th percentile {fifth:.1f} dB")
    left.set(xlabel="NeRFs", ylabel="PSNR on held-out views (dB)")
    left.legend(fontsize=8)
    names = names_of(zoo.labels, [row.class_name for row in zoo.rows])
    class_scatter(right, np.column_stack([share, quality]), zoo.labels, names)
    right.set_xlabel("occupied cells (% of the box)")
    return figure


def travel_figure(field_weights: Float[np.ndarray, "n w"], start: Float[np.ndarray, "w"]):
    """Boxes a layer, and the median and middle half of the NeRFs over the octaves of the encoding."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.6))
    left.boxplot(travel(field_weights, start), tick_labels=LAYERS, medianprops={"color": "black"}, sym=".")
    left.set_ylabel("|w − w0| / |w0|")
    left.tick_params("x", labelsize=8)
    low, middle, high = np.percentile(octave_travel(field_weights, start), [25, 50, 75], axis=0)
    right.plot(middle, "o-", color=OURS, ms=4, label="median NeRF")
    right.fill_between(range(N_OCTAVES), low, high, color=OURS, alpha=0.25, label="middle half of the NeRFs")
    right.set(xlabel="octave of the encoding, k (frequency 2^k)", ylabel="|w − w0| / |w0|", ylim=(0, None))
    right.legend(fontsize=8)
    figure.tight_layout()
    return figure


def flip_bit(folder: Path, row: Row, weight: int, bit: int) -> tuple[float, float]:
    """Damage a zoo on purpose: flip one bit of one stored weight. Returns the weight before and after.

    Args:
        folder: The zoo.
        row: Which NeRF.
        weight: Position in its vector.
        bit: 0 is the last bit of the fraction; the highest is the sign.
    """
    path = inside(folder, row.shard)
    data = bytearray(path.read_bytes())
    header = int.from_bytes(data[:8], "little")
    entry = json.loads(data[8 : 8 + header])["weights"]
    dtype, n_weights = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}[entry["dtype"]], entry["shape"][1]
    if not (0 <= weight < n_weights and 0 <= bit < 8 * dtype.itemsize):
        raise BadInput(f"weight {weight}, bit {bit}", where=path, fix=f"weights are {dtype.name}")
    at = 8 + header + entry["data_offsets"][0] + (row.row * n_weights + weight) * dtype.itemsize
    stored = np.frombuffer(data, dtype, 1, at)  # a view: what changes here changes the file's bytes
    before = stored[0].item()
    stored.view(np.uint8)[bit // 8] ^= 1 << bit % 8
    write_bytes(path, bytes(data))
    return before, stored[0].item()


def front_view(view_set: ViewSet) -> int:
    """Which held-out picture was taken most nearly from three quarters in front: the one that one recognises."""
    return int((view_set.held_out_c2w[:, :3, 2] @ front_camera()[:3, 2]).argmax())


def study(name: str) -> list[dict]:
    """Rows of a study that was measured once and is kept with the project; none where there is no checkout.

    Args:
        name: ci/reference/NAME/NAME.csv; ci/NAME.py made it.
    """
    import pandas as pd

    path = data_folder().parent / "ci" / "reference" / name / f"{name}.csv"
    return pd.read_csv(path).to_dict("records") if path.is_file() else []
