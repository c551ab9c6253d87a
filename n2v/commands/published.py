"""`n2v zoo import` and `n2v zoo export`: NeRFs in the layout of the authors' code, in and out of a zoo."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from n2v.commands.output import refuse_used
from n2v.errors import BadInput


def zoo_import(
    folder: Annotated[
        Positional[Path],
        arg(metavar="FOLDER", help="published NeRFs: <any>/<synset>/<object id>/nerf_weights.pth"),
    ],
    out: Annotated[Path, arg(help="zoo folder to make")],
    source: Annotated[str | None, arg(help="where they come from, noted in every row")] = None,
    licence: Annotated[str | None, arg(help="their licence, noted in every row; default: unknown")] = None,
    rule: Annotated[str | None, arg(help="corrected or as_published splits, instead of the lists in FOLDER")] = None,
    seed: Annotated[int, arg(help="seed of the corrected splits")] = 0,
    resume: Annotated[bool, arg(help="go on with an existing zoo")] = False,
    limit: Annotated[int | None, arg(help="at most this many NeRFs, taken in turn from the classes")] = None,
) -> dict:
    """Read published NeRFs into a zoo. What cannot be used is quarantined with its reason; the rest goes on.

    Example: n2v zoo import data --out zoo
    """
    from n2v.formats.published_import import import_published

    if limit is not None and limit < 1:
        raise BadInput(f"limit {limit}", where="--limit", fix="use at least 1")
    refuse_used(out, resume=resume)
    told = {"source": source, "licence": licence, "rule": rule}
    return import_published(folder, out, **told, seed=seed, resume=resume, limit=limit)


def zoo_export(
    zoo: Annotated[Positional[Path], arg(metavar="ZOO", help="zoo folder")],
    out: Annotated[Path, arg(help="folder to make; the authors' code expects it as ./data")],
    views: Annotated[Path | None, arg(help="folder of view sets whose pictures and cameras go along")] = None,
    layout: Annotated[
        Literal["nf2vec", "gmnerf"], arg(help="a root a version and JSON lists, or one root and nerf/shapenet/*.txt")
    ] = "nf2vec",
    force: Annotated[bool, arg(help="replace an earlier export")] = False,
) -> dict:
    """Write a zoo as published NeRFs: a folder an object, with split lists. Written whole or not at all.

    Example: n2v zoo export data/mini_zoo --out published
    """
    from n2v.formats.published_export import export_published
    from n2v.zoo.store import Zoo

    return export_published(Zoo(zoo), out, views=views, force=force, layout=layout)
