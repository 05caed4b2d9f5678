"""Room for decoded images: in memory, or on disk."""

import math
import os
import shutil
import tempfile

import numpy as np
from jaxtyping import UInt8

from genjax.errors import UserError
from genjax.runs.files import cache_folder


def check_memory(size: int, what: str) -> None:
    """Raise `UserError` where `size` bytes are more than the machine's memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise UserError(
            f"{what} would take {size / 2**30:.1f} GiB, but this machine has {memory / 2**30:.1f}"
            " GiB of memory."
        )


def allocate_images(shape: tuple[int, ...], on_disk: bool) -> UInt8[np.ndarray, "n h w c"]:
    """Return an array in memory, or in a file that vanishes with it.

    Raises `UserError` where the disk has no room for it and for a copy in the cache.
    """
    if not on_disk:
        return np.empty(shape, np.uint8)
    folder, needed = cache_folder(), 2 * math.prod(shape)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder).free < needed:
            raise UserError(
                f"{shape[0]} decoded images need {needed / 2**30:.1f} GiB in the cache folder"
                f" {folder}, which has less: let GENJAX_CACHE_DIR name another, or give a smaller"
                " image_size."
            )
        with tempfile.TemporaryFile(dir=folder) as file:
            return np.memmap(file, np.uint8, "w+", shape=shape)
    except OSError as error:
        raise UserError(
            f"decoded images cannot be kept in {folder}: {error.strerror}. Let GENJAX_CACHE_DIR"
            " name a folder that can be written."
        ) from None
