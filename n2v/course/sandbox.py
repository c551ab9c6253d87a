"""A sandbox for answers: bubblewrap, everything unshared, and of the file system only what computing needs.

Inside, `n2v.course.answers` prepares what a notebook prepares and makes a process for each answer. Nothing that tells a
solution or a test goes in before that process, and each ends before the next begins.
"""

import json
import os
import platform
import shutil
import signal
import site
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path

import n2v
from n2v.errors import BadInput
from n2v.files import data_folder

INSTALL = "install bubblewrap (apt-get install bubblewrap) and allow user namespaces"
READY_S, PREPARED_S, CLEARED_S = 120.0, 1800.0, 20.0  # to start; to prepare; to end an answer
# Calls by number (x86_64, aarch64): memory that no process has mapped escapes the count, some calls reach into other
# processes, and where root grades, /dev/null could be given another mode.
REFUSED = {
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "bpf": (321, 280), "perf_event_open": (298, 241),
    "chmod": (90, 53), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219), "unshare": (272, 97), "setns": (308, 268),
}  # fmt: skip
# Column above, audit number, mmap, prlimit64.
MACHINES = {"x86_64": (0, 0xC000003E, 9, 302), "aarch64": (1, 0xC00000B7, 222, 261)}
SHARED_MEMORY = 0x21  # MAP_SHARED | MAP_ANONYMOUS
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
OWN_ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "", "MPLBACKEND": "Agg", "N2V_HEADLESS": "1", **dict.fromkeys(THREADS, "1")}
MAX_BYTES = 64 << 20  # of one message


@dataclass(frozen=True)
class Limits:
    """What one exercise of one student may use."""

    seconds: float = 120.0  # of all calls together, by the clock
    memory_mb: int = 2048  # of all its processes together, on top of what the notebook's preparation takes
    file_mb: int = 64  # all files in its scratch folder
    processes: int = 64  # and threads


@cache
def trouble() -> str | None:
    """Why answers cannot be shut in here, or None."""
    if not sys.platform.startswith("linux"):
        return f"bubblewrap runs on Linux only, not on {sys.platform}"
    if platform.machine() not in MACHINES:
        return f"no list of system calls for {platform.machine()}"
    if shutil.which("bwrap") is None:
        return "bubblewrap (bwrap) is not installed"
    with tempfile.TemporaryDirectory() as run, _rules() as rules:
        command = [*_shut(Path(run), Limits(), rules.fileno()), sys.executable, "-c", ""]
        done = subprocess.run(command, capture_output=True, text=True, pass_fds=[rules.fileno()])
    return None if done.returncode == 0 else f"bubblewrap does not work here ({_last_line(done.stderr)})"


def visible() -> list[Path]:
    """What an answer can see of this machine, read-only: interpreter, packages, n2v and the data that it ships."""
    package = Path(n2v.__file__).parent
    folders = [sys.prefix, sys.base_prefix, *site.getsitepackages(), site.getusersitepackages()]
    parts = ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives", *folders]
    parts += [package, data_folder(), _kernels()]
    return [path for path in dict.fromkeys(map(Path, parts)) if path.exists()]


def refuse_visible(secrets: Iterable[Path]) -> None:
    """BadInput when one of these folders lies where answers can look."""
    for secret in secrets:
        for place in visible():
            if secret.resolve().is_relative_to(place.resolve()):
                raise BadInput(f"lies in {place}, where answers can look", where=secret, fix="move it elsewhere")


def _kernels() -> Path:
    """Compiled kernels of the native engine."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "n2v"


def _shut(run: Path, limits: Limits, rules: int) -> list[str]:
    """bubblewrap's command line up to the command itself. The file `rules` holds the filter of system calls."""
    words = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]
    words += ["--hostname", "sandbox", "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL"]
    words += ["--seccomp", str(rules), "--proc", "/proc"]
    for device in ("/dev/null", "/dev/urandom", "/dev/random"):
        words += ["--dev-bind", device, device]
    for path in visible():
        link = path.is_symlink() and path.parent == Path("/")  # such as /lib -> usr/lib
        words += ["--symlink", os.readlink(path), str(path)] if link else ["--ro-bind", str(path), str(path)]
    words += ["--ro-bind", str(run), str(run), "--size", str(limits.file_mb << 20), "--tmpfs", "/scratch"]
    # Writable, /proc/sys would be a way out for root, whom it obeys also without capabilities.
    return [*words, "--chdir", "/scratch", "--remount-ro", "/proc", "--remount-ro", "/", "--"]


def _rules():
    """An open file with a seccomp program: refused calls, others' limits and shared memory fail with EPERM."""
    column, audit, mmap, prlimit = MACHINES.get(platform.machine(), MACHINES["x86_64"])
    refuse, allow = (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, audit), refuse, (0x20, 0, 0, 0), (0x35, 0, 1, 0x40000000), refuse]
    for numbers in REFUSED.values():
        program += [(0x15, 0, 1, numbers[column]), refuse]
    program += [(0x15, 0, 4, prlimit), (0x20, 0, 0, 16), (0x15, 0, 1, 0), allow, refuse]  # one's own process is 0
    program += [(0x15, 1, 0, mmap), allow, (0x20, 0, 0, 16 + 8 * 3), (0x54, 0, 0, SHARED_MEMORY)]
    program += [(0x15, 0, 1, SHARED_MEMORY), refuse, allow]
    file = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
    file.write(b"".join(struct.pack("HBBI", *step) for step in program))
    file.seek(0)
    return file


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1][:300]


class Broken(Exception):
    """The sandbox itself has ended or does not answer."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """TimeoutError when the block takes longer; in a process's main thread."""

    def ring(*_) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Sandbox:
    """One notebook's sandbox: prepared once, then one answer after the other."""

    def __init__(self, run: Path, limits: Limits, shut: bool) -> None:
        self.run, self.limits, self.shut, self.prepared = run, limits, shut, []
        self._start()

    def _start(self) -> None:
        """Start the process inside and prepare what was prepared before."""
        self.place, self.log = tempfile.TemporaryDirectory(), tempfile.TemporaryFile("w+")  # noqa: SIM115
        scratch = "/scratch" if self.shut else self.place.name
        words = [sys.executable, "-m", "n2v.course.answers", json.dumps([scratch, asdict(self.limits)])]
        with _rules() as rules:
            command = [*_shut(self.run, self.limits, rules.fileno()), *words] if self.shut else words
            self.control, theirs = Pipe()
            self.process = subprocess.Popen(
                command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=self.log, env=_environment(scratch),
                pass_fds=[rules.fileno()], cwd=self.place.name,
            )  # fmt: skip
            theirs.close()
        self._told(READY_S)
        for statements in self.prepared:
            self.control.send_bytes(json.dumps(["prepare", statements]).encode())
            self._told(PREPARED_S)

    def _told(self, seconds: float) -> object:
        """The next message from inside."""
        try:
            with within(seconds):
                return json.loads(self.control.recv_bytes(MAX_BYTES))
        except (EOFError, OSError, ValueError):  # OSError: also out of time
            self.log.seek(0)
            raise Broken(f"the sandbox has ended ({_last_line(self.log.read())})") from None

    def prepare(self, statements: list[tuple[int, str]], meanwhile: Callable[[], None]) -> dict[int, str]:
        """Execute numbered statements of the notebook inside; returns what went wrong, by number."""
        self.prepared.append(statements)
        self.control.send_bytes(json.dumps(["prepare", statements]).encode())
        meanwhile()
        return dict(self._told(PREPARED_S))

    def answer(self) -> Connection:
        """A new process inside for one answer; the way to talk to it."""
        ours, theirs = Pipe()
        self.control.send_bytes(json.dumps(["answer"]).encode())
        send_handle(self.control, theirs.fileno(), self.process.pid)
        theirs.close()
        return ours

    def end(self) -> str:
        """End the answer and all it started; returns what became of its process. Afterwards nothing of it is left."""
        try:
            self.control.send_bytes(b"end")
            return str(self._told(CLEARED_S))
        except (Broken, OSError):
            self.close()
            self._start()
            return "ended the sandbox"

    def close(self) -> None:
        """Kill everything inside."""
        self.process.kill()
        self.process.wait()
        self.control.close()
        self.log.close()
        self.place.cleanup()


def _environment(scratch: str) -> dict[str, str]:
    """Nothing of this process's environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    names = {"PATH": path, "LANG": "C.UTF-8", **dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), scratch)}
    names |= {"USER": "student", "PYTHONPATH": str(Path(n2v.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**names, "XDG_CACHE_HOME": str(_kernels().parent), **OWN_ENVIRONMENT}
