"""What is in a collection of NeRFs, how good it is, where its weights lie: figures and tables."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from n2v import profiles
from n2v.errors import BadInput
from n2v.files import inside, write_bytes
from n2v.nerf.layout import N_OCTAVES, N_OUTPUTS, N_WEIGHTS, SHAPES, SLICES
from n2v.scenes.classes import CLASSES, SYNSETS, labels_of, names_of
from n2v.scenes.shapes import slot_options
from n2v.show.style import OURS, class_look
from n2v.tasks.classify import nearest_neighbour
from n2v.zoo.splits import leak
from n2v.zoo.store import Row, Zoo

LAYERS = ("input\n64 x 144", "hidden 1\n64 x 64", "hidden 2\n64 x 64", "output\n4 x 64", "padding\n12 x 64")


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
    names = names_of(zoo.labels, zoo.rows.columns["class_name"])
    _class_scatter(right, np.column_stack([share, quality]), zoo.labels, names)
    right.set_xlabel("occupied cells (% of the box)")
    right.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    figure.tight_layout()
    return figure


def _class_scatter(axis, points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> None:
    """A colour and a marker a class."""
    for label in np.unique(labels).tolist():
        colour, marker = class_look(label)
        style = {"s": 24, "color": colour, "marker": marker, "label": names[label], "alpha": 0.8}
        axis.scatter(*points[labels == label].T, **style)


def map_figure(
    maps: dict[str, Float[np.ndarray, "n 2"]],
    labels: Int[np.ndarray, "n"],
    n_columns: int = 2,
    names: Sequence[str] = CLASSES,
):
    """Maps of the same objects side by side, one legend: a colour and a marker a class; `names` by label."""
    import matplotlib.pyplot as plt

    n_rows = -(-len(maps) // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(4.9 * n_columns, 4.1 * n_rows), squeeze=False)
    for axis, (title, points) in zip(axes.flat, maps.items(), strict=False):
        _class_scatter(axis, points, labels, names)
        axis.set(xticks=[], yticks=[], xlabel="first map axis (no unit)", ylabel="second map axis (no unit)")
        axis.set_title(title, fontsize=10)
    handles, names = axes[0][0].get_legend_handles_labels()
    figure.tight_layout()
    figure.legend(handles, names, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return figure


def leave_one_out(features: Float[np.ndarray, "n d"], labels: Int[np.ndarray, "n"]) -> float:
    """Accuracy of the nearest other item's class."""
    hits = [
        nearest_neighbour(np.delete(features, i, 0), np.delete(labels, i), features[i : i + 1])[0] == labels[i]
        for i in range(len(features))
    ]
    return float(np.mean(hits))


def travel(field_weights: Float[np.ndarray, "n w"], start: Float[np.ndarray, "w"]) -> Float[np.ndarray, "n 5"]:
    """How far each NeRF moved from the initial vector in each of LAYERS, relative to the layer's initial length."""
    moved, used = field_weights - start, N_OUTPUTS * SHAPES[-1][1]
    last = SLICES[-1]
    parts = [*SLICES[:-1], slice(last.start, last.start + used), slice(last.start + used, N_WEIGHTS)]
    return np.stack([np.linalg.norm(moved[:, part], axis=1) / np.linalg.norm(start[part]) for part in parts], 1)


def octave_travel(field_weights: Float[np.ndarray, "n w"], start: Float[np.ndarray, "w"]) -> Float[np.ndarray, "n 24"]:
    """The same for the columns of the input matrix that read each octave of the encoding (3 axes, sine and cosine)."""
    shape = (-1, SHAPES[0][0], 3, N_OCTAVES, 2)  # CONVENTIONS.md: feature = axis, octave, sine or cosine
    moved, before = ((field_weights - start)[:, SLICES[0]].reshape(shape), start[SLICES[0]].reshape(shape))
    return np.sqrt((moved**2).sum((1, 2, 4)) / (before**2).sum((1, 2, 4)))


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


def count_table(folder: Path) -> str:
    """A zoo's counts as a Markdown table, from its manifest alone: class by split, base and altered, PSNR."""
    zoo = Zoo(folder)
    good = list(zoo.rows)
    lines = ["| class | NeRFs | base | altered | objects | train | val | test | mean PSNR (dB) | lowest (dB) |"]
    lines.append("|---" * 10 + "|")
    present = {row.class_name for row in good}
    for name in [*(one for one in labels_of(present) if one in present), "**all**"]:
        mine = [row for row in good if name in (row.class_name, "**all**")]
        splits, quality = Counter(row.split for row in mine), [row.psnr_db for row in mine if row.psnr_db is not None]
        n_base = sum(row.version == 0 for row in mine)
        cells = [len(mine), n_base, len(mine) - n_base, len({row.base_id for row in mine})]
        cells += [splits[split] for split in ("train", "val", "test")]
        cells += [f"{np.mean(quality):.1f}", f"{min(quality):.1f}"] if quality else ["-", "-"]
        lines.append("| " + " | ".join([name, *map(str, cells)]) + " |")
    shared = leak(good, {row.object_id: row.split for row in good})
    facts = {
        "in quarantine": len(zoo.quarantined),
        "sources": ", ".join(sorted({row.source.split(": ")[0] for row in good})),
        "licences": ", ".join(sorted({row.licence for row in good})),
        "initial vector": ", ".join(sorted({row.init_hash for row in good})),
        "encoding": ", ".join(sorted({row.encoding for row in good})),
        "steps": ", ".join(str(steps) for steps in sorted({row.steps for row in good})),
        "share of test NeRFs with a version in train": f"{shared:.3f}",
    }
    return "\n".join([*lines, "", *(f"- {name}: {value}" for name, value in facts.items())])


def family_table() -> str:
    """The procedural classes as a Markdown table, from the generators themselves: what fills the body, and other slots
    with how many options each has."""
    lines = ["| label | class | synset | body (family), commonest first | other slots (options) |", "|---" * 5 + "|"]
    for label, name in enumerate(CLASSES):
        slots = slot_options(name)
        names = ", ".join(one.replace("_", " ") for one in slots["body"])
        others = ", ".join(f"{slot} ({len(options)})" for slot, options in slots.items() if slot != "body")
        lines.append(f"| {label} | {name} | {SYNSETS[name]} | {names} | {others} |")
    return "\n".join(lines)


def embedding_table() -> str:
    """Widths of the embeddings of each profile as a Markdown table."""
    lines = ["| profile | `embeddings-rows` | `embeddings-aligned` |", "|---|---|---|"]
    for name in profiles.PROFILES:
        size = profiles.get(name)
        lines.append(f"| {name} | {size.rows.encoder.embedding} | {size.aligned.encoder.embedding} |")
    return "\n".join(lines)


def read_block(card: Path, name: str) -> str:
    """What stands between `<!-- name: begin -->` and `<!-- name: end -->` in a data card: text made by a function here.

    Raises:
        BadInput: no such block, or more than one.
    """
    found = re.findall(f"<!-- {name}: begin -->\n(.*?)\n<!-- {name}: end -->", Path(card).read_text(), re.S)
    if len(found) != 1:
        raise BadInput(f"{len(found)} blocks '{name}' of generated text", where=card, fix="restore the card")
    return found[0]


def write_block(card: Path, name: str, text: str) -> None:
    """Replace such a block."""
    begin, end = f"<!-- {name}: begin -->\n", f"\n<!-- {name}: end -->"
    whole, old = Path(card).read_text(), read_block(card, name)
    write_bytes(card, whole.replace(begin + old + end, begin + text + end).encode())
