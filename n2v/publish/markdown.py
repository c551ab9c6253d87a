"""Generated text in documents that people write: tables, and the blocks that they stand in."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from n2v.errors import BadInput
from n2v.files import write_bytes


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    first, *others = (" | ".join(str(cell).replace("|", "\\|") for cell in line) for line in [header, *rows])
    return "\n".join([f"| {first} |", "|---" * len(header) + "|", *(f"| {line} |" for line in others)])


def read_block(document: Path, name: str) -> str:
    """What stands between `<!-- name: begin -->` and `<!-- name: end -->` in a document.

    Raises:
        BadInput: no such block, or more than one.
    """
    found = re.findall(f"<!-- {name}: begin -->\n(.*?)\n<!-- {name}: end -->", Path(document).read_text(), re.S)
    if len(found) != 1:
        raise BadInput(f"{len(found)} blocks '{name}' of generated text", where=document, fix="restore the document")
    return found[0]


def write_block(document: Path, name: str, text: str) -> None:
    """Replace such a block."""
    begin, end = f"<!-- {name}: begin -->\n", f"\n<!-- {name}: end -->"
    whole, old = Path(document).read_text(), read_block(document, name)
    write_bytes(document, whole.replace(begin + old + end, begin + text + end).encode())
