"""Stacked MNIST: three digits as the channels of one image, 1,000 modes.

(1) image = (x_i, x_j, x_k) as channels R, G, B,   digits drawn at random
(2) label = 100 y_i + 10 y_j + y_k

Lin et al. 2018, "PacGAN", arXiv:1712.04086, after Metz et al. 2017, arXiv:1611.02163.
They draw digits with replacement. Here each channel is a permutation of all digits, so that every
digit is used exactly three times, and there are as many images as digits.
"""

import os
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray, UInt8

from genjax.data.arrays import from_arrays
from genjax.data.dataset import Dataset, compute_checksum
from genjax.data.loaders import load

NAME = "stacked_mnist"
LABEL_NAMES = tuple(f"{label:03d}" for label in range(1000))


def load_stacked(split: str, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
    """Load MNIST and stack its digits."""
    return stack_digits(load("mnist", split, data_dir, stream=False))


def stack_digits(digits: Dataset) -> Dataset:
    """Make images [N, 28, 28, 3] of three digits each from N digits [N, 28, 28, 1].

    The same digits of the same split always give the same images.
    """
    key = jax.random.fold_in(jax.random.key(1000), digits.split == "test")
    images, labels = _stack(digits.images, digits.labels, key)
    return replace(
        digits,
        name=NAME,
        images=images,
        labels=labels,
        label_names=LABEL_NAMES,
        source=f"three digits of: {digits.source}",
        checksum=compute_checksum(np.asarray(images), np.asarray(labels)),
    )


@jax.jit
def _stack(
    images: UInt8[Array, "n h w 1"], labels: Int[Array, " n"], key: PRNGKeyArray
) -> tuple[UInt8[Array, "n h w 3"], Int[Array, " n"]]:
    orders = [jax.random.permutation(channel, len(images)) for channel in jax.random.split(key, 3)]
    r, g, b = (labels[order] for order in orders)
    return (
        jnp.concatenate([images[order] for order in orders], axis=-1),  # (1)
        100 * r + 10 * g + b,  # (2)
    )


def select_first_digit(dataset: Dataset) -> Dataset:
    """Return the data set of the first of the three digits: [N, 28, 28, 1] with labels 0..9."""
    images, labels = np.asarray(dataset.images[..., :1]), np.asarray(dataset.labels // 100)
    return from_arrays(images, labels, tuple("0123456789"), f"{dataset.name}, R", dataset.split)
