"""The first command on a GPU, dry: every line that needs no GPU runs, and nothing but what such a machine has."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton", reason="triton is not installed: the GPU bench was NOT tried")
pytest.importorskip("nerfacc", reason="nerfacc is not installed (extra dev): the GPU bench was NOT tried")
CI = Path(__file__).parents[2] / "ci"
MISSING_THERE = ("trimesh", "embreex", "torchmetrics", "seaborn", "jupytext", "papermill", "nerfacc")


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(CI))
    import bench_gpu

    return bench_gpu


def lines_of(code) -> set[int]:
    """Line numbers of a code object and of all within it."""
    inner = [constant for constant in code.co_consts if hasattr(constant, "co_lines")]
    return {line for _, _, line in code.co_lines() if line}.union(*map(lines_of, inner))


@pytest.mark.slow
@pytest.mark.timeout(900)  # interpreted and traced
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here: run the bench itself")
def test_a_dry_run_covers_every_line(bench, stand_ins, tmp_path):
    ran = set()

    def note(frame, _event, _argument):
        if frame.f_code.co_filename != bench.__file__:
            return None
        ran.add(frame.f_lineno)
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        rows = bench.main(["--dry", "--out", str(tmp_path)])
    finally:
        sys.settrace(before)
    source = Path(bench.__file__).read_text()
    codes = [code for code in compile(source, bench.__file__, "exec").co_consts if hasattr(code, "co_lines")]
    functions = [code for code in codes if code.co_flags & inspect.CO_OPTIMIZED]  # not bodies of classes
    left = [source.splitlines()[line - 1].strip() for line in sorted(set().union(*map(lines_of, functions)) - ran)]
    assert [
        line for line in left if not any(word in line for word in ("cuda", "CUDA", "failed", "except", "def "))
    ] == []
    assert not any("failed" in row or "not run" in row for row in rows.values()), rows
    assert rows["parity"]["gradient"] < 0.05  # 0.017 seen: few rays
    assert rows["fit by triton"]["psnr_db"] == pytest.approx(rows["fit by torch"]["psnr_db"], abs=0.5)
    assert json.loads((tmp_path / "gpu.json").read_text())["rows"].keys() == rows.keys()


def test_a_failing_row_and_a_late_one_stop_nobody(bench, tmp_path, monkeypatch, capsys):
    def broken():
        raise torch.OutOfMemoryError("CUDA out of memory\nand more lines")

    monkeypatch.setattr(bench, "all_rows", lambda *_: [("first", broken), ("second", lambda: {"psnr_db": 1.0})])
    rows = bench.main(["--dry", "--out", str(tmp_path)])
    assert rows["first"] == {"failed": "OutOfMemoryError: CUDA out of memory"}
    assert rows["second"]["psnr_db"] == 1 and "psnr_db=1" in capsys.readouterr().out
    late = bench.main(["--dry", "--minutes", "0", "--out", str(tmp_path)])
    assert late["second"] == {"not run": "0 minutes were up"}


def test_it_needs_little():
    blocked = "; ".join(f"sys.modules[{name!r}] = None" for name in MISSING_THERE)
    code = (
        f"import sys; sys.path.insert(0, {str(CI)!r}); {blocked}; import bench_gpu; bench_gpu.spheres(0, bench_gpu.DRY)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CI.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
