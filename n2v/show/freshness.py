"""What a notebook's result depends on, as hashes: its source, the library it uses, its inputs, what it made."""

import ast
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import n2v
from n2v.files import sha256_of

PACKAGE = Path(n2v.__file__).parent
SLACK_S = 2.0  # file systems round times of change
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
        self._parsed: dict[Path, tuple[str, frozenset[Path]]] = {}
        data = self.package.parent / "data"
        self.data = fingerprint(data, sorted(data.glob("*"))) if data.is_dir() else ""

    def digest(self, source: str) -> str:
        """Of a notebook's code, all modules that it imports directly or through others, and the shipped data.

        A module that imports by name at run time brings its whole folder; a source that does not parse, everything.
        """
        try:
            code, todo = _code_of(source), set(self._imports(source, self.package))
        except SyntaxError:
            code, todo = source, set(self.package.rglob("*.py"))
        used: set[Path] = set()
        while todo:
            path = todo.pop()
            used.add(path)
            todo |= self._of(path)[1] - used
        native = {found for folder in {path.parent for path in used} for found in folder.glob("*.cpp")}
        parts = [f"{path.relative_to(self.package)} {self._of(path)[0]}" for path in sorted(used)]
        parts += [f"{path.relative_to(self.package)} {sha256_of(path.read_bytes())}" for path in sorted(native)]
        return short_hash(code, *parts, self.data)

    def _of(self, path: Path) -> tuple[str, frozenset[Path]]:
        """Hash of a module's code, and the modules that it imports."""
        if path not in self._parsed:
            text = path.read_text()
            try:
                self._parsed[path] = (short_hash(_code_of(text)), frozenset(self._imports(text, path.parent)))
            except SyntaxError:
                self._parsed[path] = (short_hash(text), frozenset())
        return self._parsed[path]

    def _imports(self, source: str, folder: Path) -> Iterator[Path]:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                if isinstance(node, ast.Attribute) and node.attr == "import_module":
                    yield from folder.glob("*.py")
                continue
            for name in names:
                yield from self._files(name)

    def _files(self, name: str) -> Iterator[Path]:
        """The module of a dotted name and the packages around it; nothing for names that are not the package's."""
        first, *rest = name.split(".")
        if first != "n2v":
            return
        folder = self.package
        for part in ["", *rest]:
            folder = folder / part
            for path in (folder / "__init__.py", folder.with_suffix(".py")):
                if path.is_file():
                    yield path


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


def own_places(folder: Path, artefact: str, known: Iterable[str], since: float) -> list[str]:
    """Names of the places that a notebook made: known from before or changed since; all of them if it is none."""
    found, known = places(folder, artefact), set(known)
    own = [path.name for path in found if path.name in known or _changed(path) >= since - SLACK_S]
    return own or [path.name for path in found]


def _changed(path: Path) -> float:
    return max(one.stat().st_mtime for one in [path, *path.rglob("*")])


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
            if path.name.startswith(".") or path.name == "manifest.index" or not path.is_file():
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
