"""Figures and tables of notebooks 04 and 05: encoders side by side, what is lost; and the shipped model's card."""

from pathlib import Path

import numpy as np

from n2v.files import read_json
from n2v.show.style import CHANCE, OURS, THEIRS

LOOKS = {"rows": (THEIRS, "o", "--"), "aligned": (OURS, "s", "-"), "best": ("#009E73", "^", "-.")}


def look_of(name: str) -> dict:
    """Colour, marker and dash of an encoder, the same in every figure."""
    colour, marker, dash = LOOKS.get(name, (CHANCE, "x", ":"))
    return {"color": colour, "marker": marker, "ls": dash}


def shipped_table(folder: Path) -> str:
    """What the shipped nerf2vec is and what was measured of it, as Markdown, from its run.json alone."""
    record = read_json(Path(folder) / "run.json")
    trained, measures = record["trained"], record["measures"]
    encoder, config = trained["model"]["encoder"], trained["config"]
    facts = {
        "trained on": f"{trained['n_nerfs']:,} NeRFs ({record['collection']}), {len(trained['skipped'])} skipped",
        "encoder": f"{encoder['kind']}, embeddings of {encoder['embedding']}, reads octaves 0 to "
        f"{(encoder['octaves'] or 24) - 1}",
        "size": f"{trained['n_parameters']:,} trained parameters, {record['bytes'] / 1e6:.1f} MB as float16",
        "training": f"{trained['steps']:,} steps of {config['batch_size']} NeRFs, {trained['wall_s'] / 60:.0f} min, "
        f"seed {config['seed']}, {trained['device']}, commit {str(trained['commit'])[:7]}",
    }
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    lines += [
        "",
        f"Test split of {measures['test']}, {measures['n']} NeRFs; mean PSNR (dB) and SSIM, four views on white:",
    ]
    lines += ["", "| | occupancy | whole picture | object alone | SSIM | SSIM, object |", "|---" * 6 + "|"]
    for row in measures["reconstruction"]:
        cells = [row["what"], row["occupancy"], f"{row['full_db']:.1f}", f"{row['foreground_db']:.1f}"]
        cells += [f"{row['full_ssim']:.3f}", f"{row['foreground_ssim']:.3f}"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| reader of | linear probe | thesis's head | hit@1 |", "|---" * 4 + "|"]
    for name, key in (("embeddings", "readers"), ("raw weights", "raw_weights")):
        values = [f"{measures[key][column]:.2f}" for column in ("linear_probe", "head", "hit_at_1")]
        lines.append(f"| {name} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def plot_training(logs: dict[str, list[dict]]):
    """PSNR on training rays against time and against steps, a line a run."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.2), sharey=True)
    for name, log in logs.items():
        for axis, key in ((left, "seconds"), (right, "step")):
            values = [line["ray_psnr_db"] for line in log]
            axis.plot([line[key] for line in log], values, label=name, ms=4, **look_of(name))
    left.set(xlabel="training time (s)", ylabel="PSNR on training rays (dB)")
    right.set(xlabel="optimiser steps")
    right.legend(title="encoder")
    figure.tight_layout()
    return figure


def plot_schedules(curves: dict[str, tuple[np.ndarray, np.ndarray]]):
    """Learning rate against the share of the training that is done."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.5, 3))
    for (name, (share, rate)), dash in zip(curves.items(), ("-", "--", ":"), strict=False):
        axis.plot(100 * share, rate, dash, lw=2, label=name)
    axis.set(xlabel="share of the training done (%)", ylabel="learning rate", yscale="log")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_quality(rows: list[dict], measure: str = "foreground_db", label: str = "foreground PSNR (dB)"):
    """Distribution over NeRFs of one measure, a box a split and model; a diamond is the mean."""
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(row["what"] for row in rows))
    splits = [split for split in ("train", "val", "test") if any(row["split"] == split for row in rows)]
    figure, axis = plt.subplots(figsize=(8, 3.4))
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        groups = [
            [row[measure] for row in rows if (row["what"], row["split"]) == (name, split) and np.isfinite(row[measure])]
            for split in splits
        ]
        places = np.arange(len(splits)) + (i - (len(names) - 1) / 2) * width
        colour = look_of(name)["color"]
        boxes = axis.boxplot(
            groups, positions=places, widths=0.85 * width, showmeans=True, patch_artist=True, sym=".",
            medianprops={"color": "black"}, meanprops={"marker": "D", "markerfacecolor": "white", "markersize": 5,
                                                       "markeredgecolor": "black"},
        )  # fmt: skip
        for box in boxes["boxes"]:
            box.set(facecolor=colour, alpha=0.7, hatch=["", "//", ".."][i % 3])
        axis.plot([], [], "s", color=colour, label=name)
    counts = [len({row["object_id"] for row in rows if row["split"] == split}) for split in splits]
    axis.set_xticks(range(len(splits)), [f"{split}\n(n = {n})" for split, n in zip(splits, counts, strict=True)])
    axis.set_ylabel(label)
    axis.legend(title="encoder", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_losers(table: list[dict], ceiling_db: float):
    """Whole picture against object alone, one bar pair a row of `reconstruction_summary`; dashed: the input NeRFs."""
    import matplotlib.pyplot as plt

    names = [row["what"] if row["occupancy"] == "-" else f"{row['what']}, {row['occupancy']}" for row in table]
    figure, axis = plt.subplots(figsize=(8, 0.45 * len(table) + 1))
    for i, row in enumerate(table):
        colour = CHANCE if row["occupancy"] == "-" else look_of(row["what"])["color"]
        axis.barh(i - 0.19, row["full_db"], 0.36, color=colour, label="whole picture" if i == 0 else None)
        axis.barh(
            i + 0.19, row["foreground_db"], 0.36, color=colour, hatch="//", edgecolor="white", alpha=0.75,
            xerr=np.nan_to_num(row["foreground_db_±"]), label="object alone (95 % interval)" if i == 0 else None,
        )  # fmt: skip
    axis.set_xlim(0)
    axis.axvline(ceiling_db, color="black", ls="--", lw=1, label="input NeRFs against pictures")
    axis.set_yticks(range(len(table)), names)
    axis.invert_yaxis()
    axis.set_xlabel(f"mean PSNR on {table[0]['n']} test NeRFs (dB)")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axis.grid(False, axis="y")
    return figure


def plot_outline(bands: dict[str, list[dict]]):
    """Root mean square error against the distance from the outline, a line a model."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.8, 3.2))
    for name, rows in bands.items():
        axis.plot([row["distance_px"] for row in rows], [row["rms_error"] for row in rows], label=name, **look_of(name))
    axis.axvline(0, color="black", lw=1)
    axis.set(xlabel="distance from the outline (pixels; right of 0: on the object)", ylabel="RMS colour error (0 to 1)")
    axis.set_ylim(0)
    axis.legend(title="encoder")
    return figure


def plot_thickness(rows: list[dict]):
    """Foreground PSNR against how thick an object is, a marker a model."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.8, 3.2))
    for name in dict.fromkeys(row["what"] for row in rows):
        mine, look = [row for row in rows if row["what"] == name], look_of(name)
        values = [row["thickness_px"] for row in mine], [row["foreground_db"] for row in mine]
        axis.scatter(*values, color=look["color"], marker=look["marker"], s=26, alpha=0.7, label=name)
    axis.set(xlabel="mean distance of the object's pixels from its outline (pixels)", ylabel="foreground PSNR (dB)")
    axis.legend(title="encoder")
    return figure


def plot_blindness(shares: tuple[float, ...], changes: dict[str, list[float]]):
    """Movement of embeddings against the share of exchanged rows, a line an encoder."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 3.2))
    for i, (name, values) in enumerate(changes.items()):
        axis.plot([100 * share for share in shares], values, marker="os^D"[i], ls=("--", ":", "-.", "-")[i], label=name)
    axis.set(xlabel="hidden rows that change places (%)", ylabel="movement of the embedding\n(1: as far as NeRFs lie)")
    axis.set_xscale("log")
    axis.set_xticks([100 * share for share in shares], [f"{100 * share:g}" for share in shares])
    axis.minorticks_off()
    axis.set_yscale("symlog", linthresh=0.01)
    axis.set_ylim(-0.004)
    axis.legend(title="encoder", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_front(cumulative: np.ndarray, parts: dict[str, tuple[float, int]]):
    """Share of variance in the first components; and share of variance and of weights, part by part."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.1))
    left.plot(range(1, len(cumulative) + 1), 100 * cumulative, color=OURS, lw=2)
    left.set(xlabel="principal components", ylabel="variance held (%)", ylim=(0, 100), xscale="log")
    places, total = np.arange(len(parts)), sum(count for _, count in parts.values())
    right.bar(places - 0.2, [100 * share for share, _ in parts.values()], 0.38, color=OURS, label="of the variance")
    right.bar(
        places + 0.2, [100 * count / total for _, count in parts.values()], 0.38, color=CHANCE, hatch="//",
        edgecolor="white", label="of the weights",
    )  # fmt: skip
    right.set_xticks(places, list(parts))
    right.set_ylabel("share (%)")
    right.legend()
    figure.tight_layout()
    return figure
