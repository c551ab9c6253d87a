"""Mesh files (glb, gltf, obj, ply, off, stl) as coloured objects.

Nothing in a file is executed, and a texture or buffer is read only from the mesh's own folder or below (in a layout of
`homes`: from its object's folder or below).
"""

import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
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
from n2v.scenes.glb import NEUTRAL_GREY, Z_FROM_Y_UP
from n2v.scenes.gltf import read_gltf, texels
from n2v.scenes.homes import home_of
from n2v.scenes.objects import Part, SceneObject

GLTF = (".glb", ".gltf")
SUFFIXES = (*GLTF, ".obj", ".ply", ".off", ".stl")
UP = ("auto", "y", "z")
MAX_BYTES = 512 * 2**20
MAX_FACES = 5_000_000
MAX_COORDINATE = 1e9


def load_mesh(
    path: Path,
    class_name: str = "",
    object_id: str | None = None,
    up: str = "auto",
    notes: list[str] | None = None,
    **identity: object,
) -> SceneObject:
    """Read a mesh file as an object placed in the box.

    Colours become sRGB: glTF factors and vertex colours are linear light there, textures and every other format's
    colours are sRGB already. What has no colour (stl, off, no material) is neutral grey. Each geometry (and material)
    becomes one part.

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
    resolver = _OwnFolder(str(path))
    try:
        _check_file(path, up)
        parts = _read(path, resolver)
        home = home_of(path)
        usual = home.up if home else "y" if path.suffix.lower() in (*GLTF, ".obj") else "z"
        if (usual if up == "auto" else up) == "y":
            parts = [replace(part, vertices=part.vertices @ Z_FROM_Y_UP.T) for part in parts]
        obj = SceneObject(object_id or path.stem, class_name, tuple(parts), **identity).placed()
    except BadInput as error:
        raise BadInput(error.what, where=path, fix=error.fix) from None
    if notes is not None:
        notes += resolver.notes
    elif resolver.notes:
        warnings.warn(f"{path}: {'; '.join(resolver.notes)}", stacklevel=2)
    return obj


def _check_file(path: Path, up: str) -> None:
    if up not in UP:
        raise BadInput(f"unknown up axis '{up}'", fix="use auto, y or z")
    if not path.is_file():
        raise BadInput("no such file", fix="check the path")
    if path.suffix.lower() not in SUFFIXES:
        raise BadInput(f"'{path.suffix}' is not a mesh format", fix=f"use {', '.join(SUFFIXES)}")
    size = path.stat().st_size
    if size == 0:
        raise BadInput("file is empty", fix="export the mesh again")
    if size > MAX_BYTES:
        raise BadInput(f"file has {size / 2**20:.0f} MiB, over {MAX_BYTES // 2**20}", fix="simplify it")


class _OwnFolder(FilePathResolver):
    """Gives a reader files beside the mesh, and remembers what it refused, missed or could not use."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        home = home_of(Path(source))
        self.root = home.folder if home else Path(self.parent)
        self.places = [Path(self.parent)] + ([self.root / home.textures] if home and home.textures else [])
        self.refused: list[str] = []
        self.notes: list[str] = []

    def get(self, name: str) -> bytes:
        slashed = name.strip().replace("\\", "/")  # as Windows writes it
        for folder, spelling in product(self.places, dict.fromkeys((name.strip(), slashed, unquote(slashed)))):
            try:
                path = inside(self.root, os.path.relpath(folder / spelling, self.root))
            except BadInput:
                self.refused.append(name)
                raise
            if path.is_file():
                self._note_picture(path, name)
                return path.read_bytes()
        self._note(f"'{name}' is missing, colours may be lost")
        raise FileNotFoundError(f"file '{name}' is missing")

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


def _read(path: Path, resolver: _OwnFolder) -> list[Part]:
    """Parts in the file's own units and axes; every way a file can fail becomes one line."""
    parts, n_faces, kind = [], 0, path.suffix.lower()
    try:
        data = path.read_bytes()
        for part in read_gltf(data, resolver.get) if kind in GLTF else _through_trimesh(data, kind[1:], resolver):
            if len(part.faces):
                _check_vertices(part.vertices[np.unique(part.faces)])
                parts.append(part)
            n_faces += len(part.faces)
            if n_faces > MAX_FACES:
                raise BadInput(f"mesh has over {MAX_FACES} faces", fix="simplify it")
    except BadInput:
        if not resolver.refused:
            raise
    except Exception as error:
        if not resolver.refused:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
            raise BadInput(f"cannot be read ({reason})", fix="export the mesh again") from None
    if resolver.refused:  # trimesh goes on without the file
        raise BadInput(f"refers to '{resolver.refused[0]}' outside its folder", fix="put the file beside the mesh")
    if not parts:
        raise BadInput("mesh has no faces", fix="export it as a triangle mesh")
    return parts


def _check_vertices(used: np.ndarray) -> None:
    if not np.isfinite(used).all():
        raise BadInput("NaN or infinite vertices", fix="repair the mesh")
    if np.abs(used).max() > MAX_COORDINATE:
        raise BadInput(f"coordinates up to {np.abs(used).max():.3g}", fix="scale the mesh down")


def _through_trimesh(data: bytes, kind: str, resolver: _OwnFolder) -> Iterator[Part]:
    """Every triangle mesh of an obj, ply, off or stl file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scene = trimesh.load_scene(BytesIO(data), file_type=kind, resolver=resolver, process=False)
    for name, mesh in scene.geometry.items():
        if isinstance(mesh, trimesh.Trimesh):
            faces, texture, uv = np.array(mesh.faces, np.int64), None, None
            if getattr(mesh.visual, "kind", None) == "texture" and _says_something(mesh.visual.material):
                rgba, texture, uv = _material_colours(mesh.visual, faces)
            else:
                rgba = _own_colours(mesh, faces)
            yield Part(name, np.array(mesh.vertices, np.float64), faces, rgba, texture, uv)


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


def _material_colours(visual: object, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """corner_rgba (m, 3, 4), texture (h, w, 4) and corner_uv (m, 3, 2) of a mesh with a material; all is opaque."""
    image = getattr(visual.material, "image", None)
    colour = visual.material.diffuse if "kd" in visual.material.kwargs else (255, 255, 255)
    rgba = np.ones((*faces.shape, 4), np.float32)
    textured = visual.uv is not None and image is not None
    if np.any(colour[:3]) or not textured:  # exporters write Kd 0 beside a texture
        rgba[..., :3] = np.array(colour[:3], np.float32) / 255
    if not textured:
        return rgba, None, None
    texture = texels(image)
    texture[..., 3] = 255
    return rgba, texture, np.asarray(visual.uv, np.float32)[faces][..., :2]
