"""Read and write `.npz` files, whose content has checksums: nothing is unpickled."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from genjax.errors import CheckpointError
from genjax.runs.files import explain_write_errors, replace_file

_HEADER = 2**12  # bytes of an array's header, at most


class NpzFile:
    """An open `.npz` file, whose arrays are read one by one."""

    def __init__(self, file: zipfile.ZipFile):
        self._file = file
        self.names = {name.removesuffix(".npy") for name in file.namelist()}

    def read_array(self, name: str, most: int) -> np.ndarray:
        """Read one array of the file.

        Raises:
            ValueError: where it has more bytes than `most`, or is damaged.
            KeyError: where the file has none of that name.
        """
        size = self._file.getinfo(f"{name}.npy").file_size
        if size > most + _HEADER:
            raise ValueError(f"its array {name!r} has {size} bytes instead of at most {most}")
        with self._file.open(f"{name}.npy") as member:
            return np.lib.format.read_array(member, allow_pickle=False)

    def read_shape(self, name: str) -> tuple[int, ...]:
        """Read the shape of one array of the file, without the array."""
        with self._file.open(f"{name}.npy") as member:
            version = np.lib.format.read_magic(member)
            readers: dict[Any, Any] = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }
            return readers[version](member)[0]


def save_array(path: Path, array: np.ndarray) -> None:
    """Write one array to `path` (".npz"). Raises `FileError` where it cannot be written."""
    with explain_write_errors(path):
        path.parent.mkdir(exist_ok=True)
        replace_file(path, lambda file: np.savez(file, allow_pickle=False, array=array))


def load_array(path: Path) -> np.ndarray:
    """Read what `save_array` wrote, or the ".npy" file of version 0.1.

    Raises:
        CheckpointError: where the file is damaged.
    """
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            return found["array"]
    except Exception as error:  # numpy, zipfile and zlib have each their own errors
        raise CheckpointError(f"{path} cannot be read: {error}") from None
