"""Process many images or latents a chunk at a time, within one compiled program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

_ON_CPU, _ELSEWHERE = 2**22, 2**28  # bytes of the largest layer of a chunk: the first fit a cache
_LOOPS = ("scan", "checkpoint")  # jax's names for a loop, and for what it computes again


def in_chunks(function: Callable[[jax.Array], Any], images: jax.Array, size: int = 0) -> Any:
    """Apply `function` to images [N, ...], at most `size` at a time, in chunks of about even size.

    This needs less memory, and on a CPU it is often faster (docs/notes/convolutions.md). With
    `size` 0 the chunks suit the machine and the function.

    >>> in_chunks(lambda x: 2 * x, jnp.arange(5.0), size=2)
    Array([0., 2., 4., 6., 8.], dtype=float32)
    """
    count = len(images)
    if count and not size:
        size = max(1, _budget() // _largest_layer(function, images))
    if count <= size:
        return function(images)
    chunks = -(-count // size)
    even = -(-count // chunks)
    missing = [(0, chunks * even - count)] + [(0, 0)] * (images.ndim - 1)
    padded = jnp.pad(images, missing, mode="edge").reshape(chunks, even, *images.shape[1:])
    parts = jax.lax.map(function, padded)
    return jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:])[:count], parts)


def _budget() -> int:
    return _ON_CPU if jax.default_backend() == "cpu" else _ELSEWHERE


def _largest_layer(function: Callable[[jax.Array], Any], images: jax.Array) -> int:
    """Return the bytes an image of the largest array that `function` computes."""
    made = _list_arrays(jax.make_jaxpr(function)(images).jaxpr)
    whole = [x for x in made if x.shape[:1] == images.shape[:1]]
    return max((x.size * x.dtype.itemsize // len(images) for x in whole), default=1)


def _list_arrays(program: Any) -> list[Any]:
    """List the arrays that a program computes, also within its loops."""
    made = [x.aval for step in program.eqns for x in step.outvars]
    inner = [step.params["jaxpr"] for step in program.eqns if step.primitive.name in _LOOPS]
    return made + [x for one in inner for x in _list_arrays(getattr(one, "jaxpr", one))]
