"""Every shape and type written in an annotation of n2v is checked while the tests run."""

from jaxtyping import install_import_hook

install_import_hook("n2v", "typecheck.checked")
