"""Metrics of samples beside a data set: every metric that needs images alone, and no model."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from numpy.typing import ArrayLike

from genjax.data import Dataset, take_images
from genjax.data.dataset import renumber_labels
from genjax.errors import UserError
from genjax.metrics import frechet
from genjax.metrics.chunking import to_bytes
from genjax.metrics.classifiers import Classifier, Predictions
from genjax.metrics.coverage import NEIGHBOURS, coverage, memorisation
from genjax.metrics.jackknife import jackknife_error
from genjax.metrics.kernel import SUBSET_SIZE, SUBSETS, kernel_distance
from genjax.metrics.modes import class_coverage, expected_shares
from genjax.metrics.samples import draw_images, draw_rows
from genjax.metrics.sharpness import compute_ratio, high_frequency_share, sharpness

MOST = 10_000  # of either side: more hardly change a metric
_MOST_FOR_MEMORISATION = 2000  # samples and test images, each compared with all training images


def record(dataset: Dataset, classifier: Classifier | None) -> dict[str, Any]:
    """Return how `measure_samples` measures, ready for JSON."""
    result = {
        "quantisation": "uint8",
        "most_compared": MOST,
        "neighbours": NEIGHBOURS,
        "kernel_subsets": SUBSETS,
        "kernel_subset_size": SUBSET_SIZE,
        "most_for_memorisation": _MOST_FOR_MEMORISATION,
    }
    if classifier:
        known = _data_shares(dataset, classifier) is not None
        result["expected_classes"] = "the data's shares" if known else "even classes"
    return result


def measure_samples(
    samples: ArrayLike,
    dataset: Dataset | ArrayLike,
    classifier: Classifier | None = None,
    train_set: Dataset | ArrayLike | None = None,
) -> dict[str, Any]:
    """Measure any samples beside a data set. `genjax.evaluate` has the table of the metrics.

    Samples may be those of `genjax.metrics.generate_samples`, drawn at a temperature or from a
    fitted density, or real images, which show what a perfect model would reach. Compare them with
    as many samples beside as many images.

    Args:
        samples: [N, H, W, C], bytes or floats in [0, 1]. Of more than 10,000, as many are drawn.
        dataset: the images to compare with.
        classifier: of the data's classes; without one, only pixels are compared.
        train_set: what the model was trained on, to look for copies of it.

    Returns:
        metrics by name. Beside `sharpness` and `frechet_classifier` stands the standard error that
        the number of samples leaves, `..._sem`. A metric that would not be a finite number, such as
        a ratio to data without any contrast, is left out.

    Raises:
        UserError: where there are fewer than two samples or images, or their shapes differ.

    >>> images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
    >>> data = genjax.data.from_arrays(images)
    >>> measure_samples(images, data, train_set=data)["copies"]
    1.0
    """
    compared: Any = take_images(dataset)
    trained: Any = None if train_set is None else take_images(train_set, "train_set")
    stored = to_bytes(samples, name="samples")
    if min(len(stored), len(compared)) < 2:
        raise UserError(
            f"{len(stored)} samples cannot be compared with {len(compared)} images: give at least 2"
            " of each."
        )
    if stored.shape[1:] != compared.image_shape:
        raise UserError(
            f"the samples have the shape {stored.shape[1:]}, but the images of {compared.name!r}"
            f" have {compared.image_shape}."
        )
    some, real = draw_rows(stored, MOST), draw_images(compared, MOST)
    result: dict[str, Any] = _compare_pixels(some, real)
    if classifier:
        result |= _compare_classes(stored, real, compared, classifier)
    if trained and bool(jnp.any(trained.images != trained.images[:1])):
        few, tested = (draw_rows(images, _MOST_FOR_MEMORISATION) for images in (some, real))
        result |= _to_floats(memorisation(few, tested, trained.images))
    return {name: value for name, value in result.items() if np.all(np.isfinite(value))}


def _compare_pixels(
    samples: UInt8[Array, "n h w c"], real: UInt8[Array, "m h w c"]
) -> dict[str, float]:
    features = map(frechet.random_features, (samples, real))
    result = {"frechet_random_features": frechet.compare_features(*features)}
    if min(samples.shape[1:3]) < 3:  # too small for sharpness
        return result
    ours, theirs = (np.asarray(sharpness(images)) for images in (samples, real))
    return {
        "sharpness": compute_ratio(ours, theirs),
        "sharpness_sem": jackknife_error(lambda some: compute_ratio(some, theirs), ours),
        "spectral_sharpness": compute_ratio(*map(high_frequency_share, (samples, real))),
    } | result


def _compare_classes(
    samples: jax.Array, real: jax.Array, dataset: Dataset, classifier: Classifier
) -> dict[str, Any]:
    """Compare features, except of stacked digits, and count the classes of all samples."""
    predictions: Predictions = classifier.classify(samples)
    result: dict[str, Any] = {}
    if not classifier.stacked:
        some = draw_rows(predictions.features, MOST)
        result = _compare_features(some, classifier.features(real))
    expected = _data_shares(dataset, classifier)
    return result | class_coverage(predictions, len(classifier.label_names), expected)


def _data_shares(dataset: Dataset, classifier: Classifier) -> Float[np.ndarray, " classes"] | None:
    """Return the shares of the data's classes, None where samples are expected to be even."""
    if not dataset.label_names or not {*dataset.label_names} <= {*classifier.label_names}:
        return None
    labels = renumber_labels(dataset, classifier.label_names)
    return expected_shares(labels, len(classifier.label_names))


def _compare_features(samples: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Compare features [N, D] and [M, D]; nearest neighbours only where there are enough."""
    mean, deviation = kernel_distance(samples, real, jax.random.key(0))
    of_data = frechet.fit_gaussian(real)

    def measure_distance(some: np.ndarray) -> float:
        return frechet.frechet_distance(*frechet.fit_gaussian(some), *of_data)

    result = {
        "frechet_classifier": measure_distance(samples),
        "frechet_classifier_sem": jackknife_error(measure_distance, np.asarray(samples)),
        "kernel_distance": float(mean),
        "kernel_distance_std": float(deviation),
    }
    if min(len(samples), len(real)) > NEIGHBOURS:
        result |= _to_floats(coverage(samples, real))
    return result


def _to_floats(scalars: dict[str, Float[Array, ""]]) -> dict[str, float]:
    return {name: float(value) for name, value in scalars.items()}
