"""`n2v doctor`, `n2v view` and `n2v reproduce`: what works here, one NeRF to look at, the whole chain."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from n2v.errors import BadInput

SUFFIXES = (".png", ".gif", ".html")


def doctor() -> dict:
    """Say what is installed and works, what each part is for, and how to put right what does not."""
    from dataclasses import asdict

    from n2v.show.doctor import examine

    checks = examine()
    lacking = [check.part for check in checks if check.needed and check.status != "ok"]
    parts = [asdict(check) for check in checks]
    verdict = f"missing: {', '.join(lacking)}" if lacking else "ready for the profiles smoke and laptop"
    return {"parts": parts, "ok": not lacking, "verdict": verdict}


def view(
    zoo: Annotated[Positional[Path], arg(help="zoo folder")],
    object_id: Annotated[Positional[str], arg(help="which NeRF, such as chair-000003")],
    out: Annotated[Path, arg(help="a still (.png), a turntable (.gif) or a page with a slider (.html)")],
    size: Annotated[int, arg(help="side of a picture in pixels")] = 224,
    frames: Annotated[int, arg(help="pictures in one turn, for .gif and .html")] = 24,
) -> dict:
    """Render one NeRF of a zoo to a picture, a turntable or an offline page."""
    from n2v.show.viewing import render_turn, write_turn
    from n2v.zoo.store import Zoo

    if out.suffix.lower() not in SUFFIXES:
        raise BadInput(f"cannot write '{out.suffix}'", where=out, fix=f"end the name in {', '.join(SUFFIXES)}")
    if not 8 <= size <= 4096 or not 2 <= frames <= 720:
        raise BadInput(f"size {size}, {frames} frames", fix="use a size from 8 to 4096 and 2 to 720 frames")
    collection = Zoo(zoo)
    row = collection.rows[collection.index_of(object_id)]
    pictures = render_turn(collection, object_id, size, 1 if out.suffix.lower() == ".png" else frames)
    write_turn(pictures, out, object_id)
    quality = {"class_name": row.class_name, "split": row.split, "psnr_db": row.psnr_db}
    return {"out": out, "object_id": object_id, **quality, "pictures": len(pictures), "size_px": size}


def reproduce(
    profile: Annotated[str, arg(help="sizes: smoke, laptop, gpu or thesis")] = "laptop",
    out: Annotated[Path | None, arg(help="run folder; default: runs/PROFILE")] = None,
    only: Annotated[str, arg(help="numbers of notebooks to run, such as 05,06; default: all")] = "",
    resume: Annotated[bool, arg(help="skip notebooks that ended well and whose source has not changed")] = False,
    seed: Annotated[int, arg(help="seed handed to every notebook")] = 0,
    notebooks: Annotated[Path, arg(help="folder of the notebooks NN_*.py")] = Path("notebooks"),
) -> dict:
    """Execute the notebooks in order and write every figure, every table and report.html into one run folder."""
    from n2v.show.chain import reproduce as run_chain

    folder = out or Path("runs") / profile
    numbers = tuple(part.strip() for part in only.split(",") if part.strip())
    run = run_chain(profile, folder, notebooks, only=numbers, resume=resume, seed=seed)
    report = folder / "report.html"
    wrong = {name: record for name, record in run["notebooks"].items() if record["status"] != "ok"}
    if not run["ok"]:
        listed = "; ".join(f"{name} {record['status']}: {record.get('error', '')}" for name, record in wrong.items())
        raise BadInput(f"not every notebook ended well: {listed}", where=report, fix="mend it and run again: --resume")
    seconds = {name: record["seconds"] for name, record in run["notebooks"].items()}
    return {"report": report, "ok": True, "wall_s": run["wall_s"], "seconds": seconds}
