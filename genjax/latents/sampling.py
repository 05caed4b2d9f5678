"""Draw samples from a model, encode and decode: pure functions of `params`.

Images are float32 [N, H, W, C] in [0, 1], or bytes (uint8), which are divided by 255. Latents `z`
are float32 [N, D]. Every function works under `jit` and `vmap`. On a model that lacks the parts it
needs it raises `MissingCapability`, a `TypeError` that says which models have them.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.errors import MissingCapability, UserError, check_images, check_integer, check_labels
from genjax.latents.density import LatentDensity
from genjax.model import (
    CanClassify,
    CanDecode,
    CanEncode,
    CanReconstruct,
    CanScore,
    ClassConditional,
    Params,
    is_class_conditional,
    require,
)
from genjax.nn.chunks import in_chunks


def sample(
    params: Params,
    key: PRNGKeyArray,
    num: int = 64,
    temperature: float | Float[Array, ""] | None = None,
    density: LatentDensity | None = None,
    labels: ArrayLike | None = None,
) -> Float[Array, "num h w c"]:
    """Draw images from the model.

    Args:
        params: of any model.
        key: the same key draws the same images.
        num: how many.
        temperature: scales the noise of the latents: below 1 samples are more typical and vary
            less.
        density: where latents are drawn (`genjax.fit_density`); by default from the model's prior.
        labels: classes of the images, int [num], or one class for all of them.

    Returns:
        float32 [num, H, W, C] in [0, 1].

    Raises:
        MissingCapability: if the model has no latents for `temperature` and `density`, or knows no
            classes for `labels`.
        UserError: on a label that the model does not know. Under `jit` labels are not checked.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> sample(params, jax.random.key(1), num=3).shape
    (3, 8, 8, 1)
    """
    num = check_integer(num, "num")
    if labels is not None:
        labels = _check_classes(params, labels)
        labels = labels if labels.ndim else jnp.full(num, labels)
        num = len(labels)
    return _sample(params, key, num, temperature, density, labels)


def _check_classes(params: Params, labels: ArrayLike) -> jax.Array:
    model = require(params.model, ClassConditional)
    if not is_class_conditional(params.model):
        raise MissingCapability("labels need a model with num_classes; this one has none.")
    check_labels(labels, model.num_classes)
    return jnp.asarray(labels)


@partial(jax.jit, static_argnames="num")
def _sample(
    params: Params,
    key: jax.Array,
    num: int,
    temperature: jax.Array | float | None,
    density: LatentDensity | None,
    labels: ArrayLike | None,
) -> jax.Array:
    if temperature is None and density is None and labels is None:
        return params.model.sample(params, key, num)
    model = require(params.model, CanDecode)
    temperature = 1.0 if temperature is None else temperature
    if density is None:
        z = model.sample_latents(params, key, num, temperature)
    else:
        z = density.sample(key, num, temperature)
    if labels is not None:
        z = require(params.model, ClassConditional).condition_latents(z, jnp.asarray(labels))
    return in_chunks(partial(model.decode, params), z)


def check_input(params: Params, images: ArrayLike) -> Float[Array, "n h w c"]:
    """Return images as float32 in [0, 1] of the model's shape, at least one, or raise `UserError`."""
    checked = check_images(images, params.model.image_shape)
    if not len(checked):
        raise UserError("there are no images: give at least one.")
    return checked


def encode(params: Params, images: ArrayLike) -> Float[Array, "n d"]:
    """Encode images [N, H, W, C] into latents; those of a VAE are the means of q(z|x).

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> encode(params, jnp.ones((3, 8, 8, 1))).shape
    (3, 2)
    """
    require(params.model, CanEncode)
    return _encode(params, check_input(params, images))


@jax.jit
def _encode(params: Params, images: jax.Array) -> jax.Array:
    return in_chunks(partial(require(params.model, CanEncode).encode, params), images)


def decode(params: Params, z: ArrayLike) -> Float[Array, "n h w c"]:
    """Decode latents [N, D] into images; where p(x|z) is a distribution, into its mean.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> decode(params, jnp.zeros((3, 2))).shape
    (3, 8, 8, 1)
    """
    require(params.model, CanDecode)
    return _decode(params, check_latents(params, z))


def check_latents(params: Params, z: ArrayLike) -> Float[Array, "n d"]:
    """Return latents as float32 [N, latent_dim]. Raises `UserError` where they are not such."""
    latents, dim = jnp.asarray(z, jnp.float32), require(params.model, CanDecode).latent_dim
    if latents.ndim != 2 or latents.shape[1] != dim:
        raise UserError(
            f"latents have the shape {latents.shape}, but must be [N, {dim}]: one row an image."
            + (" A single latent is z[None]." if latents.shape == (dim,) else "")
        )
    return latents


@jax.jit
def _decode(params: Params, z: jax.Array) -> jax.Array:
    return in_chunks(partial(require(params.model, CanDecode).decode, params), z)


def reconstruct(params: Params, images: ArrayLike) -> Float[Array, "n h w c"]:
    """Encode images [N, H, W, C] and decode their latents.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> reconstruct(params, jnp.ones((3, 8, 8, 1))).shape
    (3, 8, 8, 1)
    """
    require(params.model, CanReconstruct)
    return _reconstruct(params, check_input(params, images))


@jax.jit
def _reconstruct(params: Params, images: jax.Array) -> jax.Array:
    model = require(params.model, CanReconstruct)
    return in_chunks(lambda x: model.decode(params, model.encode(params, x)), images)


def classify(params: Params, images: ArrayLike) -> Float[Array, "n classes"]:
    """Compute the probabilities of the classes of images [N, H, W, C]."""
    require(params.model, CanClassify)
    return _classify(params, check_input(params, images))


@jax.jit
def _classify(params: Params, images: jax.Array) -> jax.Array:
    return in_chunks(partial(require(params.model, CanClassify).classify, params), images)


def score(params: Params, images: ArrayLike, labels: ArrayLike | None = None) -> Float[Array, " n"]:
    """Score images [N, H, W, C] by the discriminator: higher for what looks real.

    Args:
        params: of a model with a discriminator.
        images: [N, H, W, C].
        labels: of a model that knows classes, the class that each image should show, int [N]; by
            default, for each image the class with the highest score.
    """
    require(params.model, CanScore)
    labels = None if labels is None else _check_classes(params, labels)
    return _score(params, check_input(params, images), labels)


@jax.jit
def _score(params: Params, images: jax.Array, labels: jax.Array | None) -> jax.Array:
    return require(params.model, CanScore).score(params, images, labels)
