"""Random orders, in a program that compiles quickly.

`jax.random.permutation` sorts by random numbers, and again by others, since some may be equal. Each
of these sorts takes a TPU's compiler seconds (docs/tpu.md). Here they are one loop.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, PRNGKeyArray

_LARGEST = np.iinfo(np.uint32).max


def permute(key: PRNGKeyArray, count: int) -> Int32[Array, " count"]:
    """Return the numbers from 0 to `count` - 1 in random order.

    The order is that of `jax.random.permutation(key, count)`.

    >>> sorted(permute(jax.random.key(0), 5).tolist())
    [0, 1, 2, 3, 4]
    """

    def sort(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        key, order = carry
        key, drawn = jax.random.split(key)
        bits = jax.random.bits(drawn, order.shape, jnp.uint32)
        return (key, jax.lax.sort_key_val(bits, order)[1]), None

    times = int(np.ceil(3 * np.log(max(1, count)) / np.log(_LARGEST)))
    (_, order), _ = jax.lax.scan(sort, (key, jnp.arange(count, dtype=jnp.int32)), length=times)
    return order
