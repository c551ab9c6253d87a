"""`python -m n2v.course.worker`: judges one notebook's answers. JSON comes in, a line goes out for each verdict.

A process of its own, because it must have one thread until it is shut in, and forks afterwards.
"""

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from n2v.course.sandbox import Limits, shut_in
from n2v.course.source import read_source

SCRATCH_MB = 4096  # at most, and only what is used; holds a copy of the run folder
UNREAD = ("notebooks", "figures", "site", "*.html")  # of a run folder


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
    if Path(job["run"]).is_dir():  # a copy: notebooks may write into their run folder
        shutil.copytree(job["run"], run, ignore=shutil.ignore_patterns(*UNREAD))
    from n2v.course.judge import judge_all

    given = {"profile": job["profile"], "out_dir": str(run), "seed": 0, "interactive": False}
    for verdict in judge_all(source, given, job["submissions"], Limits(**job["limits"]), job["shut"]):
        print(json.dumps(asdict(verdict)), file=out, flush=True)


if __name__ == "__main__":
    main()
