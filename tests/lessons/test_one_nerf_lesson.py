"""Notebook 02: a wrong function stops a copy at its own check, the page's loop fits, drawings tell the network."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from course.wrong import WRONG

from n2v.course.source import read_source
from n2v.lessons import one_nerf
from n2v.lessons.drawing import diagrams
from n2v.lessons.verdict import mean_interval
from n2v.nerf.ablation import VariantField
from n2v.nerf.field import evaluate_reference
from n2v.nerf.layout import N_OUTPUTS, initial_vector, split_weights
from n2v.nerf.march import camera_rays
from n2v.nerf.occupancy import carve, explained_share
from n2v.nerf.recipe import FitConfig
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.raycast import render_rgba
from n2v.scenes.shapes import make_object
from n2v.scenes.views import ViewSet

SOURCE = read_source(Path(__file__).parents[2] / "notebooks" / "02_one_nerf.py")


def first_wrong(name: str) -> str:
    """A mistake of this function that the course's tests plant."""
    return next(iter(WRONG["02"][name].values()))


PLANTED = [
    ("opacity", "return torch.exp(-density * length)", "which gets through"),
    ("opacity", first_wrong("opacity"), "the sign in the exponent is wrong"),
    ("transmittance", first_wrong("transmittance"), "cannot shade itself"),
    ("transmittance", "return 1 - (alphas.cumsum(-1) - alphas)", "shares multiply"),
    ("pixel", first_wrong("pixel"), "not what is left behind it"),
    ("pixel", "return ((light * alphas)[..., None] * colours).sum(-2) + background", "not at full strength"),
    ("my_psnr", first_wrong("my_psnr"), "not the natural logarithm"),
    ("octave", first_wrong("octave"), "pi is missing"),
    ("spread", first_wrong("spread"), "the first cameras of the turn"),
    ("spread", "return np.random.default_rng(3).permutation(len(places))[:n].tolist()", "is right"),
    ("spread", "return list(range(0, len(places), len(places) // n))[:n]", "evenly spaced"),
]  # fmt: skip


@pytest.fixture(scope="module")
def pictures():
    """A few small ones, of a display."""
    made, c2w = make_object("display", 1, "flat"), orbit_cameras(12, 0)
    held_out = orbit_cameras(2, 1)
    drawn = (render_rgba(made, cameras, 32) for cameras in (c2w, held_out))
    images, held_out_images = drawn
    return ViewSet("a", "display", images, c2w, held_out_images=held_out_images, held_out_c2w=held_out)


def run_copy(view_set, planted: dict[str, str], checked: bool = True) -> dict:
    """Names of a copy of the notebook whose functions are replaced, after its exercises and the cells of its loop."""
    names = {"view_set": view_set, "recipe": FitConfig.laptop(), "seed": 0}
    exec(
        SOURCE.cells[next(i for i, cell in enumerate(SOURCE.cells) if "import torch" in cell.text)].text.split(
            "\nsize"
        )[0],
        names,
    )
    for cell in SOURCE.cells:
        wanted = {"exercise", "check"} & set(cell.tags) or re.search(
            r"^def (rays_of|my_carve|my_march|fit_mine|held_out)\(", cell.text, re.M
        )
        if not wanted or ("check" in cell.tags and not checked):
            continue
        exec(cell.text.split("\n\n\ndef look_now")[0], names)
        for name, body in planted.items():
            if arguments := re.search(rf"^def {name}\((.*?)\)", cell.text, re.M):
                lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
                exec(f"def {name}({arguments[1]}):\n{lines}", names)
    return names


@pytest.mark.parametrize(("name", "body", "words"), PLANTED)
def test_a_wrong_function_stops_the_copy_at_its_check(pictures, name, body, words):
    with pytest.raises(AssertionError, match=words) as caught:
        run_copy(pictures, {name: body})
    said = str(caught.value)
    assert said.startswith({"my_psnr": "PSNR"}.get(name, name)), said


def fitted_db(names: dict) -> float:
    hull = names["my_carve"]()
    assert 0.001 < float(hull.float().mean()) < 0.5
    shown, true = names["held_out"](names["fit_mine"](hull, 150, 256), hull)
    return np.mean([float(names["yours"].psnr(*pair)) for pair in zip(shown, true, strict=True)])


def test_the_loop_on_the_page_fits_and_with_a_wrong_function_does_not(pictures):
    right = fitted_db(run_copy(pictures, {}))
    one_nerf.check_fit(right)
    for name, body, _ in (PLANTED[1], PLANTED[5]):
        wrong = fitted_db(run_copy(pictures, {name: body}, checked=False))
        with pytest.raises(AssertionError, match="run the checks of exercises 1 to 3 and 5"):
            one_nerf.check_fit(wrong)


def test_the_page_sees_what_the_library_sees(pictures):
    """Rays bit for bit but rounding, a hull that explains every silhouette, and one field for the same weights."""
    names = run_copy(pictures, {}, checked=False)
    c2w = torch.from_numpy(pictures.c2w[0])
    for mine, theirs in zip(names["rays_of"](c2w), camera_rays(c2w, 32, pictures.camera_angle_x), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)
    hull = names["my_carve"]()
    assert explained_share(pictures, hull) > 0.99
    assert (hull & carve(pictures, 48)).sum() > 0.85 * hull.sum()
    start = torch.from_numpy(initial_vector())
    matrices = [matrix[0] for matrix in split_weights(start[None])]
    places = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    sigmas, rgbs = names["my_field"](matrices, places)
    exact = evaluate_reference(start[None], (places[None] - 0.5) * 1.4)
    assert torch.allclose(sigmas, exact[0][0], rtol=0.2) and torch.allclose(rgbs, exact[1][0], atol=0.1)


def test_the_diagram_is_the_modules():
    layers = VariantField(64, 24).layers
    drawn = [text for text, _ in diagrams.field_boxes() if text.startswith("linear")]
    sizes = [tuple(map(int, re.findall(r"\d+", box))) for box in drawn]
    assert sizes[:-1] == [(layer.in_features, layer.out_features) for layer in layers[:-1]]
    assert sizes[-1] == (layers[-1].in_features, 16) and layers[-1].out_features == N_OUTPUTS
    assert all(first[1] == second[0] for first, second in pairwise(sizes))


def test_an_interval_of_few_pictures_is_students():
    mean, low, high = mean_interval([1.0, 2.0, 3.0])
    assert (mean, round(high - mean, 3), round(mean - low, 3)) == (2, 2.484, 2.484)
    assert np.isnan(mean_interval([1.0])[1])
