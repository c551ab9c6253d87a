"""What the argument library says of options that it cannot use, as one line. Only what it prints is read."""

import re

from n2v.errors import BadInput

EDGE = 2  # blanks before what is printed
RULE = re.compile(r"^-+$", re.M)
CHOICE = re.compile(r"invalid choice '(.*)' for argument '(.*)'\. Expected one of \((.*?),?\)")
VALUE = re.compile(r"Error parsing (\S+): .*'(.*)'\]?\.?\n(?:.*\n)*Argument helptext:\n {4}(.*)")
EMPTY = re.compile(r"Missing value for argument '(.*)'")
KINDS = {"INT": "a whole number", "FLOAT": "a number"}


class BadUsage(BadInput):
    """Words that are no command, or no options of one.

    Args:
        what: What is wrong.
        prog: The command, with n2v before it.
    """

    def __init__(self, what: str, prog: str) -> None:
        self.prog = prog
        super().__init__(what, fix=f"see: {prog} --help")


def told(printed: str) -> str:
    """What was printed (without colours or boxes), in our words where these are known, else how it begins."""
    text = "\n".join(line[EDGE:].rstrip() for line in printed.splitlines()[1:])
    if found := CHOICE.search(text):
        return f"{found[2]}: '{found[1]}'; use one of {found[3].replace(chr(39), '')}"
    if found := VALUE.search(text):
        kind = next((words for name, words in KINDS.items() if name in found[3]), found[3])
        return f"{found[1]}: '{found[2]}'; use {kind}"
    if found := EMPTY.search(text):
        return f"{found[1]}: no value"
    lists = {
        "missing: {}": _listed("Missing from .*", text),
        "unknown: {}": _listed("Unrecognized options", text),
        "did you mean {}?": _listed("Perhaps you meant", text),
    }
    said = "; ".join(form.format(", ".join(names)) for form, names in lists.items() if names)
    return said or " ".join(next(part for part in RULE.split(text) if part.strip()).split())


def _listed(title: str, text: str) -> list[str]:
    """Names below a title or beside it; what is said of each stands further in."""
    found = re.search(title + r":\n?((?: .*\n)+)", text)
    rows = [row for row in found[1].splitlines() if not row.startswith(" " * 8)] if found else []
    return [name for row in rows for part in row.split(", ") for name in part.split()[:1] if name != "[...]"]
