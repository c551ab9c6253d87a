"""Binary glTF: the container, and writing an object.

glTF is y-up and keeps factors and vertex colours as linear light; the project is z-up and keeps sRGB.
"""

import json
import struct
from pathlib import Path

import numpy as np

from n2v.files import write_bytes
from n2v.scenes.objects import Part, SceneObject
from n2v.scenes.raycast import srgb_to_linear
from n2v.scenes.views import png_bytes

MAGIC, JSON_CHUNK, BIN_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
Z_FROM_Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # (x, y, z) y-up -> (x, -z, y) z-up
NEUTRAL_GREY = 0.6  # sRGB, for what has no colour at all
GLB_1 = struct.pack("<2I", MAGIC, 1)  # begins a binary glTF 1.0


def unpack(data: bytes) -> tuple[dict, bytes]:
    """JSON header and binary chunk of a .glb; ValueError or struct.error when they are not there whole."""
    magic, version, length, json_length, kind = struct.unpack("<5I", data[:20])
    if (magic, version, kind) != (MAGIC, 2, JSON_CHUNK):
        raise ValueError("not a version 2 glb")
    if length > len(data) or 20 + json_length > length:
        raise ValueError(f"{len(data)} bytes of {length}")
    rest = data[20 + json_length : length]
    return json.loads(data[20 : 20 + json_length]), rest[8 : 8 + struct.unpack("<I", rest[:4])[0]] if rest else b""


def pack(header: dict, binary: bytes) -> bytes:
    """A .glb from its JSON header and binary chunk."""
    text = json.dumps(header, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<2I", len(text), JSON_CHUNK) + text
    if binary:
        binary += b"\0" * (-len(binary) % 4)
        chunks += struct.pack("<2I", len(binary), BIN_CHUNK) + binary
    return struct.pack("<3I", MAGIC, 2, 12 + len(chunks)) + chunks


def save_glb(obj: SceneObject, path: Path) -> Path:
    """Write an object as y-up binary glTF; `load_mesh` gives back its colours and part names."""
    file = _File()
    for part in obj.parts:
        if len(part.faces):
            file.add(part)
    file.header["scenes"] = [{"nodes": list(range(len(file.header["nodes"])))}]
    file.header["buffers"] = [{"byteLength": len(file.binary)}]
    write_bytes(Path(path), pack(file.header, bytes(file.binary)))
    return Path(path)


class _File:
    """A glTF header with one binary, to which parts are added."""

    def __init__(self) -> None:
        self.header: dict = {"asset": {"version": "2.0", "generator": "n2v"}, "scene": 0}
        self.binary = bytearray()

    def add(self, part: Part) -> None:
        """One part as a mesh of its own; corners are kept apart only where colours or texture need it."""
        colours = part.corner_rgba.reshape(-1, 4).astype(np.float32)
        linear = np.concatenate([srgb_to_linear(colours[:, :3]), colours[:, 3:]], 1)
        plain = bool((colours == colours[0]).all())
        points, indices, attributes = part.vertices, part.faces.ravel(), {}
        if not plain or part.texture is not None:
            points, indices = points[indices], np.arange(len(indices))
        if not plain:
            attributes["COLOR_0"] = self._accessor(linear)
        if part.texture is not None:
            uv = part.corner_uv.reshape(-1, 2) * (1, -1) + (0, 1)
            attributes["TEXCOORD_0"] = self._accessor(uv.astype(np.float32))
        points = (points @ Z_FROM_Y_UP).astype(np.float32)
        attributes["POSITION"] = self._accessor(points, min=points.min(0).tolist(), max=points.max(0).tolist())
        primitive = {
            "attributes": attributes,
            "indices": self._accessor(indices.astype(np.uint32)[:, None]),
            "material": self._material(part, linear[0] if plain else np.ones(4)),
        }
        mesh = self._entry("meshes", {"name": part.name, "primitives": [primitive]})
        self._entry("nodes", {"name": part.name, "mesh": mesh})

    def _material(self, part: Part, factor: np.ndarray) -> int:
        base: dict = {"baseColorFactor": factor.tolist(), "metallicFactor": 0.0, "roughnessFactor": 1.0}
        clear = part.corner_rgba[..., 3].min() < 1
        if part.texture is not None:
            image = self._entry("images", {"bufferView": self._view(png_bytes(part.texture)), "mimeType": "image/png"})
            base["baseColorTexture"] = {"index": self._entry("textures", {"source": image})}
            clear = clear or part.texture[..., 3].min() < 255
        mode = {"alphaMode": "MASK", "alphaCutoff": 0.5} if clear else {}
        return self._entry("materials", {"name": part.name, "pbrMetallicRoughness": base, "doubleSided": True, **mode})

    def _entry(self, key: str, value: dict) -> int:
        """Number of a new entry of a list in the header."""
        self.header.setdefault(key, []).append(value)
        return len(self.header[key]) - 1

    def _view(self, data: bytes) -> int:
        """A new buffer view, at a multiple of four."""
        start = len(self.binary)
        self.binary += data + b"\0" * (-len(data) % 4)
        return self._entry("bufferViews", {"buffer": 0, "byteOffset": start, "byteLength": len(data)})

    def _accessor(self, values: np.ndarray, **extra: object) -> int:
        """A new accessor of (n, width) float32 or uint32."""
        width, component = values.shape[1], 5125 if values.dtype == np.uint32 else 5126
        record = {"bufferView": self._view(values.tobytes()), "componentType": component}
        kind = "SCALAR" if width == 1 else f"VEC{width}"
        return self._entry("accessors", {**record, "type": kind, "count": len(values), **extra})
