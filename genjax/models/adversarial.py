"""Generative adversarial networks of any two networks (Goodfellow et al. 2014, arXiv:1406.2661).

(1) p(z)   = N(0, I)                            the noise, section 3
(2) x~     = G(z)                               the generator: images in [-1, 1], as are the real x
(3) r, f   = S(x), S(x~)                        the discriminator's scores; D = sigmoid(S)
(4) L_D    = E[loss_D(r, f)] + penalties        over the discriminator's weights alone
(5) L_G    = E[loss_G(r, f)]                    over the generator's weights alone
(6) The discriminator is updated k times for one update of the generator (algorithm 1). The last of
    the k is at once with the generator's, on the same noise, so that both share forward passes.

(7) y      = argmax(z_1, ..., z_K)             with K = num_classes, if there are any: all classes
    are equally likely. G sees y, one-hot, beside z (Mirza & Osindero 2014, arXiv:1411.1784, section
    3.2). A real image's y is its label, and G is trained with the labels of the batch.

The scores, losses and penalties are those of `genjax.models.with_discriminator`.

(8) r, f   = S(T(x)), S(T'(x~))                with T, T' drawn anew for every image of every step,
    where the field `augment` names changes of `genjax.nn.augmentation` (Zhao et al. 2020,
    arXiv:2006.10738, equations 3 to 5). Both players see the same T(x) and T'(x~), and G learns
    through T'. The game is that of (3) to (5) with T(x) in the place of x and T'(x~) in that of
    x~, in the penalties too: they are taken at the changed images, and with respect to them.

(9) L_D   += w E[-log c_y(x)]       L_G += w E[-log c_y(x~)]
    with w = classifier_weight: an auxiliary classifier c, further outputs of the discriminator, is
    to recognise the class y of real images, and the generator is to make images whose class it
    recognises (Odena et al. 2017, arXiv:1610.09585, section 3; as in later work, c does not learn
    from generated images). c is the softmax of K logits; of patches, the mean of them.

Where G has batch normalisation, the averages that it samples with are computed anew for the weights
that it samples with (`recompute_stats`), since those gathered in training belong to earlier
weights. Brock et al. 2019, arXiv:1809.11096, call them standing statistics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from genjax import losses
from genjax.errors import UserError, check_labels
from genjax.model import Batch, LatentModel, Networks, Params, Terms, Weights
from genjax.models.outputs import measure_class_loss, select_score
from genjax.models.standing_stats import compute_standing_stats
from genjax.models.with_discriminator import Scored, WithDiscriminator
from genjax.nn.augmentation import Augmentation, Draws, augment, draw_augmentation
from genjax.nn.normalization import GeneratorNorm


class Noise(NamedTuple):
    """What a step needs at random for a batch of B images."""

    z: jax.Array  # [B, latent_dim], of (1)
    u: jax.Array  # [B], shares of the gradient penalty
    key: jax.Array  # for dropout
    changes: tuple[Draws, Draws] = ({}, {})  # T and T' of (8)


@dataclass(frozen=True)
class AdversarialModel(WithDiscriminator, LatentModel):
    """The base of GANs. A subclass gives the modules `generator` and `discriminator`.

    The call of both takes `train`. `help(genjax.models.adversarial)` numbers the equations.

    Attributes:
        latent_dim: length of the latent vector z.
        discriminator_steps: updates k of the discriminator for one update of the generator.
        generator_norm: normalisation between the generator's layers; "conditional" is batch
            normalisation with a scale and an offset of each class.
        num_classes: number of classes of a class-conditional model; 0 for a model without.
        augment: random changes of all images that the discriminator sees: colour, translation,
            cutout. They keep it from learning few images by heart.
        classifier_weight: weight of an auxiliary classifier in the losses of a class-conditional
            model: samples show their class more clearly. 0 for none.
    """

    latent_dim: int = 64
    discriminator_steps: int = 1
    generator_norm: GeneratorNorm = "batch"
    num_classes: int = field(default=0, metadata={"least": 0})
    augment: tuple[Augmentation, ...] = ()
    classifier_weight: float = 0.0

    family: ClassVar[str] = "GAN"
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "discriminator": ("discriminator",),
        "generator": ("generator",),
    }

    def check(self) -> None:
        super().check()
        if self.num_classes > self.latent_dim:
            raise UserError(
                f"latent_dim is {self.latent_dim}, but must be at least num_classes,"
                f" {self.num_classes}: each class has a latent."
            )
        if self.generator_norm == "conditional" and not self.num_classes:
            raise UserError("generator_norm is 'conditional', which needs num_classes of the data.")
        if self.classifier_weight < 0:
            raise UserError(
                f"classifier_weight is {self.classifier_weight}, but must be at least 0."
            )
        if self.classifier_weight and not self.num_classes:
            raise UserError(
                f"classifier_weight is {self.classifier_weight}, but the model knows no classes to"
                " recognise: set num_classes, or leave classifier_weight out."
            )

    def check_labels(self, labels: jax.Array) -> None:
        if not self.num_classes:
            return
        check_labels(labels, self.num_classes)
        if missing := sorted({*range(self.num_classes)} - {*np.unique(labels).tolist()}):
            raise UserError(
                f"num_classes is {self.num_classes}, but there are no images of the classes"
                f" {', '.join(map(str, missing))}. Set it to the number of classes there are, or to"
                " 0 for a model without classes."
            )

    @property
    def ema_networks(self) -> tuple[str, ...]:
        return ("generator",)

    @property
    def update_schedule(self) -> tuple[tuple[tuple[str, ...], int], ...]:  # (6)
        alone = ((("discriminator",), self.discriminator_steps - 1),)
        return (*(alone if self.discriminator_steps > 1 else ()), (tuple(self.players), 1))

    @property
    def discriminator_outputs(self) -> int:
        """Number of outputs of the discriminator: s of (3) and, in a model with one, c of (9)."""
        return 1 + self.num_classes * (2 if self.classifier_weight else 1)

    def generator(self, momentum: float = 0.9) -> nn.Module:
        """Return G: [N, latent_dim + num_classes] -> images [N, H, W, C] in [-1, 1].

        Its input is z beside the one-hot y of (7). `momentum` is that of the averages of its batch
        normalisation.
        """
        raise NotImplementedError

    def networks(self) -> Networks:
        return {
            "generator": (self.generator(), (self.latent_dim + self.num_classes,)),
            "discriminator": (self.discriminator(), self.image_shape),
        }

    def draw_noise(self, batch: Batch, key: PRNGKeyArray) -> Noise:
        key_z, key_u, key_networks = jax.random.split(key, 3)
        num = batch.images.shape[0]
        z = jax.random.normal(key_z, (num, self.latent_dim), jnp.float32)  # (1)
        if self.num_classes:
            z = self.condition_latents(z, batch.labels)
        u = jax.random.uniform(key_u, (num,), jnp.float32)
        key_real, key_fake = jax.random.split(jax.random.fold_in(key, 3))
        changes = [draw_augmentation(self.augment, own, num) for own in (key_real, key_fake)]  # (8)
        return Noise(z, u, key_networks, (changes[0], changes[1]))

    def losses(
        self, params: Params, batch: Batch, noise: Noise
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_real, key_fake, key_penalty = jax.random.split(noise.key, 3)
        training, apart = params.in_training(key_real), params.in_training(key_fake)
        x = augment(2 * batch.images - 1, noise.changes[0])  # (8)
        y = batch.labels if self.num_classes else None
        x_fake = self.apply(training, "generator", self.with_class(noise.z))  # (2)
        x_fake = augment(x_fake, noise.changes[1])  # (8)
        of_real = self.apply_discriminator(training, x)  # (3)
        # `apart`: the statistics kept are those of real images
        of_fake = self.apply_discriminator(apart, x_fake)
        real = Scored(x, self.select_score(of_real, y))
        fake = Scored(x_fake, self.select_score(of_fake, y))
        found = self.adversarial_losses(  # (4), (5)
            params, real, fake, noise.u, key_penalty, y, batch.progress
        )
        losses = {"discriminator": found.discriminator, "generator": found.generator}
        terms = found.terms
        if self.classifier_weight:  # (9)
            of_x, of_g = (
                measure_class_loss(self._select_logits(outputs), batch.labels)
                for outputs in (of_real, of_fake)
            )
            losses["discriminator"] += self.classifier_weight * of_x
            losses["generator"] += self.classifier_weight * of_g
            terms = terms | {"class_loss(x)": of_x, "class_loss(G(z))": of_g}
        return losses, (terms, training.stats)

    def select_score(
        self, outputs: Float[Array, "n ... k"], labels: Int[Array, " n"] | None
    ) -> Float[Array, "n ..."]:
        return select_score(outputs[..., : 1 + self.num_classes], labels)

    def _select_logits(self, outputs: Float[Array, "n ... k"]) -> Float[Array, "n ... classes"]:
        """Return the logits of (9) among the outputs of the discriminator."""
        if outputs.shape[-1] != self.discriminator_outputs:
            raise UserError(
                f"the discriminator has {outputs.shape[-1]} outputs, but must have"
                f" {self.discriminator_outputs} where classifier_weight is set: a score, and a"
                f" score and a logit of each of the {self.num_classes} classes."
            )
        return outputs[..., 1 + self.num_classes :]

    def chance_levels(self) -> dict[str, float]:
        loss, levels = losses.ADVERSARIAL[self.loss], super().chance_levels()
        if not levels:
            return {}
        even = jnp.float32(loss.indifferent)
        levels |= {"generator_loss": float(loss.generator(even, even))}
        if self.classifier_weight:  # a classifier to which all classes are alike
            of_classes = float(np.log(self.num_classes))
            for name in ("discriminator_loss", "generator_loss"):
                levels[name] += self.classifier_weight * of_classes
            levels |= dict.fromkeys(("class_loss(x)", "class_loss(G(z))"), of_classes)
        return levels

    def equations(self) -> list[tuple[str, str]]:
        y = "" if not self.num_classes else f" and of one of {self.num_classes} classes y"
        generated = ("x~ = G(z)", f"the generator, of {self.latent_dim} numbers z ~ N(0, I){y}")
        changes = f"what the discriminator sees: random changes of {', '.join(self.augment)}"
        seen = ("T(x),   T(x~)", changes)
        w = f"{self.classifier_weight:g}"
        classified = (
            f"L_D + {w} E[-log c_y(x)],   L_G + {w} E[-log c_y(x~)]",
            "the losses with an auxiliary classifier c, further outputs of the discriminator",
        )
        return [
            *super().equations(),
            generated,
            *([seen] if self.augment else []),
            *([classified] if self.classifier_weight else []),
        ]

    def condition_latents(
        self, z: Float[Array, "n d"], labels: Int[Array, " n"]
    ) -> Float[Array, "n d"]:
        """Change latents so that their classes (7) are `labels`.

        The largest of z_1, ..., z_K changes places with z_y. If z ~ N(0, I), the result has the
        distribution of z given its class.
        """
        rows, now = jnp.arange(len(z)), self.class_of(z)
        return z.at[rows, now].set(z[rows, labels]).at[rows, labels].set(z[rows, now])

    def class_of(self, z: Float[Array, "n d"]) -> Int[Array, " n"]:
        """Return the class y of latents, (7)."""
        return jnp.argmax(z[:, : self.num_classes], axis=1)

    def with_class(self, z: Float[Array, "n d"]) -> Float[Array, "n e"]:
        """Put the one-hot class of (7) beside latents: the input of G."""
        if not self.num_classes:
            return z
        one_hot = jax.nn.one_hot(self.class_of(z), self.num_classes, dtype=z.dtype)
        return jnp.concatenate([z, one_hot], axis=1)

    def decode(self, params: Params, z: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """Generate images in [0, 1] from latents, (2)."""
        return jnp.clip((self.apply(params, "generator", self.with_class(z)) + 1) / 2, 0.0, 1.0)

    def recompute_stats(self, params: Params, key: PRNGKeyArray) -> Params:
        """Return `params` with standing statistics, the means of those of many batches of G(z)."""
        return compute_standing_stats(params, key) if "generator" in params.stats else params


def select_classes(z: jax.Array, num_classes: int, norm: GeneratorNorm) -> jax.Array | None:
    """Return the one-hot classes of a generator's input where its normalisation needs them, (7)."""
    return z[:, -num_classes:] if norm == "conditional" else None
