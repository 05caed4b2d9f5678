"""One image file of any kind as an array of bytes."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genjax.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image


def read_picture(path: Path, size: tuple[int, int], grey: bool) -> np.ndarray:
    """The picture scaled and cropped to `size` (height, width), uint8 [H, W, 1 if grey else 3].

    Raises `UserError` on a decompression bomb, and what pillow raises on a file it cannot read.
    """
    from PIL import Image, ImageOps

    height, width = size
    try:
        file = Image.open(path)
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} is too large: {error} Remove it, or scale it down.") from error
    with file:
        # A large JPEG is decoded at a fraction of its size, still twice as fine as needed.
        file.draft(None, (2 * max(size), 2 * max(size)))
        upright = ImageOps.exif_transpose(file)
        picture = ImageOps.fit(_eight_bits(upright), (width, height), Image.Resampling.LANCZOS)
        pixels = np.asarray(picture.convert("L" if grey else "RGB"))
    return pixels[..., None] if grey else pixels


def _eight_bits(picture: "Image") -> "Image":
    """The picture as L or RGB; what is transparent shows white."""
    from PIL import Image

    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("its pixels have more than 16 bits")
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))  # 65535 becomes 255
    if picture.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")
