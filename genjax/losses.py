"""Adversarial losses and gradient penalties, on scores: what the discriminator gives, before any
sigmoid.

r is the score of a real image, f that of a generated one, s(a) = log(1 + e^a), the softplus, so
that with D = sigmoid(score), -log D = s(-score) and -log(1 - D) = s(score): no logarithm of zero.
Each player minimises the mean of its loss over the batch.

                        discriminator                     generator
(1) minimax             s(-r) + s(f)                      -s(f)
(2) non-saturating      as (1)                            s(-f)
(3) least squares       (r - 1)^2 / 2 + f^2 / 2           (f - 1)^2 / 2
(4) hinge               max(0, 1 - r) + max(0, 1 + f)     -f
(5) Wasserstein         f - r                             -f
(6) relativistic        s(-(r - f))                       s(-(f - r))

(1), (2) Goodfellow et al. 2014, arXiv:1406.2661, equation 1 and the end of section 3; (3) Mao et
al. 2017, arXiv:1611.04076, equation 9; (4) Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018,
arXiv:1802.05957, equations 16 and 17; (5) Arjovsky et al. 2017, arXiv:1701.07875, equations 2 and
3; (6) Jolicoeur-Martineau 2018, arXiv:1807.00734; as in R3GAN, Huang et al. 2025,
arXiv:2501.05441, a real and a generated image to a pair.

Penalties of the discriminator, on the gradient of its score in an image; the squares are summed
over height, width and channels, never averaged:

(7) weight * (|grad score(x')| - 1)^2,  x' = u x + (1 - u) x~, u ~ U[0, 1] an image
                                        Gulrajani et al. 2017, arXiv:1704.00028, equation 3
(8) gamma / 2 * |grad score(x)|^2       R1 on real images x, R2 on generated ones
                                        Mescheder et al. 2018, arXiv:1801.04406, equations 9, 10
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import relu, softplus

from genjax.distributions import sum_event

Name = Literal["minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic"]
Score = Callable[[jax.Array], jax.Array]  # images [B, H, W, C] -> [B]


class Adversarial(NamedTuple):
    """Both players' losses: scores of real and of generated images, [B] each -> [B].

    `indifferent` is the score that a discriminator gives to everything if it cannot tell.
    """

    discriminator: Callable[[jax.Array, jax.Array], jax.Array]
    generator: Callable[[jax.Array, jax.Array], jax.Array]
    indifferent: float = 0.0


ADVERSARIAL: dict[str, Adversarial] = {
    "minimax": Adversarial(  # (1)
        lambda r, f: softplus(-r) + softplus(f),
        lambda r, f: -softplus(f),
    ),
    "non_saturating": Adversarial(  # (2)
        lambda r, f: softplus(-r) + softplus(f),
        lambda r, f: softplus(-f),
    ),
    "least_squares": Adversarial(  # (3)
        lambda r, f: ((r - 1) ** 2 + f**2) / 2,
        lambda r, f: (f - 1) ** 2 / 2,
        indifferent=0.5,
    ),
    "hinge": Adversarial(  # (4)
        lambda r, f: relu(1 - r) + relu(1 + f),
        lambda r, f: -f,
    ),
    "wasserstein": Adversarial(  # (5)
        lambda r, f: f - r,
        lambda r, f: -f,
    ),
    "relativistic": Adversarial(  # (6)
        lambda r, f: softplus(f - r),
        lambda r, f: softplus(r - f),
    ),
}


def squared_gradient(score: Score, images: jax.Array) -> jax.Array:
    """|grad score|^2 at each of the images [B, H, W, C]: [B]."""
    return sum_event(jax.grad(lambda x: jnp.sum(score(x)))(images) ** 2)


def zero_centred_penalty(score: Score, images: jax.Array, gamma: float) -> jax.Array:
    """(8): R1 on real images [B, H, W, C], R2 on generated ones: [B]."""
    return gamma / 2 * squared_gradient(score, images)


def one_centred_penalty(
    score: Score, real: jax.Array, fake: jax.Array, weight: float, u: jax.Array
) -> jax.Array:
    """(7), between real and generated images [B, H, W, C] at the shares u [B]: [B]."""
    u = u[:, None, None, None]
    between = u * real + (1 - u) * fake
    # the root's derivative is infinite at 0
    return weight * (jnp.sqrt(squared_gradient(score, between) + 1e-12) - 1) ** 2
