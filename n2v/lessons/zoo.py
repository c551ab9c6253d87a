"""Notebook 03, many NeRFs: quality and travel as figures, stored studies, damage on purpose."""

import csv
import json
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import Float

from n2v.errors import BadInput
from n2v.files import data_folder, inside, write_bytes
from n2v.lessons.drawing.plots import _class_scatter
from n2v.lessons.drawing.style import OURS
from n2v.nerf.layout import LAYERS, N_OCTAVES, octave_travel, travel
from n2v.scenes.classes import names_of
from n2v.zoo.store import Row, Zoo


def quality_figure(zoo: Zoo):
    """How the held-out PSNR of a zoo is distributed, and against how much of the box each NeRF occupies."""
    import matplotlib.pyplot as plt

    quality = np.array([row.psnr_db for row in zoo.rows], float)
    share = 100 * zoo.occupied().reshape(len(zoo), -1).mean(1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.8), width_ratios=[1, 1.5], sharey=True)
    left.hist(quality, bins=min(30, max(8, len(quality) // 8)), orientation="horizontal", color=OURS, edgecolor="white")
    for value, style, name in (
        (quality.mean(), "-", f"mean {quality.mean():.1f} dB"),
        (np.percentile(quality, 5), ":", f"5th percentile {np.percentile(quality, 5):.1f} dB"),
    ):
        left.axhline(value, color="black", ls=style, lw=1.2, label=name)
    left.set(xlabel="NeRFs", ylabel="PSNR on held-out views (dB)")
    left.legend(fontsize=8)
    names = names_of(zoo.labels, [row.class_name for row in zoo.rows])
    _class_scatter(right, np.column_stack([share, quality]), zoo.labels, names)
    right.set_xlabel("occupied cells (% of the box)")
    right.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    figure.tight_layout()
    return figure


def travel_figure(field_weights: Float[np.ndarray, "n w"], start: Float[np.ndarray, "w"]):
    """Boxes a layer, and the median and middle half of the NeRFs over the octaves of the encoding."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.6))
    left.boxplot(travel(field_weights, start), tick_labels=LAYERS, widths=0.6, medianprops={"color": "black"}, sym=".")
    left.set_ylabel("|w − w0| / |w0|")
    left.tick_params("x", labelsize=8)
    low, middle, high = np.percentile(octave_travel(field_weights, start), [25, 50, 75], axis=0)
    right.plot(middle, "o-", color=OURS, ms=4, label="median NeRF")
    right.fill_between(range(N_OCTAVES), low, high, color=OURS, alpha=0.25, label="middle half of the NeRFs")
    right.set(xlabel="octave of the encoding, k (frequency 2^k)", ylabel="|w − w0| / |w0|, input matrix")
    right.set_ylim(0)
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
    dtype = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}[entry["dtype"]]
    at = 8 + header + entry["data_offsets"][0] + (row.row * entry["shape"][1] + weight) * dtype.itemsize
    if not (0 <= weight < entry["shape"][1] and 0 <= bit < 8 * dtype.itemsize):
        raise BadInput(f"weight {weight}, bit {bit}", where=path, fix=f"weights are {dtype.name}")
    values = [np.frombuffer(data, dtype, 1, at)[0].item()]
    data[at + bit // 8] ^= 1 << bit % 8
    values.append(np.frombuffer(data, dtype, 1, at)[0].item())
    write_bytes(path, bytes(data))
    return values[0], values[1]


def study(name: str) -> list[dict]:
    """Rows of a study that was measured once and is kept with the project; none where there is no checkout.

    Args:
        name: ci/reference/NAME/NAME.csv; ci/NAME.py made it.
    """
    path = data_folder().parent / "ci" / "reference" / name / f"{name}.csv"
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        return [{column: _number(value) for column, value in row.items()} for row in csv.DictReader(file)]


def _number(text: str) -> float | str:
    with suppress(ValueError):
        return float(text)
    return text
