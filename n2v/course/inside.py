"""`python -m n2v.course.inside`: prepares a notebook's names, then makes two processes for each answer.

One runs the student's code and nothing else, under limits; it was made before the other has read the check. The other
runs the check, whose calls it sends there, and says what is wrong. This process watches, kills and clears up.
"""

import ctypes
import gc
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from n2v.course.answer import Answer, too_much
from n2v.course.check import StandIns, Task, decide
from n2v.course.contained import CHECKED_S, Limits
from n2v.course.statements import execute

LOOK_S = 0.05  # between looks at the memory in use
DUMPABLE, SUBREAPER = 4, 36  # of prctl: others of this user cannot read our memory; orphans become our children
SIGNALS = {-signal.SIGKILL: "was killed", -signal.SIGSEGV: "crashed (segmentation fault)"}


def main() -> None:
    """Serve whoever started this until it closes."""
    scratch, limits = json.loads(sys.argv[1])
    link, nowhere = Connection(os.dup(0)), os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    libc = ctypes.CDLL(None)
    libc.prctl(DUMPABLE, 0, 0, 0, 0)
    libc.prctl(SUBREAPER, 1, 0, 0, 0)
    namespace: dict = {"__name__": "__main__"}
    with suppress(EOFError):
        while True:
            told = json.loads(link.recv_bytes())
            if told == "answer":
                reply: object = judged(link, namespace, scratch, Limits(**limits))
            else:
                reply = [*execute(told, namespace).items()]
                gc.freeze()  # else each fork's collections would copy all of this process's memory
            link.send_bytes(json.dumps(reply).encode())


def judged(link: Connection, namespace: dict, scratch: str, limits: Limits) -> str | None:
    """What is wrong with one answer, or None; nothing of it is left."""

    def check() -> None:
        task, stand_ins = Task(**json.loads(link.recv_bytes())), StandIns(ours, limits.seconds)
        ours.send_bytes(json.dumps([task.code, task.exercise, task.own]).encode())
        verdict.send_bytes(json.dumps([decide(task, stand_ins, namespace), stand_ins.gone]).encode())

    (ours, theirs), (told, verdict) = Pipe(), Pipe(duplex=False)
    answering = forked(lambda: Answer(theirs, namespace, limits).serve(scratch))
    theirs.close()
    checking = forked(check)
    ours.close()
    verdict.close()
    reason, gone = _watched(told, checking, limits)
    status = os.waitstatus_to_exitcode(end_all(answering))
    clear(scratch)
    if gone:
        return f"{gone} " + SIGNALS.get(status, f"ended its process without returning (exit code {status})")
    return reason


def clear(folder: str) -> None:
    """Empty a folder, also of folders that were closed. What cannot be cleared ends us; another takes over."""
    for place, names, _ in os.walk(folder):
        for name in names:
            if not os.path.islink(os.path.join(place, name)):
                os.chmod(os.path.join(place, name), 0o700)
    for entry in os.scandir(folder):
        (shutil.rmtree if entry.is_dir(follow_symlinks=False) else os.unlink)(entry.path)


def forked(work: Callable[[], None]) -> int:
    """The number of a process that does the work and ends."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(113)
    return child


def _watched(told: Connection, checking: int, limits: Limits) -> list:
    """The verdict and the function that was called when the answer ended; or what limit all processes passed."""
    base, deadline = held_mb(os.getpid()), time.monotonic() + limits.seconds + CHECKED_S
    while not told.poll(LOOK_S):
        others = [one for one in below(os.getpid()) if one != checking]
        if sum(max(0.0, held_mb(one) - base) for one in others) > limits.memory_mb:
            return [too_much(limits), None]
        if len(others) > limits.processes:
            return [f"started more than {limits.processes} processes", None]
        if time.monotonic() > deadline:
            return ["the check ran out of time", None]
    with suppress(EOFError):
        return json.loads(told.recv_bytes())
    return ["the check ended its process", None]


def below(process: int) -> list[int]:
    """All processes below one."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, path.read_text().split()):
                found += [child, *below(child)]
    return found


def held_mb(process: int) -> float:
    """Memory that a process holds, swapped out or not; what it shares with the one that made it is counted, too."""
    total = 0
    with suppress(OSError):  # gone meanwhile
        told = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        total = sum(int(told[name].split()[0]) for name in ("RssAnon", "RssShmem", "VmSwap") if name in told)
    return total / 1024


def end_all(answering: int) -> int:
    """Kill all below this process and wait until they are gone; the status of the one that answered."""
    status = 0
    with suppress(ChildProcessError):
        while True:
            for one in [-1] if os.getpid() == 1 else below(os.getpid()):
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
            ended, code = os.waitpid(-1, 0)
            status = code if ended == answering else status
    return status


if __name__ == "__main__":
    main()
