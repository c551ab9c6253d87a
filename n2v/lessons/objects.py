"""Notebook 01, objects and their pictures: parts, versions, cameras and the alpha channel as figures."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, UInt8

from n2v.lessons.drawing.pictures import close_up, sheet, show
from n2v.lessons.drawing.style import OURS, THEIRS
from n2v.scenes.cameras import CAMERA_ANGLE_X, front_camera
from n2v.scenes.change import component_colours, measure_change
from n2v.scenes.objects import SceneObject
from n2v.scenes.raycast import render_rgba, sample_texture
from n2v.scenes.shapes import make_object, slot_options
from n2v.scenes.views import ViewSet


def photograph(made: SceneObject, size_px: int = 96) -> UInt8[np.ndarray, "h w 4"]:
    """One picture of an object from the front, three quarters."""
    return render_rgba(made, front_camera()[None], size_px)[0]


def augmentation_sheet(families: list[list[SceneObject]], size_px: int = 128):
    """Each object's versions in a column, base on top; under each version what changed, and its colours as patches."""
    from matplotlib.patches import Rectangle

    rows = list(zip(*families, strict=True))
    titles = [f"{base.class_name}\n({base.family.replace('_', ' ')})" for base in rows[0]]
    changes = [[str(measure_change(*pair)) for pair in zip(rows[0], row, strict=True)] for row in rows[1:]]
    below = [["as made"] * len(families), *changes]
    names = ["base", "A1", "A2", "A3"][: len(rows)]
    figure = sheet([[photograph(one, size_px) for one in row] for row in rows], names, titles, 2, below)
    for axis, made in zip(figure.axes, (one for row in rows for one in row), strict=True):
        for place, colour in enumerate(component_colours(made)[:6]):
            square = (0.02, 0.9 - 0.11 * place)
            axis.add_patch(Rectangle(square, 0.08, 0.08, color=colour, ec="black", transform=axis.transAxes))
    return figure


def slots_figure(class_name: str, filled: dict[str, str], seed: int = 0, n_options: int = 7):
    """A row a slot of `filled`: the same object with this slot's commonest options, the others as in `filled`."""
    options = {slot: list(slot_options(class_name)[slot]) for slot in filled}
    rows, below = [], []
    for slot, names in options.items():
        made = [make_object(class_name, seed, slots=filled | {slot: name}) for name in names[:n_options]]
        rows.append([photograph(one) for one in made])
        below.append([("● " if name == filled[slot] else "") + name.replace("_", " ") for name in names[:n_options]])
    titles = [f"{slot}\n({len(names)} options)" for slot, names in options.items()]
    return sheet(rows, titles, None, 1.2, below)


def camera_figure(view_set: ViewSet, obj: SceneObject, chosen: tuple[int, ...] = (0, 6, 12, 18, 24, 30)):
    """Cameras around an object in space, crosses where held-out ones stand, and what the numbered ones see."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(11, 4.4))
    grid = figure.add_gridspec(2, 4, width_ratios=[4.6, 1.6, 1.6, 1.6], hspace=0.2, wspace=0.12)
    space = figure.add_subplot(grid[:, 0], projection="3d")
    draw_object(space, obj)
    draw_cameras(space, view_set.c2w, chosen)
    space.scatter(*view_set.held_out_c2w[:, :3, 3].T, marker="X", color=THEIRS, label="held out")
    space.legend(loc="upper left", fontsize=8)
    pictures = close_up([view_set.images[index] for index in chosen[:6]])
    for place, (index, picture) in enumerate(zip(chosen, pictures, strict=False)):
        show(figure.add_subplot(grid[place // 3, 1 + place % 3]), picture, f"camera {index}")
    return figure


def convention_figure(obj: SceneObject, c2w: Float[np.ndarray, "n 4 4"]):
    """The same cameras as we write them and as OpenCV does, both read as ours; dashed: the line of sight."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), subplot_kw={"projection": "3d"})
    readings = misread(c2w)
    for axis, name in zip(axes, ("OpenGL, c2w (ours)", "OpenCV, c2w"), strict=True):
        draw_object(axis, obj)
        draw_cameras(axis, readings[name])
        for matrix in readings[name].astype(float):
            line = np.stack([matrix[:3, 3], matrix[:3, 3] - 1.1 * matrix[:3, 2]])
            axis.plot(*line.T, color=THEIRS, ls="--", lw=1.2)
        axis.set_title(f"written as: {name}", fontsize=9)
    return figure


def draw_object(axis, obj: SceneObject) -> None:
    """An object's triangles on a 3D axis, in their colours."""
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    for part in obj.parts:
        triangles, colours = part.vertices[part.faces], part.corner_rgba[..., :3].mean(1)
        if part.texture is not None:
            colours = colours * sample_texture(part.texture[..., :3] / 255, part.corner_uv.mean(1))
        axis.add_collection3d(Poly3DCollection(triangles, facecolors=np.clip(colours, 0, 1), linewidths=0))


def draw_cameras(axis, c2w: Float[np.ndarray, "n 4 4"], numbered=(), length: float = 0.35) -> None:
    """Cameras as pyramids, opening towards what they see: the -Z of an OpenGL camera; the red stroke is +Y, up."""
    half = length * np.tan(CAMERA_ANGLE_X / 2)
    corners = np.array([(-half, -half, -length), (half, -half, -length), (half, half, -length), (-half, half, -length)])
    for index, matrix in enumerate(np.asarray(c2w, float)):
        eye, frame = matrix[:3, 3], matrix[:3, 3] + corners @ matrix[:3, :3].T
        style = {"color": "black", "lw": 1.2} if index in numbered else {"color": OURS, "lw": 0.6, "alpha": 0.7}
        axis.plot(*np.concatenate([frame, frame[:1]]).T, **style)
        for corner in frame:
            axis.plot(*np.stack([eye, corner]).T, **style)
        top = frame[2:].mean(0)
        axis.plot(*np.stack([top, top + 0.35 * half * matrix[:3, 1]]).T, color="#D55E00", lw=1.4)
        if index in numbered:
            axis.text(*(1.12 * eye), str(index), fontsize=9)
    axis.set(xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), zlim=(-0.7, 1.9), xlabel="x", ylabel="y", zlabel="z")
    axis.set_box_aspect((3.4, 3.4, 2.6))
    axis.tick_params(labelsize=6, pad=-2)
    for one in (axis.xaxis, axis.yaxis, axis.zaxis):
        one.labelpad = -5


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
    from matplotlib.patches import Rectangle
    from scipy.ndimage import uniform_filter

    panels = {"alpha (white: 1)": np.repeat(rgba[..., 3:].astype(np.float32) / 255, 3, -1)}
    panels |= composites(rgba, background)
    half_covered = ((rgba[..., 3] > 0) & (rgba[..., 3] < 255)).astype(np.float32)
    density = uniform_filter(half_covered, side, mode="constant")
    centre = np.unravel_index(density.argmax(), density.shape)
    row, column = (int(np.clip(place - side // 2, 0, len(rgba) - side)) for place in centre)
    enlarged = [picture[row : row + side, column : column + side] for picture in panels.values()]
    names = ["whole picture", f"the marked\n{side} x {side} px"]
    figure = sheet([list(panels.values()), enlarged], names, list(panels), 2.1)
    for axis in figure.axes[: len(panels)]:
        axis.add_patch(Rectangle((column - 0.5, row - 0.5), side, side, fill=False, ec="#D55E00", lw=1.5))
    return figure


def in_white(obj: SceneObject) -> SceneObject:
    """The object painted white: what is left in its picture is the light."""
    white = []
    for part in obj.parts:
        rgba = part.corner_rgba.copy()
        rgba[..., :3] = 1
        white.append(replace(part, corner_rgba=rgba, texture=None, corner_uv=None))
    return replace(obj, parts=tuple(white))
