"""Compile fused.cpp once for this processor, keep it in the user's cache, and load it.

The library is used only after it has reproduced PyTorch's numbers. Without a compiler, or with N2V_NATIVE=0 in the
environment, everything runs on PyTorch.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path

import torch

from n2v.files import atomic_path

FUSED_SOURCE = Path(__file__).with_name("fused.cpp")
SWITCH = "N2V_NATIVE"
# Contraction is harmless: the only product whose rounding matters is by a power of two, which is exact.
FLAGS = ("-O3", "-std=c++17", "-shared", "-fPIC", "-ffp-contract=fast", "-fno-math-errno")


@cache
def load_kernel() -> tuple[ctypes.CDLL | None, str]:
    """The compiled kernel, or None; and what happened in one line. Compiles at most once a process."""
    if os.environ.get(SWITCH) == "0":
        return None, f"switched off by {SWITCH}=0"
    compiler = find_compiler()
    if compiler is None:
        return None, "no C++ compiler (install g++ or clang)"
    try:
        path, flags = compiled(compiler)
        library = declare(ctypes.CDLL(str(path)))
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"could not be compiled: {str(error).splitlines()[0]}"
    worst = _distance_from_torch(library)
    if not worst < 1e-5:
        return None, f"encodes {worst:.1e} away from PyTorch: not used"
    return library, f"{library.n2v_lanes()} lanes, {Path(compiler).name} {flags}"


def find_compiler() -> str | None:
    """$CXX, or the first usual C++ compiler on the path."""
    names = [os.environ.get("CXX", ""), "c++", "g++", "clang++"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


def compiled(compiler: str) -> tuple[Path, str]:
    """Path of the library in the cache, made if it is not there, and the processor flag it was made with.

    Raises:
        subprocess.SubprocessError: the compiler refused, or took over two minutes.
    """
    problem, cache = "", Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for native in ("-march=native", "-mcpu=native", ""):
        flags = [*FLAGS, *([native] if native else [])]
        path = cache / "n2v" / f"fused-{_key(compiler, flags)}.so"
        try:
            if not path.exists():
                with atomic_path(path) as made:
                    command = [compiler, *flags, str(FUSED_SOURCE), "-o", str(made)]
                    subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
            return path, native
        except subprocess.CalledProcessError as error:  # a flag that this compiler does not know: try the next
            problem = error.stderr.strip() or "the compiler failed without a word"
    raise subprocess.SubprocessError(problem)


def _key(compiler: str, flags: list[str]) -> str:
    """Names source, compiler and processor: home folders are shared between machines of a cluster."""
    version = subprocess.run([compiler, "--version"], capture_output=True, timeout=20, check=True).stdout
    parts = [FUSED_SOURCE.read_bytes(), version, " ".join(flags).encode(), _processor().encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine() + platform.processor()
    return platform.machine() + next((line for line in lines if line.startswith(("flags", "Features"))), "")


def declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Tell ctypes the functions' arguments."""
    pointer, long, real = ctypes.c_void_p, ctypes.c_long, ctypes.c_float
    library.n2v_lanes.restype = ctypes.c_int
    library.n2v_loss.restype = ctypes.c_double
    library.n2v_encode.argtypes = [pointer, long, pointer]
    library.n2v_evaluate.argtypes = [pointer, pointer, long, pointer, pointer]
    library.n2v_loss.argtypes = [pointer] * 4 + [long, pointer, pointer, long, pointer]
    library.n2v_adam.argtypes = [pointer] * 4 + [long] + [real] * 4
    for function in (library.n2v_encode, library.n2v_evaluate, library.n2v_adam):
        function.restype = None
    return library


def _distance_from_torch(library: ctypes.CDLL) -> float:
    """Largest difference between the two encodings of a few positions."""
    from n2v.nerf.encoding import encode

    positions = torch.linspace(0.01, 0.99, 96).view(-1, 3).contiguous()
    found = torch.empty(len(positions), 144)
    library.n2v_encode(positions.data_ptr(), len(positions), found.data_ptr())
    return float((found - encode(positions)).abs().max())
