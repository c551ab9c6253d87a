"""What is installed and works here, what each part is for, and one line to put right what does not."""

import importlib
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NOTEBOOKS_FIX = "pip install 'n2v[notebooks]'"
FREE_GB = 5  # a laptop run keeps about one


@dataclass(frozen=True)
class Check:
    """One part: `status` is "ok" or "missing"; `fix` is empty when nothing needs doing."""

    part: str
    status: str
    found: str
    used_for: str
    needed: bool
    fix: str = ""


def examine(folder: Path = Path(".")) -> list[Check]:
    """Try every part for real: import it, cast a ray, ask the device. Never raises for a part that fails.

    Args:
        folder: Where results would be written; its free space is measured.
    """
    notebooks = ("jupyterlab", "jupytext", "papermill", "ipywidgets", "ipykernel", "nbconvert")
    return [
        _check("Python", _python, "everything", "install Python 3.11 or newer", needed=True),
        _check("torch", _version_of("torch"), "every network and renderer", "pip install 'torch>=2.10'", needed=True),
        _check("ray casting", _cast_ray, "pictures of meshes", "pip install trimesh embreex", needed=True),
        *[_check(name, _version_of(name), "the notebooks", NOTEBOOKS_FIX, needed=False) for name in notebooks],
        _check(
            "disk space", lambda: _free(folder), "results", f"free {FREE_GB} GB or choose another --out", needed=True
        ),
        _check(
            "CUDA device",
            _cuda,
            "profiles gpu and thesis; mixed precision",
            "none needed for smoke and laptop",
            needed=False,
        ),
        _check(
            "nerfacc", _version_of("nerfacc"), "the thesis's engine, GPU only", "pip install 'n2v[gpu]'", needed=False
        ),
        _check(
            "tinycudann",
            _version_of("tinycudann"),
            "the thesis's engine, GPU only",
            "conda env create -f environment.yml",
            needed=False,
        ),
    ]


def _check(part: str, attempt: Callable[[], str], used_for: str, fix: str, *, needed: bool) -> Check:
    try:
        return Check(part, "ok", attempt(), used_for, needed)
    except Exception as error:  # a broken binary part may raise anything: ImportError, OSError, EnvironmentError
        found = f"{type(error).__name__}: {error}".splitlines()[0][:100]
        return Check(part, "missing", found, used_for, needed, fix)


def _python() -> str:
    return f"{platform.python_version()} at {sys.prefix}"


def _version_of(name: str) -> Callable[[], str]:
    def attempt() -> str:
        module = importlib.import_module(name)
        return str(getattr(module, "__version__", "imports"))

    return attempt


def _cuda() -> str:
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("none")
    properties = torch.cuda.get_device_properties(0)
    float(torch.ones(8, device="cuda").sum())  # a kernel really runs
    return f"{properties.name}, {properties.total_memory / 1e9:.0f} GB"


def _cast_ray() -> str:
    """Shoot one ray at a box of side 1: it must hit the face at z = 0.5."""
    import embreex
    import trimesh
    from trimesh.ray.ray_pyembree import RayMeshIntersector

    hits, _, _ = RayMeshIntersector(trimesh.creation.box()).intersects_location([[0.1, 0.2, 2]], [[0, 0, -1]], False)
    if len(hits) != 1 or abs(hits[0][2] - 0.5) > 1e-4:
        raise RuntimeError(f"a ray at a box hit {hits.tolist()}")
    return f"embreex {getattr(embreex, '__version__', '')}, a ray hits".replace(" ,", ",")


def _free(folder: Path) -> str:
    place = Path(folder).resolve()
    while not place.exists():
        place = place.parent
    free_gb = shutil.disk_usage(place).free / 1e9
    if free_gb < FREE_GB:
        raise RuntimeError(f"{free_gb:.1f} GB free")
    return f"{free_gb:.0f} GB free"
