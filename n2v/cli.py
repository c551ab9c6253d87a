"""`n2v`: every room from the command line. Exit 0: done; 2: unusable input, said in one line; 130: interrupted."""

import errno
import json
import os
import sys
from collections.abc import Callable

import tyro

from n2v import __version__
from n2v.errors import BadInput

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def commands() -> dict[str, Callable]:
    """Every command by its words."""
    from n2v.commands import embed, scenes, show, tasks, zoo

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
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        print(__version__)
        return 0
    as_json = "--json" in words
    words = [word for word in words if word != "--json"]
    try:
        result = _run(words or ["--help"])
    except BadInput as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        print("n2v: interrupted; what was finished is kept, --resume goes on (fit, train, reproduce)", file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno in FULL_DISK:
            return _complain(f"{error.filename or 'output'}: no space left; free some and go on with --resume")
        if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError | IsADirectoryError):
            return _complain(f"{error.filename}: {error.strerror}; check the path")
        raise
    print(json.dumps(result, indent=2) if as_json else summary(result))
    return 0 if result.get("ok", True) else 1


def _run(words: list[str]) -> dict:
    app = tyro.extras.SubcommandApp()
    for name, function in commands().items():
        app.command(function, name=name.replace(" ", "-"))
    if words[0] == "zoo" and len(words) > 1 and not words[1].startswith("-"):
        words = [f"zoo-{words[1]}", *words[2:]]
    description = "Fit NeRFs, embed their weights, and work with the embeddings. --json prints any result as JSON."
    return app.cli(prog="n2v", args=words, description=description)


def _complain(message: str) -> int:
    if os.environ.get("N2V_TRACEBACK"):
        raise
    print("n2v: " + " ".join(message.split()), file=sys.stderr)
    return 2


def summary(result: dict) -> str:
    """A result for people: one line a value, long lists cut."""
    lines = []
    for key, value in result.items():
        name = key.replace("_", " ")
        if isinstance(value, list) and value and isinstance(value[0], dict):
            columns = list(value[0])
            lines.append(f"{name}:")
            lines += [
                "  " + "  ".join(f"{column} {_short(row.get(column))}" for column in columns) for row in value[:30]
            ]
        elif isinstance(value, list) and len(value) > 8:
            lines += [f"{name}: {len(value)}", *(f"  {item}" for item in value[:8]), "  ..."]
        elif isinstance(value, dict):
            lines.append(f"{name}: " + ", ".join(f"{inner} {_short(one)}" for inner, one in value.items()))
        else:
            lines.append(f"{name}: {_short(value)}")
    return "\n".join(lines)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
