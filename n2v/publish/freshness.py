"""What a notebook's result depends on, as hashes: its source, the library it uses, its inputs, what it made."""

import ast
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import n2v
from n2v.files import data_folder, sha256_of
from n2v.publish.report import PAGES

PACKAGE = Path(n2v.__file__).parent
PICTURES = (".png", ".jpg", ".gif")


def short_hash(*parts: str) -> str:
    """Of texts, in order."""
    return sha256_of("\0".join(parts).encode())[:16]


class Library:
    """The package's source as it is now, and which of it a notebook uses.

    Comments, layout and docstrings do not count: only what the interpreter sees.
    """

    def __init__(self, package: Path | None = None) -> None:
        self.package = package or PACKAGE
        self._parsed: dict[Path, _Module] = {}
        data = data_folder(self.package)
        others = (path for path in self.package.rglob("*.*") if path.suffix not in (".py", ".pyc"))
        self._others = [path for path in others if not path.is_relative_to(data)]
        self._data = fingerprint(data, sorted(data.glob("*"))) if data.is_dir() else ""

    def digest(self, source: str) -> str:
        """Of a notebook's code and all that it uses of the package."""
        try:
            return short_hash(_code_of(source), self._closure(self._imports(source, self.package)))
        except SyntaxError:
            return short_hash(source, self._closure(self.package.rglob("*.py")))

    def makers_digest(self, source: str, made_by: Sequence[str]) -> str:
        """Of what decides what a notebook makes: these modules with all that they use, the sizes, and the statements
        of the notebook that mention a name from these modules. Of everything where a notebook does not say."""
        if not made_by:
            return self.digest(source)
        tree, names = ast.parse(source), set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                found = [one for one in node.names if {node.module, f"{node.module}.{one.name}"} & {*made_by}]
                names |= {one.asname or one.name for one in found}
        calls = [node for node in tree.body if names & {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}]
        files = [path for name in made_by for path in self._files(name)]
        sizes = self._of(self.package / "profiles.py").code
        return short_hash(sizes, self._closure(files), *map(ast.dump, calls))

    def used(self, source: str) -> set[Path]:
        """Files of all modules that a source imports, directly or through others; function bodies count too."""
        return self._reached(self._imports(source, self.package))

    def _reached(self, first: Iterable[Path]) -> set[Path]:
        todo, used = set(first), set()
        while todo:
            path = todo.pop()
            used.add(path)
            todo |= self._of(path).imports - used
        return used

    def _closure(self, first: Iterable[Path]) -> str:
        """Hash of modules, of those that they import, and of what these read.

        A file that is no Python (C++, a page's template) counts where one of them names it, the shipped data where one
        imports `data_folder`. A module that imports by name at run time brings its whole folder.
        """
        used = self._reached(first)
        texts = {text for path in used for text in self._of(path).texts}
        parts = [f"{path.relative_to(self.package)} {self._of(path).code}" for path in sorted(used)]
        others = [path for path in sorted(self._others) if {path.name, path.stem} & texts]
        parts += [f"{path.name} {sha256_of(path.read_bytes())}" for path in others]
        return short_hash(*parts, self._data if any(self._of(path).reads_data for path in used) else "")

    def _of(self, path: Path) -> "_Module":
        if path not in self._parsed:
            text = path.read_text() if path.is_file() else ""
            try:
                nodes = list(ast.walk(ast.parse(text)))
            except SyntaxError:
                self._parsed[path] = _Module(short_hash(text), frozenset(), frozenset(), reads_data=True)
            else:
                texts = frozenset(str(node.value) for node in nodes if isinstance(node, ast.Constant))
                taken = [one.name for node in nodes if isinstance(node, ast.ImportFrom) for one in node.names]
                imports = frozenset(self._imports(text, path.parent))
                self._parsed[path] = _Module(short_hash(_code_of(text)), imports, texts, "data_folder" in taken)
        return self._parsed[path]

    def _imports(self, source: str, folder: Path) -> Iterator[Path]:
        for node in ast.walk(ast.parse(source)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "n2v":
                names = [f"n2v.{node.attr}"]  # taken through the front door
            elif isinstance(node, ast.Attribute) and node.attr == "import_module":
                yield from folder.glob("*.py")
            for name in names:
                yield from self._files(name)

    def _files(self, name: str) -> Iterator[Path]:
        """The module of a dotted name and the packages around it; nothing for names that are not the package's."""
        name = n2v.HOMES[name[4:]][0] if name[4:] in n2v.HOMES and name.startswith("n2v.") else name
        first, *rest = name.split(".")
        if first != "n2v":
            return
        folder = self.package
        for part in ["", *rest]:
            folder = folder / part
            for path in (folder / "__init__.py", folder.with_suffix(".py")):
                if path.is_file():
                    yield path


class _Module(NamedTuple):
    """One file: hash of its code, the files that it imports, all texts in it, whether it reads the shipped data."""

    code: str
    imports: frozenset[Path]
    texts: frozenset[str]
    reads_data: bool


def _code_of(source: str) -> str:
    """A module without comments, layout and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return ast.dump(tree)


def places(folder: Path, artefact: str) -> list[Path]:
    """What belongs to an artefact in a run folder: files and folders called it, or beginning with it and "-" or "."."""
    found = {path for pattern in (artefact, f"{artefact}-*", f"{artefact}.*") for path in Path(folder).glob(pattern)}
    return sorted(found)


def stamps(folder: Path, artefacts: Iterable[str]) -> dict[str, int]:
    """When each place of some artefacts, and each of the run's own pages, last changed (ns); names from the folder."""
    found = [place for artefact in artefacts for place in places(folder, artefact)]
    found += [path for place in PAGES for path in (folder / place).rglob("*.html")]
    return {path.relative_to(folder).as_posix(): _changed(path) for path in found}


def _changed(path: Path) -> int:
    return max(one.stat().st_mtime_ns for one in [path, *path.rglob("*")])


def fingerprint(folder: Path, found: Iterable[Path]) -> str | None:
    """One hash over files and folders; None when one is missing.

    By content, except pictures and shards, which count by name and size: a zoo's manifest holds its shards' hashes.
    Hidden files, locks and indexes that readers leave do not count.
    """
    digest = hashlib.sha256()
    for place in found:
        if not place.exists():
            return None
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.name.startswith(".") or not path.is_file():
                continue
            by_size = path.suffix in PICTURES or path.parent.name == "shards"
            content = str(path.stat().st_size) if by_size else sha256_of(path.read_bytes())
            digest.update(json.dumps([path.relative_to(folder).as_posix(), content]).encode())
    return digest.hexdigest()[:16]


def remove_places(folder: Path, artefact: str) -> None:
    """Remove all that belongs to an artefact."""
    for path in places(folder, artefact):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
