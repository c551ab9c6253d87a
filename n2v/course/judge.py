"""Marks for one notebook: its cells are executed as far as the checks need them, then each answer is judged apart.

The source's own statements, checks and hidden tests run here and in forks of this process; students' lines run in
contained processes only (`calls`).
"""

import ast
import gc
import json
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

from n2v.course.calls import Calls, Failed
from n2v.course.sandbox import Limits, contained
from n2v.course.slices import Statement, needed, statements
from n2v.course.source import Exercise, Source, blocks

OWN_SECONDS = 600.0  # that a check's own computation may take


@dataclass(frozen=True)
class Verdict:
    """On one exercise of one student."""

    exercise: str
    student: str
    passed: bool
    reason: str
    seconds: float


class Preamble:
    """The state of the notebook that checks find, made statement by statement in the source's order."""

    def __init__(self, source: Source, given: dict) -> None:
        self.source, self.given = source, given
        self.statements = statements(source)
        self.wanted = {exercise.id: needed(self.statements, exercise) for exercise in source.exercises}
        imports = [one for one in self.statements if isinstance(one.node, ast.Import | ast.ImportFrom)]
        self.union = {id(one) for each in (imports, *self.wanted.values()) for one in each}
        self.namespace: dict = {"__name__": "__main__"}
        self.failed: dict[int, str] = {}
        self.done: set[int] = set()

    def run_to(self, exercise: Exercise) -> str | None:
        """Execute what stands before an exercise and is wanted by any; returns why this one cannot be judged."""
        for number, one in enumerate(self.statements):
            if one.cell >= exercise.check or number in self.done or id(one) not in self.union:
                continue
            if not _answers(one, exercise):
                self.done.add(number)
                self._run(number, one)
        mine = {id(one) for one in self.wanted[exercise.id]}
        numbers = [number for number, one in enumerate(self.statements) if id(one) in mine and number in self.failed]
        return self.failed[numbers[0]] if numbers else None

    def _run(self, number: int, one: Statement) -> None:
        node = one.node
        names = [name for name in one.bound if name in self.given]
        if names and "parameters" in self.source.cells[one.cell].tags:
            self.namespace[names[0]] = self.given[names[0]]
            return
        try:
            exec(compile(ast.Module([node], []), f"cell {one.cell}", "exec"), self.namespace)
        except Exception as error:  # of the notebook itself: told, and whoever needs it is not judged
            line = self.source.cells[one.cell].line + node.lineno - 1
            said = str(error).replace(str(self.given["out_dir"]), "the run folder")
            self.failed[number] = f"line {line} of {self.source.path.name}: {type(error).__name__}: {said}"


def _answers(one: Statement, exercise: Exercise) -> bool:
    """Is the statement the author's answer to the exercise?"""
    return one.cell in exercise.cells and bool(one.bound & set(exercise.functions))


def judge_all(
    source: Source, given: dict, submissions: dict[str, dict[str, str]], limits: Limits, shut: bool
) -> Iterator[Verdict]:
    """All verdicts on a notebook. Those of student "" are on the author's own answers, first of each exercise.

    Args:
        source: The notebook.
        given: Parameter -> value.
        submissions: Student -> exercise -> code of its cells; an exercise that is missing was not handed in.
        limits: Of one exercise of one student.
        shut: This process has been shut in.
    """
    preamble = Preamble(source, given)
    for exercise in source.exercises:
        problem = preamble.run_to(exercise)
        if problem:
            yield Verdict(exercise.id, "", False, problem, 0.0)
            continue
        gc.freeze()  # else each fork's collections would copy all of this process's memory
        own = "\n".join(source.cells[position].text for position in exercise.cells)
        for student, code in [("", own), *[(name, cells.get(exercise.id)) for name, cells in submissions.items()]]:
            if code is None:
                yield Verdict(exercise.id, student, False, "no cell for this exercise", 0.0)
            else:
                verdict = _apart(exercise, student, code, preamble, limits, shut)
                yield verdict
                if student == "" and not verdict.passed:
                    break


def _apart(exercise: Exercise, student: str, code: str, preamble: Preamble, limits: Limits, shut: bool) -> Verdict:
    """Judge one answer in a fork of this process, so that nothing of it stays."""
    seconds = limits.seconds + OWN_SECONDS

    def work() -> bytes:
        calls = Calls(code, exercise.id, preamble.namespace, limits, shut)
        reason = decide(exercise, calls, preamble)
        return json.dumps([reason, calls.seconds]).encode()

    ended = contained(work, None, seconds)
    reason, spent = ("the check " + ended.reason, ended.seconds) if ended.reason else json.loads(ended.data)
    return Verdict(exercise.id, student, reason is None, reason or "right", spent)


def decide(exercise: Exercise, calls: Calls, preamble: Preamble) -> str | None:
    """Run the source's check on one student's answer; None when it is right, else why not."""
    check = preamble.source.cells[exercise.check]
    namespace = {name: value for name, value in preamble.namespace.items() if name not in exercise.functions}
    calls.namespace = dict(namespace)
    namespace |= {name: calls.proxy(name) for name in exercise.functions}
    reason = None
    try:
        exec(compile(check.text, "check", "exec"), namespace)
    except Exception as error:  # whatever an answer does to a check, it is not right
        reason = _why(error, exercise, calls, check.text.splitlines(), _hidden_lines(check))
    except SystemExit:
        reason = "the check was left"
    if calls.trouble:
        return calls.trouble
    if reason is None and not calls.n_calls:
        return "the function was never called"
    return reason


def _hidden_lines(check) -> set[int]:
    return {line + 1 for block in blocks(check) for line in range(block.first, block.last + 1)}


def _why(error: Exception, exercise: Exercise, calls: Calls, lines: list[str], hidden: set[int]) -> str:
    """Feedback: what the check says; of a hidden test, only what its author wrote for students to read."""
    places = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "check"]
    line = places[-1] if places else 0
    inside = line in hidden
    if isinstance(error, Failed):
        return str(error)
    if isinstance(error, AssertionError):
        said = str(error) or ("a test failed" if inside else f"not so: {lines[line - 1].strip() if line else ''}")
    elif calls.last_error:
        said = calls.last_error
    else:
        said = f"the check could not use what came back ({type(error).__name__}: {error})"
    return f"with other inputs: {said}" if inside else said
