"""Pictures of an object by ray casting (embree): RGBA, straight alpha, shading fixed in the world.

Every ray carries linear light; sRGB only at the pixel. The shading is two-sided Lambert: ambient light, a sky
brighter above than below, and one key light. It never depends on the camera, so a field without view
directions (thesis 3.3) can fit it.
"""

from dataclasses import dataclass
from math import tan

import numpy as np
from jaxtyping import Float, UInt8

from n2v.errors import BadInput
from n2v.scenes.cameras import CAMERA_ANGLE_X
from n2v.scenes.objects import SceneObject

AMBIENT, SKY, KEY = 0.30, 0.25, 0.45  # linear light; their sum 1 keeps a white surface at most white
KEY_DIRECTION = np.array([0.48, -0.60, 0.64])  # unit vector towards the light
OPAQUE_FROM = 0.5  # texels below this alpha let the ray pass
MAX_LAYERS = 8  # surfaces one ray may pass through
RAYS_AT_ONCE = 1_000_000
RAY_OFFSET = 1e-4  # scene units, to leave a surface the ray passes through


def srgb_to_linear(srgb: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1 decoding, values in [0, 1]."""
    srgb = np.asarray(srgb)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_to_srgb(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1 encoding, values in [0, 1]."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def shade(normals: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
    """Linear light reflected by a white surface with these unit normals, in [0.3, 1]."""
    sky = 0.5 + 0.5 * normals[:, 2]
    key = np.maximum(normals @ KEY_DIRECTION.astype(normals.dtype), 0)
    return AMBIENT + SKY * sky + KEY * key


def pixel_rays(
    c2w: Float[np.ndarray, "n 4 4"],
    size_px: int,
    camera_angle_x: float = CAMERA_ANGLE_X,
    supersample: int = 1,
) -> tuple[Float[np.ndarray, "n h w 3"], Float[np.ndarray, "n h w 3"]]:
    """Origins and unit directions (n, h, w, 3) of the rays through pixel centres at +0.5 (NUMERICS 4).

    With supersample s, h = w = s * size_px: the centres of an s by s grid in each pixel.
    """
    c2w = np.asarray(c2w, np.float32)
    side = size_px * supersample
    focal = 0.5 * size_px / tan(camera_angle_x / 2)
    across = ((np.arange(side) + 0.5) / supersample - size_px / 2) / focal
    x, y = np.meshgrid(across, -across)
    local = np.stack([x, y, -np.ones_like(x)], -1)
    local /= np.linalg.norm(local, axis=-1, keepdims=True)
    directions = np.einsum("nij,hwj->nhwi", c2w[:, :3, :3], local.astype(np.float32), optimize=True)
    origins = np.broadcast_to(c2w[:, None, None, :3, 3], directions.shape)
    return origins, directions


@dataclass(frozen=True)
class _Soup:
    """All triangles of an object, with what a hit needs to find its colour."""

    normals: np.ndarray  # (f, 3) float32 unit
    corner_rgba: np.ndarray  # (f, 3, 4) float32, linear rgb
    corner_uv: np.ndarray  # (f, 3, 2) float32
    texture_of: np.ndarray  # (f,) number of the part, whose texture it has
    textures: dict[int, np.ndarray]  # (h, w, 4) float32, linear rgb
    scene: object  # embree

    @property
    def see_through(self) -> bool:
        alphas = [self.corner_rgba[..., 3], *(texture[..., 3] for texture in self.textures.values())]
        return any(bool(alpha.min() < OPAQUE_FROM) for alpha in alphas)


def _soup(obj: SceneObject) -> _Soup:
    """Gather the parts; triangles without area are dropped."""
    triangles, colours, uvs, texture_of, textures = [], [], [], [], {}
    for number, part in enumerate(obj.parts):
        corners = part.vertices[part.faces]
        good = np.linalg.norm(_normals(corners), axis=1) > 1e-14
        textured = part.texture is not None and part.corner_uv is not None
        triangles.append(corners[good])
        colours.append(part.corner_rgba[good].astype(np.float32))
        uvs.append(part.corner_uv[good] if textured else np.zeros((good.sum(), 3, 2)))
        texture_of.append(np.full(good.sum(), number))
        if textured:
            textures[number] = srgb_to_linear(np.arange(256) / 255)[part.texture]
            textures[number][..., 3] = part.texture[..., 3] / 255
    soup, corner_rgba = np.concatenate(triangles), np.concatenate(colours)
    if not len(soup) or not np.isfinite(soup).all():
        raise BadInput("no triangle with area, or NaN vertices", where=obj.object_id, fix="repair the mesh")
    normals = _normals(soup)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    corner_rgba[..., :3] = srgb_to_linear(corner_rgba[..., :3])
    corner_uv, texture_of = np.concatenate(uvs).astype(np.float32), np.concatenate(texture_of)
    return _Soup(normals.astype(np.float32), corner_rgba, corner_uv, texture_of, textures, _embree_scene(soup))


def _normals(triangles: np.ndarray) -> np.ndarray:
    """(f, 3) normals of (f, 3, 3) triangles, as long as twice their area."""
    return np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])


def _embree_scene(triangles: np.ndarray) -> object:
    """Embree scene of (f, 3, 3) triangles."""
    try:
        from embreex import rtcore_scene
        from embreex.mesh_construction import TriangleMesh
    except ImportError:
        fix = "run: pip install embreex (x86-64 Linux and Windows, macOS)"
        raise BadInput("rendering needs embreex, which is not installed", fix=fix) from None
    scene = rtcore_scene.EmbreeScene()
    indices = np.arange(3 * len(triangles), dtype=np.int32).reshape(-1, 3)
    TriangleMesh(scene, np.ascontiguousarray(triangles.reshape(-1, 3), np.float32), indices)
    return scene


def sample_texture(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear samples (n, c) of a texture (h, w, c) at uv (n, 2), repeating; v = 0 is the bottom edge."""
    height, width = texture.shape[:2]
    x = (uv[:, 0] % 1) * width - 0.5
    y = (1 - uv[:, 1] % 1) * height - 0.5
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - left)[:, None].astype(np.float32), (y - top)[:, None].astype(np.float32)
    left, right, top, bottom = left % width, (left + 1) % width, top % height, (top + 1) % height
    upper = texture[top, left] * (1 - fx) + texture[top, right] * fx
    lower = texture[bottom, left] * (1 - fx) + texture[bottom, right] * fx
    return upper * (1 - fy) + lower * fy


def _surface(soup: _Soup, faces: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(n, 4) linear colour and alpha of the surface at barycentric u, v of the faces."""
    barycentric = np.stack([1 - u - v, u, v], 1)
    rgba = np.einsum("nc,ncd->nd", barycentric, soup.corner_rgba[faces])
    which = soup.texture_of[faces]
    for number, texture in soup.textures.items():
        rows = np.flatnonzero(which == number)
        if len(rows):
            uv = np.einsum("nc,ncd->nd", barycentric[rows], soup.corner_uv[faces[rows]])
            rgba[rows] *= sample_texture(texture, uv)
    return rgba


def _trace(soup: _Soup, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(n, 4) linear shaded colour and hit (0 or 1) for rays (n, 3)."""
    result, alive = np.zeros((len(origins), 4), np.float32), np.arange(len(origins))
    for _ in range(MAX_LAYERS if soup.see_through else 1):
        found = soup.scene.run(origins, directions, output=True)
        hits = np.flatnonzero(found["primID"] >= 0)
        faces = found["primID"][hits]
        rgba = _surface(soup, faces, found["u"][hits], found["v"][hits])
        solid = rgba[:, 3] >= OPAQUE_FROM
        normals = soup.normals[faces]
        away = np.einsum("nd,nd->n", normals, directions[hits]) > 0
        light = shade(np.where(away[:, None], -normals, normals))
        rows = alive[hits]
        result[rows[solid], :3] = (rgba[:, :3] * light[:, None])[solid]
        result[rows[solid], 3] = 1
        if solid.all():
            break
        through = hits[~solid]
        step = (found["tfar"][through] + RAY_OFFSET)[:, None]
        alive, directions = alive[through], directions[through]
        origins = origins[through] + step * directions
    return result


def render_rgba(
    obj: SceneObject,
    c2w: Float[np.ndarray, "n 4 4"],
    size_px: int,
    camera_angle_x: float = CAMERA_ANGLE_X,
    supersample: int = 2,
) -> UInt8[np.ndarray, "n h w 4"]:
    """Square pictures of an object.

    Alpha is the covered share of a pixel's supersample x supersample rays; colour is the mean linear light of the
    covered ones as sRGB, not premultiplied (black where alpha is 0). `c2w`: OpenGL; `camera_angle_x`: radians.

    Raises:
        BadInput: A size below 1, an object without area, or embreex missing.
    """
    if size_px < 1 or supersample < 1:
        raise BadInput(f"size {size_px} px with supersample {supersample}", fix="both must be at least 1")
    c2w = np.asarray(c2w, np.float32).reshape(-1, 4, 4)
    soup = _soup(obj)
    at_once = max(1, RAYS_AT_ONCE // (size_px * supersample) ** 2)
    pictures = np.zeros((len(c2w), size_px, size_px, 4), np.uint8)
    for start in range(0, len(c2w), at_once):
        views = slice(start, start + at_once)
        origins, directions = pixel_rays(c2w[views], size_px, camera_angle_x, supersample)
        flat = np.ascontiguousarray(origins.reshape(-1, 3)), np.ascontiguousarray(directions.reshape(-1, 3))
        light = _trace(soup, *flat).reshape(-1, size_px, supersample, size_px, supersample, 4).sum((2, 4))
        colour = linear_to_srgb(light[..., :3] / np.maximum(light[..., 3:], 1))
        rgba = np.concatenate([colour, light[..., 3:] / supersample**2], -1)
        pictures[views] = np.rint(255 * rgba)
    return pictures
