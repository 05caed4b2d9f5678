"""How the classifiers that measure samples are trained: those that genjax ships, and any other."""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import jax

from genjax import data
from genjax.data import Dataset
from genjax.errors import check_integer
from genjax.metrics import classifier_files as files
from genjax.metrics.classifiers import (
    Classifier,
    check_sets,
    first_digits,
    make_classifier,
)
from genjax.model import Model, Params
from genjax.models.image_classifier import ImageClassifier
from genjax.runs.files import enable_compilation_cache
from genjax.training.configuration import Optimizer, Training
from genjax.training.fit import fit

_IMAGES_SHOWN = 360_000  # in training: six epochs of MNIST
_MOST_EPOCHS = 40
_WARMUP_STEPS = 200  # at most; a fifth of a short run


@dataclass(frozen=True)
class ClassifierRecipe:
    """A data set, and how the classifier that genjax ships for it is trained."""

    dataset: str
    model: ImageClassifier
    images_shown: int = _IMAGES_SHOWN


_PLAIN = ImageClassifier()
_DEEP = ImageClassifier(channels=(32, 64, 64, 128, 256), deep=True, mirrored=True)
_WIDE = ImageClassifier(channels=(48, 48, 96, 96, 192), hidden=96, deep=True, largest_shift=1)
CLASSIFIERS = {
    "mnist": ClassifierRecipe("mnist", _PLAIN),
    "stacked": ClassifierRecipe("stacked_mnist", _PLAIN),
    # clothes lie in the centre of their images: they are not shifted
    "fashion": ClassifierRecipe("fashion_mnist", replace(_DEEP, largest_shift=0), 420_000),
    "cifar10": ClassifierRecipe("cifar10", _DEEP, 500_000),
    # second ones, of another architecture, for models that learn from the features of the first
    "mnist-second": ClassifierRecipe("mnist", _WIDE),
    "fashion-second": ClassifierRecipe("fashion_mnist", replace(_WIDE, mirrored=True), 420_000),
    "cifar10-second": ClassifierRecipe("cifar10", replace(_WIDE, mirrored=True), 500_000),
}


def get_classifier(
    train_set: Dataset, test_set: Dataset, progress: bool = True, models: Sequence[Model] = ()
) -> Classifier:
    """Load the classifier of a data set's classes, or train it where there is none yet.

    What is trained is kept in the user's cache folder (or GENJAX_CACHE_DIR), for
    `genjax.metrics.classifiers.load_classifier` to find. Training shows it 360,000 images, at most
    40 epochs: a minute on two CPU cores.

    Args:
        test_set: on which the accuracy is measured.
        progress: show a bar.
        models: those that it is to judge. A classifier whose features one of them learns from is
            passed over.

    Raises:
        UserError: as `load_classifier`, except where there is no classifier yet.
    """
    check_sets(train_set, test_set)
    enable_compilation_cache()
    train_digits, test_digits = first_digits(train_set), first_digits(test_set)
    taught_by = files.list_taught_by(*models)
    stored = files.find_stored(train_digits, taught_by)
    if stored is None:
        stored = _train_missing(train_digits, test_digits, taught_by, progress)
    return make_classifier(stored, test_set)


def _train_missing(
    train_set: Dataset, test_set: Dataset, other_than: Collection[str], progress: bool
) -> files.StoredClassifier:
    """Train a classifier whose digest is not among `other_than`, and keep it in the cache."""
    model = ImageClassifier(num_classes=len(train_set.label_names))
    training = make_training(len(train_set))
    for seed in files.SEEDS:
        stored = _train(model, training, train_set, test_set, seed, progress)
        with contextlib.suppress(OSError):  # no room or no right: the next call trains again
            files.write_classifier(files.cached_path(train_set, seed), stored)
        if files.compute_digest(stored.params) not in other_than:
            break
    return stored


def train_shipped(name: str, seed: int = 0) -> files.StoredClassifier:
    """Train a classifier of `CLASSIFIERS` as it can be shipped, with the key of `seed`.

    Raises:
        UserError: on a bad seed, or where the data set cannot be loaded.
    """
    check_integer(seed, "seed", 0, 2**32 - 1)
    recipe = CLASSIFIERS[name]
    train_set, test_set = (
        first_digits(data.load(recipe.dataset, split, stream=False)) for split in ("train", "test")
    )
    model = replace(recipe.model, num_classes=len(train_set.label_names))
    training = make_training(len(train_set), recipe.images_shown)
    stored = _train(model, training, train_set, test_set, seed, progress=True)
    return files.add_fingerprint(stored, train_set)


def make_training(num_images: int, images_shown: int = _IMAGES_SHOWN) -> Training:
    """Return the training that shows that many images in all, in at most 40 epochs."""
    epochs = max(1, min(_MOST_EPOCHS, round(images_shown / num_images)))
    updates = epochs * max(1, num_images // Training.batch_size)
    optimizer = Optimizer(
        "adamw",
        learning_rate=2e-3,
        schedule="cosine",
        warmup_steps=min(_WARMUP_STEPS, updates // 5),
        weight_decay=0.02,
    )
    return Training(epochs=epochs, optimizer=optimizer)


def _train(
    model: ImageClassifier,
    training: Training,
    train_set: Dataset,
    test_set: Dataset,
    seed: int,
    progress: bool,
) -> files.StoredClassifier:
    params = fit(model, train_set, jax.random.key(seed), training, progress=progress)
    return measure_stored(params, test_set)


def measure_stored(params: Params, test_set: Dataset) -> files.StoredClassifier:
    """Return the parameters as a file will hold them, with their accuracy on `test_set`."""
    rounded = files.round_to_float16(params)
    unmeasured = files.StoredClassifier(rounded, 0.0, test_checksum="")
    accuracy = make_classifier(unmeasured, test_set).accuracy
    return files.StoredClassifier(rounded, accuracy, test_set.checksum)
