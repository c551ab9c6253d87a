"""What is installed, what works, and one line to mend each gap."""

import importlib
import platform
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path

import n2v
from n2v.errors import BadInput, install
from n2v.nerf import engines

NOTEBOOKS = install("notebooks")
NOISE2VOID = "n2v on PyPI is Noise2Void: pip uninstall n2v nerf2vec, then install this project again"
CONDA = "use environment.yml on a machine with an NVIDIA GPU"
DATA = "take it from the project's repository"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")  # tests/browser takes the first that there is
LEAST_GIB = 4  # .venv alone takes 3


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
    from n2v.scenes.cameras import front_camera
    from n2v.scenes.raycast import render_rgba
    from n2v.scenes.shapes import make_object

    if not render_rgba(make_object("table", 0), front_camera()[None], 8)[..., 3].any():
        raise RuntimeError("all rays missed an object in front of them")
    return "rays hit"


def _said_by(program: str, *options: str) -> str:
    """The last line that a program prints."""
    if shutil.which(program) is None:
        raise RuntimeError(f"no {program} on the path")
    done = subprocess.run([program, *options], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip().splitlines()[-1]


def _cuda() -> str:
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError(f"no CUDA device (this PyTorch is {torch.__version__})")
    major, minor = torch.cuda.get_device_capability()
    free, total = (size / 2**30 for size in torch.cuda.mem_get_info())
    name, room = torch.cuda.get_device_name(0), f"{free:.0f} of {total:.0f} GiB free"
    asked = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    driver = _said_by(*asked) if shutil.which(asked[0]) else "unknown (no nvidia-smi)"
    return f"{name}, compute {major}.{minor}, {room}, CUDA {torch.version.cuda}, driver {driver}"


def _widgets() -> str:
    """ipywidgets draws nothing unless its front end is installed in the environment that serves JupyterLab."""
    import ipywidgets
    from jupyter_core.paths import jupyter_path

    manager = Path("@jupyter-widgets", "jupyterlab-manager", "package.json")
    if not any((Path(folder) / manager).is_file() for folder in jupyter_path("labextensions")):
        raise RuntimeError(f"ipywidgets {ipywidgets.__version__} without its JupyterLab extension")
    return f"{ipywidgets.__version__}, extension found by JupyterLab"


def _backend(name: str) -> str:
    """A backend's own kernel, in a process of its own where a GPU library might crash."""
    works, found = engines.try_out(name, apart=name in ("triton", "tcnn"))
    if not works:
        what, _, fix = found.removeprefix("RuntimeError: ").partition("; ")
        raise BadInput(what, fix=fix)
    return found


def _module(name: str) -> str:
    return str(getattr(importlib.import_module(name), "__version__", "installed"))


def _disk() -> str:
    free = shutil.disk_usage(".").free / 2**30
    if free < LEAST_GIB:
        raise RuntimeError(f"{free:.1f} GiB free here")
    return f"{free:.0f} GiB free here"


def _browser() -> str:
    """Chromium, and what drives it."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise RuntimeError(f"none of {', '.join(BROWSERS)}")
    importlib.import_module("playwright")
    return path


def _modules(fix: str, **purposes: str) -> list[tuple]:
    """Checks of modules that are optional."""
    return [(name, partial(_module, name), False, purpose, fix) for name, purpose in purposes.items()]


# name, probe, required, what it is for, what to do where the probe does not say
Check = tuple[str, Callable[[], str], bool, str, str]
CHECKS: tuple[Check, ...] = (
    ("python", platform.python_version, True, "everything", "install Python 3.11 or newer"),
    ("torch", _torch, True, "every network", "make setup"),
    ("embree", _embree, True, "pictures of meshes", "pip install embreex"),
    *_modules(NOTEBOOKS, jupyterlab="make lab", jupytext="notebooks as .py files", papermill="make reproduce",
              ipykernel="make reproduce", nbconvert="notebooks as pages", latex2mathml="formulas in those pages"),
    ("ipywidgets", _widgets, False, "demos", NOTEBOOKS),
    ("native", partial(_backend, "native"), False, "fits 1.3, evaluates 3 times as fast",
     "install a C++ compiler: g++ or clang"),
    ("cuda", _cuda, False, "the gpu and thesis profiles", CONDA),
    ("cuda toolkit", partial(_said_by, "nvcc", "--version"), False, "nerfacc compiles kernels with it", CONDA),
    *_modules(install("gpu"), nerfacc="the thesis's own NeRF engine"),
    ("tcnn", partial(_backend, "tcnn"), False, "the thesis's own NeRF engine", CONDA),
    ("triton", partial(_backend, "triton"), False, "many NeRFs at once on a GPU", "needs an NVIDIA GPU"),
    ("n2v's name", _name, False, "import n2v", NOISE2VOID),
    ("data/mini_zoo", lambda: f"{len(n2v.mini_zoo())} NeRFs", False, "laptop runs start from it", DATA),
    ("data/real_zoo", lambda: f"{len(n2v.real_zoo())} NeRFs", False, "real objects", DATA),
    ("data/nerf2vec", lambda: f"{sum(one.numel() for one in n2v.load().parameters()):,} parameters", False,
     "ready to embed; notebooks compare", DATA),
    ("chromium", _browser, False, "tests of pages in a browser", f"install Chromium, and {install('dev')}"),
    ("disk", _disk, False, "collections and runs", "free some: .venv alone takes 3 GiB"),
)  # fmt: skip


def examine(*more: Check) -> list[dict]:
    """Try every part for real, and `more`; a broken part never stops the others."""
    rows = []
    for name, probe, required, purpose, mend in (*CHECKS, *more):
        try:
            found, state, mend = probe(), "ok", ""
        except Exception as error:  # a probe may fail in any way: OSError from tinycudann without a GPU, for one
            told = error.what if isinstance(error, BadInput) else next(iter(str(error).splitlines()), "")
            known = isinstance(error, BadInput | RuntimeError)  # what the probes above say themselves
            found, state = told if known else f"{type(error).__name__}: {told}", "MISSING" if required else "absent"
            mend = getattr(error, "fix", None) or mend
        rows.append({"part": name, "state": state, "for": purpose, "found": found, "mend": mend})
    return rows
