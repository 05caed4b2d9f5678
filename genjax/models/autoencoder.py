"""Autoencoder: the deterministic baseline of the VAE (Hinton & Salakhutdinov 2006).

(1) z      = f(x)                       the encoder
(2) p(x|z)                              the likelihood, `genjax.models.likelihoods`
(3) loss   = -log p(x|f(x))             in nats per image

The loss does not shape the distribution of z. So decoding z ~ N(0, I), as `sample` does, shows how
badly a plain autoencoder generates: compare it with the VAE's samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from genjax.distributions import Distribution
from genjax.errors import UserError
from genjax.model import Batch, LatentModel, Networks, Params, Terms, Weights, register
from genjax.models.likelihoods import LIKELIHOODS, LikelihoodName
from genjax.nn.networks import MLP, Activation, ConvDecoder, ConvEncoder, MLPDecoder


@register("autoencoder")
@dataclass(frozen=True)
class Autoencoder(LatentModel):
    """Encode an image into a few numbers, and decode it again.

    The loss is -log p(x|f(x)) in nats per image, with f the encoder and p(x|z) the likelihood of
    the decoder: a cross-entropy (bernoulli), or a squared error over 2 scale^2 (gaussian).

    >>> model = Autoencoder(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = model.init(jax.random.key(0))
    >>> model.encode(params, jnp.zeros((5, 8, 8, 1))).shape
    (5, 2)

    Attributes:
        network: conv: convolutions of stride 2, then dense layers; mlp: dense layers alone.
        channels: channels of the encoder's convolutions, in order; the decoder mirrors them.
        hidden: widths of the encoder's dense layers, in order; the decoder mirrors them.
        kernel_size: height and width of every convolution's kernel.
        activation: activation function between layers: relu, leaky_relu, silu, gelu, tanh, or one
            registered by register_activation.
        likelihood: likelihood p(x|z): bernoulli, gaussian, or one registered by
            register_likelihood.
        scale: standard deviation of the gaussian likelihood, for pixels in [0, 1].
    """

    network: Literal["conv", "mlp"] = "conv"
    channels: tuple[int, ...] = (16, 32)
    hidden: tuple[int, ...] = (256,)
    kernel_size: int = 4
    activation: Activation = "silu"
    likelihood: LikelihoodName = "bernoulli"
    scale: float = 0.1

    family: ClassVar[str] = "autoencoder"
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"autoencoder": ("encoder", "decoder")}

    @classmethod
    def smallest(cls) -> Self:
        return cls(channels=(4, 8), hidden=(16,), latent_dim=3)

    @property
    def smallest_image(self) -> int:
        return 1 if self.network == "mlp" else super().smallest_image

    @property
    def encoder_features(self) -> int:
        """Number of the encoder's outputs."""
        return self.latent_dim

    def check(self) -> None:
        super().check()
        if self.scale <= 0:
            raise UserError(f"scale is {self.scale}, but a standard deviation is above 0.")

    def networks(self) -> Networks:
        height, width, image_channels = self.image_shape
        outputs = (height, width, image_channels * LIKELIHOODS[self.likelihood].outputs)
        encoder: nn.Module
        decoder: nn.Module
        if self.network == "conv":
            stack = (self.channels, self.hidden)
            encoder = ConvEncoder(*stack, self.encoder_features, self.kernel_size, self.activation)
            decoder = ConvDecoder(*stack, outputs, self.kernel_size, self.activation)
        else:
            encoder = MLP(self.hidden, self.encoder_features, self.activation)
            decoder = MLPDecoder(self.hidden, outputs, self.activation)
        return {"encoder": (encoder, self.image_shape), "decoder": (decoder, (self.latent_dim,))}

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        training = params.in_training(noise)
        z = self.encode(training, batch.images)  # (1)
        distortion = -self.image_distribution(training, z).log_prob(batch.images)  # (2)
        return {"autoencoder": jnp.mean(distortion)}, ({}, training.stats)  # (3)

    def equations(self) -> list[tuple[str, str]]:
        return [
            ("loss = -log p(x|f(x))", "in nats per image, averaged over a batch"),
            ("z = f(x)", f"the encoder: an image in {self.latent_dim} numbers"),
            ("p(x|z)", f"the decoder: a {self.likelihood} likelihood of every pixel"),
        ]

    def encode(self, params: Params, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        """Encode images in [0, 1], (1)."""
        return self.apply(params, "encoder", images)

    def image_distribution(self, params: Params, z: Float[Array, "n d"]) -> Distribution:
        """Return p(x|z) over images [N, H, W, C], (2)."""
        outputs = self.apply(params, "decoder", z)
        return LIKELIHOODS[self.likelihood].distribution(self, outputs)

    def decode(self, params: Params, z: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """Decode latents into the mean of (2), images in [0, 1]."""
        return self.image_distribution(params, z).mean
