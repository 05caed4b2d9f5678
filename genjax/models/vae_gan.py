"""VAE-GAN: a VAE whose decoder is a GAN's generator (Larsen et al. 2016, arXiv:1512.09300).

(1) x~     = Dec(z), z ~ q(z|x)             a reconstruction: the VAE's equations (1) to (3)
(2) x_p    = Dec(z_p), z_p ~ N(0, I)        a sample
(3) L_prior = KL(q(z|x) || p(z))                                                    equation 4
(4) L_rec  = |D_l(x~) - D_l(x)|^2 / 2       -log p(D_l(x)|z) of unit variance: the distance in the
                                            discriminator's layer l, summed     equations 7, 8
(5) L_GAN  = log D(x) + log(1 - D(x~)) + log(1 - D(x_p))                           equation 9
(6) encoder        minimises  beta L_prior + L_rec
(7) decoder        minimises  gamma L_rec - L_GAN             algorithm 1; section 2.3
(8) discriminator  minimises  -L_GAN

Each loss moves its own player alone: what (5) says of the images never reaches the encoder, and (4)
never reaches the discriminator, which would otherwise make images alike by seeing nothing.

The encoder sees what the VAE's does, binary images where the likelihood is Bernoulli; x in (4) and
(5) is the image as it is. L_GAN may be any of the pairs in `genjax.losses`; the halves of (5) that
concern x~ and x_p weigh 1/2 each, so that real and generated images weigh the same. With
`similarity` "pixels", L_rec is the VAE's distortion, and with `adversarial` 0 and `gamma` 1 the
model is the VAE. Not taken over from the authors' code: skipping the update of a player who is far
ahead; the penalty `r1` keeps the discriminator near.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from genjax.distributions import sum_event
from genjax.errors import UserError
from genjax.model import Batch, Networks, Params, Terms, Weights, register
from genjax.models.adversarial import WithDiscriminator, score_of
from genjax.models.dcgan import Discriminator, doubled_widths
from genjax.models.vae import VAE


class Noise(NamedTuple):
    """What a step needs at random, for a batch of B images."""

    x: jax.Array  # [B, H, W, C], what the encoder sees
    epsilon: jax.Array  # [B, latent_dim], of (1)
    z_p: jax.Array  # [B, latent_dim], of (2)
    u: jax.Array  # [B], of a penalty between images


@register("vae_gan")
@dataclass(frozen=True)
class VAEGAN(VAE, WithDiscriminator):
    """See the module's docstring; `VAE` and `WithDiscriminator` for the shared fields.

    Attributes:
        similarity: L_rec in the discriminator's features, (4), or in pixels.
        feature_layer: l of (4), counted from 1.
        gamma: weight of L_rec for the decoder, (7).
        adversarial: weight of L_GAN for the decoder.
        fakes: which images the discriminator learns from beside the real ones, (5).
        discriminator_width: channels of its first layer; doubled with every further one.
    """

    similarity: Literal["features", "pixels"] = "features"
    feature_layer: int = 2
    gamma: float = 1.0
    adversarial: float = 1.0
    fakes: Literal["both", "samples", "reconstructions"] = "both"
    discriminator_width: int = 32

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "encoder": ("encoder",),
        "decoder": ("decoder",),
        "discriminator": ("discriminator",),
    }

    def check(self) -> None:
        super().check()
        for name in ("gamma", "adversarial"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}, but must be at least 0.")
        if self.importance_samples > 1:
            raise UserError("a VAE-GAN is trained on no bound: leave importance_samples at 1.")
        layers = len(doubled_widths(self.discriminator_width, self.image_shape))
        if self.feature_layer > layers:
            raise UserError(
                f"feature_layer is {self.feature_layer}, but for images of {self.image_shape} the"
                f" discriminator has {layers}."
            )

    @property
    def ema_networks(self) -> tuple[str, ...]:
        return ("encoder", "decoder")

    def discriminator(self) -> nn.Module:
        widths = doubled_widths(self.discriminator_width, self.image_shape)
        return Discriminator(widths, self.kernel_size, self.discriminator_norm)

    def networks(self) -> Networks:
        return super().networks() | {"discriminator": (self.discriminator(), self.image_shape)}

    def draw_noise(self, batch: Batch, key: jax.Array) -> Noise:
        key_vae, key_prior, key_u = jax.random.split(key, 3)
        key_x, key_z = jax.random.split(key_vae)
        shape = (batch.images.shape[0], self.latent_dim)
        return Noise(
            self.observe(batch.images, key_x),
            jax.random.normal(key_z, shape),
            jax.random.normal(key_prior, shape),
            jax.random.uniform(key_u, shape[:1]),
        )

    def losses(
        self, params: Params, batch: Batch, noise: Noise
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        q = self.posterior(params, noise.x)
        z = q.at(noise.epsilon)
        prior, terms = self.weighted_rate(q, z, batch.progress)  # beta (3)
        real, reconstructed, sampled = (
            2 * images - 1
            for images in (batch.images, self.decode(params, z), self.decode(params, noise.z_p))
        )
        r, real_features, stats = self.seen(params, real)
        f, features, _ = self.seen(params, reconstructed)  # (1)
        f_p, _, _ = self.seen(params, sampled)  # (2)

        if self.similarity == "features":
            rec = jnp.mean(sum_event((features - real_features) ** 2) / 2)  # (4)
        else:
            rec = jnp.mean(self.distortion(params, noise.x, z))
        fakes = {"reconstructions": (reconstructed, f), "samples": (sampled, f_p)}
        games = [  # (5); the terms shown are those of the last, the samples where there are any
            self.game(params, real, fakes[name][0], r, fakes[name][1], noise.u)
            for name in (fakes if self.fakes == "both" else [self.fakes])
        ]
        of_generator = jnp.mean(jnp.stack([game.generator for game in games]))
        of_discriminator = jnp.mean(jnp.stack([game.discriminator for game in games]))
        return {
            "encoder": prior + rec,  # (6)
            "decoder": self.gamma * rec + self.adversarial * of_generator,  # (7)
            "discriminator": of_discriminator,  # (8)
        }, (
            {"feature_error" if self.similarity == "features" else "distortion": rec}
            | terms
            | games[-1].terms,
            {"discriminator": stats} if stats else {},
        )

    def seen(self, params: Params, images: jax.Array) -> tuple[jax.Array, jax.Array, Weights]:
        """Images [N, H, W, C] in [-1, 1] -> their scores [N], D_l of (4): what the discriminator's
        l-th convolution gives, before normalisation and LeakyReLU, and its new `stats`."""
        layer = f"Conv_{self.feature_layer - 1}"
        stats = params.stats.get("discriminator", {})
        scores, kept = self.forward(
            self.discriminator(),
            params,
            "discriminator",
            images,
            train=True,
            mutable=[*stats, "intermediates"],
            capture_intermediates=lambda module, _: module.name == layer,
        )
        (features,) = kept["intermediates"][layer]["__call__"]
        return score_of(scores, None), features, {name: kept[name] for name in stats}
