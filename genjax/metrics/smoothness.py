"""How smoothly the images of a model change along its latent space, for any model with `decode`.

G decodes, phi are a classifier's features and c(x) the class that it sees. a, b and z are drawn
from the model's prior.

(1) path length = E |phi(G(slerp(a, b; t + e))) - phi(G(slerp(a, b; t)))|^2 / e^2,  t ~ U(0, 1)
          Karras et al. 2019, arXiv:1812.04948, section 4.1, there in the features of VGG16
(2) label agreement = the mean over interpolations, and over their inner points t = j/(P+1),
          j = 1..P, of 1[c(G(slerp(a, b; t))) is c(G(a)) or c(G(b))]
          (an image of a third class on the way between two others is a detour)
(3) Jacobian variation = standard deviation / mean over z of |J(z)|,  J = dG/dz
(4) |J|^2 = E |J^T y|^2,  y ~ N(0, I) of an image's shape
          Karras et al. 2020, "StyleGAN2", arXiv:1912.04958, section 3.2, equation 4: that |J^T y|
          be the same everywhere is what their regulariser asks for; (3) is the root of its minimum
          over the scale, relative to that scale

(1) is in units of the classifier's features squared, and comparable only with the same classifier;
steep places weigh much in it, so see its standard error. In (2), points of a random class would
agree in about 2/C of the cases. (3) is 0 of a linear decoder, except for the error of the mean (4)
over a few y. How e was chosen is told in docs/notes/metrics.md.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from genjax.latents.interpolation import slerp
from genjax.metrics.classifiers import Classifier
from genjax.model import CanDecode, Params, require
from genjax.model.compiling import jit
from genjax.nn.chunks import in_chunks

EPSILON = 1e-3
STEPS = 2000  # of (1)
INTERPOLATIONS, POINTS = 500, 9  # of (2)
PLACES, PROBES = 200, 16  # of (3) and (4)
_AT_ONCE = 100


def _draw_ends(params: Params, key: jax.Array, num: int) -> tuple[Any, jax.Array, jax.Array]:
    model = require(params.model, CanDecode)
    a, b = jnp.split(model.sample_latents(params, key, 2 * num), 2)
    return model, a, b


@partial(jit, static_argnames="num")
def path_length(
    params: Params,
    classifier: Classifier,
    key: PRNGKeyArray,
    num: int = STEPS,
    epsilon: float | Float[Array, ""] = EPSILON,
) -> Float[Array, " num"]:
    """Compute (1) before the mean, in features squared, of `num` steps of e = `epsilon`."""
    key_ends, key_share = jax.random.split(key)
    model, a, b = _draw_ends(params, key_ends, num)
    share = jax.random.uniform(key_share, (num, 1))

    def squared_step(z: jax.Array) -> jax.Array:
        _, features = classifier.predict(model.decode(params, z.reshape(-1, z.shape[-1])))
        start, end = jnp.moveaxis(features.reshape(*z.shape[:2], -1), 1, 0)
        return jnp.sum((end - start) ** 2, axis=1)

    z = jnp.stack([slerp(a, b, share), slerp(a, b, share + epsilon)], axis=1)
    return in_chunks(squared_step, z, _AT_ONCE) / epsilon**2


@partial(jit, static_argnames=("num", "points"))
def label_agreement(
    params: Params,
    classifier: Classifier,
    key: PRNGKeyArray,
    num: int = INTERPOLATIONS,
    points: int = POINTS,
) -> Float[Array, " num"]:
    """Compute (2) of each of `num` interpolations with `points` inner points."""
    model, a, b = _draw_ends(params, key, num)
    shares = jnp.linspace(0.0, 1.0, points + 2)
    z = jax.vmap(lambda share: slerp(a, b, share))(shares).reshape(-1, a.shape[1])

    def label(z: jax.Array) -> jax.Array:
        probabilities, _ = classifier.predict(model.decode(params, z))
        return jnp.argmax(probabilities, axis=1)

    labels = in_chunks(label, z, _AT_ONCE).reshape(points + 2, num)
    inner = labels[1:-1]
    return jnp.mean((inner == labels[0]) | (inner == labels[-1]), axis=0)


@partial(jit, static_argnames=("num", "probes"))
def jacobian_variation(
    params: Params, key: PRNGKeyArray, num: int = PLACES, probes: int = PROBES
) -> Float[Array, ""]:
    """Compute (3) over `num` latents, with (4) over `probes` draws of y at each."""
    model = require(params.model, CanDecode)
    key_z, key_y = jax.random.split(key)
    z = model.sample_latents(params, key_z, num)

    def squared_norm(key: jax.Array) -> jax.Array:
        images, pull_back = jax.vjp(partial(model.decode, params), z)
        (gradient,) = pull_back(jax.random.normal(key, images.shape, images.dtype))
        return jnp.sum(gradient**2, axis=1)

    squares = jax.lax.map(squared_norm, jax.random.split(key_y, probes))
    norms = jnp.sqrt(jnp.mean(squares, axis=0))  # (4)
    return jnp.std(norms) / jnp.mean(norms)  # (3)


def record() -> dict[str, Any]:
    """Return how `measure_smoothness` measures, ready for JSON."""
    return {
        "epsilon": EPSILON,
        "steps": STEPS,
        "interpolations": INTERPOLATIONS,
        "points": POINTS,
        "places": PLACES,
        "probes": PROBES,
    }


def measure_smoothness(
    params: Params, classifier: Classifier | None, key: PRNGKeyArray
) -> dict[str, float]:
    """Compute `jacobian_variation` (3), and with a classifier `path_length` and `label_agreement`.

    The latter, (1) and (2), have their standard errors beside them, `..._sem`.
    """
    key_length, key_agreement, key_jacobian = jax.random.split(key, 3)
    result = {}
    if classifier:
        for name, each in (
            ("path_length", path_length(params, classifier, key_length)),
            ("label_agreement", label_agreement(params, classifier, key_agreement)),
        ):
            result[name] = float(jnp.mean(each))
            result[f"{name}_sem"] = float(jnp.std(each) / len(each) ** 0.5)
    return result | {"jacobian_variation": float(jacobian_variation(params, key_jacobian))}
