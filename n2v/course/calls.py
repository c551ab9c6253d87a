"""A student's function as the judge sees it: each call runs in a contained process and only data come back.

The judge never executes a student's line. A call is made in a fork of the judge, which has the arguments already, so
these may be anything; what comes back is read by `carry`. So that exercises about training can be judged too, a result
that wants gradients gets them (by a second contained call), and parameters that the function has changed are changed
here. Arrays given to it must stay as they are.
"""

import builtins
import linecache
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from zlib import crc32

import numpy as np

from n2v.course.carry import MAX_BYTES, CannotCarry, pack, unpack
from n2v.course.sandbox import Limits, contained

LONGEST = 300  # characters of a student's own message that are repeated


class Failed(Exception):
    """A call after which the exercise has no marks; the text says why."""


class Raised(Exception):
    """An exception of the student's that is none of Python's own."""


@dataclass
class Calls:
    """All calls of one exercise of one student, and what went wrong in them."""

    code: str  # the student's cells
    file: str  # their name in messages, such as "02-3"
    namespace: dict  # of the notebook, where the code is executed
    limits: Limits
    shut: bool
    n_calls: int = 0
    seconds: float = 0.0
    trouble: str | None = None
    last_error: str | None = None

    def proxy(self, name: str) -> Callable:
        """A stand-in for the student's function `name`."""

        def call(*args, **kwargs):
            return self.ask(name, args, kwargs)

        call.__name__ = call.__qualname__ = name
        return call

    def ask(self, name: str, args: tuple, kwargs: dict, cotangent: tuple | None = None) -> object:
        """Call the function; with `cotangent` (which tensor of its result, gradient) return gradients of its inputs."""
        if self.trouble:
            raise Failed(self.trouble)
        self.n_calls += 1
        work = partial(self._work, name, args, kwargs, cotangent)
        left = self.limits.seconds - self.seconds
        ended = contained(work, self.limits, left, shut=self.shut, max_bytes=MAX_BYTES)
        self.seconds += ended.seconds
        if ended.reason is not None:
            limit = f" (limit {self.limits.seconds:g} s)" if "out of time" in ended.reason else ""
            raise self._fail(f"{name} {ended.reason}{limit}")
        try:
            answer = unpack(ended.data)
            told, value = answer["told"], answer["value"]
        except (CannotCarry, KeyError, TypeError):
            raise self._fail(f"{name} sent something that is no answer") from None
        if told == "raised":
            raise self._again(value)
        if told != "returned":
            raise self._fail(f"{name}: {str(value)[:LONGEST]}")
        return value if cotangent else self._received(name, args, kwargs, value, answer.get("state"))

    def _fail(self, reason: str) -> Failed:
        self.trouble = reason
        return Failed(reason)

    def _again(self, value: object) -> Exception:
        """The student's exception as one that checks can catch."""
        kind, message, place = (str(part)[:LONGEST] for part in value)
        self.last_error = f"{kind}: {message}{place}"
        if kind == "NotImplementedError":
            self.trouble = "not written yet"
            return NotImplementedError(message)
        found = getattr(builtins, kind, None)
        if isinstance(found, type) and issubclass(found, Exception):
            try:
                return found(message)
            except TypeError:  # such as UnicodeDecodeError
                return Raised(self.last_error)
        return Raised(self.last_error)

    def _received(self, name: str, args: tuple, kwargs: dict, value: object, state: object) -> object:
        """The result, tied to its inputs where it wants gradients; parameters the call has changed are changed here."""
        parameters = [*leaves((args, kwargs))]
        if not parameters:
            return value
        from n2v.course.gradients import restore, tie

        try:
            restore(parameters, state)
        except (RuntimeError, TypeError, ValueError):
            raise self._fail(f"{name} left parameters of another shape") from None
        return tie(value, parameters, partial(self._gradients, name, args, kwargs))

    def _gradients(self, name: str, args: tuple, kwargs: dict, which: int, gradient: object) -> object:
        return self.ask(name, args, kwargs, (which, gradient))

    def _work(self, name: str, args: tuple, kwargs: dict, cotangent: tuple | None) -> bytes:
        """In the contained process: execute the student's cells, call the function, pack what it returns."""
        try:
            place = os.environ["HOME"] = tempfile.mkdtemp()
            os.chdir(place)
            answer = self._returned(name, args, kwargs, cotangent)
        except CannotCarry as error:
            answer = ("failed", str(error))
        except MemoryError:
            answer = ("failed", self._too_much())
        except RuntimeError as error:  # PyTorch's way to say it
            full = "can't allocate memory" in str(error)
            answer = ("failed", self._too_much()) if full else self._raised(error)
        except Exception as error:
            answer = self._raised(error)
        except BaseException as error:
            answer = ("failed", f"called exit ({type(error).__name__}: {error})")
        return answer if isinstance(answer, bytes) else pack({"told": answer[0], "value": answer[1]})

    def _too_much(self) -> str:
        return f"took too much memory (limit {self.limits.memory_mb} MB)"

    def _returned(self, name: str, args: tuple, kwargs: dict, cotangent: tuple | None) -> bytes | tuple:
        namespace = dict(self.namespace)
        linecache.cache[self.file] = (len(self.code), None, self.code.splitlines(keepends=True), self.file)
        exec(compile(self.code, self.file, "exec"), namespace)
        if name not in namespace:
            return "failed", f"there is no {name} in the cell"
        before = fingerprints((args, kwargs))
        parameters = [*leaves((args, kwargs))]
        result = namespace[name](*args, **kwargs)
        if fingerprints((args, kwargs)) != before:
            return "failed", "it changes what it was given, in place; work on a copy"
        if not parameters:
            return pack({"told": "returned", "value": result})
        from n2v.course.gradients import pull_back, snapshot

        if cotangent:
            return pack({"told": "returned", "value": pull_back(result, parameters, *cotangent)})
        return pack({"told": "returned", "value": result, "state": snapshot(parameters)})

    def _raised(self, error: Exception) -> tuple[str, object]:
        """An exception with the line of the student's cell in which it happened."""
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.file]
        if isinstance(error, SyntaxError) and error.filename == self.file:
            lines, message = [error.lineno or 0], error.msg
        else:
            message = str(error)
        return "raised", (type(error).__name__, message, f" (line {lines[-1]} of the cell)" if lines else "")


def walk(value: object) -> Iterator[object]:
    """All parts of nested collections."""
    if isinstance(value, dict):
        for part in value.values():
            yield from walk(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from walk(part)
    else:
        yield value


def fingerprints(value: object) -> list[int]:
    """Checksums of the NumPy arrays in it, and of the tensors that want no gradient."""
    found = []
    for part in walk(value):
        if isinstance(part, np.ndarray):
            found.append(crc32(part.tobytes()))
        elif getattr(part, "requires_grad", None) is False and hasattr(part, "detach"):
            found.append(crc32(pack(part)))
    return found


def leaves(value: object) -> Iterator[object]:
    """Tensors in it that want gradients: given themselves, or in modules and optimisers."""
    seen = set()
    for part in walk(value):
        found = [part] if getattr(part, "requires_grad", None) is True and hasattr(part, "grad_fn") else []
        if hasattr(part, "named_parameters") and hasattr(part, "buffers"):
            found = [*part.parameters(), *part.buffers()]
        elif hasattr(part, "param_groups"):
            found = [one for group in part.param_groups for one in group["params"]]
        for one in found:
            if id(one) not in seen:
                seen.add(id(one))
                yield one
