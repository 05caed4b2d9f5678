"""Draw samples from a model, encode and decode: pure functions of `params`.

Images are float32 [N, H, W, C] in [0, 1], or bytes (uint8), which are divided by 255. Latents `z`
are float32 [N, D]. `labels`, int [N] or one for all, are for models that know classes. Every
function works under `jit` and `vmap`. On a model that lacks the parts it needs it raises
`MissingCapability`, a `TypeError` that says which models have them.
"""

from functools import partial

import jax
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.errors import UserError, check_integer, check_number
from genjax.latents.density import LatentDensity
from genjax.latents.inputs import (
    Labels,
    check_classes,
    check_input,
    check_labels_for,
    check_latents,
    decode_rows,
    map_rows,
)
from genjax.model import (
    CanClassify,
    CanDecode,
    CanEncode,
    CanReconstruct,
    CanScore,
    ClassConditional,
    Params,
    get_model,
    is_class_conditional,
    require,
    takes_labels,
    with_labels,
)
from genjax.model.compiling import jit
from genjax.model.random_keys import as_key
from genjax.nn.chunks import in_chunks


def sample(
    params: Params,
    key: PRNGKeyArray | int,
    num: int = 64,
    temperature: float | Float[Array, ""] | None = None,
    density: LatentDensity | None = None,
    labels: ArrayLike | None = None,
) -> Float[Array, "num h w c"]:
    """Draw images from the model.

    Args:
        params: of any model.
        key: the same key draws the same images. A whole number n stands for jax.random.key(n).
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
    num, _ = check_integer(num, "num"), get_model(params)
    classes = None
    if labels is not None:
        if not is_class_conditional(params.model):
            require(get_model(params), ClassConditional)
        classes = check_classes(params.model, labels, num)
        num = len(classes)
    if temperature is not None:
        temperature = check_number(temperature, "temperature", least=0)
    if density is not None and not callable(getattr(density, "sample", None)):
        raise UserError(f"density is {density!r:.100}, but must be one that fit_density returns.")
    return _sample(params, as_key(key), num, temperature, density, classes)


@partial(jit, static_argnames="num")
def _sample(
    params: Params,
    key: jax.Array,
    num: int,
    temperature: jax.Array | float | None,
    density: LatentDensity | None,
    labels: Labels,
) -> jax.Array:
    if temperature is None and density is None and labels is None:
        return params.model.sample(params, key, num)
    model = require(get_model(params), CanDecode)
    temperature = 1.0 if temperature is None else temperature
    if density is None:
        z = model.sample_latents(params, key, num, temperature)
    else:
        z = density.sample(key, num, temperature)
    return decode_rows(params, z, labels)


def encode(
    params: Params, images: ArrayLike, labels: ArrayLike | None = None
) -> Float[Array, "n d"]:
    """Encode images [N, H, W, C] into latents; those of a VAE are the means of q(z|x).

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> encode(params, jnp.ones((3, 8, 8, 1))).shape
    (3, 2)
    """
    model = require(get_model(params), CanEncode)
    images = check_input(params, images)
    return _encode(params, images, check_labels_for(model, "encode", labels, len(images)))


@jit
def _encode(params: Params, images: jax.Array, labels: Labels) -> jax.Array:
    return map_rows(require(get_model(params), CanEncode).encode, params, images, labels)


def decode(
    params: Params, z: ArrayLike, labels: ArrayLike | None = None
) -> Float[Array, "n h w c"]:
    """Decode latents [N, D] into images; where p(x|z) is a distribution, into its mean.

    With labels, into images of these classes, int [N] or one for all.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> decode(params, jnp.zeros((3, 2))).shape
    (3, 8, 8, 1)
    """
    model = require(get_model(params), CanDecode)
    z = check_latents(params, z)
    return _decode(params, z, check_labels_for(model, "decode", labels, len(z)))


@jit
def _decode(params: Params, z: jax.Array, labels: Labels) -> jax.Array:
    return decode_rows(params, z, labels)


def reconstruct(
    params: Params, images: ArrayLike, labels: ArrayLike | None = None
) -> Float[Array, "n h w c"]:
    """Encode images [N, H, W, C] and decode their latents.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> reconstruct(params, jnp.ones((3, 8, 8, 1))).shape
    (3, 8, 8, 1)
    """
    model = require(get_model(params), CanReconstruct)
    images = check_input(params, images)
    method = "encode" if takes_labels(model.encode) else "decode"
    return _reconstruct(params, images, check_labels_for(model, method, labels, len(images)))


@jit
def _reconstruct(params: Params, images: jax.Array, labels: Labels) -> jax.Array:
    model = require(get_model(params), CanReconstruct)

    def both(params: Params, x: jax.Array, labels: Labels = None) -> jax.Array:
        z = with_labels(model.encode, labels)(params, x)
        return with_labels(model.decode, labels)(params, z)

    return map_rows(both, params, images, labels)


def classify(params: Params, images: ArrayLike) -> Float[Array, "n classes"]:
    """Compute the probabilities of the classes of images [N, H, W, C]."""
    require(get_model(params), CanClassify)
    return _classify(params, check_input(params, images))


@jit
def _classify(params: Params, images: jax.Array) -> jax.Array:
    return in_chunks(partial(require(get_model(params), CanClassify).classify, params), images)


def score(params: Params, images: ArrayLike, labels: ArrayLike | None = None) -> Float[Array, " n"]:
    """Score images [N, H, W, C] by the discriminator: higher for what looks real.

    Args:
        params: of a model with a discriminator.
        images: [N, H, W, C].
        labels: of a model that knows classes, the class that each image should show, int [N]; by
            default, for each image the class with the highest score.
    """
    model = require(get_model(params), CanScore)
    images = check_input(params, images)
    return _score(params, images, check_labels_for(model, "score", labels, len(images)))


@jit
def _score(params: Params, images: jax.Array, labels: Labels) -> jax.Array:
    return require(get_model(params), CanScore).score(params, images, labels)
