"""Which statements of a notebook an exercise needs: those that make, directly or not, a name that it uses.

A statement makes a name when it binds it, or when it may change the object behind it: `name.method(...)`,
`name[...] = ...`, or a bare call with it as an argument. What is only written down (`record`, `print`) is left out, and
so are the cells of exercises and checks: what an exercise needs must stand outside them.
"""

import ast
import builtins
import dis
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType

from n2v.course.source import Exercise, Source

WRITE_ONLY = {"record", "print"}  # nothing that follows depends on what they are told
IMPORT = ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class Statement:
    """One statement of a code cell's top level, and the names that it or its functions deal with."""

    cell: int
    line: int  # of the notebook's file
    node: ast.stmt
    used: set[str]
    bound: set[str]
    changed: set[str | None]  # of objects that it may change in place

    @classmethod
    def of(cls, cell: int, line: int, node: ast.stmt) -> "Statement":
        """Read by the names in its byte code; one that it binds before it reads it is not used."""
        names = [*_names(compile(ast.Module([node], []), "statement", "exec"))]
        first = {name: what for what, name in reversed(names)}
        targets: list[ast.expr] = []
        for part in [] if isinstance(node, ast.FunctionDef | ast.ClassDef) else ast.walk(node):
            if isinstance(part, ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store):
                targets.append(part)
            if isinstance(part, ast.Expr) and isinstance(call := part.value, ast.Call):
                targets += [*call.args, *[keyword.value for keyword in call.keywords]]
                targets += [call.func] if isinstance(call.func, ast.Attribute) else []
        used = {name for name, what in first.items() if what == "LOAD"}
        bound = {name for what, name in names if what == "STORE"}
        return cls(cell, line, node, used, bound, {_root(target) for target in targets})


class _Quiet(ast.NodeTransformer):
    """Takes out what is only written down."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        silent = isinstance(node.value, ast.Call) and _root(node.value) in WRITE_ONLY
        return ast.copy_location(ast.Pass(), node) if silent else node


def _names(code: CodeType) -> Iterator[tuple[str, str]]:
    """LOAD or STORE, and the name at the top level that is meant, also of code inside."""
    for one in dis.get_instructions(code):
        what, _, kind = one.opname.partition("_")
        if kind.startswith(("NAME", "GLOBAL", "FROM_DICT_OR_GLOBALS")):
            yield what, one.argval
        elif isinstance(one.argval, CodeType):
            yield from _names(one.argval)


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def statements(source: Source, cells: Iterable[int], quiet: bool = False) -> list[Statement]:
    """All statements of some of a notebook's cells; `quiet`: without what is only written down."""
    read = _Quiet().visit if quiet else lambda node: node
    bodies = [(at, source.cells[at].line - 1, ast.parse(source.cells[at].text).body) for at in cells]
    return [Statement.of(at, line + one.lineno, read(one)) for at, line, body in bodies for one in body]


def preparation(source: Source) -> list[Statement]:
    """All statements outside exercises and checks, in order."""
    plain = [cell.kind == "code" and not {"exercise", "check"} & {*cell.tags} for cell in source.cells]
    return statements(source, [at for at, yes in enumerate(plain) if yes], quiet=True)


def needed(every: list[Statement], source: Source, exercise: Exercise) -> list[Statement]:
    """Those of the statements before an exercise's check which it and the author's answer need, in order."""
    before = [one for one in every if one.cell < exercise.check]
    fixed = {name for one in before if isinstance(one.node, IMPORT) for name in one.bound} | {*dir(builtins)}
    bodies = {name: one.used for one in before if isinstance(one.node, ast.FunctionDef) for name in one.bound}

    def closed(wanted: set[str]) -> set[str]:
        """The names, and those which the functions among them use when they are called."""
        waiting, found = list(wanted), set()
        while waiting:
            name = waiting.pop()
            waiting += bodies.get(name, ()) if name not in found else ()
            found.add(name)
        return found

    def earlier(wanted: set[str], one: Statement) -> set[str]:
        """What is wanted before a statement, by what is wanted after it."""
        plain = isinstance(one.node, ast.Assign | ast.AnnAssign | IMPORT | ast.FunctionDef)
        return closed((wanted - one.bound if plain else wanted) | one.used)

    wanted, kept = set(), []
    for one in reversed(statements(source, [*exercise.cells, exercise.check])):
        wanted = earlier(wanted, one)
    for one in reversed(before):
        if (one.bound | (one.changed - fixed)) & wanted:
            kept.append(one)
            wanted = earlier(wanted, one)
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
