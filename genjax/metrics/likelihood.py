"""Likelihood of a latent-variable model, in nats an image.

(1) -ELBO   = E_q[-log p(x|z)] + KL(q(z|x) || p(z))   Kingma & Welling 2014, arXiv:1312.6114
(2) NLL_k   = -log 1/k sum_{i<=k} w_i,  w_i = p(x, z_i) / q(z_i|x),  z_i ~ q(z|x)
              Burda et al. 2016, arXiv:1509.00519, equation 8: -log p(x) <= E NLL_k <= -ELBO
(3) active units: latents d with Var_x(E_q[z_d|x]) > 0.01                 ibid., section 5.1;
              `genjax.distributions.is_active`

Computed by logsumexp over the k draws, a chunk of draws and of images at a time.
"""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from genjax.distributions import is_active
from genjax.model import HasBound, Params, require


def importance_weighted_nll(
    params: Params,
    x: jax.Array,
    key: jax.Array,
    *,
    num_samples: int = 500,
    draws_at_once: int = 5,
) -> jax.Array:
    """(2) with k = `num_samples`: x [N, H, W, C], as the likelihood takes it -> [N], nats.

    A last smaller chunk of draws is part of the k: any `num_samples` is exact.
    """
    model = require(params.model, HasBound)
    draws_at_once = min(draws_at_once, num_samples)
    chunks, rest = divmod(num_samples, draws_at_once)

    def log_sum(key: jax.Array, num: int) -> jax.Array:
        log_weights = model.log_weights(params, x, key, num)
        return jax.nn.logsumexp(log_weights, axis=0)

    def add(total: jax.Array, i: jax.Array):
        return jnp.logaddexp(total, log_sum(jax.random.fold_in(key, i), draws_at_once)), None

    empty = jnp.full(x.shape[0], -jnp.inf)
    total, _ = jax.lax.scan(add, empty, jnp.arange(chunks))
    if rest:
        total = jnp.logaddexp(total, log_sum(jax.random.fold_in(key, chunks), rest))
    return jnp.log(num_samples) - total


def active_units(posterior_means: ArrayLike) -> int:
    """(3): the means of q(z|x) of many images, [N, D] -> how many of the D latents are in use."""
    return int(np.sum(is_active(posterior_means)))
