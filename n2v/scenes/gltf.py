"""glTF 2.0, binary or not, as coloured parts. What would come out wrong without a word is refused by name.

Read here and not by trimesh: that ignores normalised integers, texture transforms and other sets of texture
coordinates, keeps linear colours in 8 bits, and then shows noise, or too little.
"""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from math import cos, sin

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from n2v.errors import BadInput
from n2v.scenes.glb import GLB_1, NEUTRAL_GREY, unpack
from n2v.scenes.objects import Part
from n2v.scenes.raycast import linear_to_srgb, srgb_to_linear

MAX_COUNT = 20_000_000  # vertices or indices an accessor may promise
MAX_TEXTURE_PX = 1024
MIN_TEXTURE_PX = 64
DRACO, BASISU, TRANSFORM = "KHR_draco_mesh_compression", "KHR_texture_basisu", "KHR_texture_transform"
GLOSSY, WEBP = "KHR_materials_pbrSpecularGlossiness", "EXT_texture_webp"
HARMLESS = {"KHR_mesh_quantization", "KHR_materials_unlit", "KHR_lights_punctual"}
UNDERSTOOD = {DRACO, BASISU, TRANSFORM, GLOSSY, WEBP} | HARMLESS
KINDS = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
TRIANGLES, STRIP = 4, 5


def read_gltf(data: bytes, fetch: Callable[[str], bytes]) -> Iterator[Part]:
    """Every triangle mesh of the scene, in the file's order and units; colours are sRGB.

    Alpha counts only where a material says MASK or BLEND. Of parts of one name all but the first get a number.

    Args:
        data: A .glb or .gltf file.
        fetch: Gives the bytes of a file that the header names, or raises.

    Raises:
        BadInput: glTF 1.0, or something required that is not read.
        Exception: A broken file raises whatever it breaks.
    """
    if data.startswith(GLB_1):
        header, binary = {"asset": {"version": "1.0"}}, b""
    else:
        header, binary = unpack(data) if data.startswith(b"glTF") else (json.loads(data), b"")
    _check(header)
    file, taken = _File(header, binary, fetch), Counter()
    for number, matrix in sorted(_instances(header), key=lambda one: one[0]):
        mesh = header["meshes"][number]
        name = mesh.get("name", "GLTF")
        for primitive in mesh["primitives"]:
            if primitive.get("mode", TRIANGLES) in (TRIANGLES, STRIP):
                yield _part(file, primitive, f"{name}_{taken[name]}" if taken[name] else name, matrix)
                taken[name] += 1


def _check(header: dict) -> None:
    """Refuse what would come out wrong without a word."""
    if str(header.get("asset", {}).get("version", "2.0")).startswith("1.") or isinstance(header.get("meshes"), dict):
        raise BadInput("is glTF 1.0", fix="convert it to glTF 2.0")
    required = set(header.get("extensionsRequired", ()))
    meshopt = [name for name in {*header.get("extensionsUsed", ()), *required} if "meshopt" in name]
    if meshopt:
        raise BadInput(f"is compressed by meshopt ({meshopt[0]})", fix="export it without meshopt compression")
    unknown = sorted(required - UNDERSTOOD)
    if unknown:
        raise BadInput(f"requires {', '.join(unknown)}, which is not read", fix="export it without")
    for accessor in header.get("accessors", []):
        if not 0 <= int(accessor.get("count", 0)) <= MAX_COUNT:
            raise ValueError(f"an accessor promises {accessor['count']} entries")
        if "sparse" in accessor:
            raise BadInput("has sparse accessors, which are not read", fix="export it without")


def _instances(header: dict) -> Iterator[tuple[int, np.ndarray]]:
    """(mesh, 4x4 transform) of every node that shows one."""
    nodes, scenes = header.get("nodes", []), header.get("scenes", [])
    waiting = [(root, np.eye(4)) for root in scenes[header.get("scene", 0)].get("nodes", [])] if scenes else []
    seen = set()
    while waiting:
        number, above = waiting.pop(0)
        if number in seen:  # a loop
            continue
        seen.add(number)
        node, moved = nodes[number], np.eye(4)
        turn = Rotation.from_quat(node.get("rotation", (0, 0, 0, 1))).as_matrix()
        moved[:3, :3], moved[:3, 3] = turn * node.get("scale", (1, 1, 1)), node.get("translation", (0, 0, 0))
        matrix = above @ np.reshape(node.get("matrix", np.eye(4)), (4, 4)).astype(float).T @ moved
        waiting += [(child, matrix) for child in node.get("children", [])]
        if "mesh" in node:
            yield node["mesh"], matrix


@dataclass(frozen=True)
class _Material:
    """`factor` (4,) sRGB; `uv` names the texture's set of coordinates, which `change` moves."""

    factor: np.ndarray
    texture: np.ndarray | None = None
    uv: str = "TEXCOORD_0"
    change: dict | None = None
    clear: bool = False


class _File:
    """The header's buffers, accessors and materials."""

    def __init__(self, header: dict, binary: bytes, fetch: Callable[[str], bytes]) -> None:
        self.header, self.fetch, self.buffers = header, fetch, []
        self.material = cache(self._material)
        for buffer in header.get("buffers", []):
            uri = buffer.get("uri")
            data = self._at(uri) if uri else binary
            if len(data) < buffer["byteLength"]:
                raise ValueError(f"a buffer has {len(data)} bytes of {buffer['byteLength']}")
            self.buffers.append(data)

    def _at(self, uri: str) -> bytes:
        return base64.b64decode(uri.partition("base64,")[2]) if uri.startswith("data:") else self.fetch(uri)

    def view(self, number: int) -> bytes:
        """Bytes of a buffer view."""
        view = self.header["bufferViews"][number]
        start = view.get("byteOffset", 0)
        return self.buffers[view["buffer"]][start : start + view["byteLength"]]

    def values(self, number: int) -> np.ndarray:
        """(count, width) of an accessor, as it is stored."""
        accessor = self.header["accessors"][number]
        kind, width, count = np.dtype(KINDS[accessor["componentType"]]), WIDTHS[accessor["type"]], accessor["count"]
        if "bufferView" not in accessor:
            return np.zeros((count, width), kind)
        stride = self.header["bufferViews"][accessor["bufferView"]].get("byteStride") or kind.itemsize * width
        data, start = self.view(accessor["bufferView"]), accessor.get("byteOffset", 0)
        return np.ndarray((count, width), kind, data, start, (stride, kind.itemsize))

    def arrays(self, primitive: dict) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Attributes (n, width) float32, with normalised integers in [0, 1] or [-1, 1], and flat indices."""
        packed, named = primitive.get("extensions", {}).get(DRACO), primitive["attributes"]
        if packed:
            found, indices = _unpack_draco(self.view(packed["bufferView"]), packed["attributes"])
        else:
            found = {name: self.values(number) for name, number in named.items()}
            indices = self.values(primitive["indices"]) if "indices" in primitive else np.arange(len(found["POSITION"]))
        whole = {name for name in found if self.header["accessors"][named[name]].get("normalized") or name == "COLOR_0"}
        return {name: _floats(values, name in whole) for name, values in found.items()}, indices.ravel().astype(int)

    def _material(self, number: int) -> _Material:
        """A material's base colour, or the diffuse one of specular-glossiness."""
        material = self.header["materials"][number]
        base, glossy = material.get("pbrMetallicRoughness", {}), material.get("extensions", {}).get(GLOSSY, {})
        factor = base.get("baseColorFactor", glossy.get("diffuseFactor", (1, 1, 1, 1)))
        factor = np.append(linear_to_srgb(np.reshape(factor, 4)[:3]), np.float32(factor[3]))
        factor = (np.rint(255 * factor.clip(0, 1)) / 255).astype(np.float32)  # 8 bits, as textures have
        clear = material.get("alphaMode") in ("MASK", "BLEND")
        used = base.get("baseColorTexture") or glossy.get("diffuseTexture")
        image = self._image(self.header["textures"][used["index"]]) if used else None
        if image is None:
            return _Material(factor, clear=clear)
        change, texture = used.get("extensions", {}).get(TRANSFORM, {}), texels(image)
        if not clear:
            texture[..., 3] = 255
        uv = f"TEXCOORD_{change.get('texCoord', used.get('texCoord', 0))}"
        return _Material(factor, texture, uv, change, clear)

    def _image(self, texture: dict) -> Image.Image | None:
        """A texture's picture; None for one that is lost, of which `fetch` tells."""
        more = texture.get("extensions", {})
        source = more.get(WEBP, {}).get("source", texture.get("source"))
        image = {} if source is None else self.header["images"][source]
        if (source is None and BASISU in more) or image.get("mimeType") == "image/ktx2":
            fix = "export PNG or JPEG textures"
            raise BadInput(f"has its colours in a Basis Universal texture ({BASISU})", fix=fix)
        if "bufferView" in image:
            return Image.open(BytesIO(self.view(image["bufferView"])))
        with suppress(OSError, Image.DecompressionBombError):
            return Image.open(BytesIO(self._at(image["uri"])))
        return None


def _floats(values: np.ndarray, normalised: bool) -> np.ndarray:
    """float32; normalised integers in [0, 1], signed ones in [-1, 1]."""
    if not normalised or values.dtype.kind == "f":
        return values.astype(np.float32)
    return np.maximum(values / np.float32(np.iinfo(values.dtype).max), -1)


def _unpack_draco(blob: bytes, wanted: dict[str, int]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Attributes by name, and indices, of a Draco blob; BadInput when DracoPy is missing."""
    try:
        import DracoPy
    except ImportError:
        raise BadInput("is compressed by Draco", fix="run: pip install DracoPy") from None
    decoded = DracoPy.decode(blob)
    found = {one["unique_id"]: np.asarray(one["data"]) for one in decoded.attributes}
    return {name: found[number].reshape(len(found[number]), -1) for name, number in wanted.items()}, decoded.faces


def _part(file: _File, primitive: dict, name: str, matrix: np.ndarray) -> Part:
    """One primitive in its place, with the colours and the texture of its corners."""
    arrays, indices = file.arrays(primitive)
    faces = indices.reshape(-1, 3) if primitive.get("mode", TRIANGLES) == TRIANGLES else _strip(indices)
    if np.linalg.det(matrix[:3, :3]) < 0:
        faces = faces[:, ::-1].copy()
    colours = arrays.get("COLOR_0")
    plain = _Material(np.float32([*[NEUTRAL_GREY if colours is None else 1] * 3, 1]))
    material = file.material(primitive["material"]) if "material" in primitive else plain
    rgba = np.broadcast_to(material.factor, (*faces.shape, 4)).copy()
    if colours is not None:
        corners = np.ones((*faces.shape, 4), np.float32)
        corners[..., : colours.shape[1]] = colours[faces]
        rgba *= corners
        rgba[..., :3] = linear_to_srgb(srgb_to_linear(material.factor[:3]) * corners[..., :3])
    if not material.clear:
        rgba[..., 3] = 1
    vertices = arrays["POSITION"].astype(float) @ matrix[:3, :3].T + matrix[:3, 3]
    if material.texture is None or material.uv not in arrays:
        return Part(name, vertices, faces, rgba)
    uv = _moved(arrays[material.uv], material.change)
    return Part(name, vertices, faces, rgba, material.texture, (uv * np.float32([1, -1]) + np.float32([0, 1]))[faces])


def _strip(indices: np.ndarray) -> np.ndarray:
    """Faces of a triangle strip: every second one turns the other way."""
    faces = np.stack([indices[:-2], indices[1:-1], indices[2:]], 1)
    faces[1::2] = faces[1::2, ::-1]
    return faces


def _moved(uv: np.ndarray, change: dict) -> np.ndarray:
    """KHR_texture_transform: scale, then turn counter-clockwise (v points down), then shift.

    The turn is the specification's sentence and what three.js does; the specification's GLSL turns the other way.
    """
    c, s = cos(change.get("rotation", 0)), sin(change.get("rotation", 0))
    turned = (uv * change.get("scale", (1, 1))) @ np.array([[c, -s], [s, c]])
    return (turned + change.get("offset", (0, 0))).astype(np.float32)


def texels(image: Image.Image) -> np.ndarray:
    """A texture, uint8 (h, w, 4) sRGB, at most MAX_TEXTURE_PX a side.

    One under MIN_TEXTURE_PX is a palette or pixel art: its texels are repeated, so that bilinear sampling does not
    smear them.
    """
    image = image.convert("RGBA")
    image.thumbnail((MAX_TEXTURE_PX, MAX_TEXTURE_PX))
    repeat = 8 if max(image.size) < MIN_TEXTURE_PX else 1
    return np.array(image, np.uint8).repeat(repeat, 0).repeat(repeat, 1)
