"""Normalisation between layers, chosen by name."""

import math
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

GeneratorNorm = Literal["batch", "conditional", "none"]
Normalization = Literal["batch", "spectral", "none"]
_MOST_GROUPS = 8


class BatchNorm(nn.Module):
    """Normalise each channel by its mean and variance over all other axes.

    This is batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167):

    (1) y = gamma (x - mean) / sqrt(var + epsilon) + beta       algorithm 1
    (2) average <- momentum average + (1 - momentum) statistic, of mean and var

    With `train`, mean and variance are those of x, else their averages. The computation is in
    float32; y has the precision of x.

    With `classes`, one-hot [N, K], gamma and beta are those of each image's class, rows of [K, C]:
    class-conditional batch normalisation (Dumoulin et al. 2017, arXiv:1610.07629, section 2.2;
    of generators Miyato & Koyama 2018, arXiv:1802.05637, section 4).

    The result equals that of flax.linen.BatchNorm, which knows no classes. The means are products,
    which XLA on a CPU computes faster than sums.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, classes: jax.Array | None = None) -> jax.Array:
        features, dtype = (x.shape[-1],), x.dtype
        x = x.astype(jnp.float32)
        shape = features if classes is None else (classes.shape[1], *features)
        gamma = self.param("scale", nn.initializers.ones, shape, jnp.float32)
        beta = self.param("bias", nn.initializers.zeros, shape, jnp.float32)
        if classes is not None:
            gamma, beta = (_select_row(classes, table, x.ndim) for table in (gamma, beta))
        average_mean = self.variable("batch_stats", "mean", jnp.zeros, features, jnp.float32)
        average_var = self.variable("batch_stats", "var", jnp.ones, features, jnp.float32)
        mean, var = average_mean.value, average_var.value
        if train:
            rows = x.reshape(-1, *features)
            mean = _mean_row(rows)
            var = _mean_row((rows - mean) ** 2)
            for average, value in ((average_mean, mean), (average_var, var)):
                average.value = self.momentum * average.value + (1 - self.momentum) * value  # (2)
        y = (x - mean) * (gamma * jax.lax.rsqrt(var + self.epsilon)) + beta  # (1)
        return y.astype(dtype)


def _select_row(classes: jax.Array, table: jax.Array, ndim: int) -> jax.Array:
    """Return the row of every image's class: [N, K], [K, C] -> [N, 1, ..., C]."""
    rows = jnp.matmul(classes.astype(jnp.float32), table, precision=jax.lax.Precision.HIGHEST)
    return rows.reshape(len(rows), *(1,) * (ndim - 2), -1)


def _mean_row(rows: jax.Array) -> jax.Array:
    """Average rows: [N, C] -> [C]."""
    weights = jnp.full(len(rows), 1 / len(rows), rows.dtype)
    return jnp.matmul(weights, rows, precision=jax.lax.Precision.HIGHEST)


class GroupNorm(nn.Module):
    """Normalise each image's channels by mean and variance over all pixels of a group of channels.

    This is group normalisation (Wu & He 2018, arXiv:1803.08494, equation 1), of at most 8 groups:

        y = gamma (x - mean) / sqrt(var + epsilon) + beta

    The computation is in float32; y has the precision of x.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        count, features, dtype = len(x), x.shape[-1], x.dtype
        x = x.astype(jnp.float32)
        gamma = self.param("scale", nn.initializers.ones, (features,), jnp.float32)
        beta = self.param("bias", nn.initializers.zeros, (features,), jnp.float32)
        pixels = x.reshape(count, -1, features)
        means = jnp.stack([jnp.mean(pixels, axis=1), jnp.mean(pixels**2, axis=1)])  # [2, N, C]
        grouped = means.reshape(2, count, math.gcd(features, _MOST_GROUPS), -1)
        mean, square = jnp.broadcast_to(jnp.mean(grouped, 3, keepdims=True), grouped.shape)
        var = jnp.maximum(square - mean**2, 0.0)
        factor = gamma * jax.lax.rsqrt(var + self.epsilon).reshape(count, features)
        offset = beta - factor * mean.reshape(count, features)
        return (x * factor[:, None, None] + offset[:, None, None]).astype(dtype)


def apply_normalized(
    layer: nn.Module,
    x: jax.Array,
    norm: Normalization | GeneratorNorm,
    train: bool,
    momentum: float = 0.9,
    classes: jax.Array | None = None,
) -> jax.Array:
    """Return `layer(x)` under the normalisation of that name, within a compact module.

    "batch" normalises the layer's output by `BatchNorm`, and "conditional" by that of `classes`,
    one-hot [N, K]. "spectral" divides the layer's kernel, as
    a matrix [inputs, outputs], by its largest singular value, which one power iteration for every
    call with `train` finds in float32 (Miyato et al. 2018, arXiv:1802.05957, algorithm 1).
    """
    if norm == "batch":
        return BatchNorm(momentum)(layer(x), train)
    if norm == "conditional":
        return BatchNorm(momentum)(layer(x), train, classes)
    if norm == "spectral":
        return nn.SpectralNorm(layer, dtype=x.dtype)(x, update_stats=train)
    return layer(x)


def without_batch(norm: Normalization | GeneratorNorm) -> Normalization:
    """Return the normalisation at a network's ends, where batch normalisation has no place."""
    return "spectral" if norm == "spectral" else "none"
