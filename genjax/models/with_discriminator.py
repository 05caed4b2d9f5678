"""Models with a discriminator: its losses, its penalties, and the signs of a failing training.

(1) r, f   = S(x), S(x~)              scores of real and of generated images, in [-1, 1]
(2) L_D    = E[loss_D(r, f)] + penalties        over the discriminator's weights alone
(3) L_G    = E[loss_G(r, f)]                    over the generator's weights alone
(4) S(x, y) = s_0(x) + s_y(x)         of a model that knows classes, s the outputs of the last
                                      layer: the projection of Miyato & Koyama 2018,
                                      arXiv:1802.05637, section 3
(5) gamma(t) = gamma (e + (1 - e) (1 + cos(pi t)) / 2)      of R1 and R2, at the share t of the
                                      training, e the field `penalty_end` (R3GAN's schedule)

loss_D, loss_G and the penalties are those of `genjax.losses`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from genjax import losses
from genjax.errors import UserError
from genjax.model import Model, Params, Terms, TrainingWarning
from genjax.model.schedule import follow_cosine
from genjax.models.adversarial_watch import derive_overfitting, list_warnings, measure_diversity
from genjax.models.outputs import average_patches, select_score
from genjax.nn.normalization import Normalization


class Scored(NamedTuple):
    """Images [B, H, W, C] in [-1, 1] and their scores [B], or those of patches, [B, patches]."""

    images: jax.Array
    scores: jax.Array


class AdversarialLosses(NamedTuple):
    """The losses (2) and (3), and terms to watch."""

    discriminator: jax.Array
    generator: jax.Array
    terms: Terms


@dataclass(frozen=True)
class WithDiscriminator(Model):
    """A model with a discriminator, a network that tells generated images from real ones.

    A subclass gives `discriminator`, and puts it among its `networks`.

    Attributes:
        loss: adversarial loss: minimax, non_saturating, least_squares, hinge, wasserstein,
            relativistic, or one registered by register_loss.
        gradient_penalty: weight of WGAN-GP's penalty on the critic's gradient.
        r1: weight gamma of the R1 penalty (the discriminator's gradient at real images).
        r2: weight gamma of the R2 penalty (the discriminator's gradient at generated images).
        penalty_end: factor of r1 and r2 at the end of the training, to which they go along half a
            cosine; R3GAN takes 0.1.
        discriminator_norm: normalisation between the discriminator's layers.
    """

    loss: losses.LossName = "non_saturating"
    gradient_penalty: float = 0.0
    r1: float = 0.0
    r2: float = 0.0
    penalty_end: float = 1.0
    discriminator_norm: Normalization = "none"

    def check(self) -> None:
        super().check()
        for name in ("gradient_penalty", "r1", "r2", "penalty_end"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}, but must be at least 0.")
        if self.has_penalty and self.discriminator_norm == "batch":
            raise UserError(
                "gradient_penalty, r1 and r2 need a discriminator that scores every image by"
                " itself: set discriminator_norm to none or spectral."
            )
        bounded = self.gradient_penalty or self.discriminator_norm == "spectral"
        if losses.ADVERSARIAL[self.loss].needs_bounded_slope and not bounded:
            raise UserError(
                f"the {self.loss} loss has no bound unless the critic's slope has one: set"
                " gradient_penalty to 10 with discriminator_norm none, or discriminator_norm to"
                " spectral."
            )

    def equations(self) -> list[tuple[str, str]]:
        of_d, of_g = losses.ADVERSARIAL[self.loss].formulas
        penalties = {
            "r1 / 2 |grad S(x)|^2": self.r1,
            "r2 / 2 |grad S(x~)|^2": self.r2,
            "w (|grad S(x')| - 1)^2": self.gradient_penalty,
        }
        penalties = {formula: weight for formula, weight in penalties.items() if weight}
        kind = self.loss.replace("_", "-")
        terms = [("r = S(x),   f = S(x~)", "scores of real and of generated images, no sigmoid")]
        if "s(" in of_d + of_g:
            terms += [("s(a) = log(1 + e^a)", "softplus: with D = sigmoid(S), s(-r) = -log D(x)")]
        for formula, weight in penalties.items():
            name = {"w": "gradient penalty"}.get(formula[0], f"{formula[:2].upper()} penalty")
            ends = f", falling to {weight * self.penalty_end:g}" if self.penalty_end != 1 else ""
            ends = "" if formula[0] == "w" else ends
            terms += [(formula, f"{name}, {formula.split()[0]} = {weight:g}{ends}")]
        return [
            (
                f"L_D = E[{' + '.join([of_d or 'loss_D(r, f)', *penalties])}]",
                f"discriminator, {kind}",
            ),
            (f"L_G = E[{of_g or 'loss_G(r, f)'}]", f"generator, {kind}"),
            *terms,
        ]

    @property
    def has_penalty(self) -> bool:
        """Whether the discriminator's gradient is penalised."""
        return bool(self.gradient_penalty or self.r1 or self.r2)

    def discriminator(self) -> nn.Module:
        """Return S: images [N, H, W, C] in [-1, 1] -> scores [N, 1], or s of (4), [N, 1 + K]."""
        raise NotImplementedError

    def score(
        self,
        params: Params,
        images: Float[Array, "n h w c"],
        labels: Int[Array, " n"] | None = None,
    ) -> Float[Array, " n"]:
        """Score images in [0, 1], (1), as images of the classes `labels`, (4)."""
        outputs = self.apply_discriminator(params, 2 * images - 1)
        return average_patches(self.select_score(outputs, labels))

    def apply_discriminator(
        self, params: Params, images: Float[Array, "n h w c"]
    ) -> Float[Array, "n ... k"]:
        """Return the discriminator's outputs for images in [-1, 1], s of (4)."""
        return self.apply(params, "discriminator", images)

    def chance_levels(self) -> dict[str, float]:
        """Return the values of terms where the discriminator scores every image alike.

        A Wasserstein critic's loss has none: the scores have no scale. Of the relativistic loss,
        which compares scores, the mean outputs have none.

        >>> from genjax import GAN, models
        >>> {name: round(level, 3) for name, level in GAN().chance_levels().items()}
        {'discriminator_loss': 1.386, 'D(x)': 0.5, 'D(G(z))': 0.5, 'generator_loss': 0.693}
        """
        loss = losses.ADVERSARIAL[self.loss]
        if loss.indifferent is None:
            return {}
        even, other = jnp.float32(loss.indifferent), jnp.float32(loss.indifferent + 10)
        at_even = float(loss.discriminator(even, even))
        # a score without a slope pays the one-centred penalty, and no other
        levels = {"discriminator_loss": at_even + self.gradient_penalty}
        if float(loss.discriminator(other, other)) != at_even:
            output = float(jax.nn.sigmoid(even) if loss.scores_are_logits else even)
            levels |= {"D(x)": output, "D(G(z))": output}
        return levels

    def select_score(
        self, outputs: Float[Array, "n ... k"], labels: Int[Array, " n"] | None
    ) -> Float[Array, "n ..."]:
        """Return the scores (4) of the discriminator's outputs for classes `labels`."""
        return select_score(outputs, labels)

    def adversarial_losses(
        self,
        params: Params,
        real: Scored,
        fake: Scored,
        u: Float[Array, " b"],
        key: PRNGKeyArray,
        labels: Int[Array, " b"] | None = None,
        progress: Float[Array, ""] | float = 1.0,
    ) -> AdversarialLosses:
        """Compute (2), (3) and terms to watch.

        u are the shares of the real images in those of the gradient penalty, `labels` the classes
        of both batches, `key` is for dropout in the penalties, and `progress` the share of the
        training that is done.
        """
        loss, r, f = losses.ADVERSARIAL[self.loss], real.scores, fake.scores
        adversarial = jnp.mean(loss.discriminator(r, f))
        penalty = jnp.mean(self.penalty(params, real.images, fake.images, u, key, labels, progress))
        output = jax.nn.sigmoid if loss.scores_are_logits else lambda s: s
        terms = {"D(x)": jnp.mean(output(r)), "D(G(z))": jnp.mean(output(f))}
        if loss.indifferent is not None:
            even = jnp.float32(loss.indifferent)
            terms["D_loss_share"] = adversarial / loss.discriminator(even, even)
        if self.has_penalty:
            terms["penalty"] = penalty
        return AdversarialLosses(adversarial + penalty, jnp.mean(loss.generator(r, f)), terms)

    def penalty(
        self,
        params: Params,
        real: Float[Array, "b h w c"],
        fake: Float[Array, "b h w c"],
        u: Float[Array, " b"],
        key: PRNGKeyArray,
        labels: Int[Array, " b"] | None = None,
        progress: Float[Array, ""] | float = 1.0,
    ) -> Float[Array, " b"]:
        """Compute the penalties of (2) for real and generated images in [-1, 1].

        R1 and R2 are multiplied by (5) of the training's `progress`.
        """

        def score(images: jax.Array) -> jax.Array:
            training = params.in_training(key)
            outputs = self.apply_discriminator(training, images)
            return average_patches(self.select_score(outputs, labels))

        total = jnp.zeros(real.shape[0], jnp.float32)
        if self.gradient_penalty:
            total += losses.one_centred_penalty(score, real, fake, self.gradient_penalty, u)
        factor: Any = 1.0
        if self.penalty_end != 1.0:
            factor = follow_cosine(1.0, self.penalty_end, progress)  # (5)
        if self.r1:
            total += losses.zero_centred_penalty(score, real, self.r1 * factor)
        if self.r2:
            total += losses.zero_centred_penalty(score, fake, self.r2 * factor)
        return total

    def diagnose(self, params: Params, images: Array, key: PRNGKeyArray) -> Terms:
        """Measure `diversity`: samples' mean distance to the nearest other one, relative to data's.

        1 is that of as many real images, drawn at random, of which copies of one another count
        once. Where the samples crowd in a few modes, each has a near neighbour. The same key gives
        samples of the same latents in every epoch.
        """
        return measure_diversity(self, params, images, key)

    def derive_terms(self, terms: Mapping[str, Any]) -> dict[str, Any]:
        """Derive `D_overfitting` of held-out images (`genjax.models.adversarial_watch`)."""
        return derive_overfitting(terms)

    def warnings(self, terms: Mapping[str, float]) -> list[TrainingWarning]:
        return list_warnings(terms)
