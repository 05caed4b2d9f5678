"""The softplus, of which XLA compiles value and derivative in fewer parts than `jax.nn.softplus`.

(1) s(a) = log(1 + e^a) = max(0, a) + log(1 + e^-|a|)     the right side never overflows
(2) s'(a) = sigmoid(a)
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


@jax.custom_jvp
def softplus(a: ArrayLike) -> jax.Array:
    """Compute (1), elementwise.

    >>> softplus(jnp.array([-99.0, 0.0, 99.0])).round(4)
    Array([ 0.    ,  0.6931, 99.    ], dtype=float32)
    """
    return jnp.maximum(a, 0) + jnp.log1p(jnp.exp(-jnp.abs(a)))


@softplus.defjvp
def _differentiate(primals: tuple[ArrayLike], tangents: tuple[ArrayLike]) -> tuple:  # (2)
    (a,), (change,) = primals, tangents
    return softplus(a), jax.nn.sigmoid(a) * change
