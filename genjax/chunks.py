"""Going over many images or latents a chunk at a time, within one compiled program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

_ON_CPU, _ELSEWHERE = 128, 1024  # what a CPU's caches hold; what fills a GPU or TPU


def in_chunks(function: Callable[[jax.Array], Any], images: jax.Array, size: int = 0) -> Any:
    """`function` of images [N, ...], at most `size` at a time, and all chunks of one size.

    Memory for many is never needed at once, and less of it is faster: a CPU decodes 1,000 latents
    1.5 times as fast in chunks of 125. `size` 0 stands for what suits the machine.
    """
    size = size or (_ON_CPU if jax.default_backend() == "cpu" else _ELSEWHERE)
    count, chunks = len(images), -(-len(images) // size)
    if chunks <= 1:
        return function(images)
    even = -(-count // chunks)
    missing = [(0, chunks * even - count)] + [(0, 0)] * (images.ndim - 1)
    padded = jnp.pad(images, missing, mode="edge").reshape(chunks, even, *images.shape[1:])
    parts = jax.lax.map(function, padded)
    return jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:])[:count], parts)
