"""The house's own rules: the order of rooms, sizes, prohibitions, and what may be in git."""

import ast
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import n2v

ROOT = Path(__file__).parent.parent
ROOMS = ("scenes", "nerf", "zoo", "formats", "embed", "tasks", "lessons", "publish", "course", "commands")
ANYWHERE = ("errors", "files", "identity", "machine", "seeds", "profiles", "workers")
SOURCES = sorted((ROOT / "n2v").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


def imports(source: str) -> list[str]:
    """Names of all modules of n2v that a file imports, also inside functions."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] == "n2v"]


def out_of_order(room: str, source: str) -> list[str]:
    """Imports that a file of a room may not have."""
    allowed = {*ROOMS[: ROOMS.index(room) + 1], *ANYWHERE, "__version__"}
    return [name for name in imports(source) if "." in name and name.split(".")[1] not in allowed]


def tracked() -> list[str]:
    done = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return done.stdout.splitlines()


def test_a_room_imports_only_earlier_rooms():
    for path in SOURCES:
        room = path.relative_to(ROOT / "n2v").parts[0]
        if room in ROOMS:
            assert out_of_order(room, path.read_text()) == [], path
    assert out_of_order("nerf", "def f():\n    from n2v.zoo import store") == ["n2v.zoo.store"]  # the check can fail
    assert out_of_order("zoo", "from n2v import tasks, files") == ["n2v.tasks"]


def test_every_room_is_known():
    rooms = {path.relative_to(ROOT / "n2v").parts[0] for path in SOURCES if path.parent != ROOT / "n2v"}
    assert rooms <= set(ROOMS)


def test_base_modules_stand_on_no_room():
    for name in ("errors", "files", "identity", "seeds"):
        assert not [room for room in imports((ROOT / "n2v" / f"{name}.py").read_text()) if room.split(".")[1] in ROOMS]


def test_nothing_is_unpickled():
    banned = re.compile(r"weights_only\s*=\s*False|pickle\.loads?\(|import pickle|allow_pickle\s*=\s*True")
    assert banned.search("torch.load(path, weights_only=False)")
    sandboxed = ROOT / "n2v" / "course" / "answer.py"  # arguments that a check sends
    for path in [*SOURCES, *NOTEBOOKS]:
        assert path == sandboxed or not banned.search(path.read_text()), path


def test_files_stay_readable():
    n_lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert [name for name, n in n_lines.items() if n > 320] == []
    assert not [path for path in SOURCES if path.name == "utils.py"]


def test_no_folder_of_lessons_or_publish_is_crowded():
    n_modules = Counter(path.parent.relative_to(ROOT) for path in SOURCES if path.name != "__init__.py")
    assert [folder for folder, n in n_modules.items() if {"lessons", "publish"} & {*folder.parts} and n > 14] == []
    assert n_modules[Path("n2v/lessons")] > 10  # the count counts


def test_an_item_belongs_to_one_notebook():
    recorded = re.compile(r"""record\.(?:figure|table|not_run|verdict)\(\s*f?["']([\w.-]+)["']""")
    owners = {}
    for path in NOTEBOOKS:
        for item_id in recorded.findall(path.read_text()):
            assert owners.setdefault(item_id, path.name) == path.name, item_id
    assert len(owners) > 50


def test_no_file_knows_one_machine_or_one_index():
    """Paths of somebody's machine, and addresses of package indexes, in anything that git tracks."""
    machine = re.compile(r"(?<![\w.\-])/(?:home|root|work|Users|mnt|opt|scratch)/[\w.-]+")
    index = re.compile(r"https?://[^\s\"'<>)]*(?:/simple\b|/whl\b)|index-url[= ]+https?:")
    web = "https:/" + "/example.org"
    assert all(machine.search(f"x=/{folder}/ada") for folder in ("home", "work", "Users"))
    assert index.search(f"{web}/whl/cpu") and index.search(f"--extra-index-url {web}")
    assert not machine.search("see ./opt/a, docs/home/a") and not index.search(f"{web}/simplest")
    for name in tracked():
        data = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in data and name != "uv.lock":  # names its index; which one, below
            text = data.decode("utf-8", "replace")
            assert not machine.search(text) and not index.search(text), name


def test_only_sources_are_in_git():
    generated = (".ipynb", ".pyc", ".pth", ".pt", ".pkl")
    assert [name for name in tracked() if name.endswith(generated) or name.startswith("runs/")] == []


def test_notebook_prose_is_prose():
    """Without brackets jupytext takes prose for code."""
    wrong = re.compile(r"^# ?%% ?(?:\[?markdown$|\[md\]|md$|markdown )|^#%%", re.M)
    assert wrong.search("# %% markdown\n# text") and not wrong.search("# %% [markdown]\n# text")
    for path in NOTEBOOKS:
        text = path.read_text()
        assert not wrong.search(text), path
        assert "# %% [markdown]" in text and text.count('tags=["parameters"]') == 1, path


def test_versions_agree():
    first = re.search(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    cited = re.search(r"^version: (\S+)", (ROOT / "CITATION.cff").read_text(), re.M)
    assert first[1] == cited[1] == n2v.__version__


def test_every_version_is_pinned_once():
    """uv.lock names no index but the public one, and ci/constraints.txt, for pip, holds the same versions."""
    lock = (ROOT / "uv.lock").read_text()
    assert set(re.findall(r"https?://([^/\"]+)", lock)) == {"pypi.org", "files.pythonhosted.org"}
    locked = {(one["name"], one["version"]) for one in tomllib.loads(lock)["package"] if "registry" in one["source"]}
    pinned = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "ci" / "constraints.txt").read_text(), re.M)
    assert locked == set(pinned) and len(locked) > 100


def test_papers_name_what_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert all((ROOT / name).is_file() for name in (project["readme"], *project["license-files"]))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set()
    for name in ("README.md", "CONTRIBUTING.md", ".ci/run"):
        for words in re.findall(
            r"\bmake ((?:[a-z]+ ?)+)", " ".join(re.findall(r"`[^`]+`|^make.*", (ROOT / name).read_text(), re.M))
        ):
            named |= set(words.split())
    assert {"setup", "test", "reproduce", "lint"} <= named <= targets
