"""A contact sheet of a zoo: of each class some objects as picture, NeRF, and NeRF with a grid rebuilt from its weights.

    python ci/contact_sheet.py ZOO --views VIEWS --out ci/reference/mini_zoo [--per-class 4]

Base objects, evenly over each class; the view is the held-out one that shows most of the object. No picture is shipped
beyond this sheet. Under each triple: dB with the stored grid and alone, over all held-out views.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from n2v.files import progress
from n2v.lessons.drawing.pictures import to_rgb
from n2v.nerf.occupancy import grids_of
from n2v.scenes.views import find_views, read_views
from n2v.zoo.store import Zoo


def shown(zoo: Zoo, i: int, view_set) -> list[np.ndarray]:
    """Picture, NeRF and NeRF alone at one held-out view, on white, side by side."""
    nerf = zoo[i]
    best = int((view_set.held_out_images[..., 3] > 0).sum((1, 2)).argmax())
    looks = {"size_px": view_set.size_px, "camera_angle_x": view_set.camera_angle_x}
    alone = replace(nerf, occupied=grids_of(nerf.field_weights, nerf.occupied, nerf.encoding)[1])
    fields = [to_rgb(one.image(view_set.held_out_c2w[best], **looks).numpy()) for one in (nerf, alone)]
    return [to_rgb(view_set.held_out_images[best]), *fields]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoo", type=Path)
    parser.add_argument("--views", type=Path, required=True, help="the view sets it was fitted to")
    parser.add_argument("--out", type=Path, required=True, help="folder for contact_sheet.png")
    parser.add_argument("--per-class", type=int, default=4)
    options = parser.parse_args()
    zoo, folders = Zoo(options.zoo), {path.name: path for path in find_views(options.views)}
    classes = sorted({row.class_name for row in zoo.rows})
    figure, axes = plt.subplots(len(classes), options.per_class, figsize=(3.3 * options.per_class, 1.35 * len(classes)))
    for line, name in zip(axes, progress(classes, desc="contact sheet", unit="class"), strict=True):
        mine = [i for i, row in enumerate(zoo.rows) if row.class_name == name and not row.version]
        places = np.unique(np.linspace(0, len(mine) - 1, options.per_class).astype(int))
        for axis in line:
            axis.axis("off")
        for axis, place in zip(line, places, strict=False):
            row = zoo.rows[mine[place]]
            axis.imshow(np.concatenate(shown(zoo, mine[place], read_views(folders[row.object_id])), 1))
            alone = "" if row.psnr_alone_db is None else f", alone {row.psnr_alone_db:.1f}"
            axis.set_title(f"{row.object_id}: {row.psnr_db:.1f} dB{alone}", fontsize=6)
    figure.tight_layout(pad=0.3)
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "contact_sheet.png", dpi=130)


if __name__ == "__main__":
    main()
