"""VAE-GAN: a VAE whose decoder is a GAN's generator (Larsen et al. 2016, arXiv:1512.09300).

(1) x~     = Dec(z), z ~ q(z|x)             a reconstruction: the VAE's equations (1) to (3)
(2) x_p    = Dec(z_p), z_p ~ N(0, I)        a sample
(3) L_prior = KL(q(z|x) || p(z))                                                    equation 4
(4) L_rec  = |D_l(x~) - D_l(x)|^2 / 2       -log p(D_l(x)|z) of unit variance: the squared distance
                                            in the discriminator's layer l, summed  equations 7, 8
(5) L_GAN  = log D(x) + log(1 - D(x~)) + log(1 - D(x_p))                           equation 9
(6) encoder        minimises  beta L_prior + L_rec
(7) decoder        minimises  gamma L_rec - L_GAN             algorithm 1; section 2.3
(8) discriminator  minimises  -L_GAN

Each loss moves its own network alone. So (5) never reaches the encoder, and (4) never reaches the
discriminator, which would otherwise make images alike by becoming blind.

The encoder sees what the VAE's does, binary images where the likelihood is Bernoulli; x in (4) and
(5) is the image as it is. L_GAN may be any of the pairs in `genjax.losses`. The halves of (5) that
concern x~ and x_p weigh 1/2 each, so that real and generated images weigh the same. With
`similarity` "pixels", L_rec is the VAE's distortion; with `adversarial` 0 and `gamma` 1 too, the
model is the VAE. One device of the authors' code is left out: skipping the update of a network that
is far ahead. The penalty `r1` restrains the discriminator instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from genjax.distributions import sum_event
from genjax.errors import UserError
from genjax.model import Batch, Networks, Params, Terms, Weights, register
from genjax.models.dcgan import Discriminator, doubled_widths
from genjax.models.vae import VAE
from genjax.models.with_discriminator import Scored, WithDiscriminator


class Noise(NamedTuple):
    """What a step needs at random, for a batch of B images."""

    x: jax.Array  # [B, H, W, C], what the encoder sees
    epsilon: jax.Array  # [B, latent_dim], of (1)
    z_p: jax.Array  # [B, latent_dim], of (2)
    u: jax.Array  # [B], shares of the gradient penalty
    key: jax.Array  # for dropout


@register("vae_gan")
@dataclass(frozen=True)
class VAEGAN(VAE, WithDiscriminator):
    """Train a VAE whose reconstructions a discriminator compares and judges.

    With D_l the features of the discriminator's layer l, x~ a reconstruction and x_p a sample, and
    L_GAN = log D(x) + log(1 - D(x~)) + log(1 - D(x_p)), the networks minimise

        encoder        beta KL(q(z|x) || N(0, I)) + L_rec,   L_rec = |D_l(x~) - D_l(x)|^2 / 2
        decoder        gamma L_rec - adversarial L_GAN
        discriminator  -L_GAN

    >>> model = VAEGAN.smallest().for_images((8, 8, 1))
    >>> params = model.init(jax.random.key(0))
    >>> model.decode(params, model.encode(params, jnp.zeros((5, 8, 8, 1)))).shape
    (5, 8, 8, 1)

    Attributes:
        similarity: where the reconstruction loss compares images: the discriminator's features, or
            pixels.
        feature_layer: the discriminator's layer l that gives the features, counted from 1.
        gamma: weight of the reconstruction loss for the decoder.
        adversarial: weight of the adversarial loss for the decoder.
        fakes: images that the discriminator learns to tell from real ones: samples,
            reconstructions, or both.
        discriminator_width: channels of the discriminator's first layer; each further layer has
            twice as many.
    """

    similarity: Literal["features", "pixels"] = "features"
    feature_layer: int = 2
    gamma: float = 1.0
    adversarial: float = 1.0
    fakes: Literal["both", "samples", "reconstructions"] = "both"
    discriminator_width: int = 32

    family: ClassVar[str] = "VAE-GAN"
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "encoder": ("encoder",),
        "decoder": ("decoder",),
        "discriminator": ("discriminator",),
    }

    @classmethod
    def smallest(cls) -> Self:
        return replace(super().smallest(), discriminator_width=4, feature_layer=1)

    def check(self) -> None:
        super().check()
        for name in ("gamma", "adversarial"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}, but must be at least 0.")
        if self.importance_samples > 1:
            raise UserError("a VAE-GAN is trained on no bound: leave importance_samples at 1.")
        if self.num_classes:
            raise UserError(
                "a VAE-GAN's discriminator is given no classes: leave num_classes at 0, or take a"
                " VAE or a GAN with classes."
            )
        layers = len(doubled_widths(self.discriminator_width, self.image_shape))
        if self.feature_layer > layers:
            raise UserError(
                f"feature_layer is {self.feature_layer}, but for images of {self.image_shape} the"
                f" discriminator has {layers} layers."
            )

    @property
    def ema_networks(self) -> tuple[str, ...]:
        return ("encoder", "decoder")

    def discriminator(self) -> nn.Module:
        widths = doubled_widths(self.discriminator_width, self.image_shape)
        return Discriminator(widths, self.kernel_size, self.discriminator_norm)

    def networks(self) -> Networks:
        return super().networks() | {"discriminator": (self.discriminator(), self.image_shape)}

    def draw_noise(self, batch: Batch, key: PRNGKeyArray) -> Noise:
        key_vae, key_prior, key_u, key_networks = jax.random.split(key, 4)
        key_x, key_z = jax.random.split(key_vae)
        shape = (batch.images.shape[0], self.latent_dim)
        return Noise(
            self.observe(batch.images, key_x),
            jax.random.normal(key_z, shape, jnp.float32),
            jax.random.normal(key_prior, shape, jnp.float32),
            jax.random.uniform(key_u, shape[:1], jnp.float32),
            key_networks,
        )

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key, *keys, key_penalty = jax.random.split(noise.key, 4)
        training, *apart = (params.in_training(k) for k in (key, *keys))
        q = self.posterior(training, noise.x)
        z = q.at(noise.epsilon)
        prior, terms = self.weighted_rate(q, z, batch.progress)  # beta (3)
        likelihood = self.image_distribution(training, z)
        x, x_rec = 2 * batch.images - 1, 2 * likelihood.mean - 1  # (1)
        x_p = 2 * self.decode(apart[0], noise.z_p) - 1  # (2)
        # `apart`: the statistics kept are those of real images
        real, features_real = self.discriminate(training, x)
        rec, features_rec = self.discriminate(apart[0], x_rec)
        sampled, _ = self.discriminate(apart[1], x_p)

        if self.similarity == "features":
            rec_loss = jnp.mean(sum_event((features_rec - features_real) ** 2) / 2)  # (4)
        else:
            rec_loss = -jnp.mean(likelihood.log_prob(noise.x))
        fakes = {"reconstructions": rec, "samples": sampled}
        # (5); the terms shown are those of the last, the samples where there are any
        found = [
            self.adversarial_losses(
                params, real, fakes[name], noise.u, key_penalty, progress=batch.progress
            )
            for name in (fakes if self.fakes == "both" else [self.fakes])
        ]
        losses = {
            "encoder": prior + rec_loss,  # (6)
            "decoder": self.gamma * rec_loss
            + self.adversarial * _mean([each.generator for each in found]),  # (7)
            "discriminator": _mean([each.discriminator for each in found]),  # (8)
        }
        name = "feature_error" if self.similarity == "features" else "distortion"
        return losses, ({name: rec_loss} | terms | found[-1].terms, training.stats)

    def equations(self) -> list[tuple[str, str]]:
        at = f"at layer l = {self.feature_layer} of the discriminator"
        rec = ("L_rec = |D_l(x~) - D_l(x)|^2 / 2", f"squared distance of features {at}")
        if self.similarity == "pixels":
            rec = ("L_rec = E_q[-log p(x|z)]", f"the VAE's distortion, {self.likelihood}")
        (critic, of_critic), (fool, _), *terms = WithDiscriminator.equations(self)
        weighted = self._loss_equation()[0].removeprefix("loss = distortion + ")
        weights = (
            f"decoder, with gamma = {self.gamma:g}, adversarial weight a = {self.adversarial:g}"
        )
        return [
            (f"L_encoder = L_rec + {weighted}", f"encoder, with beta = {self.beta:g}"),
            (f"L_decoder = gamma L_rec + a {fool.removeprefix('L_G = ')}", weights),
            (critic, f"{of_critic}; generated are {self.fakes}"),
            rec,
            ("rate = KL(q(z|x) || p(z))", "divergence of the posterior from the prior"),
            *terms,
        ]

    def discriminate(
        self, params: Params, images: Float[Array, "n h w c"]
    ) -> tuple[Scored, Float[Array, "n h2 w2 features"]]:
        """Score images in [-1, 1], and return their features D_l of (4) too.

        These are the output of the l-th convolution, before normalisation and LeakyReLU.
        """
        scores, features = self.apply(params, "discriminator", images, return_features=True)
        return Scored(images, self.select_score(scores, None)), features[self.feature_layer - 1]


def _mean(values: list[jax.Array]) -> jax.Array:
    return jnp.mean(jnp.stack(values))
