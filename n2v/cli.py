"""`n2v`: the commands, their exit codes, and one clear line for whatever goes wrong."""

import errno
import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

from tyro.extras import SubcommandApp

from n2v.commands import embed, scenes, show, tasks, zoo
from n2v.errors import BadInput

OK, FAILED, INTERRUPTED = 0, 2, 130
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
DESCRIPTION = "Fit one small NeRF per object, embed the NeRFs' weights, and work with the embeddings."


def commands() -> dict[str, Callable[..., dict]]:
    """Every command by the words that call it, in the order in which data flows."""
    return {
        "doctor": show.doctor,
        "shapes": scenes.shapes,
        "render": scenes.render,
        "fit": zoo.fit,
        "zoo info": zoo.zoo_info,
        "zoo verify": zoo.zoo_verify,
        "view": show.view,
        "train": embed.train,
        "embed": embed.embed,
        "classify": tasks.classify,
        "retrieve": tasks.retrieve,
        "interpolate": tasks.interpolate,
        "generate": tasks.generate,
        "reproduce": show.reproduce,
    }


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code: 0 done, 2 cannot be done, 130 interrupted.

    `--json` anywhere prints the result as JSON. N2V_TRACEBACK=1 lets exceptions through.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    words = [word for word in words if word != "--json"]
    try:
        result = _call(words)
    except KeyboardInterrupt:
        return _say("interrupted; what is finished is kept, go on with: --resume", INTERRUPTED)
    except BadInput as error:
        if os.environ.get("N2V_TRACEBACK"):
            raise
        return _say(str(error), FAILED)
    except OSError as error:
        if error.errno not in _FULL or os.environ.get("N2V_TRACEBACK"):
            raise
        place = error.filename or "the output folder"
        return _say(f"{place}: {error.strerror}; free some space or choose another --out", FAILED)
    print(json.dumps(_plain(result), indent=2, allow_nan=False) if as_json else summary(result))
    return OK


def _call(words: list[str]) -> dict:
    app, zoo_app = SubcommandApp(), SubcommandApp()
    for name, function in commands().items():
        if name == "zoo info":
            app.command(zoo_app, name="zoo", help="Look at a collection of NeRFs, or check every byte of it.")
        if name.startswith("zoo "):
            zoo_app.command(function, name=name.removeprefix("zoo "))
        else:
            app.command(function, name=name)
    return app.cli(prog="n2v", description=DESCRIPTION, args=words or ["--help"])


def _say(line: str, code: int) -> int:
    print(f"n2v: {' '.join(line.split())}", file=sys.stderr)
    return code


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
    return "\n".join(f"{key.replace('_', ' '):<{width}}  {_short(value)}".rstrip() for key, value in values.items())


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
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *[[_short(row.get(name)) for name in names] for row in rows]]
    widths = [max(len(line[place]) for line in cells) for place in range(len(names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return "\n" + "\n".join(f"  {line}".rstrip() for line in lines)


if __name__ == "__main__":
    sys.exit(main())
