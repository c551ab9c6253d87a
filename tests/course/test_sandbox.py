"""When a contained call has ended, nothing of it runs on and nothing of it is still in memory."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from n2v.course.sandbox import Limits, contained, namespaces, shut_in

N_CROWD, CROWD_MB = 8, 64


def crowd() -> bytes:
    """Work that fills memory, in processes that take the kernel a while to clear away, and never returns."""
    for _ in range(N_CROWD):
        if os.fork() == 0:
            break
    hoard = bytearray(CROWD_MB << 20)
    while True:
        hoard[0] = 1


def namesakes() -> set[str]:
    """Ids of all processes with this one's name, dying ones too."""
    name, found = Path("/proc/self/comm").read_text(), set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # gone meanwhile
                found |= {folder.name} if (folder / "comm").read_text() == name else set()
    return found


def left_by_a_crowd(scratch: Path) -> int:
    """How many of a crowd are there when `contained` has returned."""
    shut_in(scratch, 1)
    before = namesakes()
    ended = contained(crowd, Limits(processes=4 * N_CROWD), 2.0, shut=True)
    after = namesakes()
    assert ended.reason == "ran out of time"
    return len(after - before)


@pytest.mark.skipif(not namespaces(), reason="this kernel gives no namespaces to this user")
def test_a_killed_crowd_is_gone_when_contained_returns(tmp_path):
    child = os.fork()
    if child == 0:
        code = 120
        try:
            code = left_by_a_crowd(tmp_path)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
