"""The notebooks and what their headers say, checked before anything runs."""

import hashlib
import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from n2v.errors import BadInput, MissingPart
from n2v.files import read_text

PROSE, CODE = "markdown", "code"


@dataclass(frozen=True)
class Lesson:
    """One notebook and its header: `needs` and `makes` name artefacts of the run folder, `made_by` modules."""

    number: str
    path: Path
    needs: tuple[str, ...]
    makes: tuple[str, ...]
    minutes: dict[str, float]
    made_by: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def digest(self) -> str:
        """Of its source, prose included."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]

    def read(self):
        """The notebook for this interpreter's kernel, each cell marked with its position in the source."""
        notebook = require("jupytext").read(self.path)
        for index, cell in enumerate(notebook.cells):
            cell.metadata["source_index"] = index
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return notebook

    def code(self) -> str:
        """Its code cells, one after another."""
        return "\n".join(cell.source for cell in require("jupytext").read(self.path).cells if cell.cell_type == CODE)

    def prose(self) -> str:
        """Its prose cells, one after another."""
        return "\n\n".join(cell.source for cell in require("jupytext").read(self.path).cells if cell.cell_type == PROSE)


def read_lessons(folder: Path) -> list[Lesson]:
    """All notebooks NN_*.py of a folder, in order; checks that each need is made before.

    Raises:
        BadInput: no notebooks, a missing or broken header, or a need that no earlier notebook makes.
    """
    lessons, made = [], set()
    for path in sorted(Path(folder).glob("[0-9][0-9]_*.py")):
        lesson = _lesson(path)
        missing = [need for need in lesson.needs if need not in made]
        if missing:
            raise BadInput(
                f"needs {', '.join(missing)}, which no earlier notebook makes", where=path, fix="mend its header"
            )
        made |= set(lesson.makes)
        lessons.append(lesson)
    if not lessons:
        raise BadInput("no notebooks NN_*.py", where=folder, fix="run this in the project's folder or give --notebooks")
    return lessons


def _lesson(path: Path) -> Lesson:
    """One notebook's header, checked."""
    fix = "copy one from another notebook"
    if not _is_closed(read_text(path)):
        raise BadInput("its header opens with '# ---' and never closes", where=path, fix="end it with a line '# ---'")
    jupytext = require("jupytext")
    try:
        header = jupytext.read(path).metadata.get("n2v")
    except Exception as error:  # jupytext passes on whatever its YAML reader or nbformat raises
        raise BadInput(f"not a notebook ({str(error).splitlines()[0]})", where=path, fix=fix) from None
    if not isinstance(header, dict) or not {"needs", "makes", "minutes"} <= set(header):
        raise BadInput("no n2v header with needs, makes and minutes", where=path, fix=fix)
    kinds = {"needs": (list, "[zoo]"), "makes": (list, "[]"), "minutes": (dict, "{smoke: 1}"), "made_by": (list, "[]")}
    header = {"made_by": [], **header}
    for name, (kind, example) in kinds.items():
        if not isinstance(header[name], kind):
            raise BadInput(f"n2v header: {name} is {header[name]!r}", where=path, fix=f"write it as {example}")
    needs, makes, made_by = (tuple(header[name]) for name in ("needs", "makes", "made_by"))
    return Lesson(path.name[:2], path, needs, makes, dict(header["minutes"]), made_by)


def _is_closed(source: str) -> bool:
    """Without its last line jupytext takes the header for code and the notebook for one without a header."""
    first, _, rest = source.partition("\n")
    return first.rstrip() != "# ---" or "# ---" in [line.rstrip() for line in rest.split("# %%")[0].splitlines()]


def check_parameters(lesson: Lesson, given: dict) -> None:
    """Refuse parameters that the notebook's parameters cell does not have (papermill only warns)."""
    known = require("papermill").inspect_notebook(lesson.read())
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BadInput(
            f"no parameter {', '.join(unknown)}", where=lesson.path, fix=f"it has: {', '.join(known) or 'none'}"
        )


def as_text(given: dict) -> str:
    """Parameters as one line that does not depend on their order or on where the run folder lies."""
    return json.dumps({name: value for name, value in given.items() if name != "out_dir"}, sort_keys=True)


def require(name: str) -> ModuleType:
    """Import a part of the notebooks extra, or name it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingPart(name, "notebooks") from None
