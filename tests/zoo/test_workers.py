"""Who computes must not matter: processes, GPUs, shards and jobs give one zoo, and survive deaths and interruptions."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny import TINY, contents, make_views

from n2v import profiles, workers
from n2v.cli import main
from n2v.commands.zoo import fit
from n2v.errors import BadInput
from n2v.nerf import engines
from n2v.nerf.engines import NoEngine, most_on_gpu
from n2v.nerf.recipe import FitConfig
from n2v.workers import Death, Workers
from n2v.zoo.build import _joined, build_zoo
from n2v.zoo.cluster import SlurmConfig
from n2v.zoo.store import Zoo

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    return make_views(tmp_path_factory.mktemp("views"))


@pytest.fixture(scope="module")
def here(views, tmp_path_factory):
    """What one process makes of them."""
    out = tmp_path_factory.mktemp("zoo") / "here"
    build_zoo(views, out, TINY, driver=Workers())
    return contents(out)


def doubled(group):
    return [2 * item for item in group]


def troubled(group):
    """A task with every kind of trouble a process can have."""
    match group[0]:
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "warned":
            for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
                os.kill(os.getpid(), number)
        case "full":
            raise MemoryError("no room for 8 TiB")
        case "wrong":
            raise ZeroDivisionError("a fault of ours")
    return os.getpid()


def is_group_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def meet(folder, group):
    """Wait for another worker, then tell its process and its GPU."""
    (folder / f"{os.getpid()}").touch()
    limit = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2 and time.monotonic() < limit:
        time.sleep(0.01)
    return os.getpid(), os.environ["CUDA_VISIBLE_DEVICES"]


@dataclass(frozen=True)
class DeadlyWorkers(Workers):
    """A pool in which fitting one of the `victims` kills the process, as a fault in a library would."""

    victims: tuple[str, ...] = ()

    def run(self, task, groups):
        return super().run(partial(deadly, task, self.victims), groups)


def deadly(task, victims, group):
    if any(folder.name in victims for folder in group):
        os.kill(os.getpid(), signal.SIGSEGV)
    return task(group)


def test_a_pool_answers_every_group_once_and_leaves_no_process():
    groups = [[i, i + 100] for i in range(7)]
    answers = list(Workers.of(2).run(doubled, groups))
    assert sorted(answers) == [(group, doubled(group)) for group in groups] and len(answers) == 7
    assert list(Workers().run(doubled, groups)) == sorted(answers)
    assert list(Workers.of(2).run(doubled, [])) == []
    early = Workers.of(1).run(doubled, groups)
    next(early)
    assert multiprocessing.active_children()
    early.close()
    assert not multiprocessing.active_children()


def test_a_death_costs_its_group_alone():
    groups = [["killed"], ["fine"], ["full"], ["warned"]]
    answers = {group[0]: answer for group, answer in Workers.of(1).run(troubled, groups)}
    assert "its process died; the system ends a process when memory runs out" in answers["killed"].reason
    assert "no room for 8 TiB" in answers["full"].reason
    assert isinstance(answers["fine"], int) and isinstance(answers["warned"], int)  # signals are the parent's matter
    assert [type(answer) for _, answer in Workers().run(troubled, [["full"], ["fine"]])] == [int, Death]


def test_faults_of_ours_are_not_taken_for_bad_luck(monkeypatch):
    with pytest.raises(ZeroDivisionError, match="a fault of ours") as caught:
        list(Workers.of(1).run(troubled, [["wrong"]]))
    assert "in troubled" in str(caught.value.__cause__)
    with monkeypatch.context() as patch, pytest.raises(BadInput, match="a worker process does not start"):
        patch.setattr(workers, "_begin", os.abort)
        list(Workers.of(1).run(doubled, [[1]]))
    assert not multiprocessing.active_children()


def test_every_gpu_has_its_own_workers(monkeypatch, tmp_path):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with monkeypatch.context() as patch:
        patch.setattr(workers, "available_cores", lambda: 16)
        pool = Workers.gpus()
        assert [each["CUDA_VISIBLE_DEVICES"] for each in pool.environments] == ["0", "1"] * 4 and pool.threads == 2
        patch.setattr(workers, "available_cores", lambda: 200)
        assert len(Workers.gpus().environments) == 2 * workers.MOST_A_GPU
    monkeypatch.setattr(workers, "available_cores", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert workers.visible_gpus() == ("0", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-5f2")
    pool = workers.choose("gpus")
    assert len(pool.environments) == 2 and pool.threads >= 1
    seen = {answer for _, answer in pool.run(partial(meet, tmp_path), [[i] for i in range(4)])}
    assert len({process for process, _ in seen}) == len(seen) == 2 and {gpu for _, gpu in seen} == {"3", "GPU-5f2"}
    assert workers.choose("pool", None, on_gpu=True) == pool  # a worker a core would be a CUDA context a core
    assert len(workers.choose("pool", 3, on_gpu=True).environments) == 3
    assert workers.choose("pool", None) == Workers.of(None)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(BadInput, match="no GPU is visible.*--driver pool"):
        workers.choose("gpus")


def test_wrong_choices_are_refused_before_any_work(views, tmp_path):
    out = tmp_path / "zoo"
    with pytest.raises(BadInput, match="unknown driver 'slrm'; use one of: inprocess, pool, gpus, slurm"):
        fit(views, out, driver="slrm")
    with pytest.raises(BadInput, match="--workers: 0 workers"):
        fit(views, out, workers=0)
    with pytest.raises(BadInput, match="the pieces are shards"):
        fit(views, out, driver="slurm", shard="0/2")
    for wrong, said in (
        ({"pieces": 0}, "--slurm.pieces: 0"),
        ({"gpus": -1}, "--slurm.gpus: -1"),
        ({"extra": ("array=0-3",)}, "sbatch option 'array'"),
        ({"extra": ("a b=1",)}, "sbatch option 'a b'"),
    ):
        with pytest.raises(BadInput, match=said):
            fit(views, out, driver="slurm", slurm=SlurmConfig(**wrong))
    with pytest.raises(BadInput, match="no view sets"):
        fit(tmp_path, out, driver="slurm")
    assert list(tmp_path.iterdir()) == []


def test_workers_do_not_change_a_nerf(views, here, tmp_path):
    assert len(here) == 9
    build_zoo(views, tmp_path / "zoo", TINY, driver=Workers.of(2))
    assert contents(tmp_path / "zoo") == here


def test_an_engine_on_gpus_gets_their_pool_and_larger_groups(views, tmp_path, monkeypatch):
    """The build's own choice and the command's; the engine itself stays on the CPU here."""
    started = []
    monkeypatch.setattr(Workers, "gpus", lambda: started.append("gpus") or Workers())
    monkeypatch.setattr("n2v.zoo.build.on_gpu", lambda name: name == "auto")
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: SimpleNamespace(total_memory=16e9))
    dealt = [[Path("abcd"[i])] * 4 for i in range(4)]
    assert list(map(len, _joined(dealt, replace(TINY, backend="auto")))) == [6, 6, 4]
    assert _joined(dealt, replace(TINY, backend="native")) == dealt
    assert most_on_gpu(TINY) == 6 and most_on_gpu(TINY, 2) == 3 and most_on_gpu(FitConfig()) == 2
    assert build_zoo(views, tmp_path / "zoo", TINY, limit=9)["fitted"] == 9 and started == ["gpus"]
    monkeypatch.setattr("n2v.nerf.engines.on_gpu", lambda name: name == "native")
    fit(views, tmp_path / "of command", profile="smoke", steps=1, backend="native", limit=1)
    assert started == ["gpus"] * 2


@pytest.mark.parametrize("driver", [Workers(), Workers.of(1)])
def test_an_engine_that_fails_ends_the_build_and_blames_no_view_set(views, tmp_path, driver):
    broken = replace(TINY, backend="native", encoding="tcnn")
    with pytest.raises(NoEngine) as caught:
        build_zoo(views, tmp_path / "zoo", broken, driver=driver)
    assert str(caught.value) == "backend 'native' has no 'tcnn' encoding; use --encoding exact"
    build_zoo(views, tmp_path / "zoo", replace(TINY, backend="native"), driver=driver, resume=True, limit=1)
    assert len(Zoo(tmp_path / "zoo")) == 1 and not Zoo(tmp_path / "zoo").quarantined


def test_exit_codes_of_a_build(views, tmp_path, monkeypatch, capsys):
    def run(out, *words):
        return main(["fit", str(views), "--out", str(out), "--profile", "tiny", "--driver", "inprocess", *words])

    hopeless = replace(TINY, psnr_floor_db=90.0)
    monkeypatch.setitem(profiles.PROFILES, "tiny", lambda: replace(profiles.smoke(), fit=hopeless))
    assert run(tmp_path / "zoo", "--limit", "2") == 1  # all of them quarantined
    assert run(tmp_path / "share", "--limit", "2", "--shard", "1/2") == 0  # a share in which nothing is to be done
    monkeypatch.setitem(profiles.PROFILES, "tiny", lambda: replace(profiles.smoke(), fit=TINY))
    assert run(tmp_path / "zoo", "--limit", "1", "--resume") == 0
    monkeypatch.setitem(profiles.PROFILES, "tiny", lambda: replace(profiles.smoke(), fit=hopeless))
    assert run(tmp_path / "zoo", "--limit", "2", "--resume") == 0  # one was there
    capsys.readouterr()
    monkeypatch.setattr("n2v.nerf.fit.choose_engine", lambda *_: engines.check("fast", "exact"))
    assert run(tmp_path / "other") == 2
    said = capsys.readouterr().err
    assert [line for line in said.splitlines() if line.startswith("n2v: ")] == [
        "n2v: unknown backend 'fast'; use one of: auto, torch, native, triton, tcnn"
    ]


def test_shards_do_not_change_a_nerf_and_run_again_do_nothing(views, here, tmp_path):
    out = tmp_path / "zoo"
    sizes = [build_zoo(views, out, TINY, driver=Workers(), shard=(i, 2))["fitted"] for i in range(2)]
    assert sizes == [5, 4] and contents(out) == here
    manifest = (out / "manifest.jsonl").read_bytes()
    assert build_zoo(views, out, TINY, driver=Workers(), shard=(1, 3))["fitted"] == 0  # cut in another way
    assert (out / "manifest.jsonl").read_bytes() == manifest


def test_a_view_set_that_kills_its_process_is_quarantined_alone(views, here, tmp_path):
    out = tmp_path / "zoo"
    driver = DeadlyWorkers(({},) * 2, victims=("lamp-000001",))
    summary = build_zoo(views, out, TINY, driver=driver)
    assert summary["fitted"] == 8
    assert contents(out) == {name: row for name, row in here.items() if name != "lamp-000001"}
    [row] = Zoo(out).quarantined
    assert row.object_id == "lamp-000001" and "its process died" in row.status
    assert summary["quarantined"] == [{"object": "lamp-000001", "reason": row.status}]
    assert build_zoo(views, out, TINY, resume=True)["fitted"] == 1 and not Zoo(out).quarantined


@pytest.mark.slow
def test_ctrl_c_says_one_line_and_resume_goes_on(views, tmp_path):
    out = tmp_path / "zoo"
    words = ["fit", str(views), "--out", str(out), "--profile", "smoke", "--steps", "4000", "--workers", "1"]
    started = subprocess.Popen(
        [sys.executable, "-m", "n2v.cli", *words], stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )
    limit = time.monotonic() + 120
    while not (out / "manifest.jsonl").exists() and started.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGINT)  # as a terminal does: every process of the group
    _, said = started.communicate(timeout=120)  # also on a busy machine
    assert started.returncode == 130, said
    assert said.startswith("n2v: interrupted") and said.count("\n") == 1 and "--resume" in said
    limit = time.monotonic() + 20
    while is_group_alive(started.pid) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not is_group_alive(started.pid)  # no worker is left
    kept = contents(out)
    assert 1 <= len(kept) + len(Zoo(out).quarantined) < 9
    again = fit(views, out, profile="smoke", steps=4000, driver="inprocess", resume=True)
    assert again["already_there"] == len(kept) and kept.items() <= contents(out).items()
    assert again["fitted"] + len(again["quarantined"]) == 9 - len(kept)
