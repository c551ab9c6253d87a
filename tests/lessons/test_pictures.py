"""Pictures: colours over a background, sheets, animations."""

import numpy as np
from PIL import Image

from n2v.lessons.drawing.pictures import png_bytes, sheet, to_rgb, write_gif

FRAMES = [np.full((8, 8, 4), value, np.float32) for value in (0.0, 0.5, 1.0)]


def test_straight_alpha_goes_over_the_background_once():
    half = np.array([[[200, 100, 0, 128]]], np.uint8)
    expected = np.array([200, 100, 0]) * 128 / 255 + 255 * (1 - 128 / 255)
    assert np.abs(to_rgb(half)[0, 0] - expected).max() <= 0.5
    assert to_rgb(np.float32([[[0.5, 2.0, -1.0, 0.3]]]))[0, 0].tolist() == [128, 255, 0]  # rendered: already over it


def test_sheet_has_a_cell_for_every_picture():
    import matplotlib.pyplot as plt

    figure = sheet([[FRAMES[0], FRAMES[1]], [FRAMES[2]]], ["first", "second"], ["a", "b"])
    assert len(figure.axes) == 4
    assert [len(axis.images) for axis in figure.axes] == [1, 1, 1, 0]
    plt.close(figure)


def test_gif_has_all_frames(tmp_path):
    write_gif(FRAMES, tmp_path / "turn.gif", seconds=1.5)
    with Image.open(tmp_path / "turn.gif") as picture:
        assert picture.n_frames == 3 and picture.info["duration"] == 500


def test_png_round_trip():
    import io

    picture = np.random.default_rng(0).integers(0, 255, (5, 5, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png_bytes(picture)))), picture)
