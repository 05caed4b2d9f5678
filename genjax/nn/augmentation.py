"""Random changes of images: mirroring, and the differentiable ones of a discriminator's images.

A discriminator that sees few images learns them by heart. It cannot where it sees every image
changed at random (DiffAugment: Zhao et al. 2020, arXiv:2006.10738). T changes real and generated
images with the same distribution, and the generator learns through T. For an image x [H, W, C] in
[-1, 1], with the ranges of the paper's section 3.2 and of its authors' code,

(1) brightness    x + b                 b ~ U[-1/2, 1/2]
(2) saturation    m + s (x - m)         s ~ U[0, 2], m of each pixel the mean of its channels
(3) contrast      m + c (x - m)         c ~ U[1/2, 3/2], m the mean of all pixels and channels
(4) translation   x'[i, j] = x[i + v, j + w], and 0 where that lies outside the image
                  v, w whole numbers, up to 1/8 of the height and of the width
(5) cutout        x'[i, j] = 0 in a box of half the height and width, whose centre is any pixel

"colour" is (1), (2) and (3), one after the other. (4) is a product with two matrices of zeros and
ones, so that its derivatives of any order are products too.
"""

from collections.abc import Collection
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

Augmentation = Literal["colour", "translation", "cutout"]
Draws = dict[str, jax.Array]  # of each augmentation, [N, numbers that it needs], from U[0, 1]

_NEEDED: dict[Augmentation, int] = {"colour": 3, "translation": 2, "cutout": 2}


def draw_augmentation(names: Collection[Augmentation], key: PRNGKeyArray, num: int) -> Draws:
    """Draw what the augmentations of that name need to change `num` images."""
    return {
        name: jax.random.uniform(jax.random.fold_in(key, index), (num, needed), jnp.float32)
        for index, (name, needed) in enumerate(_NEEDED.items())
        if name in names
    }


def augment(images: Float[Array, "n h w c"], draws: Draws) -> Float[Array, "n h w c"]:
    """Change images in [-1, 1] by the augmentations that `draws` are for, in the order (1) to (5).

    >>> draws = {"colour": jnp.array([[1.0, 0.5, 0.5]])}  # half a unit brighter, nothing else
    >>> augment(jnp.zeros((1, 2, 2, 3)), draws)[0, 0, 0]
    Array([0.5, 0.5, 0.5], dtype=float32)
    """
    changes = {"colour": change_colour, "translation": translate, "cutout": cut_out}
    for name, change in changes.items():
        if name in draws:
            images = change(images, draws[name])
    return images


def change_colour(
    images: Float[Array, "n h w c"], u: Float[Array, "n 3"]
) -> Float[Array, "n h w c"]:
    """Change brightness, saturation and contrast, (1) to (3)."""
    u = u[:, :, None, None, None]
    x = images + (u[:, 0] - 0.5)  # (1)
    mean = jnp.mean(x, axis=3, keepdims=True)
    x = mean + 2 * u[:, 1] * (x - mean)  # (2)
    mean = jnp.mean(x, axis=(1, 2, 3), keepdims=True)
    return mean + (u[:, 2] + 0.5) * (x - mean)  # (3)


def translate(images: Float[Array, "n h w c"], u: Float[Array, "n 2"]) -> Float[Array, "n h w c"]:
    """Move images, and fill up with zeros, (4)."""
    height, width = images.shape[1:3]
    rows, columns = (_shift(u[:, axis], size) for axis, size in enumerate((height, width)))
    exact = jax.lax.Precision.HIGHEST
    moved = jnp.einsum("nij,njwc->niwc", rows, images, precision=exact)
    return jnp.einsum("nkw,niwc->nikc", columns, moved, precision=exact)


def _shift(u: jax.Array, size: int) -> jax.Array:
    """Return the matrices [N, size, size] that move a column of pixels as (4) does."""
    most = int(size / 8 + 0.5)
    by = jnp.floor(u * (2 * most + 1)).astype(jnp.int32) - most
    position = jnp.arange(size)
    return (position[:, None] + by[:, None, None] == position).astype(jnp.float32)


def cut_out(images: Float[Array, "n h w c"], u: Float[Array, "n 2"]) -> Float[Array, "n h w c"]:
    """Set a box of each image to zero, (5)."""
    height, width = images.shape[1:3]
    rows, columns = (_box(u[:, axis], size) for axis, size in enumerate((height, width)))
    box = rows[:, :, None] & columns[:, None, :]
    return jnp.where(box[..., None], 0.0, images)


def _box(u: jax.Array, size: int) -> jax.Array:
    """Tell which rows or columns, [N, size], lie in the box of (5)."""
    side = int(size / 2 + 0.5)
    centre = jnp.floor(u * (size + 1 - side % 2)).astype(jnp.int32)
    from_first = jnp.arange(size) - (centre[:, None] - side // 2)
    return (from_first >= 0) & (from_first < side)


def mirror_half(images: Float[Array, "n h w c"], key: PRNGKeyArray) -> Float[Array, "n h w c"]:
    """Mirror each image, left to right, with a probability of one half."""
    mirror = jax.random.bernoulli(key, 0.5, (len(images), 1, 1, 1))
    return jnp.where(mirror, images[:, :, ::-1], images)
