"""`python -m n2v.course.worker`: judges one notebook's answers. JSON comes in, a line goes out for each verdict.

A process of its own, because it must have one thread until it is shut in, and forks afterwards.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from n2v.course.sandbox import Limits, shut_in
from n2v.course.source import read_source

SCRATCH_MB = 4096  # at most, and only what is used


def main() -> None:
    """Read the job, shut this process in, judge."""
    job = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what notebooks and checks print is not a verdict
    source, scratch = read_source(Path(job["source"])), Path(job["scratch"])
    if job["shut"]:
        shut_in(scratch, SCRATCH_MB, [Path(folder) for folder in job["hidden"]])
    os.chdir(scratch)
    run = scratch / "run"
    link_tree(Path(job["run"]), run, hidden=("notebooks",))
    from n2v.course.judge import judge_all

    given = {"profile": job["profile"], "out_dir": str(run), "seed": 0, "interactive": False}
    for verdict in judge_all(source, given, job["submissions"], Limits(**job["limits"]), job["shut"]):
        print(json.dumps(asdict(verdict)), file=out, flush=True)


def link_tree(folder: Path, copy: Path, hidden: tuple[str, ...] = ()) -> None:
    """The same folders, with links to the files: what is written in the copy leaves the original alone."""
    copy.mkdir(parents=True)
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_dir() and path.name not in hidden:
            link_tree(path, copy / path.name)
        elif path.is_file():
            (copy / path.name).symlink_to(path.resolve())


if __name__ == "__main__":
    main()
