"""Student copies hold no line of a solution, and every exercise as a stub; nbgrader copies follow its schema."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from course import tiny

from n2v import cli
from n2v.course.release import build, leaks, student_copy
from n2v.course.source import MARKER, blocks, find_sources
from n2v.errors import BadInput

ROOT = Path(__file__).parents[2]
SOURCES = find_sources(ROOT / "notebooks")


def secret_lines(source) -> set[str]:
    """Lines of solutions and hidden tests, found without n2v's parser, that stand nowhere else in the notebook."""
    secret, public, inside = set(), [], False
    for line in source.path.read_text().splitlines():
        if re.match(r"\s*### (BEGIN|END)", line):
            inside = "BEGIN" in line
        elif inside and not line.strip().startswith("# HINT:"):
            secret.add(line.strip())
        else:
            public.append(line)
    return {line for line in secret if len(line) > 15 and line not in "\n".join(public)}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.number)
def test_no_line_of_a_solution_is_released(source, tmp_path):
    build([source], tmp_path, text=True)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [f"{source.path.stem}.ipynb", source.path.name]
    assert secret_lines(source)
    for name in files:
        text = (tmp_path / name).read_text()
        told = [line for line in secret_lines(source) if line in text or json.dumps(line)[1:-1] in text]
        assert told == [] and "### BEGIN" not in text and "### END" not in text
        assert str(ROOT) not in text


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.number)
def test_every_stub_says_what_to_do(source):
    notebook = student_copy(source)
    nbformat.validate(notebook)
    assert all("outputs" not in cell or cell.outputs == [] for cell in notebook.cells)
    assert "jupytext" not in notebook.metadata and "n2v" not in notebook.metadata
    for exercise in source.exercises:
        for position in exercise.cells:
            namespace = {}
            exec(compile(_definitions(notebook.cells[position].source), "stub", "exec"), namespace)
            for name in set(exercise.functions) & set(namespace):
                code = namespace[name].__code__
                with pytest.raises(NotImplementedError, match=r"\w{3}"):
                    namespace[name](*[None] * code.co_argcount)


def _definitions(text: str) -> str:
    """A cell without what needs the notebook: only its functions."""
    import ast

    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list, node.returns = [], None
            for argument in node.args.args:
                argument.annotation = None
    return ast.unparse(ast.Module([node for node in tree.body if isinstance(node, ast.FunctionDef)], []))


def test_a_hint_is_told_and_a_telling_text_refused(tmp_path):
    (source,) = find_sources(tiny.notebooks(tmp_path))
    copy = student_copy(source)
    code = "\n".join(cell.source for cell in copy.cells)
    assert 'raise NotImplementedError("OFFSET is the distance")' in code
    assert 'raise NotImplementedError("The largest of some numbers.")' in code
    assert copy.cells[3].metadata.tags == ["exercise", "07-1"] and copy.cells[4].metadata.tags[-1] == "07-1"
    assert leaks(source, "x\n    ordered_by_size = sorted(numbers)") == ["ordered_by_size = sorted(numbers)"]


def test_a_leak_is_refused_and_nothing_written(tmp_path, monkeypatch):
    (source,) = find_sources(tiny.notebooks(tmp_path / "notebooks"))
    monkeypatch.setattr("n2v.course.release.without_blocks", lambda cell: cell.text)
    with pytest.raises(BadInput, match="give a solution away"):
        build([source], tmp_path / "release")
    assert not (tmp_path / "release").exists()


def test_blocks_are_all_found():
    for source in SOURCES:
        n_markers = sum(bool(MARKER.match(line)) for line in source.path.read_text().splitlines())
        assert n_markers == 2 * sum(len([*blocks(cell)]) for cell in source.cells)


def test_nbgrader_copies_follow_its_schema(tmp_path):
    """Version 3 of nbgrader's cell metadata, as its documentation lists it."""
    build(SOURCES, tmp_path, nbgrader=True)
    wanted = {"grade", "grade_id", "locked", "schema_version", "solution", "task"}
    for source in SOURCES:
        notebook = nbformat.read(tmp_path / f"{source.path.stem}.ipynb", as_version=4)
        nbformat.validate(notebook)
        marks = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
        names = [one.grade_id for one in marks]
        assert len(set(names)) == len(names) and all(re.fullmatch(r"[\w-]+", name) for name in names)
        for one in marks:
            assert set(one) == wanted | ({"points"} if one.grade else set()) and one.schema_version == 3
            assert one.grade is not one.solution and one.locked is one.grade and one.task is False
        graded = [one for one in marks if one.grade]
        assert sum(one.points for one in graded) == sum(exercise.points for exercise in source.exercises)
        solutions = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution")]
        assert all("### BEGIN SOLUTION" in cell.source for cell in solutions)


def test_the_commands(tmp_path, capsys):
    folder = str(tiny.notebooks(tmp_path / "notebooks"))
    assert cli.main(["assignment", "build", "07", "--out", str(tmp_path / "release"), "--notebooks", folder]) == 0
    assert [path.name for path in (tmp_path / "release").iterdir()] == ["07_tiny.ipynb"]
    capsys.readouterr()
    assert cli.main(["assignment", "list", "all", "--notebooks", folder, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["points"] == 3 and [one["write"] for one in listed["exercises"]] == ["shifted", "largest"]
    release, copy = tmp_path / "release", tmp_path / "release" / "07_tiny.ipynb"
    words = ["assignment", "build", "07", "--out", str(release), "--notebooks", folder]
    assert cli.main(words) == 0, "the same again changes nothing"
    handed_out = copy.read_bytes()
    answered = handed_out + b" "
    copy.write_bytes(answered)
    capsys.readouterr()
    assert cli.main(words) == 2 and copy.read_bytes() == answered
    said = f"n2v: {copy}: is there already and differs; choose another --out, or --force\n"
    assert capsys.readouterr().err == said
    assert cli.main([*words, "--force"]) == 0 and copy.read_bytes() == handed_out
    both = ["assignment", "build", "--out", str(tmp_path / "x"), "--text", "--nbgrader", "--notebooks", folder]
    assert cli.main(both) == 2


def test_the_two_kinds_of_copies_never_share_a_folder(tmp_path):
    sources = find_sources(tiny.notebooks(tmp_path / "notebooks"))
    build(sources, tmp_path / "students", text=True)
    build(sources, tmp_path / "source", nbgrader=True)
    before = {path: path.read_bytes() for path in tmp_path.rglob("07_*")}
    for folder, other, said in (
        ("students", {"nbgrader": True}, "is a copy for students"),
        ("source", {}, "holds solutions"),
        ("notebooks", {"text": True}, "holds solutions"),
    ):
        with pytest.raises(BadInput, match=said):
            build(sources, tmp_path / folder, force=True, **other)
    assert {path: path.read_bytes() for path in tmp_path.rglob("07_*")} == before
