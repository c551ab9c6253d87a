"""What is handed out: a notebook without its solutions and hidden tests, or one that nbgrader reads."""

import ast
import json
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from n2v.course.source import Cell, Source, blocks
from n2v.errors import BadInput
from n2v.files import write_bytes

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
NBGRADER = {"grade": False, "locked": False, "schema_version": 3, "solution": False, "task": False}
TELLING = 15  # a line of a solution that is longer than this gives it away
HINT = re.compile(r"^\s*# HINT:\s*(.*\S)\s*$")


def build(
    sources: Iterable[Source], out: Path, *, text: bool = False, nbgrader: bool = False, force: bool = False
) -> list[dict]:
    """Write the student copy of each notebook, or with `nbgrader` its source form for that program.

    All copies are made in a folder of their own and looked through before the first one reaches `out`. `text`: .py
    files besides. `force`: replace files that are there and differ, in which a student may have answered.

    Returns:
        One line a notebook: file, exercises, points.

    Raises:
        BadInput: a copy that gives a solution away, one that is there and differs, or a folder with copies of the
            other kind, whatever `force` says. Nothing is written.
    """
    if text and nbgrader:
        fix = "nbgrader would release the .py, solutions included; leave one out"
        raise BadInput("--text with --nbgrader", fix=fix)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for source in sources:
            made = _written(source, Path(place), text, nbgrader)
            points = sum(exercise.points for exercise in source.exercises)
            rows += [{"file": path.name, "exercises": len(source.exercises), "points": points} for path in made]
        copies = {Path(out) / row["file"]: (Path(place) / row["file"]).read_bytes() for row in rows}
    for path in sorted(Path(out).glob("[0-9][0-9]_*")):  # copies of both kinds have the same names
        data = path.read_bytes() if path.is_file() else b""
        solved = b"### BEGIN SOLUTION" in data
        if solved is not nbgrader and b'"exercise"' in data:
            what = "holds solutions" if solved else "is a copy for students"
            raise BadInput(what, where=path, fix="choose another --out: one folder, one kind of copies")
    for path, data in copies.items():
        if not force and path.exists() and path.read_bytes() != data:
            raise BadInput("is there already and differs", where=path, fix="choose another --out, or --force")
    for path, data in copies.items():
        write_bytes(path, data)
    return rows


def _written(source: Source, folder: Path, text: bool, nbgrader: bool) -> list[Path]:
    """The files of one notebook; refuses to leave one that gives a solution away."""
    import nbformat

    notebook = nbgrader_copy(source) if nbgrader else student_copy(source)
    nbformat.validate(notebook)
    paths = [folder / f"{source.path.stem}.ipynb"]
    paths[0].write_text(nbformat.writes(notebook) + "\n")
    if text:
        import jupytext

        paths.append(folder / source.path.name)
        paths[1].write_text(jupytext.writes(notebook, fmt="py:percent"))
    for path in [] if nbgrader else paths:
        told = leaks(source, path.read_text())
        if told:
            fix = f"say it differently in the text; line: {told[0]}"
            raise BadInput("the copy would give a solution away", where=source.path, fix=fix)
    return paths


def student_copy(source: Source):
    """A notebook in which every solution is a NotImplementedError with a hint; nothing leads back to the source."""
    names = {at: exercise.id for exercise in source.exercises for at in (*exercise.cells, exercise.check)}
    tags = [[*cell.tags, *([names[at]] if at in names else [])] for at, cell in enumerate(source.cells)]
    return _notebook(source, without_blocks, [{"tags": each} if each else {} for each in tags])


def nbgrader_copy(source: Source):
    """The notebook with its solutions, each graded cell marked as nbgrader's schema 3 wants it."""
    metadata: list[dict] = [{"tags": list(cell.tags)} if cell.tags else {} for cell in source.cells]
    for exercise in source.exercises:
        for n, position in enumerate(exercise.cells):
            name = exercise.id + (f"-{chr(98 + n)}" if n else "")
            metadata[position]["nbgrader"] = {**NBGRADER, "grade_id": name, "solution": True}
        check = {"grade_id": f"{exercise.id}-check", "grade": True, "locked": True, "points": exercise.points}
        metadata[exercise.check]["nbgrader"] = NBGRADER | check
    return _notebook(source, lambda cell: cell.text, metadata)


def _notebook(source: Source, text_of: Callable[[Cell], str], metadata: list[dict]):
    from nbformat import v4

    make, cells = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell}, []
    for at, (cell, own) in enumerate(zip(source.cells, metadata, strict=True)):
        cells.append(make[cell.kind](text_of(cell), id=f"cell-{at}", metadata=own))
    return v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})


def without_blocks(cell: Cell) -> str:
    """A cell's text, solutions replaced by what raises NotImplementedError, hidden tests left out."""
    lines = cell.text.splitlines()
    for block in reversed([*blocks(cell)]):
        stub = []
        if block.kind == "SOLUTION":
            indent = lines[block.first][: len(lines[block.first]) - len(lines[block.first].lstrip())]
            hint = _hint(cell, block.first, lines[block.first : block.last])
            stub = [f"{indent}raise NotImplementedError({json.dumps(hint, ensure_ascii=False)})"]
        lines[block.first : block.last + 1] = stub
    return "\n".join(lines).rstrip()


def _hint(cell: Cell, first: int, solution: list[str]) -> str:
    """A `# HINT:` comment of the solution, or the first line of its function's docstring."""
    told = [found[1] for line in solution if (found := HINT.match(line))]
    if told:
        return " ".join(told)
    functions = [node for node in ast.parse(cell.text).body if isinstance(node, ast.FunctionDef)]
    around = next(one for one in functions if one.lineno <= first + 1 <= one.end_lineno)
    return (ast.get_docstring(around) or f"write {around.name}").splitlines()[0]


def leaks(source: Source, released: str) -> list[str]:
    """Lines of solutions and hidden tests that a released text contains and that stand nowhere else in the notebook."""
    secret, public = set(), []
    for cell in source.cells:
        lines, inside = cell.text.splitlines(), set()
        for block in blocks(cell):
            inside |= set(range(block.first, block.last + 1))
        secret |= {lines[at].strip() for at in inside if not HINT.match(lines[at])}
        public += [line for at, line in enumerate(lines) if at not in inside]
    elsewhere = "\n".join(public)
    told = [line for line in sorted(secret) if len(line) > TELLING and line not in elsewhere]
    return [line for line in told if line in released or json.dumps(line)[1:-1] in released]
