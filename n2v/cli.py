"""`n2v`: every room from the command line.

Exit 0: done; 1: not all of it went well; 2: unusable input, said in one line; 130: interrupted.
"""

import errno
import inspect
import json
import math
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from safetensors import SafetensorError

from n2v import __version__
from n2v.commands.options import BadUsage, read_options
from n2v.errors import BadInput
from n2v.machine import polite_threads

DESCRIPTION = "Fit NeRFs, embed their weights, and work with the embeddings. --json prints any result as JSON."
GROUPS = {
    "zoo": "Look at a collection of NeRFs, check every byte of it, merge, import and export.",
    "assignment": "Hand out the notebooks' exercises, and grade what comes back.",
    "pictures": "Read pictures and meshes that others made.",
}
NO_SPACE = "no space left; free some and run it again with --resume, where it has one"
BELOW = "mend"  # a column of a table that stands under its row
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
UNUSABLE = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG)


def commands() -> dict[str, Callable]:
    """Every command by its words."""
    from n2v.commands import course, embed, scenes, show, tasks, zoo

    every = (
        show.doctor, scenes.shapes, scenes.render, scenes.pictures_import, zoo.fit, zoo.zoo_info, zoo.zoo_verify,
        zoo.zoo_merge, zoo.zoo_pack, zoo.zoo_import, zoo.zoo_export, show.view, embed.train,
        embed.embed, tasks.classify, tasks.retrieve, tasks.interpolate, tasks.generate, tasks.benchmark, show.reproduce,
        show.report, show.site, course.assignment_list, course.assignment_build, course.assignment_grade,
    )  # fmt: skip
    return {function.__name__.replace("_", " "): function for function in every}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code. With N2V_TRACEBACK=1 exceptions pass through."""
    polite_threads()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        print(__version__)
        return 0
    as_json = "--json" in words
    words = [word for word in words if word != "--json"]
    try:
        result = asked(words or ["--help"])()
        print(json.dumps(_plain(result), indent=2, allow_nan=False) if as_json else summary(result), flush=True)
        return 0 if result.get("ok", True) else 1
    except KeyboardInterrupt:
        hint = "what was finished is kept; run it again with --resume, where it has one"
        print(f"n2v: interrupted; {hint}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads has seen enough, as in `n2v --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (BadInput, OSError, SafetensorError) as error:
        said = _in_one_line(error)
        if said is None or os.environ.get("N2V_TRACEBACK"):
            raise
        print(f"{getattr(error, 'prog', 'n2v')}: {' '.join(said.split())}", file=sys.stderr)
        return 2


def _in_one_line(error: Exception) -> str | None:
    """What a user did wrong, or what the disk lacks; None: the fault is ours."""
    if isinstance(error, BadInput):
        return str(error)
    if isinstance(error, SafetensorError):  # carries the system's error number only in its text
        full = any(f"(os error {number})" in str(error) for number in FULL_DISK)
        return f"output: {NO_SPACE}" if full else None
    if error.errno in FULL_DISK:
        return f"{error.filename or 'output'}: {NO_SPACE}"
    if isinstance(error, FileExistsError):
        what = "is a file" if os.path.isfile(error.filename or "") else "is there already"
        return f"{error.filename}: {what}; choose another --out"
    return f"{error.filename}: {error.strerror}; check the path" if error.errno in UNUSABLE else None


def asked(words: list[str]) -> partial:
    """The command that words name, with its arguments, ready to run.

    Raises:
        BadUsage: no such command, or not its options.
        BadInput: a value that no command can use.
        SystemExit: help was asked for, and printed.
    """
    every = commands()
    name = next((name for name in every if words[: len(name.split())] == name.split()), None)
    if name is None:
        return _no_command(words, every)
    given = read_options(every[name], f"n2v {name}", words[len(name.split()) :])
    for path in Path(given.get("out") or "").parents:
        if path.is_file():
            raise BadInput("is a file", where=path, fix="choose another --out")
    return partial(every[name], **given)


def _no_command(words: list[str], every: dict[str, Callable]) -> partial:
    """Help on a group of commands, or what it has instead of the words given."""
    group = words[0] if words[0] in GROUPS else ""
    inside = {name.removeprefix(group).strip(): function for name, function in every.items() if name.startswith(group)}
    words, prog = words[bool(group) :], f"n2v {group}".strip()
    if words and words[0] in ("-h", "--help"):
        print(f"usage: {prog} COMMAND ...\n\n{GROUPS.get(group, DESCRIPTION)}\n")
        told = {
            one.split()[0]: GROUPS.get(one.split()[0]) or inspect.getdoc(inside[one]).split("\n\n")[0] for one in inside
        }
        print("\n".join(f"  {one:<12}{' '.join(text.split())}" for one, text in told.items()))
        raise SystemExit(0)
    what = f"no command '{words[0]}'" if words else "no command given"
    raise BadUsage(f"{what}; use one of {', '.join(dict.fromkeys(name.split()[0] for name in inside))}", prog)


def _plain(value: object) -> object:
    """A result as JSON knows it: paths as text, NumPy numbers as numbers, what is not finite as null."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(part) for part in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def summary(result: object) -> str:
    """A result for people: one aligned line a key, tables as columns."""
    values = _plain(result)
    if not isinstance(values, dict):
        return str(values)
    width = max((len(key) for key in values), default=0)
    lines = [f"{key.replace('_', ' '):<{width}}  {_short(value)}" for key, value in values.items()]
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines())


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(part)}" for key, part in value.items())
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return _columns(value)
    if isinstance(value, list):
        shown = ", ".join(_short(part) for part in value[:8])
        return f"{shown} and {len(value) - 8} more" if len(value) > 8 else shown
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


def _columns(rows: list[dict]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row if name != BELOW))
    cells = [names, *[[_short(row.get(name)) for name in names] for row in rows]]
    widths = [max(len(line[place]) for line in cells) for place in range(len(names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    for place, row in reversed([*enumerate(rows, 2)]):
        lines[place:place] = [f"    {BELOW}: {row[BELOW]}"] if row.get(BELOW) else []
    return "\n" + "\n".join(f"  {line}".rstrip() for line in lines)


if __name__ == "__main__":
    sys.exit(main())
