"""Pages that move, each in one file: markup, style, script, data and pictures together; nothing is fetched."""

import base64
import io
from html import escape
from itertools import combinations
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from n2v.embed.embeddings import Embeddings
from n2v.embed.model import Nerf2Vec
from n2v.errors import BadInput
from n2v.files import progress, write_bytes
from n2v.lessons.drawing.style import class_look
from n2v.nerf.nerf import Field
from n2v.publish.demos.gallery import Gallery
from n2v.publish.html import render
from n2v.tasks.interpolate import lerp, weights_field
from n2v.zoo.store import Zoo

ASSETS = Path(__file__).parent / "assets"
MAX_SIDE = 16_383  # of a WebP picture, pixels
LIMIT = 8_000_000  # bytes of a page


def write_page(path: Path, title: str, name: str, data: dict) -> Path:
    """Write assets/NAME.html and assets/NAME.js around their data, whole or not at all.

    Raises:
        BadInput: larger than LIMIT.
    """
    content = render(ASSETS / "page.html", title=title, name=name, data=data).encode()
    if len(content) > LIMIT:
        raise BadInput(f"{len(content) / 1e6:.1f} MB", where=path, fix="show fewer or smaller pictures")
    write_bytes(path, content)
    return Path(path)


def show_page(path: Path, height_px: int = 700):
    """A page inside a notebook."""
    from IPython.display import HTML

    content, title = escape(Path(path).read_text(), quote=True), escape(Path(path).stem)
    style = f"width: 100%; height: {height_px}px; border: 0"
    return HTML(f'<div><iframe srcdoc="{content}" style="{style}" title="{title}"></iframe></div>')


def sprite(pictures: list[np.ndarray], columns: int) -> dict:
    """Equal uint8 RGB pictures side by side, row by row, in one WebP: its data URI, columns and rows."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    if max(columns * width, rows * height) > MAX_SIDE:
        raise BadInput(f"{len(pictures)} pictures of {width} px do not fit one file", fix="use fewer or smaller ones")
    canvas, buffer = Image.new("RGB", (columns * width, rows * height), "white"), io.BytesIO()
    for i, picture in enumerate(pictures):
        canvas.paste(Image.fromarray(np.asarray(picture)), (i % columns * width, i // columns * height))
    canvas.save(buffer, "WEBP", quality=82)
    data = base64.b64encode(buffer.getvalue()).decode()
    return {"uri": f"data:image/webp;base64,{data}", "columns": columns, "rows": rows}


def _turns(n: int) -> list[float]:
    """Azimuths (degrees) of one full turn, the first the usual one."""
    return [round(360 * i / n - 15, 1) for i in range(n)]


def _around(fields: list[Field], azimuths: list[float], size_px: int) -> dict:
    """A row of pictures a field, all around it."""
    return sprite([one.render(azimuth, size_px=size_px) for one in fields for azimuth in azimuths], len(azimuths))


def between_weights(zoo: Zoo, pair: tuple[int, int], gammas) -> list[Field]:
    """The fields on the straight way between the raw weights of two NeRFs."""
    (one, other), encoding = zoo.occupied(pair), zoo.rows[int(pair[0])].encoding
    return [weights_field(weights, one | other, encoding) for weights in lerp(*zoo.field_weights(pair), gammas)]


def write_interpolation_page(
    path: Path,
    model: Nerf2Vec,
    zoo: Zoo,
    object_ids: list[str],
    *,
    n_gammas: int = 9,
    n_azimuths: int = 12,
    size_px: int = 128,
) -> Path:
    """Pre-render the straight way between any two of some objects, all around: through embeddings and through weights.

    n objects make n (n - 1) / 2 ways of `n_gammas` places, ends included, each seen from `n_azimuths` sides.
    """
    if len(set(object_ids)) < 2 or n_gammas < 2 or n_azimuths < 1:
        told = f"{len(set(object_ids))} objects, {n_gammas} gammas, {n_azimuths} views"
        raise BadInput(told, fix="use at least 2 objects, 2 gammas, 1 view")
    gammas, azimuths = np.linspace(0, 1, n_gammas).round(4).tolist(), _turns(n_azimuths)
    nerfs, ways = [zoo[name] for name in object_ids], {}
    embeddings = [np.asarray(model.embed(nerf)) for nerf in nerfs]
    for i, j in progress(list(combinations(range(len(nerfs)), 2)), desc="rendering", unit="pair"):
        pair = zoo.index_of(object_ids[i]), zoo.index_of(object_ids[j])
        decoded = [model.decode(one) for one in lerp(embeddings[i], embeddings[j], gammas)]
        spaces = {"embeddings": decoded, "weights": between_weights(zoo, pair, gammas)}
        ways[f"{i} {j}"] = {space: _around(fields, azimuths, size_px) for space, fields in spaces.items()}
    objects = [{"id": nerf.object_id, "picture": _around([nerf], azimuths, size_px)} for nerf in nerfs]
    data = {"gammas": gammas, "azimuths": azimuths, "objects": objects, "ways": ways}
    return write_page(path, "Between two objects", "interpolation", data)


def write_generation_page(
    path: Path,
    model: Nerf2Vec,
    made: dict[str, Float[np.ndarray, "n e"]],
    *,
    n_azimuths: int = 12,
    size_px: int = 128,
) -> Path:
    """Pre-render new objects, `made` as embeddings by class, all around: a grid that turns."""
    if not made or not all(len(group) for group in made.values()):
        raise BadInput("nothing was made", where="generation page", fix="give at least 1 embedding of each class")
    azimuths, classes = _turns(n_azimuths), []
    for name, group in progress(made.items(), desc="rendering", unit="class"):
        frames = _around([model.decode(one) for one in group], azimuths, size_px)
        classes.append({"name": name, "n": len(group), "frames": frames})
    return write_page(path, "Objects that never were", "generation", {"azimuths": azimuths, "classes": classes})


def write_retrieval_page(
    path: Path,
    objects: Embeddings,
    zoo: Zoo,
    *,
    real: tuple[Embeddings, Zoo] | None = None,
    k: int = 8,
    size_px: int = 64,
    n_queries: int = 200,
) -> Path:
    """Pre-render nearest training objects, by embedding and by raw weights, for whatever can be clicked.

    Args:
        path: Page to write.
        objects: Embeddings of a collection's NeRFs.
        zoo: The collection.
        real: Real objects that may ask too, embedded by the same model, and their zoo.
        k: Most neighbours shown.
        size_px: Side of a picture.
        n_queries: Held-out and real objects to start from, at most so many of each.
    """
    gallery = Gallery(objects, zoo, real)
    asking = [part[np.unique(np.linspace(0, len(part) - 1, n_queries).astype(int))] if len(part) > n_queries else part
              for part in (gallery.held_out, gallery.real)]  # fmt: skip
    shown = sorted({int(i) for part in (gallery.trained, *asking) for i in part})
    place, k = {index: i for i, index in enumerate(shown)}, min(k, len(gallery.trained) - 1)
    pictures = [gallery.nerf(i).render(size_px=size_px) for i in progress(shown, desc="thumbnails", unit="NeRF")]
    told = [{**gallery.told(i), "chance": round(gallery.chance(i), 4)} for i in shown]
    found = {
        space: [[place[one.index] for one in gallery.neighbours(i, k, space)] for i in shown]
        for space in gallery.features
    }
    data = {"k": k, "objects": told, "pictures": sprite(pictures, 24), "found": found}
    return write_page(path, "Nearest neighbours", "retrieval", data)


def unit_square(points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Points moved and scaled into [0, 1]^2 (one scale for both axes), y downwards as on a screen."""
    centred = points - (points.min(0) + points.max(0)) / 2
    return 0.5 + centred * (1, -1) / max(float(np.ptp(points, axis=0).max()), 1e-9)


def marker_outline(label: int) -> str:
    """A class's marker as an SVG path within [-1, 1]^2: the one that matplotlib draws."""
    from matplotlib.markers import MarkerStyle

    style = MarkerStyle(class_look(label)[1])
    (outline,) = style.get_path().transformed(style.get_transform()).to_polygons(closed_only=False)
    outline = np.asarray(outline) * (1, -1) / np.abs(outline).max()
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in outline) + "Z"


def write_map_page(
    path: Path, layouts: dict[str, Float[np.ndarray, "n 2"]], objects: Embeddings, zoo: Zoo, *, size_px: int = 64
) -> Path:
    """Every object as a mark that shows its NeRF when pointed at; `layouts`: points in the order of `objects` by name,
    the first shown first."""
    if not layouts or any(len(points) != len(objects) for points in layouts.values()):
        raise BadInput(f"{len(layouts)} layouts for {len(objects)} objects", fix="give one point an object, in order")
    names = progress(objects.object_ids, desc="thumbnails", unit="NeRF")
    data = {
        "pictures": sprite([zoo[name].render(size_px=size_px) for name in names], 24),
        "objects": [
            {"id": name, "class_name": kind, "split": split}
            for name, kind, split in zip(objects.object_ids, objects.class_names, objects.splits, strict=True)
        ],
        "classes": {
            name: {"path": marker_outline(label), "colour": class_look(label)[0]}
            for label, name in sorted({*zip(objects.labels.tolist(), objects.class_names, strict=True)})
        },
        "layouts": {name: np.round(unit_square(points), 4).tolist() for name, points in layouts.items()},
    }
    return write_page(path, "A map of embeddings", "embedding_map", data)
