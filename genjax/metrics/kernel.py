"""Kernel distance between two sets of images (KID), in the features of a network.

(1) k(x, y) = (x.y / D + 1)^3                              features x, y in R^D
(2) MMD^2   = sum_{i != j} k(x_i, x_j) / n(n-1) + sum_{i != j} k(y_i, y_j) / n(n-1)
              - 2 sum_ij k(x_i, y_j) / n^2                 of n features of either set
(3) KID     = the mean of (2) over subsets of n = 1,000, drawn without replacement; beside it the
              standard deviation over the subsets
          Binkowski et al. 2018, arXiv:1801.01401, section 4 (k, KID); Gretton et al. 2012, JMLR 13,
          equation 3 (the unbiased estimator)

(2) is unbiased: of two sets of one distribution it is 0 in the mean, so it may be below 0, and
unlike the Frechet distance it does not fall with the number of images. The figure depends on the
network. Here that is the classifier of genjax.metrics.classifiers and not Inception: compare it only
with figures of the same classifier.
"""

from functools import partial

import jax
import jax.numpy as jnp

SUBSETS = 100
SUBSET_SIZE = 1000


def polynomial_kernel(x: jax.Array, y: jax.Array) -> jax.Array:
    """(1): features [N, D] and [M, D] -> [N, M]."""
    return (x @ y.T / x.shape[1] + 1.0) ** 3


def squared_mmd(x: jax.Array, y: jax.Array) -> jax.Array:
    """(2): features [N, D] of either set, N at least 2 -> a scalar."""
    num = len(x)

    def within(x: jax.Array) -> jax.Array:
        kernel = polynomial_kernel(x, x)
        return (jnp.sum(kernel) - jnp.trace(kernel)) / (num * (num - 1))

    return within(x) + within(y) - 2.0 * jnp.mean(polynomial_kernel(x, y))  # (2)


@partial(jax.jit, static_argnames=("num_subsets", "subset_size"))
def kernel_distance(
    x: jax.Array,
    y: jax.Array,
    key: jax.Array,
    num_subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
) -> tuple[jax.Array, jax.Array]:
    """(3): features [N, D] and [M, D], each at least 2 -> mean and standard deviation of (2).

    Where a set is smaller than `subset_size`, so are the subsets.
    """
    size = min(subset_size, len(x), len(y))

    def of_subset(key: jax.Array) -> jax.Array:
        key_x, key_y = jax.random.split(key)
        some_x = jax.random.choice(key_x, x, (size,), replace=False)
        return squared_mmd(some_x, jax.random.choice(key_y, y, (size,), replace=False))

    distances = jax.lax.map(of_subset, jax.random.split(key, num_subsets))
    return jnp.mean(distances), jnp.std(distances)  # (3)
