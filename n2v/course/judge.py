"""`python -m n2v.course.judge`: marks for one notebook. JSON comes in, a line goes out for each verdict.

The notebook's own statements, its checks and hidden tests run here, each check in a fork of its own; students' lines
run in the sandbox only. A check finds, under the names of the student's functions, ones that ask there for data.
"""

import ast
import builtins
import gc
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from n2v.course.sandbox import MAX_BYTES, Broken, Limits, Sandbox, within
from n2v.course.source import Exercise, Source, blocks, read_source
from n2v.course.statements import IMPORT, Statement, execute, needed, preparation
from n2v.course.values import NotData, decode, pickled

LONGEST = 300  # characters of a student's own message that are repeated
OWN_SECONDS = 600.0  # that a check's own computation may take


class Failed(Exception):
    """A call of a student's function without a result; the text says why."""


class Calls:
    """The student's functions as a check sees them, and what went wrong in them."""

    def __init__(self, link: Connection, seconds: float) -> None:
        self.link, self.limit, self.left = link, seconds, seconds
        self.trouble: str | None = None  # no marks, whatever the check says
        self.gone: str | None = None  # the function during which the answer's process ended
        self.last_error: str | None = None
        self.last: tuple[str, object] | None = None  # function, and what it returned

    def function(self, name: str) -> Callable:
        """A stand-in for the student's function."""

        def call(*args, **kwargs):
            return self._call(name, args, kwargs)

        call.__name__ = call.__qualname__ = name
        return call

    def _call(self, name: str, args: tuple, kwargs: dict) -> object:
        if self.trouble is not None:
            raise Failed(self.trouble)
        data, start = pickled((name, args, kwargs)), time.monotonic()
        try:
            with within(self.left):
                self.link.send_bytes(data)
                told = decode(self.link.recv_bytes(MAX_BYTES))
        except TimeoutError:
            raise self._fail(f"{name} ran out of time (limit {self.limit:g} s)") from None
        except (EOFError, ConnectionError):
            self.gone = name
            raise self._fail("") from None
        except OSError:
            raise self._fail(f"{name} returned more than {MAX_BYTES >> 20} MB") from None
        except NotData:
            told = None
        finally:
            self.left -= time.monotonic() - start
        match told:
            case ["returned", value]:
                self.last = name, value
                return value
            case ["raised", str(kind), str(message), str(place)]:
                raise self._again(kind[:LONGEST], message[:LONGEST], place[:LONGEST])
            case ["failed", str(reason)]:
                raise self._fail(f"{name}: {reason[:LONGEST]}")
        raise self._fail(f"{name} sent something that is no answer")

    def _fail(self, reason: str) -> Failed:
        self.trouble = reason
        return Failed(reason)

    def _again(self, kind: str, message: str, place: str) -> Exception:
        """The student's exception as one that checks can catch."""
        self.last_error = f"{kind}: {message}{place}"
        if kind == "NotImplementedError":
            self.trouble = "not written yet"
            return NotImplementedError(message)
        found = getattr(builtins, kind, None)
        if isinstance(found, type) and issubclass(found, Exception):
            with suppress(TypeError):  # such as UnicodeDecodeError's
                return found(message)
        return Failed(self.last_error)


class Preparation:
    """The names that checks find, made statement by statement in the notebook's order, here and in the sandbox."""

    def __init__(self, source: Source, given: dict, sandbox: Sandbox) -> None:
        self.source, self.given, self.sandbox = source, given, sandbox
        every = preparation(source)
        self.wanted = {exercise.id: needed(every, source, exercise) for exercise in source.exercises}
        wanted = {id(one) for found in self.wanted.values() for one in found}
        self.waiting = [one for one in every if id(one) in wanted or isinstance(one.node, IMPORT)]
        self.namespace: dict = {"__name__": "__main__"}
        self.failed: dict[int, str] = {}

    def run_to(self, exercise: Exercise) -> str | None:
        """Execute what stands before an exercise and is wanted by any; returns why this one cannot be judged."""
        now = [(one.line, self._text(one)) for one in self.waiting if one.cell < exercise.check]
        self.waiting = self.waiting[len(now) :]
        here: dict[int, str] = {}
        there = self.sandbox.prepare(now, lambda: here.update(execute(now, self.namespace)))
        self.failed |= there | here
        for one in self.wanted[exercise.id]:
            if one.line in self.failed:
                said = self.failed[one.line].replace(str(self.given["out_dir"]), "the run folder")
                return f"line {one.line} of {self.source.path.name}: {said}"
        return None

    def _text(self, one: Statement) -> str:
        """The statement; of a parameter, the one that sets it to what is given."""
        names = one.bound & set(self.given) if "parameters" in self.source.cells[one.cell].tags else ()
        return "; ".join(f"{name} = {self.given[name]!r}" for name in names) or ast.unparse(one.node)


def judge_all(source: Source, given: dict, submissions: dict[str, dict], sandbox: Sandbox) -> Iterator[list]:
    """All verdicts on a notebook: student, exercise, what is wrong or None.

    Those of student "" are on the author's own answers, first of each exercise. `given`: parameter -> value;
    `submissions`: student -> the fields of `submissions.Answers`.
    """
    prepared = Preparation(source, given, sandbox)
    for exercise in source.exercises:
        problem = prepared.run_to(exercise)
        if problem:
            yield ["", exercise.id, problem]
            continue
        gc.freeze()  # else each fork's collections would copy all of this process's memory
        cells = "\n".join(source.cells[position].text for position in exercise.cells)
        for student, told in {"": {"cells": {exercise.id: cells}, "own": []}, **submissions}.items():
            code = told["cells"].get(exercise.id)
            reason = "no cell for this exercise"
            if code is not None:
                reason = _apart(exercise, [code, exercise.id, told["own"]], prepared)
            yield [student, exercise.id, reason]
            if student == "" and reason is not None:
                break


def _apart(exercise: Exercise, begin: list, prepared: Preparation) -> str | None:
    """Judge one answer in a fork of this process, so that nothing of what it returns stays; None: right."""
    limit = prepared.sandbox.limits.seconds
    ours, theirs = Pipe()
    with prepared.sandbox.answer() as link:
        child = os.fork()
        if child == 0:
            try:
                calls = Calls(link, limit)
                link.send_bytes(json.dumps(begin).encode())
                theirs.send_bytes(json.dumps([decide(exercise, calls, prepared), calls.gone]).encode())
            finally:
                os._exit(0)
        theirs.close()
        try:
            with within(limit + OWN_SECONDS):
                reason, gone = json.loads(ours.recv_bytes())
        except (EOFError, TimeoutError):
            reason, gone = "the check ended its process or ran out of time", None
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    ours.close()
    ended = prepared.sandbox.end()
    return f"{gone} {ended}" if gone else reason


def decide(exercise: Exercise, calls: Calls, prepared: Preparation) -> str | None:
    """Run the source's check on one student's answer; None when it is right, else why not."""
    check = prepared.source.cells[exercise.check]
    namespace = dict(prepared.namespace) | {name: calls.function(name) for name in exercise.functions}
    reason = None
    try:
        exec(compile(check.text, "check", "exec"), namespace)
    except Exception as error:  # whatever an answer does to a check, it is not right
        hidden = {line + 1 for block in blocks(check) for line in range(block.first, block.last + 1)}
        reason = _why(error, calls, check.text.splitlines(), hidden)
    except SystemExit:
        reason = "the check was left"
    if calls.trouble is not None:
        return calls.trouble
    if reason is None and calls.left == calls.limit:
        return "the function was never called"
    return reason


def _why(error: Exception, calls: Calls, lines: list[str], hidden: set[int]) -> str:
    """Feedback: what the check says; of a hidden test, only what its author wrote for students to read."""
    places = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "check"]
    line = places[-1] if places else 0
    inside = line in hidden
    if isinstance(error, AssertionError):
        said = str(error) or ("a test failed" if inside else f"not so: {lines[line - 1].strip() if line else ''}")
    elif calls.last_error:
        said = calls.last_error
    elif calls.last is None:
        said = f"the check could not go on ({type(error).__name__}: {error})"
    else:
        said = f"the check could not use what came back: {calls.last[0]} returned {_in_words(calls.last[1])}"
    return f"with other inputs: {said}" if inside else said


def _in_words(value: object) -> str:
    if value is None:
        return "nothing (None); is a return missing?"
    shape = f" of shape {tuple(value.shape)}" if getattr(value, "ndim", 0) else ""
    return f"{type(value).__name__}{shape}; its docstring says what is wanted"


def main() -> None:
    """Read the job and judge."""
    job = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what notebooks and checks print is not a verdict
    run = Path(job["run"])
    given = {"profile": job["profile"], "out_dir": str(run), "seed": 0, "interactive": False}
    with closing(Sandbox(run, Limits(**job["limits"]), job["shut"])) as sandbox:
        for verdict in judge_all(read_source(Path(job["source"])), given, job["submissions"], sandbox):
            print(json.dumps(verdict), file=out, flush=True)


if __name__ == "__main__":
    try:
        main()
    except Broken as error:
        sys.exit(str(error))
