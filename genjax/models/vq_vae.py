"""VQ-VAE: discrete codes, with a prior over them (van den Oord et al. 2017, arXiv:1711.00937).

(1) z_e    = f(x), [h, w, D]                                             the encoder
(2) k      = argmin_k |z_e - e_k|^2,  z_q = e_k  at each position        `genjax.nn.codebook`
(3) z_q    = z_e + sg(e_k - z_e)          the gradient passes straight through to the encoder
(4) loss   = -log p(x|z_q) + commitment |z_e - sg(e_k)|^2                equation 3, in nats
(5) e_k follow the z_e that they are nearest to, by moving averages      appendix A.1
(6) log p(k) = sum_i log p(k_i | k_<i)    the prior: a gated PixelCNN over the codes, whose own
    loss is -log p(k)                                                    section 3.2
(7) log p(x) >= log p(x|z_q(x)) + log p(k(x))       the ELBO, as q(k|x) is certain: KL = -log p(k)
(8) perplexity = exp(-sum_k f_k log f_k), f the frequencies of the codes

sg is stop_gradient. The prior learns beside the autoencoder, on the codes that it gives at the
time, and no gradient of it reaches the autoencoder.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt8

from genjax.distributions import Distribution
from genjax.errors import UserError, check_images
from genjax.model import (
    Batch,
    DecoderModel,
    Networks,
    Params,
    Terms,
    TrainingWarning,
    Weights,
    register,
)
from genjax.models.autoregressive import sum_log_probability
from genjax.models.likelihoods import LIKELIHOODS, LikelihoodName
from genjax.models.pixelcnn import draw_image
from genjax.nn.causal import GatedPixelCNN
from genjax.nn.codebook import Codebook, pass_straight, perplexity
from genjax.nn.networks import halved_sizes
from genjax.nn.spatial import SpatialDecoder, SpatialEncoder


@register("vq_vae")
@dataclass(frozen=True)
class VQVAE(DecoderModel):
    """Encode an image as a grid of codes from a book, and learn to draw such grids.

    The autoencoder's loss is, in nats per image and with sg for stop_gradient,

        loss = -log p(x|z_q) + commitment |z_e - sg(z_q)|^2

    where z_q are the codes nearest to the encoder's output z_e. A PixelCNN learns log p(k) of the
    grids k of codes, from which `sample` draws.

    A latent vector is the grid's vectors in the order of reading, each with `code_dim` numbers.
    Decoding one takes the nearest codes first.

    >>> model = VQVAE(image_shape=(8, 8, 1), channels=(4, 4), num_codes=5, code_dim=2)
    >>> params = model.init(jax.random.key(0))
    >>> model.encode_codes(params, jnp.zeros((3, 8, 8, 1))).shape
    (3, 2, 2)

    Attributes:
        channels: channels of the encoder's convolutions, each of which halves the height and width;
            the decoder mirrors them.
        blocks: residual blocks of the encoder, and of the decoder, at the size of the grid.
        num_codes: number of codes in the book.
        code_dim: length of a code.
        commitment: weight of the distance from the encoder's output to its code.
        decay: share of a code's average that a batch leaves as it is.
        likelihood: likelihood p(x|z): bernoulli, gaussian, or another one, of genjax or registered
            by register_likelihood.
        scale: standard deviation of the gaussian likelihood, for pixels in [0, 1].
        binarize: train on binary images, drawn anew at every visit, with a bernoulli likelihood.
        prior_width: channels of the prior's two stacks.
        prior_depth: gated layers of the prior.
    """

    channels: tuple[int, ...] = (32, 64)
    blocks: int = 1
    num_codes: int = 128
    code_dim: int = 16
    commitment: float = 0.25
    decay: float = 0.99
    likelihood: LikelihoodName = "bernoulli"
    scale: float = 0.1
    binarize: bool = True
    prior_width: int = 32
    prior_depth: int = 4

    family: ClassVar[str] = "VQ-VAE"
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "autoencoder": ("encoder", "codebook", "decoder"),
        "prior": ("prior",),
    }

    @classmethod
    def smallest(cls) -> Self:
        return cls(channels=(4, 4), blocks=1, num_codes=5, code_dim=2, prior_width=4, prior_depth=1)

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the grid of codes."""
        height, width, _ = self.image_shape
        return halved_sizes((height, width), len(self.channels))[-1]

    @property
    def latent_dim(self) -> int:
        """Length of a latent vector: the numbers of all codes of the grid."""
        return math.prod(self.grid) * self.code_dim if self.image_shape else self.code_dim

    @property
    def likelihood_of_bytes(self) -> bool:
        """Whether the likelihood is a probability of bytes, of which there are bits."""
        return LIKELIHOODS[self.likelihood].observes == "bytes"

    @property
    def ema_networks(self) -> tuple[str, ...]:
        return ("prior",)  # the encoder, the codes and the decoder must stay together

    def check(self) -> None:
        super().check()
        if self.num_codes < 2:
            raise UserError(
                f"num_codes is {self.num_codes}, but a code tells something only where there are at"
                " least 2."
            )
        if not self.channels:
            raise UserError("channels is (), but the encoder has at least one convolution.")
        if not 0 <= self.decay < 1:
            raise UserError(f"decay is {self.decay}, but must be at least 0, and below 1.")
        for name in ("commitment", "scale"):
            if getattr(self, name) <= 0:
                raise UserError(f"{name} is {getattr(self, name)}, but must be above 0.")

    def networks(self) -> Networks:
        *size, channels = self.image_shape
        outputs = (*size, channels * LIKELIHOODS[self.likelihood].outputs)
        codes = (*self.grid, self.code_dim)
        prior = GatedPixelCNN(self.num_codes, 1, self.prior_width, self.prior_depth)
        return {
            "encoder": (
                SpatialEncoder(self.channels, self.blocks, self.code_dim),
                self.image_shape,
            ),
            "codebook": (Codebook(self.num_codes, self.decay), codes),
            "decoder": (SpatialDecoder(self.channels, self.blocks, outputs), codes),
            "prior": (prior, jax.ShapeDtypeStruct((*self.grid, 1), jnp.int32)),
        }

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_x, key_networks = jax.random.split(noise)
        training = params.in_training(key_networks)
        x = self.observe(batch.images, key_x)
        z_e = self.apply(training, "encoder", x)  # (1)
        k, e_k = self.apply(training, "codebook", z_e)  # (2), (5)
        z_q = pass_straight(z_e, e_k)  # (3)
        distortion = -jnp.mean(self.image_distribution(training, z_q).log_prob(x))
        distance = jnp.sum((z_e - jax.lax.stop_gradient(e_k)) ** 2) / len(x)
        losses = {
            "autoencoder": distortion + self.commitment * distance,  # (4)
            "prior": -jnp.mean(self.log_prior(training, k)),  # (6)
        }
        terms = {"distortion": distortion, "perplexity": perplexity(k, self.num_codes)}
        return losses, (terms, training.stats)

    def equations(self) -> list[tuple[str, str]]:
        height, width = self.grid if self.image_shape else ("h", "w")
        book = f"of {self.num_codes} codes, the one nearest to z_e at each position"
        return [
            (
                "L_autoencoder = -log p(x|z_q) + commitment |z_e - sg(z_q)|^2",
                f"in nats per image, with commitment = {self.commitment:g}; sg stops the gradient",
            ),
            ("L_prior = -log p(k)", f"a PixelCNN over the {height} x {width} codes k of an image"),
            ("z_e = f(x)", "the encoder"),
            ("z_q = e_k", book),
            ("p(x|z_q)", f"the decoder: a {self.likelihood} likelihood of every pixel"),
        ]

    def observe(
        self, images: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "n h w c"]:
        """Draw the x on which the likelihood is defined from images in [0, 1]."""
        return LIKELIHOODS[self.likelihood].draw_observed(self, images, key)

    def encode_codes(self, params: Params, x: Float[Array, "n h w c"]) -> Int[Array, "n a b"]:
        """Encode images in [0, 1] as grids of codes, (2)."""
        return self.quantize(params, x)[0]

    def quantize(
        self, params: Params, x: Float[Array, "n h w c"]
    ) -> tuple[Int[Array, "n a b"], Float[Array, "n a b d"]]:
        """Encode images in [0, 1] as grids of codes and as their vectors, (1) and (2)."""
        return self.apply(params, "codebook", self.apply(params, "encoder", x))

    def log_prior(self, params: Params, k: Int[Array, "n a b"]) -> Float[Array, " n"]:
        """Compute log p(k), (6), in nats."""
        return sum_log_probability(self.apply(params, "prior", k[..., None]), k[..., None])

    def image_distribution(self, params: Params, z_q: Float[Array, "n a b d"]) -> Distribution:
        """Return p(x|z_q) over images [N, H, W, C]."""
        outputs = self.apply(params, "decoder", z_q)
        return LIKELIHOODS[self.likelihood].distribution(self, outputs)

    def distortion_and_rate(
        self, params: Params, x: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """Compute the parts of (7), in nats: -log p(x|z_q) and -log p(k)."""
        del key
        k, z_q = self.quantize(params, x)
        return -self.image_distribution(params, z_q).log_prob(x), -self.log_prior(params, k)

    def log_weights(
        self, params: Params, x: Float[Array, "n h w c"], key: PRNGKeyArray, num: int
    ) -> Float[Array, "num n"]:
        """Return (7) `num` times: q(k|x) is certain, so that every draw gives the same."""
        distortion, rate = self.distortion_and_rate(params, x, key)
        return jnp.tile(-distortion - rate, (num, 1))

    def encode(self, params: Params, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        """Encode images in [0, 1] as the vectors of their codes."""
        _, z_q = self.quantize(params, images)
        return z_q.reshape(len(images), -1)

    def decode(self, params: Params, z: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """Decode the codes nearest to the vectors into images in [0, 1]."""
        z_e = z.reshape(-1, *self.grid, self.code_dim)
        _, e_k = self.apply(params, "codebook", z_e)
        return self.image_distribution(params, pass_straight(z_e, e_k)).mean

    def sample_latents(
        self,
        params: Params,
        key: PRNGKeyArray,
        num: int,
        temperature: Float[Array, ""] | float = 1.0,
    ) -> Float[Array, "num d"]:
        """Draw codes from the prior, (6), and return their vectors.

        Each code has the probability p^(1 / temperature), up to a factor.
        """
        call = partial(self.apply, params, "prior")
        k, _ = draw_image(call, lambda k: k, key, (num, *self.grid, 1), temperature)
        return params.stats["codebook"]["codebook"]["codes"][k[..., 0]].reshape(num, -1)

    def diagnose(self, params: Params, images: UInt8[Array, "n h w c"], key: PRNGKeyArray) -> Terms:
        """Count the codes that no image has."""
        del key
        k = self.encode_codes(params, check_images(images))
        used = jnp.any(k.reshape(-1, 1) == jnp.arange(self.num_codes), axis=0)
        return {"unused_codes": jnp.sum(~used).astype(jnp.float32)}

    def warnings(self, terms: Mapping[str, float]) -> list[TrainingWarning]:
        if terms.get("perplexity", math.inf) > 1.5:
            return []
        advice = "nearly all positions have the same code; use more codes, or a smaller commitment"
        return [TrainingWarning("codebook_collapse", advice)]
