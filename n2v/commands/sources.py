"""`n2v pictures import`: other people's pictures, or ShapeNetCore's meshes, become view sets."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from n2v.commands.output import Force, refuse_used


def pictures_import(
    folder: Annotated[Positional[Path], arg(metavar="FOLDER", help="collection in a known layout, or a part of it")],
    out: Annotated[Path, arg(help="folder for the view sets, <class>/<object_id>")],
    layout: Annotated[
        Literal["auto", "disn", "r2n2", "blender", "nerfstudio", "objaverse", "shapenet"],
        arg(
            help="disn: <synset>/<id>/easy/ (else hard/); r2n2: <synset>/<id>/rendering/; "
            "blender: transforms_train.json; nerfstudio (and instant-ngp): transforms.json; "
            "objaverse: <id>/NNN.png and NNN.npy; shapenet: meshes <synset>/<id>/model.obj; auto: told from the files"
        ),
    ] = "auto",
    class_name: Annotated[str | None, arg(help="class of objects that neither table nor folder names")] = None,
    labels: Annotated[Path | None, arg(help="CSV with the columns file (the object's folder) and class")] = None,
    scale: Annotated[
        str, arg(help="scene units for one unit of the source; auto: 1.3 for ShapeNet pictures, else silhouettes")
    ] = "auto",
    held_out_every: Annotated[int, arg(help="pictures: hold out every N-th view; 0: none")] = 6,
    fov: Annotated[
        float | None, arg(help="pictures: horizontal field of view in degrees, instead of the source's")
    ] = None,
    source: Annotated[str, arg(help="pictures: where they come from; empty: the layout's name")] = "",
    licence: Annotated[str, arg(help="pictures: their licence; empty: the layout's")] = "",
    augment: Annotated[int, arg(help="meshes: augmented versions of each object to render as well")] = 0,
    views: Annotated[int, arg(help="meshes: pictures of each object to fit a NeRF to")] = 36,
    size: Annotated[int, arg(help="meshes: side of a picture in pixels")] = 128,
    held_out: Annotated[int, arg(help="meshes: more pictures of each object, kept for measuring")] = 6,
    seed: Annotated[int, arg(help="meshes: seed of the cameras and of the augmentation")] = 0,
    workers: Annotated[int | None, arg(help="processes; default: all cores where that pays")] = None,
    resume: Annotated[bool, arg(help="keep view sets already made from these files with these settings")] = False,
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
        summary = render_collection(folder, out, views, held_out, size, seed, augment=augment, **same)
        return {"layout": found.name, **summary}
    return import_pictures(
        folder, out, found.name, scale=scale, held_out_every=held_out_every, fov_deg=fov, source=source,
        licence=licence, **same,
    )  # fmt: skip
