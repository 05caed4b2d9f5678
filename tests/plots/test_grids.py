"""Grids of images: the right pixels in the right places, in arrays and in files."""

import numpy as np
import pytest
from PIL import Image

from genjax import plots
from genjax.errors import UserError


def test_values_are_rounded_and_nan_is_white():
    values = np.array([0.0, 0.5, 1.0, 1 + 1e-6, np.nan]).reshape(5, 1, 1, 1)
    np.testing.assert_array_equal(plots.to_uint8(values).ravel(), [0, 128, 255, 255, 255])


@pytest.mark.parametrize(
    "images",
    [np.full((1, 8, 8, 1), 200.0), np.full((1, 8, 8, 1), -1.0), np.ones((1, 8, 8, 1), int)],
)
@pytest.mark.parametrize(
    "draw",
    [
        lambda images, path: plots.save_grid(path, images),
        lambda images, path: plots.save_gif(path, [images], images),
        lambda images, path: plots.save_strip(path, [images], ["a"]),
        lambda images, path: plots.save_panels(path, [images], ["a"], 1),
        lambda images, path: plots.save_by_density(path, images, np.ones(1), 1),
        lambda images, path: plots.save_interpolations(path, images[None]),
        lambda images, path: plots.save_manifold(path, images[None]),
        lambda images, path: plots.alternate_rows(images, images),
    ],
)
def test_images_of_an_unknown_range_are_refused(draw, images, tmp_path):
    with pytest.raises(UserError, match=r"must lie in|range is not known"):
        draw(images, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_grid_shows_every_image_in_its_place(channels):
    images = np.zeros((5, 4, 6, channels), np.float32)
    images[3, ..., 0] = 1.0
    canvas = plots.make_grid(images, columns=2)
    assert canvas.shape == (3 * 6 + 2, 2 * 8 + 2, 3)
    fourth = canvas[8:12, 10:16]
    expected = [255, 0, 0] if channels == 3 else [255, 255, 255]
    np.testing.assert_array_equal(fourth, np.broadcast_to(expected, (4, 6, 3)))
    assert np.all(canvas[2:6, 2:8] == 0)
    assert np.all(canvas[14:18, 10:16] == 255)  # an empty place is white


def test_bytes_and_floats_give_the_same_picture():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 1), np.uint8)
    np.testing.assert_array_equal(plots.make_grid(pixels), plots.make_grid(pixels / 255.0))


def test_pairs_stand_one_above_the_other():
    first, second = np.full((5, 2, 2, 1), 0.2), np.full((5, 2, 2, 1), 0.8)
    rows = plots.alternate_rows(first, second, columns=4)
    last = [[51, 255, 255, 255], [204, 255, 255, 255]]
    assert rows[:, 0, 0, 0].reshape(4, 4).tolist() == [[51] * 4, [204] * 4, *last]


def test_a_file_holds_the_enlarged_grid(tmp_path):
    images = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)
    plots.save_grid(str(tmp_path / "new" / "grid.png"), images)
    with Image.open(tmp_path / "new" / "grid.png") as image:
        times = image.width // 22
        assert image.size == (22 * times, 22 * times)
        np.testing.assert_array_equal(np.asarray(image)[::times, ::times], plots.make_grid(images))


def test_every_frame_of_a_gif_stands_beside_the_same_images(tmp_path):
    frames = [np.full((4, 8, 8, 3), level) for level in (0.0, 0.5, 1.0)]
    plots.save_gif(tmp_path / "a.gif", frames, np.zeros((2, 8, 8, 1)))
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 3
        times = gif.height // 22
        for number, level in enumerate((0, 128, 255)):
            gif.seek(number)
            pixels = np.asarray(gif.convert("RGB"))[::times, ::times]
            assert np.all(np.abs(pixels[2:10, 2:10].astype(int) - level) <= 1)
            assert np.all(pixels[2:10, -10:-2] == 0)


def test_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    plots.save_grid("~/pictures/grid.png", np.zeros((1, 8, 8, 1)))
    assert (tmp_path / "pictures" / "grid.png").is_file()
