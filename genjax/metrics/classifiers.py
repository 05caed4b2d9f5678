"""A classifier of a data set's classes that classifies samples: shipped with genjax, or trained here.

(1) h(x), the features, [D], and
(2) p(c|x), the probabilities: as genjax.models.image_classifier numbers them
(3) p(100 r + 10 g + b | x) = p(r|x_R) p(g|x_G) p(b|x_B)     of stacked digits

(3) is the PacGAN protocol (Lin et al. 2018, arXiv:1712.04086): one classifier of digits,
applied to each channel.

No two machines train the same weights to the bit, so figures that depend on a classifier are comparable
only where its `digest` is the same: for the data sets whose classifiers are shipped, everywhere.
"""

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from genjax.data import Dataset
from genjax.data.made.stacked import LABEL_NAMES as STACKED_NAMES
from genjax.data.made.stacked import select_first_digit
from genjax.errors import UserError
from genjax.metrics import classifier_files as files
from genjax.metrics.classifier_budget import choose_training
from genjax.metrics.images import chunks
from genjax.model import Params
from genjax.models.image_classifier import ImageClassifier
from genjax.nn.networks import flatten
from genjax.runs.files import cache_folder, enable_compilation_cache
from genjax.training.fit import fit

_IMAGES_AT_ONCE = 500


@jax.jit
def _predict(params: Params, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(2) and (1): images [N, H, W, C] -> probabilities [N, classes], features [N, D]."""
    logits, features = params.model.apply(params, "classifier", images)
    return jax.nn.softmax(logits), features  # (2)


@jax.jit
def _predict_stacked(params: Params, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(3): images [N, H, W, 3] -> probabilities [N, 1000], features [N, 3 D]."""
    (r, g, b), features = jax.vmap(lambda channel: _predict(params, channel[..., None]))(
        jnp.moveaxis(images, -1, 0)
    )
    product = r[:, :, None, None] * g[:, None, :, None] * b[:, None, None, :]
    return flatten(product), flatten(jnp.moveaxis(features, 0, 1))


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a classifier sees in N images: `labels` int [N], the most probable classes; `confidence` [N],
    their probabilities; `features` [N, D], (1), of stacked digits [N, 3 D].
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
    """A trained classifier. Images are float32 [N, H, W, C] in [0, 1], any number of them.

    A pytree, as `Params` are: `predict` works under `jit`. The others go over chunks of images.

    Attributes:
        params: of the `ImageClassifier`.
        accuracy: share of the test set's images that it is right about.
        digest: the beginning of the sha256 over the parameters.
        label_names: of the classes.
        stacked: whether it classifies three stacked digits by a classifier of one, (3).
    """

    params: Params
    accuracy: float
    digest: str
    label_names: tuple[str, ...]
    stacked: bool = False

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of the images that it classifies: (height, width, channels)."""
        height, width, channels = self.params.model.image_shape
        return height, width, 3 if self.stacked else channels

    def predict(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(2) or (3), [N, classes], and (1), [N, D], of all images at once."""
        return (_predict_stacked if self.stacked else _predict)(self.params, images)

    def verdict(self, images: jax.Array) -> Verdict:
        """All that it sees, in one pass."""
        return Verdict(*self._each(images, _decide))

    def probabilities(self, images: jax.Array) -> np.ndarray:
        """(2) or (3): [N, classes]."""
        return self._each(images, lambda probabilities, _: (probabilities,))[0]

    def features(self, images: jax.Array) -> np.ndarray:
        """(1): [N, D]; of stacked digits [N, 3 D]."""
        return self._each(images, lambda _, features: (features,))[0]

    def _each(
        self, images: jax.Array, choose: Callable[[jax.Array, jax.Array], tuple[jax.Array, ...]]
    ) -> list[np.ndarray]:
        """What `choose` takes of the probabilities and features, a chunk of images at a time."""
        parts = [
            [np.asarray(part)[:real] for part in choose(*self.predict(images[index]))]
            for index, real in chunks(len(images), _IMAGES_AT_ONCE)
        ]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]


@jax.jit
def _decide(probabilities: jax.Array, features: jax.Array) -> tuple[jax.Array, ...]:
    return jnp.argmax(probabilities, axis=1), jnp.max(probabilities, axis=1), features


def get_classifier(train_set: Dataset, test_set: Dataset, progress: bool = True) -> Classifier:
    """A classifier of `train_set`'s classes, the one that genjax ships or one that is trained.

    It is shipped for MNIST, Fashion-MNIST, CIFAR-10 and Stacked MNIST. For others it is trained at
    the first call, then kept in the user's cache folder (or GENJAX_CACHE_DIR), under a name that is
    made of the training set's checksum and the classifier's specification. Training shows it
    360,000 images, at most 40 epochs: a minute on two CPU cores. For stacked digits it is a
    classifier of one, trained on their first channel, in which every digit occurs once.

    The offline sample of MNIST has one of its own: all its digits, its test set's too, are of the
    training set of the one that is shipped.

    Args:
        test_set: on which the accuracy is measured.
        progress: show a bar.

    Raises:
        UserError: where the training set has no labels or fewer than two classes, the sets have
            not the same classes or shape of images, or the shipped file is damaged.
    """
    _check_sets(train_set, test_set)
    if train_set.label_names == STACKED_NAMES:
        of_digits = get_classifier(
            select_first_digit(train_set), select_first_digit(test_set), progress
        )
        of_three = replace(of_digits, label_names=STACKED_NAMES, stacked=True)
        return replace(of_three, accuracy=_accuracy(of_three, test_set))
    enable_compilation_cache()
    stored = files.shipped(train_set) or _trained(train_set, test_set, progress)
    if stored.test_checksum != test_set.checksum:
        stored = measured(stored.params, test_set)
    return _as_classifier(stored, test_set)


def _trained(train_set: Dataset, test_set: Dataset, progress: bool) -> files.Stored:
    """From the cache, else trained and kept there."""
    model = ImageClassifier(train_set.image_shape, num_classes=len(train_set.label_names))
    training = choose_training(len(train_set))
    specification = repr((train_set.checksum, model, training))
    name = f"{hashlib.sha256(specification.encode()).hexdigest()[:16]}.npz"
    path = cache_folder() / "classifiers" / name
    try:
        return files.read(path)
    except Exception:  # a missing or damaged file: each kind of damage raises an error of its own
        pass
    params = fit(model, train_set, jax.random.key(0), training, progress=progress)
    stored = measured(params, test_set)
    with contextlib.suppress(OSError):  # no room or no right to write: the next call trains again
        files.write(path, stored)
    return stored


def measured(params: Params, test_set: Dataset) -> files.Stored:
    """The parameters as a file will hold them, with their accuracy on `test_set`."""
    stored = files.Stored(files.rounded(params), 0.0, test_set.checksum)
    return replace(stored, accuracy=_accuracy(_as_classifier(stored, test_set), test_set))


def _check_sets(train_set: Dataset, test_set: Dataset) -> None:
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


def _as_classifier(stored: files.Stored, dataset: Dataset) -> Classifier:
    digest = files.digest(stored.params)
    return Classifier(stored.params, stored.accuracy, digest, dataset.label_names)


def _accuracy(classifier: Classifier, dataset: Dataset) -> float:
    labels = classifier.verdict(dataset.images / np.float32(255)).labels
    return float(np.mean(labels == np.asarray(dataset.labels)))
