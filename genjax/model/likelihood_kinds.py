"""Say how a model knows its likelihood, and of what images the likelihood is."""

from functools import lru_cache
from typing import Literal

import jax
import jax.numpy as jnp

from genjax.model.base import Model
from genjax.model.capabilities import EstimatesLogProb, HasBound, HasLogProb, Observes

LikelihoodKind = Literal["exact", "estimate", "bound"]
Observed = Literal["bytes", "binary", "floats"]


def name_likelihood(model: Model) -> LikelihoodKind | None:
    """Return how the model knows log p(x): exact, by an estimate, by a bound; None for not at all.

    >>> [name_likelihood(model) for model in (genjax.PixelCNN(), genjax.VAE(), genjax.GAN())]
    ['exact', 'bound', None]
    """
    if isinstance(model, HasLogProb):
        return "exact"
    if isinstance(model, EstimatesLogProb):
        return "estimate"
    return "bound" if isinstance(model, HasBound) else None


@lru_cache(maxsize=100)
def name_observed(model: Model) -> Observed | None:
    """Return what images the likelihood is of; only those of one kind can be compared.

    Bytes, of which it is a probability, by the attribute `likelihood_of_bytes`; binary images, if
    the model observes a grey image as zeros and ones; else floats, of which it is a density. None
    for a model without a likelihood.

    >>> name_observed(genjax.VAE()), name_observed(genjax.VAE(likelihood="gaussian"))
    ('binary', 'floats')
    """
    if name_likelihood(model) is None:
        return None
    if getattr(model, "likelihood_of_bytes", False):
        return "bytes"
    if not isinstance(model, Observes):
        return "floats"
    grey = jnp.full((1, *(model.image_shape or (1, 1, 1))), 128 / 255)
    x = model.observe(grey, jax.random.key(0))
    return "binary" if bool(jnp.all((x == 0) | (x == 1))) else "floats"
