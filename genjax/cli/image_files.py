"""Write images to a file whose suffix says how: as a picture or as arrays."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from genjax.errors import UserError
from genjax.plots.grids import alternate_rows, prepare_path, save_grid
from genjax.runs.files import replace_file

_SUFFIXES = (".png", ".npy", ".npz")


def check_suffix(out: Path) -> None:
    """Raise `UserError` where a file's suffix says none of the known formats."""
    if out.suffix not in _SUFFIXES:
        raise UserError(f"out is {str(out)!r}, but must end in {', '.join(_SUFFIXES)}.")


def write_images(out: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write images [N, H, W, C] in [0, 1], and say where they are.

    Two arrays are drawn row by row, the second below the first; .npy holds the last array.
    """
    *above, last = arrays.values()
    path = prepare_path(out)
    if out.suffix == ".png" and above:
        save_grid(path, alternate_rows(above[0], last), columns=8)
    elif out.suffix == ".png":
        save_grid(path, last)
    elif out.suffix == ".npy":
        replace_file(path, lambda file: np.save(file, last))
    else:
        replace_file(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]
    print(f"{len(last):,} images in {path}")
