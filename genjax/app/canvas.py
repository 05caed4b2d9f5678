"""Draw on the pictures of the app, uint8 [height, width, 3]: marks and points, large pixels."""

from typing import Any

import numpy as np

from genjax import plots

SIDE = 480  # pixels, about, of a picture
_MARK = np.array([255, 120, 0], np.uint8)
COLOURS = np.array(  # of the labels, matplotlib's tab10
    [
        (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189),
        (140, 86, 75), (227, 119, 194), (127, 127, 127), (188, 189, 34), (23, 190, 207),
    ],
    np.uint8,
)  # fmt: skip


def draw_points(canvas: np.ndarray, x: np.ndarray, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the picture with a small square at each point, in the colour of its label."""
    canvas = canvas.copy()
    height, width, _ = canvas.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    for column, row, label in zip(x[inside], y[inside], labels[inside], strict=True):
        for reach, colour in ((3, 255), (2, COLOURS[label % len(COLOURS)])):
            top, left = max(int(row) - reach, 0), max(int(column) - reach, 0)
            canvas[top : int(row) + reach + 1, left : int(column) + reach + 1] = colour
    return canvas


def draw_mark(canvas: np.ndarray, x: float, y: float) -> np.ndarray:
    """Return the picture with a small cross at x, y."""
    canvas = canvas.copy()
    height, width, _ = canvas.shape
    row, column = int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))
    for length, thickness, colour in ((12, 3, 255), (11, 1, _MARK)):
        for high, wide in ((length, thickness), (thickness, length)):
            rows = slice(max(row - high, 0), row + high + 1)
            canvas[rows, max(column - wide, 0) : column + wide + 1] = colour
    return canvas


def enlarge_image(image: np.ndarray) -> Any:
    """Return an image [H, W, C] as pillow's, with its pixels as large squares."""
    pixels = plots.to_rgb(image[None])[0]
    return plots.enlarge(pixels, max(1, round(SIDE / max(pixels.shape[:2]))))
