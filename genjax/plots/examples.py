"""Choose the images of a data set that pictures show."""

import numpy as np

from genjax.data import Dataset


def draw_examples(dataset: Dataset, num: int) -> Dataset:
    """Draw up to `num` images in random order, always the same: a data set may be sorted by class.

    >>> data = genjax.data.from_arrays(np.zeros((4, 8, 8, 1), np.uint8), np.arange(4))
    >>> sorted(draw_examples(data, 9).labels.tolist())
    [0, 1, 2, 3]
    """
    chosen = np.random.default_rng(0).permutation(len(dataset))[:num]
    return dataset.subset(chosen, f"{len(chosen):,} images in random order")
