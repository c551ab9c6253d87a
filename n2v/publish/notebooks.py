"""The notebooks and what their headers say, checked before anything runs."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from n2v.errors import BadInput, MissingPart
from n2v.files import read_text, sha256_of

KINDS = {"needs": (list, "[zoo]"), "makes": (list, "[]"), "minutes": (dict, "{smoke: 1}"), "made_by": (list, "[]")}
FIX = "copy a header from another notebook"


@dataclass(frozen=True)
class Lesson:
    """One notebook and its header: `needs` and `makes` name artefacts of the run folder, `made_by` modules."""

    path: Path
    needs: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    minutes: dict[str, float] | None = None
    made_by: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def number(self) -> str:
        """Its two digits."""
        return self.name[:2]

    @property
    def digest(self) -> str:
        """Of its source, prose included."""
        return sha256_of(self.path.read_bytes())[:16]

    def read(self):
        """The notebook for this interpreter's kernel, each cell marked with its position in the source."""
        notebook = require("jupytext").read(self.path)
        for index, cell in enumerate(notebook.cells):
            cell.metadata["source_index"] = index
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return notebook

    def text(self, kind: str = "code") -> str:
        """Its cells of a kind ("code" or "markdown"), one after another."""
        return "\n\n".join(cell.source for cell in require("jupytext").read(self.path).cells if cell.cell_type == kind)


def read_lessons(folder: Path) -> list[Lesson]:
    """All notebooks NN_*.py of a folder, in order; checks that each need is made before.

    Raises:
        BadInput: no notebooks, a missing or broken header, or a need that no earlier notebook makes.
    """
    lessons, made = [_lesson(path) for path in sorted(Path(folder).glob("[0-9][0-9]_*.py"))], set()
    for lesson in lessons:
        if missing := [need for need in lesson.needs if need not in made]:
            what = f"needs {', '.join(missing)}, which no earlier notebook makes"
            raise BadInput(what, where=lesson.path, fix="mend its header")
        made |= set(lesson.makes)
    if not lessons:
        raise BadInput("no notebooks NN_*.py", where=folder, fix="run this in the project's folder or give --notebooks")
    return lessons


def _lesson(path: Path) -> Lesson:
    """One notebook's header, checked."""
    head = [line.rstrip() for line in read_text(path).split("# %%")[0].splitlines()]
    if head[:1] == ["# ---"] and "# ---" not in head[1:]:  # jupytext would take it for code
        raise BadInput("its header opens with '# ---' and never closes", where=path, fix="end it with a line '# ---'")
    jupytext = require("jupytext")
    try:
        header = jupytext.read(path).metadata.get("n2v")
    except Exception as error:  # jupytext passes on whatever its YAML reader or nbformat raises
        raise BadInput(f"not a notebook ({str(error).splitlines()[0]})", where=path, fix=FIX) from None
    if not isinstance(header, dict) or not {"needs", "makes", "minutes"} <= set(header):
        raise BadInput("no n2v header with needs, makes and minutes", where=path, fix=FIX)
    found = {name: header.get(name, []) for name in KINDS}
    for name, (kind, example) in KINDS.items():
        if not isinstance(found[name], kind):
            raise BadInput(f"n2v header: {name} is {found[name]!r}", where=path, fix=f"write it as {example}")
    return Lesson(path, **{name: tuple(one) if isinstance(one, list) else dict(one) for name, one in found.items()})


def check_parameters(lesson: Lesson, given: dict) -> None:
    """Refuse parameters that the notebook's parameters cell does not have (papermill only warns)."""
    known = require("papermill").inspect_notebook(lesson.read())
    if unknown := [name for name in given if name not in known]:
        fix = f"it has: {', '.join(known) or 'none'}"
        raise BadInput(f"no parameter {', '.join(unknown)}", where=lesson.path, fix=fix)


def require(name: str) -> ModuleType:
    """Import a part of the notebooks extra, or name it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingPart(name, "notebooks") from None
