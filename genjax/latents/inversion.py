"""Invert a generator: find latents whose images come near to given ones, by gradient descent.

(1) z        = argmin_z |x - G(z)|^2 / (2 sigma^2) + prior(|z|)
(2) prior(r) = r^2 / 2 - (D - 1) log r

The best of several starts, drawn from the model's prior, is kept (Creswell & Bharath 2018,
arXiv:1611.05644; Lipton & Tripathi 2017, arXiv:1702.04782). (2) is -log of the density of |z| under
N(0, I), up to a constant. It is least at sqrt(D - 1), and keeps z at the lengths that the generator
was trained on. A model whose prior is not N(0, I) is inverted without it. sigma is the error of a
pixel that costs about half a nat.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.distributions import sum_event
from genjax.errors import check_integer, check_number
from genjax.latents.inputs import check_input
from genjax.latents.sampling import decode
from genjax.model import CanDecode, LatentModel, Params, get_model, require
from genjax.model.compiling import jit
from genjax.model.random_keys import as_key


def length_prior(z: Float[Array | np.ndarray, "n d"]) -> Float[Array, " n"]:
    """Compute (2), in nats, of the lengths of latents.

    >>> round(float(length_prior(jnp.array([[3.0, 4.0]]))[0]), 2)
    10.89
    """
    squared = jnp.maximum(jnp.sum(z**2, axis=1), 1e-12)
    return 0.5 * squared - 0.5 * (z.shape[1] - 1) * jnp.log(squared)


def invert(
    params: Params,
    images: ArrayLike,
    key: PRNGKeyArray | int,
    *,
    starts: int = 4,
    steps: int = 200,
    learning_rate: float = 0.1,
    scale: float = 0.3,
) -> Float[Array, "n d"]:
    """Find latents whose `decode` comes near to images [N, H, W, C], for a model without encoder.

    Minimises (1) by Adam, its learning rate falling to 0.

    Args:
        params: of a model that decodes.
        images: [N, H, W, C].
        key: draws the starts. A whole number n stands for jax.random.key(n).
        starts: latents that are tried for each image.
        steps: of Adam.
        learning_rate: of the first step.
        scale: sigma of (1), in units of the images' [0, 1]; the larger, the more the length counts.

    Raises:
        UserError: where an argument is out of range.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> invert(params, jnp.ones((3, 8, 8, 1)), jax.random.key(1), starts=2, steps=3).shape
    (3, 2)
    """
    require(get_model(params), CanDecode)
    images = check_input(params, images)
    starts, steps = check_integer(starts, "starts"), check_integer(steps, "steps")
    learning_rate = check_number(learning_rate, "learning_rate", least=0)
    scale = check_number(scale, "scale", above=0)
    return _invert(params, images, as_key(key), starts, steps, learning_rate, scale)


def _prior(params: Params, z: jax.Array) -> jax.Array:
    """Compute (2) where the model's prior is N(0, I), else 0: [N, D] -> [N]."""
    model = params.model
    is_normal = (
        isinstance(model, LatentModel) and type(model).sample_latents is LatentModel.sample_latents
    )
    return length_prior(z) if is_normal else jnp.zeros(len(z))


@partial(jit, static_argnames=("starts", "steps"))
def _invert(
    params: Params,
    images: jax.Array,
    key: jax.Array,
    starts: int,
    steps: int,
    learning_rate: jax.Array | float,
    scale: jax.Array | float,
) -> jax.Array:
    model = require(get_model(params), CanDecode)
    shape = (starts, len(images), model.latent_dim)
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

    def objective(z: jax.Array) -> jax.Array:
        flat = z.reshape(-1, model.latent_dim)
        decoded = decode(params, flat).reshape(starts, *images.shape)
        error = sum_event(((decoded - images) ** 2).reshape(-1, *images.shape[1:]))
        return (error / (2 * scale**2) + _prior(params, flat)).reshape(shape[:2])  # (1)

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        z, opt_state = carry
        gradient = jax.grad(lambda z: jnp.sum(objective(z)))(z)  # every latent has its own summand
        change, opt_state = optimizer.update(gradient, opt_state)
        return (z + change, opt_state), None

    start = model.sample_latents(params, key, starts * len(images)).reshape(shape)
    (z, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), length=steps)
    best = jnp.argmin(objective(z), axis=0)
    return jnp.take_along_axis(z, best[None, :, None], axis=0)[0]
