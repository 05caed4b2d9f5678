"""Hierarchical VAE with top-down inference (Sonderby et al. 2016, arXiv:1602.02282; Kingma et al.
2016, arXiv:1606.04934, appendix C; Child 2021, arXiv:2011.10650).

Latents z = (z_1, ..., z_L) have levels. Each is a grid [h, w, c] at one scale of the image, the
first at the coarsest. The levels above a level are written z_<l.

(1) p(z) = prod_l p(z_l|z_<l)                       the prior;       Sonderby et al. 2016, section 2
    q(z|x) = prod_l q(z_l|z_<l, x)                  the posterior, on the path of the prior
(2) p(z_l|z_<l) = N(mu_l, sigma_l^2)                mu_1 = 0 and sigma_1 = 1
(3) q(z_l|z_<l, x) = N(mu_l + sigma_l delta_l, (sigma_l s_l)^2)
                                                    relative to the prior; Vahdat & Kautz 2020,
                                                    arXiv:2007.03898, section 3.2
(4) z_l = mu_l + sigma_l u_l                        u_l ~ N(0, I) under p, N(delta_l, s_l^2) under q
(5) rate_l = KL(q(z_l|z_<l, x) || p(z_l|z_<l))      the sum over the grid of
           = (delta_l^2 + s_l^2 - 1) / 2 - log s_l  which holds for z_l as for u_l; ibid.
(6) loss = E_q[-log p(x|z)] + beta sum_l max(free_bits, E_x[rate_l])
                                                    Kingma et al. 2016, equation 15
(7) log w = log p(x|z) + sum_l (log p(z_l|z_<l) - log q(z_l|z_<l, x)),  z ~ q(z|x)

beta grows from 0 to 1 in the first `warmup` of the training. With beta = 1 and free_bits = 0, (6)
is the negative ELBO. The networks (`genjax.nn.ladder`) give delta_l and s_l.

A latent vector holds u of (4), not z: level after level, each in the order of reading (rows,
columns, channels). So its prior is N(0, I), as sampling, interpolation and inversion assume.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from genjax.distributions import (
    Distribution,
    Normal,
    kl_to_standard_normal,
    standard_normal_like,
    sum_event,
)
from genjax.errors import UserError
from genjax.model import Batch, DecoderModel, Networks, Params, Terms, Weights, register
from genjax.models.likelihoods import LIKELIHOODS, LikelihoodName
from genjax.nn.ladder import BottomUp, Grid, TopDown, split_levels
from genjax.nn.networks import halved_sizes


@register("hierarchical_vae")
@dataclass(frozen=True)
class HierarchicalVAE(DecoderModel):
    """Learn latents in levels: grids at growing scales of the image, each given the ones above it.

    The loss is the negative ELBO, in nats per image:

        loss = E_q[-log p(x|z)] + sum_l KL(q(z_l|z_<l, x) || p(z_l|z_<l)) = distortion + rate

    With one level, levels=(1,), it is a VAE whose latents are a grid.

    A latent vector holds the levels in turn, from the coarsest, each in the order of reading. It is
    the noise u of z_l = mu_l(z_<l) + sigma_l(z_<l) u_l, so that the prior of vectors is N(0, I).

    >>> model = HierarchicalVAE((8, 8, 1), levels=(1, 1), channels=(4, 4), latent_channels=2)
    >>> model.grids
    [(2, 2, 2), (4, 4, 2)]
    >>> params = model.init(jax.random.key(0))
    >>> model.encode(params, jnp.zeros((3, 8, 8, 1))).shape
    (3, 40)

    Attributes:
        levels: number of levels at each scale, from the coarsest on; scales beyond have none. (1,)
            is one level, at the coarsest scale.
        channels: channels at each scale, the finest first; each scale has half the height and width
            of the one before it, the first half of the image's.
        encoder_blocks: residual blocks at each scale of `channels`, on the way up.
        decoder_blocks: residual blocks at each scale, on the way down after each level.
        pixel_channels: channels of the decoder at the size of the image.
        latent_channels: numbers at each position of a level's grid.
        likelihood: likelihood p(x|z): bernoulli, gaussian, or another one, of genjax or registered
            by register_likelihood.
        scale: standard deviation of the gaussian likelihood, for pixels in [0, 1].
        binarize: train on binary images, drawn anew at every visit, with a bernoulli likelihood.
        free_bits: nats of each level's mean rate that cost nothing in the loss.
        warmup: share of the training over which the weight of the rates grows from 0.
    """

    levels: tuple[int, ...] = field(default=(1, 1), metadata={"least": 0})
    channels: tuple[int, ...] = (32, 64)
    encoder_blocks: tuple[int, ...] = field(default=(0, 1), metadata={"least": 0})
    decoder_blocks: tuple[int, ...] = field(default=(1, 1), metadata={"least": 0})
    pixel_channels: int = 16
    latent_channels: int = 8
    likelihood: LikelihoodName = "bernoulli"
    scale: float = 0.1
    binarize: bool = True
    free_bits: float = 0.0
    warmup: float = 0.0

    family: ClassVar[str] = "hierarchical VAE"
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"vae": ("encoder", "decoder")}

    @classmethod
    def smallest(cls) -> Self:
        return cls(channels=(4, 4), pixel_channels=2, latent_channels=2)

    @property
    def grids(self) -> list[Grid]:
        """The (height, width, channels) of each level's latents, the coarsest first."""
        scales = zip(self.levels, self._sizes, strict=False)  # the finest may have none
        return [(*size, self.latent_channels) for count, size in scales for _ in range(count)]

    @property
    def latent_dim(self) -> int:
        """Length of a latent vector: the numbers of all levels."""
        return sum(map(math.prod, self.grids)) if self.image_shape else self.latent_channels

    @property
    def likelihood_of_bytes(self) -> bool:
        """Whether the likelihood is a probability of bytes, of which there are bits."""
        return LIKELIHOODS[self.likelihood].observes == "bytes"

    @property
    def _sizes(self) -> list[tuple[int, int]]:
        """Height and width of each scale, the coarsest first."""
        height, width, _ = self.image_shape
        return halved_sizes((height, width), len(self.channels))[:0:-1]

    def check(self) -> None:
        super().check()
        if not self.channels:
            raise UserError("channels is (), but a hierarchical VAE has at least one scale.")
        if not 0 < len(self.levels) <= len(self.channels) or not self.levels[0]:
            raise UserError(
                f"levels is {self.levels}, but must have at least one level at the coarsest scale,"
                f" and at most {len(self.channels)} numbers, one for each scale in channels."
            )
        for name in ("encoder_blocks", "decoder_blocks"):
            if len(getattr(self, name)) != len(self.channels):
                raise UserError(
                    f"{name} is {getattr(self, name)}, but must have a number for each of the"
                    f" {len(self.channels)} scales in channels."
                )
        if self.scale <= 0:
            raise UserError(f"scale is {self.scale}, but a standard deviation is above 0.")
        if self.free_bits < 0 or not 0 <= self.warmup <= 1:
            fields = f"free_bits is {self.free_bits} and warmup {self.warmup}"
            raise UserError(f"{fields}, but must be at least 0, and warmup at most 1.")

    def networks(self) -> Networks:
        height, width, channels = self.image_shape
        scales = zip(self._sizes, self.channels[::-1], strict=True)
        without = (0,) * (len(self.channels) - len(self.levels))
        decoder = TopDown(
            self.channels,
            self.decoder_blocks,
            self.levels + without,
            self.grids,
            self.pixel_channels,
            (height, width, channels * LIKELIHOODS[self.likelihood].outputs),
        )
        return {
            "encoder": (BottomUp(self.channels, self.encoder_blocks), self.image_shape),
            "decoder": (decoder, (self.latent_dim,), *((*size, f) for size, f in scales)),
        }

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_x, key_z, key_networks = jax.random.split(noise, 3)
        training = params.in_training(key_networks)
        x = self.observe(batch.images, key_x)
        p, q = self.infer(training, x, self.sample_latents(params, key_z, len(x)))
        distortion = -jnp.mean(p.log_prob(x))
        rates = jnp.mean(self._sum_levels(kl_to_standard_normal(q)), axis=0)
        grown = jnp.minimum(1.0, batch.progress / self.warmup) if self.warmup else 1.0
        loss = distortion + grown * jnp.sum(jnp.maximum(self.free_bits, rates))  # (6)
        by_level = {f"rate_level_{number}": rate for number, rate in enumerate(rates, start=1)}
        terms = {"distortion": distortion, "rate": jnp.sum(rates)} | by_level
        return {"vae": loss}, (terms, training.stats)

    def observe(
        self, images: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "n h w c"]:
        """Draw the x on which the likelihood is defined from images in [0, 1]."""
        return LIKELIHOODS[self.likelihood].draw_observed(self, images, key)

    def infer(
        self, params: Params, x: Float[Array, "n h w c"], epsilon: Float[Array, "n d"]
    ) -> tuple[Distribution, Normal]:
        """Draw u = delta + s epsilon of q(z|x), level by level; return p(x|z) and N(delta, s^2).

        The second one is that of u, (4), where each level is given the levels drawn above it.
        """
        return self._descend(params, self.apply(params, "encoder", x), epsilon)

    def _descend(
        self, params: Params, features: tuple[jax.Array, ...], epsilon: jax.Array
    ) -> tuple[Distribution, Normal]:
        outputs, *moments = self.apply(params, "decoder", epsilon, *features)
        p = LIKELIHOODS[self.likelihood].distribution(self, outputs)
        return p, Normal.from_log_scale(*moments)

    def _sum_levels(self, rates: Float[Array, "n d"]) -> Float[Array, "n levels"]:
        """Sum (5) of each latent over the grid of each level."""
        return jnp.stack([sum_event(part) for part in split_levels(rates, self.grids)], axis=1)

    def latent_rate(
        self, params: Params, images: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "n d"]:
        """Compute the rate of each latent, in nats, at one draw of the levels above it."""
        key_x, key_z = jax.random.split(key)
        epsilon = self.sample_latents(params, key_z, len(images))
        return kl_to_standard_normal(self.infer(params, self.observe(images, key_x), epsilon)[1])

    def distortion_and_rate(
        self, params: Params, x: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """Compute the parts of (6), in nats, at one draw of z."""
        p, q = self.infer(params, x, self.sample_latents(params, key, len(x)))
        return -p.log_prob(x), sum_event(kl_to_standard_normal(q))

    def log_weights(
        self, params: Params, x: Float[Array, "n h w c"], key: PRNGKeyArray, num: int
    ) -> Float[Array, "num n"]:
        """Compute log w, (7), in nats, for `num` draws of z for every x."""
        features = self.apply(params, "encoder", x)
        features = jax.tree.map(lambda one: jnp.tile(one, (num, 1, 1, 1)), features)
        epsilon = self.sample_latents(params, key, num * len(x))  # x is the faster axis
        p, q = self._descend(params, features, epsilon)
        log_prior = standard_normal_like(q).log_prob(q.at(epsilon))
        log_q = sum_event(q.log_density_at(epsilon))
        log_likelihood = p.log_prob(jnp.tile(x, (num, 1, 1, 1)))
        return (log_likelihood + log_prior - log_q).reshape(num, len(x))

    def image_metrics(
        self,
        params: Params,
        images: Float[Array, "n h w c"],
        labels: Int[Array, " n"],
        key: PRNGKeyArray,
    ) -> dict[str, Float[Array, " n"]]:
        """Compute (5) of each level, as rate_level_1 and so on."""
        del labels
        rates = self._sum_levels(self.latent_rate(params, images, key))
        return {f"rate_level_{level + 1}": rates[:, level] for level in range(sum(self.levels))}

    def posterior(self, params: Params, x: Float[Array, "n h w c"]) -> Normal:
        """Return q(u|x), (4), of each level given the means of those above; exact for the first."""
        return self.infer(params, x, jnp.zeros((len(x), self.latent_dim), jnp.float32))[1]

    def encode(self, params: Params, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        """Encode images in [0, 1] as the means of `posterior`."""
        return self.posterior(params, images).loc

    def decode(self, params: Params, z: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """Decode latent vectors, u of (4), into the mean of p(x|z), images in [0, 1]."""
        return self._descend(params, (), z)[0].mean

    def equations(self) -> list[tuple[str, str]]:
        by_level = "rate_l" if not self.free_bits else f"max({self.free_bits:g}, rate_l)"
        grown = f"; beta grows from 0 to 1 in the first {self.warmup:.0%}" if self.warmup else ""
        beta = "beta " if self.warmup else ""
        return [
            (f"loss = distortion + {beta}sum_l {by_level}", f"in nats per image{grown}"),
            ("distortion = E_q[-log p(x|z)]", f"reconstruction loss of a {self.likelihood}"),
            ("rate_l = KL(q(z_l|z_<l, x) || p(z_l|z_<l))", f"of each of {sum(self.levels)} levels"),
            ("z_l = mu_l + sigma_l u_l", "the latents; mu and sigma are the prior's, of z_<l"),
            ("u_l ~ N(delta_l, s_l^2)", "under q, given z_<l and x; N(0, I) under p"),
        ]
