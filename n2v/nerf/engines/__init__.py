"""Engines that fit NeRFs. All take and give the same flat weight vector and pass the same parity tests.

| name | runs on | is |
|---|---|---|
| torch | CPU, CUDA | the reference: batched over NeRFs, gradients by autograd |
| native | CPU | our fused C++ kernel, compiled on first use |
| triton | CUDA | the same loop as torch, the field and its gradient by our fused kernels |
| tcnn | CUDA | nerfacc + tiny-cuda-nn, the thesis's engine |
"""

import importlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import cache
from subprocess import PIPE
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float

from n2v.errors import BadInput
from n2v.nerf.recipe import FitConfig
from n2v.scenes.views import ViewSet

_CLASSES = {"torch": "TorchBackend", "native": "NativeBackend", "triton": "TritonBackend", "tcnn": "TcnnBackend"}
BACKENDS = tuple(_CLASSES)
MOST_TOGETHER = 32  # NeRFs in one launch: the host holds their batches, too
PROBE_S = 240  # nerfacc and Triton compile their kernels the first time
LOCKED = "where an earlier build was ended, remove its lock: ~/.cache/torch_extensions/*/nerfacc_cuda/lock"


class NoEngine(BadInput):
    """The engine asked for cannot be used here. No view set is to blame: a build ends, and quarantines nothing."""


@runtime_checkable
class Backend(Protocol):
    """One engine."""

    name: str
    encodings: tuple[str, ...]
    device: torch.device  # where it computes, and where its fits are prepared

    def fit(
        self, view_sets: list[ViewSet], hulls: list[Bool[torch.Tensor, "g g g"]], config: FitConfig, seeds: list[int]
    ) -> Float[torch.Tensor, "k w"]:
        """Weights (CPU, float32) of one NeRF a view set, all from the shared initial vector."""

    def evaluate(
        self, field_weights: Float[torch.Tensor, "k w"], positions: Float[torch.Tensor, "k n 3"], encoding: str
    ) -> tuple[Float[torch.Tensor, "k n"], Float[torch.Tensor, "k n 3"]]:
        """Density (per scene unit, 0 outside the box) and colour at positions in scene units, on the CPU."""

    def probe(self) -> str:
        """What it found, in one line, after running a real kernel; raises when it cannot work here."""


def load_engine(name: str) -> Backend:
    """A backend by name, not yet probed."""
    if name not in _CLASSES:
        raise NoEngine(f"unknown backend '{name}'", fix=f"use one of: auto, {', '.join(BACKENDS)}")
    return getattr(importlib.import_module(f"n2v.nerf.engines.{name}_engine"), _CLASSES[name])()


def check(name: str, encoding: str) -> None:
    """Refuse a name that no engine has and an encoding that the engine has not; nothing is probed."""
    if name != "auto" and encoding not in (known := load_engine(name).encodings):
        raise NoEngine(f"backend '{name}' has no '{encoding}' encoding", fix=f"use --encoding {' or '.join(known)}")


def on_gpu(name: str) -> bool:
    """Whether that engine ("auto" too) would compute on a CUDA device here."""
    return name != "native" and torch.cuda.is_available()


def most_on_gpu(config: FitConfig, workers: int = 1) -> int:
    """How many NeRFs of a recipe may share a launch on a GPU that so many workers share: half its memory is spent.

    A NeRF's batches are taken for 1.2 GB (three copies of 0.4 GB at 224 px: estimated), its step for what autograd
    keeps of it.
    """
    memory = torch.cuda.get_device_properties(0).total_memory / workers / 2
    return max(1, min(MOST_TOGETHER, int(memory / (1.2e9 + 6e3 * config.n_samples))))


def try_out(name: str, apart: bool = False) -> tuple[bool, str]:
    """Whether a backend works here, and what it found or why not.

    Args:
        name: Of the backend.
        apart: Probe in a process of its own: a GPU library may crash instead of raising.
    """
    if apart:
        return _try_out_apart(name, PROBE_S)
    engine = load_engine(name)
    try:
        return True, engine.probe()
    except BadInput as error:
        return False, str(error)
    except Exception as error:  # a probe may fail in any way: OSError from tinycudann without a GPU, for one
        return False, f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0]}"


@cache
def _try_out_apart(name: str, limit_s: float) -> tuple[bool, str]:
    """The same in a process of its own, once: every fit of a session asks."""
    load_engine(name)
    command = [sys.executable, "-m", "n2v.nerf.engines", name]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True, start_new_session=True) as probe:
        try:
            output, errors = probe.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(probe.pid, signal.SIGKILL)  # the compilers that it started, too
            probe.communicate()
            return False, f"no answer in {limit_s} s" + (f"; {LOCKED}" if name == "tcnn" else "")
    lines = (output or errors).strip().splitlines()
    return probe.returncode == 0, lines[-1] if lines else f"died with code {probe.returncode}"


def choose_engine(name: str = "auto", encoding: str = "exact") -> tuple[Backend, str]:
    """The backend to use and why.

    "auto" prefers triton where a CUDA device is, else native, else torch; each is tried with a real kernel first.
    Engines without the wanted encoding are passed over.

    Raises:
        NoEngine: a backend asked for by name that does not work here.
    """
    if name != "auto":
        works, found = try_out(name)
        if not works:
            fix = "run: n2v doctor, or use --backend auto"
            raise NoEngine(f"backend '{name}' does not work here: {found}", fix=fix)
        check(name, encoding)
        return load_engine(name), f"{name}: asked for; {found}"
    first = "triton" if torch.cuda.is_available() else "native"
    if encoding not in load_engine(first).encodings:
        return load_engine("torch"), f"torch: {first} has no '{encoding}' encoding"
    works, found = try_out(first, apart=first == "triton")
    return (
        (load_engine(first), f"{first}: {found}") if works else (load_engine("torch"), f"torch: not {first} ({found})")
    )


def settle_engine(config: FitConfig, name: str, elsewhere: bool = False) -> tuple[FitConfig, str]:
    """A recipe with the engine asked for, and why that one; the thesis's engine brings its encoding along.

    Args:
        config: Recipe.
        name: Of the backend, or "auto".
        elsewhere: It is for other machines: "auto" stays, and nothing is probed here.

    Raises:
        NoEngine: see `check` and `choose_engine`.
    """
    config = replace(config, backend=name, encoding="tcnn" if name == "tcnn" else config.encoding)
    if elsewhere:
        check(name, config.encoding)
        return config, f"{name}: each machine tries it for itself"
    backend, why = choose_engine(name, config.encoding)
    return replace(config, backend=backend.name), why
