"""Pictures: the pixels of grids, and every chart a readable file."""

import numpy as np
import pytest
from PIL import Image

from genjax import plots
from genjax.latents.aggregate import LatentUse


def test_rounding_and_clipping():
    np.testing.assert_array_equal(plots.to_uint8([-1.0, 0.0, 0.5, 1.0, 2.0]), [0, 0, 128, 255, 255])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_grid_shows_every_image_in_its_place(channels):
    images = np.zeros((5, 4, 6, channels), np.float32)
    images[3, ..., 0] = 1.0
    canvas = plots.grid(images, columns=2)
    assert canvas.shape == (3 * 6 + 2, 2 * 8 + 2, 3)
    fourth = canvas[8:12, 10:16]
    expected = [255, 0, 0] if channels == 3 else [255, 255, 255]
    np.testing.assert_array_equal(fourth, np.broadcast_to(expected, (4, 6, 3)))
    assert np.all(canvas[2:6, 2:8] == 0)
    assert np.all(canvas[14:18, 10:16] == 255)  # an empty place is white


def test_pairs_stand_one_above_the_other():
    first, second = np.full((5, 2, 2, 1), 0.25), np.full((5, 2, 2, 1), 0.75)
    rows = plots.side_by_side(first, second, pairs_a_row=4)
    last = [[0.25, 1, 1, 1], [0.75, 1, 1, 1]]
    assert rows[:, 0, 0, 0].reshape(4, 4).tolist() == [[0.25] * 4, [0.75] * 4, *last]


def test_files(tmp_path):
    frames = [np.full((4, 8, 8, 3), level) for level in (0.0, 0.5, 1.0)]
    plots.save_grid(tmp_path / "new" / "grid.png", frames[1])
    plots.save_gif(tmp_path / "a.gif", frames, frames[0][:2])
    plots.save_strip(tmp_path / "strip.png", frames, ["epoch 0", "epoch 5", "data"], num=2)
    plots.save_panels(tmp_path / "panels.png", frames[1:], ["one", "two"], columns=2)
    lines = [
        {"epoch": e, "loss": 1 / e, "rate": e, "seconds": 1, "warnings": ["w"]} for e in (1, 2, 3)
    ]
    lines[1] |= {"distance": 1.0, "D(x)": 0.5, "third": 1.0}  # not measured in every epoch
    plots.save_curves(tmp_path / "curves.png", lines)
    plots.save_curves(tmp_path / "none.png", [])  # nothing is known, nothing is drawn
    assert not (tmp_path / "none.png").exists()
    z = np.random.default_rng(0).normal(size=(30, 2))
    plots.save_latent_scatter(tmp_path / "z.png", z, np.arange(30) % 3, ["a", "b", "c"])
    plots.save_latent_scatter(tmp_path / "plain.png", z, np.zeros(30, int))
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 3
    for path in tmp_path.rglob("*.png"):
        with Image.open(path) as image:
            assert np.asarray(image).std() > 0, path


def test_a_strip_names_its_columns_and_pales_its_faint_rows(tmp_path):
    rows = [np.zeros((3, 8, 8, 1)), np.zeros((2, 8, 8, 1))]  # the second is shorter
    path = tmp_path / "strip.png"
    plots.save_strip(path, rows, ["one", "two"], 3, ["a", "b", "c"], faint=[False, True])
    shades, counts = np.unique(np.asarray(Image.open(path).convert("L")), return_counts=True)
    black, pale = (counts[np.abs(shades - level) < 3].sum() for level in (0, 153))
    assert black / pale == pytest.approx(3 / 2, rel=0.1)


def test_the_bars_of_latents_that_are_not_active_are_grey(tmp_path):
    def save(active):
        use = LatentUse(np.ones(3), np.array(active), np.zeros(3), np.ones(3), "rate, nats")
        plots.save_latent_use(tmp_path / "use.png", use)
        pixels = np.asarray(Image.open(tmp_path / "use.png").convert("RGB"))
        return np.mean(np.all(np.abs(pixels - np.array([31, 119, 180])) < 3, axis=-1))

    assert save([True, False, False]) == pytest.approx(save([True, True, True]) / 3, rel=0.1)
