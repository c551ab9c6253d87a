"""What students handed in: their files, wherever course systems put them, and the answers in these."""

import ast
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from n2v.course.source import Exercise, Source
from n2v.errors import BadInput

MAX_FILE = 32 << 20  # bytes of one file, unpacked
MAX_FILES = 2000  # looked at in one submission
TOO_LARGE = f"{{}} is larger than {MAX_FILE >> 20} MB"
COMMAND = re.compile(r"^(\s*)(?:[%!?].*|.*[^#]\?{1,2}\s*|[\w, ]+=\s*[%!].*)$")  # IPython's, not Python's
PLACE = "put each student's files in submissions/<student>/"


@dataclass(frozen=True)
class File:
    """A file of a submission, or what is wrong with it."""

    name: str
    data: bytes = b""
    problem: str = ""


@dataclass(frozen=True)
class Answers:
    """Code of each exercise's cells, and definitions from other cells: the names that they bind, their text."""

    cells: dict[str, str]
    own: list[tuple[list[str], str]]


def find_students(folder: Path) -> dict[str, list[File]]:
    """Submissions by student: the sub-folders of a folder, and zip files beside them."""
    if not folder.is_dir():
        raise BadInput("no such folder", where=folder, fix=PLACE)
    found: dict[str, list[File]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name[0] in "._":
            continue
        if path.is_dir():
            found.setdefault(path.name, []).extend(_files(path))
        elif path.suffix.lower() == ".zip":
            found.setdefault(path.stem, []).extend(_unpacked(path))
    if not found:
        raise BadInput("no submissions", where=folder, fix=PLACE)
    return found


def _files(folder: Path) -> Iterator[File]:
    """Notebooks in a folder, its sub-folders and its zip files."""
    for path in sorted(folder.rglob("*"))[:MAX_FILES]:
        if not _is_wanted(path.relative_to(folder)):
            continue
        if path.is_symlink() or not path.is_file():
            yield File(path.name, problem=f"{path.name} is not a plain file")
        elif path.suffix.lower() == ".zip":
            yield from _unpacked(path)
        elif path.stat().st_size > MAX_FILE:
            yield File(path.name, problem=TOO_LARGE.format(path.name))
        else:
            yield File(path.name, path.read_bytes())


def _unpacked(path: Path) -> Iterator[File]:
    """Notebooks in a zip file, read in memory: no path of it is ever used."""
    left = MAX_FILE
    try:
        with zipfile.ZipFile(path) as archive:
            for one in archive.infolist()[:MAX_FILES]:
                name = PurePosixPath(one.filename)
                if one.is_dir() or not _is_wanted(name) or name.suffix.lower() == ".zip":
                    continue
                with archive.open(one) as file:
                    data = file.read(left + 1)
                left -= len(data)
                if left < 0:
                    yield File(name.name, problem=TOO_LARGE.format(path.name))
                    return
                yield File(name.name, data)
    except Exception:  # a file of anybody's making: nothing may stop the others
        yield File(path.name, problem=f"{path.name} cannot be unpacked; hand in the notebook itself")


def _is_wanted(path: PurePath) -> bool:
    """By its name: no hidden folder's, and of a kind that may hold answers."""
    hidden = any(part[0] == "." or part == "__MACOSX" for part in path.parts if part != "..")
    return not hidden and path.suffix.lower() in (".ipynb", ".py", ".zip")


def _belongs(file: File, source: Source) -> bool:
    """Is the file, by its name, the source's notebook? Also `Ann_123_file_02_One_NeRF (1).ipynb`."""
    own, name = (re.sub(r"[\W_]", "", text.lower()) for text in (source.path.stem, file.name))
    return own in name or re.match(rf"{source.number}[\W_]", file.name) is not None


def handed_in(students: dict[str, list[File]], sources: Iterable[Source]) -> list[Source]:
    """The notebooks that somebody handed in."""
    files = [file for found in students.values() for file in found]
    wanted = [source for source in sources if any(_belongs(file, source) for file in files)]
    if not wanted:
        raise BadInput("no notebook is handed in", fix="name the files like the notebooks, such as 02_one_nerf.ipynb")
    return wanted


def find_answers(files: list[File], source: Source) -> Answers | str:
    """The answers to one notebook, or why there are none to read."""
    found = [file for file in files if _belongs(file, source)]
    books = {Path(file.name).stem for file in found if file.name.lower().endswith(".ipynb")}
    found = [file for file in found if not (file.name.lower().endswith(".py") and Path(file.name).stem in books)]
    if not found:
        zips = [file.problem for file in files if file.problem and file.name.lower().endswith(".zip")]
        return zips[0] if zips else f"nothing handed in: no file is named like {source.path.stem}.ipynb"
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        return f"{len(found)} files for notebook {source.number}: {names}; leave one"
    return found[0].problem or read_answers(found[0].name, found[0].data, source)


def read_answers(name: str, data: bytes, source: Source) -> Answers | str:
    """The answers in a file, or why it cannot be read.

    A cell belongs to an exercise by its tags as `build` wrote them; where these were lost, it is the last one that
    defines the exercise's function.
    """
    import jupytext
    import nbformat

    book = name.lower().endswith(".ipynb")
    try:
        text = data.decode("utf-8-sig")
        notebook = nbformat.reads(text, as_version=4) if book else jupytext.reads(text, "py:percent")
        cells = [cell for cell in notebook.cells if cell.cell_type == "code" and isinstance(cell.source, str)]
        for cell in cells:
            cell.source = plain_python(cell.source)
        answers = {exercise.id: _cells_of(exercise, cells) for exercise in source.exercises}
        others = [cell.source for cell in cells if not {"exercise", "check"} & _tags(cell)]
        own = [one for text in others for one in definitions(text)]
    except Exception:  # a file of anybody's making: nothing may stop the others
        return f"{name} is not {'a Jupyter notebook' if book else 'a notebook as text'}; save it again and hand it in"
    return Answers({name: "\n".join(found) for name, found in answers.items() if found}, own)


def plain_python(text: str) -> str:
    """A cell without IPython's commands (`%timeit`, `!ls`, `name?`): a `pass` stands in the place of each."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "\n".join(COMMAND.sub(r"\1pass", line) for line in text.splitlines())
    return text


def definitions(text: str) -> Iterator[tuple[list[str], str]]:
    """Imports, functions, classes and constants of a cell: what an answer elsewhere may use."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return
    for node in body:
        match node:
            case ast.Import(names=found) | ast.ImportFrom(names=found):
                names = [alias.asname or alias.name.split(".")[0] for alias in found]
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names = [name]
            case ast.Assign(targets=targets, value=ast.Constant()):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            case _:
                continue
        yield names, ast.unparse(node)


def _cells_of(exercise: Exercise, cells: list) -> list[str]:
    tagged = [cell.source for cell in cells if {"exercise", exercise.id} <= _tags(cell)]
    others = [cell.source for cell in cells if "check" not in _tags(cell)]
    found = [[text for text in others if re.search(rf"^def {name}\(", text, re.M)] for name in exercise.functions]
    return tagged or list(dict.fromkeys(texts[-1] for texts in found if texts))


def _tags(cell) -> set[str]:
    tags = cell.metadata.get("tags", [])
    return {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()
