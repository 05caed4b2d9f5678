"""Paths through latent space: interpolation between latents, and shifts along an attribute.

(1) slerp(a, b, t) = sin((1 - t) w) / sin w a + sin(t w) / sin w b,  w the angle between a and b
                     (Shoemake 1985; for latents White 2016, arXiv:1609.04468)
(2) lerp(a, b, t)  = a + t (b - a)
(3) a = mean z of images with an attribute - mean z of those without
                     (Larsen et al. 2016, arXiv:1512.09300, 4.1.1)
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from genjax.errors import UserError, check_integer
from genjax.latents.inputs import Labels, check_labels_for, check_latents, check_row
from genjax.latents.sampling import decode, encode
from genjax.model import CanDecode, Params, get_model, require
from genjax.model.compiling import jit

Latents = Float[Array | np.ndarray, "n d"]


def slerp(
    start: Latents, end: Latents, share: Float[Array, ""] | Float[Array, "n 1"] | float
) -> Float[Array, "n d"]:
    """Interpolate latents spherically, (1); linearly where the angle vanishes.

    Args:
        start: latents at share 0.
        end: latents at share 1.
        share: t, from 0 to 1.

    >>> slerp(jnp.array([[1.0, 0.0]]), jnp.array([[0.0, 1.0]]), 0.5).round(3)
    Array([[0.707, 0.707]], dtype=float32)
    """
    norms = jnp.linalg.norm(start, axis=1) * jnp.linalg.norm(end, axis=1)
    cosine = jnp.sum(start * end, axis=1) / jnp.maximum(norms, 1e-12)
    angle = jnp.arccos(jnp.clip(cosine, -1.0, 1.0))[:, None]
    sine = jnp.sin(angle)
    close = sine < 1e-4
    safe = jnp.where(close, 1.0, sine)
    left = jnp.where(close, 1.0 - share, jnp.sin((1.0 - share) * angle) / safe)
    right = jnp.where(close, share, jnp.sin(share * angle) / safe)
    return left * start + right * end


def lerp(
    start: Latents, end: Latents, share: Float[Array, ""] | Float[Array, "n 1"] | float
) -> Float[Array, "n d"]:
    """Interpolate latents linearly, (2).

    >>> lerp(jnp.zeros((1, 2)), jnp.ones((1, 2)), 0.25)
    Array([[0.25, 0.25]], dtype=float32)
    """
    return jnp.asarray(start) + share * jnp.asarray(end - start)


def interpolate(
    params: Params,
    start: ArrayLike,
    end: ArrayLike,
    num: int = 8,
    spherical: bool = True,
    labels: ArrayLike | None = None,
) -> Float[Array, "n num h w c"]:
    """Decode the latents between two, ends included.

    Args:
        params: of a model that decodes.
        start: latents [N, D]. For paths between images, `encode` these first.
        end: latents [N, D].
        num: images of a path.
        spherical: follow `slerp`, along which latents stay as long as those drawn from N(0, I);
            else the straight line.
        labels: classes of the paths' images, int [N] or one for all, for a model that knows
            classes.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> interpolate(params, jnp.zeros((3, 2)), jnp.ones((3, 2)), num=5).shape
    (3, 5, 8, 8, 1)
    """
    model = require(get_model(params), CanDecode)
    ends = check_latents(params, start), check_latents(params, end)
    if len(ends[0]) != len(ends[1]):
        raise UserError(f"paths lead from {len(ends[0])} latents to {len(ends[1])}: give as many.")
    if not isinstance(spherical, bool | np.bool_):
        raise UserError(f"spherical is {spherical!r}, but must be True or False.")
    classes = check_labels_for(model, "decode", labels, len(ends[0]))
    return _interpolate(params, *ends, classes, check_integer(num, "num"), bool(spherical))


@partial(jit, static_argnames=("num", "spherical"))
def _interpolate(
    params: Params, start: jax.Array, end: jax.Array, labels: Labels, num: int, spherical: bool
) -> jax.Array:
    between = slerp if spherical else lerp
    z = jax.vmap(lambda share: between(start, end, share))(
        jnp.linspace(0.0, 1.0, num, dtype=jnp.float32)
    )
    return jnp.swapaxes(jax.vmap(lambda z: decode(params, z, labels))(z), 0, 1)


def shift(
    params: Params,
    z: ArrayLike,
    direction: ArrayLike,
    strengths: ArrayLike,
    labels: ArrayLike | None = None,
) -> Float[Array, "n num h w c"]:
    """Decode latents moved along a direction: column j shows z + strengths[j] * direction.

    Args:
        params: of a model that decodes.
        z: latents [N, D].
        direction: [D], such as an `attribute_vector`.
        strengths: how far, [num]; a negative strength takes the attribute away.
        labels: classes of the images, int [N] or one for all, for a model that knows classes.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> shift(params, jnp.zeros((3, 2)), jnp.ones(2), jnp.array([-1.0, 1.0])).shape
    (3, 2, 8, 8, 1)
    """
    model = require(get_model(params), CanDecode)
    z, direction = check_latents(params, z), check_row(direction, "direction")
    if direction.shape != z.shape[1:]:
        raise UserError(f"direction has {len(direction)} numbers, but latents {z.shape[1]}.")
    classes = check_labels_for(model, "decode", labels, len(z))
    return _shift(params, z, direction, check_row(strengths, "strengths"), classes)


@jit
def _shift(
    params: Params, z: jax.Array, direction: jax.Array, strengths: jax.Array, labels: Labels
) -> jax.Array:
    z = jax.vmap(lambda strength: z + strength * direction)(strengths)
    return jnp.swapaxes(jax.vmap(lambda z: decode(params, z, labels))(z), 0, 1)


def attribute_vector(
    params: Params,
    images: ArrayLike,
    others: ArrayLike,
    labels: ArrayLike | None = None,
    other_labels: ArrayLike | None = None,
) -> Float[Array, " d"]:
    """Compute the direction of an attribute, (3), for `shift`.

    Args:
        params: of a model that encodes.
        images: [N, H, W, C], with the attribute.
        others: [M, H, W, C], without it.
        labels: classes of `images`, int [N] or one for all, for a model whose encoder takes them.
        other_labels: those of `others`.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> attribute_vector(params, jnp.ones((3, 8, 8, 1)), jnp.zeros((4, 8, 8, 1))).shape
    (2,)
    """
    ours, theirs = encode(params, images, labels), encode(params, others, other_labels)
    return jnp.mean(ours, axis=0) - jnp.mean(theirs, axis=0)  # (3)
