"""`evaluate`: all metrics of a trained model on a data set, with a record of how they were made."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.data import Dataset, take_images
from genjax.data.made.biased import GROUP
from genjax.errors import UserError, check_integer
from genjax.metrics import disentanglement, likelihood, sample_quality, smoothness
from genjax.metrics.chunking import check_shape, number_classes
from genjax.metrics.classifier_files import list_taught_by
from genjax.metrics.classifiers import Classifier
from genjax.metrics.generation import draw_classes, measure_generation
from genjax.metrics.groups import group_accuracies
from genjax.metrics.per_image import ImageMetrics, measure_images
from genjax.metrics.sharpness import compute_ratio
from genjax.model import (
    CanClassify,
    CanDecode,
    CanEncode,
    EstimatesLogProb,
    HasBound,
    HasLogProb,
    HasMetrics,
    Params,
    get_model,
    is_class_conditional,
    name_likelihood,
    name_observed,
    to_json,
)
from genjax.model.random_keys import as_key
from genjax.runs.files import enable_compilation_cache, software

_MEASURED_BY_IMAGE = CanEncode | HasBound | HasLogProb | EstimatesLogProb | CanClassify | HasMetrics


def evaluate(
    params: Params,
    dataset: Dataset | ArrayLike,
    key: PRNGKeyArray | int,
    *,
    num_samples: int = 500,
    num_images: int | None = None,
    classifier: Classifier | None = None,
    num_generated: int = 0,
    train_set: Dataset | ArrayLike | None = None,
    per_image: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Measure everything that the model's methods allow, on the images of `dataset`.

    Args:
        params: of a model made for images of this shape.
        dataset: images to measure with: those of a test set.
        key: the same key gives the same metrics. A whole number n stands for jax.random.key(n).
        num_samples: k of the importance-weighted bound.
        num_images: measure this many images, drawn at random but always the same; by default all.
            Samples are compared with all.
        classifier: of the data's classes (`genjax.metrics.load_classifier`).
        num_generated: how many samples to draw and measure, as bytes; with 0 none.
        train_set: what the model was trained on, to look for copies of it among the samples. Its
            `label_names` say how the model numbers classes where `params` do not. Where neither
            does, labels are used only if the model knows as many classes as `dataset` has.
        per_image: also return the value of each image.
        progress: show a bar.

    Returns:
        Metrics by name (`genjax.metrics.METRICS` explains each), and `record`, which says how they
        were measured. A mean over images has its standard error beside it, `..._sem`. A metric that
        would not be a finite number is left out, and named in the record. With `per_image`, arrays
        [N] by name, with the positions `index` of the images.

        ======================  =====================================================  ===========
        needs                   metrics                                                module
        ======================  =====================================================  ===========
        any model               parameters
        reconstruct             reconstruction_error, reconstruction_sharpness         sharpness
        + classifier            reconstruction_feature_error
        a bound                 negative_elbo, distortion, rate, nll, active_units,    likelihood,
                                latent_correlation (of two active latents or more)     disentangl.
        `log_prob`              nll, exact
        `estimate_log_prob`     nll, an estimate, and nll_noise, its standard error
        likelihood of bytes     bits_per_dim                                           likelihood
        encode + 20 images with mig, dci_disentanglement, dci_completeness,            disentangl.
        known attributes        dci_informativeness (of at most 5,000 images)
        classify, known classes accuracy; by the attribute "group" accuracy_group_0,   groups
                                ..., worst_group_accuracy, group_gap
        `image_metrics`         the model's own
        num_generated           sharpness, spectral_sharpness,                         sharpness,
                                frechet_random_features, sampling_seconds (of 10,000)  frechet
        + classifier            frechet_classifier (FCD), kernel_distance (KID),       frechet,
                                precision, recall, density, coverage (except of        kernel,
                                stacked digits); modes, modes_kl, least_share,         coverage,
                                confidence, shares (of 20 classes or fewer)            modes
        + train_set             nearer_to_train, copies (of 2,000 samples, by pixels)  coverage
        + classifier, classes   class_agreement (of 2,000 samples)                     generation
        + decode                jacobian_variation; with a classifier path_length,     smoothness
                                label_agreement
        ======================  =====================================================  ===========

    Raises:
        UserError: if images have another shape than the model's, parameters are not finite, a
            number is too small, a group has no images, or an image is of an unknown class.

    >>> images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), np.uint8)
    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> data = genjax.data.from_arrays(images)
    >>> result = evaluate(params, data, jax.random.key(1), num_samples=2, progress=False)
    >>> result["negative_elbo"] > 0
    True
    """
    get_model(params)
    tested: Any = take_images(dataset)
    trained: Any = None if train_set is None else take_images(train_set, "train_set")
    _check(params, tested, classifier, trained)
    key, num_samples = as_key(key), check_integer(num_samples, "num_samples")
    if num_generated:
        check_integer(num_generated, "num_generated", least=2)
    count = len(tested) if num_images is None else check_integer(num_images, "num_images")
    enable_compilation_cache()
    numbered, labelled = number_classes(params, tested, trained)
    part = numbered.draw_subset(min(count, len(tested)))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(params.weights))
    result: dict[str, Any] = {"parameters": parameters}
    measured = None
    if isinstance(params.model, _MEASURED_BY_IMAGE):
        measured = measure_images(params, part, key, num_samples, classifier, labelled, progress)
        result |= _summarise(measured, part.attributes, progress)
    if num_generated:
        result |= measure_generation(
            params, tested, key, num_generated, classifier, trained, progress
        )
    wrong = [name for name, value in result.items() if not np.all(np.isfinite(value))]
    result = {name: value for name, value in result.items() if name not in wrong}
    if per_image:
        result["per_image"] = dict(measured.metrics) if measured else {}
        result["per_image"]["index"] = _drawn_index(tested, len(part))
    how = _record(params, tested, key, len(part), num_samples, wrong)
    result["record"] = how | _record_samples(
        params, tested, key, num_generated, classifier, trained
    )
    return result


def _check(
    params: Params, dataset: Dataset, classifier: Classifier | None, train_set: Dataset | None
) -> None:
    for images in filter(None, (dataset, train_set)):
        check_shape(params.model, images)
    if classifier and classifier.image_shape != params.model.image_shape:
        raise UserError(
            f"the model makes images of shape {params.model.image_shape}, but the classifier knows"
            f" those of {classifier.image_shape}."
        )
    if classifier and classifier.digest in list_taught_by(params.model):
        raise UserError(
            f"the classifier {classifier.digest} cannot judge this model, which learned from its"
            " features. genjax.recipes.classifier_training.get_classifier(train_set, test_set,"
            " models=[params.model]) gives another one."
        )
    if not all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(params)):
        raise UserError(
            "the parameters are not finite numbers: the training has diverged. Load the best"
            " weights, or train with a smaller learning rate."
        )


def _drawn_index(dataset: Dataset, count: int) -> np.ndarray:
    """Return the positions of the images that `draw_subset` draws."""
    positions = np.arange(len(dataset))
    return replace(dataset, attributes={"": positions}).draw_subset(count).attributes[""]


def _summarise(
    measured: ImageMetrics, attributes: Mapping[str, np.ndarray], progress: bool
) -> dict[str, Any]:
    """Return means and standard errors, and the metrics of all images together."""
    result: dict[str, Any] = {}
    if measured.sharpness:
        result["reconstruction_sharpness"] = compute_ratio(*measured.sharpness)
    for name, value in measured.metrics.items():
        result[name] = float(np.mean(value, dtype=np.float64))
        result[f"{name}_sem"] = float(np.std(value, dtype=np.float64) / np.sqrt(len(value)))
    if measured.posterior:
        result["active_units"] = likelihood.active_units(measured.posterior[0])
        correlation = disentanglement.latent_correlation(*measured.posterior)
        result |= {} if correlation is None else {"latent_correlation": correlation}
    factors = {name: values for name, values in attributes.items() if name != GROUP}
    if GROUP in attributes and "accuracy" in measured.metrics:
        result |= group_accuracies(measured.metrics["accuracy"], attributes[GROUP])
    if measured.codes is not None:
        result |= _compare_with_factors(measured.codes, factors, progress)
    return result


def _compare_with_factors(
    codes: np.ndarray, factors: Mapping[str, np.ndarray], progress: bool
) -> dict[str, float]:
    """Measure disentanglement where there are enough codes and a factor that varies."""
    if len(codes) < disentanglement.LEAST or not disentanglement.varying(factors):
        return {}
    gap = disentanglement.mutual_information_gap(codes, factors)
    dci = disentanglement.dci(codes, factors, progress)
    return {"mig": gap} | {f"dci_{name}": value for name, value in dci.items()}


def _record(
    params: Params,
    dataset: Dataset,
    key: jax.Array,
    count: int,
    num_samples: int,
    not_finite: list[str],
) -> dict[str, Any]:
    """Return how images were measured, ready for JSON."""
    return {
        "model": to_json(params.model),
        "dataset": dataset.record()
        | {
            "num_images": count,
            "images": "all" if count == len(dataset) else "drawn at random, always the same",
        },
        "num_samples": num_samples,
        "nll": name_likelihood(params.model),
        "observed": name_observed(params.model),
        "not_finite": not_finite,
        "software": software(),
        "key": jax.random.key_data(key).tolist(),
    }


def _record_samples(
    params: Params,
    dataset: Dataset,
    key: jax.Array,
    num_generated: int,
    classifier: Classifier | None,
    train_set: Dataset | None,
) -> dict[str, Any]:
    """Return how samples were measured, ready for JSON."""
    known = classifier.record() if classifier else None
    result: dict[str, Any] = {"num_generated": num_generated, "classifier": known}
    if taught_by := sorted(list_taught_by(params.model)):
        result["learned_from_features_of"] = taught_by
    if not num_generated:
        return result | {"samples": None, "smoothness": None, "train_set": None}
    samples = sample_quality.record(dataset, classifier)
    if is_class_conditional(params.model):
        drawn = draw_classes(params, dataset, train_set, key, 1)
        samples["requested_classes"] = "even classes" if drawn is None else "the data's shares"
    return result | {
        "samples": samples,
        "smoothness": smoothness.record() if isinstance(params.model, CanDecode) else None,
        "train_set": train_set.record() if train_set else None,
    }
