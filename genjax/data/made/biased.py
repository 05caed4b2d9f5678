"""Biased data sets: in training some groups of images are rare, in testing none is.

| name           | made from            | groups: share in training, in testing, %                 |
|----------------|----------------------|----------------------------------------------------------|
| mnist_rotated  | 10,000 of MNIST      | upright 95, 50; rotated by a quarter turn 5, 50          |
| mnist_coloured | 10,000 of MNIST      | in the colour of the digit 98, 50; in another 2, 50      |
| fashion_rare   | 10,000 of            | as it is 94, 25; upside down 2, 25; negative 2, 25;      |
|                | Fashion-MNIST        | half the size 2, 25                                      |

In mnist_coloured the colour is spuriously correlated with the class; in the others a group is
under-represented. In every class a group has the same share, to within an image or two. Only 10,000
images are taken (the first of either split, which are shuffled), since of 60,000 even a rare group
would have thousands. A quarter turn moves pixels without blurring them, and blur would tell the
groups apart; it makes no digit another (a half turn would make a 6 a 9).

The group of an image, `attributes["group"]`, is for measurements only: training sees images and
labels.
"""

import os
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.data.dataset import Dataset, compute_checksum
from genjax.data.loaders import load

GROUP = "group"  # the name of the attribute
_IMAGES = 10_000
_COLOURS = np.array(  # of the digits
    [
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255),
        (0, 255, 255), (255, 128, 0), (128, 0, 255), (128, 255, 128), (255, 255, 255),
    ]
)  # fmt: skip


class Bias(NamedTuple):
    """What a biased data set is made from, its groups, and their shares in either split, %."""

    source: str
    groups: tuple[str, ...]
    train: tuple[int, ...]
    test: tuple[int, ...]


BIASED = {
    "mnist_rotated": Bias("mnist", ("upright", "rotated"), (95, 5), (50, 50)),
    "mnist_coloured": Bias("mnist", ("own colour", "another colour"), (98, 2), (50, 50)),
    "fashion_rare": Bias(
        "fashion_mnist",
        ("as it is", "upside down", "negative", "half the size"),
        (94, 2, 2, 2),
        (25, 25, 25, 25),
    ),
}


def load_biased(name: str, split: str, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
    """Load the source of a data set of `BIASED`, and add the bias."""
    return add_bias(name, load(BIASED[name].source, split, data_dir, stream=False))


def add_bias(name: str, real: Dataset) -> Dataset:
    """Make the data set `name` of `BIASED` from images of its source, [N, 28, 28, 1].

    The same images of the same split always give the same data set.
    """
    bias = BIASED[name]
    real = real.take(min(_IMAGES, len(real)))
    shares = bias.test if real.split == "test" else bias.train
    key = jax.random.fold_in(jax.random.key(95), real.split == "test")
    images, groups = _transform_groups(real.images, real.labels, key, name=name, shares=shares)
    return replace(
        real,
        name=name,
        images=images,
        source=f"{', '.join(f'{s}% {g}' for s, g in zip(shares, bias.groups, strict=True))}"
        f" of: {real.source}",
        checksum=compute_checksum(np.asarray(images), np.asarray(real.labels)),
        attributes={GROUP: np.asarray(groups)},
    )


@partial(jax.jit, static_argnames=("name", "shares"))
def _transform_groups(
    images: jax.Array, labels: jax.Array, key: jax.Array, *, name: str, shares: tuple[int, ...]
) -> tuple[jax.Array, jax.Array]:
    key_groups, key_colours = jax.random.split(key)
    groups = _assign_groups(labels, key_groups, shares)
    if name == "mnist_coloured":
        other = jax.random.randint(key_colours, labels.shape, 1, len(_COLOURS), jnp.int32)
        return _colour(images, (labels + other * (groups == 1)) % len(_COLOURS)), groups
    if name == "mnist_rotated":
        kinds = [images, jnp.rot90(images, axes=(1, 2))]
    else:
        kinds = [images, images[:, ::-1], 255 - images, _shrink(images)]
    chosen = jnp.stack(kinds)[groups, jnp.arange(len(images))]
    return chosen, groups


def _assign_groups(labels: jax.Array, key: jax.Array, shares: tuple[int, ...]) -> jax.Array:
    """Assign a group to every image, int32 [N]: of every 100 of a class, `shares` to each."""
    shuffled = jax.random.permutation(key, len(labels))
    by_class = shuffled[jnp.argsort(labels[shuffled])]
    first = jnp.searchsorted(
        labels[by_class], labels[by_class]
    )  # position of the first of its class
    # 61 has no factor in common with 100: what is left over after hundreds is mixed as well
    number = (jnp.arange(len(labels)) - first) * 61 % 100
    group = jnp.searchsorted(jnp.cumsum(jnp.array(shares)), number, side="right")
    return jnp.zeros_like(group).at[by_class].set(group)


def _colour(images: jax.Array, colours: jax.Array) -> jax.Array:
    """Colour grey images [N, H, W, 1] by numbers [N] of colours: [N, H, W, 3]."""
    palette = jnp.array(_COLOURS)[colours][:, None, None]
    return (images.astype(jnp.int32) * palette // 255).astype(jnp.uint8)


def _shrink(images: jax.Array) -> jax.Array:
    """Shrink images to half their size, in the middle of an image of the same size."""
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    small = jnp.mean(blocks.astype(jnp.float32), axis=(2, 4)).round().astype(jnp.uint8)
    top, left = height // 4, width // 4
    return (
        jnp.zeros_like(images).at[:, top : top + height // 2, left : left + width // 2].set(small)
    )
