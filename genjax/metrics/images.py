"""The images that are measured: their check, and chunks of one shape."""

from collections.abc import Iterator

import numpy as np

from genjax.data import Dataset
from genjax.errors import UserError
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


def check_shape(model: Model, dataset: Dataset) -> None:
    """Raise `UserError` if the images of `dataset` have another shape than the model's."""
    if dataset.image_shape != model.image_shape:
        raise UserError(
            f"the model makes images of shape {model.image_shape}, but those of"
            f" {dataset.name!r} have {dataset.image_shape}."
        )
