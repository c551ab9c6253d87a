"""The collections that come with the project."""

from pathlib import Path

from n2v.errors import BadInput
from n2v.files import data_folder
from n2v.zoo.store import MANIFEST, Zoo

DATA = data_folder()
NAMES = ("mini_zoo", "real_zoo")


def mini_zoo() -> Zoo:
    """585 NeRFs of procedural objects in 13 classes (data_cards/mini_zoo.md).

    >>> n2v.mini_zoo()["chair-0000"].render(azimuth=30).shape
    (128, 128, 3)
    """
    return _shipped("mini_zoo")


def real_zoo() -> Zoo:
    """NeRFs of freely licensed models that artists made; each says where its object comes from.

    >>> n2v.real_zoo()[0].licence
    'CC0-1.0'
    """
    return _shipped("real_zoo")


def open_zoo(folder: Path | str) -> Zoo:
    """The zoo of a folder; "mini_zoo" and "real_zoo" are those that come with the project.

    >>> len(n2v.open("mini_zoo"))
    585
    """
    return _shipped(str(folder)) if str(folder) in NAMES and not Path(folder).exists() else Zoo(folder)


def _shipped(name: str) -> Zoo:
    if not (DATA / name / MANIFEST).is_file():
        raise BadInput(f"{name} is not here", where=DATA, fix="take data/ from the project's repository")
    return Zoo(DATA / name)


def is_mini_zoo(zoo: Zoo) -> bool:
    """Whether a zoo holds the mini zoo's NeRFs, bit for bit and in its splits, and no others."""

    def told(one: Zoo) -> set[tuple]:
        return {(row.object_id, row.split, row.sha256) for row in one.rows}

    return (DATA / NAMES[0] / MANIFEST).is_file() and told(zoo) == told(mini_zoo())
