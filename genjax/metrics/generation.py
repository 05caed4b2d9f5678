"""Metrics of what a model generates: of its samples, of their classes, and of its latent space."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, PRNGKeyArray, UInt8

from genjax.data import Dataset
from genjax.metrics import sample_quality, smoothness
from genjax.metrics.chunking import find_label_names, number_classes
from genjax.metrics.classifiers import Classifier
from genjax.metrics.samples import generate_samples
from genjax.model import CanDecode, Params, count_classes, is_class_conditional
from genjax.runs.progress import progress as progress_bar

# Folded into the key, beside the numbers 0, 1, ... of the chunks of images that are measured.
_SAMPLES, _SMOOTHNESS, _REQUESTED, _CLASSES = 2**31 - 1, 2**31 - 2, 2**31 - 3, 2**31 - 4
_NUM_REQUESTED = 2000  # samples of requested classes


def measure_generation(
    params: Params,
    dataset: Dataset,
    key: PRNGKeyArray,
    num: int,
    classifier: Classifier | None,
    train_set: Dataset | None,
    progress: bool,
) -> dict[str, Any]:
    """Measure `num` samples, and the latent space that they come from; see `genjax.evaluate`."""
    labels = draw_classes(params, dataset, train_set, key, num)
    images, speed = _draw_timed(params, jax.random.fold_in(key, _SAMPLES), num, labels, progress)
    result = sample_quality.measure_samples(images, dataset, classifier, train_set) | speed
    if classifier and is_class_conditional(params.model):
        key_requested = jax.random.fold_in(key, _REQUESTED)
        names = find_label_names(params, train_set)
        result |= class_agreement(params, classifier, key_requested, names)
    if isinstance(params.model, CanDecode):
        key_smoothness = jax.random.fold_in(key, _SMOOTHNESS)
        result |= smoothness.measure_smoothness(params, classifier, key_smoothness)
    return result


def draw_classes(
    params: Params, dataset: Dataset, train_set: Dataset | None, key: PRNGKeyArray, num: int
) -> np.ndarray | None:
    """Draw the classes of `num` samples, int [num], as often as they occur in the data.

    None where the model knows no classes, or other ones than the data: it draws them evenly itself.
    """
    if not is_class_conditional(params.model):
        return None
    numbered, known = number_classes(params, dataset, train_set)
    labels = np.asarray(numbered.labels)
    if not known or labels.max() >= count_classes(params.model):
        return None
    drawn = jax.random.choice(jax.random.fold_in(key, _CLASSES), len(labels), (num,))
    return labels[np.asarray(drawn)]


def _draw_timed(
    params: Params, key: jax.Array, num: int, labels: np.ndarray | None, progress: bool
) -> tuple[UInt8[Array, "n h w c"], dict[str, float]]:
    """Draw samples, and measure the time that 10,000 take; the first chunk compiles."""
    moments: list[tuple[float, int]] = []  # the time after every chunk, and its samples
    with progress_bar(total=num, desc="sampling", show=progress) as bar:
        images = generate_samples(params, key, num, _make_clock(bar.update, moments), labels)
    timed = sum(count for _, count in moments[1:])
    seconds = moments[-1][0] - moments[0][0]
    return images, {"sampling_seconds": 10_000 * seconds / timed} if timed else {}


def _make_clock(
    update: Callable[[int], object], moments: list[tuple[float, int]]
) -> Callable[[int], None]:
    def note(count: int) -> None:
        update(count)
        moments.append((time.perf_counter(), count))

    return note


def class_agreement(
    params: Params, classifier: Classifier, key: PRNGKeyArray, label_names: tuple[str, ...] = ()
) -> dict[str, float]:
    """Measure the share of 2,000 samples that the classifier assigns to the requested class.

    Every class that both know is requested equally often. They are compared by their names, the
    model's being `label_names`; without these by number, if there are as many.

    Returns:
        `class_agreement`; nothing where the model and the classifier know no common class.
    """
    theirs, count = classifier.label_names, count_classes(params.model)
    if len(label_names) != count:
        label_names = theirs if len(theirs) == count else ()
    common = [(i, theirs.index(name)) for i, name in enumerate(label_names) if name in theirs]
    if not common:
        return {}
    requested, expected = np.resize(np.array(common), (_NUM_REQUESTED, 2)).T
    images = generate_samples(params, key, _NUM_REQUESTED, labels=requested)
    found = classifier.classify(images).labels
    return {"class_agreement": float(np.mean(found == expected))}
