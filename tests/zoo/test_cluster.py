"""Jobs: what sbatch is told, and that pieces which overlap, die or are pre-empted still give one zoo."""

import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tiny import TINY, contents, make_views

from n2v.commands.zoo import fit
from n2v.errors import BadInput, MissingPart
from n2v.workers import Workers
from n2v.zoo import cluster
from n2v.zoo.build import build_zoo
from n2v.zoo.cluster import Piece, SlurmConfig, submit

submitit = pytest.importorskip("submitit", reason="extra [cluster] is not installed")


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    return make_views(tmp_path_factory.mktemp("views"))


@pytest.fixture(autouse=True)
def jobs_find_our_modules(monkeypatch):
    folders = [Path(__file__).parents[2], Path(__file__).parent]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, folders)))


@dataclass(frozen=True)
class DyingPiece(Piece):
    """A piece whose process is killed before it stores anything."""

    def __call__(self):
        os.kill(os.getpid(), signal.SIGKILL)


def on_path(folder, name, text, monkeypatch):
    """A program that is found before all others."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.slow
def test_pieces_equal_one_process_even_when_one_dies(views, tmp_path):
    """Three at once, the second of them killed; a second submission, cut in another way, finishes."""
    out, shared = tmp_path / "zoo", {"views": views, "out": tmp_path / "zoo", "config": TINY}
    executor = submitit.LocalExecutor(tmp_path / "logs")
    first = [
        executor.submit(piece) for piece in (Piece(shared, (0, 3)), DyingPiece(shared, (1, 3)), Piece(shared, (2, 3)))
    ]
    first[1].wait()
    assert first[0].result()["fitted"] + first[2].result()["fitted"] == len(contents(out)) == 5
    again = [executor.submit(Piece(shared, (i, 2))) for i in range(2)]
    assert sum(job.result()["fitted"] for job in again) == 4
    build_zoo(views, tmp_path / "here", TINY, driver=Workers())
    assert contents(out) == contents(tmp_path / "here")


@pytest.mark.slow
def test_a_preempted_piece_goes_on_where_it_was(views, tmp_path):
    """SLURM's order of signals to every process of a piece: SIGTERM, then the warning it was asked for."""
    out, logs = tmp_path / "zoo", tmp_path / "logs"
    executor = submitit.LocalExecutor(logs)
    executor.update_parameters(timeout_min=60)
    slow = replace(TINY, n_steps=2000)
    job = executor.submit(Piece({"views": views, "out": out, "config": slow}, (0, 1), cpus=1))
    limit = time.monotonic() + 120
    while not (out / "manifest.jsonl").exists() and time.monotonic() < limit:
        time.sleep(0.02)
    [piece] = children(int(job.job_id))
    family = [piece, *children(piece)]
    for number in (signal.SIGTERM, signal.SIGUSR2):
        for process in family:
            if Path(f"/proc/{process}").exists():
                os.kill(process, number)
    summary = job.result()
    log = job.paths.stderr.read_text() + job.paths.stdout.read_text()
    assert "Requeued" in log and "preempted" in log
    assert summary["already_there"] >= 4 and summary["already_there"] + summary["fitted"] == 9
    assert summary["quarantined"] == []


def children(process):
    """Numbers of a process's children."""
    found = [path for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]
    parents = {int(path.parent.name): int(path.read_text().rpartition(")")[2].split()[1]) for path in found}
    return [number for number, parent in parents.items() if parent == process]


def test_sbatch_is_told_what_was_asked_for(views, tmp_path, monkeypatch):
    on_path(tmp_path / "bin", "sbatch", f'cp "$1" {tmp_path}/told; echo "Submitted batch job 4242"', monkeypatch)
    on_path(tmp_path / "bin", "srun", "", monkeypatch)
    slurm = SlurmConfig(
        pieces=40, at_once=7, partition="long", time_min=90, memory_gb=12.5, cpus=3, gpus=2, logs=tmp_path / "logs",
        extra=("account=lab", "--exclusive"), setup=("module load cuda",),
    )  # fmt: skip
    script = fit(views, tmp_path / "zoo", driver="slurm", slurm=replace(slurm, dry_run=True))["script"]
    assert not (tmp_path / "told").exists() and not (tmp_path / "logs").exists()  # a dry run submits nothing
    summary = fit(views, tmp_path / "zoo", driver="slurm", slurm=slurm, limit=8)
    assert summary["job"] == "4242" and summary["pieces"] == 40
    told = (tmp_path / "told").read_text()
    assert told == script
    for line in (
        "array=0-39%7", "partition=long", "time=90", "mem=12800M", "cpus-per-task=3", "gpus-per-node=2",
        "account=lab", "exclusive", "requeue", "signal=USR2@120", "ntasks-per-node=1",
    ):  # fmt: skip
        assert f"#SBATCH --{line}\n" in told
    assert "module load cuda\n" in told and sys.executable in told
    submitted = [submitit.core.utils.DelayedSubmission.load(path) for path in (tmp_path / "logs").glob("*.pkl")]
    pieces = [one.function for one in submitted]
    assert sorted(piece.shard for piece in pieces) == [(i, 40) for i in range(40)]
    assert all((piece.cpus, piece.gpus, piece.arguments["limit"]) == (3, 2, 8) for piece in pieces)
    assert pieces[0].arguments["config"].backend == "auto"  # nodes are not the machine that submits
    assert pieces[0].checkpoint().function == pieces[0] and not (tmp_path / "zoo").exists()


def test_an_engine_that_only_the_nodes_have_is_submitted(views, tmp_path):
    slurm = SlurmConfig(dry_run=True, gpus=1)
    for name in ("triton", "tcnn"):
        assert "#SBATCH" in fit(views, tmp_path / "zoo", backend=name, driver="slurm", slurm=slurm)["script"]
    with pytest.raises(BadInput, match="unknown backend 'trition'"):
        fit(views, tmp_path / "zoo", backend="trition", driver="slurm", slurm=slurm)


def test_a_cluster_that_is_not_there_or_refuses_is_one_line(views, tmp_path, monkeypatch):
    slurm = SlurmConfig(logs=tmp_path / "logs")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(BadInput, match="no SLURM here.*--driver pool"):
            submit(views, tmp_path / "zoo", slurm, config=TINY)
    on_path(tmp_path / "bin", "sbatch", "echo 'error: invalid partition specified: x' >&2; exit 1", monkeypatch)
    on_path(tmp_path / "bin", "srun", "", monkeypatch)
    with pytest.raises(BadInput, match="sbatch refused: .*invalid partition specified: x.*--slurm.dry-run"):
        submit(views, tmp_path / "zoo", slurm, config=TINY)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(MissingPart, match=r"-e '\.\[cluster\]'"):
        cluster.submit(views, tmp_path / "zoo", slurm, config=TINY)
