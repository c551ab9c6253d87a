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
    """One cell. `line` is the source file's line, from 1, on which its text begins; `place` names file and cell."""

    kind: str  # "code" or "markdown"
    text: str
    tags: tuple[str, ...]
    line: int
    place: str

    def refused(self, what: str, fix: str | None = None, line: int | None = None) -> BadInput:
        """What is wrong with it, and where."""
        return BadInput(what, where=f"{self.place}, line {line or self.line}", fix=fix)


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
    for cell in cells:
        _check_blocks(cell)
    return Source(path, cells, tuple(_exercises(path.name[:2], cells)))


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
        what = f"{len(begins)} lines begin with '# %%', but {len(notebook.cells)} cells are read"
        raise BadInput(what, where=path, fix="begin each cell, also the first, with '# %%'")
    found = enumerate(zip(notebook.cells, begins, strict=True))
    return tuple(
        Cell(cell.cell_type, cell.source, tuple(cell.metadata.get("tags", [])), begin + 1, f"{path}, cell {at}")
        for at, (cell, begin) in found
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


def _check_blocks(cell: Cell) -> None:
    """Markers must come in pairs, spelt right, and in the right kind of cell."""
    opened: tuple[str, int] | None = None
    for number, line in enumerate(cell.text.splitlines(), cell.line):
        found = MARKER.match(line)
        if not found and NEARLY.match(line):
            fix = "write '### BEGIN SOLUTION', '### END SOLUTION', '### BEGIN HIDDEN TESTS' or '### END HIDDEN TESTS'"
            raise cell.refused(f"a marker that is misspelt: {line.strip()}", fix, number)
        if not found:
            continue
        verb, kind = found[1], found[2]
        if HOME[kind] not in cell.tags or cell.kind != "code":
            home = f"{'an' if kind == 'SOLUTION' else 'a'} {HOME[kind]} cell"
            raise cell.refused(f"{kind.lower()} outside {home}", f'give the cell tags=["{HOME[kind]}"]', number)
        if verb == "BEGIN" and opened:
            raise cell.refused(f"a block begins within the one of line {opened[1]}", line=number)
        if verb == "END" and (opened is None or opened[0] != kind):
            raise cell.refused(f"END {kind} without its BEGIN", line=number)
        opened = (kind, number) if verb == "BEGIN" else None
    if opened:
        raise cell.refused(f"BEGIN {opened[0]} is never closed", f"add '### END {opened[0]}'", opened[1])


def _exercises(number: str, cells: tuple[Cell, ...]) -> Iterator[Exercise]:
    """Exercise cells, then their check cell, in order."""
    heading, waiting, n_found = "", [], 0
    for position, cell in enumerate(cells):
        if cell.kind == "markdown":
            heading = [heading, *re.findall(r"^#+ (Exercise.*)$", cell.text, re.M)][-1]
        if "exercise" in cell.tags:
            waiting.append(position)
        if "check" not in cell.tags:
            if any(tag.startswith("points:") for tag in cell.tags):
                raise cell.refused("points stand on the check cell, not here")
            continue
        if not waiting:
            raise cell.refused("a check without an exercise before it")
        n_found += 1
        functions = dict.fromkeys(name for at in waiting for name in _written(cells[at]))
        hidden, name = any(block.kind == "HIDDEN TESTS" for block in blocks(cell)), f"{number}-{n_found}"
        yield Exercise(name, heading or name, tuple(waiting), position, _points(cell), tuple(functions), hidden)
        waiting = []
    if waiting:
        raise cells[waiting[0]].refused("an exercise without a check after it")


def _points(cell: Cell) -> float:
    tags = [tag for tag in cell.tags if tag.startswith("points:")]
    if len(tags) > 1 or not all(re.fullmatch(r"points:(?=.*[1-9])\d{1,3}(\.\d+)?", tag) for tag in tags):
        raise cell.refused(f"points are {', '.join(tags)}", 'write one tag such as "points:2"')
    return float(tags[0].removeprefix("points:")) if tags else 1.0


def _written(cell: Cell) -> list[str]:
    """Names of the functions that hold a cell's solutions."""
    try:
        body = ast.parse(cell.text).body
    except SyntaxError as error:
        raise cell.refused(f"not Python: {error.msg}", line=cell.line + (error.lineno or 1) - 1) from None
    names = []
    for block in blocks(cell):
        first, last = block.first + 1, block.last + 1
        around = [one for one in body if one.lineno < first and last <= one.end_lineno + 1]
        if not around or not isinstance(around[-1], ast.FunctionDef) or around[-1].end_lineno < first:
            fix = "put each block inside one function"
            raise cell.refused("a solution outside a function", fix, cell.line + block.first)
        names.append(around[-1].name)
    if not names:
        raise cell.refused("an exercise without a solution", "mark it with ### BEGIN SOLUTION")
    return names
