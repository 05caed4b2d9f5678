"""Resampling a data set by the density of its latents.

Let z_n [D] be the latents of the N images (for a VAE the means of q(z|x)), and image n of class c:

(1) Q_cd(b) = B n_cd(b) / n_c      the histogram of latent d over the n_c images of the class:
                                   n_cd(b) lie in bin b of B, which divide their range evenly
(2) w_n = prod_d 1 / (Q_cd(b_nd) + alpha)   form "product", b_nd the bin of z_nd
    w_n = max_d  1 / (Q_cd(b_nd) + alpha)   form "max"
    w_n = 1 / (r_n + alpha)                 form "conflict", r_n of (5)
(3) p_n = n_c / N  w_n / sum_(m of c) w_m   every class keeps its share
(4) order = the images in which the points (i + u) / N, i = 0..N-1, u ~ U[0, 1), lie when the
    images, class by class, are laid end to end, each p_n long

(5) r_n = n_c N(z_n; m_c, S_c) / sum_k n_k N(z_n; m_k, S_k)   the probability of the class given the
    latents, with m_k and S_k the mean and the covariance of the latents of class k: quadratic
    discriminant analysis (Hastie et al. 2009, section 4.3)

(1) to (3) are the debiasing of Amini et al. 2019, "Uncovering and mitigating algorithmic bias
through learned latent structure" (AIES), algorithm 1, whose form is "product"; "max" is that of its
authors' course, MIT 6.S191. Q is a density relative to an even spread, whose value is 1, so that
alpha does not depend on the unit of a latent: alpha -> 0 favours rare images most, a large alpha
approaches uniform sampling. A latent that is not in use (variance of at most 0.01 over all images)
is noise, and counts as constant, Q = B for all.

"product" and "max" favour whatever is unusual in its class, slanted digits too. "conflict" asks
more: that the latents look like another class's, as those of a red 7 do where red is the colour of
the 3s. Its weights are bounded: an image with the latents of another class, r = 0, is drawn
(1 + alpha) / alpha times as often as one with those of its own, r = 1.

(4) is systematic resampling (Kitagawa 1996): image n is drawn N p_n times, rounded up or down, and
a class as often as it has images, give or take one. With uniform p_n every image is drawn once.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int32, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.distributions import is_active
from genjax.errors import UserError, check_integer, check_number
from genjax.model import Terms

_JITTER = 1e-4  # on the diagonal of a covariance, so that it has an inverse


def histogram_densities(
    z: Float[Array, "n d"], labels: Int[Array, " n"], num_classes: int, bins: int
) -> Float[Array, "n d"]:
    """Compute the density (1) at every latent of the images; labels are below `num_classes`."""
    low = jax.ops.segment_min(z, labels, num_classes)[labels]
    width = jax.ops.segment_max(z, labels, num_classes)[labels] - low
    share = (z - low) / jnp.where(width > 0, width, 1.0)
    bin_of = jnp.clip((share * bins).astype(jnp.int32), 0, bins - 1)
    place = (labels[:, None], jnp.arange(z.shape[1]), bin_of)
    counts = jnp.zeros((num_classes, z.shape[1], bins), jnp.float32).at[place].add(1.0)
    return bins * counts[place] / _count_classes(labels, num_classes)[labels][:, None]


def class_log_probabilities(
    z: Float[Array, "n d"], labels: Int[Array, " n"], num_classes: int
) -> Float[Array, " n"]:
    """Compute log r, (5), of every image, from standardised latents.

    >>> z = jnp.array([[0.0], [0.1], [5.0], [5.1], [5.0], [0.0]])  # the last is like class 0
    >>> r = jnp.exp(class_log_probabilities(z, jnp.array([0, 0, 1, 1, 1, 1]), 2))
    >>> [round(float(each), 2) for each in r]
    [0.98, 0.98, 1.0, 1.0, 1.0, 0.02]
    """
    z = jnp.where(is_active(z), z / jnp.max(jnp.abs(z), axis=0), 0.0)  # so that no square overflows
    z = (z - jnp.mean(z, axis=0)) / (jnp.std(z, axis=0) + 1e-6)
    counts = _count_classes(labels, num_classes)
    loc = jax.ops.segment_sum(z, labels, num_classes) / jnp.maximum(counts, 1.0)[:, None]

    def log_joint(k: jax.Array) -> jax.Array:
        """Compute log n_k N(z; m_k, S_k), but for a constant."""
        apart = z - loc[k]
        own = jnp.where((labels == k)[:, None], apart, 0.0)
        covariance = own.T @ own / jnp.maximum(counts[k], 1.0) + _JITTER * jnp.eye(z.shape[1])
        root = jnp.linalg.cholesky(covariance)
        scaled = jax.scipy.linalg.solve_triangular(root, apart.T, lower=True)
        log_volume = jnp.sum(jnp.log(jnp.diagonal(root)))
        return jnp.log(counts[k]) - jnp.sum(scaled**2, axis=0) / 2 - log_volume

    each = jax.lax.map(log_joint, jnp.arange(num_classes))
    return jax.nn.log_softmax(each, axis=0)[labels, jnp.arange(len(z))]


@partial(jax.jit, static_argnames=("num_classes", "form", "bins"))
def probabilities(
    z: jax.Array,
    labels: jax.Array,
    debiased: jax.Array | bool = True,
    *,
    num_classes: int,
    form: str,
    alpha: float | jax.Array,
    bins: int,
) -> jax.Array:
    """Compute (3) from latents [N, D] and labels int [N] below `num_classes`: p [N] of sum 1.

    w is 1 for images that are not `debiased`, bool [N]. The logarithms of the weights are used, so
    that the result is always finite.

    >>> z = jnp.array([[0.0], [0.1], [0.0], [5.0]])  # the last is rare
    >>> p = probabilities(z, jnp.zeros(4, int), num_classes=1, form="max", alpha=0.1, bins=2)
    >>> (100 * p).round()
    Array([18., 18., 18., 47.], dtype=float32)
    """
    if form == "conflict":
        log_r = class_log_probabilities(z, labels, num_classes)  # (5)
        log_w = -jnp.logaddexp(log_r, jnp.log(alpha))  # (2)
    else:
        q = jnp.where(is_active(z), histogram_densities(z, labels, num_classes, bins), bins)
        log_terms = -jnp.log(q + alpha)
        log_w = jnp.max(log_terms, axis=1) if form == "max" else jnp.sum(log_terms, axis=1)  # (2)
    log_w = jnp.where(debiased, log_w, 0.0)
    w = jnp.exp(log_w - jax.ops.segment_max(log_w, labels, num_classes)[labels])
    of_class = jax.ops.segment_sum(w, labels, num_classes)[labels]
    return _count_classes(labels, num_classes)[labels] / len(z) * w / of_class  # (3)


def _count_classes(labels: jax.Array, num_classes: int) -> jax.Array:
    """Return n_c as float32 [num_classes]."""
    return jnp.bincount(labels, length=num_classes).astype(jnp.float32)


def systematic_order(
    p: Float[Array, " n"], labels: Int[Array, " n"], key: PRNGKeyArray
) -> Int32[Array, " n"]:
    """Draw the order (4) by the probabilities `p`: positions of images, class by class.

    >>> systematic_order(jnp.array([0.5, 0.25, 0.25, 0.0]), jnp.zeros(4, int), jax.random.key(0))
    Array([0, 0, 1, 2], dtype=int32)
    """
    by_class = jnp.argsort(labels).astype(jnp.int32)
    ends = jnp.cumsum(p[by_class])
    u = jax.random.uniform(key, (), jnp.float32)
    points = (jnp.arange(len(p)) + u) / len(p) * ends[-1]
    drawn = jnp.searchsorted(ends, points, side="right")
    return by_class[jnp.minimum(drawn, len(p) - 1)]


def summarise_probabilities(p: Float[Array, " n"]) -> Terms:
    """Measure how uneven probabilities are; each term is 1 for uniform ones.

    The terms are N times the greatest and the least, and the effective sample size
    1 / sum_n p_n^2 (Kish) as a share of N.
    """
    return {
        "resampling_greatest": len(p) * jnp.max(p),
        "resampling_least": len(p) * jnp.min(p),
        "resampling_effective": 1 / (len(p) * jnp.sum(p**2)),
    }


def check_histogram(alpha: float, bins: int) -> None:
    """Raise `UserError` where (1) or (2) cannot be computed with these."""
    check_number(alpha, "alpha", least=0)
    check_integer(bins, "bins", least=2)


def check_counts(labels: ArrayLike, bins: int) -> None:
    """Raise `UserError` where a class has fewer images than its histograms have bins."""
    for label, count in zip(*np.unique(np.asarray(labels), return_counts=True), strict=True):
        if count < bins:
            raise UserError(
                f"class {label} has {count} images, fewer than the {bins} bins of its histograms:"
                " choose fewer bins, or give it more images."
            )
