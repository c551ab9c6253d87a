"""Where answers run: one process a notebook, shut in by bubblewrap where there is one, its answers limited everywhere.

Inside is `n2v.course.inside`. No file of solutions, checks or hand-ins goes in; a check, and an answer, each come by
themselves to the process that needs them.
"""

import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import Pipe
from pathlib import Path

import n2v
from n2v.errors import BadInput
from n2v.files import data_folder

INSTALL = "install bubblewrap (apt-get install bubblewrap) and allow user namespaces"
PREPARED_S, CHECKED_S = 1800.0, 600.0  # to prepare; for a check's own computation, beside the answer's time
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")


@dataclass(frozen=True)
class Limits:
    """What one exercise of one student may use."""

    seconds: float = 120.0  # of all calls together, by the clock
    memory_mb: int = 2048  # of all its processes together, on top of what the notebook's preparation takes
    file_mb: int = 64  # all files in its scratch folder
    processes: int = 64


@cache
def trouble() -> str | None:
    """Why answers cannot be shut in here, or None."""
    if shutil.which("bwrap") is None:
        return "bubblewrap (bwrap) is not installed"
    with tempfile.TemporaryDirectory() as run:
        command = [*_shut(Path(run), Limits()), sys.executable, "-c", ""]
        done = subprocess.run(command, capture_output=True, text=True)
    return None if done.returncode == 0 else f"bubblewrap does not work here ({_last_line(done.stderr)})"


def visible() -> list[Path]:
    """What an answer can see of this machine, read-only: interpreter, packages, n2v and the data that it ships."""
    folders = [sys.prefix, sys.base_prefix, *site.getsitepackages(), site.getusersitepackages()]
    parts = ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives", *folders]
    parts += [Path(n2v.__file__).parent, data_folder(), _kernels()]
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


def _shut(run: Path, limits: Limits) -> list[str]:
    """bubblewrap's command line up to the command itself."""
    words = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]
    words += ["--hostname", "sandbox", "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL"]
    words += ["--proc", "/proc"]
    for device in DEVICES:
        words += ["--dev-bind", device, device]
    for path in visible():
        link = path.is_symlink() and path.parent == Path("/")  # such as /lib -> usr/lib
        words += ["--symlink", os.readlink(path), str(path)] if link else ["--ro-bind", str(path), str(path)]
    words += ["--ro-bind", str(run), str(run), "--size", str(limits.file_mb << 20), "--tmpfs", "/scratch"]
    # Writable, /proc/sys would be a way out for root, whom it obeys also without capabilities.
    return [*words, "--chdir", "/scratch", "--remount-ro", "/proc", "--remount-ro", "/", "--"]


def _environment(scratch: str) -> dict[str, str]:
    """Nothing of this process's environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    names = {"PATH": path, "LANG": "C.UTF-8", **dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), scratch)}
    names |= {"USER": "student", "PYTHONPATH": str(Path(n2v.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    names |= {"XDG_CACHE_HOME": str(_kernels().parent), "CUDA_VISIBLE_DEVICES": "", "MPLBACKEND": "Agg"}
    return names | {"N2V_HEADLESS": "1", **dict.fromkeys(THREADS, "1")}


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1][:300]


class Broken(Exception):
    """The process has ended or does not answer."""


class Contained:
    """One notebook's process: prepared step by step, then asked about one answer after the other."""

    def __init__(self, run: Path, limits: Limits, shut: bool) -> None:
        self.run, self.limits, self.shut = run, limits, shut
        self.prepared: list[list] = []
        self._start()

    def __enter__(self) -> "Contained":
        return self

    def __exit__(self, *_) -> None:
        self._end()

    def _start(self) -> None:
        self.place, self.log = tempfile.TemporaryDirectory(), tempfile.TemporaryFile("w+")  # noqa: SIM115
        scratch = "/scratch" if self.shut else self.place.name
        words = [sys.executable, "-m", "n2v.course.inside", json.dumps([scratch, asdict(self.limits)])]
        self.link, theirs = Pipe()
        self.process = subprocess.Popen(
            [*_shut(self.run, self.limits), *words] if self.shut else words,
            stdin=theirs, stdout=subprocess.DEVNULL, stderr=self.log, env=_environment(scratch), cwd=self.place.name,
        )  # fmt: skip
        theirs.close()
        for statements in self.prepared:
            self._ask(PREPARED_S, statements)

    def _ask(self, seconds: float, *messages: object) -> object:
        """Send messages; what comes back. Nothing that an answer sends passes here, only the words of the check."""
        try:
            for message in messages:
                self.link.send_bytes(json.dumps(message).encode())
            if self.link.poll(seconds):
                return json.loads(self.link.recv_bytes())
        except (EOFError, OSError):
            self.process.wait()
        self.log.seek(0)
        raise Broken(f"its process has ended ({_last_line(self.log.read())})")

    def prepare(self, statements: list[tuple[int, str]]) -> dict[int, str]:
        """Execute numbered statements of the notebook inside; returns what went wrong, by number."""
        self.prepared.append(statements)
        return dict(self._ask(PREPARED_S, statements))

    def verdict(self, task: dict) -> str | None:
        """What is wrong with an answer, or None: the fields of `inside.Task`. Another's damage costs it nothing."""
        for _ in range(2):
            try:
                return self._ask(self.limits.seconds + 2 * CHECKED_S, "answer", task)
            except Broken:
                self._end()
                self._start()
        return "the process that judges ended twice"

    def _end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.link.close()
        self.log.close()
        self.place.cleanup()
