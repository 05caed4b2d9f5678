"""Likelihood of a latent-variable model, in nats per image.

(1) -ELBO   = E_q[-log p(x|z)] + KL(q(z|x) || p(z))   Kingma & Welling 2014, arXiv:1312.6114
(2) NLL_k   = -log 1/k sum_{i<=k} w_i,  w_i = p(x, z_i) / q(z_i|x),  z_i ~ q(z|x)
              Burda et al. 2016, arXiv:1509.00519, equation 8: -log p(x) <= E NLL_k <= -ELBO
(3) active units: latents d with Var_x(E_q[z_d|x]) > 0.01                 ibid., section 5.1;
              `genjax.distributions.is_active`
(4) bits per dimension = NLL / (D log 2),  D = H W C       of a likelihood of bytes: 8 is uniform

(2) is computed by logsumexp over the k draws, a chunk of draws and of images at a time.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.distributions import is_active
from genjax.errors import check_images, check_integer
from genjax.model import HasBound, Params, require, with_labels


def importance_weighted_nll(
    params: Params,
    x: ArrayLike,
    key: PRNGKeyArray,
    *,
    num_samples: int = 500,
    draws_at_once: int = 5,
    labels: Any = None,
) -> Float[Array, " n"]:
    """Compute the importance-weighted bound (2) on -log p(x), in nats.

    Args:
        params: of a model with a bound.
        x: [N, H, W, C], as the likelihood takes it: what `model.observe` returned.
        key: draws the latents.
        num_samples: k.
        draws_at_once: how many are drawn together; any k is exact.
        labels: int [N], for a model that takes them.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> importance_weighted_nll(params, jnp.ones((3, 8, 8, 1)), jax.random.key(1)).shape
    (3,)
    """
    model = require(params.model, HasBound)
    x = _check_observed(x, params.model.image_shape)
    num_samples = check_integer(num_samples, "num_samples")
    draws_at_once = min(check_integer(draws_at_once, "draws_at_once"), num_samples)
    chunks, rest = divmod(num_samples, draws_at_once)

    def log_sum(key: jax.Array, num: int) -> jax.Array:
        log_weights = with_labels(model.log_weights, labels)(params, x, key, num)
        return jax.nn.logsumexp(log_weights, axis=0)

    def add(total: jax.Array, i: jax.Array) -> tuple[jax.Array, None]:
        return jnp.logaddexp(total, log_sum(jax.random.fold_in(key, i), draws_at_once)), None

    empty = jnp.full(x.shape[0], -jnp.inf, jnp.float32)
    total, _ = jax.lax.scan(add, empty, jnp.arange(chunks))
    if rest:
        total = jnp.logaddexp(total, log_sum(jax.random.fold_in(key, chunks), rest))
    return jnp.log(num_samples) - total


def _check_observed(x: Any, image_shape: tuple[int, ...]) -> jax.Array:
    """Refuse floats from 0 to 255. Noise within a grey level, and whole numbers, pass."""
    if isinstance(x, jax.core.Tracer) and x.dtype != np.uint8:
        return x
    is_float = jnp.issubdtype(getattr(x, "dtype", np.float32), jnp.floating)
    if is_float and np.size(x) and np.all(np.abs(np.asarray(x) - 0.5) < 0.51):
        check_images(np.clip(x, 0, 1), image_shape, "x")
        return jnp.asarray(x, jnp.float32)
    return check_images(x, image_shape, "x")


def bits_per_dim(nll: ArrayLike, image_shape: tuple[int, ...]) -> Float[Array, " n"]:
    """Compute (4) from -log p of bytes, in nats.

    >>> bits_per_dim(jnp.array([64 * jnp.log(256)]), (8, 8, 1))
    Array([8.], dtype=float32)
    """
    return jnp.asarray(nll) / (np.prod(image_shape) * np.log(2.0)).astype(np.float32)


def active_units(posterior_means: ArrayLike) -> int:
    """Count the latents in use, (3), from the means of q(z|x) of many images, [N, D].

    >>> active_units(np.array([[0.0, 1.0], [0.1, -1.0]]))
    1
    """
    return int(np.sum(is_active(posterior_means)))
