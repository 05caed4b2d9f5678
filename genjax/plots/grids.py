"""Draw images pixel by pixel: grids, PNG files, animated GIFs.

Images are [N, H, W, C], uint8 or float in [0, 1]. A canvas is uint8 [height, width, 3].
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Shaped, UInt8

from genjax.errors import UserError, as_numpy, check_images, check_integer, check_number
from genjax.runs.files import explain_write_errors, replace_file, resolve_path

_GAP = 2  # pixels of white between images
_LONG_SIDE = 1_000  # small grids are enlarged towards this many pixels, by whole numbers

Images = Shaped[jax.Array | np.ndarray, "n h w c"]
Canvas = UInt8[np.ndarray, "height width 3"]


def to_uint8(images: Images) -> UInt8[np.ndarray, "n h w c"]:
    """Convert images to uint8: floats in [0, 1] are scaled and rounded, and NaN becomes white.

    Raises:
        UserError: where floats are outside [0, 1], or numbers of another type have no known range.

    >>> to_uint8(np.array([0.0, 0.5, np.nan]).reshape(3, 1, 1, 1)).ravel().tolist()
    [0, 128, 255]
    """
    array = as_numpy(images, "images")
    if array.dtype == np.uint8:
        return array
    if np.issubdtype(array.dtype, np.floating):
        array = np.nan_to_num(array, nan=1.0)
    scaled = np.asarray(check_images(array)) * 255.0
    return np.rint(np.clip(scaled, 0.0, 255.0)).astype(np.uint8)


def to_rgb(images: Images) -> UInt8[np.ndarray, "n h w 3"]:
    """Convert images to RGB.

    One channel is shown as grey, three as red, green and blue; of any other number, the first one
    is shown as grey.

    >>> to_rgb(np.ones((5, 8, 6, 1))).shape
    (5, 8, 6, 3)
    """
    pixels = to_uint8(images)
    channels = pixels.shape[-1]
    return np.broadcast_to(pixels[..., : 3 if channels == 3 else 1], (*pixels.shape[:-1], 3))


def make_grid(images: Images, columns: int | None = None) -> Canvas:
    """Arrange images row by row on one canvas, by default as square as possible.

    >>> make_grid(np.zeros((6, 8, 8, 1)), columns=3).shape  # 2 x 3 images with gaps of 2 pixels
    (22, 32, 3)
    """
    pixels = to_rgb(images)
    if columns is not None:
        columns = check_integer(columns, "columns", most=2**16)
    if pixels.ndim != 4:
        raise UserError(f"images have the shape {pixels.shape}, but must be [N, H, W, C].")
    count, height, width, _ = pixels.shape
    columns = columns or max(1, int(np.ceil(np.sqrt(count))))
    rows = -(-count // columns)
    canvas = np.full(
        (rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), 255, np.uint8
    )
    for index, image in enumerate(pixels):
        row, column = divmod(index, columns)
        top, left = _GAP + row * (height + _GAP), _GAP + column * (width + _GAP)
        canvas[top : top + height, left : left + width] = image
    return canvas


def cell_centres(num_pixels: int, num_cells: int) -> np.ndarray:
    """Return where the centres of the cells of a grid lie along one side of its canvas."""
    step = (num_pixels - _GAP) / num_cells
    return _GAP / 2 + step * (np.arange(num_cells) + 0.5)


def enlarge(canvas: Canvas, times: int | None = None) -> Any:
    """Turn a canvas into a pillow image in which every pixel is a square of `times` a side.

    By default the longer side grows towards 1,000 pixels.

    >>> enlarge(np.zeros((10, 20, 3), np.uint8), times=4).size
    (80, 40)
    """
    from PIL import Image

    times = times or max(1, round(_LONG_SIDE / max(canvas.shape[:2])))
    return Image.fromarray(canvas.repeat(times, axis=0).repeat(times, axis=1))


def alternate_rows(upper: Images, lower: Images, columns: int = 8) -> Images:
    """Interleave two sets of images so that in a grid each image stands above its counterpart.

    Show the result in a grid of `columns` columns. An incomplete last row is filled with white.

    >>> alternate_rows(np.zeros((3, 8, 8, 1)), np.ones((3, 8, 8, 1)), columns=2).shape
    (8, 8, 8, 1)
    """
    if np.shape(upper) != np.shape(lower):
        raise UserError(f"images of {np.shape(upper)} cannot stand above {np.shape(lower)}.")
    rows = [_pad_to_rows(to_uint8(images), columns) for images in (upper, lower)]
    return np.stack(rows, axis=1).reshape(-1, *rows[0].shape[2:])


def _pad_to_rows(pixels: np.ndarray, columns: int) -> np.ndarray:
    """Split images into rows [rows, columns, H, W, C], the last one filled with white."""
    missing = -len(pixels) % columns
    padded = np.pad(pixels, [(0, missing), (0, 0), (0, 0), (0, 0)], constant_values=255)
    return padded.reshape(-1, columns, *pixels.shape[1:])


def prepare_path(path: str | Path) -> Path:
    """Return the absolute path of a file, and make the folder that it will lie in.

    Raises:
        UserError: where it is no path, or the folder cannot be made.
    """
    path = resolve_path(path)
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


def save_grid(path: str | Path, images: Images, columns: int | None = None) -> None:
    """Write the grid of `images` (see `make_grid`), enlarged, as a PNG."""
    grid = enlarge(make_grid(images, columns))
    replace_file(prepare_path(path), lambda file: grid.save(file, format="PNG"))


def save_gif(
    path: str | Path, frames: Sequence[Images], beside: Images, seconds: float = 6.0
) -> None:
    """Write sets of images as the frames of an endless GIF that holds the last one for 1.5 seconds.

    Args:
        path: the file to write.
        frames: one set of images per frame, drawn as a grid.
        beside: images that stand as a grid to the right of every frame.
        seconds: how long one round lasts.
    """
    if not frames:
        raise UserError("a GIF needs at least one frame.")
    seconds, right = check_number(seconds, "seconds", above=0), make_grid(beside)
    rows = [np.hstack(_equalize_heights(make_grid(frame), right)) for frame in frames]
    times = max(1, _LONG_SIDE // 2 // rows[0].shape[0])
    first, *rest = [enlarge(row, times) for row in rows]
    duration = [max(40, int(1000 * seconds / len(frames)))] * (len(frames) - 1) + [1500]
    replace_file(
        prepare_path(path),
        lambda file: first.save(
            file, format="GIF", save_all=True, append_images=rest, duration=duration, loop=0
        ),
    )


def _equalize_heights(left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    """Fill the lower canvas up with white, and put white between the two."""
    height = max(len(left), len(right))
    gap = np.full((height, 4 * _GAP, 3), 255, np.uint8)
    left, right = (
        np.pad(c, [(0, height - len(c)), (0, 0), (0, 0)], constant_values=255)
        for c in (left, right)
    )
    return [left, gap, right]
