"""Damaged files in the hands of the commands: whatever others send us, the answer is a result or one line.

    python tests/fuzz.py --n 300 --seed 0

In a process of its own, without type checks, so that what is seen is what users see. Prints each case that ended in
an exception, took over ten seconds or two gigabytes, changed its input, or lost something that was whole.
"""

import argparse
import faulthandler
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
SECONDS, MEMORY = 10, 2 << 30
NASTY = [
    None, True, -1, 0, 1e308, -0.5, float("nan"), 10**30, "", "../../x", "/etc/passwd", "a\0b", "\x1b[2J", "\ud800",
    "x" * 5000, [], {}, [[]], ["x"], {"x": 1}, [1e308] * 3, "chair", 2**31, 99,
]  # fmt: skip


class TookTooLong(BaseException):
    """Past `except Exception`."""


def nested(value: object) -> list[tuple]:
    """(container, key) of every place inside a JSON value."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *nested(value[key])]]


def alter(value: object, random: np.random.Generator) -> object:
    """One place of a JSON value taken out, or something nasty put there."""
    places = nested(value)
    container, key = places[random.integers(len(places))] if places else ([value], 0)
    if isinstance(container, dict) and random.random() < 0.2:
        del container[key]
    else:
        container[key] = NASTY[random.integers(len(NASTY))]
    return value


def alter_text(data: bytes, path: Path, random: np.random.Generator) -> bytes:
    """The same for files whose bytes hold JSON: whole, a line of it, or a header behind its length."""
    if path.suffix == ".safetensors":
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.dumps(alter(json.loads(data[8:start]), random)).encode(errors="surrogatepass")
        return len(header).to_bytes(8, "little") + header + data[start:]
    if path.suffix == ".jsonl":
        lines = data.splitlines() or [b"{}"]
        place = random.integers(len(lines))
        lines[place] = json.dumps(alter(json.loads(lines[place]), random)).encode(errors="surrogatepass")
        return b"\n".join(lines) + b"\n"
    return json.dumps(alter(json.loads(data), random)).encode(errors="surrogatepass")


def damage(path: Path, random: np.random.Generator) -> str:
    """One of many ways; says which."""
    data = path.read_bytes()
    n, way = len(data), random.integers(10)
    cut = int(random.integers(n + 1))
    if way <= 3 and path.suffix in (".json", ".jsonl", ".safetensors", ".ipynb"):
        path.write_bytes(alter_text(data, path, random))
        return "a value"
    ways = {
        "flipped": lambda: bytes(b ^ (1 << random.integers(8) if random.random() < 3 / max(n, 1) else 0) for b in data),
        "cut": lambda: data[:cut],
        "cut in front": lambda: data[cut:],
        "zeros": lambda: data[: cut // 2] + bytes(cut - cut // 2) + data[cut:],
        "twice": lambda: data[:cut] + data[cut // 2 :],
        "noise": lambda: random.bytes(int(random.integers(1, 4000))),
        "a number": lambda: (
            data[:cut] + random.choice([b"\xff" * 8, b"1e999", b"-1", b"nan", b'"']).tobytes() + data[cut:]
        ),
        "empty": lambda: b"",
    }
    names = [*ways, "gone", "a folder", "a pipe", "a link to itself"]
    name = names[random.integers(len(names))]
    if name in ways:
        changed = ways[name]() if name != "flipped" else flipped(data, random)
        path.write_bytes(changed)
        return name
    path.unlink()
    {
        "a folder": path.mkdir,
        "a pipe": lambda: os.mkfifo(path),
        "a link to itself": lambda: path.symlink_to(path),
        "gone": bool,
    }[name]()
    return name


def flipped(data: bytes, random: np.random.Generator) -> bytes:
    """One to three bits, near the beginning half of the time: headers are there."""
    changed = bytearray(data)
    for _ in range(random.integers(1, 4) if data else 0):
        changed[random.integers(min(len(data), 400) if random.random() < 0.5 else len(data))] ^= 1 << random.integers(8)
    return bytes(changed)


def ask(*words: object) -> tuple[int, str]:
    """One command within its time: code, and what it printed."""
    from n2v import cli

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.main([*map(str, words), "--json"])
    said = err.getvalue()
    assert code in (0, 1) or (code == 2 and said.count("\n") == 1 and said.startswith("n2v")), f"{code}: {said[-300:]}"
    return code, out.getvalue()


@dataclass(frozen=True)
class Kind:
    """What is damaged: how it is made, and what is asked of it afterwards."""

    make: Callable[[Path], None]
    check: Callable[[Path, Path, Path], None]  # folder of the sound one, of the damaged one, file that was damaged
    reads_only: bool = True  # what is asked writes somewhere else


def make_zoo(folder: Path) -> None:
    from n2v.nerf.layout import N_WEIGHTS
    from n2v.zoo.store import Row, ZooWriter

    random = np.random.default_rng(0)
    for part in range(3):
        rows = [
            Row(
                object_id=f"{name}-{part}", base_id=f"{name}-{part}", class_name=name, label=label, version=0,
                shape_group=f"{name}-{part}", source="s", licence="MIT", split=("train", "val", "test")[part], seed=1,
                init_hash="0", encoding="exact", backend="torch", steps=5, step=0.04, psnr_db=27.0, fit_s=1.0,
            )
            for name, label in (("chair", 4), ("sofa", 9))
        ]  # fmt: skip
        weights = random.normal(size=(2, N_WEIGHTS)).astype(np.float32)
        ZooWriter(folder, 8, compress=part == 2).add(rows, weights, random.random((2, 8, 8, 8)) < 0.3)
    (folder / ".lock").unlink()


def check_zoo(sound: Path, folder: Path, hurt: Path) -> None:
    """Every NeRF whose bytes and line are whole is in the zoo after a repair; no shard but a hurt one is gone."""
    from n2v.zoo.store import Zoo

    ask("zoo", "verify", folder)
    ask("zoo", "info", folder)
    ask("view", folder, "chair-0", "--out", folder.parent / "x.png", "--size", "8", "--step", "0.5")
    ask("zoo", "export", folder, "--out", folder.parent / "out")
    code, _ = ask("zoo", "verify", folder, "--repair")
    shards = {path.name for path in (folder / "shards").iterdir()}
    assert {path.name for path in (sound / "shards").iterdir() if path.name != hurt.name} <= shards, "a shard is gone"
    if code == 0:
        there, before = Zoo(folder), Zoo(sound)
        whole = [i for i, row in enumerate(before.rows) if Path(row.shard).name != hurt.name]
        have = {row.object_id: i for i, row in enumerate(there.rows)}
        for i in whole:
            name = before.rows[i].object_id
            assert name in have or hurt.name == "manifest.jsonl", f"{name} is lost"
            if name in have:
                assert there.field_weights([have[name]]).tobytes() == before.field_weights([i]).tobytes(), name


def make_views(folder: Path) -> None:
    from n2v import profiles
    from n2v.nerf.recipe import FitConfig
    from n2v.scenes.cameras import orbit_cameras
    from n2v.scenes.raycast import render_rgba
    from n2v.scenes.shapes import make_object
    from n2v.scenes.views import ViewSet, write_views

    little = replace(FitConfig.laptop(1, 64), grid_resolution=16, psnr_floor_db=0.0)
    profiles.PROFILES["little"] = lambda: replace(profiles.smoke(), fit=little)
    for name in ("chair", "sofa"):
        made, c2w = make_object(name, 0), orbit_cameras(4, 0)
        pictures = render_rgba(made, c2w, 12)
        one = ViewSet(made.object_id, name, pictures, c2w, held_out_images=pictures[:1], held_out_c2w=c2w[:1])
        write_views(one, folder / name / made.object_id)


def check_views(sound: Path, folder: Path, hurt: Path) -> None:
    """The object that is whole becomes a NeRF."""
    from n2v.zoo.store import Zoo

    out = folder.parent / "out"
    words = ("--profile", "little", "--driver", "inprocess", "--backend", "torch", "--force")
    code, _ = ask("fit", folder, "--out", out, *words)
    kept = {path.parent.name for path in sound.rglob("transforms_train.json")} - {hurt.relative_to(folder).parts[1]}
    if code != 2:
        known = set(Zoo(out).object_ids) | {row.object_id for row in Zoo(out).quarantined}
        assert kept <= known, f"{kept - known} is lost"


def make_meshes(folder: Path) -> None:
    import trimesh

    from n2v.scenes.collection import write_shapes

    write_shapes(folder, 1, 0, ("chair", "lamp"))
    for number, suffix in enumerate(("obj", "stl", "ply", "off")):
        trimesh.creation.box((1, 2, 3 + number)).export(folder / "chair" / f"box{number}.{suffix}")


def check_meshes(sound: Path, folder: Path, hurt: Path) -> None:
    """All meshes but the hurt one are rendered."""
    words = ("--views", "3", "--held-out", "0", "--size", "8", "--workers", "1", "--supersample", "1")
    code, told = ask("render", folder, "--out", folder.parent / "out", *words)
    n = len([path for path in sound.rglob("*") if path.is_file()])
    if code == 0 and hurt.suffix != ".csv":
        assert json.loads(told)["n_objects"] >= n - 2, "a sound mesh was not rendered"


def make_notebooks(folder: Path) -> None:
    import jupytext

    sys.path.insert(0, str(ROOT / "tests"))
    from course import tiny

    (folder / "ada").mkdir(parents=True)
    (folder / "07_tiny.py").write_text(tiny.NOTEBOOK)
    notebook = jupytext.reads(tiny.NOTEBOOK, fmt="py:percent")
    jupytext.write(notebook, folder / "ada" / "07_answer.ipynb")


def check_notebooks(sound: Path, folder: Path, hurt: Path) -> None:
    """As the course's own, and as handed in."""
    from n2v.course.source import read_source
    from n2v.course.submissions import find_answers, find_students

    ask("assignment", "list", "--notebooks", folder)
    ask("assignment", "build", "--notebooks", folder, "--out", folder.parent / "out", "--text")
    ask("reproduce", "--profile", "smoke", "--only", "99", "--notebooks", folder, "--out", folder.parent / "run")
    for files in find_students(folder).values():
        find_answers(files, read_source(sound / "07_tiny.py"))


def make_checkpoints(folder: Path) -> None:
    make_zoo(folder.parent / "zoo")
    assert (
        ask("train", folder.parent / "zoo", "--out", folder, "--profile", "smoke", "--steps", "1", "--split", "all")[0]
        == 0
    )
    assert ask("embed", folder, folder.parent / "zoo", "--out", folder / "e.safetensors")[0] == 0


def check_checkpoints(sound: Path, folder: Path, hurt: Path) -> None:
    zoo = sound.parent / "zoo"
    if hurt.name == "e.safetensors":
        ask("retrieve", hurt, "--out", folder.parent / "out", "--k", "1")
        ask("classify", hurt, "--out", folder.parent / "out-2", "--seeds", "1", "--epochs", "1")
    elif hurt.name in ("training.safetensors", "log.jsonl", "model.json"):
        words = ("--profile", "smoke", "--steps", "1", "--split", "all", "--resume")
        ask("train", zoo, "--out", folder, *words)
    if hurt.name in ("model.safetensors", "model.json"):
        ask("embed", folder, zoo, "--out", folder.parent / "e.safetensors")


KINDS = {
    "zoo": Kind(make_zoo, check_zoo, reads_only=False),
    "views": Kind(make_views, check_views),
    "meshes": Kind(make_meshes, check_meshes),
    "notebooks": Kind(make_notebooks, check_notebooks),
    "checkpoints": Kind(make_checkpoints, check_checkpoints, reads_only=False),
}


def run_case(kind: Kind, sound: Path, scratch: Path, random: np.random.Generator) -> tuple[str, str]:
    """What was done to which file, and what went wrong (nothing: an empty text)."""
    folder = scratch / "damaged"
    shutil.copytree(sound, folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    hurt = files[random.integers(len(files))]
    done = f"{hurt.relative_to(folder)}: {damage(hurt, random)}"
    signal.alarm(SECONDS)
    faulthandler.dump_traceback_later(3 * SECONDS, exit=True)  # where even the alarm is not heard
    try:
        kind.check(sound, folder, hurt)
        for path in [path for path in files if kind.reads_only and path != hurt]:
            assert path.read_bytes() == (sound / path.relative_to(folder)).read_bytes(), f"{path.name} was changed"
    except (Exception, TookTooLong, SystemExit) as error:
        last = traceback.extract_tb(error.__traceback__)[-3:]
        places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(last))
        return done, f"{type(error).__name__}: {str(error)[:300]} ({places})"
    finally:
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()
    return done, ""


def too_late(*_: object) -> None:
    raise TookTooLong(f"over {SECONDS} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    os.environ["N2V_HEADLESS"] = "1"
    signal.signal(signal.SIGALRM, too_late)
    os.fsync = os.sync = lambda *_: None  # a busy disk is no hang
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        names = [name for name in KINDS if options.only in name]
        for name in names:
            (Path(root) / name).mkdir()
            KINDS[name].make(Path(root) / name / "sound")
        pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
        if pages:  # address space: what a file claims to hold counts as soon as it is asked for
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, resource.RLIM_INFINITY))
        for number in range(options.n):
            name = names[number % len(names)]
            for _ in range(2):  # a hang comes again, a busy machine's delay does not
                random = np.random.default_rng([options.seed, number])
                with tempfile.TemporaryDirectory(dir=root) as scratch:
                    done, problem = run_case(KINDS[name], Path(root) / name / "sound", Path(scratch), random)
                if TookTooLong.__name__ not in problem:
                    break
            if problem:
                failed += 1
                print(f"case {number} ({name}, {done}): {problem}", flush=True)
    print(f"{options.n} cases, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
