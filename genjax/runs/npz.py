"""Read `.npz` files that may come from elsewhere: nothing is unpickled, sizes are checked."""

import zipfile
from typing import Any

import numpy as np

_HEADER = 2**12  # bytes of an array's header, at most


def read_array(file: zipfile.ZipFile, name: str, most: int) -> np.ndarray:
    """Read one array of the file.

    Raises:
        ValueError: where it has more bytes than `most`, or is damaged.
        KeyError: where the file has none of that name.
    """
    size = file.getinfo(f"{name}.npy").file_size
    if size > most + _HEADER:
        raise ValueError(f"its array {name!r} has {size} bytes instead of at most {most}")
    with file.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def read_shape(file: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    """Read the shape of one array of the file, without the array."""
    with file.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        readers: dict[Any, Any] = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        return readers[version](member)[0]
