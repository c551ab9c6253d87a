"""`n2v fit` killed at any moment: nothing torn stays in place, and --resume ends where an undisturbed run ends."""

import json
import os
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from little import NAMES, exit_code, fit_in_fork, write_little_views
from safetensors.numpy import load_file, save

from n2v.zoo import shards
from n2v.zoo.store import MANIFEST, Zoo
from n2v.zoo.verify import repair, verify

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    return write_little_views(tmp_path_factory.mktemp("views"))


def content(folder: Path) -> list[tuple]:
    """What a run must reproduce; shards have names of their own."""
    return [(row.object_id, row.split, row.seed, row.psnr_db, row.sha256) for row in Zoo(folder).rows]


@pytest.fixture(scope="module")
def undisturbed(views, tmp_path_factory):
    """Content and seconds of a run that nobody kills, by the number of workers."""
    found = {}
    for workers in ("1", "2"):
        out = tmp_path_factory.mktemp("undisturbed") / "zoo"
        started = time.monotonic()
        assert exit_code(fit_in_fork(views, out, "--workers", workers)) == 0
        found[workers] = content(out), time.monotonic() - started
        assert [object_id for object_id, *_ in content(out)] == NAMES
    return found


def slow_disk() -> None:
    """Every sync takes long, so that kills fall between the steps of writing too."""
    fsync = os.fsync

    def slow(handle: int) -> None:
        time.sleep(0.03)
        fsync(handle)

    os.fsync = slow


def nothing_torn(out: Path) -> None:
    """Every file that bears its final name is whole, and the zoo is one to go on with."""
    for path in (out / "shards").glob("[!.]*"):
        assert set(load_file(path)) == {"weights", "occupancy"}
    if (out / MANIFEST).exists():
        report = verify(out)
        assert report["problems"] == report["notes"] == report["quarantined"] == []
    if (out / "run.json").exists():
        json.loads((out / "run.json").read_text())


def gone_within(group: int, seconds: float) -> bool:
    """True once no process of a group is left."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def ends_as(expected: list[tuple], out: Path, views: Path, workers: str) -> None:
    """--resume completes the zoo to the undisturbed one; a repair then finds nothing."""
    assert exit_code(fit_in_fork(views, out, "--workers", workers)) == 0
    nothing_torn(out)
    assert content(out) == expected
    assert not any(repair(out).values()) and content(out) == expected


@pytest.mark.parametrize(("workers", "n_kills"), [("1", 20), ("2", 5)])
def test_kills_at_random_moments(workers, n_kills, views, undisturbed, tmp_path):
    expected, seconds = undisturbed[workers]
    moments = random.Random(int(workers))
    stages, kills, run = [], 0, 0
    while kills < n_kills:
        out = tmp_path / f"zoo-{run}"
        pid = fit_in_fork(views, out, "--workers", workers, before=slow_disk)
        time.sleep(moments.uniform(0, seconds))
        os.kill(pid, signal.SIGKILL)
        code = exit_code(pid)
        assert code in (0, -signal.SIGKILL)  # 0: it was done by then, but not yet waited for
        kills += code != 0
        orphans = (out / MANIFEST).exists() and not gone_within(pid, 20)  # before, workers may still be starting
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        assert not orphans, "workers outlive their killed parent"
        nothing_torn(out)
        stages.append(len(Zoo(out)) if (out / MANIFEST).exists() else 0)
        if code == 0:
            assert content(out) == expected
            run += 1
    ends_as(expected, tmp_path / f"zoo-{run}", views, workers)
    assert len(set(stages)) > 1, "all kills fell into one stage"


def die_at_sync(number: int):
    """Die just before the given sync: every step of writing ends with one."""

    def arm() -> None:
        left, fsync = [number], os.fsync

        def dying(handle: int) -> None:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            fsync(handle)

        os.fsync = dying

    return arm


def die_in_a_shard() -> None:
    """Die when half of the first shard's bytes are written."""

    def half(tensors: dict, path: Path, metadata: dict) -> None:
        data = save(tensors, metadata)
        path.write_bytes(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    shards.save_file = half


def test_kills_at_every_step_of_writing(views, tmp_path):
    """A group of four stored: shard, its folder, lines, their folder, then the run's record."""
    few = tmp_path / "views"
    for name in NAMES[:4]:
        shutil.copytree(views / name[:-7] / name, few / name[:-7] / name)
    assert exit_code(fit_in_fork(few, tmp_path / "whole", "--workers", "1")) == 0
    expected, left = content(tmp_path / "whole"), []
    for number in range(20):
        out, arm = tmp_path / f"zoo-{number}", die_at_sync(number) if number else die_in_a_shard
        code = exit_code(fit_in_fork(few, out, "--workers", "1", before=arm))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        nothing_torn(out)
        left += [path.name for path in [*(out / "shards").iterdir(), *out.iterdir()] if path.name != ".lock"]
        ends_as(expected, out, few, "1")
    assert number > 5
    assert sum(name.startswith(".") and name.endswith(".safetensors") for name in left) == 2  # half-written files


def tear(n: int):
    """Die in the middle of a manifest write, after n bytes."""

    def arm() -> None:
        write = os.write

        def torn(handle: int, data: bytes) -> int:
            write(handle, data[:n])
            os.kill(os.getpid(), signal.SIGKILL)

        os.write = torn

    return arm


@pytest.mark.parametrize("n", [1, 700, 1500])
def test_a_kill_in_the_middle_of_the_lines(n, views, undisturbed, tmp_path):
    out, expected = tmp_path / "zoo", undisturbed["1"][0]
    assert exit_code(fit_in_fork(views, out, "--workers", "1", before=tear(n))) == -signal.SIGKILL
    report = verify(out)
    assert len(report["notes"]) == 1 and report["n"] < 4 and report["problems"] == []
    assert exit_code(fit_in_fork(views, out, "--workers", "1")) == 0
    assert content(out) == expected
