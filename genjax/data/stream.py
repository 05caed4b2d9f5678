"""`Stream`: a data set too large for a device, which stays on disk and is decoded as it is used.

Its records are those of TFDS's array_record, read by position through grain, in any order.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax.data import prepared
from genjax.data.dataset import Dataset, Decoded, Described, on_device
from genjax.errors import UserError
from genjax.runs.progress import progress

LARGEST_RESIDENT = 2 * 2**30  # bytes, where the device does not say how much memory it has
_LARGEST_PART = 2**29  # bytes of a stream that are made resident where no number is given
_READ_AT_ONCE = 1024  # records: one by one takes several times as long
_TAIL = 2**20  # bytes of a shard that are hashed


@dataclass(frozen=True, eq=False)
class Stream(Described):
    """A data set that lies on disk; `genjax.fit` trains on it as on a `Dataset`.

    The images have the same positions, so that the same key gives the same run. `checksum` is a
    sha256 over number and shape of the images and, of every shard, the size and the last MiB, where
    array_record notes the place of every record; not over all images, which would take too long.
    """

    name: str
    split: str
    shape: tuple[int, int, int, int]
    label_names: tuple[str, ...]
    source: str
    checksum: str
    folder: Path
    _records: Any = field(repr=False)  # grain's source: its `__getitems__` reads many at once

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)"""
        return self.shape[1:]

    @property
    def images(self) -> jax.Array:
        """Raises `UserError`: they are not in memory."""
        raise UserError(
            f"the images of {self.name} ({self.split}) are streamed from disk, and this needs them"
            " on the device: give `resident()`, the first of them, or load with stream=False."
        )

    labels = images

    def record(self) -> dict[str, Any]:
        """As of a `Dataset`; and that it is streamed, for its checksum is another."""
        return super().record() | {"streamed": True}

    def read(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images uint8 [M, H, W, C] and labels int32 [M] at the positions `index`, int [M].

        Raises `UserError` where the data are damaged.
        """
        try:
            return prepared.examples(self._records.__getitems__(index.tolist()))
        except Exception as error:  # array_record, protobuf and pillow have each their own errors
            raise prepared.damaged(self.folder, error) from error

    def take(self, num: int) -> "Stream":
        """The first `num` images, on disk. Raises `UserError` unless 1 <= num <= len(self)."""
        self.check_count(num)
        if num == len(self):
            return self
        return replace(
            self,
            shape=(num, *self.image_shape),
            source=f"the first {num} of: {self.source}",
            checksum=hashlib.sha256(f"{num} of {self.checksum}".encode()).hexdigest(),
        )

    def resident(self, num: int | None = None) -> Dataset:
        """The first `num` images on the device; left out, those that fit into 512 MiB.

        Raises `UserError` unless 1 <= num <= len(self), and where the data are damaged.
        """
        num = self._fitting() if num is None else num
        self.check_count(num)
        first = self.take(num)
        images, labels = np.empty((num, *self.image_shape), np.uint8), np.empty(num, np.int32)
        with progress(total=num, desc=f"decoding {self.name}") as bar:
            for start in range(0, num, _READ_AT_ONCE):
                part = slice(start, min(start + _READ_AT_ONCE, num))
                images[part], labels[part] = self.read(np.arange(part.start, part.stop))
                bar.update(part.stop - start)
        decoded = Decoded(images, labels, first.source)
        return on_device(self.name, self.split, decoded, self.label_names)

    def _fitting(self) -> int:
        return min(len(self), max(1, _LARGEST_PART // math.prod(self.image_shape)))


def check_can_stream(name: str) -> None:
    """Raises `UserError` where a package is missing."""
    if not prepared.can_read_array_record() or find_spec("grain") is None:
        raise UserError(
            f"{name} cannot be streamed: that needs the packages array-record and grain, which are"
            " made for Linux and Apple silicon: pip install grain. Or load it with stream=False."
        )


def open_stream(name: str, split: str, folder: Path, label_names: tuple[str, ...]) -> Stream:
    """The `split` of the data set that TFDS has prepared in `folder`.

    Raises `UserError` where it cannot be streamed, or is damaged.
    """
    check_can_stream(name)
    file_format, expected = prepared.about(folder)
    if file_format != "array_record":
        raise UserError(
            f"{name} cannot be streamed: {folder} holds {file_format}, and only array_record can be"
            " read in any order. Let TFDS prepare it with --file_format=array_record, or load it"
            " with stream=False."
        )
    shards = prepared.files(folder, split)[:-1]
    records, shape, source = _opened(folder, shards, expected.get(split, 0))
    checksum = _checksum(shape, shards)
    return Stream(name, split, shape, label_names, source, checksum, folder, records)


def _opened(folder: Path, shards: list[Path], expected: int) -> tuple[Any, Any, str]:
    """The records, the shape [N, H, W, C] of their images, and where they are from."""
    from grain.sources import ArrayRecordDataSource

    try:
        records = ArrayRecordDataSource([str(shard) for shard in shards])
        if len(records) != expected:
            raise ValueError(f"it holds {len(records)} records instead of {expected}")
        images, _ = prepared.examples([records[0]])
        return records, (expected, *images.shape[1:]), prepared.source(folder, records[0])
    except Exception as error:  # array_record, protobuf and pillow have each their own errors
        raise prepared.damaged(folder, error) from error


def _checksum(shape: tuple[int, ...], shards: Iterable[Path]) -> str:
    digest = hashlib.sha256(str(shape).encode())
    for shard in shards:
        size = shard.stat().st_size
        digest.update(str(size).encode())
        with shard.open("rb") as file:
            file.seek(max(0, size - _TAIL))
            digest.update(file.read())
    return digest.hexdigest()


def is_large(folder: Path, split: str) -> bool:
    """Whether a split should be streamed: it is array_record that takes, decoded, more than half of
    the memory that is free on the device, or where that is not known, `LARGEST_RESIDENT`."""
    file_format, expected = prepared.about(folder)
    stats = jax.local_devices()[0].memory_stats() or {}
    most = (stats.get("bytes_limit", 2 * LARGEST_RESIDENT) - stats.get("bytes_in_use", 0)) // 2
    size = expected.get(split, 0) * prepared.image_bytes(folder)
    return file_format == "array_record" and size > most
