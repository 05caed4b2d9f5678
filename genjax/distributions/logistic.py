"""Probabilities of bytes: the discretised logistic distribution, and mixtures of it.

A byte is the image's value x in {0, 1/255, ..., 1}; its bin reaches h = 1/510 to both sides, and
those of 0 and 1 reach to infinity.

(1) P(x) = s((x + h - mu) / c) - s((x - h - mu) / c),  s the sigmoid
    P(0) = s((h - mu) / c),  P(1) = s((mu - 1 + h) / c)
                          Salimans et al. 2017, arXiv:1701.05517, equation 2; Kingma et al. 2016
(2) s(a) - s(b) = s(a) s(-b) (1 - e^(b - a)),  which loses no digits where a and b are near
(3) P(x of a pixel) = sum_k pi_k prod_c P(x_c; mu_kc(x_<c), c_kc)
    mu_kc = m_kc + a_kc x_{c-1} + b_kc x_{c-2}          the channels in order; Salimans et al. 2017,
                                                        section 2.2
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from genjax.distributions.elementary import sum_event
from genjax.nn.softplus import softplus

_HALF_BIN = 1 / 510  # h
_NARROWEST = -8.0  # log c: at its peak a byte then has all but 0.3 % of the probability


def log_probability(
    x: Float[Array, "..."], loc: Float[Array, "..."], log_scale: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Compute log P(x), (1), of every element, in nats.

    >>> x = jnp.arange(256) / 255
    >>> float(jnp.exp(log_probability(x, jnp.array(0.3), jnp.array(-3.0))).sum().round(4))
    1.0
    """
    log_scale = jnp.maximum(log_scale, _NARROWEST)
    precision = jnp.exp(-log_scale)
    upper = (x + _HALF_BIN - loc) * precision
    lower = (x - _HALF_BIN - loc) * precision
    below, above = -softplus(-upper), -softplus(lower)  # log sigmoid(upper), log sigmoid(-lower)
    inside = below + above + jnp.log(-jnp.expm1(-2 * _HALF_BIN * precision))  # (2)
    return jnp.where(x < _HALF_BIN, below, jnp.where(x > 1 - _HALF_BIN, above, inside))


def draw_bytes(
    key: PRNGKeyArray, loc: Float[Array, "..."], log_scale: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Draw x of (1), of every element."""
    noise = jax.random.logistic(key, loc.shape, loc.dtype)
    drawn = loc + jnp.exp(jnp.maximum(log_scale, _NARROWEST)) * noise
    return jnp.round(255 * jnp.clip(drawn, 0, 1)) / 255


@partial(jax.tree_util.register_dataclass, data_fields=["loc", "log_scale"], meta_fields=[])
@dataclass(frozen=True)
class DiscretizedLogistic:
    """Independent bytes of the distribution (1), with `loc` mu and `log_scale` log c.

    >>> one = DiscretizedLogistic(jnp.full((1, 2), 0.5), jnp.full((1, 2), -9.0))
    >>> one.mean.tolist(), one.log_prob(one.mean).shape
    ([[0.5, 0.5]], (1,))
    """

    loc: jax.Array
    log_scale: jax.Array

    @property
    def mean(self) -> jax.Array:
        """The mean of the logistic distribution, which that of the bytes is near."""
        return jnp.clip(self.loc, 0, 1)

    def sample(self, key: PRNGKeyArray) -> jax.Array:
        return draw_bytes(key, self.loc, self.log_scale)

    def log_prob(self, value: jax.Array) -> jax.Array:
        """Compute the sum of log (1), in nats: [N, ...] -> [N]."""
        return sum_event(log_probability(value, self.loc, self.log_scale))


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["logits", "loc", "log_scale", "slopes"],
    meta_fields=[],
)
@dataclass(frozen=True)
class LogisticMixture:
    """Pixels of the distribution (3): `logits` of pi [N, H, W, K], the others [N, H, W, C, K].

    `loc` is m, `log_scale` log c, and `slopes` [2, N, H, W, C, K] are a and b.
    """

    logits: jax.Array
    loc: jax.Array
    log_scale: jax.Array
    slopes: jax.Array

    @property
    def mean(self) -> jax.Array:
        """The mixture's mean, where each channel is given the means of the earlier ones."""
        weights = jax.nn.softmax(self.logits)
        channels: list[jax.Array] = []
        for c in range(self.loc.shape[-2]):
            loc = jnp.sum(weights * self._shifted(channels, c), axis=-1)
            channels.append(jnp.clip(loc, 0, 1))
        return jnp.stack(channels, axis=-1)

    def sample(self, key: PRNGKeyArray) -> jax.Array:
        key, key_part = jax.random.split(key)
        part = jax.random.categorical(key_part, self.logits)[..., None]
        channels: list[jax.Array] = []
        for c, key_c in enumerate(jax.random.split(key, self.loc.shape[-2])):
            loc, log_scale = self._shifted(channels, c), self.log_scale[..., c, :]
            chosen = (jnp.take_along_axis(one, part, -1)[..., 0] for one in (loc, log_scale))
            channels.append(draw_bytes(key_c, *chosen))
        return jnp.stack(channels, axis=-1)

    def log_prob(self, value: jax.Array) -> jax.Array:
        """Compute the sum of log (3), in nats: [N, H, W, C] -> [N]."""
        channels = list(jnp.moveaxis(value, -1, 0))
        total = jax.nn.log_softmax(self.logits)
        for c, x in enumerate(channels):
            loc, log_scale = self._shifted(channels, c), self.log_scale[..., c, :]
            total = total + log_probability(x[..., None], loc, log_scale)
        return sum_event(jax.nn.logsumexp(total, axis=-1))

    def _shifted(self, channels: list[jax.Array], c: int) -> jax.Array:
        """Return mu of channel c, [N, H, W, K], from the values of the earlier channels."""
        loc = self.loc[..., c, :]
        for back, slopes in enumerate(self.slopes, start=1):
            if c >= back:
                loc = loc + slopes[..., c, :] * channels[c - back][..., None]
        return loc
