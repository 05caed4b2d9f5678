"""Inversion: the latents whose images come nearest to given ones, by gradient descent.

(1) z      = argmin_z |x - G(z)|^2 / (2 sigma^2) + prior(|z|)
(2) prior(r) = r^2 / 2 - (D - 1) log r

Of several starts z ~ N(0, I) the best is kept (Creswell & Bharath 2018, arXiv:1611.05644; Lipton &
Tripathi 2017, arXiv:1702.04782). (2) is -log of the density of |z| under N(0, I), but for a
constant, and least at sqrt(D - 1): it holds z to the lengths that the generator was trained on, in
whatever direction. sigma says how large an error of a pixel is worth a nat or so of it.
"""

from functools import partial

import jax
import jax.numpy as jnp
import optax

from genjax.distributions import sum_event
from genjax.latents.sampling import decode
from genjax.model import CanDecode, Params, require


def length_prior(z: jax.Array) -> jax.Array:
    """(2), nats: latents [N, D] -> [N]."""
    squared = jnp.maximum(jnp.sum(z**2, axis=1), 1e-12)
    return 0.5 * squared - 0.5 * (z.shape[1] - 1) * jnp.log(squared)


@partial(jax.jit, static_argnames=("starts", "steps"))
def invert(
    params: Params,
    images: jax.Array,
    key: jax.Array,
    *,
    starts: int = 4,
    steps: int = 200,
    learning_rate: float = 0.1,
    scale: float = 0.3,
) -> jax.Array:
    """Latents [N, D] whose `decode` comes near to images [N, H, W, C], for a model without encoder.

    `steps` of Adam, its learning rate falling to 0, on (1), from `starts` latents for each image.

    Args:
        scale: sigma of (1), in units of the images' [0, 1]; the larger, the more the length counts.
    """
    model = require(params.model, CanDecode)
    shape = (starts, len(images), model.latent_dim)
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

    def objective(z: jax.Array) -> jax.Array:
        flat = z.reshape(-1, model.latent_dim)
        made = decode(params, flat).reshape(starts, *images.shape)
        error = sum_event(((made - images) ** 2).reshape(-1, *images.shape[1:]))
        return (error / (2 * scale**2) + length_prior(flat)).reshape(shape[:2])  # (1)

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        z, opt_state = carry
        gradient = jax.grad(lambda z: jnp.sum(objective(z)))(z)  # every latent has its own summand
        change, opt_state = optimizer.update(gradient, opt_state)
        return (z + change, opt_state), None

    start = jax.random.normal(key, shape)
    (z, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), length=steps)
    best = jnp.argmin(objective(z), axis=0)
    return jnp.take_along_axis(z, best[None, :, None], axis=0)[0]
