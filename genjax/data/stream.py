"""`Stream`: a data set too large for a device stays on disk, and is read as it is used.

Its images lie there decoded, in the cache (`genjax.data.cache`). Grain reads them ahead.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import jax
import numpy as np
from jaxtyping import Int, Int32, UInt8

from genjax.data.dataset import (
    Dataset,
    DatasetBase,
    HostImages,
    check_positions,
    draw_positions,
    to_device,
)
from genjax.errors import UserError
from genjax.runs.progress import progress

LARGEST_RESIDENT = 2 * 2**30  # bytes, where the device does not say how much memory it has
_LARGEST_PART = 2**29  # bytes that are copied to the device where no number is given
_READ_AT_ONCE = 1024  # images: one by one takes several times as long


@dataclass(frozen=True, eq=False, repr=False)
class Stream(DatasetBase):
    """A data set that lies on disk; `genjax.fit` trains on it as on a `Dataset`.

    The images have the same positions as there, so that the same key gives the same run. The
    `checksum` of a part is another one than there: hashing its images would take too long.
    """

    name: str
    split: str
    label_names: tuple[str, ...]
    source: str
    checksum: str
    _host: HostImages
    path: str = ""
    _positions: Int[np.ndarray, " n"] | None = None  # of the images among all; all, if None

    def __len__(self) -> int:
        return len(self._host.labels if self._positions is None else self._positions)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)"""
        _, height, width, channels = self._host.images.shape
        return height, width, channels

    @property
    def images(self) -> jax.Array:
        """Raise `UserError`: they are not in memory."""
        raise UserError(
            f"the images of {self.name} ({self.split}) are streamed from disk, and this needs them"
            " on the device: use `to_dataset(num)`, a part of them, or load with stream=False."
        )

    labels = images

    def record(self) -> dict[str, Any]:
        """Return the description of a `Dataset`, and that it is streamed."""
        return super().record() | {"streamed": True}

    def read(
        self, index: Int[np.ndarray, " m"]
    ) -> tuple[UInt8[np.ndarray, "m h w c"], Int32[np.ndarray, " m"]]:
        """Read the images and labels at the positions `index`."""
        index = index if self._positions is None else self._positions[index]
        return np.asarray(self._host.images)[index], np.asarray(self._host.labels)[index]

    def read_parts(self, doing: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read all images and labels, a thousand at a time, with a bar that says `doing`."""
        with progress(total=len(self), desc=f"{doing} {self.name}") as bar:
            for start in range(0, len(self), _READ_AT_ONCE):
                part = self.read(np.arange(start, min(start + _READ_AT_ONCE, len(self))))
                yield part
                bar.update(len(part[1]))

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

    def subset(self, index: Int[np.ndarray, " m"], description: str) -> "Stream":
        """Return the images at the positions `index`, on disk, as `Dataset.subset` does."""
        index = check_positions(index, len(self))
        return self._select(index, description, index.astype("<i8").tobytes())

    def _select(
        self, index: Int[np.ndarray, " m"], description: str, positions: bytes = b""
    ) -> "Stream":
        """Return the images at `index`; `positions` tells apart what `description` does not."""
        chosen = hashlib.sha256(f"{description} of {self.checksum}".encode() + positions)
        return replace(
            self,
            source=f"{description} of: {self.source}",
            checksum=chosen.hexdigest(),
            _positions=index if self._positions is None else self._positions[index],
        )

    def to_dataset(self, num: int | None = None) -> Dataset:
        """Copy the first `num` images to the device; by default as many as fit into 512 MiB, drawn.

        Raises:
            UserError: unless 1 <= num <= len(self).
        """
        part = self.draw_subset(self._count_fitting()) if num is None else self.take(num)
        images = np.empty((len(part), *self.image_shape), np.uint8)
        labels = np.empty(len(part), np.int32)
        start = 0
        for some, of_them in part.read_parts("decoding"):
            stop = start + len(some)
            images[start:stop], labels[start:stop] = some, of_them
            start = stop
        host = HostImages(images, labels, part.source)
        return replace(to_device(self.name, self.split, host, self.label_names), path=self.path)

    def _count_fitting(self) -> int:
        return min(len(self), max(1, _LARGEST_PART // math.prod(self.image_shape)))


def open_stream(
    name: str,
    split: str,
    host: HostImages,
    label_names: tuple[str, ...],
    checksum: str,
    path: str = "",
) -> Stream:
    """Return decoded images, which lie on disk, as a `Stream`."""
    return Stream(name, split, label_names, host.source, checksum, host, path)


def can_read_ahead() -> bool:
    """Tell whether grain is there, which reads ahead of the device."""
    return find_spec("grain") is not None


def check_can_read_ahead(name: str) -> None:
    """Raise `UserError` where grain is missing."""
    if not can_read_ahead():
        raise UserError(
            f"{name} cannot be streamed: that needs the package grain, which is made for Linux and"
            " Apple silicon: pip install grain. Or load it with stream=False."
        )


def decide_to_stream(stream: bool | None, size: int) -> bool:
    """Return `stream`; where it is None, whether `size` bytes should and can be streamed."""
    return should_stream(size) and can_read_ahead() if stream is None else stream


def should_stream(size: int) -> bool:
    """Tell whether decoded images of `size` bytes should stay on disk.

    They should if they take more than half of the device's free memory, or where the device does
    not tell, more than `LARGEST_RESIDENT`.
    """
    stats = jax.local_devices()[0].memory_stats() or {}
    free = stats.get("bytes_limit", 2 * LARGEST_RESIDENT) - stats.get("bytes_in_use", 0)
    return size > free // 2
