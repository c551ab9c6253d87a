"""Four coloured solids as view sets, and zoos of them."""

import numpy as np
import trimesh

from n2v.embed.decoder import DecoderConfig
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig
from n2v.nerf.layout import initial_vector, vector_hash
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.objects import Part, SceneObject
from n2v.scenes.raycast import render_rgba
from n2v.scenes.views import ViewSet
from n2v.zoo.store import Row, Zoo, ZooWriter

SOLIDS = {
    "ball": (trimesh.creation.icosphere(2), (0.9, 0.2, 0.1), "train"),
    "block": (trimesh.creation.box((1, 2, 0.5)), (0.1, 0.3, 0.9), "train"),
    "rod": (trimesh.creation.cylinder(0.25, 2), (0.2, 0.8, 0.2), "train"),
    "slab": (trimesh.creation.box((2, 1.5, 0.3)), (0.8, 0.7, 0.1), "test"),
}
ROWS_TINY = ModelConfig(EncoderConfig("rows", (16, 16), 16), DecoderConfig(32, 6))
ALIGNED_TINY = ModelConfig(EncoderConfig("aligned", embedding=16, n_components=8, hidden=16), DecoderConfig(32, 6))


def view_set(name: str) -> ViewSet:
    mesh, colour, _ = SOLIDS[name]
    corner_rgba = np.broadcast_to(np.float32([*colour, 1]), (len(mesh.faces), 3, 4))
    part = Part("all", np.asarray(mesh.vertices), np.asarray(mesh.faces), corner_rgba)
    placed = SceneObject(name, "lamp", (part,)).placed()
    c2w = orbit_cameras(12, seed=1)
    return ViewSet(name, "lamp", render_rgba(placed, c2w, 32), c2w)


def write_zoo(folder, names, field_weights, occupied, **changes) -> Zoo:
    rows = [
        Row(
            **{
                "object_id": name, "base_id": name, "class_name": "lamp", "label": 6, "version": 0, "shape_group": name,
                "source": "test", "licence": "MIT", "split": SOLIDS[name][2] if name in SOLIDS else "train", "seed": 0,
                "encoding": "exact", "init_hash": vector_hash(initial_vector()), "backend": "torch",
                "steps": 200, "step": 0.04, "psnr_db": 25.0, "fit_s": 1.0, **changes.get(name, {}),
            }
        )
        for name in names
    ]  # fmt: skip
    ZooWriter(folder, resolution=occupied.shape[-1]).add(rows, field_weights, occupied)
    return Zoo(folder)
