"""Tables of the data cards, each from the generators, a manifest or a record; and their blocks in the text."""

import re
from collections import Counter
from pathlib import Path

import numpy as np

from n2v import profiles
from n2v.errors import BadInput
from n2v.files import read_json, write_bytes
from n2v.scenes.classes import CLASSES, SYNSETS, labels_of
from n2v.scenes.shapes import slot_options
from n2v.zoo.splits import leak
from n2v.zoo.store import Zoo


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
    lines = ["| profile | `embeddings-rows` | `embeddings-asking` |", "|---|---|---|"]
    for name in profiles.PROFILES:
        size = profiles.get(name)
        widths = [str(size.models[kind].encoder.embedding) for kind in ("rows", "asking")]
        lines.append(f"| {name} | {' | '.join(widths)} |")
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
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    for told, key in ((f"Test split of {measures['test']}, {measures['n']} NeRFs", "reconstruction"),
                      (f"{measures['n_real']} NeRFs of real_zoo", "real")):  # fmt: skip
        measure = "mean PSNR (dB; ± half a 95 % interval, NeRFs counted singly) and SSIM, four views on white:"
        lines += ["", f"{told}; {measure}", ""]
        lines += ["| | occupancy | whole picture | object alone | SSIM | SSIM, object |", "|---" * 6 + "|"]
        for row in measures[key]:
            cells = [row["what"], row["occupancy"], f"{row['full_db']:.1f}"]
            spread = row.get("foreground_db_±")
            cells += [f"{row['foreground_db']:.1f}" + (f" ± {spread:.1f}" if spread else "")]
            cells += [f"{row['full_ssim']:.3f}", f"{row['foreground_ssim']:.3f}"]
            lines.append("| " + " | ".join(cells) + " |")
    columns, rules = ("linear_probe", "head", "hit_at_1"), list(measures["readers"])
    lines += [
        "",
        "Linear probe / head / hit@1:",
        "",
        f"| vectors | {' | '.join(rules)} |",
        "|---" * (len(rules) + 1) + "|",
    ]
    for kind in measures["readers"][rules[0]]:
        found = [measures["readers"][rule].get(kind) for rule in rules]
        cells = [" / ".join(f"{one[name]:.2f}" for name in columns) if one else "-" for one in found]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", _not_beaten(measures["readers"])])


def _not_beaten(readers: dict[str, dict[str, dict[str, float]]]) -> str:
    """Which bars read at least as well as the embeddings, by rule, as one sentence."""
    told = []
    for rule, found in readers.items():
        ours = found["embeddings"]
        names = [kind for kind, bar in found.items() if not kind.startswith("embeddings")
                 and any(bar[name] >= ours[name] for name in ("head", "hit_at_1"))]  # fmt: skip
        told.append(f"{rule}: {', '.join(names) or 'none'}")
    return f"Bars that are at least level in head or hit@1: {'; '.join(told)}."
