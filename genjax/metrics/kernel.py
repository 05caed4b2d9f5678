"""Kernel distance between two sets of images (KID), in the features of a network.

(1) k(x, y) = (x.y / D + 1)^3                              features x, y in R^D
(2) MMD^2   = sum_{i != j} k(x_i, x_j) / n(n-1) + sum_{i != j} k(y_i, y_j) / n(n-1)
              - 2 sum_ij k(x_i, y_j) / n^2                 of n features of either set
(3) KID     = the mean of (2) over subsets of n = 1,000, drawn without replacement; beside it the
              standard deviation over the subsets
          Binkowski et al. 2018, arXiv:1801.01401, section 4 (k, KID); Gretton et al. 2012, JMLR 13,
          equation 3 (the unbiased estimator)

(2) is unbiased: of two sets of one distribution it is 0 in the mean, so it may be below 0, and
unlike the Frechet distance it does not fall with the number of images. It depends on the network,
here the classifier of genjax.metrics.classifiers and not Inception: compare it only with values
from the same classifier.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.metrics.coverage import check_points

SUBSETS = 100
SUBSET_SIZE = 1000


def polynomial_kernel(x: jax.Array, y: jax.Array) -> jax.Array:
    """Compute (1): features [N, D] and [M, D] -> [N, M]."""
    return (x @ y.T / x.shape[1] + 1.0) ** 3


def squared_mmd(x: jax.Array, y: jax.Array) -> jax.Array:
    """Compute (2), a scalar: features [N, D] of either set, N at least 2."""
    num = len(x)

    def within(x: jax.Array) -> jax.Array:
        kernel = polynomial_kernel(x, x)
        return (jnp.sum(kernel) - jnp.trace(kernel)) / (num * (num - 1))

    return within(x) + within(y) - 2.0 * jnp.mean(polynomial_kernel(x, y))  # (2)


def kernel_distance(
    x: ArrayLike,
    y: ArrayLike,
    key: PRNGKeyArray,
    num_subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Compute the kernel distance (3): mean and standard deviation over subsets.

    Args:
        x: features [N, D].
        y: features [M, D].
        key: draws the subsets.
        num_subsets: how many.
        subset_size: n; where a set is smaller, so are the subsets.

    Raises:
        UserError: where a set has fewer than 2 features, or one is not finite.

    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> mean, deviation = kernel_distance(x, x + 1, jax.random.key(0), num_subsets=3)
    >>> bool(mean > 1)
    True
    """
    x, y = check_points(x, "features", 2), check_points(y, "features", 2)
    return _kernel_distance(x, y, key, num_subsets, min(subset_size, len(x), len(y)))


@partial(jax.jit, static_argnames=("num_subsets", "size"))
def _kernel_distance(
    x: jax.Array, y: jax.Array, key: jax.Array, num_subsets: int, size: int
) -> tuple[jax.Array, jax.Array]:
    def measure_subset(key: jax.Array) -> jax.Array:
        key_x, key_y = jax.random.split(key)
        some_x = jax.random.choice(key_x, x, (size,), replace=False)
        return squared_mmd(some_x, jax.random.choice(key_y, y, (size,), replace=False))

    distances = jax.lax.map(measure_subset, jax.random.split(key, num_subsets))
    return jnp.mean(distances), jnp.std(distances)  # (3)
