"""One zoo made of parts of several, as the training collections of scale.py and ship.py need them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.zoo.store import MANIFEST, Zoo, ZooWriter

WHOLE = "whole.txt"  # what it was made of, written last


def write_joined(folder: Path, parts: list[tuple[Zoo, np.ndarray, str, str]]) -> Zoo:
    """A zoo whose rows are those of `parts`: (zoo, positions in it, split they get, what their ids begin with).

    The beginning tells objects of one id apart: two collections may both have a chair-0000, of different seeds. A
    folder that is whole already is only opened.

    Raises:
        BadInput: a folder that was made of other parts.
    """
    told = "".join(f"{source.folder.resolve()} {split} {indices.tolist()}\n" for source, indices, split, _ in parts)
    if (folder / WHOLE).exists() and (folder / WHOLE).read_text() != told:
        raise BadInput("a collection made of other parts", where=folder, fix="use another --out, or remove it")
    if not (folder / WHOLE).exists():
        (folder / MANIFEST).unlink(missing_ok=True)
        for source, indices, split, prefix in parts:
            rows = [
                replace(
                    row, split=split, object_id=prefix + row.object_id, base_id=prefix + row.base_id,
                    shape_group=prefix + row.shape_group,
                )
                for row in (source.rows[int(i)] for i in indices)
            ]  # fmt: skip
            ZooWriter(folder, source.resolution).add(rows, source.field_weights(indices), source.occupied(indices))
        (folder / WHOLE).write_text(told)
    return Zoo(folder)
