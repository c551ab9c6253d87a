"""Mesh files (glb, gltf, obj, ply, off, stl) as coloured objects; `save_glb` writes one.

Nothing in a file is executed, and a texture or buffer is read only from the mesh's own folder or below (in a layout of
`sources.homes`: from its object's folder or below).
"""

import os
import warnings
from collections import Counter
from io import BytesIO
from itertools import product
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import trimesh
from PIL import Image
from trimesh.resolvers import FilePathResolver
from trimesh.visual.color import to_rgba

from n2v.errors import BadInput
from n2v.files import inside
from n2v.scenes.glb import NEUTRAL_GREY, Z_FROM_Y_UP, save_glb
from n2v.scenes.gltf import plain
from n2v.scenes.objects import Part, SceneObject
from n2v.scenes.raycast import linear_to_srgb, srgb_to_linear
from n2v.scenes.sources.homes import home_of

__all__ = ["SUFFIXES", "load_mesh", "save_glb"]

SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".off", ".stl")
UP = ("auto", "y", "z")
Y_UP_SUFFIXES = (".glb", ".gltf", ".obj")
MAX_BYTES = 512 * 2**20
MAX_FACES = 5_000_000
MAX_COORDINATE = 1e9
MAX_TEXTURE_PX = 1024
MIN_TEXTURE_PX = 64


class _OwnFolder(FilePathResolver):
    """Gives a reader files beside the mesh, and remembers what it refused, missed or could not use."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        home = home_of(Path(source))
        self.root = home.folder if home else Path(self.parent)
        self.places = [Path(self.parent)] + ([self.root / home.textures] if home and home.textures else [])
        self.refused: list[str] = []
        self.missing: list[str] = []
        self.notes: list[str] = []

    def get(self, name: str) -> bytes:
        slashed = name.strip().replace("\\", "/")  # as Windows writes it
        spellings = dict.fromkeys((name.strip(), slashed, unquote(slashed)))
        for folder, spelling in product(self.places, spellings):
            try:
                path = inside(self.root, os.path.relpath(folder / spelling, self.root))
            except BadInput:
                self.refused.append(name)
                raise
            if path.is_file():
                self._note_picture(path, name)
                return path.read_bytes()
        self.missing.append(name)
        self._note(f"'{name}' is missing, colours may be lost")
        raise FileNotFoundError(name)

    def _note_picture(self, path: Path, name: str) -> None:
        """Readers leave out a picture of an unknown kind without a word."""
        if path.suffix.lower() not in (".mtl", ".bin"):
            try:
                Image.open(path).close()
            except (OSError, Image.DecompressionBombError):
                self._note(f"'{name}' is no picture that can be read, colours may be lost")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def load_mesh(
    path: Path,
    class_name: str = "",
    object_id: str | None = None,
    up: str = "auto",
    notes: list[str] | None = None,
    **identity: object,
) -> SceneObject:
    """Read a mesh file as an object placed in the box.

    Colours become sRGB: glTF factors and vertex colours are linear light there, textures and every
    other format's colours are sRGB already. Alpha counts only where a glTF material says MASK or BLEND.
    What has no colour (stl, off, no material) is neutral grey. Each geometry (and material) becomes one part.

    Args:
        path: .glb, .gltf, .obj, .ply, .off or .stl.
        class_name: Any class, or empty.
        object_id: Defaults to the file's stem.
        up: The file's upward axis: "y", "z", or "auto" (its layout's, else y for glb, gltf and obj, z for the others).
        notes: Gets what went wrong without spoiling the mesh (a missing texture); None: warned of.
        identity: More fields of SceneObject (base_id, version, shape_group, source, licence).

    Raises:
        BadInput: The file is missing, unreadable, of another kind, without faces, not finite or absurdly big.
    """
    path = Path(path)
    _check_file(path, up)
    scene, found = _read_scene(path)
    if notes is not None:
        notes += found
    elif found:
        warnings.warn(f"{path}: {'; '.join(found)}", stacklevel=2)
    home = home_of(path)
    usual = home.up if home else "y" if path.suffix.lower() in Y_UP_SUFFIXES else "z"
    turn = Z_FROM_Y_UP if (usual if up == "auto" else up) == "y" else np.eye(3)
    linear = path.suffix.lower() in (".glb", ".gltf")
    parts = []
    for name, mesh, transform in _geometries(scene):
        _check_mesh(mesh, path)
        if len(mesh.faces):
            try:
                parts.append(_part(name, mesh, turn @ transform[:3, :3], turn @ transform[:3, 3], linear))
            except Exception as error:
                raise _unreadable(path, _one_line(error)) from None
    if not parts:
        raise BadInput("mesh has no faces", where=path, fix="export it as a triangle mesh")
    if sum(len(part.faces) for part in parts) > MAX_FACES:
        raise BadInput(f"mesh has over {MAX_FACES} faces", where=path, fix="simplify it")
    try:
        return SceneObject(object_id or path.stem, class_name, tuple(parts), **identity).placed()
    except BadInput as error:
        raise BadInput(error.what, where=path, fix=error.fix) from None


def _check_file(path: Path, up: str) -> None:
    if up not in UP:
        raise BadInput(f"unknown up axis '{up}'", fix="use auto, y or z")
    if not path.is_file():
        raise BadInput("no such file", where=path, fix="check the path")
    if path.suffix.lower() not in SUFFIXES:
        raise BadInput(f"'{path.suffix}' is not a mesh format", where=path, fix=f"use {', '.join(SUFFIXES)}")
    size = path.stat().st_size
    if size == 0:
        raise BadInput("file is empty", where=path, fix="export the mesh again")
    if size > MAX_BYTES:
        raise BadInput(f"file has {size / 2**20:.0f} MiB, over {MAX_BYTES // 2**20}", where=path, fix="simplify it")


def _read_scene(path: Path) -> tuple[trimesh.Scene, list[str]]:
    """The file through trimesh, and what of its colours was lost; every way it can fail becomes one line."""
    resolver = _OwnFolder(str(path))
    kind = path.suffix.lower()[1:]
    try:
        data = path.read_bytes()
        if kind in ("glb", "gltf"):
            data, kind = plain(data, kind, resolver.get), "glb"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scene = trimesh.load_scene(BytesIO(data), file_type=kind, resolver=resolver, process=False)
    except Exception as error:
        if resolver.refused:
            raise _outside(path, resolver.refused[0]) from None
        if isinstance(error, BadInput):
            raise BadInput(error.what, where=path, fix=error.fix) from None
        reason = f"file '{resolver.missing[0]}' is missing" if resolver.missing else _one_line(error)
        raise _unreadable(path, reason) from None
    if resolver.refused:
        raise _outside(path, resolver.refused[0])
    return scene, resolver.notes


def _unreadable(path: Path, reason: str) -> BadInput:
    return BadInput(f"cannot be read ({reason})", where=path, fix="export the mesh again")


def _outside(path: Path, name: str) -> BadInput:
    return BadInput(f"refers to '{name}' outside its folder", where=path, fix="put the file beside the mesh")


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]


def _geometries(scene: trimesh.Scene) -> list[tuple[str, trimesh.Trimesh, np.ndarray]]:
    """(name, mesh, 4x4 transform) of every triangle mesh in file order; instances get a number."""
    order = {name: index for index, name in enumerate(scene.geometry)}
    placed = sorted((scene.graph[node] for node in scene.graph.nodes_geometry), key=lambda at: order[at[1]])
    uses, seen, found = Counter(name for _, name in placed), Counter(), []
    for transform, name in placed:
        mesh = scene.geometry[name]
        if isinstance(mesh, trimesh.Trimesh):
            found.append((f"{name}_{seen[name]}" if uses[name] > 1 else name, mesh, np.asarray(transform)))
            seen[name] += 1
    return found


def _check_mesh(mesh: trimesh.Trimesh, path: Path) -> None:
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    if not len(faces):
        return
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise BadInput("a face refers to a vertex that does not exist", where=path, fix="export the mesh again")
    used = vertices[np.unique(faces)]
    if not np.isfinite(used).all():
        raise BadInput("NaN or infinite vertices", where=path, fix="repair the mesh")
    if np.abs(used).max() > MAX_COORDINATE:
        raise BadInput(f"coordinates up to {np.abs(used).max():.3g}", where=path, fix="scale the mesh down")


def _part(name: str, mesh: trimesh.Trimesh, linear_map: np.ndarray, shift: np.ndarray, linear: bool) -> Part:
    """One geometry with its colours; vertices through `linear_map @ v + shift`."""
    faces = np.array(mesh.faces, np.int64)
    vertices = np.array(mesh.vertices, np.float64) @ linear_map.T + shift
    if np.linalg.det(linear_map) < 0:
        faces = faces[:, ::-1].copy()
    if getattr(mesh.visual, "kind", None) == "texture" and (linear or _says_something(mesh.visual.material)):
        rgba, texture, uv = _material_colours(mesh.visual, faces, linear)
        return Part(name, vertices, faces, rgba, texture, uv)
    return Part(name, vertices, faces, _own_colours(mesh, faces))


def _says_something(material: object) -> bool:
    """False for what the reader puts where there is no material: one pixel of grey, to be multiplied with grey."""
    image = getattr(material, "image", None)
    return "kd" in material.kwargs or (image is not None and image.format is not None)


def _own_colours(mesh: trimesh.Trimesh, faces: np.ndarray) -> np.ndarray:
    """corner_rgba (m, 3, 4) of a mesh without a material: its faces' or vertices' colours, else neutral grey."""
    kind = getattr(mesh.visual, "kind", None)
    of_faces = mesh.visual.face_colors if kind == "face" else mesh.face_attributes.get("color")
    of_vertices = mesh.visual.vertex_colors if kind == "vertex" else mesh.vertex_attributes.get("color")
    rgba = np.full((len(faces), 3, 4), NEUTRAL_GREY, np.float32)
    if of_vertices is not None and len(of_vertices) == len(mesh.vertices):
        rgba[:] = to_rgba(of_vertices)[faces] / 255
    elif of_faces is not None and len(of_faces) == len(faces):
        rgba[:] = to_rgba(of_faces)[:, None] / 255
    rgba[..., 3] = 1
    return rgba


def _material_colours(
    visual: object, faces: np.ndarray, linear: bool
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """corner_rgba (m, 3, 4), texture (h, w, 4) and corner_uv (m, 3, 2) of a mesh with a material."""
    material = visual.material
    image = getattr(material, "baseColorTexture" if linear else "image", None)
    factor = material.baseColorFactor if linear else material.diffuse if "kd" in material.kwargs else None
    factor = np.array((255, 255, 255, 255) if factor is None else factor, np.float32) / 255
    uv = None if visual.uv is None or image is None else np.asarray(visual.uv, np.float32)[faces][..., :2]
    if uv is not None and not linear and not factor[:3].any():
        factor[:] = 1  # exporters write Kd 0 beside a texture
    rgba = np.broadcast_to(factor, (*faces.shape, 4)).astype(np.float32)
    colours = visual.vertex_attributes.get("color") if linear else None
    if colours is not None:
        corners = _vertex_colours(np.asarray(colours))[faces]
        rgba = rgba * corners
        rgba[..., :3] = linear_to_srgb(srgb_to_linear(factor[:3]) * corners[..., :3])
    mode = getattr(material, "alphaMode", None) if linear else None
    clear = mode in ("MASK", "BLEND")
    texture = None if uv is None else _texture(image)
    if not clear:
        rgba[..., 3] = 1
        if texture is not None:
            texture[..., 3] = 255
    return rgba, texture, uv if texture is not None else None


def _vertex_colours(colours: np.ndarray) -> np.ndarray:
    """glTF vertex colours (n, 3 or 4), linear floats or normalised integers, as linear (n, 4) floats."""
    if colours.dtype.kind in "ui":
        colours = colours / np.iinfo(colours.dtype).max
    rgba = np.ones((len(colours), 4), np.float32)
    rgba[:, : colours.shape[1]] = colours
    return rgba


def _texture(image: Image.Image) -> np.ndarray:
    """uint8 (h, w, 4) sRGB, at most MAX_TEXTURE_PX a side.

    A texture under MIN_TEXTURE_PX is a palette or pixel art: its texels are repeated, so that bilinear
    sampling does not smear them.
    """
    image = image.convert("RGBA")
    image.thumbnail((MAX_TEXTURE_PX, MAX_TEXTURE_PX))
    repeat = 8 if max(image.size) < MIN_TEXTURE_PX else 1
    return np.array(image, np.uint8).repeat(repeat, 0).repeat(repeat, 1)
