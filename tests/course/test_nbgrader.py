"""Real nbgrader releases and marks what `n2v assignment build --nbgrader` writes, as the instructor's guide says."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from course import tiny

from n2v.course.release import build
from n2v.course.source import find_sources

NBGRADER = os.environ.get("N2V_NBGRADER") or shutil.which("nbgrader")
POINTS = """
import json, sys
from nbgrader.api import Gradebook
with Gradebook(sys.argv[1]) as book:
    found = {one.student.id: [one.score, one.max_score] for one in book.assignment_submissions("ps1")}
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    NBGRADER is None, reason="no nbgrader: install it in an environment of its own, N2V_NBGRADER=its path"
)
def test_nbgrader_releases_and_marks(tmp_path):
    text = tiny.NOTEBOOK.replace('unused = open("no such file that anybody has")\n', "")
    sources = find_sources(tiny.notebooks(tmp_path / "notebooks", text))
    build(sources, tmp_path / "source" / "ps1", nbgrader=True)
    bin_folder = Path(NBGRADER).parent
    paths = {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "JUPYTER_PATH": str(bin_folder.parent / "share/jupyter"),
    }
    environment = {
        **os.environ,
        **paths,
        "HOME": str(tmp_path),
        "PYTHONPATH": "",
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }

    def run(*words: str) -> str:
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    run(NBGRADER, "generate_assignment", "ps1", "--CourseDirectory.course_id=n2v")
    released = nbformat.read(tmp_path / "release" / "ps1" / "07_tiny.ipynb", as_version=4)
    said = nbformat.writes(released)
    assert "ordered_by_size" not in said and "negative numbers count" not in said and "HIDDEN" not in said
    wrong = {"07-2": "def largest(numbers):\n    return max(numbers, key=abs)\n"}
    for student, answers in (("right", tiny.RIGHT), ("wrong", tiny.RIGHT | wrong), ("blank", {})):
        for cell in released.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = answers.get(name, cell.source)
        folder = tmp_path / "submitted" / student / "ps1"
        folder.mkdir(parents=True)
        nbformat.write(released, folder / "07_tiny.ipynb")
        released = nbformat.read(tmp_path / "release" / "ps1" / "07_tiny.ipynb", as_version=4)
    run(NBGRADER, "autograde", "ps1")
    found = json.loads(run(str(bin_folder / "python"), "-c", POINTS, f"sqlite:///{tmp_path}/gradebook.db"))
    assert found == {"right": [3, 3], "wrong": [2, 3], "blank": [0, 3]}
