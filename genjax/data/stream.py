"""`Stream`: a data set too large for a device stays on disk and is decoded as it is used.

Its records are those of TFDS's array_record; grain reads them by position, in any order.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Int, Int32, UInt8

from genjax.data.dataset import Dataset, DatasetBase, HostImages, draw_positions, to_device
from genjax.data.published import record_files
from genjax.errors import UserError
from genjax.runs.progress import progress

LARGEST_RESIDENT = 2 * 2**30  # bytes, where the device does not say how much memory it has
_LARGEST_PART = 2**29  # bytes that are copied to the device where no number is given
_READ_AT_ONCE = 1024  # records: one by one takes several times as long
_TAIL = 2**20  # bytes of a shard that are hashed


@dataclass(frozen=True, eq=False, repr=False)
class Stream(DatasetBase):
    """A data set that lies on disk; `genjax.fit` trains on it as on a `Dataset`.

    The images have the same positions as there, so that the same key gives the same run. `checksum`
    is a sha256 over number and shape of the images and, for every shard, its size and its last MiB,
    where array_record notes the place of every record. Hashing all images would take too long.
    """

    name: str
    split: str
    shape: tuple[int, int, int, int]
    label_names: tuple[str, ...]
    source: str
    checksum: str
    folder: Path
    _records: Any  # grain's source: its `__getitems__` reads many at once
    _features: record_files.Features
    _positions: Int[np.ndarray, " n"] | None = None  # of the images in `_records`; all, if None

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)"""
        return self.shape[1:]

    @property
    def images(self) -> jax.Array:
        """Raise `UserError`: they are not in memory."""
        raise UserError(
            f"the images of {self.name} ({self.split}) are streamed from disk, and this needs them"
            " on the device: use `to_dataset(num)`, a part of them, or load with stream=False."
        )

    labels = images

    def record(self) -> dict[str, Any]:
        """Return the description of a `Dataset`, and that it is streamed: its checksum differs."""
        return super().record() | {"streamed": True}

    def read(
        self, index: Int[np.ndarray, " m"]
    ) -> tuple[UInt8[np.ndarray, "m h w c"], Int32[np.ndarray, " m"]]:
        """Read the images and labels at the positions `index`.

        Raises:
            UserError: where the data are damaged.
        """
        index = index if self._positions is None else self._positions[index]
        try:
            return record_files.parse_records(
                self._records.__getitems__(index.tolist()), self._features
            )
        except Exception as error:  # array_record, protobuf and pillow have each their own errors
            raise record_files.explain_damage(self.folder, error) from error

    def take(self, num: int) -> "Stream":
        """Return the first `num` images, on disk, as `Dataset.take` does."""
        num = self.check_count(num)
        return self if num == len(self) else self._select(np.arange(num), f"the first {num}")

    def draw_subset(self, num: int, seed: int = 0) -> "Stream":
        """Draw `num` different images at random, on disk, as `Dataset.draw_subset` does."""
        num = self.check_count(num)
        if num == len(self):
            return self
        return self._select(draw_positions(len(self), num, seed), f"{num} drawn with seed {seed}")

    def _select(self, index: Int[np.ndarray, " m"], description: str) -> "Stream":
        return replace(
            self,
            shape=(len(index), *self.image_shape),
            source=f"{description} of: {self.source}",
            checksum=hashlib.sha256(f"{description} of {self.checksum}".encode()).hexdigest(),
            _positions=index if self._positions is None else self._positions[index],
        )

    def to_dataset(self, num: int | None = None) -> Dataset:
        """Copy the first `num` images to the device; by default as many as fit into 512 MiB, drawn.

        Raises:
            UserError: unless 1 <= num <= len(self), and where the data are damaged.
        """
        part = self.draw_subset(self._count_fitting()) if num is None else self.take(num)
        images = np.empty((len(part), *self.image_shape), np.uint8)
        labels = np.empty(len(part), np.int32)
        with progress(total=len(part), desc=f"decoding {self.name}") as bar:
            for start in range(0, len(part), _READ_AT_ONCE):
                stop = min(start + _READ_AT_ONCE, len(part))
                images[start:stop], labels[start:stop] = part.read(np.arange(start, stop))
                bar.update(stop - start)
        host = HostImages(images, labels, part.source)
        return to_device(self.name, self.split, host, self.label_names)

    def _count_fitting(self) -> int:
        return min(len(self), max(1, _LARGEST_PART // math.prod(self.image_shape)))


def check_can_stream(name: str) -> None:
    """Raise `UserError` where a package that streaming needs is missing."""
    if not record_files.can_read_array_record() or find_spec("grain") is None:
        raise UserError(
            f"{name} cannot be streamed: that needs the packages array-record and grain, which are"
            " made for Linux and Apple silicon: pip install grain. Or load it with stream=False."
        )


def open_stream(name: str, split: str, folder: Path, label_names: tuple[str, ...]) -> Stream:
    """Open a split of the data set that TFDS has prepared in `folder`.

    Raises:
        UserError: where it cannot be streamed, or is damaged.
    """
    check_can_stream(name)
    file_format, expected = record_files.read_info(folder)
    if file_format != "array_record":
        raise UserError(
            f"{name} cannot be streamed: {folder} holds {file_format}, and only array_record can be"
            " read in any order. Let TFDS prepare it with --file_format=array_record, or load it"
            " with stream=False."
        )
    shards = record_files.list_files(folder, split)[:-1]
    features = record_files.read_features(folder)
    source, shape, origin = _open_shards(folder, shards, expected.get(split, 0), features)
    checksum = _compute_checksum(shape, shards)
    return Stream(name, split, shape, label_names, origin, checksum, folder, source, features)


def _open_shards(
    folder: Path, shards: list[Path], expected: int, features: record_files.Features
) -> tuple[Any, Any, str]:
    """Return the records, the shape [N, H, W, C] of their images, and where they are from."""
    try:
        from grain.sources import ArrayRecordDataSource

        source = ArrayRecordDataSource([str(shard) for shard in shards])
        if len(source) != expected:
            raise ValueError(f"it holds {len(source)} records instead of {expected}")
        images, _ = record_files.parse_records([source[0]], features)
        return (
            source,
            (expected, *images.shape[1:]),
            record_files.describe_source(folder, source[0]),
        )
    except Exception as error:  # array_record, protobuf and pillow have each their own errors
        raise record_files.explain_damage(folder, error) from error


def _compute_checksum(shape: tuple[int, ...], shards: Iterable[Path]) -> str:
    digest = hashlib.sha256(str(shape).encode())
    for shard in shards:
        size = shard.stat().st_size
        digest.update(str(size).encode())
        with shard.open("rb") as file:
            file.seek(max(0, size - _TAIL))
            digest.update(file.read())
    return digest.hexdigest()


def is_large(folder: Path, split: str) -> bool:
    """Tell whether a split should be streamed.

    It should if it is array_record and takes, decoded, more than half of the device's free memory,
    or where the device does not tell, more than `LARGEST_RESIDENT`.
    """
    file_format, expected = record_files.read_info(folder)
    stats = jax.local_devices()[0].memory_stats() or {}
    most = (stats.get("bytes_limit", 2 * LARGEST_RESIDENT) - stats.get("bytes_in_use", 0)) // 2
    size = expected.get(split, 0) * record_files.count_image_bytes(folder)
    return file_format == "array_record" and size > most
