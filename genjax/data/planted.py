"""Data sets with a planted bias: in training some groups of images are rare, in testing none is.

| name           | made from            | groups: share in training, in testing, %                 |
|----------------|----------------------|----------------------------------------------------------|
| mnist_rotated  | 10,000 of MNIST      | upright 95, 50; rotated by a quarter turn 5, 50          |
| mnist_coloured | 10,000 of MNIST      | in the colour of the digit 98, 50; in another 2, 50      |
| fashion_rare   | 10,000 of            | as it is 94, 25; upside down 2, 25; negative 2, 25;      |
|                | Fashion-MNIST        | half the size 2, 25                                      |

In every class a group has the same share, to within an image or two. Few images are taken (the
first of either split), since of 60,000 even a rare group would have thousands. A quarter turn moves
pixels without blurring them, by which a group could be told, and makes no digit another (a half
turn would make a 6 a 9).

The group of an image, `attributes["group"]`, is known to measurements only: training sees images
and labels.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.data.dataset import Dataset, checksum

GROUP = "group"  # the attribute
_IMAGES = 10_000
_COLOURS = np.array(  # of the digits
    [
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255),
        (0, 255, 255), (255, 128, 0), (128, 0, 255), (128, 255, 128), (255, 255, 255),
    ]
)  # fmt: skip


class Planted(NamedTuple):
    """The data set it is made from, its groups, and their shares in training and testing, %."""

    source: str
    groups: tuple[str, ...]
    train: tuple[int, ...]
    test: tuple[int, ...]


PLANTED = {
    "mnist_rotated": Planted("mnist", ("upright", "rotated"), (95, 5), (50, 50)),
    "mnist_coloured": Planted("mnist", ("own colour", "another colour"), (98, 2), (50, 50)),
    "fashion_rare": Planted(
        "fashion_mnist",
        ("as it is", "upside down", "negative", "half the size"),
        (94, 2, 2, 2),
        (25, 25, 25, 25),
    ),
}


def planted(name: str, real: Dataset) -> Dataset:
    """The data set `name` of `PLANTED`, from the images of its source, uint8 [N, 28, 28, 1].

    Made on the device; the same images of the same split always give the same.
    """
    about = PLANTED[name]
    real = real.take(min(_IMAGES, len(real)))
    shares = about.test if real.split == "test" else about.train
    key = jax.random.fold_in(jax.random.key(95), real.split == "test")
    images, groups = _made(real.images, real.labels, key, name=name, shares=shares)
    return replace(
        real,
        name=name,
        images=images,
        source=f"{', '.join(f'{s}% {g}' for s, g in zip(shares, about.groups, strict=True))}"
        f" of: {real.source}",
        checksum=checksum(np.asarray(images), np.asarray(real.labels)),
        attributes={GROUP: np.asarray(groups)},
    )


@partial(jax.jit, static_argnames=("name", "shares"))
def _made(
    images: jax.Array, labels: jax.Array, key: jax.Array, *, name: str, shares: tuple[int, ...]
) -> tuple[jax.Array, jax.Array]:
    key_groups, key_colours = jax.random.split(key)
    groups = _groups(labels, key_groups, shares)
    if name == "mnist_coloured":
        other = jax.random.randint(key_colours, labels.shape, 1, len(_COLOURS))
        return _coloured(images, (labels + other * (groups == 1)) % len(_COLOURS)), groups
    if name == "mnist_rotated":
        kinds = [images, jnp.rot90(images, axes=(1, 2))]
    else:
        kinds = [images, images[:, ::-1], 255 - images, _halved(images)]
    chosen = jnp.stack(kinds)[groups, jnp.arange(len(images))]
    return chosen, groups


def _groups(labels: jax.Array, key: jax.Array, shares: tuple[int, ...]) -> jax.Array:
    """A group for every image, int32 [N]: of every 100 images of a class `shares` are in each."""
    shuffled = jax.random.permutation(key, len(labels))
    by_class = shuffled[jnp.argsort(labels[shuffled])]
    first = jnp.searchsorted(labels[by_class], labels[by_class])  # of its class
    # 61 has no factor in common with 100: what is left over after hundreds is mixed as well
    number = (jnp.arange(len(labels)) - first) * 61 % 100
    group = jnp.searchsorted(jnp.cumsum(jnp.array(shares)), number, side="right")
    return jnp.zeros_like(group).at[by_class].set(group)


def _coloured(images: jax.Array, colours: jax.Array) -> jax.Array:
    """Grey [N, H, W, 1] in the colours of those numbers [N]: [N, H, W, 3]."""
    palette = jnp.array(_COLOURS)[colours][:, None, None]
    return (images.astype(jnp.int32) * palette // 255).astype(jnp.uint8)


def _halved(images: jax.Array) -> jax.Array:
    """Every 2x2 pixels as one, in the middle of an image of the same size."""
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    small = jnp.mean(blocks.astype(jnp.float32), axis=(2, 4)).round().astype(jnp.uint8)
    top, left = height // 4, width // 4
    return (
        jnp.zeros_like(images).at[:, top : top + height // 2, left : left + width // 2].set(small)
    )
