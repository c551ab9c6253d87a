"""Mesh files: colours against known values in every format, round trips, refusals."""

import json
import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from n2v.errors import BadInput
from n2v.scenes.glb import pack, save_glb, unpack
from n2v.scenes.meshes import load_mesh
from n2v.scenes.objects import RADIUS, Part, SceneObject

REAL = Path(os.environ.get("N2V_MESHES") or "no folder")
COLOURS = np.array([[20, 4, 200, 255], [250, 128, 3, 255], [60, 60, 61, 255]])


def box(colour=(10, 200, 30, 255)):
    mesh = trimesh.creation.box((1, 2, 3))
    mesh.visual.face_colors = colour
    return mesh


def srgb255(part):
    return np.rint(255 * part.corner_rgba[..., :3]).astype(int)


def plain_part(name, rgb, shift=0.0):
    mesh = trimesh.creation.box((1, 2, 3))
    rgba = np.broadcast_to(np.float32((*np.array(rgb) / 255, 1)), (12, 3, 4))
    return Part(name, np.array(mesh.vertices) + shift, np.array(mesh.faces), rgba)


def object_of(*parts):
    return SceneObject("thing", "table", parts).placed()


def test_glb_round_trip_keeps_dark_and_bright_colours_names_and_shape(tmp_path):
    before = object_of(*[plain_part(f"leg_{i}", rgb[:3], 4.0 * i) for i, rgb in enumerate(COLOURS)])
    after = load_mesh(save_glb(before, tmp_path / "a.glb"), "table")
    assert [part.name for part in after.parts] == ["leg_0", "leg_1", "leg_2"]
    for old, new in zip(before.parts, after.parts, strict=True):
        np.testing.assert_array_equal(srgb255(new), srgb255(old))
        np.testing.assert_allclose(new.vertices[new.faces], old.vertices[old.faces], atol=1e-6)


def test_glb_round_trip_of_corner_colours_and_texture(tmp_path):
    rng = np.random.default_rng(0)
    part = plain_part("painted", (1, 1, 1))
    corners = rng.integers(0, 256, (12, 3, 4)).astype(np.float32) / 255
    corners[..., 3] = 1
    texture = rng.integers(0, 256, (64, 96, 4), np.uint8)
    uv = rng.uniform(-1, 2, (12, 3, 2)).astype(np.float32)
    before = object_of(
        Part("painted", part.vertices, part.faces, corners),
        Part("papered", part.vertices + 3, part.faces, part.corner_rgba * 0 + 1, texture, uv),
    )
    painted, papered = load_mesh(save_glb(before, tmp_path / "a.glb")).parts
    np.testing.assert_array_equal(srgb255(painted), np.rint(255 * corners[..., :3]))
    np.testing.assert_array_equal(papered.texture, texture)
    np.testing.assert_allclose(papered.corner_uv, uv, atol=1e-6)


def test_gltf_factor_is_linear_light(tmp_path):
    save_glb(object_of(plain_part("a", (128, 55, 13))), tmp_path / "a.glb")
    header, _ = unpack((tmp_path / "a.glb").read_bytes())
    factor = header["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"]
    np.testing.assert_allclose(factor[:3], [0.215861, 0.038204, 0.004025], atol=1e-6)


def test_ply_colours_of_faces_and_vertices_are_srgb(tmp_path):
    box().export(tmp_path / "a.ply")
    part = load_mesh(tmp_path / "a.ply").parts[0]
    assert (srgb255(part) == (10, 200, 30)).all() and (part.corner_rgba[..., 3] == 1).all()
    mesh = trimesh.creation.box()
    mesh.visual.vertex_colors = np.tile(COLOURS[1], (8, 1))
    mesh.export(tmp_path / "b.ply")
    assert (srgb255(load_mesh(tmp_path / "b.ply").parts[0]) == COLOURS[1, :3]).all()


def test_off_is_read(tmp_path):
    (tmp_path / "a.off").write_text("OFF\n4 2 0\n0 0 0\n1 0 0\n0 2 0\n0 0 3\n3 0 1 2\n3 0 2 3\n")
    obj = load_mesh(tmp_path / "a.off")
    assert len(obj.parts[0].faces) == 2
    size = np.diff(obj.bounds(), axis=0)[0]
    np.testing.assert_allclose(size / size[0], [1, 2, 3], rtol=1e-6)


def test_stl_is_neutral_grey_and_z_up(tmp_path):
    box().export(tmp_path / "a.stl")
    obj = load_mesh(tmp_path / "a.stl")
    assert (srgb255(obj.parts[0]) == 153).all()
    size = np.diff(obj.bounds(), axis=0)[0]
    np.testing.assert_allclose(size / size[0], [1, 2, 3], rtol=1e-5)
    assert np.linalg.norm(size) / 2 == pytest.approx(RADIUS)


OBJ = (
    "mtllib {mtl}\nv 0 0 0\nv 1 0 0\nv 0 2 0\nv 0 0 3\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl m\nf 1/1 2/2 3/3\nf 1/1 3/2 4/3\n"
)


def test_obj_colours_are_srgb_and_y_is_up(tmp_path):
    (tmp_path / "a.obj").write_text(OBJ.format(mtl="a.mtl"))
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 0.5 0.25 1.0\n")
    obj = load_mesh(tmp_path / "a.obj")
    np.testing.assert_allclose(obj.parts[0].corner_rgba[0, 0, :3], [0.5, 0.25, 1.0], atol=3e-3)
    size = np.diff(obj.bounds(), axis=0)[0]
    np.testing.assert_allclose(size / size[0], [1, 3, 2], rtol=1e-5)
    size = np.diff(load_mesh(tmp_path / "a.obj", up="z").bounds(), axis=0)[0]
    np.testing.assert_allclose(size / size[0], [1, 2, 3], rtol=1e-5)


def test_obj_texture_beside_the_mesh_is_read(tmp_path):
    (tmp_path / "a.obj").write_text(OBJ.format(mtl="a.mtl"))
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 0 0 0\nmap_Kd t.png\n")
    Image.new("RGB", (64, 64), (9, 99, 199)).save(tmp_path / "t.png")
    part = load_mesh(tmp_path / "a.obj").parts[0]
    assert (part.texture == (9, 99, 199, 255)).all() and (part.corner_rgba == 1).all()


def test_a_material_path_as_windows_writes_it(tmp_path):
    (tmp_path / "a.obj").write_text(OBJ.format(mtl="a.mtl"))
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 1 1 1\nmap_Kd .\\sub\\t.png\n")
    (tmp_path / "sub").mkdir()
    Image.new("RGB", (64, 64), (9, 99, 199)).save(tmp_path / "sub" / "t.png")
    assert (load_mesh(tmp_path / "a.obj").parts[0].texture == (9, 99, 199, 255)).all()
    (tmp_path / "a.mtl").write_text("newmtl m\nmap_Kd ..\\t.png\n")
    with pytest.raises(BadInput, match="outside its folder"):
        load_mesh(tmp_path / "a.obj")


def test_texture_coordinates_without_a_material_are_neutral_grey_or_the_vertices_colours(tmp_path):
    """The reader's placeholder for a missing material, multiplied with itself, is nearly black (41)."""
    (tmp_path / "a.obj").write_text(OBJ.replace("mtllib {mtl}\n", "").replace("usemtl m\n", ""))
    part = load_mesh(tmp_path / "a.obj").parts[0]
    assert part.texture is None and (srgb255(part) == 153).all()
    coloured = OBJ.replace("mtllib {mtl}\n", "").replace("0\nv", "0 1 0.5 0\nv").replace("0 0 3\n", "0 0 3 1 0.5 0\n")
    (tmp_path / "b.obj").write_text(coloured.replace("usemtl m\n", ""))
    assert (np.abs(srgb255(load_mesh(tmp_path / "b.obj").parts[0]) - (255, 127, 0)) <= 1).all()
    (tmp_path / "c.obj").write_text(OBJ.format(mtl="c.mtl"))
    (tmp_path / "c.mtl").write_text("newmtl m\nKs 0 0 0\nmap_Kd t.png\n")
    Image.new("RGB", (64, 64), (9, 99, 199)).save(tmp_path / "t.png")
    assert (load_mesh(tmp_path / "c.obj").parts[0].corner_rgba == 1).all()  # no Kd: the picture as it is


PLY = """ply
format ascii 1.0
comment TextureFile t.png
element vertex 4
property float x
property float y
property float z
property float s
property float t
element face 2
property list uchar int vertex_indices
end_header
0 0 0 0 0
1 0 0 1 0
0 2 0 0 1
0 0 3 1 1
3 0 1 2
3 0 2 3
"""


def test_ply_with_a_texture_file(tmp_path):
    (tmp_path / "a.ply").write_text(PLY)
    Image.new("RGB", (64, 64), (9, 99, 199)).save(tmp_path / "t.png")
    part = load_mesh(tmp_path / "a.ply").parts[0]
    assert (part.texture == (9, 99, 199, 255)).all() and (part.corner_rgba == 1).all()
    np.testing.assert_allclose(part.corner_uv[0], [[0, 0], [1, 0], [0, 1]])
    (tmp_path / "t.png").unlink()
    with pytest.warns(UserWarning, match=r"t\.png' is missing"):
        assert (srgb255(load_mesh(tmp_path / "a.ply").parts[0]) == 153).all()


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "sub/../../secret.png"])
def test_files_outside_the_folder_are_never_read(tmp_path, name):
    inner = tmp_path / "inner"
    inner.mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    (tmp_path / "secret.mtl").write_text("newmtl m\nKd 1 0 0\n")
    (inner / "a.obj").write_text(OBJ.format(mtl="a.mtl"))
    (inner / "a.mtl").write_text(f"newmtl m\nmap_Kd {name}\n")
    with pytest.raises(BadInput, match="outside its folder"):
        load_mesh(inner / "a.obj")
    (inner / "b.obj").write_text(OBJ.format(mtl="../secret.mtl"))
    with pytest.raises(BadInput, match="outside its folder"):
        load_mesh(inner / "b.obj")


def test_gltf_buffer_beside_it_is_read_and_one_outside_the_folder_refused(tmp_path):
    header, binary = unpack(save_glb(object_of(plain_part("a", (9, 8, 7))), tmp_path / "t.glb").read_bytes())
    (tmp_path / "a.bin").write_bytes(binary)
    for uri in ("a.bin", "../../etc/passwd"):
        header["buffers"] = [{"uri": uri, "byteLength": len(binary)}]
        (tmp_path / "a.gltf").write_text(json.dumps(header))
        if uri == "a.bin":
            assert (srgb255(load_mesh(tmp_path / "a.gltf").parts[0]) == (9, 8, 7)).all()
    with pytest.raises(BadInput, match="outside its folder"):
        load_mesh(tmp_path / "a.gltf")


def test_alpha_counts_only_where_the_material_says_so(tmp_path):
    part = plain_part("a", (255, 255, 255))
    clear = Part("a", part.vertices, part.faces, part.corner_rgba * np.float32([1, 1, 1, 0.25]))
    path = save_glb(object_of(clear), tmp_path / "a.glb")
    assert load_mesh(path).parts[0].corner_rgba[..., 3].max() < 0.3
    header, binary = unpack(path.read_bytes())
    del header["materials"][0]["alphaMode"]
    path.write_bytes(pack(header, binary))
    assert (load_mesh(path).parts[0].corner_rgba[..., 3] == 1).all()


def test_scene_transforms_and_instances_apply(tmp_path):
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box((1, 1, 1)), geom_name="cube", node_name="low")
    scene.graph.update("high", matrix=trimesh.transformations.translation_matrix((0, 9, 0)), geometry="cube")
    scene.export(tmp_path / "a.glb")
    obj = load_mesh(tmp_path / "a.glb")
    size = np.diff(obj.bounds(), axis=0)[0]
    assert len(obj.parts) == 2 and len({part.name for part in obj.parts}) == 2
    np.testing.assert_allclose(size / size[0], [1, 1, 10], rtol=1e-5)


def test_small_textures_keep_their_texels(tmp_path):
    part = plain_part("a", (255, 255, 255))
    texture = np.random.default_rng(0).integers(0, 256, (4, 2, 4), np.uint8)
    texture[..., 3] = 255
    uv = np.zeros((12, 3, 2), np.float32)
    small = Part("a", part.vertices, part.faces, part.corner_rgba, texture, uv)
    read = load_mesh(save_glb(object_of(small), tmp_path / "a.glb")).parts[0].texture
    np.testing.assert_array_equal(read, texture.repeat(8, 0).repeat(8, 1))


def stl(vertices, faces):
    buffer = BytesIO()
    trimesh.Trimesh(vertices, faces, process=False).export(buffer, file_type="stl")
    return buffer.getvalue()


def good_glb(tmp_path):
    return save_glb(object_of(plain_part("a", (9, 8, 7))), tmp_path / "good.glb").read_bytes()


def absurd_glb(tmp_path):
    header, binary = unpack(good_glb(tmp_path))
    header["accessors"][0]["count"] = 10**12
    return pack(header, binary)


def torn_texture(tmp_path):
    part = plain_part("a", (255, 255, 255))
    texture = np.random.default_rng(0).integers(0, 256, (64, 64, 4), np.uint8)
    papered = Part("a", part.vertices, part.faces, part.corner_rgba, texture, np.zeros((12, 3, 2), np.float32))
    data = save_glb(object_of(papered), tmp_path / "papered.glb").read_bytes()
    at = data.index(b"IDAT") + 100
    return data[:at] + b"\xff" * 2000 + data[at + 2000 :]


TRIANGLE = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
BROKEN = {
    "empty file.stl": (lambda t: b"", "file is empty"),
    "unknown.fbx": (lambda t: b"x", "'.fbx' is not a mesh format"),
    "text.glb": (lambda t: b"this is no mesh at all, only words", "cannot be read"),
    "cut.glb": (lambda t: good_glb(t)[:400], "cannot be read"),
    "cut header.glb": (lambda t: good_glb(t)[:30], "cannot be read"),
    "absurd count.glb": (absurd_glb, "promises 1000000000000"),
    "torn texture.glb": (torn_texture, "cannot be read"),
    "words.gltf": (lambda t: b"{", "cannot be read"),
    "no faces.obj": (lambda t: b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "no faces"),
    "words.obj": (lambda t: b"hello\n", "no faces"),
    "bad index.obj": (lambda t: b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "cannot be read"),
    "NaN.stl": (lambda t: stl(TRIANGLE * np.nan, [[0, 1, 2]]), "NaN"),
    "a point.stl": (lambda t: stl(TRIANGLE * 0, [[0, 1, 2]]), "no extent"),
    "huge.stl": (lambda t: stl(TRIANGLE * 1e12, [[0, 1, 2]]), "coordinates up to 1e+12"),
    "cut.ply": (lambda t: box().export(file_type="ply")[:300], "cannot be read"),
    "points.ply": (lambda t: trimesh.PointCloud(TRIANGLE).export(file_type="ply"), "no faces"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_in_one_line(tmp_path, name):
    make, message = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(make(tmp_path))
    with pytest.raises(BadInput) as error:
        load_mesh(path)
    text = str(error.value)
    assert message in text and name in text and "\n" not in text and error.value.fix


def test_missing_file_and_unknown_axis(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        load_mesh(tmp_path / "none.glb")
    with pytest.raises(BadInput, match="unknown up axis"):
        load_mesh(tmp_path / "none.glb", up="x")


@pytest.mark.parametrize(
    ("file", "low", "high"),
    [
        ("chair/quaternius-showcase__hi_Chair_1.glb", (60, 50, 40), (120, 110, 90)),
        ("sofa/kenney-furniture__loungeSofa.glb", (200, 100, 60), (255, 200, 160)),
    ],
)
def test_real_meshes_have_plausible_colours_and_fit_the_box(file, low, high):
    if not REAL.is_dir():
        pytest.skip("N2V_MESHES names no folder of real meshes")
    obj = load_mesh(REAL / file)
    mean = np.mean([part.corner_rgba[..., :3].mean((0, 1)) for part in obj.parts], 0) * 255
    assert (mean >= low).all() and (mean <= high).all(), mean
    assert np.abs(obj.bounds()).max() <= RADIUS
