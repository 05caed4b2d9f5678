"""Draw what is compared: samples of a model and images of a data set, both as bytes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, UInt8
from numpy.typing import ArrayLike

from genjax import latents
from genjax.data import Dataset, Stream
from genjax.errors import UserError, check_integer
from genjax.metrics.chunking import padded_chunks
from genjax.model import Params
from genjax.model.compiling import jit
from genjax.model.random_keys import as_key

IMAGES_AT_ONCE = 500


@partial(jit, static_argnames="num")
def _quantised_samples(
    params: Params, key: jax.Array, *, num: int, **options: Any
) -> tuple[jax.Array, jax.Array]:
    """Draw samples as uint8 [num, H, W, C]; the second value tells whether all are finite."""
    images = latents.sample(params, key, num, **options)
    return jnp.round(255.0 * images).astype(jnp.uint8), jnp.all(jnp.isfinite(images))


def generate_samples(
    params: Params,
    key: PRNGKeyArray | int,
    num: int,
    on_chunk: Callable[[int], object] = lambda _: None,
    labels: ArrayLike | None = None,
    **options: Any,
) -> UInt8[Array, "num h w c"]:
    """Draw samples as bytes, as the data are stored, a chunk at a time.

    Chunks have 500 samples and the last one is cut, so the first of many samples are those of a
    smaller `num`.

    Args:
        params: of any model.
        key: the same key draws the same samples. A whole number n stands for jax.random.key(n).
        num: how many.
        on_chunk: called with the number of samples after every chunk.
        labels: of a model that knows classes, the class of every sample, int [num].
        options: what else `genjax.sample` takes: a temperature, a density.

    Raises:
        UserError: where the model makes numbers that are not finite.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> generate_samples(params, jax.random.key(1), 3).dtype
    dtype('uint8')
    """
    chunks = []
    key, num = as_key(key), check_integer(num, "num")
    for number, (index, count) in enumerate(padded_chunks(num, IMAGES_AT_ONCE)):
        if labels is not None:
            options["labels"] = jnp.asarray(labels)[index]
        fresh, finite = _quantised_samples(
            params, jax.random.fold_in(key, number), num=IMAGES_AT_ONCE, **options
        )
        if not finite:
            raise UserError(
                "the samples are not finite numbers: the model has diverged. Load the best weights,"
                " or train with a smaller learning rate."
            )
        chunks.append(fresh[:count])
        on_chunk(count)
    return jnp.concatenate(chunks)


def draw_images(dataset: Dataset | Stream, num: int) -> UInt8[Array, "n h w c"]:
    """Draw images at random, the same ones at every call; all where there are fewer than `num`.

    Raises `UserError` on a stream, whose images are not in memory.
    """
    return draw_rows(dataset.images, num)


def draw_rows(images: Any, num: int) -> Any:
    """Draw `num` of the first axis at random, the same at every call; all if there are fewer."""
    if len(images) <= num:
        return images
    return images[np.asarray(jax.random.permutation(jax.random.key(0), len(images)))[:num]]
