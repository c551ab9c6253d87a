"""One thread for small tensors, and every shape and type written in an annotation of n2v checked while tests run."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

from jaxtyping import install_import_hook

install_import_hook("n2v", "typecheck.checked")
