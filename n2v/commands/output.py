"""One rule for every command: what is at --out stays, unless --resume goes on with it or --force replaces it."""

from pathlib import Path
from typing import Annotated

from n2v.errors import BadInput

Force = Annotated[bool, "replace what an earlier run of this left at --out"]
WAYS = {"resume": "--resume to go on with it", "force": "--force to replace it"}


def refuse_used(out: Path, *, is_file: bool = False, **ways: bool) -> None:
    """Refuse an `out` in use: a file, or a folder that holds anything but hidden files.

    Args:
        out: What the command would make.
        is_file: It makes a file, not a folder.
        ways: `resume`, `force`: the options that the command has, and whether they are given.

    Raises:
        BadInput: in use, and no such option is given.
    """
    out = Path(out)
    if out.is_file() and not is_file:
        raise BadInput("is a file", where=out, fix="choose another --out")
    empty = out.is_dir() and all(path.name.startswith(".") for path in out.iterdir())
    if any(ways.values()) or empty or not out.exists():
        return
    what = "a zoo" if (out / "manifest.jsonl").exists() else "something"
    add = f"add {' or '.join(WAYS[name] for name in ways)}, or " if ways else ""
    raise BadInput(f"there is {what} already", where=out, fix=f"{add}choose another --out")


def at_least(least: float, **values: float | None) -> None:
    """Refuse an option's value below `least`, by the option's name; None: it is not given."""
    for name, value in values.items():
        if value is not None and value < least:
            raise BadInput(f"{value:g}", where=f"--{name.replace('_', '-')}", fix=f"use at least {least:g}")
