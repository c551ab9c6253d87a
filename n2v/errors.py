"""One exception for every mistake a user can make: what is wrong, where, and what to do."""

import sys
from pathlib import Path


class BadInput(ValueError):
    """Input that cannot be used. The command line prints it as one line and exits with code 2.

    Args:
        what: What is wrong, as a short statement.
        where: The file, object or parameter concerned.
        fix: What the user can do about it.
    """

    def __init__(self, what: str, *, where: str | Path | None = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        message = f"{where}: {what}" if where is not None else what
        super().__init__(f"{message}; {fix}" if fix else message)


class MissingPart(BadInput):
    """An optional library is not installed; names the extra that brings it."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"{library} is not installed", fix=f"run {install(extra)}")


def install(extra: str) -> str:
    """How to install an extra of this project; `n2v` on PyPI is another one."""
    return f"in the project's folder: {sys.executable} -m pip install -e '.[{extra}]'"
