"""Likelihoods p(x|z) by name: what is observed, what the decoder gives, and the distribution.

(1) bernoulli  p(x|z) = prod_i Bernoulli(x_i; s(g_i(z)))      x drawn as binary from the image
(2) gaussian   p(x|z) = prod_i N(x_i; s(g_i(z)), sigma^2)     x the image itself
(3) optimal_gaussian     (2) with sigma^2 = E[(x_i - s(g_i))^2], the mean over the pixels of all
               images together: the sigma that makes them most likely (Rybkin et al. 2021,
               arXiv:2006.13202, section 4.2)
(4) learned_gaussian     (2) with sigma_i >= 1/510 from the decoder
(5) discretized_logistic, and logistic_mixture with ten parts: probabilities of bytes, whose mu and
               log c come from the decoder; `genjax.distributions.logistic`

g is the decoder and s the sigmoid, so that a mean image lies in [0, 1].

(1) is a density of binary images only. So a VAE draws x ~ Bernoulli(image) anew at every visit
(Burda et al. 2016, arXiv:1509.00519, section 5), unless its field `binarize` is false: grey values
in the cross-entropy train well, but are no likelihood.

In (2), -log p = sum_i (x_i - s(g_i))^2 / (2 sigma^2) + constant, summed over pixels and channels,
never averaged. sigma, the field `scale`, sets how many nats a squared error is worth, and with it
the balance against a VAE's rate: sigma^2 = 1/2 is "squared error + KL". Averaging over the D pixels
instead of summing, as many codes do, is sigma^2 = D / 2, the same as multiplying the KL by D.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import jax
import jax.numpy as jnp

from genjax.distributions import (
    Bernoulli,
    DiscretizedLogistic,
    Distribution,
    LogisticMixture,
    Normal,
    OptimalNormal,
    flip_coins,
)
from genjax.errors import OneOf, UserError, check_new_name

Observed = Literal["binary", "floats", "bytes"]
_PARTS = 10  # of the mixture in (5)
_LEAST_LOG_SCALE = -math.log(510)  # half a byte


@dataclass(frozen=True)
class Likelihood:
    """A likelihood p(x|z) over images [N, H, W, C].

    Attributes:
        distribution: (model, outputs) -> p(x|z), a `genjax.distributions.Distribution`: `log_prob`
            in nats, [N, H, W, C] -> [N], summed over an image; `sample`; and `mean`, an image in
            [0, 1]. `outputs` [N, H, W, k C] are the decoder's, and `model` gives its fields.
        observes: what the pixels of x are, and so what `log_prob` is. "floats": the image itself,
            in [0, 1], of which it is a density. "bytes": the image itself, whose values are whole
            multiples of 1/255, of which it is a probability, so that `genjax.evaluate` reports bits
            per dimension. "binary": zeros and ones that are drawn from the image, of which it is a
            probability.
        outputs: k, the decoder's channels for each channel of the image.
        observe: (model, images, key) -> x, where x is drawn in another way than `observes` says,
            such as with noise within a grey level.
    """

    distribution: Callable[[Any, jax.Array], Distribution]
    observes: Observed = "floats"
    outputs: int = 1
    observe: Callable[[Any, jax.Array, jax.Array], jax.Array] | None = None

    def draw_observed(self, model: Any, images: jax.Array, key: jax.Array) -> jax.Array:
        """Return the x of images in [0, 1]."""
        if self.observe:
            return self.observe(model, images, key)
        return flip_coins(key, images) if self.observes == "binary" and model.binarize else images


def _gaussian(model: Any, outputs: jax.Array) -> Normal:
    return Normal(jax.nn.sigmoid(outputs), jnp.asarray(model.scale, outputs.dtype))


def _optimal_gaussian(model: Any, outputs: jax.Array) -> OptimalNormal:
    del model
    return OptimalNormal(jax.nn.sigmoid(outputs))


def _learned_gaussian(model: Any, outputs: jax.Array) -> Normal:
    del model
    loc, log_scale = jnp.split(outputs, 2, axis=-1)
    return Normal.from_log_scale(jax.nn.sigmoid(loc), jnp.maximum(log_scale - 2, _LEAST_LOG_SCALE))


def _discretized_logistic(model: Any, outputs: jax.Array) -> DiscretizedLogistic:
    del model
    loc, log_scale = jnp.split(outputs, 2, axis=-1)
    return DiscretizedLogistic(jax.nn.sigmoid(loc), log_scale - 3)


def _logistic_mixture(model: Any, outputs: jax.Array) -> LogisticMixture:
    channels = model.image_shape[-1]
    split = outputs.reshape(*outputs.shape[:-1], channels, 5, _PARTS)
    logits, loc, log_scale, *slopes = jnp.moveaxis(split, -2, 0)
    spread = jnp.linspace(-2, 2, _PARTS)  # the parts begin apart, or they would stay alike
    loc, logits = jax.nn.sigmoid(loc + spread), jnp.sum(logits, axis=-2)
    return LogisticMixture(logits, loc, log_scale - 3, jnp.tanh(jnp.stack(slopes)))


LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Likelihood(lambda model, outputs: Bernoulli(outputs), "binary"),  # (1)
    "gaussian": Likelihood(_gaussian),  # (2)
    "optimal_gaussian": Likelihood(_optimal_gaussian),  # (3)
    "learned_gaussian": Likelihood(_learned_gaussian, outputs=2),  # (4)
    "discretized_logistic": Likelihood(_discretized_logistic, "bytes", outputs=2),  # (5)
    "logistic_mixture": Likelihood(_logistic_mixture, "bytes", outputs=5 * _PARTS),  # (5)
}
_SHIPPED = frozenset(LIKELIHOODS)
LikelihoodName = Annotated[str, OneOf(LIKELIHOODS)]


def register_likelihood(name: str, likelihood: Likelihood) -> None:
    """Register a likelihood, which every model of the VAE's family takes as its field `likelihood`.

    A weight file records the name alone: register the likelihood before loading it elsewhere.

    Raises:
        UserError: where it is no `Likelihood`, or observes something unknown.

    >>> def sharper(model, outputs):  # a Gaussian whose decoder also gives log sigma
    ...     loc, log_scale = jnp.split(outputs, 2, axis=-1)
    ...     return Normal.from_log_scale(jax.nn.sigmoid(loc), log_scale)
    >>> register_likelihood("example", Likelihood(sharper, outputs=2))
    >>> LIKELIHOODS.pop("example").outputs
    2
    """
    if not isinstance(likelihood, Likelihood):
        raise UserError(
            f"the likelihood {name!r} is {likelihood!r}, but must be a genjax.Likelihood of a"
            " function (model, outputs) -> distribution."
        )
    if likelihood.observes not in get_args(Observed):
        raise UserError(
            f"the likelihood {name!r} observes {likelihood.observes!r}, but must observe one of"
            f" {', '.join(get_args(Observed))}."
        )
    check_new_name(name, _SHIPPED, "a likelihood")
    LIKELIHOODS[name] = likelihood
