"""`Dataset`: images and labels on the device, and where they came from."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, Integer, UInt8
from numpy.typing import ArrayLike

from genjax.errors import UserError, as_numpy, check_integer


class HostImages(NamedTuple):
    """Decoded images on the host: what every source of data returns.

    `label_names` are those that only decoding tells, and `warnings` what it met on the way.
    """

    images: UInt8[np.ndarray, "n h w c"]
    labels: Int[np.ndarray, " n"]
    source: str
    label_names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class DatasetBase:
    """What `Dataset` and `Stream` share: where the images came from, and how many there are."""

    name: str
    split: str
    source: str
    checksum: str
    label_names: tuple[str, ...]
    path: str

    def __len__(self) -> int:
        raise NotImplementedError

    def __repr__(self) -> str:
        height, width, channels = self.image_shape
        return (
            f"{type(self).__name__}({self.name}, {self.split}: {len(self)} images of"
            f" {height}x{width}x{channels}; {self.source})"
        )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)"""
        raise NotImplementedError

    def record(self) -> dict[str, Any]:
        """Return the description that a run's record keeps, ready for JSON."""
        found = {
            "name": self.name,
            "split": self.split,
            "source": self.source,
            "num_images": len(self),
            "image_shape": list(self.image_shape),
            "checksum": self.checksum,
            "label_names": list(self.label_names),
        }
        return found | ({"path": self.path} if self.path else {})

    def check_count(self, num: int) -> int:
        """Return `num` as an int. Raises `UserError` unless it is from 1 to len(self)."""
        what = f"the number of images of {self.name} ({self.split}: it has {len(self)})"
        return check_integer(num, what, least=1, most=len(self))


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(DatasetBase):
    """A data set that lies on the device as a whole.

    Attributes:
        name: such as "mnist".
        split: such as "train".
        images: bytes, from 0 (black) to 255 (white).
        labels: zeros where there are none.
        label_names: of the classes 0, 1, ...; empty where there are no labels.
        source: where the images really came from.
        checksum: sha256 over shape, images and labels.
        attributes: what else is known of every image, by name, such as the factors that it was
            drawn from. Training never sees them.
        path: of the file or the folder that was read; empty where there is none, and where the name
            says all.
    """

    name: str
    split: str
    images: UInt8[jax.Array, "n h w c"]
    labels: Int[jax.Array, " n"]
    label_names: tuple[str, ...]
    source: str
    checksum: str
    attributes: Mapping[str, Integer[np.ndarray, " n"]] = field(default_factory=dict)
    path: str = ""

    def __post_init__(self) -> None:
        shape, dtype = self.images.shape, self.images.dtype
        if dtype != np.uint8 or len(shape) != 4 or 0 in shape:
            raise UserError(
                f"the images of a data set are uint8 [N, H, W, C], not {dtype}{list(shape)}:"
                " genjax.data.from_arrays makes one of other images."
            )
        if self.labels.shape != shape[:1]:
            raise UserError(f"{shape[0]} images have labels of shape {list(self.labels.shape)}.")

    def __len__(self) -> int:
        return self.images.shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)"""
        _, height, width, channels = self.images.shape
        return height, width, channels

    def take(self, num: int) -> "Dataset":
        """Return the first `num` images. Data sorted by class call for `draw_subset` instead.

        Raises:
            UserError: unless 1 <= num <= len(self).
        """
        num = self.check_count(num)
        return self if num == len(self) else self.subset(np.arange(num), f"the first {num}")

    def draw_subset(self, num: int, seed: int = 0) -> "Dataset":
        """Draw `num` different images at random, the same for the same seed, and keep their order.

        A smaller subset of the same seed is part of a larger one.

        Raises:
            UserError: unless 1 <= num <= len(self).

        >>> images = np.zeros((4, 8, 8, 1), np.uint8)
        >>> genjax.data.from_arrays(images, np.arange(4)).draw_subset(2).labels
        Array([0, 2], dtype=int32)
        """
        num = self.check_count(num)
        if num == len(self):
            return self
        return self.subset(draw_positions(len(self), num, seed), f"{num} drawn with seed {seed}")

    def subset(self, index: ArrayLike, description: str) -> "Dataset":
        """Return the images at the positions `index`, int [M]; `description` goes into `source`.

        Raises:
            UserError: where there is no such position.
        """
        index = check_positions(index, len(self))
        images, labels = self.images[index], self.labels[index]
        return replace(
            self,
            images=images,
            labels=labels,
            source=f"{description} of: {self.source}",
            checksum=compute_checksum(np.asarray(images), np.asarray(labels)),
            attributes={name: values[index] for name, values in self.attributes.items()},
        )


def check_positions(index: Any, count: int) -> Integer[np.ndarray, " m"]:
    """Return positions in a row. Raises `UserError` unless all are from 0 to `count` - 1."""
    array = as_numpy(index, "positions")
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
        raise UserError(
            f"positions are {array.dtype}{list(array.shape)}, but must be whole numbers in a row."
        )
    if array.min() < 0 or array.max() >= count:
        raise UserError(
            f"positions are from {array.min()} to {array.max()}, but must be from 0 to {count - 1}."
        )
    return array


def draw_positions(count: int, num: int, seed: int = 0) -> Int[np.ndarray, " {num}"]:
    """Draw `num` of `count` positions without replacement, the same for the same seed; sorted.

    >>> draw_positions(10, 3)
    array([2, 4, 6])
    """
    seed = check_integer(seed, "seed", least=0, most=2**63 - 1)
    return np.sort(np.random.default_rng(seed).permutation(count)[:num])


def to_device(
    name: str,
    split: str,
    host: HostImages,
    label_names: tuple[str, ...],
    checksum: str | None = None,
) -> Dataset:
    """Copy images to the device as a `Dataset`. The checksum is computed unless it is known."""
    return Dataset(
        name=name,
        split=split,
        # A copy: on CPU the array would otherwise share the memory of a file in the cache.
        images=jnp.array(host.images, copy=True),
        labels=jnp.array(host.labels, jnp.int32, copy=True),
        label_names=label_names,
        source=host.source,
        checksum=checksum or compute_checksum(host.images, host.labels),
    )


def compute_checksum(images: UInt8[np.ndarray, "n h w c"], labels: Int[np.ndarray, " n"]) -> str:
    """Compute the sha256 over the images' shape, the images and the labels, as hexadecimal digits.

    It is the same on every machine.
    """
    digest = hashlib.sha256(str(images.shape).encode())
    digest.update(np.ascontiguousarray(images).data)
    digest.update(np.ascontiguousarray(labels, "<i4").data)
    return digest.hexdigest()


def renumber_labels(dataset: Dataset, label_names: Sequence[str]) -> Int[np.ndarray, " n"]:
    """Return the labels of `dataset` as positions in `label_names`: names are compared.

    Where either side has no names, the labels stay as they are.

    Raises:
        UserError: where an image is of a class that is not among `label_names`.
    """
    labels = np.asarray(dataset.labels)
    if not label_names or not dataset.label_names or tuple(label_names) == dataset.label_names:
        return labels
    number = {name: place for place, name in enumerate(label_names)}
    present = [dataset.label_names[label] for label in np.unique(labels)]
    if unknown := [name for name in present if name not in number]:
        raise UserError(
            f"{dataset.name!r} has images of the classes {', '.join(unknown)}, but the classes"
            f" known are {', '.join(label_names[:20])}. Leave them out, or train on them too."
        )
    return np.array([number.get(name, -1) for name in dataset.label_names])[labels]
