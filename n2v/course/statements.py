"""Which statements of a notebook an exercise needs: those that make, directly or not, a name that it uses.

A statement makes a name when it binds it, or when it may change the object behind it: `name.method(...)`,
`name[...] = ...`, or a bare call with it as an argument. Figures and tables (`record`) are left out, and so are the
cells of exercises and checks: what an exercise needs must stand outside them.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from n2v.course.source import Exercise, Source

WRITE_ONLY = {"record", "print"}  # nothing that follows depends on what they are told
IMPORT = ast.Import | ast.ImportFrom
DEFINITION = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Statement:
    """One statement of a code cell's top level."""

    cell: int
    line: int  # of the notebook's file
    node: ast.stmt

    @cached_property
    def used(self) -> set[str]:
        """Names that it reads; rather one too many."""
        names = [one for one in ast.walk(self.node) if isinstance(one, ast.Name)]
        used = {one.id for one in names if isinstance(one.ctx, ast.Load)}
        if isinstance(self.node, DEFINITION):
            used -= {one.id for one in names if isinstance(one.ctx, ast.Store)}
            used -= {one.arg for one in ast.walk(self.node) if isinstance(one, ast.arg)}
        return used

    @cached_property
    def bound(self) -> set[str]:
        """Names that it binds."""
        if isinstance(self.node, DEFINITION):
            return {self.node.name}
        if isinstance(self.node, IMPORT):
            return {alias.asname or alias.name.split(".")[0] for alias in self.node.names}
        passing = [one.target for one in ast.walk(self.node) if isinstance(one, ast.comprehension)]
        inside = {id(one) for target in passing for one in ast.walk(target)}
        names = [one for one in ast.walk(self.node) if isinstance(one, ast.Name) and id(one) not in inside]
        return {one.id for one in names if isinstance(one.ctx, ast.Store)}

    @cached_property
    def changed(self) -> set[str | None]:
        """Names of objects that it may change in place."""
        targets: list[ast.expr] = []
        for node in [] if isinstance(self.node, DEFINITION) else ast.walk(self.node):
            if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
                targets.append(node)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                call = node.value
                if _root(call.func) not in WRITE_ONLY:
                    targets += [*call.args, *[keyword.value for keyword in call.keywords]]
                    targets += [call.func] if isinstance(call.func, ast.Attribute) else []
        return {_root(target) for target in targets} - WRITE_ONLY


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def statements(source: Source, cells: Iterable[int]) -> list[Statement]:
    """All statements of some of a notebook's cells."""
    bodies = [(at, source.cells[at].line - 1, ast.parse(source.cells[at].text).body) for at in cells]
    return [Statement(at, line + node.lineno, node) for at, line, body in bodies for node in body]


def preparation(source: Source) -> list[Statement]:
    """All statements outside exercises and checks, in order."""
    plain = [cell.kind == "code" and not {"exercise", "check"} & {*cell.tags} for cell in source.cells]
    return statements(source, [at for at, yes in enumerate(plain) if yes])


def needed(every: list[Statement], source: Source, exercise: Exercise) -> list[Statement]:
    """Those of the statements before an exercise's check which it and the author's answer need, in order."""
    before = [one for one in every if one.cell < exercise.check]
    imported = {name for one in before if isinstance(one.node, IMPORT) for name in one.bound}
    bodies = {name: one.used for one in before if isinstance(one.node, ast.FunctionDef) for name in one.bound}

    def closed(wanted: set[str]) -> set[str]:
        """The names, and those which the functions among them use when they are called."""
        waiting, found = list(wanted), set()
        while waiting:
            name = waiting.pop()
            waiting += bodies.get(name, ()) if name not in found else ()
            found.add(name)
        return found

    own = statements(source, [*exercise.cells, exercise.check])
    wanted, kept = closed({name for one in own for name in one.used}), []
    for one in reversed(before):
        if (one.bound | (one.changed - imported)) & wanted:
            kept.append(one)
            plain = isinstance(one.node, ast.Assign | ast.AnnAssign | IMPORT | ast.FunctionDef)
            wanted = closed((wanted - one.bound if plain else wanted) | one.used)
    return kept[::-1]


def execute(numbered: Iterable[tuple[int, str]], namespace: dict) -> dict[int, str]:
    """Execute statements one by one; returns what went wrong, by number."""
    failed = {}
    for number, text in numbered:
        try:
            exec(compile(text, f"statement {number}", "exec"), namespace)
        except Exception as error:  # of the notebook itself: told, and whoever needs it is not judged
            failed[number] = f"{type(error).__name__}: {error}"
    return failed
