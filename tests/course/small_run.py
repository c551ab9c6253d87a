"""A run folder from what the project ships, for grading without a smoke run: mini zoo, nerf2vec, a few views."""

from pathlib import Path

import numpy as np

import n2v
from n2v.embed.embeddings import embed_zoo
from n2v.embed.model import shipped_run
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.raycast import render_rgba
from n2v.scenes.shapes import make_collection
from n2v.scenes.views import ViewSet, write_views

N_VIEWS, SIZE_PX = 24, 24  # the views of profile smoke


def small_run(folder: Path) -> Path:
    """Two objects a class are seen; the zoo is the whole mini zoo."""
    zoo, model = n2v.mini_zoo(), n2v.load()
    folder.mkdir()
    (folder / "zoo").symlink_to(zoo.folder)
    for made in make_collection(2, seed=1):
        c2w = orbit_cameras(N_VIEWS + 1, 0)
        pictures = render_rgba(made, c2w, SIZE_PX)
        held_out = {"held_out_images": pictures[N_VIEWS:], "held_out_c2w": c2w[N_VIEWS:]}
        views = ViewSet(made.object_id, made.class_name, pictures[:N_VIEWS], c2w[:N_VIEWS], **held_out)
        write_views(views, folder / "views" / made.class_name / made.object_id)
    embeddings = embed_zoo(model, zoo)
    for name in ("rows", "best"):
        (folder / f"nerf2vec-{name}").symlink_to(shipped_run())
        embeddings.save(folder / f"embeddings-{name}.safetensors")
    looks = np.random.default_rng(0).normal(size=(len(zoo), 16)).astype(np.float32)
    np.save(folder / "picture_features.npy", looks, allow_pickle=False)
    return folder
