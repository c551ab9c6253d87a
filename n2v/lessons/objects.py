"""Notebook 01, objects and their pictures: parts, versions, cameras and the alpha channel as figures."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, UInt8

from n2v.lessons.drawing.pictures import to_rgb
from n2v.lessons.drawing.style import OURS, THEIRS
from n2v.scenes.cameras import CAMERA_ANGLE_X, front_camera
from n2v.scenes.change import component_colours, measure_change
from n2v.scenes.objects import SceneObject
from n2v.scenes.raycast import render_rgba, sample_texture
from n2v.scenes.shapes import make_object, slot_options
from n2v.scenes.views import ViewSet


def augmentation_sheet(families: list[list[SceneObject]], size_px: int = 128):
    """Each object's versions in a column, base on top; under each version what changed, and its colours as patches."""
    import matplotlib.pyplot as plt

    n_rows, n_columns = max(len(versions) for versions in families), len(families)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(2.1 * n_columns, 2.6 * n_rows), squeeze=False)
    for j, versions in enumerate(families):
        for axis, obj in zip(axes[:, j], versions, strict=True):
            axis.imshow(to_rgb(render_rgba(obj, front_camera()[None], size_px)[0]))
            axis.set_xticks([])
            axis.set_yticks([])
            axis.grid(False)
            axis.spines[:].set_visible(False)
            text = "as made" if obj.version == 0 else str(measure_change(versions[0], obj))
            axis.set_xlabel(text, fontsize=7.5, labelpad=2)
            for place, colour in enumerate(component_colours(obj)[:6]):
                square = (0.02, 0.9 - 0.11 * place)
                axis.add_patch(plt.Rectangle(square, 0.08, 0.08, color=colour, ec="black", transform=axis.transAxes))
        axes[0][j].set_title(f"{versions[0].class_name}\n({versions[0].family.replace('_', ' ')})", fontsize=9)
    for row, name in zip(axes[:, 0], ["base", "A1", "A2", "A3"], strict=False):
        row.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
    figure.subplots_adjust(hspace=0.32, wspace=0.12)
    return figure


def camera_figure(view_set: ViewSet, obj: SceneObject, chosen: tuple[int, ...] = (0, 6, 12, 18, 24, 30)):
    """Cameras around an object in space, their directions on a dome, and what the numbered ones see."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(12, 4.2))
    grid = figure.add_gridspec(2, 5, width_ratios=[4.6, 2.6, 1.6, 1.6, 1.6], hspace=0.2, wspace=0.12)
    space = figure.add_subplot(grid[:, 0], projection="3d")
    draw_object(space, obj)
    draw_cameras(space, view_set.c2w, dict.fromkeys(chosen))
    dome = figure.add_subplot(grid[:, 1], projection="polar")
    _draw_dome(dome, view_set, chosen)
    for place, index in enumerate(chosen[:6]):
        axis = figure.add_subplot(grid[place // 3, 2 + place % 3])
        axis.imshow(to_rgb(view_set.images[index]))
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)
        axis.grid(False)
        axis.set_title(f"camera {index}", fontsize=8, pad=2)
    return figure


def convention_figure(obj: SceneObject, c2w: Float[np.ndarray, "n 4 4"]):
    """The same cameras as we write them and as OpenCV does, both read as ours; dashed: the line of sight."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), subplot_kw={"projection": "3d"})
    readings = misread(c2w)
    for axis, name in zip(axes, ("OpenGL, c2w (ours)", "OpenCV, c2w"), strict=True):
        draw_object(axis, obj)
        draw_cameras(axis, readings[name], range(len(c2w)), numbers=False)
        for matrix in readings[name].astype(float):
            line = np.stack([matrix[:3, 3], matrix[:3, 3] - 1.1 * matrix[:3, 2]])
            axis.plot(*line.T, color=THEIRS, ls="--", lw=1.2)
        axis.set_title(f"written as: {name}", fontsize=9)
    return figure


def _draw_dome(axis, view_set: ViewSet, chosen: tuple[int, ...]) -> None:
    """Where cameras stand, seen from above: angle is azimuth, distance from the centre is 90 degrees - elevation."""
    for c2w, marker, colour, name in (
        (view_set.c2w, "o", OURS, "to fit"),
        (view_set.held_out_c2w, "X", THEIRS, "held out"),
    ):
        eyes = c2w[:, :3, 3].astype(float)
        elevations = np.degrees(np.arcsin(eyes[:, 2] / np.linalg.norm(eyes, axis=1)))
        axis.scatter(np.arctan2(eyes[:, 1], eyes[:, 0]), 90 - elevations, s=24, marker=marker, color=colour, label=name)
        if marker == "o":
            for index in chosen:
                place = np.arctan2(eyes[index, 1], eyes[index, 0]), 90 - elevations[index]
                box = {"fc": "white", "ec": "none", "pad": 0.5, "alpha": 0.8}
                axis.annotate(str(index), place, textcoords="offset points", xytext=(5, 4), fontsize=9, bbox=box)
    axis.set_ylim(0, 95)
    axis.set_yticks([30, 60, 90], ["60°", "30°", "0°"], fontsize=7, color="#666666")
    axis.tick_params("x", labelsize=7, pad=4)
    axis.set_xticks(np.pi / 2 * np.arange(4))
    axis.set_rlabel_position(115)
    axis.set_title("from above: angle is azimuth,\nring is elevation", fontsize=8)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2, fontsize=8)


def draw_object(axis, obj: SceneObject) -> None:
    """An object's triangles on a 3D axis, in their colours."""
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    for part in obj.parts:
        triangles, colours = part.vertices[part.faces], part.corner_rgba[..., :3].mean(1)
        if part.texture is not None:
            colours = colours * sample_texture(part.texture[..., :3] / 255, part.corner_uv.mean(1))
        axis.add_collection3d(Poly3DCollection(triangles, facecolors=np.clip(colours, 0, 1), linewidths=0))


def draw_cameras(axis, c2w: Float[np.ndarray, "n 4 4"], numbered=(), length: float = 0.35, numbers=True) -> None:
    """Cameras as pyramids, opening towards what they see: the -Z of an OpenGL camera; the red stroke is +Y, up."""
    half = length * np.tan(CAMERA_ANGLE_X / 2)
    corners = np.array([(-half, -half, -length), (half, -half, -length), (half, half, -length), (-half, half, -length)])
    for index, matrix in enumerate(np.asarray(c2w, float)):
        eye, frame = matrix[:3, 3], matrix[:3, 3] + corners @ matrix[:3, :3].T
        marked = index in numbered
        style = {"color": "black" if marked else OURS, "lw": 1.2 if marked else 0.5, "alpha": 1 if marked else 0.6}
        axis.plot(*np.concatenate([frame, frame[:1]]).T, **style)
        for corner in frame:
            axis.plot(*np.stack([eye, corner]).T, **style)
        top = frame[2:].mean(0)
        axis.plot(*np.stack([top, top + 0.35 * half * matrix[:3, 1]]).T, color="#D55E00", lw=1.4)
        if marked and numbers:
            axis.text(*(1.12 * eye), str(index), fontsize=9)
    axis.set(xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), zlim=(-0.7, 1.9), xlabel="x", ylabel="y", zlabel="z")
    axis.set_box_aspect((3.4, 3.4, 2.6))
    axis.tick_params(labelsize=6, pad=-2)


def misread(c2w: Float[np.ndarray, "n 4 4"]) -> dict[str, Float[np.ndarray, "n 4 4"]]:
    """The same good cameras as other programs write them."""
    matrices = np.asarray(c2w, np.float32)
    flipped = matrices * np.float32([1, -1, -1, 1])
    scaled = matrices.copy()
    scaled[:, :3, :3] *= 2
    return {
        "OpenGL, c2w (ours)": matrices,
        "OpenCV, c2w": flipped,
        "OpenGL, world to camera": np.linalg.inv(matrices),
        "OpenCV, world to camera": np.linalg.inv(flipped),
        "transposed": matrices.transpose(0, 2, 1).copy(),
        "axes twice too long": scaled,
        "mirrored": matrices * np.float32([-1, 1, 1, 1]),
    }


def composites(rgba: UInt8[np.ndarray, "h w 4"], background) -> dict[str, Float[np.ndarray, "h w 3"]]:
    """One straight-alpha picture over a background colour (sRGB, 0 to 1), the right way and three wrong ones."""
    picture = rgba.astype(np.float32) / 255
    rgb, alpha, behind = picture[..., :3], picture[..., 3:], np.asarray(background, np.float32)
    return {
        "right:\nrgb·α + b·(1−α)": rgb * alpha + behind * (1 - alpha),
        "taken for premultiplied:\nrgb + b·(1−α)": np.clip(rgb + behind * (1 - alpha), 0, 1),
        "alpha applied twice:\nrgb·α² + b·(1−α)": rgb * alpha**2 + behind * (1 - alpha),
        "alpha ignored:\nrgb": rgb,
    }


def alpha_figure(rgba: UInt8[np.ndarray, "h w 4"], side: int = 14, background=(0.85, 0.9, 1)):
    """Alpha and the four composites; below, the `side` x `side` pixels with most half-covered ones, enlarged."""
    import matplotlib.pyplot as plt
    from scipy.ndimage import uniform_filter

    panels = {"alpha (white: 1)": np.repeat(rgba[..., 3:].astype(np.float32) / 255, 3, -1)}
    panels |= composites(rgba, background)
    figure, axes = plt.subplots(2, len(panels), figsize=(2.2 * len(panels), 4.7))
    half_covered = ((rgba[..., 3] > 0) & (rgba[..., 3] < 255)).astype(np.float32)
    density = uniform_filter(half_covered, side, mode="constant")
    centre = np.unravel_index(density.argmax(), density.shape)
    row, column = (int(np.clip(place - side // 2, 0, len(rgba) - side)) for place in centre)
    for (top, bottom), (title, picture) in zip(axes.T, panels.items(), strict=True):
        top.imshow(picture)
        top.add_patch(plt.Rectangle((column - 0.5, row - 0.5), side, side, fill=False, ec="#D55E00", lw=1.5))
        bottom.imshow(picture[row : row + side, column : column + side], interpolation="nearest")
        top.set_title(title, fontsize=8)
        for axis in (top, bottom):
            axis.set_xticks([])
            axis.set_yticks([])
            axis.grid(False)
    axes[0][0].set_ylabel("whole picture", fontsize=8)
    axes[1][0].set_ylabel(f"the marked {side} x {side} px", fontsize=8)
    figure.tight_layout(w_pad=0.3)
    return figure


def in_white(obj: SceneObject) -> SceneObject:
    """The object painted white: what is left in its picture is the light."""
    white = []
    for part in obj.parts:
        rgba = part.corner_rgba.copy()
        rgba[..., :3] = 1
        white.append(replace(part, corner_rgba=rgba, texture=None, corner_uv=None))
    return replace(obj, parts=tuple(white))


def slots_figure(class_name: str, filled: dict[str, str], seed: int = 0, n_options: int = 7, size_px: int = 96):
    """A row a slot of `filled`: the same object with this slot's commonest options, the others as in `filled`."""
    import matplotlib.pyplot as plt

    options = slot_options(class_name)
    figure, axes = plt.subplots(len(filled), n_options, figsize=(1.25 * n_options + 0.9, 1.45 * len(filled)),
                                squeeze=False)  # fmt: skip
    for row, (slot, chosen) in zip(axes, filled.items(), strict=True):
        row[0].set_ylabel(f"{slot}\n({len(options[slot])} options)", rotation=0, ha="right", va="center", fontsize=9)
        for axis in row:
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set_visible(False)
        for axis, name in zip(row, options[slot], strict=False):
            made = make_object(class_name, seed, slots=filled | {slot: name})
            axis.imshow(to_rgb(render_rgba(made, front_camera()[None], size_px)[0]))
            weight = "bold" if name == chosen else "normal"
            axis.set_title(name.replace("_", " "), fontsize=8.5, pad=1, fontweight=weight)
    figure.subplots_adjust(wspace=0.04, hspace=0.22)
    return figure
