"""A classifier of a data set's classes, whose features and predictions measure samples.

(1) h(x), the features, [D], and
(2) p(c|x), the probabilities: as genjax.models.image_classifier numbers them
(3) p(100 r + 10 g + b | x) = p(r|x_R) p(g|x_G) p(b|x_B)     of stacked digits

(3) is the PacGAN protocol (Lin et al. 2018, arXiv:1712.04086): one classifier of digits, applied to
each channel.

No two machines train the same weights to the bit. Metrics that depend on a classifier are
comparable only where its `digest` is the same, as it is for every data set whose classifier is
shipped. `load_classifier` finds a classifier; `genjax.recipes.classifier_training` trains one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from genjax.data import Dataset
from genjax.data.made.stacked import LABEL_NAMES as STACKED_NAMES
from genjax.data.made.stacked import select_first_digit
from genjax.errors import UserError, check_images
from genjax.metrics import classifier_files as files
from genjax.metrics.chunking import padded_chunks
from genjax.model import Params
from genjax.model.compiling import jit
from genjax.nn.networks import flatten
from genjax.runs.files import enable_compilation_cache

_IMAGES_AT_ONCE = 500


@jit
def _predict(params: Params, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Images [N, H, W, C] -> (2) probabilities [N, classes], (1) features [N, D]."""
    logits, features = params.model.apply(params, "classifier", images)
    return jax.nn.softmax(logits), features  # (2)


@jit
def _predict_stacked(params: Params, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Images [N, H, W, 3] -> (3) probabilities [N, 1000], (1) features [N, 3 D]."""
    (r, g, b), features = jax.vmap(lambda channel: _predict(params, channel[..., None]))(
        jnp.moveaxis(images, -1, 0)
    )
    product = r[:, :, None, None] * g[:, None, :, None] * b[:, None, None, :]
    return flatten(product), flatten(jnp.moveaxis(features, 0, 1))


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a classifier finds in N images.

    Attributes:
        labels: int [N], the most probable class of each.
        confidence: [N], the probability of that class.
        features: [N, D], (1); of stacked digits [N, 3 D].
    """

    labels: np.ndarray
    confidence: np.ndarray
    features: np.ndarray


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["params"],
    meta_fields=["accuracy", "digest", "label_names", "stacked"],
)
@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained classifier: a pytree, as `Params` are.

    Its methods take images [N, H, W, C], bytes (uint8) or floats in [0, 1], any number of them.
    `predict` takes all at once and works under `jit`; the others go through them in chunks.

    Attributes:
        params: of the `ImageClassifier`.
        accuracy: share of the test set that is classified correctly.
        digest: the beginning of the sha256 over the parameters.
        label_names: of the classes.
        stacked: whether it classifies three stacked digits by a classifier of one digit, (3).
    """

    params: Params
    accuracy: float
    digest: str
    label_names: tuple[str, ...]
    stacked: bool = False

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(height, width, channels) of the images that it classifies."""
        height, width, channels = self.params.model.image_shape
        return height, width, 3 if self.stacked else channels

    def record(self) -> dict[str, Any]:
        """Return what the record of a result says of the classifier, ready for JSON."""
        return {"accuracy": self.accuracy, "digest": self.digest}

    def predict(self, images: ArrayLike) -> tuple[Float[Array, "n classes"], Float[Array, "n d"]]:
        """Return the probabilities, (2) or (3), and the features (1).

        Raises:
            UserError: where the images have another shape or range (`genjax.errors.check_images`).
        """
        images = check_images(images, self.image_shape)
        return (_predict_stacked if self.stacked else _predict)(self.params, images)

    def classify(self, images: ArrayLike) -> Predictions:
        """Return labels, confidence and features."""
        return Predictions(*self._map(images, _choose_class))

    def probabilities(self, images: ArrayLike) -> Float[np.ndarray, "n classes"]:
        """Return (2), or of stacked digits (3)."""
        return self._map(images, lambda probabilities, _: (probabilities,))[0]

    def features(self, images: ArrayLike) -> Float[np.ndarray, "n d"]:
        """Return (1)."""
        return self._map(images, lambda _, features: (features,))[0]

    def _map(
        self, images: ArrayLike, choose: Callable[[jax.Array, jax.Array], tuple[jax.Array, ...]]
    ) -> list[np.ndarray]:
        """Apply `choose` to probabilities and features, a chunk of images at a time."""
        array = images if isinstance(images, jax.Array) else np.asarray(images)
        if not array.size:
            raise UserError("there are no images to classify.")
        parts = [
            [np.asarray(part)[:count] for part in choose(*self.predict(array[index]))]
            for index, count in padded_chunks(len(array), _IMAGES_AT_ONCE)
        ]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]


@jax.jit
def _choose_class(probabilities: jax.Array, features: jax.Array) -> tuple[jax.Array, ...]:
    return jnp.argmax(probabilities, axis=1), jnp.max(probabilities, axis=1), features


def load_classifier(train_set: Dataset, test_set: Dataset) -> Classifier:
    """Load the classifier of a data set's classes: the one that genjax ships, or a cached one.

    genjax ships those of MNIST, Fashion-MNIST, CIFAR-10 and Stacked MNIST. Others, that of the
    offline sample of MNIST too, lie in the user's cache folder (or GENJAX_CACHE_DIR) once
    `genjax.recipes.classifier_training.get_classifier` has trained them. That of stacked digits
    classifies one digit, and is applied to each channel.

    Args:
        test_set: on which the accuracy is measured.

    Raises:
        UserError: where there is no classifier yet; where the training set has no labels or fewer
            than two classes; where the two sets differ in classes or in the shape of images; where
            the shipped file is damaged.
    """
    check_sets(train_set, test_set)
    stored = files.find_stored(first_digits(train_set))
    if stored is None:
        raise UserError(
            f"there is no classifier of {train_set.name} ({train_set.split}) yet. Train one, once:"
            " genjax.recipes.classifier_training.get_classifier(train_set, test_set)."
        )
    return make_classifier(stored, test_set)


def restore_classifier(stored: files.StoredClassifier, label_names: tuple[str, ...]) -> Classifier:
    """Return the classifier of a file, with the accuracy that the file states."""
    digest, stacked = files.compute_digest(stored.params), label_names == STACKED_NAMES
    return Classifier(stored.params, stored.accuracy, digest, label_names, stacked)


def make_classifier(stored: files.StoredClassifier, test_set: Dataset) -> Classifier:
    """Return the classifier of a file, with its accuracy on `test_set`."""
    classifier = restore_classifier(stored, test_set.label_names)
    if not classifier.stacked and stored.test_checksum == test_set.checksum:
        return classifier
    return replace(classifier, accuracy=measure_accuracy(classifier, test_set))


def measure_accuracy(classifier: Classifier, dataset: Dataset) -> float:
    """Return the share of images that are classified correctly."""
    enable_compilation_cache()
    return float(np.mean(classifier.classify(dataset.images).labels == np.asarray(dataset.labels)))


def check_sets(train_set: Dataset, test_set: Dataset) -> None:
    """Raise `UserError` where a classifier cannot be trained and tested on the two sets."""
    name, names = train_set.name, train_set.label_names
    if len(names) < 2 or len(np.unique(train_set.labels)) < 2:
        raise UserError(
            f"{name} ({train_set.split}) has no labels of two or more classes, which a classifier"
            " needs. Measure without one, or give labels and label_names to from_arrays."
        )
    if test_set.label_names != names or test_set.image_shape != train_set.image_shape:
        raise UserError(
            f"{test_set.name} ({test_set.split}) has other classes or another shape of images than"
            f" {name} ({train_set.split}): give two splits of one data set."
        )
    for dataset in (train_set, test_set):
        labels = np.asarray(dataset.labels)
        if labels.min() < 0 or labels.max() >= len(names):
            raise UserError(
                f"{dataset.name} ({dataset.split}) has labels from {labels.min()} to"
                f" {labels.max()}, but {len(names)} label_names: labels count from 0."
            )


def first_digits(dataset: Dataset) -> Dataset:
    """Return stacked digits as their first channel, and every other data set as it is."""
    return select_first_digit(dataset) if dataset.label_names == STACKED_NAMES else dataset
