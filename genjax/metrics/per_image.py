"""Metrics of each image of a data set under a model: reconstruction, likelihood, classes."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from genjax.data import Dataset
from genjax.errors import UserError, check_images
from genjax.metrics import likelihood
from genjax.metrics.catalogue import METRICS
from genjax.metrics.chunking import padded_chunks
from genjax.metrics.classifiers import Classifier
from genjax.metrics.sharpness import sharpness
from genjax.model import (
    CanClassify,
    CanEncode,
    CanReconstruct,
    EstimatesLogProb,
    HasBound,
    HasLogProb,
    HasMetrics,
    HasPosterior,
    Observes,
    Params,
    with_labels,
)
from genjax.model.compiling import jit
from genjax.runs.progress import progress as progress_bar

_IMAGES_AT_ONCE = 100
_OWN_METRICS, _LOG_PROB = 3, 4  # folded into a chunk's key
Values = dict[str, Any]  # name -> [N, ...]


class ImageMetrics(NamedTuple):
    """What was measured of N images.

    Attributes:
        metrics: name -> [N].
        codes: [N, D], of a model that encodes.
        posterior: means and standard deviations of q(z|x), [N, D], of a model that has it.
        sharpness: of reconstructions and of images, [N], of a model that reconstructs.
    """

    metrics: dict[str, np.ndarray]
    codes: np.ndarray | None
    posterior: tuple[np.ndarray, np.ndarray] | None
    sharpness: tuple[np.ndarray, np.ndarray] | None


def measure_images(
    params: Params,
    dataset: Dataset,
    key: PRNGKeyArray,
    num_samples: int,
    classifier: Classifier | None = None,
    labelled: bool = True,
    progress: bool = True,
) -> ImageMetrics:
    """Measure every image of `dataset`; see `genjax.evaluate`.

    `labelled` tells that its labels are numbered as the model numbers classes; otherwise they are
    not used, except by the model's own metrics.
    """
    chunks = []
    with progress_bar(total=len(dataset), desc="measuring", show=progress) as bar:
        for number, (index, count) in enumerate(padded_chunks(len(dataset), _IMAGES_AT_ONCE)):
            values = _measure_chunk(
                params,
                dataset.images[index],
                dataset.labels[index],
                jax.random.fold_in(key, number),
                classifier if isinstance(params.model, CanReconstruct) else None,
                num_samples=num_samples,
                labelled=labelled,
            )
            chunks.append({name: np.asarray(value)[:count] for name, value in values.items()})
            bar.update(count)
    values = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    return ImageMetrics(
        codes=values.pop("codes", None),
        posterior=_pop_pair(values, "posterior_means", "posterior_scales"),
        sharpness=_pop_pair(values, "reconstruction_sharpness", "sharpness"),
        metrics=values,
    )


def _pop_pair(values: Values, *names: str) -> Any:
    return tuple(values.pop(name) for name in names) if names[0] in values else None


@partial(jit, static_argnames=("num_samples", "labelled"))
def _measure_chunk(
    params: Params,
    images: jax.Array,
    labels: jax.Array,
    key: jax.Array,
    classifier: Classifier | None,
    *,
    num_samples: int,
    labelled: bool,
) -> Values:
    """Measure bytes [N, H, W, C]: name -> [N, ...]. Labels reach the methods that take them."""
    model: Any = params.model
    images, known = check_images(images), labels if labelled else None
    values: Values = {}
    if isinstance(model, CanClassify) and labelled:
        values["accuracy"] = 1.0 * (jnp.argmax(model.classify(params, images), axis=1) == labels)
    if isinstance(model, CanEncode):
        values["codes"] = with_labels(model.encode, known)(params, images)
    if isinstance(model, CanReconstruct):
        decoded = with_labels(model.decode, known)(params, values["codes"])
        values |= _measure_reconstructions(decoded, images, classifier)
    key_x, key_elbo, key_nll = jax.random.split(key, 3)
    x = model.observe(images, key_x) if isinstance(model, Observes) else images
    if isinstance(model, HasBound):
        values |= _measure_bound(params, x, known, key_elbo, key_nll, num_samples)
    if isinstance(model, HasLogProb):
        values["nll"] = -with_labels(model.log_prob, known)(params, x)
    if isinstance(model, EstimatesLogProb):
        values |= _measure_estimate(params, images, known, jax.random.fold_in(key, _LOG_PROB))
    if "nll" in values and getattr(model, "likelihood_of_bytes", False):
        values["bits_per_dim"] = likelihood.bits_per_dim(values["nll"], model.image_shape)
    if isinstance(model, HasMetrics):
        own = model.image_metrics(params, images, labels, jax.random.fold_in(key, _OWN_METRICS))
        values |= _check_own_metrics(own, len(images))
    return values


def _measure_reconstructions(
    decoded: jax.Array, images: jax.Array, classifier: Classifier | None
) -> Values:
    values = {"reconstruction_error": jnp.mean((decoded - images) ** 2, axis=(1, 2, 3))}
    if min(images.shape[1:3]) >= 3:
        values |= {"reconstruction_sharpness": sharpness(decoded), "sharpness": sharpness(images)}
    if classifier:
        error = classifier.predict(images)[1] - classifier.predict(decoded)[1]
        values["reconstruction_feature_error"] = jnp.mean(error**2, axis=1)
    return values


def _measure_bound(
    params: Params,
    x: jax.Array,
    labels: Any,
    key_elbo: jax.Array,
    key_nll: jax.Array,
    num_samples: int,
) -> Values:
    """Measure ELBO and importance-weighted bound on what the likelihood observes."""
    model: Any = params.model
    distortion, rate = with_labels(model.distortion_and_rate, labels)(params, x, key_elbo)
    nll = likelihood.importance_weighted_nll(
        params, x, key_nll, num_samples=num_samples, labels=labels
    )
    values = {
        "negative_elbo": distortion + rate,
        "distortion": distortion,
        "rate": rate,
        "nll": nll,
    }
    if isinstance(model, HasPosterior):
        posterior = with_labels(model.posterior, labels)(params, x)
        values |= {"posterior_means": posterior.loc, "posterior_scales": posterior.scale}
    return values


def _measure_estimate(params: Params, images: jax.Array, labels: Any, key: jax.Array) -> Values:
    """Measure the mean of the estimates of log p(x), and its standard error."""
    model: Any = params.model
    draws = with_labels(model.estimate_log_prob, labels)(params, images, key)
    error = jnp.std(draws, axis=0, ddof=1) / np.sqrt(len(draws)).astype(np.float32)
    return {"nll": -jnp.mean(draws, axis=0), "nll_noise": error}


def _check_own_metrics(own: dict[str, jax.Array], count: int) -> dict[str, jax.Array]:
    for name, value in own.items():
        if name in METRICS:
            raise UserError(f"image_metrics: {name!r} is a metric of genjax; choose another name.")
        if jnp.shape(value) != (count,):
            raise UserError(
                f"image_metrics: {name!r} has the shape {jnp.shape(value)}, but must have a value"
                f" for each image, ({count},)."
            )
    return own
