"""Drawing from a model, and walking through its latent space: pure functions of `params`.

Images are float32 [N, H, W, C] in [0, 1], latents `z` float32 [N, D]. Every function works under
`jit` and `vmap`, and raises a `TypeError` on a model that lacks the parts it needs.
"""

from functools import partial

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from genjax.errors import MissingCapability, check_labels
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
    key: jax.Array,
    num: int = 64,
    temperature: float | None = None,
    density: LatentDensity | None = None,
    labels: ArrayLike | None = None,
) -> jax.Array:
    """`num` images drawn from the model: [num, H, W, C].

    With a `temperature` or a `density` (`genjax.fit_density`) the images are decoded from latents
    of that density, at that temperature: below 1 samples are more typical and less various. With
    `labels`, int [N], the images are of these classes: [N, H, W, C]; or all `num` of one label.

    Raises:
        TypeError: if the model lacks what is asked for; of labels, a GAN with `num_classes`.
        UserError: on a label that the model does not know of (under `jit` it goes unseen).
    """
    if labels is not None:
        model = require(params.model, ClassConditional)
        if not is_class_conditional(params.model):
            raise MissingCapability("labels need a model with num_classes; this one has none.")
        if not isinstance(labels, jax.core.Tracer):
            check_labels(labels, model.num_classes)
        labels = jnp.asarray(labels)
        labels = labels if labels.ndim else jnp.full(num, labels)
        num = len(labels)
    return _sample(params, key, num, temperature, density, labels)


@partial(jax.jit, static_argnames="num")
def _sample(
    params: Params,
    key: jax.Array,
    num: int,
    temperature: float | None,
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


@jax.jit
def encode(params: Params, images: jax.Array) -> jax.Array:
    """Images [N, H, W, C] -> their latents [N, D] (of a VAE, the means of q(z|x))."""
    model = require(params.model, CanEncode)
    return in_chunks(partial(model.encode, params), images)


@jax.jit
def decode(params: Params, z: jax.Array) -> jax.Array:
    """Latents [N, D] -> images [N, H, W, C] (where p(x|z) is a distribution, its mean)."""
    model = require(params.model, CanDecode)
    return in_chunks(partial(model.decode, params), z)


@jax.jit
def reconstruct(params: Params, images: jax.Array) -> jax.Array:
    """Images [N, H, W, C] -> `decode` of their `encode`."""
    model = require(params.model, CanReconstruct)
    return in_chunks(lambda x: model.decode(params, model.encode(params, x)), images)


@jax.jit
def classify(params: Params, images: jax.Array) -> jax.Array:
    """Images [N, H, W, C] -> the probabilities of their classes [N, num_classes]."""
    model = require(params.model, CanClassify)
    return in_chunks(partial(model.classify, params), images)


@jax.jit
def score(params: Params, images: jax.Array, labels: ArrayLike | None = None) -> jax.Array:
    """Images [N, H, W, C] -> the discriminator's score of each [N], higher for what looks real.

    Where the model knows classes, as images of the classes `labels`, int [N], or if left out, each
    of the one that it fits best.
    """
    labels = None if labels is None else jnp.asarray(labels)
    return require(params.model, CanScore).score(params, images, labels)


def slerp(start: jax.Array, end: jax.Array, share: jax.Array) -> jax.Array:
    """Spherical interpolation, sin((1-t) w) / sin w a + sin(t w) / sin w b, w the angle of a, b.

    Latents [N, D] and a share in [0, 1] -> [N, D]; linear where the angle vanishes.
    (Shoemake 1985; for latents White 2016, arXiv:1609.04468.)
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


def lerp(start: jax.Array, end: jax.Array, share: jax.Array) -> jax.Array:
    """Linear interpolation of latents [N, D]."""
    return start + share * (end - start)


@partial(jax.jit, static_argnames=("num", "spherical"))
def interpolate(
    params: Params, start: jax.Array, end: jax.Array, num: int = 8, spherical: bool = True
) -> jax.Array:
    """The images on the way between latents [N, D], ends included: [N, num, H, W, C].

    The way is `slerp`'s, along which latents stay as long as those drawn from N(0, I) are, or the
    straight line, `lerp`'s. For a way between two images, `encode` them first.
    """
    between = slerp if spherical else lerp
    z = jax.vmap(lambda share: between(start, end, share))(jnp.linspace(0.0, 1.0, num))
    return jnp.swapaxes(jax.vmap(partial(decode, params))(z), 0, 1)


@jax.jit
def shift(params: Params, z: jax.Array, direction: jax.Array, strengths: jax.Array) -> jax.Array:
    """The images of latents [N, D] moved along a direction [D]: [N, num, H, W, C].

    Column j shows z + strengths[j] * direction, such as a `genjax.attribute_vector`; of a negative
    strength, the attribute is taken away. `strengths` is [num].
    """
    z = jax.vmap(lambda strength: z + strength * direction)(jnp.asarray(strengths))
    return jnp.swapaxes(jax.vmap(partial(decode, params))(z), 0, 1)


@partial(jax.jit, static_argnames="num")
def traverse(
    params: Params,
    z: jax.Array,
    extent: float | jax.Array = 3.0,
    num: int = 9,
    *,
    center: float | jax.Array = 0.0,
    dimensions: jax.Array | None = None,
) -> jax.Array:
    """One latent [D], some of its dimensions in turn moved through center -/+ extent.

    -> [M, num, H, W, C]: row m varies dimension `dimensions[m]` (of int [M]; all in order, if left
    out), the others stay as in `z`. `extent` and `center` are one number or one a dimension, [D].
    """
    dimensions = jnp.arange(z.shape[0]) if dimensions is None else dimensions
    extent, center = (jnp.broadcast_to(jnp.asarray(v), z.shape) for v in (extent, center))

    def moved(d: jax.Array) -> jax.Array:
        values = jnp.linspace(center[d] - extent[d], center[d] + extent[d], num)
        return jax.vmap(lambda value: z.at[d].set(value))(values)

    return jax.vmap(partial(decode, params))(jax.vmap(moved)(dimensions))


@jax.jit
def plane(
    params: Params, z: jax.Array, dimensions: jax.Array, across: jax.Array, up: jax.Array
) -> jax.Array:
    """One latent [D], two of its dimensions, int [2], moved over a grid: [B, A, H, W, C].

    The first takes the values `across` [A] from left to right, the second `up` [B] from below.
    """

    def row(second: jax.Array) -> jax.Array:
        moved = jax.vmap(lambda first: z.at[dimensions].set(jnp.stack([first, second])))
        return decode(params, moved(across))

    return jax.vmap(row)(up[::-1])


@partial(jax.jit, static_argnames="num")
def manifold(params: Params, num: int = 20) -> jax.Array:
    """The images of a two-dimensional latent space: [num, num, H, W, C].

    Row i and column j show z = (Phi^-1(u_j), Phi^-1(1 - u_i)), u equally spaced in (0, 1) and Phi
    the normal distribution function: every cell stands for the same probability of N(0, I), and
    the second latent points up. (Kingma & Welling 2014, appendix A.)

    Raises:
        ValueError: if the model has not two latents.
    """
    latent_dim = getattr(params.model, "latent_dim", None)
    if latent_dim != 2:
        raise ValueError(f"a manifold needs a model with latent_dim 2; this one has {latent_dim}.")
    quantiles = jax.scipy.stats.norm.ppf((jnp.arange(num) + 0.5) / num)
    return plane(params, jnp.zeros(2), jnp.arange(2), quantiles, quantiles)
