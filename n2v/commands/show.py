"""`n2v view`, `doctor`, `reproduce`, `report` and `site`."""

import os
import sys
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from n2v.commands.output import Force, refuse_used
from n2v.errors import BadInput


def doctor() -> dict:
    """What is installed, what works, and one line to mend each gap.

    Example: n2v doctor
    """
    from n2v.nerf import engines
    from n2v.publish.doctor import examine

    mend = "for grading: apt-get install bubblewrap, on Linux with user namespaces (docs/instructor_guide.md)"
    rows = examine(("sandbox", _shut_in, False, "grading: students' code", mend))
    broken = [row["part"] for row in rows if row["state"] == "MISSING"]
    return {"parts": rows, "backend": engines.choose_engine()[1], "ok": not broken}


def _shut_in() -> str:
    """Whether grading can shut students' code in here."""
    from n2v.course.contained import trouble

    if trouble():
        raise RuntimeError(trouble())
    return "shut in while it is graded"


def view(
    zoo: Annotated[Path, "ZOO", "zoo folder, or mini_zoo or real_zoo, which are here"],
    object_id: Annotated[
        str, "OBJECT_ID", "an object id of the zoo's manifest.jsonl, such as chair-0000; a wrong one names the nearest"
    ],
    out: Annotated[Path, ".png: a still; .gif: a turntable; .html: the NeRF itself, live in one offline file"],
    size: Annotated[int, "side of a picture in pixels"] = 256,
    frames: Annotated[int, "pictures of a turntable (.gif)"] = 24,
    step: Annotated[float | None, "sample length in scene units; default: half the fit's, the fit's in .html"] = None,
    force: Force = False,
) -> dict:
    """Show one NeRF of a zoo: a picture, a turntable, or a page that renders it live.

    Example: n2v view mini_zoo chair-0000 --out nerf.html
    """
    from n2v.zoo.shipped import open_zoo

    if out.suffix not in (".png", ".gif", ".html"):
        raise BadInput(f"cannot write '{out.suffix}'", where=out, fix="use .png, .gif or .html")
    if not 8 <= size <= 2048 or frames < 2:
        raise BadInput(f"size {size} px, {frames} frames", fix="use 8 to 2048 px and at least 2 frames")
    if step is not None and not 1e-4 <= step <= 1:
        raise BadInput(f"a step of {step:g}", fix="use 0.0001 to 1 scene units")
    refuse_used(out, is_file=True, force=force)
    nerf = open_zoo(zoo)[object_id]
    if out.suffix == ".html":
        from n2v.publish.demos.nerf_page import write_page

        write_page(nerf if step is None else replace(nerf, step=step), out, size)
    else:
        _write_pictures(nerf, out, size, frames, step)
    told = {"out": str(out), "bytes": out.stat().st_size, "class_name": nerf.class_name}
    return {**told, "psnr_db": nerf.psnr_db, "licence": nerf.licence}


def _write_pictures(nerf, out: Path, size: int, frames: int, step: float | None) -> None:
    """A still (.png) or a turntable (.gif), rendered on the CPU."""
    from n2v.files import progress, write_bytes
    from n2v.lessons.drawing.pictures import png_bytes, write_gif
    from n2v.scenes.cameras import turntable_cameras

    if out.suffix == ".png":
        write_bytes(out, png_bytes(nerf.image(size_px=size, step=step).numpy()))
    else:
        turn = progress(turntable_cameras(frames), desc="rendering", unit="frame")
        write_gif([nerf.image(c2w, size, step).numpy() for c2w in turn], out)


def reproduce(
    profile: Annotated[str, "sizes: smoke, laptop, gpu or thesis"] = "laptop",
    out: Annotated[Path | None, "run folder; default: runs/<profile>"] = None,
    notebooks: Annotated[Path, "folder of the notebooks"] = Path("notebooks"),
    only: Annotated[str, "numbers of notebooks, such as 05,06; default: all"] = "",
    fresh: Annotated[bool, "start over; otherwise what is up to date is skipped"] = False,
    resume: Annotated[bool, "go on where a run stopped: the default; --no-resume is --fresh"] = True,
    seed: Annotated[int, "seed of the whole run"] = 0,
) -> dict:
    """Execute the notebooks in order and gather every figure and table in report.html.

    Example: n2v reproduce --profile smoke
    """
    from n2v.publish.chain import reproduce as run_chain

    folder = out or Path("runs") / profile
    chosen = tuple(filter(None, (part.strip() for part in only.split(","))))
    run = run_chain(profile, folder, notebooks, only=chosen, fresh=fresh or not resume, seed=seed)
    told = ("status", "seconds", "cell", "error")
    table = [{"notebook": name, **{key: one.get(key) for key in told}} for name, one in run["notebooks"].items()]
    return {"report": str(folder / "report.html"), "minutes": run["wall_s"] / 60, "notebooks": table, "ok": run["ok"]}


RunFolder = Annotated[Path, "RUN", "run folder, such as runs/laptop"]


def report(run: RunFolder, show: Annotated[bool, "open it in a browser, where there is a screen"] = False) -> dict:
    """Write report.html of a run again from what is there.

    Example: n2v report runs/laptop --show
    """
    from n2v.publish.report import write_report

    _must_be_run(run)
    path = write_report(run)
    # without a screen a text browser would take the terminal, so then it is only said where it lies
    screen = not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return {"report": str(path), "opened": bool(show and screen and webbrowser.open(path.resolve().as_uri()))}


def site(run: RunFolder, notebooks: Annotated[Path, "folder of the notebooks"] = Path("notebooks")) -> dict:
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
