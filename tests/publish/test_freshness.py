"""A change makes stale what uses it, and nothing else: over the course's own notebooks and modules."""

import shutil
from modulefinder import ModuleFinder
from pathlib import Path

import pytest

import n2v
from n2v.publish.freshness import Library
from n2v.publish.notebooks import read_lessons

ROOT = Path(n2v.__file__).parents[1]
LESSONS = {lesson.number: lesson for lesson in read_lessons(ROOT / "notebooks")}
MAKERS = [number for number, lesson in LESSONS.items() if lesson.made_by]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Over a copy of the package, which a test may change."""
    copy = tmp_path_factory.mktemp("copy") / "n2v"
    shutil.copytree(ROOT / "n2v", copy, ignore=shutil.ignore_patterns("__pycache__", "*.so", ".*"))
    return Library(copy)


CODES = {number: lesson.text() for number, lesson in LESSONS.items()}


def digests(library: Library) -> tuple[dict[str, str], dict[str, str]]:
    makers = {number: library.makers_digest(CODES[number], LESSONS[number].made_by) for number in MAKERS}
    return {number: library.digest(code) for number, code in CODES.items()}, makers


@pytest.fixture(scope="module")
def before(library):
    return digests(library)


def users(module: str) -> set[str]:
    """Notebooks that import a module directly or through others, found by the standard library."""
    name = "n2v." + module.removesuffix(".py").replace("/", ".")
    return {number for number, names in FOUND.items() if name in names}


def _modules(code: str) -> set[str]:
    finder = ModuleFinder([str(ROOT)])
    finder.scan_code(compile(code, "notebook", "exec"), finder.add_module("__main__"))
    return {name for name in finder.modules if name.startswith("n2v")}


FOUND: dict[str, set[str]] = {}


@pytest.fixture(scope="module", autouse=True)
def found():
    FOUND.update({number: _modules(code) for number, code in CODES.items()})


@pytest.mark.parametrize(
    ("module", "made_anew"),
    [
        ("tasks/retrieve.py", []),
        ("tasks/generate.py", []),
        ("tasks/metrics.py", []),
        ("lessons/retrieval.py", []),
        ("publish/report.py", []),
        ("publish/record.py", []),
        ("tasks/pictures.py", ["06"]),
        ("embed/train.py", ["04"]),
        ("zoo/build.py", ["03"]),
        ("scenes/raycast.py", ["01"]),
        ("nerf/composite.py", ["03", "04"]),
        ("scenes/cameras.py", ["01", "03", "04"]),
    ],
)
def test_exactly_the_users_of_a_module_are_stale_and_only_its_makings_go(library, before, module, made_anew):
    path = library.package / module
    text = path.read_text()
    path.write_text(f"{text}\nA_NEW_NAME = 1\n")
    after = digests(library)
    path.write_text(text)
    stale, anew = ([name for name in old if old[name] != new[name]] for old, new in zip(before, after, strict=True))
    assert set(stale) == users(module) and anew == made_anew


def test_a_remark_makes_nothing_stale(library, before):
    path = library.package / "files.py"
    path.write_text(f"{path.read_text()}\n# a remark\n")
    assert digests(library) == before


def test_the_list_has_modules_of_one_notebook_of_many_and_of_none():
    n_users = {len(users(module)) for module in ("tasks/generate.py", "tasks/metrics.py", "publish/report.py")}
    assert 0 in n_users and max(n_users) > 4 and users("tasks/generate.py") == {"09"}


def test_headers_name_modules_that_their_notebooks_import():
    for number in MAKERS:
        assert set(LESSONS[number].made_by) <= FOUND[number] and LESSONS[number].makes
    assert [number for number, lesson in LESSONS.items() if lesson.makes] == MAKERS


def test_a_maker_s_own_statements_count(library):
    code = CODES["01"]
    assert "seed=own_seed)" in code
    other = code.replace("seed=own_seed)", "seed=own_seed + 1)")
    made_by = LESSONS["01"].made_by
    assert library.makers_digest(code, made_by) == library.makers_digest(code + "\nx = 1", made_by)
    assert library.makers_digest(code, made_by) != library.makers_digest(other, made_by)
