"""Biased data sets: in training some groups of images are rare, in testing none is.

| name           | made from            | groups: share in training, in testing, %                 |
|----------------|----------------------|----------------------------------------------------------|
| mnist_rotated  | 10,000 of MNIST      | upright 95, 50; rotated by a quarter turn 5, 50          |
| mnist_coloured | 10,000 of MNIST      | in the colour of the digit 98, 50; in another 2, 50      |
| fashion_rare   | 10,000 of            | as it is 94, 25; upside down 2, 25; negative 2, 25;      |
|                | Fashion-MNIST        | half the size 2, 25                                      |
| mnist_         | all of MNIST         | in the colour of the digit 100 - S, 10; in another S, 90 |
| coloured_S     |                      | for S = 0.5, 1, 2, 5, and of `load_coloured` for any S   |

In the coloured ones the colour is spuriously correlated with the class; in the others a group is
under-represented. In every class a group has the same share, to within an image or two. Of most
only 10,000 images are taken (the first of either split, which are shuffled), since of 60,000 even a
rare group would have thousands. A quarter turn moves pixels without blurring them, and blur would
tell the groups apart; it makes no digit another (a half turn would make a 6 a 9).

mnist_coloured_S follows the protocol of Nam et al. 2020 ("Learning from failure", NeurIPS, section
4): S% of the training images conflict with the bias, and in testing each of the ten colours is
equally likely, whatever the digit. The ten colours are our own, and without their slight noise.

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
from jaxtyping import Array, Int, Int32, PRNGKeyArray, UInt8

from genjax.data.dataset import Dataset, compute_checksum
from genjax.data.loaders import load
from genjax.errors import check_number

GROUP = "group"  # the name of the attribute
_SHARES = (0.5, 1, 2, 5)  # of conflicting images, %, in the data sets that have a name
_COLOURS = np.array(  # of the digits
    [
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255),
        (0, 255, 255), (255, 128, 0), (128, 0, 255), (128, 255, 128), (255, 255, 255),
    ]
)  # fmt: skip


class Bias(NamedTuple):
    """What a biased data set is made from, its groups, and their shares in either split, %.

    At most `most` images are taken of either split.
    """

    source: str
    groups: tuple[str, ...]
    train: tuple[float, ...]
    test: tuple[float, ...]
    most: int = 10_000


def _colour_all(conflicting: float) -> Bias:
    return Bias("mnist", _COLOURED, (100 - conflicting, conflicting), (10, 90), most=60_000)


_COLOURED = ("own colour", "another colour")
BIASED = {
    "mnist_rotated": Bias("mnist", ("upright", "rotated"), (95, 5), (50, 50)),
    "mnist_coloured": Bias("mnist", _COLOURED, (98, 2), (50, 50)),
    **{f"mnist_coloured_{share}": _colour_all(share) for share in _SHARES},
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


def load_coloured(
    split: str, data_dir: str | os.PathLike[str] | None = None, *, conflicting: float
) -> Dataset:
    """Load MNIST in ten colours, of which each goes with a digit but for a few images.

    In testing all colours are equally likely. `attributes["group"]` is 0 for images in the colour
    of their digit, 1 for the conflicting ones.

    Args:
        split: "train" or "test".
        data_dir: as of `genjax.data.load`.
        conflicting: share of the training images in another digit's colour, in %, from 0 to 100, in
            steps of 0.01.

    Raises:
        UserError: where the share is out of range, or MNIST cannot be loaded.

    >>> from functools import partial  # a name for a share of your own
    >>> genjax.data.register_dataset("coloured_3", partial(load_coloured, conflicting=3))
    """
    bias = _colour_all(check_number(conflicting, "conflicting", least=0, most=100))
    return _add(bias, "mnist_coloured", load(bias.source, split, data_dir, stream=False))


def add_bias(name: str, real: Dataset) -> Dataset:
    """Make the data set `name` of `BIASED` from images of its source, [N, 28, 28, 1].

    The same images of the same split always give the same data set.
    """
    return _add(BIASED[name], name, real)


def _add(bias: Bias, name: str, real: Dataset) -> Dataset:
    real = real.take(min(bias.most, len(real)))
    shares = bias.test if real.split == "test" else bias.train
    ends = jnp.asarray(np.cumsum([round(100 * share) for share in shares]), jnp.int32)
    key = jax.random.fold_in(jax.random.key(95), real.split == "test")
    images, groups = _transform_groups(real.images, real.labels, key, ends, kind=bias.groups)
    return replace(
        real,
        name=name,
        images=images,
        source=f"{', '.join(f'{s:g}% {g}' for s, g in zip(shares, bias.groups, strict=True))}"
        f" of: {real.source}",
        checksum=compute_checksum(np.asarray(images), np.asarray(real.labels)),
        attributes={GROUP: np.asarray(groups)},
    )


@partial(jax.jit, static_argnames="kind")
def _transform_groups(
    images: UInt8[Array, "n h w 1"],
    labels: Int[Array, " n"],
    key: PRNGKeyArray,
    ends: Int32[Array, " groups"],
    *,
    kind: tuple[str, ...],
) -> tuple[UInt8[Array, "n h w c"], Int32[Array, " n"]]:
    key_groups, key_colours = jax.random.split(key)
    groups = _assign_groups(labels, key_groups, ends)
    if kind == _COLOURED:
        other = jax.random.randint(key_colours, labels.shape, 1, len(_COLOURS), jnp.int32)
        return _colour(images, (labels + other * (groups == 1)) % len(_COLOURS)), groups
    if len(kind) == 2:
        kinds = [images, jnp.rot90(images, axes=(1, 2))]
    else:
        kinds = [images, images[:, ::-1], 255 - images, _shrink(images)]
    chosen = jnp.stack(kinds)[groups, jnp.arange(len(images))]
    return chosen, groups


def _assign_groups(
    labels: Int[Array, " n"], key: PRNGKeyArray, ends: Int32[Array, " groups"]
) -> Int32[Array, " n"]:
    """Assign a group to every image: of every 10,000 of a class, up to each of `ends`.

    As evenly as can be: of any 100 images of a class, the hundredth part goes to each, give or take
    one.
    """
    shuffled = jax.random.permutation(key, len(labels))
    by_class = shuffled[jnp.argsort(labels[shuffled])]
    ordered = labels[by_class]
    place = jnp.arange(len(labels)) - jnp.searchsorted(ordered, ordered)  # within its class
    # 61 has no factor in common with 100: what is left over after hundreds is mixed as well
    number = place * 61 % 100 * 100 + place // 100 * 61 % 100
    group = jnp.searchsorted(ends, number, side="right")
    return jnp.zeros_like(group).at[by_class].set(group)


def _colour(images: UInt8[Array, "n h w 1"], colours: Int[Array, " n"]) -> UInt8[Array, "n h w 3"]:
    """Colour grey images by the numbers of their colours."""
    palette = jnp.array(_COLOURS)[colours][:, None, None]
    return (images.astype(jnp.int32) * palette // 255).astype(jnp.uint8)


def _shrink(images: UInt8[Array, "n h w c"]) -> UInt8[Array, "n h w c"]:
    """Shrink images to half their size, in the middle of an image of the same size."""
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    small = jnp.mean(blocks.astype(jnp.float32), axis=(2, 4)).round().astype(jnp.uint8)
    top, left = height // 4, width // 4
    return (
        jnp.zeros_like(images).at[:, top : top + height // 2, left : left + width // 2].set(small)
    )
