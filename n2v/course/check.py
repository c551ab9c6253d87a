"""In the process of one check: the student's functions are stand-ins, which ask the answer's process for data."""

import builtins
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

import cloudpickle

from n2v.course.values import NotData, decode

LONGEST = 300  # characters of a student's own message that are repeated
MAX_BYTES = 64 << 20  # of one result


@dataclass(frozen=True)
class Task:
    """One answer to one exercise, and what decides on it."""

    exercise: str
    code: str  # the cells that a student wrote
    own: list  # definitions in other cells: names, text
    functions: list[str]  # that the check calls
    check: str
    hidden: list[int]  # its lines, from 1, that students do not see


class Failed(Exception):
    """A call of a student's function without a result; the text says why."""


def _ring(*_) -> None:
    raise TimeoutError


class StandIns:
    """The student's functions as a check sees them, and what went wrong in them."""

    def __init__(self, link: Connection, seconds: float) -> None:
        self.link, self.limit, self.left = link, seconds, seconds
        signal.signal(signal.SIGALRM, _ring)
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
        data, start = cloudpickle.dumps((name, args, kwargs)), time.monotonic()
        try:
            signal.setitimer(signal.ITIMER_REAL, max(self.left, 0.001))
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
            signal.setitimer(signal.ITIMER_REAL, 0)
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


def decide(task: Task, stand_ins: StandIns, namespace: dict) -> str | None:
    """Run the check on one answer; None when it is right, else why not."""
    reason = None
    try:
        exec(
            compile(task.check, "check", "exec"),
            namespace | {name: stand_ins.function(name) for name in task.functions},
        )
    except Exception as error:  # whatever an answer does to a check, it is not right
        reason = _why(error, stand_ins, task)
    except SystemExit:
        reason = "the check was left"
    if stand_ins.trouble is not None:
        return stand_ins.trouble
    if reason is None and stand_ins.left == stand_ins.limit:
        return "the function was never called"
    return reason


def _why(error: Exception, stand_ins: StandIns, task: Task) -> str:
    """Feedback: what the check says; of a hidden test, only what its author wrote for students to read."""
    places = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "check"]
    line = places[-1] if places else 0
    inside = line in task.hidden
    if isinstance(error, AssertionError):
        shown = task.check.splitlines()[line - 1].strip() if line else ""
        said = str(error) or ("a test failed" if inside else f"not so: {shown}")
    elif stand_ins.last_error:
        said = stand_ins.last_error
    elif stand_ins.last is None:
        said = f"the check could not go on ({type(error).__name__}: {error})"
    else:
        said = f"the check could not use what came back: {stand_ins.last[0]} returned {_in_words(stand_ins.last[1])}"
    return f"with other inputs: {said}" if inside else said


def _in_words(value: object) -> str:
    if value is None:
        return "nothing (None); is a return missing?"
    shape = f" of shape {tuple(value.shape)}" if getattr(value, "ndim", 0) else ""
    return f"{type(value).__name__}{shape}; its docstring says what is wanted"
