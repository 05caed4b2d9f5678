"""RealNVP: a normalizing flow of affine couplings (Dinh et al. 2017, arXiv:1605.08803).

(1) y = (255 image + u) / 256,  u ~ U(0, 1)^D       uniform dequantisation (Theis et al. 2016,
                                                    arXiv:1511.01844, section 3.1)
(2) w = logit(a + (1 - 2 a) y),  a = 0.05           Dinh et al. 2017, section 4.1
(3) z = f(w),  z ~ N(0, I)                          f: `genjax.nn.coupling`, invertible
(4) log p(y) = log N(z; 0, I) + log |det df/dw| + sum log dw/dy         equation 3
(5) log P(bytes) >= E_u[log p(y)] - D log 256       Theis et al. 2016, section 3.1
(6) loss = -(5) at one draw of u, in nats per image

The density of y, which the model observes, is exact. For bytes it is a bound by (5), which is tight
where the density is flat within each byte.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from genjax.distributions import Normal, dequantize
from genjax.model import Batch, DecoderModel, Networks, Params, Terms, Weights, register
from genjax.nn.coupling import InvertibleNetwork

_MARGIN = 0.05  # a of (2)


@register("realnvp")
@dataclass(frozen=True)
class RealNVP(DecoderModel):
    """Map images to latents of the same size by an invertible network, with an exact density.

    The loss is -log p(y) of dequantised images y, in nats of bytes:

        log p(y) = log N(f(y); 0, I) + log |det df/dy|

    An image and its latents hold the same numbers in another form: nothing is compressed.

    >>> model = RealNVP(image_shape=(8, 8, 1), scales=1, width=4, blocks=1)
    >>> params = model.init(jax.random.key(0))
    >>> model.log_density(params, jnp.full((3, 8, 8, 1), 0.5)).shape
    (3,)

    Attributes:
        scales: number of sizes that the couplings work at; each has half the height and width of
            the one before.
        width: channels of the networks in the couplings.
        blocks: residual blocks of each of these networks.
    """

    scales: int = 2
    width: int = 32
    blocks: int = 2

    family: ClassVar[str] = "normalizing flow"
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"flow": ("flow",)}
    likelihood_of_bytes: ClassVar[bool] = True

    @classmethod
    def smallest(cls) -> Self:
        return cls(scales=1, width=4, blocks=1)

    @property
    def latent_dim(self) -> int:
        """Number of latents: as many as an image has values."""
        return math.prod(self.image_shape)

    def networks(self) -> Networks:
        flow = InvertibleNetwork(self.image_shape, self.scales, self.width, self.blocks)
        return {"flow": (flow, self.image_shape)}

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_u, key_networks = jax.random.split(noise)
        training = params.in_training(key_networks)
        log_density = self.log_density(training, self.observe(batch.images, key_u))
        loss = self.latent_dim * math.log(256) - jnp.mean(log_density)  # (6)
        return {"flow": loss}, ({}, training.stats)

    def equations(self) -> list[tuple[str, str]]:
        inner = "the density of an image y, its bytes spread over [0, 1]: of its latents, and of"
        return [
            ("loss = D log 256 - log p(y)", "exact for y, and a bound for bytes, in nats"),
            ("log p(y) = log N(f(y); 0, I) + log |det df/dy|", f"{inner} how f stretches space"),
            ("f(y)", "logits of the pixels, then the invertible network of couplings"),
            ("D", f"{self.latent_dim} values an image, and as many latents"),
        ]

    def log_density(self, params: Params, y: Float[Array, "n h w c"]) -> Float[Array, " n"]:
        """Compute (4), in nats, of dequantised images y in [0, 1]."""
        w, log_slope = _to_logits(y)  # (2)
        z, log_det = self.apply(params, "flow", w)  # (3)
        prior = Normal(jnp.zeros_like(z), jnp.ones_like(z)).log_prob(z)
        return prior + log_det + jnp.sum(log_slope, axis=(1, 2, 3))

    def observe(
        self, images: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "n h w c"]:
        """Dequantise images of bytes, scaled to [0, 1], by (1)."""
        return dequantize(images, key)

    def log_prob(self, params: Params, x: Float[Array, "n h w c"]) -> Float[Array, " n"]:
        """Compute the right side of (5), in nats, at the one u of what `observe` returned."""
        return self.log_density(params, x) - self.latent_dim * math.log(256)

    def encode(self, params: Params, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        """Map images in [0, 1] to latents, (3), in the order of the pixels."""
        w, _ = _to_logits((255 * images + 0.5) / 256)  # the middle of each byte
        z, _ = self.apply(params, "flow", w)
        return z.reshape(len(images), -1)

    def decode(self, params: Params, z: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """Map latents back to images in [0, 1], by the inverses of (3), (2) and (1)."""
        w = self.apply(params, "flow", z.reshape(-1, *self.image_shape), method="inverse")
        y = (jax.nn.sigmoid(w) - _MARGIN) / (1 - 2 * _MARGIN)
        return jnp.clip((256 * y - 0.5) / 255, 0.0, 1.0)


def _to_logits(y: Float[Array, "n h w c"]) -> tuple[jax.Array, jax.Array]:
    """Return w of (2), and log dw/dy of every element."""
    squeezed = _MARGIN + (1 - 2 * _MARGIN) * y
    log_y, log_rest = jnp.log(squeezed), jnp.log1p(-squeezed)
    return log_y - log_rest, math.log(1 - 2 * _MARGIN) - log_y - log_rest
