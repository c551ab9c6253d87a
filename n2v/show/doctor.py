"""What is installed, what works, and one line to mend each gap."""

import importlib
import platform
import shutil
from collections.abc import Callable

NOTEBOOKS = "pip install 'n2v[notebooks]'"
CONDA = "use environment.yml on a machine with an NVIDIA GPU"


def _python() -> str:
    return platform.python_version()  # an older one cannot install this package


def _torch() -> str:
    import torch

    product = torch.ones(8, 8) @ torch.ones(8, 8)
    if float(product.sum()) != 512:
        raise RuntimeError("a matrix product came out wrong")
    return f"{torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"


def _embree() -> str:
    import numpy as np

    from n2v.scenes.cameras import look_at
    from n2v.scenes.objects import Part, SceneObject
    from n2v.scenes.raycast import render_rgba

    corners = np.array([[-1.0, -1, 0], [1, -1, 0], [0, 1, 0]])
    triangle = Part("triangle", corners, np.array([[0, 1, 2]]), np.ones((1, 3, 4), np.float32))
    picture = render_rgba(
        SceneObject("probe", "table", (triangle,)).placed(), look_at(np.array([0.1, 0.1, 2.0]))[None], 8
    )
    if not picture[..., 3].any():
        raise RuntimeError("a ray missed a triangle in front of it")
    return "rays hit"


def _cuda() -> str:
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("no CUDA device")
    major, minor = torch.cuda.get_device_capability()
    return f"{torch.cuda.get_device_name(0)}, compute capability {major}.{minor}, CUDA {torch.version.cuda}"


def _nerfacc() -> str:
    import nerfacc
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError(f"{nerfacc.__version__} installed, but its sampling needs a CUDA device")
    estimator = nerfacc.OccGridEstimator([0, 0, 0, 1, 1, 1.0], 8).cuda()
    estimator.sampling(torch.rand(4, 3, device="cuda"), torch.rand(4, 3, device="cuda"))
    return f"{nerfacc.__version__}, sampling runs"


def _module(name: str) -> Callable[[], str]:
    def probe() -> str:
        return str(getattr(importlib.import_module(name), "__version__", "installed"))

    return probe


def _disk() -> str:
    free = shutil.disk_usage(".").free / 2**30
    if free < 2:
        raise RuntimeError(f"{free:.1f} GiB free here")
    return f"{free:.0f} GiB free here"


# name, probe, required, what it is for, what to do
CHECKS: tuple[tuple[str, Callable[[], str], bool, str, str], ...] = (
    ("python", _python, True, "everything", "install Python 3.11 or newer"),
    ("torch", _torch, True, "every network", "make setup"),
    ("embree", _embree, True, "pictures of meshes", "pip install embreex"),
    ("jupyterlab", _module("jupyterlab"), False, "make lab", NOTEBOOKS),
    ("jupytext", _module("jupytext"), False, "notebooks as .py files", NOTEBOOKS),
    ("papermill", _module("papermill"), False, "make reproduce", NOTEBOOKS),
    ("ipykernel", _module("ipykernel"), False, "make reproduce", NOTEBOOKS),
    ("nbconvert", _module("nbconvert"), False, "notebooks as pages", NOTEBOOKS),
    ("ipywidgets", _module("ipywidgets"), False, "demos", NOTEBOOKS),
    ("cuda", _cuda, False, "the gpu and thesis profiles", CONDA),
    ("nerfacc", _nerfacc, False, "the thesis's own NeRF engine", CONDA),
    ("tinycudann", _module("tinycudann"), False, "the thesis's own NeRF engine", CONDA),
    ("disk", _disk, False, "collections and runs", "free some space"),
)


def examine() -> list[dict]:
    """Try every part for real; a broken part never stops the others."""
    rows = []
    for name, probe, required, purpose, mend in CHECKS:
        try:
            found, works = probe(), True
        except Exception as error:  # a probe may fail in any way: OSError from tinycudann without a GPU, for one
            found, works = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", False
        state = "ok" if works else "MISSING" if required else "absent"
        rows.append({"part": name, "state": state, "found": found, "for": purpose, "mend": "" if works else mend})
    return rows
