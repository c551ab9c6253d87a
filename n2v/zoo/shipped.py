"""The collection that comes with the project: where it lies."""

from pathlib import Path

import n2v
from n2v.errors import BadInput
from n2v.zoo.store import MANIFEST

MINI_ZOO = Path(n2v.__file__).parents[1] / "data" / "mini_zoo"


def mini_zoo() -> Path:
    """Folder of the mini zoo (585 NeRFs, 13 classes; data_cards/mini_zoo.md).

    Raises:
        BadInput: the package was installed without the repository's data.
    """
    if not (MINI_ZOO / MANIFEST).is_file():
        raise BadInput("the mini zoo is not here", where=MINI_ZOO, fix="work in a checkout of the project: make setup")
    return MINI_ZOO
