"""Going over the images of a data set or of a model: a chunk at a time, of a shape that fits."""

from collections.abc import Iterator

import numpy as np

from genjax.data import Dataset
from genjax.errors import UserError
from genjax.model import Model


def chunks(count: int, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """The positions 0..count - 1 in chunks, int [size], each with how many of it are real.

    The last chunk is filled up with its last position, so that one program serves all.
    """
    for start in range(0, count, size):
        yield np.minimum(np.arange(start, start + size), count - 1), min(size, count - start)


def check_shape(model: Model, dataset: Dataset) -> None:
    """Raises `UserError` if the images of `dataset` have another shape than the model's."""
    if dataset.image_shape != model.image_shape:
        raise UserError(
            f"the model makes images of shape {model.image_shape}, but those of"
            f" {dataset.name!r} have {dataset.image_shape}."
        )
