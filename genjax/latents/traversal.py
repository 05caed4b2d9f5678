"""Vary one latent or two, and decode: traversals, planes, and the manifold of two latents."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from genjax.errors import UserError, check_integer, check_numbers
from genjax.latents.inputs import (
    Labels,
    check_dimensions,
    check_labels_for,
    check_latents,
    check_row,
)
from genjax.latents.sampling import decode
from genjax.model import CanDecode, Params, get_model, require
from genjax.model.compiling import jit


def traverse(
    params: Params,
    z: ArrayLike,
    extent: float | ArrayLike = 3.0,
    num: int = 9,
    *,
    center: float | ArrayLike = 0.0,
    dimensions: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> Float[Array, "m num h w c"]:
    """Vary the dimensions of one latent in turn, each from center - extent to center + extent.

    Args:
        params: of a model that decodes.
        z: the latent whose other dimensions stay.
        extent: one number, or one for each dimension, [D].
        num: values of each dimension.
        center: one number, or one for each dimension, [D].
        dimensions: which, int [M]; row m varies dimensions[m]. By default all in order.
        labels: the class of the images, one number, for a model that knows classes.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> traverse(params, jnp.zeros(2), num=5).shape
    (2, 5, 8, 8, 1)
    """
    z, label = _check_latent(params, z, labels)
    chosen = jnp.arange(len(z)) if dimensions is None else check_dimensions(dimensions, len(z))
    center, extent = _for_each(center, z, "center"), _for_each(extent, z, "extent")
    return _traverse(params, z, center, extent, chosen, label, check_integer(num, "num"))


def _for_each(values: float | ArrayLike, z: jax.Array, name: str) -> Float[Array, " d"]:
    """Return a number for each dimension of z, from one for all or from as many."""
    numbers = check_numbers(values, name)
    if numbers.shape not in ((), (1,), z.shape):
        raise UserError(
            f"{name} has the shape {numbers.shape}, but must be one number, or one for each of"
            f" {len(z)} latents."
        )
    return jnp.broadcast_to(numbers, z.shape)


def _check_latent(
    params: Params, z: ArrayLike, labels: ArrayLike | None
) -> tuple[Float[Array, " d"], Labels]:
    """Return one latent, and the class of its images."""
    model = require(get_model(params), CanDecode)
    latent = check_latents(params, check_numbers(z, "the latent")[None])[0]
    classes = check_labels_for(model, "decode", labels, 1)
    return latent, None if classes is None else classes[0]


@partial(jit, static_argnames="num")
def _traverse(
    params: Params,
    z: jax.Array,
    center: jax.Array,
    extent: jax.Array,
    dimensions: jax.Array,
    label: Labels,
    num: int,
) -> jax.Array:
    def vary(d: jax.Array) -> jax.Array:
        values = jnp.linspace(center[d] - extent[d], center[d] + extent[d], num)
        return jax.vmap(lambda value: z.at[d].set(value))(values)

    return jax.vmap(lambda z: decode(params, z, label))(jax.vmap(vary)(dimensions))


def plane(
    params: Params,
    z: ArrayLike,
    dimensions: ArrayLike,
    across: Float[Array | np.ndarray, " a"],
    up: Float[Array | np.ndarray, " b"],
    labels: ArrayLike | None = None,
) -> Float[Array, "b a h w c"]:
    """Vary two dimensions of one latent over a grid.

    Args:
        params: of a model that decodes.
        z: the latent whose other dimensions stay.
        dimensions: which two, int [2].
        across: values of the first, from left to right.
        up: values of the second, from the lowest row to the highest.
        labels: the class of the images, one number, for a model that knows classes.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> plane(params, jnp.zeros(2), jnp.array([0, 1]), jnp.zeros(4), jnp.ones(3)).shape
    (3, 4, 8, 8, 1)
    """
    z, label = _check_latent(params, z, labels)
    both = check_dimensions(dimensions, len(z))
    is_known = not isinstance(both, jax.core.Tracer)
    if both.shape != (2,) or (is_known and both[0] == both[1]):
        raise UserError(f"dimensions are {dimensions!r}, but a plane has two different ones.")
    return _plane(params, z, both, check_row(across, "across"), check_row(up, "up"), label)


@jit
def _plane(
    params: Params,
    z: jax.Array,
    dimensions: jax.Array,
    across: jax.Array,
    up: jax.Array,
    label: Labels,
) -> jax.Array:
    def row(second: jax.Array) -> jax.Array:
        vary = jax.vmap(lambda first: z.at[dimensions].set(jnp.stack([first, second])))
        return decode(params, vary(across), label)

    return jax.vmap(row)(up[::-1])


def manifold(
    params: Params, num: int = 20, labels: ArrayLike | None = None
) -> Float[Array, "num num h w c"]:
    """Decode a two-dimensional latent space over a grid (Kingma & Welling 2014, appendix A).

    Row i and column j show z = (Phi^-1(u_j), Phi^-1(1 - u_i)), u equally spaced in (0, 1) and Phi
    the normal distribution function. Every cell stands for the same probability of N(0, I), and
    the second latent points up.

    Args:
        params: of a model that decodes two latents.
        num: cells of a row, and rows.
        labels: the class of the images, one number, for a model that knows classes.

    Raises:
        UserError: if the model has not two latents.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> manifold(genjax.init(model, jax.random.key(0)), num=4).shape
    (4, 4, 8, 8, 1)
    """
    latent_dim = getattr(params.model, "latent_dim", None)
    if latent_dim != 2:
        raise UserError(f"a manifold needs a model with latent_dim 2; this one has {latent_dim}.")
    num = check_integer(num, "num")
    quantiles = jax.scipy.stats.norm.ppf((jnp.arange(num, dtype=jnp.float32) + 0.5) / num)
    return plane(params, jnp.zeros(2), jnp.arange(2), quantiles, quantiles, labels)
