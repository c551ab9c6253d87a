"""In the process of one answer: executes its code, makes the calls that the check asks for, sends back data."""

import json
import linecache
import os
import pickle
import resource
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from zlib import crc32

import numpy as np
import torch

from n2v.course.contained import Limits
from n2v.course.values import NotData, encode


def too_much(limits: Limits) -> str:
    return f"took too much memory (limit {limits.memory_mb} MB)"


class Answer:
    """One student's answer to one exercise, at the other end of a link."""

    def __init__(self, link: Connection, namespace: dict, limits: Limits) -> None:
        self.link, self.namespace, self.limits = link, namespace, limits

    def serve(self, scratch: str) -> None:
        """Call after call, until the check has had enough."""
        self._confine(scratch)
        code, self.file, own = json.loads(self.link.recv_bytes())
        failed = self._execute(code, own)
        while True:
            # from the check, which is trusted, to this process, which is not; data alone goes back (n2v.course.values)
            name, args, kwargs = pickle.loads(self.link.recv_bytes())
            try:
                if failed is not None:
                    raise failed
                told = encode(["returned", self._result(name, args, kwargs)])
            except (MemoryError, RuntimeError) as error:  # PyTorch says it with a RuntimeError
                full = isinstance(error, MemoryError) or "can't allocate memory" in str(error)
                told = encode(["failed", too_much(self.limits)] if full else self._raised(error))
            except NotData as error:
                told = encode(["failed", str(error)])
            except Exception as error:
                told = encode(self._raised(error))
            except BaseException as error:
                told = encode(["failed", f"called exit ({type(error).__name__}: {error})"])
            self.link.send_bytes(told)

    def _confine(self, scratch: str) -> None:
        """No open file but the link, standard streams that lead nowhere, limits."""
        os.setsid()
        link, nowhere = self.link.fileno(), os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.closerange(3, link)
        os.closerange(link + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        for kind, value in (
            (resource.RLIMIT_AS, taken + (self.limits.memory_mb << 20)),
            (resource.RLIMIT_FSIZE, self.limits.file_mb << 20),
            (resource.RLIMIT_NOFILE, 64),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(kind)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))
        os.chdir(scratch)

    def _execute(self, code: str, own: list) -> BaseException | None:
        """The student's own definitions where the notebook has none of that name, then the exercise's cells."""
        for names, text in own:
            with suppress(Exception):
                if not all(name in self.namespace for name in names):
                    exec(compile(text, "own cell", "exec"), self.namespace)
        linecache.cache[self.file] = (len(code), None, code.splitlines(keepends=True), self.file)
        try:
            exec(compile(code, self.file, "exec"), self.namespace)
        except BaseException as error:
            return error
        return None

    def _result(self, name: str, args: tuple, kwargs: dict) -> object:
        if name not in self.namespace:
            raise NotData(f"there is no {name} in the cell")
        before = fingerprints([args, kwargs])
        result = self.namespace[name](*args, **kwargs)
        if fingerprints([args, kwargs]) != before:
            raise NotData("it changes what it was given, in place; work on a copy")
        return result

    def _raised(self, error: Exception) -> list:
        """An exception with the line of the student's cell in which it happened."""
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.file]
        message = str(error)
        if isinstance(error, SyntaxError) and error.filename == self.file:
            lines, message = [error.lineno or 0], error.msg
        return ["raised", type(error).__name__, message, f" (line {lines[-1]} of the cell)" if lines else ""]


def fingerprints(value: object) -> object:
    """Checksums of the arrays and tensors in nested lists, tuples and dictionaries."""
    if isinstance(value, list | tuple | dict):
        return [fingerprints(part) for part in (value.values() if isinstance(value, dict) else value)]
    value = value.detach().numpy() if isinstance(value, torch.Tensor) else value
    return crc32(value.tobytes()) if isinstance(value, np.ndarray) else 0
