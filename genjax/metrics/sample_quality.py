"""The figures of samples beside a data set: every metric that needs images alone, and no model."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.data import Dataset
from genjax.errors import UserError
from genjax.metrics import frechet
from genjax.metrics.classifiers import Classifier
from genjax.metrics.coverage import NEIGHBOURS, coverage, memorisation
from genjax.metrics.kernel import SUBSET_SIZE, SUBSETS, kernel_distance
from genjax.metrics.modes import class_coverage
from genjax.metrics.sharpness import high_frequency_share, relative, sharpness
from genjax.nn.networks import flatten

MOST = 10_000  # of either side: beyond, the figures hardly change
_MOST_FOR_MEMORISATION = 2000  # samples and test images, each compared with all training images


def record() -> dict[str, Any]:
    """How `measure_samples` measures, ready for JSON."""
    return {
        "quantisation": "uint8",
        "most_compared": MOST,
        "neighbours": NEIGHBOURS,
        "kernel_subsets": SUBSETS,
        "kernel_subset_size": SUBSET_SIZE,
        "most_for_memorisation": _MOST_FOR_MEMORISATION,
    }


def measure_samples(
    samples: jax.Array,
    dataset: Dataset,
    classifier: Classifier | None = None,
    train_set: Dataset | None = None,
) -> dict[str, Any]:
    """The figures of any samples, uint8 [N, H, W, C], beside `dataset`; `evaluate` explains them.

    Such as those of `genjax.metrics.generate_samples`, drawn at a temperature or from a fitted density. Of
    real images they are the floor, what a perfect model would reach: with `index` a permutation of
    the test set, `measure_samples(test_set.images[index[:5000]], test_set.subset(index[5000:],
    "half"), classifier)`. Compare it with as many samples beside as many images.

    Raises:
        UserError: where there are fewer than two samples or images, or their shapes differ.
    """
    if samples.shape[1:] != dataset.image_shape:
        raise UserError(
            f"the samples have the shape {samples.shape[1:]}, but the images of {dataset.name!r}"
            f" have {dataset.image_shape}."
        )
    some, real = samples[:MOST], frechet.draw_images(dataset, MOST)
    result = _of_pixels(some, real)
    if classifier:
        predictions = classifier.classify(samples / np.float32(255))
        if not classifier.stacked:
            features = classifier.features(real / np.float32(255))
            result |= _of_features(predictions.features[:MOST], features)
        result |= class_coverage(predictions, len(classifier.label_names))
    if train_set and len(train_set) >= 2:
        few = (flatten(images[:_MOST_FOR_MEMORISATION]) for images in (some, real))
        result |= _floats(memorisation(*few, flatten(train_set.images)))
    return result


def _of_pixels(samples: jax.Array, real: jax.Array) -> dict[str, float]:
    images = [x / np.float32(255) for x in (samples, real)]
    features = (frechet.random_features(x) for x in (samples, real))
    return {
        "sharpness": relative(*map(sharpness, images)),
        "spectral_sharpness": relative(*map(high_frequency_share, images)),
        "frechet_random_features": _frechet_distance(*features),
    }


def _of_features(samples: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Features [N, D] and [M, D]; nearest neighbours only where there are enough."""
    mean, deviation = kernel_distance(samples, real, jax.random.key(0))
    result = {
        "frechet_classifier": _frechet_distance(samples, real),
        "kernel_distance": float(mean),
        "kernel_distance_std": float(deviation),
    }
    if min(len(samples), len(real)) > NEIGHBOURS:
        result |= _floats(coverage(jnp.asarray(samples), jnp.asarray(real)))
    return result


def _frechet_distance(samples: np.ndarray, real: np.ndarray) -> float:
    return frechet.frechet_distance(*frechet.fit_gaussian(samples), *frechet.fit_gaussian(real))


def _floats(scalars: dict[str, jax.Array]) -> dict[str, float]:
    return {name: float(value) for name, value in scalars.items()}
