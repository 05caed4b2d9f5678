"""The images and labels that are measured: checks, bytes, names of classes, chunks of one shape."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt8
from numpy.typing import ArrayLike

from genjax.data import Dataset, Stream
from genjax.errors import UserError, check_images
from genjax.model import Model


def padded_chunks(count: int, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the positions 0..count - 1 in chunks, int [size], each with how many of it are new.

    The last chunk is filled up with its last position, so that one compiled program serves all.
    (`genjax.nn.chunks` does the same inside a compiled program.)

    >>> [(index.tolist(), new) for index, new in padded_chunks(5, 3)]
    [([0, 1, 2], 3), ([3, 4, 4], 2)]
    """
    for start in range(0, count, size):
        yield np.minimum(np.arange(start, start + size), count - 1), min(size, count - start)


def to_bytes(
    images: ArrayLike, image_shape: tuple[int, ...] = (), name: str = "images"
) -> UInt8[Array, "n h w c"]:
    """Return images as bytes: uint8 as they are, floats in [0, 1] times 255 and rounded.

    Raises:
        UserError: where shape, type or values are others (`genjax.errors.check_images`).

    >>> to_bytes(np.full((1, 1, 1, 1), 0.5)).item()
    128
    """
    if getattr(images, "dtype", None) == np.uint8:
        check_images(images[:1], image_shape, name)  # type: ignore[index]
        return jnp.asarray(images)
    return jnp.round(255.0 * check_images(images, image_shape, name)).astype(jnp.uint8)


def check_shape(model: Model, dataset: Dataset | Stream) -> None:
    """Raise `UserError` if the images of `dataset` have another shape than the model's."""
    if dataset.image_shape != model.image_shape:
        raise UserError(
            f"the model makes images of shape {model.image_shape}, but those of"
            f" {dataset.name!r} have {dataset.image_shape}."
        )


def knows_classes(model: Any, dataset: Dataset, train_set: Dataset | None) -> bool:
    """Tell whether it is known which class of the model each label of `dataset` is.

    It is if `train_set` gives the names that the model's classes have, or if both have as many.
    """
    if not dataset.label_names:
        return False
    names = dataset.label_names
    return train_set is not None or getattr(model, "num_classes", len(names)) in (0, len(names))


def renumber_labels(dataset: Dataset, label_names: Sequence[str]) -> np.ndarray:
    """Return the labels of `dataset`, int [N], as numbers of `label_names`: names are compared.

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
