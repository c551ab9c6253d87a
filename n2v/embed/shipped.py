"""The trained nerf2vecs that come with the project: where they lie, and how a trained run becomes one."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from n2v.embed.model import CONFIG, WEIGHTS, Nerf2Vec, load_model
from n2v.embed.tracking import RECORD
from n2v.errors import BadInput
from n2v.files import atomic_path, data_folder, git_commit, read_json, write_json

SHIPPED = {"asking": "nerf2vec", "aligned": "nerf2vec_aligned"}  # any NeRF; NeRFs of the shared initial vector
LIMIT_BYTES = 12_000_000  # of the packed weights


def shipped_run(name: str = "asking") -> Path:
    """Folder of a trained nerf2vec (data_cards/nerf2vec.md).

    Raises:
        BadInput: no such model, or it is not here.
    """
    if name not in SHIPPED:
        raise BadInput(f"no shipped nerf2vec '{name}'", fix=f"use one of: {', '.join(SHIPPED)}, or a run folder")
    folder = data_folder() / SHIPPED[name]
    if not (folder / WEIGHTS).is_file():
        raise BadInput("the trained nerf2vec is not here", where=folder, fix="train one: n2v train ZOO --out RUN")
    return folder


def load(run: Path | str = "asking") -> Nerf2Vec:
    """A trained nerf2vec: of a run folder, or one that comes with the project.

    "asking" embeds NeRFs of any start, order of neurons and encoding; "aligned" reads weights and needs the shared
    initial vector.

    >>> model, zoo = n2v.load(), n2v.mini_zoo()
    >>> z = model.embed(zoo["chair-0000"])
    >>> model.decode(z).render(azimuth=30, size_px=32).shape
    (32, 32, 3)
    """
    return load_model(shipped_run(run) if run in SHIPPED else Path(run))


def pack_run(run: Path, out: Path, collection: str, measures: dict) -> dict:
    """Copy a trained run into its shipped form: float16 weights, configuration, and a record of how it came about.

    Args:
        run: Folder left by n2v.embed.train.
        out: Folder to make or to replace the model of.
        collection: What it was trained on, in words.
        measures: What was measured of it; stored as it is.

    Returns:
        out, bytes, and parameters.

    Raises:
        BadInput: not a trained run, weights beyond float16, or more than LIMIT_BYTES.
    """
    run, out = Path(run), Path(out)
    load_model(run)  # refuses what is broken
    record = read_json(run / RECORD)
    try:
        state = load_file(run / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"broken checkpoint ({error})", where=run / WEIGHTS, fix="train again") from None
    packed = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    for name, value in packed.items():
        if not torch.isfinite(value).all():
            raise BadInput(f"{name} is not finite in float16", where=run / WEIGHTS, fix="train again")
    n_bytes = sum(value.numel() * value.element_size() for value in packed.values())
    if n_bytes > LIMIT_BYTES:
        fix = "use fewer components, or fewer octaves (EncoderConfig)"
        raise BadInput(f"{n_bytes:,} bytes, more than {LIMIT_BYTES:,}", where=run / WEIGHTS, fix=fix)
    with atomic_path(out / WEIGHTS) as temporary:
        save_file(packed, temporary)
    write_json(out / CONFIG, read_json(run / CONFIG))
    kept = {"collection": collection, "trained": record, "measures": measures, "packed_by": git_commit()}
    write_json(out / RECORD, {**kept, "bytes": n_bytes})
    return {"out": str(out), "bytes": n_bytes, "parameters": record["n_parameters"]}
