"""The front door: quick to import, its examples run, and what a wheel brings works far from the repository."""

import doctest
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import n2v
from n2v.publish.freshness import Library
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.views import ViewSet, write_views

ROOT = Path(__file__).parent.parent


@pytest.fixture
def views(tmp_path, monkeypatch):
    """A folder that holds views/chair-0000: a red ball, as every camera sees it."""
    rows, columns = np.mgrid[:24, :24] - 11.5
    disc = np.uint8(255 * (rows**2 + columns**2 < 36))
    images = np.repeat(np.stack([disc, 0 * disc, 0 * disc, disc], -1)[None], 9, 0)
    c2w = orbit_cameras(9, 0, distance=(1.8, 1.8))
    kept = {"held_out_images": images[8:], "held_out_c2w": c2w[8:]}
    write_views(ViewSet("chair-0000", "chair", images[:8], c2w[:8], **kept), tmp_path / "views" / "chair-0000")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", ["", *n2v.HOMES])
def test_examples_run(name, views):
    """Of the package, and of every name at it, methods included."""
    thing = getattr(n2v, name) if name else n2v
    finder = doctest.DocTestFinder(exclude_empty=True, recurse=isinstance(thing, type))
    tests = finder.find(thing, name or "n2v", module=False, globs={"n2v": n2v})
    for test in tests:
        assert doctest.DocTestRunner(verbose=False).run(test).failed == 0, test.name
    assert any(test.examples for test in tests) or name in ("FitConfig", "BadInput")


def test_an_unknown_name_is_no_name():
    assert {"mini_zoo", "fit"} <= set(dir(n2v))
    with pytest.raises(AttributeError, match="no attribute 'bogus'"):
        n2v.bogus  # noqa: B018
    with pytest.raises(n2v.BadInput, match="no object 'chair-00'; nearest: chair-00"):
        n2v.mini_zoo()["chair-00"]
    with pytest.raises(IndexError):
        n2v.mini_zoo()[585]


def test_importing_it_loads_no_library():
    code = "import sys, n2v; dir(n2v); print(sorted({'torch', 'numpy', 'PIL'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_profiles_load_no_trainer():
    trainers = {"n2v.embed.train", "n2v.nerf.fit", "n2v.nerf.batches", "n2v.nerf.engines", "n2v.zoo.build"}
    code = f"import sys, n2v.profiles; print(sorted({trainers} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("n2v.zoo.shipped.DATA", tmp_path)
    for take in (n2v.mini_zoo, n2v.real_zoo, lambda: n2v.open("real_zoo")):
        with pytest.raises(n2v.BadInput, match="(mini|real)_zoo is not here; take data/"):
            take()


def test_a_nerf_and_what_it_decodes_to_are_fields():
    """The same three questions to both; a turned camera sees something else."""
    nerf, model = n2v.mini_zoo()["chair-0000"], n2v.load()
    points = torch.rand(5, 3) - 0.5
    for field in (nerf, model.decode(model.embed(nerf), resolution=16)):
        assert isinstance(field, n2v.Field) and field.occupied.dtype == torch.bool
        assert [tuple(one.shape) for one in field.query(points)] == [(5,), (5, 3)]
        front, side = field.render(size_px=24), field.render(azimuth=90, size_px=24)
        assert np.array_equal(front, field.to("cpu").render(size_px=24))
        assert front._repr_png_().startswith(b"\x89PNG") and front[0]._repr_png_() is None
        assert np.abs(front.astype(int) - side).max() > 50


def test_notebooks_depend_on_what_they_take_through_the_door():
    """`n2v.load()` and `from n2v import load` are the home of `load`; `import n2v` alone is not."""
    library = Library()
    homes = {
        source: {path.stem for path in library.used(source)}
        for source in ("import n2v\nn2v.load()", "from n2v import load", "import n2v\nn2v.__version__")
    }
    through, by_name, neither = homes.values()
    assert "model" in through and "model" in by_name and neither == {"__init__"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_wheel_works_far_from_the_repository(tmp_path):
    """Built from a copy, so that nothing is left here; unpacked, and used by a Python that knows no other n2v."""
    copy, wheels, place = (tmp_path / name for name in ("copy", "wheels", "place"))
    copy.mkdir()
    for name in ("n2v", "data"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    pip = [sys.executable, "-m", "pip", "wheel", str(copy), "--no-deps", "--no-build-isolation", "-w", str(wheels)]
    subprocess.run([*pip, "-q", "--disable-pip-version-check"], check=True, capture_output=True, timeout=600)
    (wheel,) = wheels.iterdir()
    assert wheel.name.startswith("nerf2vec-") and wheel.stat().st_size < 60e6
    zipfile.ZipFile(wheel).extractall(place)
    code = (
        "import n2v; print(n2v.__file__)\n"
        "zoo, model = n2v.mini_zoo(), n2v.load()\nnerf = zoo['chair-0000']\n"
        "picture = nerf.render(azimuth=30)\nz = model.embed(nerf)\n"
        "again = model.decode(z).render(azimuth=30, size_px=48)\nprint(picture.shape, again.shape, len(z))\n"
        "from n2v.cli import main\nmain(['view', 'mini_zoo', 'chair-0000', '--out', 'chair.html'])"
    )
    found = {"cwd": tmp_path, "env": {"PYTHONPATH": str(place), "PATH": "", "OMP_NUM_THREADS": "1"}}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, **found)
    assert done.returncode == 0, done.stderr
    first, second, *_ = done.stdout.splitlines()
    assert Path(first).is_relative_to(place) and second == "(128, 128, 3) (48, 48, 3) 1024"
    assert (tmp_path / "chair.html").stat().st_size > 50_000
