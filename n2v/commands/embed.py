"""`n2v train` and `n2v embed`: a zoo makes a nerf2vec, a nerf2vec makes embeddings."""

from pathlib import Path
from typing import Annotated, Literal

from n2v.commands.output import Force, at_least, refuse_used
from n2v.errors import BadInput


def train(
    zoo: Annotated[Path, "ZOO", "zoo folder, from: n2v fit"],
    out: Annotated[Path, "run folder to make"],
    profile: Annotated[str, "sizes: smoke, laptop, gpu or thesis"] = "laptop",
    encoder: Annotated[
        Literal["rows", "aligned", "asking", "symmetric"],
        "rows: the thesis's; aligned: for a shared initial vector; asking, symmetric: for any NeRF",
    ] = "rows",
    octaves: Annotated[
        int | None, "octaves of the input matrix that the encoder reads, and no padding; default: the profile's"
    ] = None,
    minutes: Annotated[float | None, "time budget in minutes, instead of the profile's"] = None,
    steps: Annotated[int | None, "a number of steps instead of a time budget"] = None,
    split: Annotated[
        Literal["train", "all"], "NeRFs to train on; all: nothing is held back (measure on another zoo)"
    ] = "train",
    seed: Annotated[int, "seed of weights, batches and backgrounds"] = 0,
    resume: Annotated[bool, "go on from the run folder's last checkpoint"] = False,
    force: Force = False,
    start: Annotated[Path | None, "begin with the model of this trained run, not with random weights"] = None,
    protocol: Annotated[
        Literal["corrected", "as_published"], "sound practice, or what the authors' code does"
    ] = "corrected",
    device: Annotated[Literal["auto", "cpu", "cuda"], "auto: CUDA where there is one"] = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"], "of the layers; auto: bfloat16 where it is fast"
    ] = "auto",
    tracker: Annotated[Literal["none", "wandb"], "where else the log goes"] = "none",
) -> dict:
    """Train nerf2vec on a zoo; on several GPUs: torchrun --nproc-per-node=N -m n2v.cli train ...

    Example: n2v train data/mini_zoo --out runs/nerf2vec --encoder asking --minutes 10
    """
    import os
    from dataclasses import replace

    from n2v import profiles
    from n2v.embed.recipe import get as get_protocol
    from n2v.embed.train import train as train_model
    from n2v.files import read_json
    from n2v.zoo.store import Zoo

    if first := os.environ.get("RANK", "0") == "0":  # the others would see what it writes
        refuse_used(out, resume=resume, force=force)
    at_least(1, steps=steps)
    if minutes is not None and minutes <= 0:
        raise BadInput(f"{minutes:g}", where="--minutes", fix="use more than 0")
    chosen, changes = profiles.get(profile), {"tracker": None if tracker == "none" else tracker}
    if precision != "auto":
        changes |= {"amp": precision != "float32", "half": "float16" if precision == "float16" else "bfloat16"}
    if steps is not None:
        changes |= {"n_steps": steps, "time_budget_s": None}
    elif minutes is not None:
        changes["time_budget_s"] = 60 * minutes
    if split == "all":  # no val split is left to choose a best checkpoint by
        changes["n_validation"] = 0
    config = replace(chosen.training(seed, encoder), protocol=get_protocol(protocol), **changes)
    model, collection = chosen.models[encoder], Zoo(zoo)
    octaves = model.encoder.octaves if octaves is None else octaves
    model = replace(model, encoder=replace(model.encoder, kind=encoder, octaves=octaves))
    if protocol == "as_published" and model.decoder.kind == "mlp":  # its decoder encodes as the NeRFs do
        model = replace(model, decoder=replace(model.decoder, encoding=collection.rows[0].encoding))
    train_model(
        collection, config, model, out, split=None if split == "all" else split, resume=resume,
        device=None if device == "auto" else device, start=start,
    )  # fmt: skip
    if not first:
        return {}  # the first process says it
    record = read_json(out / "run.json")
    return {"run": str(out), **{key: record[key] for key in ("n_nerfs", "n_parameters", "steps", "wall_s")}}


def embed(
    run: Annotated[Path, "RUN", "run folder, from: n2v train"],
    zoo: Annotated[Path, "ZOO", "zoo folder, or mini_zoo, or real_zoo"],
    out: Annotated[Path, "file to make (.safetensors); a folder: as the authors publish embeddings (.h5)"],
    refine: Annotated[
        int, "steps of descent after encoding: sharper, about 12 ms each; 100 gain what there is to gain"
    ] = 0,
    force: Force = False,
) -> dict:
    """Encode every NeRF of a zoo.

    Example: n2v embed data/nerf2vec data/mini_zoo --out embeddings.safetensors
    """
    from n2v.embed.embeddings import embed_zoo
    from n2v.embed.model import load_model
    from n2v.formats.embeddings import write_h5
    from n2v.zoo.shipped import open_zoo

    at_least(0, refine=refine)
    if out.suffix not in (".safetensors", ""):
        raise BadInput(f"cannot write '{out.suffix}'", where=out, fix="use .safetensors, or a folder for .h5 files")
    if out.suffix:
        refuse_used(out, is_file=True, force=force)
    else:
        refuse_used(out)
    embeddings = embed_zoo(load_model(run), open_zoo(zoo), refine=refine)
    if out.suffix:
        embeddings.save(out)
    else:
        write_h5(embeddings.values, embeddings.objects, embeddings.splits, out)
    return {"out": str(out), "n": len(embeddings), "numbers_each": embeddings.values.shape[1]}
