"""The compiled kernel: made once for this processor and kept in the user's cache; its functions on tensors.

It is used only after it has reproduced PyTorch's numbers. Without a compiler, or with N2V_NATIVE=0 in the environment,
everything runs on PyTorch.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float, Int

from n2v.errors import BadInput
from n2v.files import atomic_path
from n2v.nerf.encoding import encode
from n2v.nerf.layout import N_FEATURES, N_WEIGHTS

FUSED_SOURCE = Path(__file__).with_name("fused.cpp")
SWITCH = "N2V_NATIVE"
# Contraction is harmless: the only product whose rounding matters is by a power of two, which is exact.
FLAGS = ("-O3", "-std=c++17", "-shared", "-fPIC", "-ffp-contract=fast", "-fno-math-errno")
WORTH_THREADS = 1 << 14  # positions below which one thread is as fast


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
    positions = torch.linspace(0.01, 0.99, 96).view(-1, 3).contiguous()
    found = torch.empty(len(positions), N_FEATURES)
    library.n2v_encode(positions.data_ptr(), len(positions), found.data_ptr())
    return float((found - encode(positions)).abs().max())


def library() -> ctypes.CDLL:
    """The kernel; BadInput says why there is none."""
    found, why = load_kernel()
    if found is None:
        raise BadInput(f"no fused CPU kernel: {why}", fix="use --backend torch")
    return found


def can_evaluate(field_weights: torch.Tensor, positions: torch.Tensor, encoding: str) -> bool:
    """Whether `evaluate_fused` may stand in: exact sines, CPU, float32, no gradient wanted, kernel at hand."""
    wants_gradient = torch.is_grad_enabled() and (field_weights.requires_grad or positions.requires_grad)
    plain = all(t.device.type == "cpu" and t.dtype == torch.float32 for t in (field_weights, positions))
    return encoding == "exact" and plain and not wants_gradient and load_kernel()[0] is not None


def evaluate_fused(
    field_weights: Float[torch.Tensor, "k w"], unit: Float[torch.Tensor, "k n 3"]
) -> tuple[Float[torch.Tensor, "k n"], Float[torch.Tensor, "k n 3"]]:
    """Density (before the test for the box) and colour at positions in [0, 1]^3; all of torch's threads are used."""
    field_weights, unit = field_weights.contiguous(), unit.contiguous()
    sigmas, rgbs = unit.new_empty(unit.shape[:2]), unit.new_empty(unit.shape)
    run, n = library().n2v_evaluate, unit.shape[1]
    n_parts = min(torch.get_num_threads(), -(-n * len(unit) // WORTH_THREADS)) or 1
    size = -(-n // n_parts) or 1
    jobs = [
        (field_weights[k], unit[k, at : at + size], sigmas[k, at : at + size], rgbs[k, at : at + size])
        for k in range(len(unit))
        for at in range(0, n, size)
    ]

    def work(job: tuple) -> None:
        weights, positions, densities, colours = job
        run(weights.data_ptr(), positions.data_ptr(), len(positions), densities.data_ptr(), colours.data_ptr())

    list(map(work, jobs) if n_parts == 1 else _threads(torch.get_num_threads()).map(work, jobs))
    return sigmas, rgbs


@cache
def _threads(n: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n, thread_name_prefix="n2v")


@dataclass
class Adam:
    """torch.optim.Adam over one weight vector, in place."""

    weights: Float[torch.Tensor, "w"]
    step: int = 0

    def __post_init__(self) -> None:
        self.mean, self.square = torch.zeros(N_WEIGHTS), torch.zeros(N_WEIGHTS)

    def update(self, gradient: Float[torch.Tensor, "w"], learning_rate: float) -> None:
        """One step."""
        self.step += 1
        vectors = (self.weights, gradient, self.mean, self.square)
        library().n2v_adam(*(v.data_ptr() for v in vectors), self.step, learning_rate, 0.9, 0.999, 1e-15)


def loss_and_gradient(
    field_weights: Float[torch.Tensor, "w"],
    positions: Float[torch.Tensor, "n 3"],
    lengths: Float[torch.Tensor, "n"],
    counts: Int[torch.Tensor, "r"],
    targets: Float[torch.Tensor, "slots 4"],
    backgrounds: Float[torch.Tensor, "colours 3"],
    gradient: Float[torch.Tensor, "w"],
) -> float:
    """Mean smooth L1 of one NeRF's batch of whole rays; writes its gradient into `gradient`.

    Arguments as in n2v.nerf.batches.Batches, one batch of them; `counts` (int32) are the samples on each ray, and
    `backgrounds` one colour for the batch, or one a slot.

    Source: n2v.nerf.engines.torch_engine.rendering_loss, its oracle (tests/nerf/test_native.py).
    """
    stride = 0 if len(backgrounds) == 1 else 3
    return library().n2v_loss(
        field_weights.data_ptr(), positions.data_ptr(), lengths.data_ptr(), counts.data_ptr(), len(counts),
        targets.data_ptr(), backgrounds.data_ptr(), stride, gradient.data_ptr(),
    )  # fmt: skip
