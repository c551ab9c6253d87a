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
    """JSON header and binary chunk of a .glb; ValueError when they are not there whole."""
    if len(data) < 20:
        raise ValueError("shorter than a glb header")
    magic, version, length, json_length, kind = struct.unpack("<5I", data[:20])
    if magic != MAGIC or version != 2 or kind != JSON_CHUNK:
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


class Growing:
    """A glTF header with one binary, to which views, accessors and other entries are added."""

    def __init__(self, header: dict) -> None:
        self.header, self.chunks, self.size = header, [], 0

    def append(self, data: bytes) -> int:
        """Where data starts in the binary, at a multiple of four."""
        start = self.size
        self.chunks.append(data + b"\0" * (-len(data) % 4))
        self.size += len(self.chunks[-1])
        return start

    def entry(self, key: str, value: dict) -> int:
        """Number of a new entry of a list in the header."""
        self.header.setdefault(key, []).append(value)
        return len(self.header[key]) - 1

    def view(self, data: bytes) -> int:
        """A new buffer view."""
        return self.entry("bufferViews", {"buffer": 0, "byteOffset": self.append(data), "byteLength": len(data)})

    def accessor(self, values: np.ndarray, **extra: object) -> int:
        """A new accessor of (n, width) float32 or uint32."""
        component = 5125 if values.dtype == np.uint32 else 5126
        kind = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}[values.shape[1]]
        record = {"bufferView": self.view(values.tobytes()), "componentType": component, "type": kind}
        return self.entry("accessors", {**record, "count": len(values), **extra})

    def joined(self) -> bytes:
        """The one binary, which the header now describes."""
        self.chunks = [b"".join(self.chunks)]
        self.header["buffers"] = [{"byteLength": self.size}]
        return self.chunks[0]


def save_glb(obj: SceneObject, path: Path) -> Path:
    """Write an object as y-up binary glTF; `load_mesh` gives back its colours and part names."""
    keys = ("bufferViews", "accessors", "materials", "meshes", "nodes", "images", "textures")
    header = {"asset": {"version": "2.0", "generator": "n2v"}, "scene": 0, **{key: [] for key in keys}}
    file = Growing(header)
    for part in obj.parts:
        if len(part.faces):
            _add(file, part)
    for key in keys:
        if not header[key]:
            del header[key]
    header["scenes"] = [{"nodes": list(range(len(header["nodes"])))}]
    write_bytes(Path(path), pack(header, file.joined()))
    return Path(path)


def _add(file: Growing, part: Part) -> None:
    """One part as a mesh of its own; corners are kept apart only where colours or texture need it."""
    colours = part.corner_rgba.reshape(-1, 4).astype(np.float32)
    linear = np.concatenate([srgb_to_linear(colours[:, :3]), colours[:, 3:]], 1)
    plain = bool((colours == colours[0]).all())
    points, indices, attributes = part.vertices, part.faces.ravel(), {}
    if not plain or part.texture is not None:
        points, indices = points[indices], np.arange(len(indices))
    if not plain:
        attributes["COLOR_0"] = file.accessor(linear)
    if part.texture is not None:
        uv = part.corner_uv.reshape(-1, 2) * (1, -1) + (0, 1)
        attributes["TEXCOORD_0"] = file.accessor(uv.astype(np.float32))
    points = (points @ Z_FROM_Y_UP).astype(np.float32)
    attributes["POSITION"] = file.accessor(points, min=points.min(0).tolist(), max=points.max(0).tolist())
    primitive = {
        "attributes": attributes,
        "indices": file.accessor(indices.astype(np.uint32)[:, None]),
        "material": _material(file, part, linear[0] if plain else np.ones(4)),
    }
    mesh = file.entry("meshes", {"name": part.name, "primitives": [primitive]})
    file.entry("nodes", {"name": part.name, "mesh": mesh})


def _material(file: Growing, part: Part, factor: np.ndarray) -> int:
    base: dict = {"baseColorFactor": factor.tolist(), "metallicFactor": 0.0, "roughnessFactor": 1.0}
    clear = part.corner_rgba[..., 3].min() < 1
    if part.texture is not None:
        image = file.entry("images", {"bufferView": file.view(png_bytes(part.texture)), "mimeType": "image/png"})
        base["baseColorTexture"] = {"index": file.entry("textures", {"source": image})}
        clear = clear or part.texture[..., 3].min() < 255
    mode = {"alphaMode": "MASK", "alphaCutoff": 0.5} if clear else {}
    return file.entry("materials", {"name": part.name, "pbrMetallicRoughness": base, "doubleSided": True, **mode})
