"""The figures of a trained model on a data set, with a record of how they were measured."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax import latents
from genjax.data import Dataset
from genjax.data.made.biased import GROUP
from genjax.errors import UserError
from genjax.metrics import disentanglement, frechet, likelihood, sample_quality, smoothness
from genjax.metrics.classifiers import Classifier
from genjax.metrics.groups import group_accuracies
from genjax.metrics.images import check_shape, padded_chunks
from genjax.metrics.sharpness import relative, sharpness
from genjax.model import (
    CanClassify,
    CanDecode,
    CanEncode,
    CanReconstruct,
    ClassConditional,
    HasBound,
    Params,
    is_class_conditional,
    require,
    to_json,
)
from genjax.runs.files import enable_compilation_cache, software
from genjax.runs.progress import progress as progress_bar

_IMAGES_AT_ONCE = 100
# folded into the key; chunks of images fold in 0, 1, ...
_SAMPLES, _WALKS, _ASKED = 2**31 - 1, 2**31 - 2, 2**31 - 3
_SAMPLES_ASKED = 2000  # of classes that were asked for


@partial(jax.jit, static_argnames="num_samples")
def _measure(
    params: Params, images: jax.Array, labels: jax.Array, key: jax.Array, *, num_samples: int
) -> dict[str, jax.Array]:
    """Every quantity of each of the images, uint8 [N, H, W, C]: name -> [N, ...]."""
    model = params.model
    images = images.astype(jnp.float32) / 255.0
    values = {}
    if isinstance(model, CanClassify):
        values["accuracy"] = 1.0 * (jnp.argmax(model.classify(params, images), axis=1) == labels)
    if isinstance(model, CanEncode):
        values["codes"] = model.encode(params, images)
    if isinstance(model, CanReconstruct):
        reconstructions = model.decode(params, values["codes"])
        values["reconstruction_error"] = jnp.mean((reconstructions - images) ** 2, axis=(1, 2, 3))
        values["reconstruction_sharpness"] = sharpness(reconstructions)
        values["sharpness"] = sharpness(images)
    if isinstance(model, HasBound):
        key_x, key_elbo, key_nll = jax.random.split(key, 3)
        x = model.observe(images, key_x)  # the same for both bounds
        distortion, rate = model.distortion_and_rate(params, x, key_elbo)
        values |= {"negative_elbo": distortion + rate, "distortion": distortion, "rate": rate}
        values["nll"] = likelihood.importance_weighted_nll(
            params, x, key_nll, num_samples=num_samples
        )
        posterior = model.posterior(params, x)
        values |= {"posterior_means": posterior.loc, "posterior_scales": posterior.scale}
    return values


def _measure_all(
    params: Params, dataset: Dataset, key: jax.Array, num_samples: int, count: int, show: bool
) -> dict[str, np.ndarray]:
    """`_measure` of the first `count` images: name -> [count, ...]."""
    parts = []
    with progress_bar(total=count, desc="measuring", show=show) as bar:
        for number, (index, real) in enumerate(padded_chunks(count, _IMAGES_AT_ONCE)):
            values = _measure(
                params,
                dataset.images[index],
                dataset.labels[index],
                jax.random.fold_in(key, number),
                num_samples=num_samples,
            )
            parts.append({name: np.asarray(value)[:real] for name, value in values.items()})
            bar.update(real)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _feature_error(
    params: Params, dataset: Dataset, classifier: Classifier, count: int
) -> np.ndarray:
    """The mean squared error of the classifier's features of the first `count` reconstructions."""
    parts = []
    for index, real in padded_chunks(count, frechet.IMAGES_AT_ONCE):
        images = dataset.images[index] / np.float32(255)
        error = classifier.features(latents.reconstruct(params, images)) - classifier.features(
            images
        )
        parts.append(np.mean(error**2, axis=1)[:real])
    return np.concatenate(parts)


def _compare_with_factors(
    codes: np.ndarray, factors: Mapping[str, np.ndarray], show: bool
) -> dict[str, float]:
    """The figures of genjax.metrics.disentanglement, where there is enough to compare."""
    if len(codes) < disentanglement.LEAST or not disentanglement.varying(factors):
        return {}
    gap = disentanglement.mutual_information_gap(codes, factors)
    dci = disentanglement.dci(codes, factors, show)
    return {"mig": gap} | {f"dci_{name}": value for name, value in dci.items()}


def _class_agreement(params: Params, classifier: Classifier, key: jax.Array) -> float:
    """The share of samples that the classifier takes for the class that was asked for, each as often."""
    num_classes = require(params.model, ClassConditional).num_classes
    labels = np.arange(frechet.IMAGES_AT_ONCE) % num_classes
    images = frechet.generate_samples(params, key, _SAMPLES_ASKED, labels=labels)
    asked = np.resize(labels, _SAMPLES_ASKED)
    return float(np.mean(classifier.classify(images / np.float32(255)).labels == asked))


def _of_samples(
    params: Params,
    dataset: Dataset,
    key: jax.Array,
    num: int,
    classifier: Classifier | None,
    train_set: Dataset | None,
    show: bool,
) -> dict[str, Any]:
    """The figures of `num` samples, and those of the latent space that they come from."""
    moments: list[tuple[float, int]] = []  # after every chunk: the time, the samples in it

    with progress_bar(total=num, desc="sampling", show=show) as bar:

        def drawn(count: int) -> None:
            bar.update(count)
            moments.append((time.perf_counter(), count))

        generated = frechet.generate_samples(params, jax.random.fold_in(key, _SAMPLES), num, drawn)
    result = sample_quality.measure_samples(generated, dataset, classifier, train_set)
    if timed := sum(count for _, count in moments[1:]):  # the first chunk compiles
        seconds = moments[-1][0] - moments[0][0]
        result["sampling_seconds"] = 10_000 * seconds / timed
    if classifier and is_class_conditional(params.model):
        result["class_agreement"] = _class_agreement(
            params, classifier, jax.random.fold_in(key, _ASKED)
        )
    if isinstance(params.model, CanDecode):
        result |= smoothness.navigability(params, classifier, jax.random.fold_in(key, _WALKS))
    return result


def evaluate(
    params: Params,
    dataset: Dataset,
    key: jax.Array,
    *,
    num_samples: int = 500,
    num_images: int | None = None,
    classifier: Classifier | None = None,
    num_generated: int = 0,
    train_set: Dataset | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Measures what the model's parts allow, on the images of `dataset`, in order.

    With `num_generated`, its samples too: drawn a chunk at a time, and quantised to uint8, as the
    images of `dataset` are.

    Args:
        num_samples: k of the importance-weighted bound.
        num_images: only the first so many; all by default. Samples are compared with all.
        classifier: the classifier of `genjax.metrics.classifiers.classifier`, for the classes of the samples.
        num_generated: how many samples to measure; with 0 none are drawn.
        train_set: what the model was trained on, to look for copies of it among the samples.
        progress: show a bar.

    Returns:
        `parameters`: the number of weights of all networks. For a model that reconstructs:
        `reconstruction_error`, the mean squared error a pixel of the images as they are, in units
        of [0, 1]; `reconstruction_sharpness`, 1 being that of the images
        (genjax.metrics.sharpness); and, with a classifier, `reconstruction_feature_error`, the mean
        squared error of its features. For one with a likelihood also, in nats an image,
        `negative_elbo` with its halves `distortion` and `rate`, and `nll`, the bound of k =
        `num_samples`; `active_units`; and, of at least two active ones, `latent_correlation`, 0
        where they are uncorrelated (genjax.metrics.disentanglement, (8)); these on what the
        likelihood is defined on: a binary likelihood on one binary draw of every image, the same
        for all. Every mean over images has its standard error beside it, `..._sem`.
        For a model that encodes, on at least 20 images whose `attributes` are known: `mig`, and, of
        at most 5,000 of the images, `dci_disentanglement`, `dci_completeness` and
        `dci_informativeness` (genjax.metrics.disentanglement), 1 where every factor has a latent of
        its own.
        For a model that classifies: `accuracy`; and where the images have the attribute "group",
        `accuracy_group_0`, ..., `worst_group_accuracy` and `group_gap` (genjax.metrics.groups).
        Of samples, compared with the images of `dataset`, at most 10,000 of either, drawn at random
        but always the same: `sharpness` and `spectral_sharpness`, 1 being those of the images
        (genjax.metrics.sharpness); `frechet_random_features` (genjax.metrics.frechet); of more than
        500 also `sampling_seconds`, what 10,000 take here, drawn 500 at a time. With a classifier, in
        its features, but not of stacked digits: `frechet_classifier`, the same distance (FCD, which
        is no FID); `kernel_distance`, with its standard deviation over subsets `..._std`
        (genjax.metrics.kernel); and, of more than 5 samples and images, `precision`, `recall`,
        `density` and `coverage` (genjax.metrics.coverage). By its classes, over all samples:
        `modes`, `modes_kl`, `least_share`, `confidence` and, of up to 20 classes, `shares`
        (genjax.metrics.modes). With `train_set`: `nearer_to_train`, 0.5 where samples keep the
        distance of unseen images, and `copies`, a share (genjax.metrics.coverage; by the pixels of
        at most 2,000 samples and images).
        With a classifier, of a GAN that knows classes: `class_agreement`, the share of 2,000 samples
        that the classifier takes for the class that was asked for.
        Of the latent space of a model that decodes, where samples are measured:
        `jacobian_variation`, and with a classifier `path_length` and `label_agreement`, with their
        standard errors (genjax.metrics.smoothness).
        `record` says how all this was measured.

    Raises:
        UserError: if the images of `dataset` or `train_set` have another shape than the model's, or
            a number is below 1 (`num_generated`: 1, or below 0), or a group has no images.
    """
    model = params.model
    for images in filter(None, (dataset, train_set)):
        check_shape(model, images)
    if classifier and classifier.image_shape != model.image_shape:
        raise UserError(
            f"the model makes images of shape {model.image_shape}, but the classifier knows those of"
            f" {classifier.image_shape}."
        )
    if num_samples < 1 or (num_images is not None and num_images < 1):
        raise UserError("num_samples and num_images must be at least 1.")
    if num_generated < 0 or num_generated == 1:
        raise UserError(f"num_generated is {num_generated}, but must be 0, or at least 2.")
    enable_compilation_cache()
    count = min(num_images or len(dataset), len(dataset))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(params.weights))
    result: dict[str, Any] = {"parameters": parameters}
    measured = isinstance(model, CanEncode | HasBound)
    values = _measure_all(params, dataset, key, num_samples, count, progress) if measured else {}
    codes, means, scales = (
        values.pop(name, None) for name in ("codes", "posterior_means", "posterior_scales")
    )
    if "sharpness" in values:
        ours, real = (values.pop(name) for name in ("reconstruction_sharpness", "sharpness"))
        result["reconstruction_sharpness"] = relative(ours, real)
    if classifier and isinstance(model, CanReconstruct):
        values["reconstruction_feature_error"] = _feature_error(params, dataset, classifier, count)
    for name, value in values.items():
        result[name] = float(np.mean(value, dtype=np.float64))
        result[f"{name}_sem"] = float(np.std(value, dtype=np.float64) / np.sqrt(count))
    if means is not None and scales is not None:
        result["active_units"] = likelihood.active_units(means)
        correlation = disentanglement.latent_correlation(means, scales)
        result |= {} if correlation is None else {"latent_correlation": correlation}
    known = {name: values[:count] for name, values in dataset.attributes.items()}
    groups = known.pop(GROUP, None)
    if groups is not None and "accuracy" in values:
        result |= group_accuracies(values["accuracy"], groups)
    if codes is not None:
        result |= _compare_with_factors(codes, known, progress)
    if num_generated:
        result |= _of_samples(params, dataset, key, num_generated, classifier, train_set, progress)
    result["record"] = {
        "model": to_json(model),
        "dataset": dataset.record() | {"num_images": count},
        "num_samples": num_samples,
        "num_generated": num_generated,
        "samples": sample_quality.record() if num_generated else None,
        "smoothness": smoothness.record()
        if num_generated and isinstance(model, CanDecode)
        else None,
        "train_set": train_set.record() if num_generated and train_set else None,
        "classifier": {"accuracy": classifier.accuracy, "digest": classifier.digest}
        if classifier
        else None,
        "software": software(),
        "key": jax.random.key_data(key).tolist(),
    }
    return result
