"""Distributions whose elements are independent normals or coins, and what the VAE needs of them.

(1) Normal:     log N(x; mu, sigma)  = -((x - mu) / sigma)^2 / 2 - log sigma - log(2 pi) / 2
(2) Bernoulli:  log B(x; logits)     = x log s(logits) + (1 - x) log s(-logits),  s the sigmoid,
                computed as x logits - softplus(logits): no logarithm of zero
(3) KL(N(mu, sigma) || N(0, 1))      = (mu^2 + sigma^2 - 1) / 2 - log sigma
                (Kingma & Welling 2014, arXiv:1312.6114, appendix B)
(4) TC(q)                            = KL(q(z) || prod_d q(z_d)),  q(z) = 1/N sum_n q(z|x_n)
                the total correlation (Chen et al. 2018, arXiv:1802.04942, equation 2)
"""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.nn.softplus import softplus

_LEAST_VARIANCE = 1e-6
_NARROWEST = -80.0  # log sigma, below which a standardised distance would overflow float32


class Distribution(Protocol):
    """What a likelihood p(x|z) over images needs."""

    @property
    def mean(self) -> jax.Array: ...

    def sample(self, key: PRNGKeyArray) -> jax.Array: ...

    def log_prob(self, value: jax.Array) -> jax.Array: ...


def sum_event(values: Float[Array, "n ..."]) -> Float[Array, " n"]:
    """Sum over one event, everything but the first axis.

    This is a product with ones, which XLA on a CPU vectorises (docs/notes/precision.md).

    >>> sum_event(jnp.ones((2, 3, 4)))
    Array([12., 12.], dtype=float32)
    """
    flat = values.reshape(values.shape[0], -1)
    ones = jnp.ones(flat.shape[1], flat.dtype)
    return jnp.matmul(flat, ones, precision=jax.lax.Precision.HIGHEST)


def flip_coins(key: PRNGKeyArray, probability: Float[Array, "..."]) -> Float[Array, "..."]:
    """Draw 0 or 1 for every element, 1 with that probability to within 2^-16.

    Two coins share 32 random bits, whose generation is a quarter of an MLP's training step.

    >>> flip_coins(jax.random.key(0), jnp.array([0.0, 1.0]))
    Array([0., 1.], dtype=float32)
    """
    words = jax.random.bits(key, (-(-probability.size // 2),), jnp.uint32)
    bits = jax.lax.bitcast_convert_type(words, jnp.uint16).reshape(-1)[: probability.size]
    return (bits.reshape(probability.shape) < probability * 2**16).astype(probability.dtype)


def dequantize(images: Float[Array, "..."], key: PRNGKeyArray) -> Float[Array, "..."]:
    """Spread each byte b of images in [0, 1] over [b / 256, (b + 1) / 256).

    A density of the result then bounds the probability of the bytes (Theis et al. 2016,
    arXiv:1511.01844, section 3.1).

    >>> dequantize(jnp.ones((1,)), jax.random.key(0)) >= 255 / 256
    Array([ True], dtype=bool)
    """
    u = jax.random.uniform(key, images.shape, jnp.float32)
    return (255 * images + u) / 256


@partial(
    jax.tree_util.register_dataclass, data_fields=["loc", "scale", "log_scale"], meta_fields=[]
)
@dataclass(frozen=True)
class Normal:
    """Independent normals; the standard deviation `scale` broadcasts against `loc`.

    `log_scale` is its logarithm where that is what is known, as from an encoder: then it is never
    computed from `scale`, which is 0 in float32 from exp(-104) on.

    >>> Normal.from_log_scale(jnp.zeros((1, 2)), jnp.full((1, 2), -110.0)).log_prob(
    ...     jnp.zeros((1, 2))
    ... )
    Array([218.16212], dtype=float32)
    """

    loc: jax.Array
    scale: jax.Array
    log_scale: jax.Array | None = None

    @staticmethod
    def from_log_scale(loc: jax.Array, log_scale: jax.Array) -> "Normal":
        """Return the normal whose standard deviation has the logarithm `log_scale`."""
        return Normal(loc, jnp.exp(log_scale), log_scale)

    @property
    def mean(self) -> jax.Array:
        return self.loc

    def log_of_scale(self) -> jax.Array:
        return jnp.log(self.scale) if self.log_scale is None else self.log_scale

    def at(self, epsilon: jax.Array) -> jax.Array:
        """Return mu + sigma * epsilon, epsilon ~ N(0, I): the reparameterization trick."""
        return self.loc + self.scale * epsilon

    def sample(self, key: PRNGKeyArray) -> jax.Array:
        return self.at(jax.random.normal(key, self.loc.shape, self.loc.dtype))

    def log_density_at(self, epsilon: jax.Array) -> jax.Array:
        """Compute (1) of every element of `at(epsilon)`, in nats, for any scale."""
        return -0.5 * epsilon**2 - self.log_of_scale() - 0.5 * jnp.log(2 * jnp.pi)

    def log_density(self, value: jax.Array) -> jax.Array:
        """Compute (1) of every element, in nats, without the sum."""
        if self.log_scale is None:
            return self.log_density_at((value - self.loc) / self.scale)
        precision = jnp.exp(-jnp.maximum(self.log_scale, _NARROWEST))
        return self.log_density_at((value - self.loc) * precision)

    def log_prob(self, value: jax.Array) -> jax.Array:
        """Compute (1), in nats: [N, ...] -> [N]."""
        return sum_event(self.log_density(value))


@partial(jax.tree_util.register_dataclass, data_fields=["loc"], meta_fields=[])
@dataclass(frozen=True)
class OptimalNormal:
    """Independent normals of one scale: that which makes a value [N, ...] most likely.

    It is the root of the mean squared distance from `loc`, over all N together.
    """

    loc: jax.Array

    @property
    def mean(self) -> jax.Array:
        return self.loc

    def sample(self, key: PRNGKeyArray) -> jax.Array:
        """Return the mean: without a value there is no scale."""
        del key
        return self.loc

    def log_prob(self, value: jax.Array) -> jax.Array:
        """Compute (1) with the best scale, in nats: [N, ...] -> [N].

        >>> zeros, value = jnp.zeros((2, 1)), jnp.array([[3.0], [4.0]])
        >>> best = OptimalNormal(zeros).log_prob(value)
        >>> jnp.abs(best - Normal(zeros, jnp.sqrt(12.5)).log_prob(value)) < 1e-5
        Array([ True,  True], dtype=bool)
        """
        variance = jnp.mean((value - self.loc) ** 2) + _LEAST_VARIANCE
        return Normal(self.loc, jnp.sqrt(variance), jnp.log(variance) / 2).log_prob(value)


@partial(jax.tree_util.register_dataclass, data_fields=["logits"], meta_fields=[])
@dataclass(frozen=True)
class Bernoulli:
    """Independent coins, given by `logits`, the numbers before the sigmoid."""

    logits: jax.Array

    @property
    def mean(self) -> jax.Array:
        return jax.nn.sigmoid(self.logits)

    def sample(self, key: PRNGKeyArray) -> jax.Array:
        return flip_coins(key, self.mean)

    def log_prob(self, value: jax.Array) -> jax.Array:
        """Compute (2), in nats: [N, ...] -> [N]. For grey values it is minus the cross-entropy."""
        return sum_event(value * self.logits - softplus(self.logits))


def standard_normal_like(q: Normal) -> Normal:
    """Return N(0, I) of the shape of `q`: the prior over latents."""
    return Normal(jnp.zeros_like(q.loc), jnp.ones_like(q.scale))


def kl_to_standard_normal(q: Normal) -> jax.Array:
    """Compute (3) of every element, in nats, without the sum: [N, D] -> [N, D].

    >>> kl_to_standard_normal(Normal(jnp.array([[1.0]]), jnp.array([[1.0]])))
    Array([[0.5]], dtype=float32)
    """
    return 0.5 * (q.loc**2 + q.scale**2 - 1.0) - q.log_of_scale()


def total_correlation(q: Normal, z: Float[Array, "n d"]) -> Float[Array, ""]:
    """Estimate (4), in nats, of q(z|x_n) over z [N, D] at a draw z_n of each; q(z) is their mean.

    Chen et al. 2018, section 3.1, divide each mean of N terms by the number of all data too, which
    moves the estimate by a constant and leaves its gradient as it is.
    """
    each = jax.tree.map(lambda part: part[None], q)
    pairs = each.log_density(z[:, None])  # [N, N, D]: z_i under q_j
    joint = jax.nn.logsumexp(jnp.sum(pairs, axis=2), axis=1) - jnp.log(len(z))
    marginals = jax.nn.logsumexp(pairs, axis=1) - jnp.log(len(z))
    return jnp.mean(joint - jnp.sum(marginals, axis=1))


def is_active(means: ArrayLike) -> Bool[Array, " d"]:
    """Tell which of D latents are in use, from the means of q(z|x) of many images, [N, D].

    A latent is in use if its variance is above 0.01 (Burda et al. 2016, arXiv:1509.00519, section
    5.1).

    >>> is_active(jnp.array([[0.0, 1.0], [0.1, -1.0]]))
    Array([False,  True], dtype=bool)
    """
    return jnp.var(jnp.asarray(means), axis=0) > 0.01
