"""Adversarial losses and gradient penalties, on scores.

A score is the discriminator's output before any sigmoid. r is the score of a real image, f that of
a generated one, and s(a) = log(1 + e^a) the softplus. With D = sigmoid(score), -log D = s(-score)
and -log(1 - D) = s(score), so that no logarithm of zero occurs. Discriminator and generator each
minimise the mean of their loss over the batch.

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
3; (6) Jolicoeur-Martineau 2018, arXiv:1807.00734, where, as in R3GAN (Huang et al. 2025,
arXiv:2501.05441), each real image is paired with one generated image.

Penalties of the discriminator, on the gradient of its score with respect to an image. The squares
are summed over height, width and channels, never averaged:

(7) weight * (|grad score(x')| - 1)^2,  x' = u x + (1 - u) x~, with one u ~ U[0, 1] for each image
                                        Gulrajani et al. 2017, arXiv:1704.00028, equation 3
(8) gamma / 2 * |grad score(x)|^2       R1 on real images x, R2 on generated ones
                                        Mescheder et al. 2018, arXiv:1801.04406, equations 9, 10
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import jax
import jax.numpy as jnp
from jax.nn import relu
from jaxtyping import Array, Float

from genjax.distributions import sum_event
from genjax.errors import OneOf, check_new_name
from genjax.nn.softplus import softplus

Score = Callable[[jax.Array], jax.Array]  # images [B, H, W, C] -> [B]


@dataclass(frozen=True)
class Adversarial:
    """The losses of discriminator and generator, and what is known of their scores.

    Attributes:
        discriminator: (scores of real images [B], of generated images [B]) -> losses [B].
        generator: the same for the generator.
        indifferent: the score that a discriminator gives every image if it cannot tell them apart;
            None where no score means that. The loss there is the level of chance.
        scores_are_logits: whether the sigmoid of a score is the probability that an image is real.
        needs_bounded_slope: whether the loss is unbounded unless the score's slope is limited.
        formulas: the two losses as text, with r, f and s as above; empty for none.
    """

    discriminator: Callable[[jax.Array, jax.Array], jax.Array]
    generator: Callable[[jax.Array, jax.Array], jax.Array]
    indifferent: float | None = 0.0
    scores_are_logits: bool = False
    needs_bounded_slope: bool = False
    formulas: tuple[str, str] = ("", "")


ADVERSARIAL: dict[str, Adversarial] = {
    "minimax": Adversarial(  # (1)
        lambda r, f: softplus(-r) + softplus(f),
        lambda r, f: -softplus(f),
        scores_are_logits=True,
        formulas=("s(-r) + s(f)", "-s(f)"),
    ),
    "non_saturating": Adversarial(  # (2)
        lambda r, f: softplus(-r) + softplus(f),
        lambda r, f: softplus(-f),
        scores_are_logits=True,
        formulas=("s(-r) + s(f)", "s(-f)"),
    ),
    "least_squares": Adversarial(  # (3)
        lambda r, f: ((r - 1) ** 2 + f**2) / 2,
        lambda r, f: (f - 1) ** 2 / 2,
        indifferent=0.5,
        formulas=("(r - 1)^2 / 2 + f^2 / 2", "(f - 1)^2 / 2"),
    ),
    "hinge": Adversarial(  # (4)
        lambda r, f: relu(1 - r) + relu(1 + f),
        lambda r, f: -f,
        formulas=("max(0, 1 - r) + max(0, 1 + f)", "-f"),
    ),
    "wasserstein": Adversarial(  # (5)
        lambda r, f: f - r,
        lambda r, f: -f,
        indifferent=None,
        needs_bounded_slope=True,
        formulas=("f - r", "-f"),
    ),
    "relativistic": Adversarial(  # (6)
        lambda r, f: softplus(f - r),
        lambda r, f: softplus(r - f),
        formulas=("s(f - r)", "s(r - f)"),
    ),
}
_SHIPPED = frozenset(ADVERSARIAL)
LossName = Annotated[str, OneOf(ADVERSARIAL)]


def register_loss(name: str, loss: Adversarial) -> None:
    """Register an adversarial loss, which every GAN then takes as its field `loss`.

    A weight file records the name alone: register the loss before loading it elsewhere.

    >>> register_loss("example", Adversarial(lambda r, f: jnp.tanh(f - r), lambda r, f: -f))
    >>> ADVERSARIAL.pop("example").indifferent
    0.0
    """
    check_new_name(name, _SHIPPED, "an adversarial loss")
    ADVERSARIAL[name] = loss


def squared_gradient(score: Score, images: Float[Array, "b h w c"]) -> Float[Array, " b"]:
    """Compute |grad score|^2 at each of the images.

    >>> squared_gradient(lambda x: 3 * x.sum((1, 2, 3)), jnp.ones((2, 4, 1, 1)))
    Array([36., 36.], dtype=float32)
    """
    return sum_event(jax.grad(lambda x: jnp.sum(score(x)))(images) ** 2)


def zero_centred_penalty(
    score: Score, images: Float[Array, "b h w c"], gamma: Float[Array, ""] | float
) -> Float[Array, " b"]:
    """Compute (8): R1 on real images, R2 on generated ones."""
    return gamma / 2 * squared_gradient(score, images)


def one_centred_penalty(
    score: Score,
    real: Float[Array, "b h w c"],
    fake: Float[Array, "b h w c"],
    weight: float,
    u: Float[Array, " b"],
) -> Float[Array, " b"]:
    """Compute (7) between real and generated images, at the shares u of the real ones."""
    u = u[:, None, None, None]
    between = u * real + (1 - u) * fake
    # the root's derivative is infinite at 0
    return weight * (jnp.sqrt(squared_gradient(score, between) + 1e-12) - 1) ** 2
