"""A collection as a SLURM array of `fit --shard i/N` pieces.

Every piece is the same restartable build of its share, so it does no harm to run one again, to have it pre-empted
and queued anew, or to let two of them overlap. Library: submitit (MIT).
"""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from n2v.errors import BadInput, MissingPart
from n2v.machine import polite_threads
from n2v.workers import Workers

OURS = ("array", "error", "open_mode", "output", "signal")  # sbatch options that submitit sets and relies on
REQUEUES = 100  # time limits a piece may meet before it gives up
WARNING_S = 120  # how long before a time limit a piece is told, so that it can queue itself again


@dataclass(frozen=True)
class SlurmConfig:
    """What a cluster needs to know. Each piece is one task on one node."""

    pieces: int = 16  # parts the collection is cut into, one array task each
    at_once: int = 16  # pieces that may run at the same time
    partition: str | None = None  # SLURM partition; none: the cluster's default
    time_min: int = 240  # time limit of a piece, minutes
    memory_gb: float = 16.0  # memory of a piece, GB
    cpus: int = 8  # cores of a piece; without GPUs also its worker processes
    gpus: int = 0  # GPUs of a piece, one worker process each
    logs: Path | None = None  # folder for scripts and logs, seen by all nodes; none: ZOO-jobs beside the zoo
    extra: tuple[str, ...] = ()  # further sbatch options, such as account=lab or exclusive
    setup: tuple[str, ...] = ()  # shell lines before a piece starts, such as "module load cuda"
    dry_run: bool = False  # show the sbatch script and submit nothing

    def check(self) -> None:
        """Refuse values that no cluster could use."""
        for name in ("pieces", "at_once", "time_min", "memory_gb", "cpus", "gpus"):
            least = 0 if name == "gpus" else 1
            if getattr(self, name) < least:
                where = f"--slurm.{name.replace('_', '-')}"
                raise BadInput(f"{getattr(self, name)}", where=where, fix=f"use {least} or more")
        self.options()

    def options(self) -> dict[str, str | bool]:
        """`extra` by name."""
        parts = [text.removeprefix("--").partition("=") for text in self.extra]
        options = {name.strip().replace("-", "_"): value.strip() if equals else True for name, equals, value in parts}
        for name in options:
            if not name.isidentifier() or name in OURS:
                fix = f"write name=value, not one of {OURS}"
                raise BadInput(f"sbatch option '{name}'", where="--slurm.extra", fix=fix)
        return options

    def sbatch(self) -> dict:
        """The same as submitit names it."""
        given = {
            "job_name": "n2v-fit",
            "nodes": 1,
            "ntasks_per_node": 1,
            "partition": self.partition,
            "time": self.time_min,
            "mem": f"{round(self.memory_gb * 1024)}M",
            "cpus_per_task": self.cpus,
            "gpus_per_node": self.gpus or None,
            "array_parallelism": self.at_once,
            "signal_delay_s": WARNING_S,
            "setup": list(self.setup) or None,
            "additional_parameters": {"requeue": True, **self.options()},
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Piece:
    """One share of a build, as a job runs it. `arguments` are build_zoo's: views, out, config, seed, limit."""

    arguments: Mapping[str, object]
    shard: tuple[int, int]
    cpus: int = 1
    gpus: int = 0

    def __call__(self) -> dict:
        """Fit what is missing of this share."""
        from n2v.zoo.build import build_zoo

        polite_threads()
        driver = Workers.gpus() if self.gpus else Workers.of(self.cpus)
        return build_zoo(**self.arguments, shard=self.shard, resume=True, driver=driver)

    def checkpoint(self):
        """What to queue when this piece is pre-empted or meets its time limit: itself, as the zoo remembers."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def submit(views: Path, out: Path, slurm: SlurmConfig, *, resume: bool = False, **arguments: object) -> dict:
    """Fit a collection as one job array; further arguments are build_zoo's (config, seed, limit).

    Returns:
        The job's number, at once; in a dry run the script.

    Raises:
        BadInput: no view sets, a zoo that is there without `resume`, no SLURM here, or sbatch refuses.
        MissingPart: submitit is not installed.
    """
    from n2v.scenes.views import find_views
    from n2v.zoo.store import going_on

    slurm.check()
    views, out = Path(views).resolve(), Path(out).resolve()
    if not find_views(views):
        raise BadInput("no view sets", where=views, fix="make some with: n2v render")
    going_on(out, resume)
    logs = (slurm.logs or out.with_name(f"{out.name}-jobs")).resolve()
    if slurm.dry_run:
        return {"script": sbatch_script(slurm, logs)}
    shared = {"views": views, "out": out, **arguments}
    try:
        executor = _submitit().SlurmExecutor(logs, max_num_timeout=REQUEUES)
    except RuntimeError:
        fix = "see --slurm.dry-run for the script, or use --driver pool, or --shard on each machine"
        raise BadInput("no SLURM here (srun is not found)", fix=fix) from None
    executor.update_parameters(**slurm.sbatch())
    pieces = [Piece(shared, (i, slurm.pieces), slurm.cpus, slurm.gpus) for i in range(slurm.pieces)]
    try:
        jobs = executor.submit_array(pieces)
    except (RuntimeError, OSError) as error:
        raise BadInput(f"sbatch refused: {error}", fix="see --slurm.dry-run for the script") from None
    then = "when it has ended: n2v zoo info, and the same command with --resume fits what is missing"
    return {"job": jobs[0].job_id.partition("_")[0], "pieces": len(jobs), "logs": logs, "then": then}


def sbatch_script(slurm: SlurmConfig, logs: Path) -> str:
    """The script that sbatch is handed (compared with the real one in tests/zoo/test_cluster.py)."""
    make = _submitit().slurm.slurm._make_sbatch_string
    command = f"{shlex.quote(sys.executable)} -u -m submitit.core._submit {shlex.quote(str(logs))}"
    n = slurm.pieces if slurm.pieces > 1 else None
    return make(command=command, folder=logs, map_count=n, **slurm.sbatch())


def _submitit():
    try:
        import submitit
    except ImportError:
        raise MissingPart("submitit", "cluster") from None
    return submitit
