"""Read one image file of any kind as an array of bytes."""

from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import UInt8

from genjax.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image


DARK = 10  # images of bytes whose largest value is below are warned of


class Picture(NamedTuple):
    """An image scaled to bytes, and the largest value in its file beside the largest possible."""

    pixels: UInt8[np.ndarray, "h w c"]
    largest: int
    possible: int

    @property
    def is_dark(self) -> bool:
        """Whether it may hold class numbers, truth values, or 12 bits of 16: it looks black."""
        return 0 < self.largest < (DARK if self.possible == 255 else 2**12)


def read_picture(
    file: Path | IO[bytes], size: tuple[int, int], grey: bool
) -> UInt8[np.ndarray, "h w c"]:
    """Read an image file, scaled and cropped to `size`, with one channel if `grey`, else three.

    Args:
        file: a path or an open file.
        size: (height, width).
        grey: make it grey; else RGB.

    Raises:
        UserError: on an image so large that it may be meant to fill the memory.
        Exception: what pillow raises on a file that it cannot read.
    """
    return read_with_range(file, size, grey).pixels


def read_with_range(file: Path | IO[bytes], size: tuple[int, int], grey: bool) -> Picture:
    """Read an image as `read_picture` does, and say which part of its range it uses."""
    from PIL import Image, ImageOps

    height, width = size
    try:
        opened = Image.open(file)
    except Image.DecompressionBombError as error:
        raise UserError(f"{file} is too large: {error} Remove it, or scale it down.") from error
    with opened:
        # A large JPEG is decoded at a fraction of its size, still twice as fine as needed.
        opened.draft(None, (2 * max(size), 2 * max(size)))
        upright = ImageOps.exif_transpose(opened)
        picture, largest, possible = _to_eight_bits(upright, opened.format)
        fitted = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
        pixels = np.asarray(fitted.convert("L" if grey else "RGB"))
    return Picture(pixels[..., None] if grey else pixels, largest, possible)


def _to_eight_bits(picture: "Image", file_format: str | None) -> tuple["Image", int, int]:
    """Return the picture as L or RGB, white where it is transparent, and the range that it uses."""
    from PIL import Image

    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if picture.mode.startswith("I"):
        if picture.mode == "I" and file_format != "PNG":
            raise ValueError("its pixels are 32-bit numbers of unknown range")
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("its pixels have more than 16 bits")
        scaled = Image.fromarray(((values + 128) // 257).astype(np.uint8))  # 65535 becomes 255
        return scaled, int(values.max()), 65535
    if picture.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    else:
        picture = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    return picture, int(np.max(picture.getextrema())), 255
