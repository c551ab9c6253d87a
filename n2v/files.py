"""Files that survive a crash: atomic writes, checksums, paths that stay inside their folder, provenance."""

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from n2v import __version__
from n2v.errors import BadInput


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and move it into place, else remove it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: object) -> None:
    """Write JSON, a whole file or nothing; NaN is refused because JSON has none."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def read_text(path: Path) -> str:
    """Read a text, naming the file when it is missing, no file, or no text."""
    try:
        return plain_file(path).read_text()
    except FileNotFoundError:
        raise BadInput("no such file", where=path) from None
    except UnicodeDecodeError as error:
        raise BadInput(f"no text in UTF-8 ({error})", where=path, fix="make it again or restore it") from None


def read_json(path: Path) -> object:
    """Read JSON, naming the file when it is missing or broken."""
    try:
        return json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadInput(f"not valid JSON ({error})", where=path, fix="make it again or restore it") from None


def sha256_of(data: bytes) -> str:
    """Hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def plain_file(path: Path) -> Path:
    """The path of a file to read, refused where something else is there: a pipe would be waited for, for ever."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise BadInput("is no plain file", where=path, fix="put the file itself there")
    return path


def inside(folder: Path, relative: str) -> Path:
    """Join a file's path that was read from a file to its folder, refusing one that leaves it, and what is no file."""
    folder = Path(folder).resolve()
    try:
        path = (folder / relative).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL
        raise BadInput(f"path {relative!a} ({error})", where=folder, fix="use paths inside the folder") from None
    if Path(relative).is_absolute() or not path.is_relative_to(folder):
        raise BadInput(f"path '{relative}' leaves its folder", where=folder, fix="use paths inside the folder")
    return plain_file(path)


def data_folder(package: Path = Path(__file__).parent) -> Path:
    """Where the project's zoos and models lie: in the installed package, or beside it in a checkout."""
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


def git_commit() -> str | None:
    """Commit of the source tree this package runs from, or None outside a checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def provenance(**extra: object) -> dict:
    """What made an artefact: versions, commit, machine, threads; add seed, configuration and wall time."""
    import torch

    packages = {}
    for name in ("torch", "numpy", "trimesh", "embreex", "safetensors", "scikit-learn"):
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = None
    return {
        "n2v": __version__,
        "commit": git_commit(),
        "python": platform.python_version(),
        "packages": packages,
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu",
        **extra,
    }


def progress(
    iterable=None, *, total: int | None = None, desc: str = "", unit: str = "it", disable: bool = False, **options
):
    """A progress bar: rich in a notebook, plain in a terminal, silent when piped and with N2V_HEADLESS=1."""
    from tqdm.auto import tqdm

    ipython = sys.modules.get("IPython")
    in_kernel = ipython is not None and ipython.get_ipython() is not None
    seen = (in_kernel and not os.environ.get("N2V_HEADLESS")) or sys.stderr.isatty()
    return tqdm(iterable, total=total, desc=desc, unit=unit, disable=disable or not seen, **options)
