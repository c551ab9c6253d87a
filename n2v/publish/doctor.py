"""What is installed, what works, and one line to mend each gap."""

import importlib
import platform
import shutil
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import n2v
from n2v.errors import BadInput, install
from n2v.nerf import engines

NOTEBOOKS = install("notebooks")
NOISE2VOID = "n2v on PyPI is Noise2Void: pip uninstall n2v nerf2vec, then install this project again"
CONDA = "use environment.yml on a machine with an NVIDIA GPU"
COMPILER = "install a C++ compiler: g++ or clang"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")  # tests/browser takes the first that there is
LEAST_GIB = 4  # .venv alone takes 3


def _python() -> str:
    return platform.python_version()  # an older one cannot install this package


def _name() -> str:
    """Noise2Void, and this project before 0.3, install the same package: one overwrites the other's files."""
    try:
        raise RuntimeError(f"a distribution n2v {metadata.version('n2v')} is installed, too")
    except metadata.PackageNotFoundError:
        return f"nerf2vec {n2v.__version__}"


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
        raise RuntimeError(f"no CUDA device (this PyTorch is {torch.__version__})")
    major, minor = torch.cuda.get_device_capability()
    free, total = (size / 2**30 for size in torch.cuda.mem_get_info())
    name, room = torch.cuda.get_device_name(0), f"{free:.0f} of {total:.0f} GiB free"
    return f"{name}, compute {major}.{minor}, {room}, CUDA {torch.version.cuda}, driver {_driver()}"


def _driver() -> str:
    """Version of the NVIDIA driver."""
    if not shutil.which("nvidia-smi"):
        return "unknown (no nvidia-smi)"
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout.split()[0]


def _toolkit() -> str:
    """nerfacc compiles its kernels with nvcc the first time, so it needs the toolkit."""
    compiler = shutil.which("nvcc")
    if compiler is None:
        raise RuntimeError("no nvcc on the path")
    said = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    return said.strip().splitlines()[-1]


def _widgets() -> str:
    """ipywidgets draws nothing unless its front end is installed in the environment that serves JupyterLab."""
    import ipywidgets
    from jupyter_core.paths import jupyter_path

    manager = Path("@jupyter-widgets", "jupyterlab-manager", "package.json")
    if not any((Path(folder) / manager).is_file() for folder in jupyter_path("labextensions")):
        raise RuntimeError(f"ipywidgets {ipywidgets.__version__} without its JupyterLab extension")
    return f"{ipywidgets.__version__}, extension found by JupyterLab"


def _backend(name: str) -> Callable[[], str]:
    """A backend's own kernel, in a process of its own where a GPU library might crash."""

    def probe() -> str:
        works, found = engines.try_out(name, apart=name in ("triton", "tcnn"))
        if not works:
            what, _, fix = found.removeprefix("RuntimeError: ").partition("; ")
            raise BadInput(what, fix=fix)
        return found

    return probe


def _module(name: str) -> Callable[[], str]:
    def probe() -> str:
        return str(getattr(importlib.import_module(name), "__version__", "installed"))

    return probe


def _disk() -> str:
    free = shutil.disk_usage(".").free / 2**30
    if free < LEAST_GIB:
        raise RuntimeError(f"{free:.1f} GiB free here")
    return f"{free:.0f} GiB free here"


def _zoo(name: str) -> Callable[[], str]:
    def probe() -> str:
        from n2v.zoo.shipped import open_zoo

        return f"{len(open_zoo(name))} NeRFs"

    return probe


def _nerf2vec() -> str:
    from n2v.embed.model import load

    return f"{sum(one.numel() for one in load().parameters()):,} parameters"


def _browser() -> str:
    """Chromium, and what drives it."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise RuntimeError(f"none of {', '.join(BROWSERS)}")
    importlib.import_module("playwright")
    return path


# name, probe, required, what it is for, what to do where the probe does not say
Check = tuple[str, Callable[[], str], bool, str, str]
CHECKS: tuple[Check, ...] = (
    ("python", _python, True, "everything", "install Python 3.11 or newer"),
    ("torch", _torch, True, "every network", "make setup"),
    ("embree", _embree, True, "pictures of meshes", "pip install embreex"),
    ("jupyterlab", _module("jupyterlab"), False, "make lab", NOTEBOOKS),
    ("jupytext", _module("jupytext"), False, "notebooks as .py files", NOTEBOOKS),
    ("papermill", _module("papermill"), False, "make reproduce", NOTEBOOKS),
    ("ipykernel", _module("ipykernel"), False, "make reproduce", NOTEBOOKS),
    ("nbconvert", _module("nbconvert"), False, "notebooks as pages", NOTEBOOKS),
    ("latex2mathml", _module("latex2mathml"), False, "formulas in those pages", NOTEBOOKS),
    ("ipywidgets", _widgets, False, "demos", NOTEBOOKS),
    ("native", _backend("native"), False, "fits 1.3, evaluates 3 times as fast", COMPILER),
    ("cuda", _cuda, False, "the gpu and thesis profiles", CONDA),
    ("cuda toolkit", _toolkit, False, "nerfacc compiles kernels with it", CONDA),
    ("nerfacc", _module("nerfacc"), False, "the thesis's own NeRF engine", install("gpu")),
    ("tcnn", _backend("tcnn"), False, "the thesis's own NeRF engine", CONDA),
    ("triton", _backend("triton"), False, "many NeRFs at once on a GPU", "needs an NVIDIA GPU"),
    ("n2v's name", _name, False, "import n2v", NOISE2VOID),
    ("data/mini_zoo", _zoo("mini_zoo"), False, "laptop runs start from it", "take it from the project's repository"),
    ("data/real_zoo", _zoo("real_zoo"), False, "real objects", "take it from the project's repository"),
    ("data/nerf2vec", _nerf2vec, False, "ready to embed; notebooks compare", "take it from the project's repository"),
    ("chromium", _browser, False, "tests of pages in a browser", f"install Chromium, and {install('dev')}"),
    ("disk", _disk, False, "collections and runs", "free some: .venv alone takes 3 GiB"),
)


def examine(*more: Check) -> list[dict]:
    """Try every part for real, and `more`; a broken part never stops the others."""
    rows = []
    for name, probe, required, purpose, mend in (*CHECKS, *more):
        try:
            found, works = probe(), True
        except BadInput as error:
            found, works, mend = error.what, False, error.fix or mend
        except RuntimeError as error:  # what the probes above say themselves
            found, works = _first_line(error), False
        except Exception as error:  # a probe may fail in any way: OSError from tinycudann without a GPU, for one
            found, works = f"{type(error).__name__}: {_first_line(error)}", False
        state = "ok" if works else "MISSING" if required else "absent"
        rows.append({"part": name, "state": state, "for": purpose, "found": found, "mend": "" if works else mend})
    return rows


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")
