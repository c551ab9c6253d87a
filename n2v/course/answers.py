"""`python -m n2v.course.answers`, in the sandbox: prepares the notebook's names, then makes a process for each answer.

This process never sees an answer, a solution or a test: an answer's process gets its code, and the arguments of its
calls, on a line of its own.
"""

import ctypes
import json
import linecache
import os
import pickle
import resource
import select
import shutil
import signal
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path
from zlib import crc32

import numpy as np
import torch

from n2v.course.sandbox import Limits
from n2v.course.statements import execute
from n2v.course.values import NotData, encode

LOOK_S = 0.05  # between looks at the memory in use
DUMPABLE = 4  # prctl's PR_SET_DUMPABLE: off, other processes of this user cannot read our memory


def main() -> None:
    """Serve the judge until it closes."""
    scratch, limits = json.loads(sys.argv[1])
    server = Server(Connection(os.dup(0)), scratch, Limits(**limits))
    ctypes.CDLL(None).prctl(DUMPABLE, 0, 0, 0, 0)
    reply: object = "ready"
    with suppress(EOFError):
        while True:
            server.control.send_bytes(json.dumps(reply).encode())
            what, *told = json.loads(server.control.recv_bytes())
            reply = [*execute(*told, server.namespace).items()] if what == "prepare" else server.answer()


class Server:
    """What is prepared, and the limits of an answer."""

    def __init__(self, control: Connection, scratch: str, limits: Limits) -> None:
        self.control, self.scratch, self.limits = control, scratch, limits
        self.namespace: dict = {"__name__": "__main__"}

    def answer(self) -> str:
        """Make a process for one answer, watch it until the judge says the word, clear up; what became of it."""
        link = recv_handle(self.control)
        child = os.fork()
        if child == 0:
            try:
                self._confine(link)
                Answer(Connection(link), self.namespace, self.limits).serve()
            finally:
                os._exit(113)
        os.close(link)
        ended = self._watch(child)
        self.control.recv_bytes()  # "end"
        self._clear()
        return ended

    def _watch(self, child: int) -> str:
        """Wait for the judge; when the answer's first process ends, or too much is used, kill all of it at once."""
        base, process, limits, ended = _use([os.getpid()])[0], os.pidfd_open(child), self.limits, None
        while not ended:
            ready = select.select([self.control, process], [], [], LOOK_S)[0]
            used_mb, n = _use([int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"])
            if os.getpid() != 1:  # no namespace of our own: only the answer itself is known
                used_mb, n = _use([child])
            if used_mb - base > limits.memory_mb:
                ended = too_much(limits)
            elif n > limits.processes:
                ended = f"started more than {limits.processes} processes"
            elif ready:
                ended = "ended"
        status = os.waitstatus_to_exitcode(_kill(child))
        os.close(process)
        return _how(status) if ended == "ended" else ended

    def _confine(self, link: int) -> None:
        """The answer's process: no open file but its link, standard streams that lead nowhere, limits."""
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.closerange(3, link)
        os.closerange(link + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        for kind, value in (
            (resource.RLIMIT_AS, taken + (self.limits.memory_mb << 20)),
            (resource.RLIMIT_FSIZE, self.limits.file_mb << 20),
            (resource.RLIMIT_NPROC, self.limits.processes),
            (resource.RLIMIT_NOFILE, 256),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(kind)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))
        os.chdir(self.scratch)

    def _clear(self) -> None:
        """Empty the scratch folder. Where an answer makes that fail, this process ends and the judge starts another."""
        for entry in os.scandir(self.scratch):
            (shutil.rmtree if entry.is_dir(follow_symlinks=False) else os.unlink)(entry.path)


def _use(processes: list[int]) -> tuple[float, int]:
    """Memory (MB) that processes hold, swapped out or not, and the number of their threads."""
    total, threads = 0, 0
    for process in processes:
        with suppress(OSError):  # gone meanwhile
            told = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
            total += sum(int(told[name].split()[0]) for name in ("RssAnon", "RssShmem", "VmSwap") if name in told)
            threads += int(told["Threads"])
    return total / 1024, threads


def _kill(child: int) -> int:
    """Kill the answer and all that it started, and wait until they are gone; its exit status.

    As process 1 of a process namespace we reach and inherit all of them; without one, the answer's own process group.
    """
    alone, status = os.getpid() == 1, 0
    for kill, whom in ((os.kill, -1),) if alone else ((os.killpg, child), (os.kill, child)):
        with suppress(ProcessLookupError):
            kill(whom, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            ended, code = os.waitpid(-1 if alone else child, 0)
            status = code if ended == child else status
    return status


def _how(code: int) -> str:
    names = {-9: "was killed", -11: "crashed (segmentation fault)"}
    return names.get(code, f"ended its process without returning (exit code {code})")


def too_much(limits: Limits) -> str:
    return f"took too much memory (limit {limits.memory_mb} MB)"


class Answer:
    """In an answer's process: executes its code, makes the calls that the judge asks for, sends back data."""

    def __init__(self, link: Connection, namespace: dict, limits: Limits) -> None:
        self.link, self.namespace, self.limits = link, namespace, limits
        self.code, self.file, self.own = json.loads(link.recv_bytes())
        self.begun: BaseException | bool = False

    def serve(self) -> None:
        """Call after call, until the judge has had enough."""
        while True:
            name, args, kwargs = pickle.loads(self.link.recv_bytes())
            try:
                self._begin()
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

    def _begin(self) -> None:
        """Once: the student's own definitions where the notebook has none of that name, then the exercise's cells."""
        if isinstance(self.begun, BaseException):
            raise self.begun
        if self.begun:
            return
        for names, text in self.own:
            with suppress(Exception):
                if not all(name in self.namespace for name in names):
                    exec(compile(text, "own cell", "exec"), self.namespace)
        linecache.cache[self.file] = (len(self.code), None, self.code.splitlines(keepends=True), self.file)
        try:
            exec(compile(self.code, self.file, "exec"), self.namespace)
            self.begun = True
        except BaseException as error:
            self.begun = error
            raise

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


if __name__ == "__main__":
    main()
