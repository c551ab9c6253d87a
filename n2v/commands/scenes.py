"""`n2v shapes`, `render` and `pictures import`: objects, meshes and other people's pictures become view sets."""

from pathlib import Path
from typing import Annotated, Literal

from n2v.commands.output import Force, at_least, refuse_used
from n2v.scenes.classes import CLASSES


def shapes(
    out: Annotated[Path, "folder for <class>/<object_id>.glb and index.csv"],
    per_class: Annotated[int, "base objects in each class"],
    augment: Annotated[int, "augmented versions of each base object"] = 2,
    classes: Annotated[tuple[str, ...], "class names or ShapeNet synsets"] = CLASSES,
    seed: Annotated[int, "same seed, same objects"] = 0,
    frequencies: Annotated[
        Literal["balanced", "thesis", "half"], "objects of a class: as many of each, as in Table 3.1, or half so"
    ] = "balanced",
    force: Force = False,
) -> dict:
    """Make procedural objects of the thirteen classes, with augmented versions, as .glb files.

    Example: n2v shapes --out shapes --per-class 2
    """
    from n2v.scenes.collection import write_shapes

    at_least(1, per_class=per_class)
    at_least(0, augment=augment)
    refuse_used(out, force=force)
    return write_shapes(out, per_class, augment, classes, seed, frequencies)


def render(
    source: Annotated[Path, "SOURCE", "a glb, gltf, obj, ply, off or stl file, or a folder of them"],
    out: Annotated[Path, "folder for the view sets, <class>/<object_id>"],
    views: Annotated[int, "pictures of each object to fit a NeRF to"] = 36,
    size: Annotated[int, "side of a picture in pixels"] = 128,
    held_out: Annotated[int, "more pictures of each object, kept for measuring"] = 6,
    class_name: Annotated[str | None, "class of meshes that neither table nor folder names"] = None,
    labels: Annotated[Path | None, "CSV with the columns file (or its folder) and class"] = None,
    up: Annotated[Literal["auto", "y", "z"], "upward axis of the files; auto: y for glb, gltf, obj, else z"] = "auto",
    supersample: Annotated[int, "rays along each side of a pixel"] = 2,
    seed: Annotated[int, "seed of the cameras"] = 0,
    workers: Annotated[int | None, "processes; default: all cores where that pays"] = None,
    resume: Annotated[bool, "keep view sets already made with these settings"] = False,
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
        source, out, class_name=class_name, labels=labels, workers=workers, resume=resume, n_views=views,
        n_held_out=held_out, size_px=size, supersample=supersample, seed=seed, up=up,
    )  # fmt: skip


def pictures_import(
    folder: Annotated[Path, "FOLDER", "collection in a known layout, or a part of it"],
    out: Annotated[Path, "folder for the view sets, <class>/<object_id>"],
    layout: Annotated[
        Literal["auto", "disn", "r2n2", "blender", "nerfstudio", "objaverse", "shapenet"],
        "disn: <synset>/<id>/easy/ (else hard/); r2n2: <synset>/<id>/rendering/; blender: transforms_train.json; "
        "nerfstudio (and instant-ngp): transforms.json; objaverse: <id>/NNN.png and NNN.npy; shapenet: meshes "
        "<synset>/<id>/model.obj; auto: told from the files",
    ] = "auto",
    class_name: Annotated[str | None, "class of objects that neither table nor folder names"] = None,
    labels: Annotated[Path | None, "CSV with the columns file (the object's folder) and class"] = None,
    scale: Annotated[
        str, "scene units for one unit of the source; auto: 1.3 for ShapeNet pictures, else silhouettes"
    ] = "auto",
    held_out_every: Annotated[int, "pictures: hold out every N-th view; 0: none"] = 6,
    fov: Annotated[float | None, "pictures: horizontal field of view in degrees, instead of the source's"] = None,
    source: Annotated[str, "pictures: where they come from; empty: the layout's name"] = "",
    licence: Annotated[str, "pictures: their licence; empty: the layout's"] = "",
    augment: Annotated[int, "meshes: augmented versions of each object to render as well"] = 0,
    views: Annotated[int, "meshes: pictures of each object to fit a NeRF to"] = 36,
    size: Annotated[int, "meshes: side of a picture in pixels"] = 128,
    held_out: Annotated[int, "meshes: more pictures of each object, kept for measuring"] = 6,
    seed: Annotated[int, "meshes: seed of the cameras and of the augmentation"] = 0,
    workers: Annotated[int | None, "processes; default: all cores where that pays"] = None,
    resume: Annotated[bool, "keep view sets already made from these files with these settings"] = False,
    force: Force = False,
) -> dict:
    """Read ShapeNet and Objaverse renderings, nerf_synthetic, nerfstudio and instant-ngp scenes, ShapeNetCore meshes.

    Objects that cannot be used (a missing picture, short metadata, no alpha, cameras that disagree with the
    silhouettes) are listed in quarantine.jsonl with the reason, and the rest goes on.

    Example: n2v pictures import ShapeNetRendering --out views
    """
    from n2v.formats.picture_layouts import recognise
    from n2v.formats.pictures import import_pictures
    from n2v.scenes.collection import render_collection

    refuse_used(out, resume=resume, force=force)
    found = recognise(folder, layout)
    same = {"class_name": class_name, "labels": labels, "workers": workers, "resume": resume}
    if found.read is None:
        settings = {"n_views": views, "n_held_out": held_out, "size_px": size, "seed": seed}
        return {"layout": found.name, **render_collection(folder, out, augment=augment, **same, **settings)}
    return import_pictures(
        folder, out, found.name, scale=scale, held_out_every=held_out_every, fov_deg=fov, source=source,
        licence=licence, **same,
    )  # fmt: skip
