"""Read and write `.safetensors` files: arrays by name, with texts beside them.

A file is

(1) 8 bytes: the length of (2), as a whole number, its lowest byte first
(2) a JSON object: array name -> {"dtype", "shape", "data_offsets": [first byte, last byte + 1]},
    and "__metadata__" -> {name: text}
(3) the bytes of the arrays, one after the other

as https://huggingface.co/docs/safetensors says. Nothing in it can be code. genjax adds to the
metadata the sha256 over everything else, by which damage is found.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from genjax.runs.files import replace_file

SUFFIX = ".safetensors"
_LONGEST_HEADER = 2**24  # bytes
_DIGEST = "sha256"
_TYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "U32": np.dtype("<u4"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}


@dataclass(frozen=True)
class TensorFile:
    """The content of a file: texts by name, and arrays, which are made when they are read.

    Attributes:
        texts: the metadata, without the checksum.
        entries: of each array by name, its part of the header (2).
        data: the bytes (3).
        digest: the checksum.
    """

    texts: dict[str, str]
    entries: dict[str, Any]
    data: bytes
    digest: str

    @property
    def names(self) -> set[str]:
        """Names of the arrays."""
        return {*self.entries}

    def read_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array."""
        return tuple(self.entries[name]["shape"])

    def read_array(self, name: str, most: int) -> np.ndarray:
        """Return an array, floats as float32. Raises `ValueError` where it is damaged.

        `most` is the number of bytes that it may have as float32.
        """
        entry = self.entries[name]
        dtype, shape = _TYPES[entry["dtype"]], self.read_shape(name)
        first, last = entry["data_offsets"]
        size = int(np.prod(shape, dtype=object))
        if not 0 <= first <= last <= len(self.data) or last - first != size * dtype.itemsize:
            raise ValueError(f"its array {name!r} has {last - first} bytes instead of {size} items")
        array = np.frombuffer(self.data[first:last], dtype).reshape(shape)
        array = array.astype(np.float32) if entry["dtype"] in ("F64", "F16", "BF16") else array
        if array.nbytes > most:
            raise ValueError(f"its array {name!r} has more than {most} bytes")
        return array


def write_tensors(path: Path, arrays: Mapping[str, np.ndarray], texts: Mapping[str, str]) -> None:
    """Write a file. Raises `FileError` where it cannot be written."""
    entries, parts, place = {}, [], 0
    for name, array in sorted(arrays.items()):
        part = np.ascontiguousarray(array).tobytes()
        entries[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [place, place + len(part)],
        }
        parts.append(part)
        place += len(part)
    data = b"".join(parts)
    known = dict(texts) | {_DIGEST: _compute_digest(dict(texts), entries, data)}
    header = json.dumps({"__metadata__": known} | entries).encode()
    header += b" " * (-len(header) % 8)  # so that arrays begin at a multiple of 8
    content = len(header).to_bytes(8, "little") + header + data
    replace_file(path, lambda file: file.write(content))


def read_tensors(path: Path) -> TensorFile:
    """Read a file that genjax wrote.

    Raises:
        ValueError: where it is damaged, or was written by another program.
        OSError: where it cannot be read.
    """
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(_LONGEST_HEADER, len(content) - 8):
        raise ValueError("it is cut off, or no safetensors file")
    entries = json.loads(content[8 : 8 + length])
    texts, data = dict(entries.pop("__metadata__", {})), content[8 + length :]
    digest = texts.pop(_DIGEST, None)
    if digest is None:
        raise ValueError("it was written by another program than genjax, without its checksum")
    if digest != _compute_digest(texts, entries, data):
        raise ValueError("its checksum does not fit")
    return TensorFile(texts, entries, data, digest)


def _compute_digest(texts: Mapping[str, str], entries: Mapping[str, Any], data: bytes) -> str:
    about = json.dumps([dict(texts), dict(entries)], sort_keys=True)
    return hashlib.sha256(about.encode() + data).hexdigest()
