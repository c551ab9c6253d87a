"""`n2v`: every room from the command line.

Exit 0: done; 1: not all of it went well; 2: unusable input, said in one line; 130: interrupted.
"""

import errno
import inspect
import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import fields, is_dataclass
from functools import partial, wraps
from pathlib import Path

import tyro
from safetensors import SafetensorError
from tyro.extras import SubcommandApp

from n2v import __version__
from n2v.errors import BadInput
from n2v.machine import polite_threads
from n2v.usage import BadUsage, told

DESCRIPTION = "Fit NeRFs, embed their weights, and work with the embeddings. --json prints any result as JSON."
GROUPS = {
    "zoo": "Look at a collection of NeRFs, check every byte of it, merge, import and export.",
    "assignment": "Hand out the notebooks' exercises, and grade what comes back.",
    "pictures": "Read pictures and meshes that others made.",
}
NO_SPACE = "no space left; free some and run it again with --resume, where it has one"
HELP = ("-h", "--help")
BELOW = "mend"  # a column of a table that stands under its row
LIMIT = 1 << 63  # whole numbers are stored in 64 bits
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def commands() -> dict[str, Callable]:
    """Every command by its words."""
    from n2v.commands import course, embed, pages, published, scenes, show, sources, tasks, zoo, zoo_tools

    return {
        "doctor": show.doctor,
        "shapes": scenes.shapes,
        "render": scenes.render,
        "pictures import": sources.pictures_import,
        "fit": zoo.fit,
        "zoo info": zoo.zoo_info,
        "zoo verify": zoo_tools.zoo_verify,
        "zoo merge": zoo_tools.zoo_merge,
        "zoo pack": zoo_tools.zoo_pack,
        "zoo import": published.zoo_import,
        "zoo export": published.zoo_export,
        "view": show.view,
        "train": embed.train,
        "embed": embed.embed,
        "classify": tasks.classify,
        "retrieve": tasks.retrieve,
        "interpolate": tasks.interpolate,
        "generate": tasks.generate,
        "benchmark": tasks.benchmark,
        "reproduce": show.reproduce,
        "report": pages.report,
        "site": pages.site,
        "assignment list": course.assignment_list,
        "assignment build": course.assignment_build,
        "assignment grade": course.assignment_grade,
    }


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
    except BadInput as error:
        return _complain(str(error), error.prog if isinstance(error, BadUsage) else "n2v")
    except KeyboardInterrupt:
        print(
            "n2v: interrupted; what was finished is kept; run it again with --resume, where it has one", file=sys.stderr
        )
        return 130
    except BrokenPipeError:  # whoever reads has seen enough, as in `n2v --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno in FULL_DISK:
            return _complain(f"{error.filename or 'output'}: {NO_SPACE}")
        if isinstance(error, FileExistsError):
            what = "is a file" if os.path.isfile(error.filename or "") else "is there already"
            return _complain(f"{error.filename}: {what}; choose another --out")
        unusable = FileNotFoundError | PermissionError | NotADirectoryError | IsADirectoryError
        if isinstance(error, unusable) or error.errno in (errno.ELOOP, errno.ENAMETOOLONG):
            return _complain(f"{error.filename}: {error.strerror}; check the path")
        raise
    except SafetensorError as error:  # carries the system's error number only in its text
        if any(f"(os error {number})" in str(error) for number in FULL_DISK):
            return _complain(f"output: {NO_SPACE}")
        raise
    return 0 if result.get("ok", True) else 1


def asked(words: list[str]) -> Callable[[], dict]:
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
    words, prog = words[len(name.split()) :], f"n2v {name}"
    if any(word in HELP or word.startswith("--tyro-") for word in words):
        return tyro.cli(_later(every[name]), prog=prog, args=words)
    try:
        with _unwrapped(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as printed:
            return tyro.cli(_later(every[name]), prog=prog, args=words)
    except SystemExit:
        raise BadUsage(told(printed.getvalue()), prog) from None


def _no_command(words: list[str], every: dict[str, Callable]) -> Callable[[], dict]:
    """Help on a group of commands, or what it has instead of the words given."""
    group = words[0] if words[0] in GROUPS else ""
    inside = {name.removeprefix(group).strip(): function for name, function in every.items() if name.startswith(group)}
    words, prog = words[bool(group) :], f"n2v {group}".strip()
    if words and words[0] in HELP:
        return _overview(inside).cli(prog=prog, args=["--help"], description=GROUPS.get(group, DESCRIPTION))
    what = f"no command '{words[0]}'" if words else "no command given"
    raise BadUsage(f"{what}; use one of {', '.join(dict.fromkeys(name.split()[0] for name in inside))}", prog)


def _overview(every: dict[str, Callable]) -> SubcommandApp:
    """Commands for a list: the first paragraph of each, a line for a group of them."""
    app = SubcommandApp()
    for name, function in every.items():
        first = name.split()[0]
        app.command(function, name=first, help=GROUPS.get(first) or inspect.getdoc(function).split("\n\n")[0])
    return app


def _later(function: Callable) -> Callable:
    """A command that checks what many have in common, and returns itself with its arguments instead of running."""

    signature = inspect.signature(function)

    @wraps(function)
    def ready(*args, **kwargs):
        given = signature.bind(*args, **kwargs).arguments
        for name, value in given.items():
            _check(name, value, needed=bool(signature.parameters[name].default))
        for path in Path(given.get("out") or "").parents:
            if path.is_file():
                raise BadInput("is a file", where=path, fix="choose another --out")
        return partial(function, *args, **kwargs)

    return ready


def _check(name: str, value: object, needed: bool) -> None:
    """Refuse numbers that are not finite or that 64 bits cannot hold, and lists that need a value and have none."""
    where = f"--{name.replace('_', '-')}"
    if is_dataclass(value):
        for field in fields(value):
            _check(f"{name}.{field.name}", getattr(value, field.name), needed=False)
    elif isinstance(value, tuple):
        if needed and not value:
            raise BadInput(f"no value for {name}", fix="give one or more")
        for part in value:
            _check(name, part, needed)
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{value:g}", where=where, fix="use a number that is finite")
    elif isinstance(value, int) and not (0 if name == "seed" else -LIMIT) <= value < LIMIT:
        raise BadInput(str(value), where=where, fix="use 0 to 2^63 - 1" if name == "seed" else "use less than 2^63")


@contextmanager
def _unwrapped() -> Iterator[None]:
    """As if on a terminal so wide that no line is broken."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100000"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def _complain(message: str, prog: str = "n2v") -> int:
    if os.environ.get("N2V_TRACEBACK"):
        raise
    print(f"{prog}: " + " ".join(message.split()), file=sys.stderr)
    return 2


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
