"""Who computes: this process, a pool of processes, or a few processes a GPU. Drivers know nothing of NeRFs.

A driver applies a function to groups of items and yields what came of each group, as it finishes. A group whose
process dies (memory, a fault in a library) costs that group alone: each worker has its own connection, so it is
certain which group it was, and a fresh worker takes its place.
"""

import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Protocol, runtime_checkable

from n2v.errors import BadInput
from n2v.machine import available_cores, quiet_worker

MOST_A_GPU = 8  # workers
NAMES = ("inprocess", "pool", "gpus", "slurm")
READY = "ready"
START_FIX = "see its message above; a script must call this under if __name__ == '__main__'; or use --driver inprocess"
KEPT_FROM_WORKERS = (
    signal.SIGINT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)  # Ctrl-C, and what SLURM warns a job's processes with


@dataclass(frozen=True)
class Death:
    """A group came to no result because its process ended or had no memory left."""

    reason: str


@runtime_checkable
class Driver(Protocol):
    """Anything that can run a function over groups."""

    def run(self, task: Callable[[list], object], groups: list[list], *, singly: bool = False) -> Iterator[tuple]:
        """Yield (group, result or Death) for every group, in any order; `singly`: never two at the same time."""
        ...


@dataclass(frozen=True)
class InProcess:
    """Here, one group after another. Nothing to start, but a fault in a library ends the run."""

    def run(self, task: Callable[[list], object], groups: list[list], *, singly: bool = False) -> Iterator[tuple]:
        """See `Driver.run`."""
        for group in groups:
            yield group, _attempt(task, group)


@dataclass(frozen=True)
class Pool:
    """Worker processes, each with `threads` threads and its own additions to the environment.

    `environments` holds one mapping a worker, so its length is the number of workers.
    """

    environments: tuple[Mapping[str, str], ...]
    threads: int = 1

    @classmethod
    def of(cls, workers: int | None = None) -> "Pool":
        """A pool of so many workers (None: one a core), one thread each."""
        n = available_cores() if workers is None else workers
        if n < 1:
            raise BadInput(f"{n} workers", where="--workers", fix="use at least 1")
        return cls(({},) * n)

    @classmethod
    def gpus(cls) -> "Pool":
        """Several workers for each visible GPU, which is the only one that they see; cores are shared out evenly.

        A fit prepares on the CPU and steps on the GPU: while one worker prepares, another one steps.
        """
        names = visible_gpus()
        if not names:
            raise BadInput("no GPU is visible", where="--driver gpus", fix="use --driver pool, or see: n2v doctor")
        environments = tuple({"CUDA_VISIBLE_DEVICES": name} for _ in range(workers_a_gpu()) for name in names)
        return cls(environments, max(1, available_cores() // len(environments)))

    def run(self, task: Callable[[list], object], groups: list[list], *, singly: bool = False) -> Iterator[tuple]:
        """See `Driver.run`. Workers are stopped when the iterator is closed, whatever they are doing.

        Raises:
            BadInput: a worker ended before it could take any work.
        """
        waiting = deque(groups)
        busy: dict[Connection, tuple[_Worker, list | None]] = {}
        try:
            for environment in self.environments[: 1 if singly else len(groups)]:
                _start(busy, task, environment, self.threads)
            while busy:
                for connection in wait(list(busy)):
                    worker, group = busy.pop(connection)
                    result = worker.receive()
                    died = isinstance(result, Death)
                    if died and group is None:
                        raise BadInput(f"a worker process does not start: {result.reason}", fix=START_FIX)
                    if died or not waiting:
                        worker.stop()
                    if died and waiting:
                        _start(busy, task, worker.environment, self.threads)
                    elif waiting:
                        worker.give(waiting[0])
                        busy[connection] = (worker, waiting.popleft())
                    if isinstance(result, Exception):
                        raise result
                    if group is not None:
                        yield group, result
        finally:
            for worker, _ in busy.values():
                worker.stop()


def visible_gpus() -> tuple[str, ...]:
    """Names of the GPUs this process may use, as CUDA_VISIBLE_DEVICES takes them."""
    import torch

    n = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return tuple((named or [str(i) for i in range(n)])[:n])


def workers_a_gpu() -> int:
    """Half as many as the cores that a GPU has for itself, at most eight: each holds some memory there."""
    return max(1, min(MOST_A_GPU, available_cores() // (2 * max(1, len(visible_gpus())))))


def choose(name: str, workers: int | None = None, on_gpu: bool = False) -> Driver:
    """The driver of one machine by its name; a pool of no given size is that of the GPUs if the task runs `on_gpu`."""
    if name == "inprocess" or (name == "pool" and workers == 1):
        return InProcess()
    if name == "gpus" or (name == "pool" and workers is None and on_gpu):
        return Pool.gpus()
    if name == "pool":
        return Pool.of(workers)
    raise BadInput(f"unknown driver '{name}'", where="--driver", fix=f"use one of: {', '.join(NAMES)}")


@dataclass(frozen=True)
class _Worker:
    """One process and the connection to it."""

    process: BaseProcess
    connection: Connection
    environment: Mapping[str, str]

    def give(self, group: list) -> None:
        """Send work; that a worker is dead is noticed when its answer is read."""
        with suppress(OSError):
            self.connection.send(group)

    def receive(self) -> object:
        """Its answer, or its death."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return Death(_cause(self.process.exitcode))

    def stop(self) -> None:
        """End it at once: a worker writes no files, so nothing is torn."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _start(busy: dict, task: Callable[[list], object], environment: Mapping[str, str], threads: int) -> None:
    """Start a worker that no signal for its parent reaches, and wait for its READY among the `busy` ones."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, task, dict(environment), threads), daemon=True)
    resource_tracker.ensure_running()  # starting it would lift the block below
    before = signal.pthread_sigmask(signal.SIG_BLOCK, KEPT_FROM_WORKERS)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    busy[ours] = (_Worker(process, ours, environment), None)


def _serve(connection: Connection, task: Callable[[list], object], environment: dict[str, str], threads: int) -> None:
    """A worker's life: answer groups until the connection ends."""
    Thread(target=_end_with, args=(parent_process().sentinel,), daemon=True).start()
    os.environ.update(environment)
    quiet_worker()
    import torch

    torch.set_num_threads(threads)
    connection.send(READY)
    while True:
        try:
            group = connection.recv()
        except EOFError:
            return
        try:
            answer = _attempt(task, group)
        except Exception as error:
            error.add_note("in a worker process:\n" + traceback.format_exc())
            answer = error
        connection.send(answer)


def _end_with(parent: int) -> None:
    """A worker ends when its parent is killed: in the middle of a group it would not notice for long."""
    wait([parent])
    os._exit(1)


def _attempt(task: Callable[[list], object], group: list) -> object:
    """The task's result, or Death when memory ran out in a way the process survived."""
    import torch

    try:
        return task(group)
    except (MemoryError, torch.OutOfMemoryError) as error:
        return Death(f"not enough memory ({str(error).splitlines()[0] if str(error) else type(error).__name__})")


def _cause(exit_code: int | None) -> str:
    """What an exit code says about a worker's end."""
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = "; the system does so when memory runs out" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{hint}"
    return f"its process ended with exit code {exit_code}"
