"""A notebook as its author wrote it: cells, exercises, solutions, checks. What does not fit is refused by line."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from n2v.errors import BadInput, MissingPart
from n2v.files import plain_file

MARKER = re.compile(r"^\s*### (BEGIN|END) (SOLUTION|HIDDEN TESTS)\s*$")
NEARLY = re.compile(r"^\s*#+\s*(BEGIN|END)\s+(SOLUTION|HIDDEN)", re.IGNORECASE)
HOME = {"SOLUTION": "exercise", "HIDDEN TESTS": "check"}  # the kind of cell a block may stand in


@dataclass(frozen=True)
class Cell:
    """One cell. `line` is the source file's line, from 1, on which its text begins."""

    kind: str  # "code" or "markdown"
    text: str
    tags: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Block:
    """Lines first..last of a cell, from 0, markers included."""

    kind: str  # "SOLUTION" or "HIDDEN TESTS"
    first: int
    last: int


@dataclass(frozen=True)
class Exercise:
    """What is graded together: the cells to be written and the one that checks them."""

    id: str  # "02-3": third of notebook 02
    title: str  # its heading
    cells: tuple[int, ...]  # positions of the exercise cells
    check: int  # position of the check cell
    points: float
    functions: tuple[str, ...]  # that a student writes
    has_hidden: bool


@dataclass(frozen=True)
class Source:
    """A notebook with its solutions."""

    path: Path
    cells: tuple[Cell, ...]
    exercises: tuple[Exercise, ...]

    @property
    def number(self) -> str:
        return self.path.name[:2]


def read_source(path: Path) -> Source:
    """Read and check one notebook.

    Raises:
        BadInput: not a notebook, or a block, an exercise or a check that does not fit; names cell and line.
    """
    cells = read_cells(path)
    for position, cell in enumerate(cells):
        _check_blocks(path, position, cell)
    return Source(path, cells, tuple(_exercises(path, cells)))


def find_sources(folder: Path, numbers: tuple[str, ...] = ()) -> list[Source]:
    """The notebooks NN_*.py of a folder in order; all, or those asked for."""
    paths = {path.name[:2]: path for path in sorted(Path(folder).glob("[0-9][0-9]_*.py"))}
    if not paths:
        raise BadInput("no notebooks NN_*.py", where=folder, fix="run this in the project's folder or give --notebooks")
    unknown = [number for number in numbers if number not in paths]
    if unknown:
        raise BadInput(f"no notebook {', '.join(unknown)}", where=folder, fix=f"there are {', '.join(paths)}")
    return [read_source(paths[number]) for number in numbers or paths]


def read_cells(path: Path) -> tuple[Cell, ...]:
    """Cells of a percent script with the lines on which they begin."""
    try:
        import jupytext
    except ImportError:
        raise MissingPart("jupytext", "notebooks") from None
    try:
        text = plain_file(path).read_text()
        notebook = jupytext.reads(text, fmt="py:percent")
    except FileNotFoundError:
        raise BadInput("no such file", where=path) from None
    except Exception as error:  # jupytext passes on whatever its YAML reader or nbformat raises
        raise BadInput(f"not a notebook ({str(error).splitlines()[0]})", where=path) from None
    begins = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith("# %%")]
    if len(begins) != len(notebook.cells):
        raise BadInput(
            f"{len(begins)} lines begin with '# %%', but {len(notebook.cells)} cells are read",
            where=path,
            fix="begin each cell, also the first, with '# %%'",
        )
    return tuple(
        Cell(cell.cell_type, cell.source, tuple(cell.metadata.get("tags", [])), begin + 1)
        for cell, begin in zip(notebook.cells, begins, strict=True)
    )


def blocks(cell: Cell) -> Iterator[Block]:
    """The blocks of a cell that was read by `read_source`."""
    first = 0
    for number, line in enumerate(cell.text.splitlines()):
        found = MARKER.match(line)
        if found and found[1] == "BEGIN":
            first = number
        elif found:
            yield Block(found[2], first, number)


def _refuse(path: Path, position: int, line: int, what: str, fix: str | None = None) -> BadInput:
    return BadInput(what, where=f"{path}, cell {position}, line {line}", fix=fix)


def _check_blocks(path: Path, position: int, cell: Cell) -> None:
    """Markers must come in pairs, spelt right, and in the right kind of cell."""
    opened: tuple[str, int] | None = None
    for number, line in enumerate(cell.text.splitlines(), cell.line):
        found = MARKER.match(line)
        if not found and NEARLY.match(line):
            fix = "write '### BEGIN SOLUTION', '### END SOLUTION', '### BEGIN HIDDEN TESTS' or '### END HIDDEN TESTS'"
            raise _refuse(path, position, number, f"a marker that is misspelt: {line.strip()}", fix)
        if not found:
            continue
        verb, kind = found[1], found[2]
        if HOME[kind] not in cell.tags or cell.kind != "code":
            home = f"{'an' if kind == 'SOLUTION' else 'a'} {HOME[kind]} cell"
            fix = f'give the cell tags=["{HOME[kind]}"]'
            raise _refuse(path, position, number, f"{kind.lower()} outside {home}", fix)
        if verb == "BEGIN" and opened:
            raise _refuse(path, position, number, f"a block begins within the one of line {opened[1]}")
        if verb == "END" and (opened is None or opened[0] != kind):
            raise _refuse(path, position, number, f"END {kind} without its BEGIN")
        opened = (kind, number) if verb == "BEGIN" else None
    if opened:
        raise _refuse(path, position, opened[1], f"BEGIN {opened[0]} is never closed", f"add '### END {opened[0]}'")


def _exercises(path: Path, cells: tuple[Cell, ...]) -> Iterator[Exercise]:
    """Exercise cells, then their check cell, in order."""
    heading, waiting, n_found = "", [], 0
    for position, cell in enumerate(cells):
        if cell.kind == "markdown":
            heading = [heading, *re.findall(r"^#+ (Exercise.*)$", cell.text, re.M)][-1]
        if "exercise" in cell.tags:
            waiting.append(position)
        if "check" not in cell.tags:
            if any(tag.startswith("points:") for tag in cell.tags):
                raise _refuse(path, position, cell.line, "points stand on the check cell, not here")
            continue
        if not waiting:
            raise _refuse(path, position, cell.line, "a check without an exercise before it")
        n_found += 1
        functions = dict.fromkeys(name for at in waiting for name in _written(path, at, cells[at]))
        hidden = any(block.kind == "HIDDEN TESTS" for block in blocks(cell))
        name = f"{path.name[:2]}-{n_found}"
        worth = _points(path, position, cell)
        yield Exercise(name, heading or name, tuple(waiting), position, worth, tuple(functions), hidden)
        waiting = []
    if waiting:
        raise _refuse(path, waiting[0], cells[waiting[0]].line, "an exercise without a check after it")


def _points(path: Path, position: int, cell: Cell) -> float:
    tags = [tag for tag in cell.tags if tag.startswith("points:")]
    if len(tags) > 1 or not all(re.fullmatch(r"points:(?=.*[1-9])\d{1,3}(\.\d+)?", tag) for tag in tags):
        fix = 'write one tag such as "points:2"'
        raise _refuse(path, position, cell.line, f"points are {', '.join(tags)}", fix)
    return float(tags[0].removeprefix("points:")) if tags else 1.0


def _written(path: Path, position: int, cell: Cell) -> list[str]:
    """Names of the functions that hold a cell's solutions."""
    try:
        body = ast.parse(cell.text).body
    except SyntaxError as error:
        raise _refuse(path, position, cell.line + (error.lineno or 1) - 1, f"not Python: {error.msg}") from None
    names = []
    for block in blocks(cell):
        first, last = block.first + 1, block.last + 1
        around = [one for one in body if one.lineno < first and last <= one.end_lineno + 1]
        if not around or not isinstance(around[-1], ast.FunctionDef) or around[-1].end_lineno < first:
            fix = "put each block inside one function"
            raise _refuse(path, position, cell.line + block.first, "a solution outside a function", fix)
        names.append(around[-1].name)
    if not names:
        raise _refuse(path, position, cell.line, "an exercise without a solution", "mark it with ### BEGIN SOLUTION")
    return names
