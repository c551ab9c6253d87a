"""`n2v shapes` and `n2v render`: objects as mesh files, mesh files as view sets."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from n2v.commands.output import Force, refuse_used
from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES


def shapes(
    out: Annotated[Path, arg(help="folder for <class>/<object_id>.glb and index.csv")],
    per_class: Annotated[int, arg(help="base objects in each class")],
    augment: Annotated[int, arg(help="augmented versions of each base object")] = 2,
    classes: Annotated[tuple[str, ...], arg(help="class names or ShapeNet synsets")] = CLASSES,
    seed: Annotated[int, arg(help="same seed, same objects")] = 0,
    frequencies: Annotated[
        Literal["balanced", "thesis", "half"],
        arg(help="objects of a class: as many of each, as in Table 3.1, or half so"),
    ] = "balanced",
    force: Force = False,
) -> dict:
    """Make procedural objects of the thirteen classes, with augmented versions, as .glb files.

    Example: n2v shapes --out shapes --per-class 2
    """
    from n2v.scenes.collection import write_shapes

    for name, value, least in (("--per-class", per_class, 1), ("--augment", augment, 0)):
        if value < least:
            raise BadInput(str(value), where=name, fix=f"use at least {least}")
    refuse_used(out, force=force)
    return write_shapes(out, per_class, augment, classes, seed, frequencies)


def render(
    source: Annotated[
        Positional[Path], arg(metavar="SOURCE", help="a glb, gltf, obj, ply, off or stl file, or a folder of them")
    ],
    out: Annotated[Path, arg(help="folder for the view sets, <class>/<object_id>")],
    views: Annotated[int, arg(help="pictures of each object to fit a NeRF to")] = 36,
    size: Annotated[int, arg(help="side of a picture in pixels")] = 128,
    held_out: Annotated[int, arg(help="more pictures of each object, kept for measuring")] = 6,
    class_name: Annotated[str | None, arg(help="class of meshes that neither table nor folder names")] = None,
    labels: Annotated[Path | None, arg(help="CSV with the columns file (or its folder) and class")] = None,
    up: Annotated[
        Literal["auto", "y", "z"], arg(help="upward axis of the files; auto: y for glb, gltf, obj, else z")
    ] = "auto",
    supersample: Annotated[int, arg(help="rays along each side of a pixel")] = 2,
    seed: Annotated[int, arg(help="seed of the cameras")] = 0,
    workers: Annotated[int | None, arg(help="processes; default: all cores where that pays")] = None,
    resume: Annotated[bool, arg(help="keep view sets already made with these settings")] = False,
    force: Force = False,
) -> dict:
    """Render meshes to view sets (RGBA pictures and cameras). A sub-folder's name is the class, any name.

    An index.csv beside the sub-folders adds licence, source, shape_group, base_id, version and up. Google
    Scanned Objects and ShapeNetCore are known by their folders. Meshes that cannot be used are listed in
    quarantine.jsonl and the rest goes on.

    Example: n2v render shapes --out views --size 64
    """
    from n2v.scenes.collection import render_collection

    refuse_used(out, resume=resume, force=force)
    return render_collection(
        source, out, views, held_out, size, seed,
        supersample=supersample, class_name=class_name, labels=labels, up=up, workers=workers, resume=resume,
    )  # fmt: skip
