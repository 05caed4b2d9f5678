"""Paths and values that pictures cannot be made of are refused in words."""

import numpy as np
import pytest

from genjax import plots
from genjax.errors import FileError, UserError

IMAGES = np.zeros((4, 8, 8, 1), np.float32)
LINES = [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5}]
SAVERS = {
    "grid": lambda path: plots.save_grid(path, IMAGES),
    "gif": lambda path: plots.save_gif(path, [IMAGES], IMAGES),
    "curves": lambda path: plots.save_curves(path, LINES),
}


@pytest.mark.parametrize("saver", SAVERS)
def test_a_picture_is_written_to_a_path_or_refused(saver, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save = SAVERS[saver]
    save("~/new/picture")
    assert (tmp_path / "new" / "picture").stat().st_size > 0
    for path in ("", " ", 3, None, b"bytes", "a\0b", "~nosuchuser/x", "x" * 5000):
        with pytest.raises(UserError, match=r"path|no such home folder"):
            save(path)
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "picture", "/dev/full"):
        with pytest.raises(FileError, match=r"cannot be written"):
            save(path)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.make_grid(IMAGES, -1), "columns is -1"),
        (lambda: plots.make_grid(IMAGES, 1.5), "columns is 1.5"),
        (lambda: plots.make_grid([[1], [1, 2]]), "not all of one shape"),
        (lambda: plots.make_grid(np.zeros((8, 8), np.uint8)), r"must be \[N, H, W, C\]"),
        (lambda: plots.save_gif("x.gif", [IMAGES], IMAGES, seconds=np.nan), "seconds is nan"),
        (lambda: plots.save_gif("x.gif", [], IMAGES), "at least one frame"),
        (lambda: plots.plot_latent_scatter(np.zeros((2, 2)), 3), "labels are int64"),
        (lambda: plots.plot_latent_scatter(np.zeros((2, 2)), ["a", "b"]), "labels are <U1"),
    ],
)
def test_values_that_cannot_be_drawn_are_refused(draw, message):
    with pytest.raises(UserError, match=message):
        draw()
