"""One notebook, executed without a screen: its time limit, what became of it, and its executed copy."""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from n2v.files import progress, write_bytes
from n2v.publish.notebooks import Lesson, require


def execute(
    lesson: Lesson,
    given: dict,
    folder: Path,
    limit_s: float | None,
    at_cell: Callable[[int], None] = lambda cell: None,
) -> dict:
    """Run one notebook within `limit_s` seconds; keep its executed copy (also a failed one) and an HTML page.

    Args:
        lesson: The notebook.
        given: Its parameters, already checked.
        folder: Where the copies go.
        limit_s: Seconds for the whole notebook; None: no limit.
        at_cell: Told the position in the source of each cell before it runs.

    Returns:
        status "ok" or "failed", seconds, and on failure the error and the cell's position in the source, from 0.
    """
    papermill = require("papermill")
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{lesson.name}.ipynb"
    for path in (target, target.with_suffix(".html")):
        path.unlink(missing_ok=True)
    notebook, started, error = lesson.read(), time.perf_counter(), None
    bar, at = progress(total=len(notebook.cells), desc=lesson.name, unit="cell"), []

    def begin(cell: dict, cell_index: int) -> None:
        """Count by the source's cells: papermill puts one more in, at `cell_index`."""
        if "injected-parameters" not in cell.metadata.get("tags", []):
            place = cell.metadata["source_index"]
            bar.update(place - (at[-1] if at else 0))
            at.append(place)
            at_cell(place)

    def left_s(cell: dict) -> int | None:
        """Whole seconds left to the notebook, at least one."""
        return limit_s and max(1, math.ceil(limit_s - (time.perf_counter() - started)))

    try:
        with bar, _headless():
            papermill.execute_notebook(
                notebook, str(target), given, kernel_name="python3", progress_bar=False, log_output=False,
                cwd=str(Path.cwd()), timeout_func=left_s, on_cell_execute=begin,
                extra_arguments=["--log-level=ERROR"],  # no warning each time that it listens on 127.0.0.1
            )  # fmt: skip
    except PapermillExecutionError as wrong:
        error = f"{wrong.ename}: {wrong.evalue}"
    except DeadKernelError:
        error = "the kernel died (out of memory, or killed)"
    except CellTimeoutError:
        error = f"the notebook ran longer than {limit_s:.0f} s"
    except RuntimeError as wrong:  # jupyter_client's, when a kernel does not come up
        error = f"the kernel did not start ({wrong})"
    seconds = time.perf_counter() - started
    if target.exists():
        _write_page(target)
    if error is None:
        return {"status": "ok", "cell": None, "seconds": seconds}
    return {"status": "failed", "cell": at[-1] if at else None, "seconds": seconds, "error": error}


def renew_words(lesson: Lesson, folder: Path) -> bool:
    """Put a notebook's present text, prose and remarks, around the outputs of its executed copy.

    False, and nothing is written, where the copy has other code cells.
    """
    import nbformat

    target = folder / f"{lesson.name}.ipynb"
    notebook, executed = lesson.read(), nbformat.read(target, as_version=4)
    ran = [cell for cell in executed.cells if cell.cell_type == "code"]
    given = [cell for cell in ran if "injected-parameters" in cell.metadata.get("tags", [])]
    ran = [cell for cell in ran if cell not in given]
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if len(cells) != len(ran):
        return False
    for cell, old in zip(cells, ran, strict=True):
        cell.update({name: old[name] for name in ("outputs", "execution_count")})
    for cell in given:
        place = next(i for i, one in enumerate(notebook.cells) if "parameters" in one.metadata.get("tags", []))
        notebook.cells.insert(place + 1, cell)
    executed.cells = notebook.cells
    write_bytes(target, nbformat.writes(executed).encode())
    _write_page(target)
    return True


def _write_page(target: Path) -> None:
    from n2v.publish.notebook_page import notebook_page

    write_bytes(target.with_suffix(".html"), notebook_page(target).encode())


@contextmanager
def _headless() -> Iterator[None]:
    """Within, kernels called "python3" run this interpreter, and notebooks print plain progress."""
    before, own = dict(os.environ), str(Path(sys.prefix) / "share" / "jupyter")
    paths = os.pathsep.join(filter(None, [own, os.environ.get("JUPYTER_PATH")]))
    os.environ.update({"N2V_HEADLESS": "1", "JUPYTER_PATH": paths})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
