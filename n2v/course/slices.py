"""Which statements of a notebook a check needs: those that make, directly or not, a name that it uses.

A statement makes a name when it binds it, or when it may change the object behind it: `name.method(...)`,
`name[...] = ...`, or a bare call with it as an argument. Figures and tables (`record`) are left out.
"""

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from n2v.course.source import Exercise, Source

WRITE_ONLY = frozenset({"record", "print"})  # nothing that follows depends on what they are told


@dataclass(frozen=True)
class Statement:
    """One statement of a code cell's top level."""

    cell: int
    node: ast.stmt

    @cached_property
    def names(self) -> tuple[frozenset[str], frozenset[str]]:
        """Global names used, also inside functions, and global names bound."""
        table = symtable.symtable(ast.unparse(self.node), "cell", "exec")
        used = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
        bound = {symbol.get_name() for symbol in table.get_symbols() if _binds(symbol)}
        inner = [*table.get_children()]
        while inner:
            scope = inner.pop()
            inner += scope.get_children()
            used |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()}
        return frozenset(used), frozenset(bound)

    @property
    def used(self) -> frozenset[str]:
        return self.names[0]

    @property
    def bound(self) -> frozenset[str]:
        return self.names[1]

    @cached_property
    def changed(self) -> frozenset[str]:
        """Names of objects that the statement may change in place."""
        if isinstance(self.node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
            return frozenset()
        return frozenset(_changed(self.node)) - WRITE_ONLY

    @property
    def replaces(self) -> frozenset[str]:
        """Names for which nothing before the statement matters any more."""
        plain = isinstance(self.node, ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom | ast.FunctionDef)
        return self.bound if plain else frozenset()


def _binds(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _changed(tree: ast.stmt) -> Iterator[str]:
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            given = [*call.args, *[keyword.value for keyword in call.keywords]]
            owner = _root(call.func)
            if owner not in WRITE_ONLY:
                targets = [call.func, *given] if isinstance(call.func, ast.Attribute) else given
        roots = [_root(target) for target in targets if not isinstance(target, ast.Name) or isinstance(node, ast.Expr)]
        yield from (root for root in roots if root)


def statements(source: Source) -> list[Statement]:
    """All statements of a notebook's code cells, in order."""
    found = []
    for position, cell in enumerate(source.cells):
        if cell.kind == "code":
            found += [Statement(position, node) for node in ast.parse(cell.text).body]
    return found


def needed(all_statements: list[Statement], exercise: Exercise) -> list[Statement]:
    """The statements before an exercise's check that it needs, in order; the exercise's own cells are among them."""
    before = [one for one in all_statements if one.cell < exercise.check]
    imported = {name for one in before if isinstance(one.node, ast.Import | ast.ImportFrom) for name in one.bound}
    bodies = {name: one.used for one in before if isinstance(one.node, ast.FunctionDef) for name in one.bound}
    wanted, kept = set(), []
    for one in reversed([one for one in all_statements if one.cell == exercise.check]):
        wanted = (wanted - one.replaces) | one.used
    wanted = _closed(wanted, bodies)
    for one in reversed(before):
        makes = one.bound | (one.changed - imported)
        if one.cell in exercise.cells or makes & wanted:
            kept.append(one)
            wanted = _closed((wanted - one.replaces) | one.used, bodies)
    return kept[::-1]


def _closed(wanted: set[str], bodies: dict[str, frozenset[str]]) -> set[str]:
    """The names, and those which the functions among them use when they are called."""
    waiting, found = list(wanted), set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += bodies.get(name, ())
    return found
