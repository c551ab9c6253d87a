"""Little view sets and a recipe of a few steps, and `n2v fit` with it in a forked process."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import torch._dynamo  # noqa: F401 - torch.optim loads it on first use: once here, not in every forked process

from n2v import profiles
from n2v.cli import main
from n2v.nerf.fit import FitConfig
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.raycast import render_rgba
from n2v.scenes.shapes import make_object
from n2v.scenes.views import ViewSet, write_views

LITTLE = replace(FitConfig.laptop(2, 128), grid_resolution=16, psnr_floor_db=0.0)
CLASSES = ("chair", "lamp", "sofa", "table")
NAMES = sorted(f"{name}-{seed:06}" for name in CLASSES for seed in range(3))
TOGETHER = [NAMES[start : start + 4] for start in (0, 4, 8)]  # fitted at once, so stored in one shard


def write_little_views(root: Path) -> Path:
    """Twelve objects of four classes, four pictures of 32 px each and one held out."""
    for name in CLASSES:
        for seed in range(3):
            made = make_object(name, seed)
            c2w, held_out = orbit_cameras(4, seed), orbit_cameras(1, seed + 50)
            one = ViewSet(
                made.object_id, name, render_rgba(made, c2w, 32), c2w, licence="MIT",
                held_out_images=render_rgba(made, held_out, 32), held_out_c2w=held_out,
            )  # fmt: skip
            write_views(one, root / name / made.object_id)
    return root


def fit_in_fork(views: Path, out: Path, *options: str, before=None) -> int:
    """Start `n2v fit --resume` with the little recipe in a forked process of its own group; its process id.

    `before` runs in that process first. Its messages go to OUT.log.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        sys.stdout = sys.stderr = open(f"{out}.log", "w", buffering=1)  # noqa: SIM115 - until the process ends
        profiles.PROFILES["little"] = lambda: replace(profiles.smoke(), fit=LITTLE)
        if before:
            before()
        code = main(["fit", str(views), "--out", str(out), "--profile", "little", "--resume", *options])
    finally:
        os._exit(code)


def exit_code(pid: int) -> int:
    """Wait for a process; minus the signal's number when one ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
