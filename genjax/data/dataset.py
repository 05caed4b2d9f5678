"""`Dataset`: images and labels on the device, and where they came from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.errors import UserError


class Decoded(NamedTuple):
    """What every source gives: `images` uint8 [N, H, W, C], `labels` int32 [N], on the host."""

    images: np.ndarray
    labels: np.ndarray
    source: str


class Described:
    """What a data set says of itself, wherever its images lie."""

    name: str
    split: str
    source: str
    checksum: str

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)"""
        raise NotImplementedError

    def record(self) -> dict[str, Any]:
        """What a run's record says about its data, ready for JSON."""
        return {
            "name": self.name,
            "split": self.split,
            "source": self.source,
            "num_images": len(self),
            "image_shape": list(self.image_shape),
            "checksum": self.checksum,
        }

    def check_count(self, num: int) -> None:
        """Raises `UserError` unless 1 <= num <= len(self)."""
        if not 1 <= num <= len(self):
            raise UserError(
                f"cannot take {num} images of {self.name} ({self.split}): it has {len(self)}."
            )


@dataclass(frozen=True, eq=False)
class Dataset(Described):
    """A data set that lies on the device as a whole.

    `images` uint8 [N, H, W, C]; `labels` int32 [N], zeros where there are none, in which case
    `label_names` is empty. `source` says where the images really came from; `checksum` is the
    sha256 over shape, images and labels. `attributes` are what is known of every image beside its
    label, such as the factors that it was drawn from, by name: int [N]; training never sees them.
    """

    name: str
    split: str
    images: jax.Array
    labels: jax.Array
    label_names: tuple[str, ...]
    source: str
    checksum: str
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.images.shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)"""
        _, height, width, channels = self.images.shape
        return height, width, channels

    def take(self, num: int) -> "Dataset":
        """The first `num` images. Raises `UserError` unless 1 <= num <= len(self)."""
        self.check_count(num)
        if num == len(self):
            return self
        return self.subset(np.arange(num), f"the first {num}")

    def subset(self, index: np.ndarray, description: str) -> "Dataset":
        """The images at the positions `index`, int [M]; `description` goes into the record."""
        images, labels = self.images[index], self.labels[index]
        return replace(
            self,
            images=images,
            labels=labels,
            source=f"{description} of: {self.source}",
            checksum=checksum(np.asarray(images), np.asarray(labels)),
            attributes={name: values[index] for name, values in self.attributes.items()},
        )


def from_arrays(
    images: np.ndarray,
    labels: np.ndarray | None = None,
    label_names: tuple[str, ...] = (),
    name: str = "arrays",
    split: str = "all",
) -> Dataset:
    """A data set of one's own arrays: `images` uint8 [N, H, W, C], `labels` int [N] or none.

    Raises `UserError` where an array has another type or shape.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise UserError(
            f"images are {images.dtype}{list(images.shape)}, but must be uint8 [N, H, W, C] with at"
            " least one image: grey images need a last axis of 1, numbers in [0, 1] must be"
            " multiplied by 255."
        )
    labels = np.zeros(len(images), np.int32) if labels is None else np.asarray(labels)
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"labels are {labels.dtype}{list(labels.shape)}, but must be whole numbers"
            f" [{len(images)}], one an image."
        )
    decoded = Decoded(images, labels.astype(np.int32), "arrays given in code")
    return on_device(name, split, decoded, tuple(label_names))


def on_device(
    name: str, split: str, decoded: Decoded, label_names: tuple[str, ...], digest: str | None = None
) -> Dataset:
    """`decoded` as a `Dataset`; its checksum is computed unless it is known: `digest`."""
    return Dataset(
        name=name,
        split=split,
        # A copy: on CPU the array would otherwise share the memory of a file in the cache.
        images=jnp.array(decoded.images, copy=True),
        labels=jnp.array(decoded.labels, copy=True),
        label_names=label_names,
        source=decoded.source,
        checksum=digest or checksum(decoded.images, decoded.labels),
    )


def checksum(images: np.ndarray, labels: np.ndarray) -> str:
    """sha256 over the images' shape, the images and the labels, the same on every machine."""
    digest = hashlib.sha256(str(images.shape).encode())
    digest.update(np.ascontiguousarray(images).data)
    digest.update(np.ascontiguousarray(labels, "<i4").data)
    return digest.hexdigest()
