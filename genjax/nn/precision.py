"""Mixed precision: networks compute in bfloat16, and their weights are float32.

The method is that of Micikevicius et al. 2018 (arXiv:1710.03740). bfloat16 has float32's range, so
that no loss has to be scaled (Kalamkar et al. 2019, arXiv:1905.12322).

(1) y = float32(f(b(weights), b(x)))     a network f; b rounds to `Model.compute_dtype`
(2) d loss / d weights                   float32, through b as if b were the identity

Weights, statistics, optimizers, averages and losses stay float32, and so do the sums over a batch
within f. A sum in bfloat16, which has 8 binary digits, stops growing at about 256 times the size of
its terms. XLA sums products and convolutions in float32, but not the gradient of an array that is
broadcast over the batch. So `add_bias` adds in float32, and `genjax.nn.normalization` computes in
float32 (docs/notes/precision.md).
"""

from contextlib import AbstractContextManager
from typing import Any, Literal

import jax
import jax.numpy as jnp

ComputeDtype = Literal["float32", "bfloat16"]


def single_precision() -> AbstractContextManager[Any]:
    """Return a context in which jax computes in float32, whatever JAX_ENABLE_X64 says.

    >>> with single_precision():
    ...     jnp.zeros(2, float).dtype
    dtype('float32')
    """
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(False)
    from jax.experimental import disable_x64  # type: ignore[attr-defined]  # before jax 0.8

    return disable_x64()


def cast(tree: Any, dtype: ComputeDtype) -> Any:
    """Round the floating-point arrays of `tree` to `dtype`: b of (1).

    >>> cast({"x": jnp.ones(2), "label": jnp.arange(2)}, "bfloat16")["x"].dtype
    dtype(bfloat16)
    """
    return jax.tree.map(
        lambda leaf: leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, tree
    )


def add_bias(y: jax.Array, bias: jax.Array | int, dtype: jnp.dtype) -> jax.Array:
    """Add bias [F] to y [N, ..., F] in float32, as is the bias's gradient; return it in `dtype`."""
    y, bias = cast((y, jnp.asarray(bias)), "float32")
    return (y + bias).astype(dtype)
