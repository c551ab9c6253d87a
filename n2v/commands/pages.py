"""`n2v report` and `n2v site`."""

import os
import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from n2v.errors import BadInput


def report(
    run: Annotated[Positional[Path], arg(help="run folder, such as runs/laptop")],
    show: Annotated[bool, arg(help="open it in a browser, where there is a screen")] = False,
) -> dict:
    """Write report.html of a run again from what is there."""
    from n2v.show.report import write_report

    if not (run / "run.json").exists():
        raise BadInput("no run here", where=run, fix="n2v reproduce first")
    path = write_report(run)
    return {"report": str(path), "opened": show and _open(path)}


def site(
    run: Annotated[Positional[Path], arg(help="run folder, such as runs/laptop")],
    notebooks: Annotated[Path, arg(help="folder of the notebooks")] = Path("notebooks"),
) -> dict:
    """Write RUN/site: executed notebooks, report and demos as pages that need neither server nor network."""
    from n2v.show.site import write_site

    return {"site": str(write_site(run, notebooks))}


def _open(path: Path) -> bool:
    """Open a page; without a screen a text browser would take the terminal, so then only say where it lies."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    import webbrowser

    return webbrowser.open(path.resolve().as_uri())
