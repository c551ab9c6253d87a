"""`n2v report` and `n2v site`."""

import os
import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from n2v.errors import BadInput

RunFolder = Annotated[Positional[Path], arg(metavar="RUN", help="run folder, such as runs/laptop")]


def report(
    run: RunFolder,
    show: Annotated[bool, arg(help="open it in a browser, where there is a screen")] = False,
) -> dict:
    """Write report.html of a run again from what is there.

    Example: n2v report runs/laptop --show
    """
    from n2v.publish.report import write_report

    _must_be_run(run)
    path = write_report(run)
    return {"report": str(path), "opened": show and _open(path)}


def site(
    run: RunFolder,
    notebooks: Annotated[Path, arg(help="folder of the notebooks")] = Path("notebooks"),
) -> dict:
    """Write RUN/site: executed notebooks, report and demos as pages that need neither server nor network.

    Example: n2v site runs/laptop
    """
    from n2v.publish.site import write_site

    _must_be_run(run)
    return {"site": str(write_site(run, notebooks))}


def _must_be_run(run: Path) -> None:
    from n2v.profiles import PROFILES

    if not (run / "run.json").exists():
        profile = run.name if run.name in PROFILES else "laptop"
        raise BadInput("no run here", where=run, fix=f"make one with: n2v reproduce --profile {profile} --out {run}")


def _open(path: Path) -> bool:
    """Open a page; without a screen a text browser would take the terminal, so then only say where it lies."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    import webbrowser

    return webbrowser.open(path.resolve().as_uri())
