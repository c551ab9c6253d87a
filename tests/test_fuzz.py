"""Three hundred damaged files: no traceback, no hang, no gigabytes, nothing good lost. More: python tests/fuzz.py."""

import os
import subprocess
import sys
import time
from pathlib import Path

import fuzz
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_damaged_files_are_a_result_or_one_line():
    """In a process of its own, which may hold two gigabytes more than it starts with."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, str(ROOT / "tests" / "fuzz.py"), "--n", "300", "--seed", "0"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=590, check=False)
    assert done.stdout.endswith("300 cases, 0 failed\n") and done.returncode == 0, done.stdout + done.stderr[-2000:]


def raises(*_):
    raise ValueError("a fault")


def changes(sound, folder, hurt):
    (folder / {"a.json": "b.json", "b.json": "a.json"}[hurt.name]).write_text("[]")


def waits(*_):
    time.sleep(5)


def takes_memory(*_):
    np.ones(1 << 29)


@pytest.mark.parametrize(
    "check, said", [(raises, "ValueError: a fault"), (waits, "TookTooLong"), (changes, "AssertionError: ")]
)
def test_what_goes_wrong_is_seen(check, said, tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "SECONDS", 1)
    before = fuzz.signal.signal(fuzz.signal.SIGALRM, fuzz.too_late)
    (tmp_path / "sound").mkdir()
    for name in ("a.json", "b.json"):
        (tmp_path / "sound" / name).write_text("{}")
    (tmp_path / "scratch").mkdir()
    try:
        kind = fuzz.Kind(raises, check)
        done, problem = fuzz.run_case(kind, tmp_path / "sound", tmp_path / "scratch", np.random.default_rng(0))
    finally:
        fuzz.signal.signal(fuzz.signal.SIGALRM, before)
    assert done[:8] in ("a.json: ", "b.json: ") and problem.startswith(said)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's address space")
def test_four_gigabytes_are_too_many():
    code = """
import sys, fuzz, test_fuzz
fuzz.KINDS = {"x": fuzz.Kind(lambda p: (p.mkdir(), (p / "a").write_text("a")), test_fuzz.takes_memory)}
sys.argv = ["fuzz", "--n", "1"]
sys.exit(fuzz.main())
"""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1 and "MemoryError" in done.stdout, done.stderr


@pytest.mark.parametrize("name", ["a.json", "b.jsonl", "c.safetensors", "d.ipynb"])
def test_values_are_altered_and_stay_what_they_are(name, tmp_path):
    """What is altered is still JSON, or a header of JSON: past the reader's first check."""
    path, data = tmp_path / name, b'{"x": [1, {"y": "z"}], "w": null}'
    data = len(data).to_bytes(8, "little") + data + b"rest" if path.suffix == ".safetensors" else data
    found = {fuzz.alter_text(data, path, np.random.default_rng(seed)) for seed in range(40)}
    assert len(found) > 10 and data not in found
    for text in found:
        start = 8 if path.suffix == ".safetensors" else 0
        assert start == 0 or text.endswith(b"rest")
        assert isinstance(fuzz.json.loads(text[start:].removesuffix(b"rest")), dict)
