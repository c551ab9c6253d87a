"""A view set: one object's pictures and cameras, as a folder in the nerf_synthetic (Blender) layout.

VIEWS/<class>/<object_id>/transforms_train.json + train/r_000.png ...   pictures a NeRF is fitted to
                          transforms_test.json  + test/r_000.png ...    held-out pictures, optional
                          transforms_val.json                           the same, for readers that ask for it
"""

import json
import os
import tempfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from PIL import Image

from n2v.errors import BadInput
from n2v.files import inside, read_json, sync_folder
from n2v.identity import IDENTITY, Identity
from n2v.scenes.cameras import CAMERA_ANGLE_X, check_cameras
from n2v.scenes.classes import CLASSES
from n2v.scenes.objects import AABB

TRAIN, TEST, VAL = "transforms_train.json", "transforms_test.json", "transforms_val.json"
MAX_SIZE_PX = 4096
PNG_END = b"IEND\xaeB`\x82"


@dataclass(frozen=True)
class ViewSet(Identity):
    """Pictures (straight alpha, sRGB) and OpenGL c2w cameras of one object.

    `aabb` is min xyz then max xyz in scene units; `camera_angle_x` is in radians.
    """

    images: Shaped[np.ndarray, "n h w 4"]  # uint8: check_views
    c2w: Float[np.ndarray, "n_cameras 4 4"]  # as many as images: check_views
    aabb: tuple[float, ...] = AABB
    camera_angle_x: float = CAMERA_ANGLE_X
    held_out_images: UInt8[np.ndarray, "m held_h held_w 4"] = field(
        default_factory=lambda: np.zeros((0, 0, 0, 4), np.uint8)
    )
    held_out_c2w: Float[np.ndarray, "m_cameras 4 4"] = field(default_factory=lambda: np.zeros((0, 4, 4), np.float32))
    folder: Path | None = None

    @property
    def size_px(self) -> int:
        """Side of a picture."""
        return self.images.shape[1]


def find_views(root: Path) -> list[Path]:
    """Folders at or below `root` that hold a view set, sorted; hidden folders are left out."""
    root = Path(root)
    if not root.is_dir():
        raise BadInput("no such folder", where=root, fix="make view sets with: n2v render")
    found = (path.parent for path in root.rglob(TRAIN))
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts))


def write_views(view_set: ViewSet, folder: Path, beside: dict[str, bytes] | None = None) -> Path:
    """Write a view set, and files `beside` its pictures, the whole folder or nothing; one already there is replaced.

    Everything goes to a hidden sibling folder that is then renamed. Pictures are not forced to the disk, which would
    take longer than rendering them: one that a power cut tears is found by `is_whole_picture`.
    """
    folder = Path(folder)
    check_views(view_set, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        fresh = Path(scratch) / "new"
        files = {TRAIN: _split(fresh / "train", view_set, view_set.images, view_set.c2w)}
        if len(view_set.held_out_images):
            files[TEST] = _split(fresh / "test", view_set, view_set.held_out_images, view_set.held_out_c2w)
            files[VAL] = files[TEST]
        for name, data in (files | (beside or {})).items():
            _write_synced(fresh / name, data)
        sync_folder(fresh)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        fresh.rename(folder)
    sync_folder(folder.parent)
    return folder


def _split(folder: Path, view_set: ViewSet, images: np.ndarray, c2w: np.ndarray) -> bytes:
    """Write pictures; the transforms file that names them."""
    folder.mkdir(parents=True)
    frames = []
    for index, (image, matrix) in enumerate(zip(images, c2w, strict=True)):
        (folder / f"r_{index:03d}.png").write_bytes(png_bytes(image))
        frames.append({"file_path": f"./{folder.name}/r_{index:03d}", "transform_matrix": matrix.tolist()})
    box = [list(view_set.aabb[:3]), list(view_set.aabb[3:])]  # as instant-ngp reads it
    record = {"camera_angle_x": view_set.camera_angle_x, "aabb": box, **view_set.identity, "frames": frames}
    return (json.dumps(record, indent=1, allow_nan=False) + "\n").encode()


def _write_synced(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def is_whole_picture(path: Path) -> bool:
    """Is a PNG there to its end? A torn one ends in zeros or too early."""
    try:
        with open(path, "rb") as file:
            file.seek(-len(PNG_END), os.SEEK_END)
            return file.read() == PNG_END
    except OSError:
        return False


def png_bytes(image: UInt8[np.ndarray, "h w c"]) -> bytes:
    """A picture as PNG."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def check_views(view_set: ViewSet, where: object = None) -> None:
    """Refuse a view set no NeRF can be fitted to.

    Raises:
        BadInput: Pictures and cameras differ in number, pictures are not square RGBA of one size or show
            nothing, cameras are not OpenGL c2w that see the box, or box or field of view are impossible.
    """
    box = np.asarray(view_set.aabb, float)
    if box.shape != (6,) or not np.isfinite(box).all() or not (box[3:] > box[:3]).all():
        raise BadInput(f"aabb is {list(view_set.aabb)}", where=where, fix="give min x y z, then larger max x y z")
    if not 0 < view_set.camera_angle_x < np.pi:
        fix = "give the horizontal field of view in radians"
        raise BadInput(f"camera_angle_x is {view_set.camera_angle_x:g}", where=where, fix=fix)
    if not len(view_set.images):
        raise BadInput("no views", where=where, fix="render the object first")
    shape = (view_set.size_px, view_set.size_px, 4)
    held_out = (view_set.held_out_images, view_set.held_out_c2w)
    for images, c2w in ((view_set.images, view_set.c2w), *([held_out] if any(map(len, held_out)) else [])):
        if len(images) != len(c2w):
            raise BadInput(f"{len(images)} pictures but {len(c2w)} cameras", where=where, fix="give one each")
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            what = f"pictures are {images.dtype} {images.shape[1:]} instead of uint8 {shape}"
            raise BadInput(what, where=where, fix="give square RGBA pictures of one size")
        check_cameras(c2w, where, view_set.aabb, view_set.camera_angle_x)
    if not view_set.images[..., 3].any():
        raise BadInput("every view is fully transparent", where=where, fix="check the cameras and the alpha channel")


def read_views(folder: Path) -> ViewSet:
    """Read and check a view set; any nerf_synthetic folder with RGBA pictures will do.

    Missing identity keys are taken from the folder names, a missing aabb is the project's box.

    Raises:
        BadInput: Names the file, what is wrong with it and what to do.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput("no such folder", where=folder, fix="make view sets with: n2v render")
    record, images, c2w = read_split(folder, TRAIN)
    held_out = {}
    if (folder / TEST).exists():
        _, *more = read_split(folder, TEST, images.shape[1], record["camera_angle_x"])
        held_out = dict(zip(("held_out_images", "held_out_c2w"), more, strict=True))
    parent = folder.resolve().parent.name
    try:
        version = int(record.get("version", 0))
        aabb = tuple(np.array(record.get("aabb", AABB), float).ravel().tolist())  # six in a row, or [min, max]
    except (TypeError, ValueError):
        raise BadInput("version or aabb is not a number", where=folder / TRAIN, fix="make it again") from None
    texts = {name: str(record.get(name) or "") for name in IDENTITY}
    texts["object_id"] = texts["object_id"] or folder.resolve().name
    texts["class_name"] = texts["class_name"] or (parent if parent in CLASSES else "")
    view_set = ViewSet(
        **texts | {"version": version}, aabb=aabb, camera_angle_x=record["camera_angle_x"], images=images, c2w=c2w,
        folder=folder, **held_out,
    )  # fmt: skip
    check_views(view_set, folder / TRAIN)
    return view_set


def read_split(
    folder: Path, name: str, size_px: int | None = None, angle_x: float | None = None
) -> tuple[dict, np.ndarray, np.ndarray]:
    """Record, images (n, h, w, 4) and c2w (n, 4, 4) of one transforms file; size and angle as in the training file."""
    path = folder / name
    record = read_record(path)
    angle = record.get("camera_angle_x")
    if isinstance(angle, bool) or not isinstance(angle, int | float):
        raise BadInput("camera_angle_x is missing or not a number", where=path, fix="give it in radians")
    images, c2w, _ = read_frames(folder, record, path, size_px)
    if angle_x is not None and abs(angle - angle_x) > 1e-6:
        raise BadInput("camera_angle_x differs from the training file's", where=path)
    return record, images, c2w


def read_record(path: Path) -> dict:
    """A transforms file."""
    record = read_json(path)
    if not isinstance(record, dict):
        raise BadInput("is not a JSON object", where=path, fix="make it again or restore it")
    return record


def read_frames(
    folder: Path, record: dict, path: Path, size_px: int | None = None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images (n, h, w, 4), c2w (n, 4, 4) and file names of the frames of a transforms file at `path`."""
    frames = record.get("frames")
    if not isinstance(frames, list) or not frames:
        raise BadInput("frames are missing or empty", where=path, fix="list at least one view")
    named = [_frame(frame, index, path) for index, frame in enumerate(frames)]
    names = [name for name, _ in named]
    return read_pictures(folder, names, size_px), np.stack([matrix for _, matrix in named]), names


def read_pictures(folder: Path, names: list[str], size_px: int | None = None) -> UInt8[np.ndarray, "n h w 4"]:
    """Pictures of one size, by their paths within a folder."""
    images = [read_picture(inside(folder, name)) for name in names]
    size_px = size_px or len(images[0])
    for name, image in zip(names, images, strict=True):
        if len(image) != size_px:
            what = f"is {len(image)} px wide, the first picture {size_px} px"
            raise BadInput(what, where=folder / name, fix="render all views at one size")
    return np.stack(images)


def _frame(frame: object, index: int, path: Path) -> tuple[str, np.ndarray]:
    """Picture path (with suffix) and c2w (4, 4) float32 of one entry of `frames`."""
    if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
        raise BadInput(f"frame {index} has no file_path", where=path, fix="add it")
    try:
        matrix = np.array(frame["transform_matrix"], np.float32)
    except (KeyError, TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape != (4, 4):
        raise BadInput(f"frame {index} has no 4x4 transform_matrix", where=path, fix="add it")
    name = frame["file_path"]
    if name.lower().endswith((".jpg", ".jpeg")):
        raise BadInput(f"'{name}' has no alpha channel", where=path, fix="cut the object out and save RGBA PNG files")
    return (name if name.lower().endswith(".png") else f"{name}.png"), matrix


def read_picture(path: Path) -> np.ndarray:
    """Square RGBA PNG as uint8 (h, w, 4)."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            mode, image = picture.mode, None if max(picture.size) > MAX_SIZE_PX else np.asarray(picture)
    except FileNotFoundError:
        raise BadInput("picture is missing", where=path, fix="render the object again") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise BadInput("picture is truncated or not a PNG", where=path, fix="render it again") from None
    if image is None:
        raise BadInput(f"picture is over {MAX_SIZE_PX} px", where=path, fix="render it smaller")
    if mode != "RGBA":
        raise BadInput(f"picture is {mode}, not RGBA", where=path, fix="save it with an alpha channel")
    if image.shape[0] != image.shape[1]:
        raise BadInput(f"picture is {image.shape[1]} x {image.shape[0]} px", where=path, fix="make it square")
    return image
