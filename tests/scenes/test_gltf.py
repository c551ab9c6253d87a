"""Foreign glTF: packed, moved and compressed data shows what its plain twin shows, or is refused by name."""

import json
import sys

import numpy as np
import pytest
import trimesh
from PIL import Image

from n2v.errors import BadInput
from n2v.scenes.glb import Z_FROM_Y_UP, pack, save_glb, unpack
from n2v.scenes.meshes import load_mesh
from n2v.scenes.objects import Part, SceneObject

POINTS = np.array([[0, 0, 0], [4, 0, 0], [0, 2, 0], [0, 0, 1.0]]) / 4
FACES = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1]])
TEXTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 4), np.uint8)
UV = np.array([[0.1, 0.2], [0.9, 0.3], [0.25, 0.75], [0.5, 1.0]])  # v downwards, as glTF has it


class Box:
    """A textured glb that a test changes before it is written."""

    def __init__(self, tmp_path):
        uv = (UV * (1, -1) + (0, 1)).astype(np.float32)[FACES]
        rgba = np.ones((3, 3, 4), np.float32)
        part = Part("a", POINTS, FACES, rgba, np.concatenate([TEXTURE[..., :3], TEXTURE[..., 3:] * 0 + 255], -1), uv)
        self.path = save_glb(SceneObject("thing", "table", (part,)), tmp_path / "a.glb")
        self.header, self.binary = unpack(self.path.read_bytes())
        self.primitive = self.header["meshes"][0]["primitives"][0]
        self.base = self.header["materials"][0]["pbrMetallicRoughness"]

    def values(self, name):
        accessor = self.header["accessors"][self.primitive["attributes"][name]]
        view = self.header["bufferViews"][accessor["bufferView"]]
        data = np.frombuffer(self.binary, np.float32, view["byteLength"] // 4, view["byteOffset"])
        return data.reshape(accessor["count"], -1)

    def put(self, name, values, **extra):
        """Another accessor for an attribute."""
        kinds = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "float32": 5126}
        width = values.shape[1] * values.itemsize
        stride = width + -width % 4
        data = np.zeros((len(values), stride), np.uint8)
        data[:, :width] = np.ascontiguousarray(values).view(np.uint8)
        self.header["bufferViews"].append(
            {"buffer": 0, "byteOffset": len(self.binary), "byteLength": data.size, "byteStride": stride}
        )
        self.binary += data.tobytes()
        self.header["accessors"].append(
            {
                "bufferView": len(self.header["bufferViews"]) - 1, "componentType": kinds[values.dtype.name],
                "count": len(values), "type": f"VEC{values.shape[1]}", **extra,
            }
        )  # fmt: skip
        self.primitive["attributes"][name] = len(self.header["accessors"]) - 1

    def write(self, *required):
        if required:
            self.header["extensionsUsed"] = self.header["extensionsRequired"] = list(required)
        self.header["buffers"][0]["byteLength"] = len(self.binary)
        self.path.write_bytes(pack(self.header, self.binary))
        return self.path


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def corners(path):
    """What shows: placed corners, their texture coordinates, the texture."""
    part = load_mesh(path).parts[0]
    return part.vertices[part.faces], part.corner_uv, part.texture


def same(path, wanted, atol):
    for one, other in zip(corners(path), wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=atol)


def test_quantised_coordinates_come_back(box):
    """KHR_mesh_quantization: read as they are, normalised integers make noise of the texture."""
    plain, points, uv = corners(box.path), box.values("POSITION"), box.values("TEXCOORD_0")
    box.put("POSITION", np.rint(points * 32767).astype(np.int16), normalized=True)
    box.put("TEXCOORD_0", np.rint(uv * 65535).astype(np.uint16), normalized=True)
    box.put("NORMAL", np.zeros((len(points), 3), np.int8), normalized=True)
    same(box.write("KHR_mesh_quantization"), plain, 1e-4)
    box.put("POSITION", np.rint(points * 200).astype(np.int16))
    same(box.write("KHR_mesh_quantization"), plain, 5e-3)


def test_a_texture_transform_moves_the_coordinates(box):
    """Scaled, then turned counter-clockwise as seen with v downwards, then shifted."""
    uv = box.values("TEXCOORD_0")
    change = {"offset": [0.1, -0.3], "rotation": np.pi / 2, "scale": [2.0, 0.5]}
    box.base["baseColorTexture"]["extensions"] = {"KHR_texture_transform": change}
    turned = np.stack([0.5 * uv[:, 1] + 0.1, -2.0 * uv[:, 0] - 0.3], 1)
    found = corners(box.write())[1]
    np.testing.assert_allclose(found.reshape(-1, 2), turned * (1, -1) + (0, 1), atol=1e-5)
    same(box.write("KHR_texture_transform"), corners(box.path), 0)


def faces_of(corners):
    """Middle and normal of each triangle (m, 2, 3), whichever corner it begins with, in a box of side 1."""
    corners = (corners - corners.min((0, 1))) / np.ptp(corners, (0, 1)).max()
    sides = corners[:, 1:] - corners[:, :1]
    return np.stack([corners.mean(1), np.cross(sides[:, 0], sides[:, 1])], 1)


@pytest.mark.parametrize("mode", [4, 5])
def test_nodes_and_strips_as_trimesh_reads_them(box, mode):
    """Nested turns, shifts and scales and a strip of triangles, against another reader; a mirror turns faces over."""
    matrix = [0.0, 1, 0, 0, -1, 0, 0, 0, 0, 0, 2, 0, 0.3, 0.2, 0.1, 1]
    moved = {"translation": [1, 2, 3], "rotation": [0.5, 0.5, -0.5, 0.5], "scale": [1, 2, -1]}
    box.header["nodes"] = [{"mesh": 0, "matrix": matrix}, {"children": [0], **moved}]
    box.header["scenes"], box.primitive["mode"] = [{"nodes": [1]}], mode
    scene = trimesh.load_scene(box.write(), process=False)
    transform, name = scene.graph[scene.graph.nodes_geometry[0]]
    mesh = scene.geometry[name]
    wanted = faces_of((trimesh.transform_points(mesh.vertices, transform) @ Z_FROM_Y_UP.T)[mesh.faces])
    found = faces_of(corners(box.path)[0])
    np.testing.assert_allclose(found[:, 0], wanted[:, 0], atol=1e-6)
    np.testing.assert_allclose(found[:, 1], -wanted[:, 1], atol=1e-6)


def test_other_sets_of_coordinates(box):
    plain, uv = corners(box.path), box.values("TEXCOORD_0")
    box.put("TEXCOORD_1", uv.copy())
    box.put("TEXCOORD_0", np.zeros_like(uv))
    assert np.ptp(corners(box.write())[1].reshape(-1, 2), 0).max() == 0
    box.base["baseColorTexture"]["texCoord"] = 1
    same(box.write(), plain, 0)
    change = {"texCoord": 0}
    box.base["baseColorTexture"]["extensions"] = {"KHR_texture_transform": change}
    assert np.ptp(corners(box.write())[1].reshape(-1, 2), 0).max() == 0


def test_draco(box, monkeypatch):
    draco = pytest.importorskip("DracoPy")
    plain, primitive = corners(box.path), box.primitive
    faces = np.arange(9, dtype=np.uint32).reshape(-1, 3)
    blob = draco.encode(
        box.values("POSITION"), faces, tex_coord=box.values("TEXCOORD_0").astype(float), preserve_order=True,
        quantization_bits=16,
    )  # fmt: skip
    ids = [one["unique_id"] for one in sorted(draco.decode(blob).attributes, key=lambda one: -one["num_components"])]
    for key in [*primitive["attributes"].values(), primitive["indices"]]:
        del box.header["accessors"][key]["bufferView"]
    box.header["bufferViews"].append({"buffer": 0, "byteOffset": len(box.binary), "byteLength": len(blob)})
    box.binary += blob
    names = dict(zip(("POSITION", "TEXCOORD_0"), ids, strict=True))
    view = len(box.header["bufferViews"]) - 1
    primitive["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": view, "attributes": names}}
    same(box.write("KHR_draco_mesh_compression"), plain, 1e-3)
    box.base["baseColorTexture"]["extensions"] = {"KHR_texture_transform": {"offset": [0.5, 0]}}
    same(box.write("KHR_draco_mesh_compression"), (plain[0], plain[1] + np.float32([0.5, 0]), plain[2]), 1e-3)
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    with pytest.raises(BadInput, match=r"compressed by Draco; run: pip install DracoPy"):
        load_mesh(box.path)


def test_a_basis_texture_is_refused_unless_a_picture_stands_beside_it(box):
    texture, plain = box.header["textures"][0], corners(box.path)
    box.header["images"].append({"mimeType": "image/ktx2", "bufferView": 0})
    texture["extensions"] = {"KHR_texture_basisu": {"source": 1}}
    same(box.write(), plain, 0)
    del texture["source"]
    with pytest.raises(BadInput, match="Basis Universal texture"):
        load_mesh(box.write("KHR_texture_basisu"))


REFUSED = {
    "EXT_mesh_gpu_instancing": "requires EXT_mesh_gpu_instancing",
    "KHR_materials_transmission": "requires KHR_materials_transmission",
    "EXT_meshopt_compression": "compressed by meshopt",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_required_and_not_read_is_refused_by_name(box, name):
    load_mesh(box.write())
    with pytest.raises(BadInput, match=REFUSED[name]) as error:
        load_mesh(box.write(name))
    assert error.value.fix and "a.glb" in str(error.value)


def test_extensions_that_are_only_used_change_nothing(box):
    plain = corners(box.path)
    box.header["extensionsUsed"] = ["KHR_materials_clearcoat", "KHR_lights_punctual"]
    same(box.write(), plain, 0)


def test_gltf_1_is_refused_in_words(box):
    data = box.path.read_bytes()
    box.path.write_bytes(data[:4] + (1).to_bytes(4, "little") + data[8:])
    with pytest.raises(BadInput, match=r"is glTF 1.0; convert it to glTF 2.0"):
        load_mesh(box.path)
    old = box.path.with_suffix(".gltf")
    old.write_text(json.dumps({"asset": {"version": "1.0"}, "meshes": {"a": {}}}))
    with pytest.raises(BadInput, match=r"is glTF 1.0"):
        load_mesh(old)


def test_sparse_accessors_are_refused(box):
    box.header["accessors"][0]["sparse"] = {"count": 1}
    with pytest.raises(BadInput, match="sparse"):
        load_mesh(box.write())


def test_names_in_percent_code_and_several_buffers(box, tmp_path):
    plain = corners(box.path)
    image = box.header["images"][0]
    view = box.header["bufferViews"][image.pop("bufferView")]
    (tmp_path / "my picture.png").write_bytes(box.binary[view["byteOffset"] :][: view["byteLength"]])
    image["uri"] = "my%20picture.png"
    (tmp_path / "the buffer.bin").write_bytes(box.binary)
    (tmp_path / "two.bin").write_bytes(box.binary)
    box.header["buffers"] = [
        {"uri": "the%20buffer.bin", "byteLength": len(box.binary)},
        {"uri": "two.bin", "byteLength": len(box.binary)},
    ]
    box.header["bufferViews"][-1]["buffer"] = 1
    path = tmp_path / "a.gltf"
    path.write_text(json.dumps(box.header))
    same(path, plain, 0)
    image["uri"] = "%2e%2e/my%20picture.png"
    path.write_text(json.dumps(box.header))
    with pytest.raises(BadInput, match="outside its folder"):
        load_mesh(path)


def test_a_lost_picture_is_noted(box, tmp_path):
    image = box.header["images"][0]
    del image["bufferView"]
    for uri, reason in (("gone.png", "is missing"), ("odd.png", "is no picture")):
        image["uri"] = uri
        (tmp_path / "odd.png").write_bytes(b"something else")
        notes = []
        load_mesh(box.write(), notes=notes)
        assert len(notes) == 1 and uri in notes[0] and reason in notes[0]
        with pytest.warns(UserWarning, match=reason):
            load_mesh(box.path)
    Image.new("RGB", (8, 8)).save(tmp_path / "odd.png")
    notes = []
    load_mesh(box.path, notes=notes)
    assert not notes
