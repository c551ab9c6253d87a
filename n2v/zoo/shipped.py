"""The collections that come with the project: where they lie."""

from pathlib import Path

import n2v
from n2v.errors import BadInput
from n2v.zoo.store import MANIFEST, Zoo

MINI_ZOO, REAL_ZOO = (Path(n2v.__file__).parents[1] / "data" / name for name in ("mini_zoo", "real_zoo"))


def mini_zoo() -> Path:
    """Folder of the mini zoo (585 NeRFs, 13 classes; data_cards/mini_zoo.md).

    Raises:
        BadInput: the package was installed without the repository's data.
    """
    if not (MINI_ZOO / MANIFEST).is_file():
        raise BadInput("the mini zoo is not here", where=MINI_ZOO, fix="work in a checkout of the project: make setup")
    return MINI_ZOO


def real_zoo() -> Path:
    """Folder of the real zoo (207 NeRFs of real, freely licensed models; data_cards/real_zoo.md).

    Raises:
        BadInput: it is not here.
    """
    if not (REAL_ZOO / MANIFEST).is_file():
        raise BadInput("the real zoo is not here", where=REAL_ZOO, fix="work in a checkout of the project: make setup")
    return REAL_ZOO


def is_mini_zoo(zoo: Zoo) -> bool:
    """Whether a zoo holds the mini zoo's NeRFs, bit for bit and in its splits, and no others."""

    def told(one: Zoo) -> set[tuple]:
        return {(row.object_id, row.split, row.sha256) for row in one.rows}

    return (MINI_ZOO / MANIFEST).is_file() and told(zoo) == told(Zoo(MINI_ZOO))
