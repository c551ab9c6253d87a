"""One thread for small tensors, Triton interpreted without a GPU, every annotation of n2v checked while tests run."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded
if not Path("/dev/nvidiactl").exists():  # before Triton is loaded: its own functions are decorated on import
    os.environ.setdefault("TRITON_INTERPRET", "1")

from jaxtyping import install_import_hook

install_import_hook("n2v", "typecheck.checked")


def pytest_addoption(parser):
    """--require-cuda, --require-browser: where these are, nothing that needs them may be skipped."""
    parser.addoption("--require-cuda", action="store_true", help="fail, instead of skip, what needs a CUDA device")
    parser.addoption("--require-browser", action="store_true", help="fail, instead of skip, what needs Chromium")


def pytest_collection_modifyitems(config, items):
    """Tests marked `cuda` are skipped by name where there is no device."""
    import pytest
    import torch

    if torch.cuda.is_available() or config.getoption("--require-cuda"):
        return
    for item in items:
        if item.get_closest_marker("cuda"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
