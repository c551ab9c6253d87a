"""Foreign glTF made plain before the mesh reader sees it: one binary, float coordinates, sRGB factors, nothing packed.

The reader (trimesh) ignores normalised integers, texture transforms, other sets of texture coordinates and what it has
no decoder for, and then shows noise or nothing. What cannot be made plain is refused by name.
"""

import base64
import json
from collections.abc import Callable
from math import cos, sin

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.glb import GLB_1, NEUTRAL_GREY, Growing, pack, unpack
from n2v.scenes.raycast import linear_to_srgb

MAX_COUNT = 20_000_000  # vertices or indices an accessor may promise
DRACO, BASISU, TRANSFORM = "KHR_draco_mesh_compression", "KHR_texture_basisu", "KHR_texture_transform"
GLOSSY = "KHR_materials_pbrSpecularGlossiness"
UNDERSTOOD = {
    DRACO, BASISU, TRANSFORM, GLOSSY, "KHR_mesh_quantization", "KHR_materials_unlit", "KHR_lights_punctual",
    "EXT_texture_webp",
}  # fmt: skip
OLD, FLOAT = "is glTF 1.0", 5126
_KINDS = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, FLOAT: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


def plain(data: bytes, kind: str, fetch: Callable[[str], bytes]) -> bytes:
    """A .glb that a simple reader shows rightly, from the bytes of a "glb" or "gltf" file.

    Args:
        data: The file.
        kind: "glb" or "gltf".
        fetch: Gives the bytes of a file that the header names.

    Raises:
        BadInput: glTF 1.0, or something required that cannot be read.
        ValueError, KeyError, TypeError: A broken file.
    """
    if data.startswith(GLB_1):
        raise BadInput(OLD, fix="convert it to glTF 2.0")
    header, binary = unpack(data) if kind == "glb" else (json.loads(data), b"")
    _check(header)
    store = _Store(header, binary, fetch)
    _encode_factors(header)
    for mesh in header.get("meshes", []):
        for primitive in mesh.get("primitives", []):
            _simplify(primitive, header, store)
    return pack(header, store.joined())


def _check(header: dict) -> None:
    """Refuse what would come out wrong without a word."""
    version = str(header.get("asset", {}).get("version", "2.0"))
    if version.startswith("1.") or isinstance(header.get("meshes"), dict):
        raise BadInput(OLD, fix="convert it to glTF 2.0")
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


def _encode_factors(header: dict) -> None:
    """Turn every material's base colour factor into sRGB in place, and give every triangle a material.

    Mesh readers keep factors in 8 bits, too coarse for dark linear values: 8-bit sRGB loses nothing visible.
    Specular-glossiness materials become base colours.
    """
    materials = header.setdefault("materials", [])
    for material in materials:
        glossy = material.get("extensions", {}).pop(GLOSSY, None)
        base = material.setdefault("pbrMetallicRoughness", {})
        if glossy:
            base.setdefault("baseColorFactor", glossy.get("diffuseFactor", [1, 1, 1, 1]))
            if "diffuseTexture" in glossy:
                base.setdefault("baseColorTexture", glossy["diffuseTexture"])
        factor = np.array(base.get("baseColorFactor", (1, 1, 1, 1)), float).reshape(4)
        base["baseColorFactor"] = [*linear_to_srgb(factor[:3]).tolist(), float(factor[3])]
        texture = base.get("baseColorTexture")
        if texture and _is_basis(header, header["textures"][texture["index"]]):
            raise BadInput(
                f"has its colours in a Basis Universal texture ({BASISU})", fix="export PNG or JPEG textures"
            )
    for primitive in [one for mesh in header.get("meshes", []) for one in mesh.get("primitives", [])]:
        if "material" not in primitive:
            grey = 1.0 if "COLOR_0" in primitive["attributes"] else NEUTRAL_GREY
            primitive["material"] = len(materials)
            materials.append({"pbrMetallicRoughness": {"baseColorFactor": [grey, grey, grey, 1.0]}})


def _is_basis(header: dict, texture: dict) -> bool:
    """True for a texture whose only picture is compressed for graphics cards."""
    source = texture.get("source")
    if source is None:
        return BASISU in texture.get("extensions", {})
    return header["images"][source].get("mimeType") == "image/ktx2"


class _Store(Growing):
    """The binary data of a file: all its buffers in one, read by accessor, grown by new accessors."""

    def __init__(self, header: dict, binary: bytes, fetch: Callable[[str], bytes]) -> None:
        super().__init__(header)
        self.made: dict[tuple, int] = {}  # primitives may share accessors, and then share what was made of them
        self.added: dict[int, np.ndarray] = {}
        starts = []
        for index, buffer in enumerate(header.get("buffers", [])):
            uri, data = buffer.get("uri"), b"" if index else binary
            if uri:
                data = base64.b64decode(uri.partition("base64,")[2]) if uri.startswith("data:") else fetch(uri)
            if len(data) < buffer["byteLength"]:
                raise ValueError(f"a buffer has {len(data)} bytes of {buffer['byteLength']}")
            starts.append(self.append(data[: buffer["byteLength"]]))
        self.source = self.joined()
        for view in header.get("bufferViews", []):
            view["byteOffset"] = view.get("byteOffset", 0) + starts[view["buffer"]]
            view["buffer"] = 0

    def own_view(self, index: int) -> bytes:
        """Bytes of one of the file's own buffer views."""
        view = self.header["bufferViews"][index]
        return self.source[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    def values(self, index: int) -> np.ndarray:
        """(count, width) of an accessor as float32, normalised integers in [0, 1] or [-1, 1]."""
        if index in self.added:
            return self.added[index]
        accessor = self.header["accessors"][index]
        kind, width, count = np.dtype(_KINDS[accessor["componentType"]]), _WIDTHS[accessor["type"]], accessor["count"]
        if "bufferView" not in accessor:
            return np.zeros((count, width), np.float32)
        view = self.header["bufferViews"][accessor["bufferView"]]
        strides = (view.get("byteStride") or kind.itemsize * width, kind.itemsize)
        data = self.own_view(accessor["bufferView"])
        values = np.ndarray((count, width), kind, data, accessor.get("byteOffset", 0), strides)
        return _floats(values, accessor.get("normalized", False))

    def add(self, values: np.ndarray) -> int:
        """A new accessor of float32 or uint32, which can be read again."""
        index = self.accessor(values)
        self.added[index] = values
        return index

    def changed(self, index: int, change: dict | None = None) -> int:
        """Accessor of the same values as float32, as texture coordinates moved by a KHR_texture_transform."""
        key = index, json.dumps(change, sort_keys=True)
        if key not in self.made:
            values = self.values(index)
            self.made[key] = self.add(_transformed(values, change) if change else values)
        return self.made[key]


def _floats(values: np.ndarray, normalised: bool) -> np.ndarray:
    """float32; normalised integers in [0, 1], signed ones in [-1, 1]."""
    if not normalised or values.dtype.kind == "f":
        return values.astype(np.float32)
    return np.maximum(values / np.float32(np.iinfo(values.dtype).max), -1)


def _simplify(primitive: dict, header: dict, store: _Store) -> None:
    """Give a primitive float positions, and in TEXCOORD_0 the coordinates that its base colour is looked up with."""
    attributes, accessors = primitive["attributes"], header["accessors"]
    texture = header["materials"][primitive["material"]]["pbrMetallicRoughness"].get("baseColorTexture", {})
    change = texture.get("extensions", {}).get(TRANSFORM, {})
    name = f"TEXCOORD_{change.get('texCoord', texture.get('texCoord', 0))}"
    change = {key: change[key] for key in ("offset", "rotation", "scale") if key in change}
    packed = primitive.get("extensions", {}).pop(DRACO, None)
    if packed:
        _unpack_draco(primitive, packed, store)
    position, uv = attributes["POSITION"], attributes.get(name)
    kept = {"POSITION": position} | {key: attributes[key] for key in ("COLOR_0",) if key in attributes}
    if accessors[position]["componentType"] != FLOAT:
        kept["POSITION"] = store.changed(position)
    if uv is not None:
        kept["TEXCOORD_0"] = store.changed(uv, change) if change or accessors[uv]["componentType"] != FLOAT else uv
    primitive["attributes"] = kept  # no normals: they are not used, and quantised ones would disturb the reader


def _transformed(uv: np.ndarray, change: dict) -> np.ndarray:
    """KHR_texture_transform: scale, then turn counter-clockwise (v points down), then shift.

    The turn is the specification's sentence and what three.js does; the specification's GLSL turns the other way.
    """
    c, s = cos(change.get("rotation", 0)), sin(change.get("rotation", 0))
    turned = (uv * change.get("scale", (1, 1))) @ np.array([[c, -s], [s, c]])
    return (turned + change.get("offset", (0, 0))).astype(np.float32)


def _unpack_draco(primitive: dict, packed: dict, store: _Store) -> None:
    """Replace a Draco blob by plain accessors.

    Raises:
        BadInput: DracoPy is not installed, or cannot read the blob.
    """
    try:
        import DracoPy
    except ImportError:
        raise BadInput("is compressed by Draco", fix="run: pip install DracoPy") from None
    try:
        decoded = DracoPy.decode(store.own_view(packed["bufferView"]))
    except Exception as error:
        raise BadInput(f"Draco data cannot be read ({type(error).__name__})", fix="export it without Draco") from None
    found = {one["unique_id"]: np.asarray(one["data"]) for one in decoded.attributes}
    for name, identity in packed["attributes"].items():
        values = found[identity].reshape(len(found[identity]), -1)
        accessor = store.header["accessors"][primitive["attributes"][name]]
        primitive["attributes"][name] = store.add(_floats(values, accessor.get("normalized", False)))
    primitive["indices"] = store.add(np.asarray(decoded.faces, np.uint32).reshape(-1, 1))
    primitive["mode"] = 4
