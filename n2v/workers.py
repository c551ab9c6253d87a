"""Who computes: this process, a pool of processes, or a few processes a GPU. Workers know nothing of NeRFs.

The pool is `concurrent.futures.ProcessPoolExecutor`; what stands here is what it leaves open: a process that dies costs
no other work, Ctrl-C and a killed parent leave no process, and each process has its own GPU.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import active_children, connection, get_context, parent_process, resource_tracker
from threading import Thread

from n2v.errors import BadInput
from n2v.machine import available_cores, quiet_worker

MOST_A_GPU = 8  # workers
NAMES = ("inprocess", "pool", "gpus", "slurm")
DIED = "its process died; the system ends a process when memory runs out"
START_FIX = "see its message above; a script must call this under if __name__ == '__main__'; or use --driver inprocess"
KEPT_FROM_WORKERS = (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)  # Ctrl-C, and what SLURM warns processes with


@dataclass(frozen=True)
class Death:
    """An item came to no result because its process ended or had no memory left."""

    reason: str


@dataclass(frozen=True)
class Workers:
    """Processes with `threads` threads, one for each of `environments` (what is added to its own); none: this process.

    In this process nothing has to be started, but a fault in a library ends the run.
    """

    environments: tuple[Mapping[str, str], ...] = ()
    threads: int = 1

    @classmethod
    def of(cls, n: int | None = None) -> "Workers":
        """So many processes (None: one a core), one thread each."""
        n = available_cores() if n is None else n
        if n < 1:
            raise BadInput(f"{n} workers", where="--workers", fix="use at least 1")
        return cls(({},) * n)

    @classmethod
    def gpus(cls) -> "Workers":
        """Several processes for each visible GPU, which is the only one that they see; cores are shared out evenly.

        A fit prepares on the CPU and steps on the GPU: while one worker prepares, another one steps.
        """
        names = visible_gpus()
        if not names:
            raise BadInput("no GPU is visible", where="--driver gpus", fix="use --driver pool, or see: n2v doctor")
        environments = tuple({"CUDA_VISIBLE_DEVICES": name} for _ in range(workers_a_gpu()) for name in names)
        return cls(environments, max(1, available_cores() // len(environments)))

    def run(self, task: Callable[[list], object], groups: list[list]) -> Iterator[tuple[list, object]]:
        """Yield (group, task's result) as groups finish.

        The items of groups that were in work when a process died, or memory ran out, are tried again one by one at the
        end; those that die once more come as ([item], Death). Close the iterator to end the processes at once.

        Raises:
            BadInput: a process does not start.
        """
        again: list[list] = []
        for group, result in self._pass(task, groups):
            if isinstance(result, Death):
                again += [[item] for item in group]
            else:
                yield group, result
        yield from replace(self, environments=self.environments[:1])._pass(task, again)

    def _pass(self, task: Callable[[list], object], groups: list[list]) -> Iterator[tuple[list, object]]:
        """Every group once; Death for each that was in work when a process died."""
        if not self.environments:
            yield from ((group, _attempt(task, group)) for group in groups)
            return
        waiting, n = deque(groups), min(len(self.environments), len(groups))
        while waiting:
            running: dict[Future, list] = {}
            broken = False
            with _pool(self.environments[:n], self.threads) as submit:
                while running or (waiting and not broken):
                    while waiting and not broken and len(running) < n:
                        running[submit(_attempt, task, waiting[0])] = waiting[0]
                        waiting.popleft()
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        group, died = running.pop(future), isinstance(future.exception(), BrokenProcessPool)
                        broken |= died
                        yield group, Death(DIED) if died else future.result()


@contextmanager
def _pool(environments: tuple[Mapping[str, str], ...], threads: int) -> Iterator[Callable[..., Future]]:
    """A pool's `submit`; its processes are ended at the end, whatever they do: a worker writes no files."""
    context = get_context("spawn")
    told = context.SimpleQueue()
    for environment in environments:
        told.put(dict(environment))
    others = set(active_children())
    pool = ProcessPoolExecutor(len(environments), context, _begin, (told, threads))

    def submit(*work: object) -> Future:
        """Starts a process where one is missing, which keeps our signals blocked."""
        resource_tracker.ensure_running()  # starting it would lift the block
        before = signal.pthread_sigmask(signal.SIG_BLOCK, KEPT_FROM_WORKERS)
        try:
            return pool.submit(*work)
        except BrokenProcessPool as error:
            failed: Future = Future()
            failed.set_exception(error)
            return failed
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        if submit(os.getpid).exception():
            raise BadInput("a worker process does not start", fix=START_FIX)
        yield submit
    finally:
        for process in set(active_children()) - others:
            process.kill()
        pool.shutdown(cancel_futures=True)


def _begin(told, threads: int) -> None:
    """In a new process: take an environment, and end with the parent, however that ends."""
    Thread(target=_end_with, args=(parent_process().sentinel,), daemon=True).start()
    os.environ.update(told.get())
    quiet_worker()
    import torch

    torch.set_num_threads(threads)


def _end_with(parent: int) -> None:
    connection.wait([parent])
    os._exit(1)


def _attempt(task: Callable[[list], object], group: list) -> object:
    """The task's result, or Death when memory ran out in a way the process survived."""
    import torch

    try:
        return task(group)
    except (MemoryError, torch.OutOfMemoryError) as error:
        return Death(f"not enough memory ({str(error).splitlines()[0] if str(error) else type(error).__name__})")


def visible_gpus() -> tuple[str, ...]:
    """Names of the GPUs this process may use, as CUDA_VISIBLE_DEVICES takes them."""
    import torch

    n = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return tuple((named or [str(i) for i in range(n)])[:n])


def workers_a_gpu() -> int:
    """Half as many as the cores that a GPU has for itself, at most eight: each holds some memory there."""
    return max(1, min(MOST_A_GPU, available_cores() // (2 * max(1, len(visible_gpus())))))


def choose(name: str, workers: int | None = None, on_gpu: bool = False) -> Workers:
    """Workers of one machine by a driver's name; a pool of no given size is the GPUs' where the task runs `on_gpu`."""
    if name == "inprocess" or (name == "pool" and workers == 1):
        return Workers()
    if name == "gpus" or (name == "pool" and workers is None and on_gpu):
        return Workers.gpus()
    if name == "pool":
        return Workers.of(workers)
    raise BadInput(f"unknown driver '{name}'", where="--driver", fix=f"use one of: {', '.join(NAMES)}")
