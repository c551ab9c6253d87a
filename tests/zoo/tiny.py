"""A collection small enough to be fitted many times in one test."""

from dataclasses import replace

from n2v.nerf.recipe import FitConfig
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.raycast import render_rgba
from n2v.scenes.shapes import make_object
from n2v.scenes.views import ViewSet, write_views
from n2v.zoo.store import Zoo

TINY = replace(FitConfig.laptop(12, 256), grid_resolution=16, psnr_floor_db=0.0)


def make_views(root, per_class=3):
    """View sets of 32 px in three classes; nine of them are groups of four, four and one."""
    for name in ("chair", "lamp", "sofa"):
        for seed in range(per_class):
            made, c2w = make_object(name, seed), orbit_cameras(5, seed)
            write_views(ViewSet(made.object_id, name, render_rgba(made, c2w, 32), c2w), root / name / made.object_id)
    return root


def contents(zoo):
    """All that must be equal: split, seed, quality and the bits of weights and occupancy, by object."""
    return {row.object_id: (row.split, row.seed, row.psnr_db, row.sha256) for row in Zoo(zoo).rows}
