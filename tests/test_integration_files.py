"""Files that other programs read: the workflows, and one list of packages in two formats."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / "ci" / "workflows").glob("*.yml"))
CONDA_NAMES = {"torch": "pytorch-gpu", "matplotlib": "matplotlib-base", "playwright": "playwright-python"}
PIP_ONLY = {"embreex", "ipykernel"}  # come with `pip install -e .` or with jupyterlab
CONDA_ONLY = {"python", "pip", "tiny-cuda-nn", "cxx-compiler", "make", "git"}


def steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_whole(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["name"] == path.stem
    assert workflow[True], "the key `on`, which YAML reads as true"
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120 and job["runs-on"]
    for step in steps(workflow):
        assert ("run" in step) != ("uses" in step)
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))
    kept = [step for step in steps(workflow) if "upload-artifact" in step.get("uses", "")]
    assert len(kept) == 1 and kept[0]["if"] == "always()" and "report.html" in kept[0]["with"]["path"]


def test_the_workflows_call_the_makefile():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {path.stem for path in WORKFLOWS} == {"cpu", "gpu"}
    said = {}
    for path in WORKFLOWS:
        said[path.stem] = [step["run"] for step in steps(yaml.safe_load(path.read_text())) if "run" in step]
        made = [line.split()[1:] for line in said[path.stem] if line.startswith("make ")]
        assert {word for words in made for word in words if "=" not in word} <= targets
    assert {"make lint test ARGS=--require-browser", "make reproduce PROFILE=smoke"} <= set(said["cpu"])
    gpu = yaml.safe_load((ROOT / "ci" / "workflows" / "gpu.yml").read_text())
    assert said["gpu"][-4:] == [
        "make test ARGS=--require-cuda",
        ".venv/bin/python ci/bench_gpu.py --out runs/bench-gpu",
        "make reproduce",
        "make site",
    ]
    ours = [step for step in steps(gpu) if step.get("run") in said["gpu"][-4:]]
    assert all(
        "!cancelled()" in step["if"] and "continue-on-error" not in step for step in ours
    )  # each runs, none hides
    assert sum(step["timeout-minutes"] for step in ours) <= gpu["jobs"]["gpu"]["timeout-minutes"]
    assert (
        gpu["jobs"]["gpu"]["env"]["PROFILE"] == "${{ inputs.profile }}"
        and "self-hosted" in gpu["jobs"]["gpu"]["runs-on"]
    )
    assert gpu[True]["workflow_dispatch"]["inputs"]["profile"]["default"] == "gpu" and list(gpu[True]) == [
        "workflow_dispatch"
    ]


def test_opening_a_notebook_changes_no_line(tmp_path):
    """What JupyterLab does by jupytext: pairs the .py with an .ipynb, and writes both again."""
    from jupytext.cli import jupytext

    sources = sorted((ROOT / "notebooks").glob("*.py"))
    shutil.copy(ROOT / "jupytext.toml", tmp_path)
    for path in sources:
        copy = shutil.copy(path, tmp_path)
        jupytext(["--quiet", "--sync", copy])
        paired = Path(copy).with_suffix(".ipynb")
        content = json.loads(paired.read_text())
        assert content["metadata"]["n2v"]["minutes"]["smoke"] and content["metadata"]["kernelspec"]["name"] == "python3"
        content["cells"][0]["source"] = ["# A title\n"]
        for text in (json.dumps(content), paired.read_text()):  # something is changed, and changed back
            paired.write_text(text)
            jupytext(["--quiet", "--to", "py:percent", "--output", copy, str(paired)])
            assert (Path(copy).read_text() == path.read_text()) == (text != json.dumps(content))


def test_binder_and_codespaces_set_up_what_make_does():
    """On a machine of theirs, without a GPU: the torch of the Makefile."""
    torch = re.search(r"^TORCH .*(torch==\S+)$", (ROOT / "Makefile").read_text(), re.M)[1]
    build = (ROOT / ".binder" / "postBuild").read_text()
    assert torch in build and "-e '.[notebooks]'" in build and (ROOT / ".binder" / "postBuild").stat().st_mode & 0o100
    assert (ROOT / ".binder" / "runtime.txt").read_text().startswith("python-3.1")
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert container["postCreateCommand"] == "make setup" and "cuda" not in json.dumps(container).lower()
    assert container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"] == ".venv/bin/python"


def lowest(requirement: Requirement) -> str:
    """The version after >= or ==, in full."""
    found = [one.version for one in requirement.specifier if one.operator in (">=", "==")]
    return found[0] if found else ""


def test_conda_s_list_agrees_with_ours():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ours = [*project["dependencies"], *project["optional-dependencies"]["notebooks"]]
    ours += [
        line
        for line in project["optional-dependencies"]["dev"]
        if line.startswith(("pytest>", "nerfacc", "playwright"))
    ]
    ours = {one.name: lowest(one) for one in map(Requirement, ours)}
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    conda = dict(re.match(r"([\w-]+)(?:[>=]+(.+))?$", line).groups() for line in lines)
    assert set(conda) - CONDA_ONLY == {CONDA_NAMES.get(name, name) for name in set(ours) - PIP_ONLY}
    for name, version in ours.items():
        if name not in PIP_ONLY:
            assert conda[CONDA_NAMES.get(name, name)] == version, name
    pip = next(line["pip"] for line in environment["dependencies"] if isinstance(line, dict))
    assert pip == ["-e .[notebooks,dev]"]
    assert tuple(map(int, conda["python"].split("."))) >= tuple(
        map(int, project["requires-python"].removeprefix(">=").split(",")[0].split("."))
    )
