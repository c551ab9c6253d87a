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
    notebook = lesson.read()
    bar = progress(total=len(notebook.cells), desc=lesson.name, unit="cell")
    watch = _Watch(limit_s, at_cell, bar.update)
    record = {"status": "ok", "cell": None}
    try:
        with bar, _this_python():
            papermill.execute_notebook(
                notebook, str(target), given, kernel_name="python3", progress_bar=False, log_output=False,
                cwd=str(Path.cwd()), timeout_func=watch.left_s, on_cell_execute=watch.begin,
                extra_arguments=["--log-level=ERROR"],  # no warning each time that it listens on 127.0.0.1
            )  # fmt: skip
    except PapermillExecutionError as error:
        record = {"status": "failed", "cell": watch.cell, "error": f"{error.ename}: {error.evalue}"}
    except DeadKernelError:
        record = {"status": "failed", "cell": watch.cell, "error": "the kernel died (out of memory, or killed)"}
    except CellTimeoutError:
        record = {"status": "failed", "cell": watch.cell, "error": f"the notebook ran longer than {limit_s:.0f} s"}
    except RuntimeError as error:  # jupyter_client's, when a kernel does not come up
        record = {"status": "failed", "cell": watch.cell, "error": f"the kernel did not start ({error})"}
    record["seconds"] = time.perf_counter() - watch.started
    if target.exists():
        _write_page(target)
    return record


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


class _Watch:
    """Told of each code cell before it runs, and asked how long it may take: what is left to the notebook."""

    def __init__(self, limit_s: float | None, at_cell: Callable[[int], None], advance: Callable[[int], object]) -> None:
        self.limit_s, self.at_cell, self.advance = limit_s, at_cell, advance
        self.started, self.cell = time.perf_counter(), None

    def begin(self, cell: dict, cell_index: int) -> None:
        """Count by the source's cells: papermill puts one more in, at `cell_index`."""
        if "injected-parameters" not in cell.metadata.get("tags", []):
            self.advance(cell.metadata["source_index"] - (self.cell or 0))
            self.cell = cell.metadata["source_index"]
            self.at_cell(self.cell)

    def left_s(self, cell: dict) -> int | None:
        """Whole seconds, at least one."""
        if self.limit_s is None:
            return None
        return max(1, math.ceil(self.limit_s - (time.perf_counter() - self.started)))


@contextmanager
def _this_python() -> Iterator[None]:
    """Within, kernels called "python3" run this interpreter, and notebooks print plain progress."""
    own = str(Path(sys.prefix) / "share" / "jupyter")
    paths = os.pathsep.join(filter(None, [own, os.environ.get("JUPYTER_PATH")]))
    changed = {"N2V_HEADLESS": "1", "JUPYTER_PATH": paths}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
