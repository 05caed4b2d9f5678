"""Autoencoder: the deterministic baseline of the VAE (Hinton & Salakhutdinov 2006).

(1) z      = f(x)                                 the encoder
(2) p(x|z) = prod_i Bernoulli(x_i; s(g_i(z)))   likelihood "bernoulli": cross-entropy
    p(x|z) = prod_i N(x_i; s(g_i(z)), sigma^2)  likelihood "gaussian": squared error
(3) loss   = -log p(x|f(x))                       in nats an image

g is the decoder and s the sigmoid, so that a mean image lies in [0, 1].

With likelihood "gaussian", -log p = sum_i (x_i - s(g_i))^2 / (2 sigma^2) + constant, summed over
pixels and channels, never averaged. sigma (the field `scale`) sets how many nats a squared error
is worth, and with it the balance against a VAE's rate: sigma^2 = 1/2 is "squared error + KL", and
averaging over the D pixels instead of summing, as many codes do, is sigma^2 = D / 2, the same as
multiplying the KL by D.

Nothing shapes the distribution of z, so decoding z ~ N(0, I), as `sample` does, shows how badly
a plain autoencoder generates: compare it with the VAE's samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from genjax.distributions import Bernoulli, Normal
from genjax.errors import UserError
from genjax.model import Batch, LatentModel, Networks, Params, Terms, Weights, register
from genjax.nn.networks import (
    MLP,
    Activation,
    ConvDecoder,
    ConvEncoder,
    MLPDecoder,
)


@register("autoencoder")
@dataclass(frozen=True)
class Autoencoder(LatentModel):
    """See the module's docstring for the equations.

    Attributes:
        network: convolutions of stride 2 with dense layers behind them, or dense layers alone.
        channels: of the encoder's convolutions, in order; the decoder mirrors them.
        hidden: widths of the encoder's dense layers; the decoder mirrors them.
        kernel_size: of every convolution.
        activation: between layers.
        likelihood: p(x|z), (2).
        scale: sigma of the Gaussian likelihood, in units of the images' [0, 1].
    """

    network: Literal["conv", "mlp"] = "conv"
    channels: tuple[int, ...] = (16, 32)
    hidden: tuple[int, ...] = (256,)
    kernel_size: int = 4
    activation: Activation = "silu"
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    scale: float = 0.1

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"autoencoder": ("encoder", "decoder")}

    @property
    def encoder_features(self) -> int:
        return self.latent_dim

    def check(self) -> None:
        super().check()
        if self.scale <= 0:
            raise UserError(f"scale is {self.scale}, but a standard deviation is above 0.")

    def networks(self) -> Networks:
        height, width, image_channels = self.image_shape
        shape = (height, width, image_channels)
        encoder: nn.Module
        decoder: nn.Module
        if self.network == "conv":
            stack = (self.channels, self.hidden)
            encoder = ConvEncoder(*stack, self.encoder_features, self.kernel_size, self.activation)
            decoder = ConvDecoder(*stack, shape, self.kernel_size, self.activation)
        else:
            encoder = MLP(self.hidden, self.encoder_features, self.activation)
            decoder = MLPDecoder(self.hidden, shape, self.activation)
        return {"encoder": (encoder, shape), "decoder": (decoder, (self.latent_dim,))}

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        del noise  # nothing here is random
        z = self.encode(params, batch.images)  # (1)
        distortion = -self.image_distribution(params, z).log_prob(batch.images)  # (2)
        return {"autoencoder": jnp.mean(distortion)}, ({}, params.stats)  # (3)

    def encode(self, params: Params, images: jax.Array) -> jax.Array:
        """(1): images [N, H, W, C] in [0, 1] -> z [N, latent_dim]."""
        return self.apply(params, "encoder", images)

    def image_distribution(self, params: Params, z: jax.Array) -> Bernoulli | Normal:
        """(2): z [N, latent_dim] -> p(x|z) over images [N, H, W, C]."""
        logits = self.apply(params, "decoder", z)
        if self.likelihood == "bernoulli":
            return Bernoulli(logits)
        return Normal(jax.nn.sigmoid(logits), jnp.asarray(self.scale, logits.dtype))

    def decode(self, params: Params, z: jax.Array) -> jax.Array:
        """The mean of (2): z [N, latent_dim] -> images [N, H, W, C] in [0, 1]."""
        return self.image_distribution(params, z).mean
