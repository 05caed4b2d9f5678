"""Normalisation between layers, chosen by name."""

import math
from functools import partial
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

GeneratorNorm = Literal["batch", "conditional", "none"]
Normalization = Literal["batch", "spectral", "none"]
_MOST_GROUPS = 8
_MANY_ROWS, _PARTS = 512, 64  # of sums on a GPU


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

    The result equals that of flax.linen.BatchNorm, which knows no classes. With n = (x - mean) /
    sqrt(var + epsilon), the gradients are those of section 3, written with two sums. As those of
    convolutions they hold in reverse mode, to any depth, and JAX refuses `jax.jvp`:

    (3) d beta = sum dy,    d gamma = sum n dy
    (4) dx = (gamma dy - mean(gamma dy) - n mean(gamma n dy)) / sqrt(var + epsilon)
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
            gamma, beta = (_select_row(classes, table) for table in (gamma, beta))
        rows = x.reshape(*gamma.shape[:-2], -1, *features)
        average_mean = self.variable("batch_stats", "mean", jnp.zeros, features, jnp.float32)
        average_var = self.variable("batch_stats", "var", jnp.ones, features, jnp.float32)
        mean, var = average_mean.value, average_var.value
        if train:
            y, mean, var = _normalize(self.epsilon, rows, gamma, beta)
            for average, value in ((average_mean, mean), (average_var, var)):
                average.value = self.momentum * average.value + (1 - self.momentum) * value  # (2)
        else:
            y = _scale(rows, mean, jax.lax.rsqrt(var + self.epsilon), gamma, beta)
        return y.reshape(x.shape).astype(dtype)


def _select_row(classes: jax.Array, table: jax.Array) -> jax.Array:
    """Return the row of every image's class: [N, K], [K, C] -> [N, 1, C]."""
    rows = jnp.matmul(classes.astype(jnp.float32), table, precision=jax.lax.Precision.HIGHEST)
    return rows[:, None]


def _scale(rows: Any, mean: Any, factor: Any, gamma: Any, beta: Any) -> jax.Array:
    return (rows - mean) * (gamma * factor) + beta  # (1)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _normalize(
    epsilon: float, rows: jax.Array, gamma: jax.Array, beta: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Compute (1), with the mean and the variance, through which no gradient flows.

    `rows` are [S, C] with gamma and beta [C], or [N, S, C] with [N, 1, C].
    """
    return _normalize_forward(epsilon, rows, gamma, beta)[0]


def _normalize_forward(epsilon: float, rows: jax.Array, gamma: jax.Array, beta: jax.Array) -> Any:
    flat = rows.reshape(-1, rows.shape[-1])
    mean = _sum_rows(flat) / len(flat)
    var = _sum_rows((flat - mean) ** 2) / len(flat)
    factor = jax.lax.rsqrt(var + epsilon)
    return (_scale(rows, mean, factor, gamma, beta), mean, var), (rows, mean, factor, gamma)


def _normalize_backward(epsilon: float, kept: Any, gradients: Any) -> Any:
    rows, mean, factor, gamma = kept
    dy, *_ = gradients
    normal = (rows - mean) * factor
    d_beta, d_gamma = _sum_rows(dy), _sum_rows(normal * dy)  # (3)
    of_all = [jnp.sum(gamma * each, axis=range(gamma.ndim - 1)) for each in (d_beta, d_gamma)]
    level, slope = (each * gamma.shape[-1] / rows.size for each in of_all)
    return factor * (gamma * dy - level - normal * slope), d_gamma, d_beta  # (4)


_normalize.defvjp(_normalize_forward, _normalize_backward)


def _sum_rows(rows: jax.Array) -> jax.Array:
    """Sum rows: [S, C] -> [C], and [N, S, C] -> [N, 1, C]."""
    forms = {"cpu": _multiply_ones, "cuda": _add_parts}
    return jax.lax.platform_dependent(rows, default=_add, **forms)


def _multiply_ones(rows: jax.Array) -> jax.Array:
    """Compute the sums as a product, which XLA on a CPU computes faster."""
    ones = jnp.ones((*(1,) * (rows.ndim - 2), rows.shape[-2]), rows.dtype)
    return jnp.matmul(ones, rows, precision=jax.lax.Precision.HIGHEST)


def _add_parts(rows: jax.Array) -> jax.Array:
    """Sum many rows in parts first.

    XLA would join their sum with all that reads them, in one kernel on a few of a GPU's cores.
    """
    if rows.ndim > 2 or len(rows) < _MANY_ROWS:
        return _add(rows)
    parts = rows.reshape(math.gcd(len(rows), _PARTS), -1, rows.shape[1])
    return _add(jax.lax.optimization_barrier(_add(parts)[:, 0]))


def _add(rows: jax.Array) -> jax.Array:
    return jnp.sum(rows, axis=-2, keepdims=rows.ndim > 2)


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
