"""A process that may compute and nothing else: limits, and where the kernel gives them, namespaces. Linux only.

With namespaces (user, mount, network, process, IPC) the whole file system is read-only but for one scratch folder in
memory, there is no network, and no process outlives its limit. Without them only the limits hold; `namespaces()` says
which it is.
"""

import ctypes
import math
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NET = 0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
PRIVATE = 0x4000 | 0x40000  # MS_REC | MS_PRIVATE
HARMLESS = 2 | 4  # MS_NOSUID | MS_NODEV
MOUNT_SETATTR = 442  # the same number on every architecture
PARENT_DIES, NO_NEW_PRIVILEGES, DROP_BOUND = 1, 38, 24  # prctl's PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP
N_CAPABILITIES = 64
LAST_GASP_S = 10.0  # a killed crowd is gone long before
CAPABILITIES_V3 = 0x20080522


@dataclass(frozen=True)
class Limits:
    """What one exercise of one student may use."""

    seconds: float = 120.0  # of all calls together, by the clock
    memory_mb: int = 2048  # on top of what the grader's own process takes
    file_mb: int = 64
    processes: int = 64


@dataclass(frozen=True)
class Ended:
    """How a contained call ended: its bytes, or why there are none."""

    data: bytes | None
    reason: str | None
    seconds: float


def _libc():
    return ctypes.CDLL(None, use_errno=True)


def _must(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def shut_in(scratch: Path, scratch_mb: int, hidden: Iterable[Path] = ()) -> None:
    """Move this process, while it has one thread, into namespaces of its own.

    Only `scratch` can be written; the `hidden` folders, and /run with the sockets of services, look empty.

    Raises:
        OSError: the kernel does not let this user do it.
    """
    libc, uid, gid = _libc(), os.getuid(), os.getgid()
    _must(libc.unshare(NEW_USER | NEW_MOUNTS | NEW_NET | NEW_IPC), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _must(libc.mount(None, b"/", None, PRIVATE, None), "private mounts")
    read_only = (ctypes.c_uint64 * 4)(1, 0, 0, 0)  # struct mount_attr: set MOUNT_ATTR_RDONLY
    code = libc.syscall(MOUNT_SETATTR, -100, b"/", 0x8000, read_only, ctypes.sizeof(read_only))
    _must(code, "read-only file system")
    options = f"size={scratch_mb}m,mode=700".encode()
    _must(libc.mount(b"tmpfs", os.fsencode(scratch), b"tmpfs", HARMLESS, options), "scratch folder")
    for folder in (*hidden, Path("/run")):
        if folder.is_dir() and not folder.is_symlink():
            _must(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", HARMLESS | 1, b"size=4k"), f"hiding {folder}")


def namespaces() -> bool:
    """Can this user shut a process in? Tried in a child."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            shut_in(Path("/tmp"), 1)
            _must(_libc().unshare(NEW_PIDS), "unshare")
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def contained(
    work: Callable[[], bytes], limits: Limits | None, seconds: float, *, shut: bool = False, max_bytes: int = 1 << 20
) -> Ended:
    """Run `work` in a process of its own and return its bytes, whatever it does.

    Args:
        work: Called in a fork of this process, so it sees everything that is here and changes nothing of it.
        limits: Of memory, files and processes; None for work of our own, which keeps its rights and open files.
        seconds: By the clock; then it and all it started are killed.
        shut: This process has been `shut_in`; the work then gets process ids of its own and loses every capability.
        max_bytes: More is cut off, and counts as none.
    """
    read, write = os.pipe()
    told, tell = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        _guard(work, limits, seconds, shut, write, tell)
    os.close(write)
    os.close(tell)
    worker = int.from_bytes(os.read(told, 8), "little")
    handle = os.pidfd_open(worker) if worker else None
    os.close(told)
    data, reason = _read(read, start + seconds, max_bytes)
    os.close(read)
    if reason is not None:
        _kill(child, handle)
    if handle is not None:
        os.close(handle)
    status = os.waitpid(child, 0)[1]
    if reason is None and not data:
        reason = _how_it_died(status)
    return Ended(None if reason else data, reason, time.monotonic() - start)


def _kill(child: int, worker: int | None) -> None:
    """Our child and its group; the worker (a file handle), as process 1 of its namespace, takes all in there along.

    The handle can be read when the last of them is gone: whoever comes next has the machine to itself.
    """
    if worker is not None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(worker, signal.SIGKILL)
            select.select([worker], [], [], LAST_GASP_S)
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError):
            kill(child, signal.SIGKILL)


def _read(read: int, deadline: float, max_bytes: int) -> tuple[bytes, str | None]:
    """Everything up to the end of the pipe, or why not."""
    parts, n_bytes = [], 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([read], [], [], left)[0]:
            return b"", "ran out of time"
        part = os.read(read, 1 << 20)
        if not part:
            return b"".join(parts), None
        parts.append(part)
        n_bytes += len(part)
        if n_bytes > max_bytes:
            return b"", f"returned more than {max_bytes >> 20} MB"


def _how_it_died(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        names = {9: "was killed (memory or processor time)", 24: "ran out of time", 11: "crashed (segmentation fault)"}
        return names.get(number, f"was ended by signal {number}")
    return f"ended its process without returning (exit code {code})"


def _guard(work: Callable[[], bytes], limits: Limits | None, seconds: float, shut: bool, write: int, tell: int) -> None:
    """The forked child: does not return. With `shut`, the work runs in a grandchild that is process 1 of its own."""
    code = 113
    try:
        os.setsid()
        libc = _libc()
        libc.prctl(PARENT_DIES, signal.SIGKILL, 0, 0, 0)
        if shut:
            _must(libc.unshare(NEW_PIDS), "unshare")
            worker = os.fork()
            if worker:
                os.write(tell, worker.to_bytes(8, "little"))
                os.close(tell)
                os.close(write)
                code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
                code = code if code >= 0 else 128 - code
                return
            libc.prctl(PARENT_DIES, signal.SIGKILL, 0, 0, 0)
        if limits is not None:
            _bare(write)
            _limit(limits, seconds)
            _powerless(libc)
        else:
            os.close(tell)
        data = work()
        while data:
            data = data[os.write(write, data) :]
        code = 0
    finally:
        os._exit(code)


def _bare(write: int) -> None:
    """No open file but the pipe; standard streams lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.closerange(3, write)
    os.closerange(write + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _limit(limits: Limits, seconds: float) -> None:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    processor = math.ceil(seconds) + 1
    for kind, value in (
        (resource.RLIMIT_AS, taken + (limits.memory_mb << 20)),
        (resource.RLIMIT_CPU, processor),
        (resource.RLIMIT_FSIZE, limits.file_mb << 20),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _powerless(libc) -> None:
    """No capability, and no way to get one back."""
    for number in range(N_CAPABILITIES):
        libc.prctl(DROP_BOUND, number, 0, 0, 0)
    header, nothing = (ctypes.c_uint32 * 2)(CAPABILITIES_V3, 0), (ctypes.c_uint32 * 6)()
    _must(libc.capset(header, nothing), "capset")
    _must(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no new privileges")
