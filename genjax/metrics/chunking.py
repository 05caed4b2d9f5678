"""The images and labels that are measured: checks, bytes, names of classes, chunks of one shape."""

from collections.abc import Iterator
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt8
from numpy.typing import ArrayLike

from genjax.data import Dataset, Stream
from genjax.data.dataset import renumber_labels
from genjax.errors import UserError, check_images
from genjax.model import Model, Params


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


def find_label_names(params: Params, train_set: Dataset | None) -> tuple[str, ...]:
    """Return the names of the model's classes: its own, or else those of its training set."""
    return params.label_names or (train_set.label_names if train_set else ())


def number_classes(
    params: Params, dataset: Dataset, train_set: Dataset | None
) -> tuple[Dataset, bool]:
    """Return the data set with its labels numbered as the model numbers classes: by their names.

    The second value tells whether it is known which class of the model each label is. It is not
    where the data set has no names, nor where the names of the model's classes are not known and
    their number is another. Then, and where a model without classes was trained on others, the
    labels stay as they are.

    Raises:
        UserError: where an image is of a class that the model does not know.
    """
    names, ours = find_label_names(params, train_set), dataset.label_names
    count = getattr(params.model, "num_classes", 0)
    if not ours or not names:
        return dataset, bool(ours) and count in (0, len(ours))
    if not count and not {*ours} <= {*names}:
        return dataset, False
    return replace(dataset, labels=jnp.asarray(renumber_labels(dataset, names))), True
