"""A command's options, as its signature tells them, and one line for words that do not fit.

`size: Annotated[int, "side in pixels"] = 128` is the option --size; with two texts, `Annotated[Path, "ZOO", "zoo
folder"]`, a word in its place. A dataclass is an option a field, its comments are their help.
"""

import argparse
import inspect
import math
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Literal, Union, get_args, get_origin

from n2v.errors import BadInput

LIMIT = 1 << 63  # whole numbers are stored in 64 bits
NAMES = {"int": "N", "float": "X", "Path": "PATH", "str": "TEXT"}


class BadUsage(BadInput):
    """Words that are no command, or no options of one. `prog`: the command, with n2v before it."""

    def __init__(self, what: str, prog: str) -> None:
        self.prog = prog
        super().__init__(what, fix=f"see: {prog} --help")


class Parser(argparse.ArgumentParser):
    """Python's parser, which raises what is wrong."""

    def error(self, message: str) -> None:
        raise BadUsage(message.removeprefix("argument "), self.prog)


def read_options(function: Callable, prog: str, words: list[str]) -> dict[str, object]:
    """The arguments of a command by name.

    Raises:
        BadUsage: unknown or missing options, or a value of another kind.
        BadInput: a number that is not finite or that 64 bits cannot hold, or a list that needs a value and has none.
        SystemExit: help was asked for, and printed.
    """
    look = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    parser, parameters = (
        Parser(prog, description=inspect.getdoc(function), **look),
        inspect.signature(function).parameters,
    )
    for name, one in parameters.items():
        if is_dataclass(one.annotation):
            told = dict(re.findall(r"^ +(\w+): .*?# (.*)", inspect.getsource(one.annotation), re.M))
            for field in fields(one.annotation):
                _add(parser, f"{name}.{field.name}", field.type, (told[field.name],), field.default)
        else:
            _add(parser, name, get_args(one.annotation)[0], one.annotation.__metadata__, one.default)
    lists = any(action.nargs == "*" and not action.option_strings for action in parser._actions)
    given, unknown = (parser.parse_known_intermixed_args if lists else parser.parse_known_args)(words)
    if unknown:
        near = get_close_matches(unknown[0], parser._option_string_actions, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadUsage(f"unknown: {', '.join(unknown)}{hint}", prog)
    found = {}
    for name, value in vars(given).items():
        value = tuple(value) if isinstance(value, list) else value
        group, _, field = name.partition(".")
        _check(name, value, needed=not field and bool(parameters[name].default))
        (found.setdefault(group, {}) if field else found)[field or name] = value
    return {name: parameters[name].annotation(**one) if isinstance(one, dict) else one for name, one in found.items()}


def _add(parser: Parser, name: str, annotation: object, told: tuple[str, ...], default: object) -> None:
    """One option or word: its kind, its help with the default, and whether it has to be given."""
    kind, (*place, text) = annotation, told
    if get_origin(kind) in (Union, UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    needed = default is inspect.Parameter.empty
    shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
    more = "" if needed or default is False or default in (None, "", ()) else f" (default: {shown})"
    how = {"help": (text + more).replace("%", "%%"), "default": None if needed else default}
    if get_origin(kind) is Literal:
        how["choices"] = get_args(kind)
    elif kind is bool:
        how["action"] = argparse.BooleanOptionalAction
    else:
        how |= {"nargs": "*"} if get_origin(kind) is tuple else {}
        how["type"] = get_args(kind)[0] if get_origin(kind) is tuple else kind
        how["metavar"] = NAMES[how["type"].__name__]
    if place:
        parser.add_argument(name, **how | {"metavar": place[0]})
    else:
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, required=needed, **how)


def _check(name: str, value: object, needed: bool) -> None:
    """Refuse numbers and lists that no command can use."""
    where = f"--{name.replace('_', '-')}"
    if isinstance(value, tuple):
        if needed and not value:
            raise BadInput(f"no value for {name}", fix="give one or more")
        for part in value:
            _check(name, part, needed)
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{value:g}", where=where, fix="use a number that is finite")
    elif isinstance(value, int) and not (0 if name == "seed" else -LIMIT) <= value < LIMIT:
        raise BadInput(str(value), where=where, fix="use 0 to 2^63 - 1" if name == "seed" else "use less than 2^63")
