"""Tables of the data cards, each from the generators, a manifest or a record."""

from collections import Counter
from pathlib import Path

import numpy as np

from n2v import profiles
from n2v.files import read_json
from n2v.publish.markdown import table
from n2v.scenes.classes import CLASSES, SYNSETS, labels_of
from n2v.scenes.shapes import slot_options
from n2v.zoo.splits import leak
from n2v.zoo.store import Zoo

SPLITS = ("train", "val", "test")


def count_table(folder: Path) -> str:
    """A zoo's counts as a Markdown table, from its manifest alone: class by split, base and altered, PSNR."""
    zoo = Zoo(folder)
    good, lines = list(zoo.rows), []
    present = {row.class_name for row in good}
    for name in [*(one for one in labels_of(present) if one in present), "**all**"]:
        mine = [row for row in good if name in (row.class_name, "**all**")]
        splits, quality = Counter(row.split for row in mine), [row.psnr_db for row in mine if row.psnr_db is not None]
        n_base = sum(row.version == 0 for row in mine)
        cells = [name, len(mine), n_base, len(mine) - n_base, len({row.base_id for row in mine})]
        cells += [splits[split] for split in SPLITS]
        lines.append([*cells, *([f"{np.mean(quality):.1f}", f"{min(quality):.1f}"] if quality else ["-", "-"])])
    facts = {"in quarantine": len(zoo.quarantined), "sources": _all(row.source.split(": ")[0] for row in good)}
    for title, name in (("licences", "licence"), ("initial vector", "init_hash"), ("encoding", "encoding")):
        facts[title] = _all(getattr(row, name) for row in good)
    facts["steps"] = _all(row.steps for row in good)
    shared = leak(good, {row.object_id: row.split for row in good})
    facts["share of test NeRFs with a version in train"] = f"{shared:.3f}"
    header = ("class", "NeRFs", "base", "altered", "objects", *SPLITS, "mean PSNR (dB)", "lowest (dB)")
    return f"{table(header, lines)}\n\n{_listed(facts)}"


def _all(values) -> str:
    return ", ".join(str(value) for value in sorted(set(values)))


def _listed(facts: dict[str, object]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def family_table() -> str:
    """The procedural classes as a Markdown table, from the generators themselves: what fills the body, and other slots
    with how many options each has."""
    lines = []
    for label, name in enumerate(CLASSES):
        slots = slot_options(name)
        names = ", ".join(one.replace("_", " ") for one in slots["body"])
        others = ", ".join(f"{slot} ({len(options)})" for slot, options in slots.items() if slot != "body")
        lines.append([label, name, SYNSETS[name], names, others])
    return table(("label", "class", "synset", "body (family), commonest first", "other slots (options)"), lines)


def embedding_table() -> str:
    """Widths of the embeddings of each profile as a Markdown table."""
    kinds, lines = ("rows", "asking"), []
    for name in profiles.PROFILES:
        models = profiles.get(name).models
        lines.append([name, *(models[kind].encoder.embedding for kind in kinds)])
    return table(("profile", *(f"`embeddings-{kind}`" for kind in kinds)), lines)


def shipped_table(folder: Path) -> str:
    """What the shipped nerf2vec is and what was measured of it, as Markdown, from its run.json alone."""
    record = read_json(Path(folder) / "run.json")
    trained, measures = record["trained"], record["measures"]
    encoder, config = trained["model"]["encoder"], trained["config"]
    facts = {
        "trained on": f"{trained['n_nerfs']:,} NeRFs ({record['collection']}), {len(trained['skipped'])} skipped",
        "encoder": f"{encoder['kind']}, embeddings of {encoder['embedding']} ({encoder['n_components']} components)",
        "size": f"{trained['n_parameters']:,} trained parameters, {record['bytes'] / 1e6:.1f} MB as float16",
        "training": f"{trained['steps']:,} steps of {config['batch_size']} NeRFs, {trained['wall_s'] / 60:.0f} min, "
        f"seed {config['seed']}, {trained['device']}",
    }
    parts = [_listed(facts)]
    header = ("", "occupancy", "whole picture", "object alone", "SSIM", "SSIM, object")
    for told, key in ((f"Test split of {measures['test']}, {measures['n']} NeRFs", "reconstruction"),
                      (f"{measures['n_real']} NeRFs of real_zoo", "real")):  # fmt: skip
        measure = "mean PSNR (dB; ± half a 95 % interval, NeRFs counted singly) and SSIM, four views on white:"
        parts += [f"{told}; {measure}", table(header, map(_decibels, measures[key]))]
    rules = list(measures["readers"])
    lines = [
        [kind, *(_read(measures["readers"][rule].get(kind)) for rule in rules)]
        for kind in measures["readers"][rules[0]]
    ]
    read = table(("vectors", *rules), lines)
    return "\n\n".join([*parts, "Linear probe / head / hit@1:", read, _not_beaten(measures["readers"])])


def _decibels(row: dict) -> list[str]:
    """Cells of a row of reconstructions."""
    spread = f" ± {row['foreground_db_±']:.1f}" if row.get("foreground_db_±") else ""
    cells = [row["what"], row["occupancy"], f"{row['full_db']:.1f}", f"{row['foreground_db']:.1f}{spread}"]
    return [*cells, f"{row['full_ssim']:.3f}", f"{row['foreground_ssim']:.3f}"]


def _read(found: dict | None) -> str:
    return " / ".join(f"{found[name]:.2f}" for name in ("linear_probe", "head", "hit_at_1")) if found else "-"


def _not_beaten(readers: dict[str, dict[str, dict[str, float]]]) -> str:
    """Which bars read at least as well as the embeddings, by rule, as one sentence."""
    told = []
    for rule, found in readers.items():
        ours = found["embeddings"]
        names = [kind for kind, bar in found.items() if not kind.startswith("embeddings")
                 and any(bar[name] >= ours[name] for name in ("head", "hit_at_1"))]  # fmt: skip
        told.append(f"{rule}: {', '.join(names) or 'none'}")
    return f"Bars that are at least level in head or hit@1: {'; '.join(told)}."
