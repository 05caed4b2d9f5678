"""Resampling a data set by where its images lie in latent space.

Of the latents z_n [D] of the N images (of a VAE, the means of q(z|x)), image n of class c:

(1) Q_cd(b) = B n_cd(b) / n_c      the histogram of latent d over the n_c images of the class:
                                   n_cd(b) lie in bin b of B, which part their range evenly
(2) w_n = prod_d 1 / (Q_cd(b_nd) + alpha)   form "product", b_nd the bin of z_nd
    w_n = max_d  1 / (Q_cd(b_nd) + alpha)   form "max"
(3) p_n = n_c / N  w_n / sum_(m of c) w_m   every class keeps its share
(4) order = the images in which the points (i + u) / N, i = 0..N-1, u ~ U[0, 1), lie when the
    images, class by class, are laid end to end, each p_n long

(1) to (3) are the debiasing of Amini et al. 2019, "Uncovering and mitigating algorithmic bias
through learned latent structure" (AIES), algorithm 1, whose form is "product"; "max" is that of its
authors' course, MIT 6.S191. Q is a density in units of an even spread, which is 1, so that alpha
means the same whatever the unit of a latent: alpha -> 0 favours the rare most, a large alpha
approaches uniform sampling. A latent that is not in use (variance of at most 0.01 over all images)
counts as constant, Q = B for all: what is left of it is noise.

(4) is systematic resampling (Kitagawa 1996): image n is drawn N p_n times, rounded up or down, a
class as often as it has images, give or take one; of uniform p_n every image is drawn once.
"""

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from genjax.distributions import is_active
from genjax.errors import UserError
from genjax.model import Terms

Form = Literal["max", "product"]


def densities(z: jax.Array, labels: jax.Array, num_classes: int, bins: int) -> jax.Array:
    """(1) at every latent: z [N, D] and labels int [N] below `num_classes` -> Q [N, D]."""
    low = jax.ops.segment_min(z, labels, num_classes)[labels]
    width = jax.ops.segment_max(z, labels, num_classes)[labels] - low
    share = (z - low) / jnp.where(width > 0, width, 1.0)
    bin_of = jnp.clip((share * bins).astype(jnp.int32), 0, bins - 1)
    place = (labels[:, None], jnp.arange(z.shape[1]), bin_of)
    counts = jnp.zeros((num_classes, z.shape[1], bins)).at[place].add(1.0)
    return bins * counts[place] / jnp.bincount(labels, length=num_classes)[labels][:, None]


@partial(jax.jit, static_argnames=("num_classes", "form", "bins"))
def probabilities(
    z: jax.Array,
    labels: jax.Array,
    debiased: jax.Array | bool = True,
    *,
    num_classes: int,
    form: Form,
    alpha: float,
    bins: int,
) -> jax.Array:
    """(3): latents [N, D] and labels int [N] below `num_classes` -> p [N], whose sum is 1.

    Where `debiased`, bool [N], is false, w is 1. Computed in logarithms; always finite.
    """
    q = jnp.where(is_active(z), densities(z, labels, num_classes, bins), bins)
    log_terms = -jnp.log(q + alpha)
    log_w = jnp.max(log_terms, axis=1) if form == "max" else jnp.sum(log_terms, axis=1)  # (2)
    log_w = jnp.where(debiased, log_w, 0.0)
    w = jnp.exp(log_w - jax.ops.segment_max(log_w, labels, num_classes)[labels])
    of_class = jax.ops.segment_sum(w, labels, num_classes)[labels]
    return jnp.bincount(labels, length=num_classes)[labels] / len(z) * w / of_class  # (3)


def systematic_order(p: jax.Array, labels: jax.Array, key: jax.Array) -> jax.Array:
    """(4): probabilities [N] of images with labels [N] -> positions int [N], class by class."""
    by_class = jnp.argsort(labels)
    ends = jnp.cumsum(p[by_class])
    points = (jnp.arange(len(p)) + jax.random.uniform(key)) / len(p) * ends[-1]
    drawn = jnp.searchsorted(ends, points, side="right")
    return by_class[jnp.minimum(drawn, len(p) - 1)]


def summary(p: jax.Array) -> Terms:
    """How uneven probabilities [N] are, uniform ones being 1: the greatest and the least of them,
    and the share 1 / (N sum_n p_n^2) of the images that counts (Kish's effective sample size)."""
    return {
        "resampling_greatest": len(p) * jnp.max(p),
        "resampling_least": len(p) * jnp.min(p),
        "resampling_effective": 1 / (len(p) * jnp.sum(p**2)),
    }


def check(alpha: float, bins: int) -> None:
    """Raises `UserError` where (1) or (2) cannot be computed with these."""
    if not 0 <= alpha < np.inf:
        raise UserError(f"alpha is {alpha}, but must be a finite number of at least 0.")
    if bins < 2:
        raise UserError(f"bins is {bins}, but a histogram needs at least 2.")


def check_counts(labels: ArrayLike, bins: int) -> None:
    """Raises `UserError` where a class has fewer images than its histograms have bins."""
    for label, count in zip(*np.unique(np.asarray(labels), return_counts=True), strict=True):
        if count < bins:
            raise UserError(
                f"class {label} has {count} images, fewer than the {bins} bins of its histograms:"
                " choose fewer bins, or give it more images."
            )
