"""`n2v view`, `doctor` and `reproduce`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

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
    zoo: Annotated[Positional[Path], arg(metavar="ZOO", help="zoo folder, or mini_zoo or real_zoo, which are here")],
    object_id: Annotated[
        Positional[str],
        arg(
            metavar="OBJECT_ID",
            help="an object id of the zoo's manifest.jsonl, such as chair-0000; a wrong one names the nearest",
        ),
    ],
    out: Annotated[
        Path, arg(help=".png: a still; .gif: a turntable; .html: the NeRF itself, live in one offline file")
    ],
    size: Annotated[int, arg(help="side of a picture in pixels")] = 256,
    frames: Annotated[int, arg(help="pictures of a turntable (.gif)")] = 24,
    step: Annotated[
        float | None, arg(help="sample length in scene units; default: half the fit's, the fit's in .html")
    ] = None,
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
        from n2v.publish.viewer.nerf_page import write_page

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
    profile: Annotated[str, arg(help="sizes: smoke, laptop, gpu or thesis")] = "laptop",
    out: Annotated[Path | None, arg(help="run folder; default: runs/<profile>")] = None,
    notebooks: Annotated[Path, arg(help="folder of the notebooks")] = Path("notebooks"),
    only: Annotated[str, arg(help="numbers of notebooks, such as 05,06; default: all")] = "",
    fresh: Annotated[bool, arg(help="start over; otherwise what is up to date is skipped")] = False,
    resume: Annotated[bool, arg(help="go on where a run stopped: the default; --no-resume is --fresh")] = True,
    seed: Annotated[int, arg(help="seed of the whole run")] = 0,
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
