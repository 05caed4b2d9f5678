"""Random keys from what a user gives: a key of jax, or a seed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from genjax.errors import UserError

_MUST = "must be a random key, such as jax.random.key(0), or a seed: a whole number below 2^32"


def as_key(key: Any) -> Key[Array, ""]:
    """Return one random key; a whole number n is a seed, and stands for jax.random.key(n).

    Raises:
        UserError: where it is neither.
    """
    keys = as_keys(key)
    if keys.ndim:
        raise UserError(f"key has the shape {keys.shape}, but {_MUST}.")
    return keys


def as_keys(key: Any) -> Key[Array, "*seeds"]:
    """Return one random key, or many in a row [S]; a whole number n stands for jax.random.key(n).

    Raises:
        UserError: where it is something else.

    >>> as_keys(3) == jax.random.key(3)
    Array(True, dtype=bool)
    """
    is_number = isinstance(key, int | np.integer) and not isinstance(key, bool)
    if is_number and 0 <= key < 2**32:
        return jax.random.key(int(key))
    if not isinstance(key, jax.Array | np.ndarray) or is_number:
        raise UserError(f"key is {key!r}, but {_MUST}.")
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        try:
            key = jax.random.wrap_key_data(jnp.asarray(key))  # as jax.random.PRNGKey makes
        except (TypeError, ValueError):
            raise UserError(f"key is {key.dtype}{list(key.shape)}, but {_MUST}.") from None
    if key.ndim > 1 or key.size == 0:
        raise UserError(f"key has the shape {key.shape}, but must be one key, or many in a row.")
    return key
