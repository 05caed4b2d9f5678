"""Mixed precision: networks that compute in bfloat16 with weights in float32 (Micikevicius et al.
2018, arXiv:1710.03740; bfloat16 has float32's range, so that no loss has to be scaled: Kalamkar et
al. 2019, arXiv:1905.12322).

(1) y = float32(f(b(weights), b(x)))     a network f; b rounds to `Model.compute_dtype`
(2) d loss / d weights                   float32, through b as if b were the identity

Weights, statistics, optimizers, averages and losses stay float32, and so do the sums over a batch
within f. With its 8 binary digits a sum in bfloat16 stops growing at some 256 times what is added:
on a CPU, XLA makes 1,024 of 100,352 numbers that sum to 50,230. It sums a product or a convolution
in float32, but not the gradient of what is broadcast over the batch. Hence `biased`; and
`genjax.nn.normalization` computes in float32.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp

ComputeDtype = Literal["float32", "bfloat16"]


def cast(tree: Any, dtype: ComputeDtype) -> Any:
    """b of (1): `tree` with its arrays of floating-point numbers in `dtype`."""
    return jax.tree.map(
        lambda leaf: leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, tree
    )


def biased(y: jax.Array, bias: jax.Array | int, dtype: jnp.dtype) -> jax.Array:
    """y [N, ..., F] + bias [F] in `dtype`, added in float32, and so is the bias's gradient."""
    y, bias = cast((y, jnp.asarray(bias)), "float32")
    return (y + bias).astype(dtype)
