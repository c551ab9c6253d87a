"""What a notebook's result depends on, as hashes: its code, the library it uses, its inputs, what it made."""

import ast
import shutil
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import n2v
from n2v.files import data_folder, sha256_of
from n2v.publish.report import PAGES

PACKAGE = Path(n2v.__file__).parent
BY_SIZE = (".png", ".jpg", ".gif")


def short_hash(*parts: str) -> str:
    """Of texts, in order."""
    return sha256_of("\0".join(parts).encode())[:16]


class Library:
    """The package's source as it is now, and which of it a notebook uses.

    A file that is no Python (C++, parts of a page) counts where a used module names it or its folder, the shipped data
    where one imports `data_folder`.
    """

    def __init__(self, package: Path | None = None) -> None:
        self.package = package or PACKAGE
        data = data_folder(self.package)
        others = [path for path in sorted(self.package.rglob("*.*")) if path.suffix not in (".py", ".pyc")]
        self._others = [path for path in others if not path.is_relative_to(data)]
        self._data = fingerprint(data, sorted(data.glob("*")))

    def digest(self, code: str) -> str:
        """Of a notebook's code and all that it uses of the package."""
        return short_hash(_look(code, self.package, self.package).code, *self._used_code(code))

    def makers_digest(self, code: str, made_by: Sequence[str]) -> str:
        """Of what decides what a notebook makes: these modules with all that they use, the sizes, and the statements
        of the notebook that mention a name from these modules. Of everything where a notebook does not say."""
        if not made_by:
            return self.digest(code)
        tree, names = ast.parse(code), set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                found = [one for one in node.names if {node.module, f"{node.module}.{one.name}"} & {*made_by}]
                names |= {one.asname or one.name for one in found}
        calls = [node for node in tree.body if names & {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}]
        sizes, makers = self._read(self.package / "profiles.py").code, f"import {', '.join(made_by)}"
        return short_hash(sizes, *self._used_code(makers), *map(ast.dump, calls))

    def used(self, code: str) -> set[Path]:
        """Files of all modules that code imports, directly or through others; function bodies count too."""
        todo, used = set(_look(code, self.package, self.package).imports), set()
        while todo:
            used.add(path := todo.pop())
            todo |= self._read(path).imports - used
        return used

    def _used_code(self, code: str) -> list[str]:
        """What all that code uses says: modules, other files, data."""
        used = {path: self._read(path) for path in sorted(self.used(code))}
        texts = {text for module in used.values() for text in module.texts}
        said = [f"{path.relative_to(self.package)} {module.code}" for path, module in used.items()]
        others = [path for path in self._others if {path.name, path.parent.name} & texts]
        said += [f"{path.name} {sha256_of(path.read_bytes())}" for path in others]
        return [*said, self._data] if "data_folder" in texts else said

    def _read(self, path: Path) -> "_Module":
        return _look(path.read_text() if path.is_file() else "", path.parent, self.package)


class _Module(NamedTuple):
    """Code without comments, layout and docstrings; the files that it imports; all texts and imported names in it."""

    code: str
    imports: frozenset[Path]
    texts: frozenset[str]


@lru_cache(maxsize=4096)
def _look(code: str, folder: Path, package: Path) -> _Module:
    """A module of a folder, or a notebook; one that imports by name at run time uses the whole folder, one that cannot
    be read the whole package."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return _Module(code, frozenset(package.rglob("*.py")), frozenset())
    imports, texts = set(), set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Constant):
            texts.add(str(node.value))
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            texts |= {alias.name for alias in node.names}
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "n2v":
            names = [f"n2v.{node.attr}"]  # taken through the front door
        elif isinstance(node, ast.Attribute) and node.attr == "import_module":
            imports |= {*folder.glob("*.py")}
        imports |= {path for name in names for path in _files(name, package)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return _Module(ast.dump(tree), frozenset(imports), frozenset(texts))


def _files(name: str, package: Path) -> Iterator[Path]:
    """The module of a dotted name and the packages around it; nothing for names that are not the package's."""
    first, *rest = name.split(".")
    if first == "n2v" and ".".join(rest) in n2v.HOMES:
        first, *rest = n2v.HOMES[rest[0]][0].split(".")
    for i in range(len(rest) + 1) if first == "n2v" else ():
        place = package.joinpath(*rest[:i])
        yield from filter(Path.is_file, (place / "__init__.py", place.with_suffix(".py")))


def places(folder: Path, artefact: str) -> list[Path]:
    """What belongs to an artefact in a run folder: files and folders called it, or beginning with it and "-" or "."."""
    found = {path for pattern in (artefact, f"{artefact}-*", f"{artefact}.*") for path in Path(folder).glob(pattern)}
    return sorted(found)


def stamps(folder: Path, artefacts: Iterable[str]) -> dict[str, int]:
    """When each place of some artefacts, and each of the run's own pages, last changed (ns); names from the folder."""
    found = [place for artefact in artefacts for place in places(folder, artefact)]
    found += [path for place in PAGES for path in (folder / place).rglob("*.html")]
    return {
        path.relative_to(folder).as_posix(): max(one.stat().st_mtime_ns for one in [path, *path.rglob("*")])
        for path in found
    }


def fingerprint(folder: Path, found: Iterable[Path]) -> str | None:
    """One hash over files and folders; None when one is missing.

    By content, except pictures and shards, which count by name and size: a zoo's manifest holds its shards' hashes.
    Hidden files, locks and indexes that readers leave do not count.
    """
    parts = []
    for place in found:
        if not place.exists():
            return None
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and not path.name.startswith("."):
                by_size = path.suffix in BY_SIZE or path.parent.name == "shards"
                content = str(path.stat().st_size) if by_size else sha256_of(path.read_bytes())
                parts.append(f"{path.relative_to(folder).as_posix()} {content}")
    return short_hash(*parts)


def remove_places(folder: Path, artefact: str) -> None:
    """Remove all that belongs to an artefact."""
    for path in places(folder, artefact):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
