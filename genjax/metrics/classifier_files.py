"""Files of trained classifiers: those that genjax ships, and those in the user's cache.

A file holds the weights as float16, the model, the accuracy with the checksum of the test set that
it was measured on, and the digest of the weights, which is checked when the file is read. A shipped
file also holds a fingerprint of its training set:

(1) the number of images of every class, and the mean image of every class

The checksum of a data set depends on the order of its images, and a copy of CIFAR-10 stored as JPEG
has slightly different pixels. The fingerprint (1) is the same for all copies of one data set.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax.data import Dataset
from genjax.errors import UserError
from genjax.model import HasFrozenFeatures, Model, Params
from genjax.models.image_classifier import ImageClassifier
from genjax.models.projected import FEATURES
from genjax.runs.checkpoints import fill_tree, name_arrays
from genjax.runs.files import cache_folder, replace_file

SHIPPED_FEATURES = ("cifar10", "fashion_mnist", "mnist")  # of `ProjectedGAN.features`
WEIGHTS = Path(__file__).parent / "weights"
_FILE_NAMES = {"stacked_mnist, R": "stacked_mnist"}  # of data sets whose file is called otherwise
SECOND = "-second"  # in the name of the second file of a data set
SEEDS = (0, 1)  # of cached classifiers, the second for models that the first has helped to train
_LARGEST_DIFFERENCE = 2.0  # of a pixel of a mean image, in grey levels of 255
_VERSION = (
    1  # of how `genjax.recipes.classifier_training` trains; part of the name of a cached file
)


@dataclass(frozen=True, eq=False)
class StoredClassifier:
    """The content of a file.

    Attributes:
        params: weights and stats, rounded to float16.
        accuracy: share of the test set that is classified correctly.
        test_checksum: of that test set.
        num_images: [classes], of the training set (1); None where the file does not say.
        mean_images: [classes, H, W, C] in grey levels, of the training set (1); or None.
    """

    params: Params
    accuracy: float
    test_checksum: str
    num_images: np.ndarray | None = None
    mean_images: np.ndarray | None = None

    def matches(self, train_set: Dataset) -> bool:
        """Tell whether `train_set` has the fingerprint (1)."""
        if self.num_images is None or self.mean_images is None:
            return False
        if self.mean_images.shape != (len(train_set.label_names), *train_set.image_shape):
            return False
        if not np.array_equal(self.num_images, _count_images(train_set)):
            return False
        differences = np.abs(_average_images(train_set) - self.mean_images)
        return bool(np.max(differences) < _LARGEST_DIFFERENCE)


@cache
def load_features(name: str) -> Params:
    """Load the weights of the classifier that is shipped for a data set.

    >>> load_features("mnist").model.image_shape
    (28, 28, 1)
    """
    return _read_shipped(WEIGHTS / f"{name}.npz").params


for _name in SHIPPED_FEATURES:
    FEATURES[_name] = partial(load_features, _name)


def list_taught_by(*models: Model) -> set[str]:
    """Return the digests of the classifiers whose features the models learn from.

    >>> list_taught_by(genjax.VAE())
    set()
    """
    taught = [model for model in models if isinstance(model, HasFrozenFeatures)]
    return {compute_digest(model.frozen_features()) for model in taught}


def find_stored(train_set: Dataset, other_than: Collection[str] = ()) -> StoredClassifier | None:
    """Return the classifier of this data set that is shipped, else the cached one, else None.

    One whose digest is among `other_than` is passed over.

    Raises:
        UserError: where the shipped file is damaged. A damaged cached file counts as missing.
    """
    if shipped := load_shipped(train_set, other_than):
        return shipped
    for seed in SEEDS:
        with contextlib.suppress(Exception):  # every kind of damage raises an error of its own
            stored = read_classifier(cached_path(train_set, seed))
            if compute_digest(stored.params) not in other_than:
                return stored
    return None


def load_shipped(train_set: Dataset, other_than: Collection[str] = ()) -> StoredClassifier | None:
    """Return the classifier of this data set that comes with genjax, or None.

    There may be a second one, for models that the first has helped to train. One whose digest is
    among `other_than` is passed over.

    Raises:
        UserError: where its file is damaged.
    """
    return _find_shipped(train_set, ("", SECOND), other_than)


def load_second(train_set: Dataset) -> StoredClassifier | None:
    """Return the second classifier of this data set that comes with genjax, or None.

    Raises:
        UserError: where its file is damaged.
    """
    return _find_shipped(train_set, (SECOND,))


def _find_shipped(
    train_set: Dataset, endings: Collection[str], other_than: Collection[str] = ()
) -> StoredClassifier | None:
    name = _FILE_NAMES.get(train_set.name, train_set.name)
    for path in (WEIGHTS / f"{name}{ending}.npz" for ending in endings):
        if path.parent != WEIGHTS or not path.is_file():
            continue
        stored = _read_shipped(path)
        if compute_digest(stored.params) not in other_than and stored.matches(train_set):
            return stored
    return None


def _read_shipped(path: Path) -> StoredClassifier:
    try:
        return read_classifier(path)
    except Exception as error:  # every kind of damage raises an error of its own
        raise UserError(
            f"{path}, the classifier that genjax ships, is damaged: {error}. Install genjax anew,"
            " or take the file from its repository."
        ) from None


def cached_path(train_set: Dataset, seed: int = 0) -> Path:
    """Return where the classifier that is trained on this data set, with this seed, is kept."""
    model = ImageClassifier(train_set.image_shape, num_classes=len(train_set.label_names))
    content = repr(
        (train_set.checksum, dataclasses.asdict(model), _VERSION, *((seed,) if seed else ()))
    )
    name = f"{hashlib.sha256(content.encode()).hexdigest()[:16]}.npz"
    return cache_folder() / "classifiers" / name


def round_to_float16(params: Params) -> Params:
    """Round every number to the nearest that a file can hold."""
    return jax.tree.map(lambda leaf: leaf.astype(np.float16).astype(np.float32), params)


def compute_digest(params: Params) -> str:
    """Return the beginning of the sha256 over weights and stats."""
    sha256 = hashlib.sha256()
    arrays = name_arrays(params.weights) | name_arrays({"stats": params.stats})
    for name, array in sorted(arrays.items()):
        sha256.update(f"{name} {array.shape}".encode())
        sha256.update(np.ascontiguousarray(array, "<f4").data)
    return sha256.hexdigest()[:12]


def write_classifier(path: Path, stored: StoredClassifier) -> None:
    """Write a file. Raises `OSError` where there is no room or no right to write."""
    about = {
        "model": dataclasses.asdict(stored.params.model),
        "digest": compute_digest(stored.params),
        "test": stored.test_checksum,
        "accuracy": stored.accuracy,
    }
    named = name_arrays(stored.params)
    arrays = {name: array.astype(np.float16) for name, array in named.items()}
    if stored.num_images is not None and stored.mean_images is not None:
        arrays |= {"num_images": stored.num_images, "mean_images": stored.mean_images}
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda file: np.savez(file, allow_pickle=False, about=text, **arrays))


def read_classifier(path: Path) -> StoredClassifier:
    """Read a file. A missing or damaged one raises whatever its kind of damage raises."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays: dict[str, Any] = {name: stored[name] for name in stored.files}
    about = json.loads(arrays.pop("about").tobytes())
    fingerprint = [arrays.pop(name, None) for name in ("num_images", "mean_images")]
    shapes = jax.eval_shape(ImageClassifier(**about["model"]).init, jax.random.key(0))
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    params = fill_tree(shapes, arrays, path)
    if (digest := compute_digest(params)) != about["digest"]:
        raise ValueError(f"its digest is {digest}, but must be {about['digest']}")
    return StoredClassifier(params, about["accuracy"], about["test"], *fingerprint)


def add_fingerprint(stored: StoredClassifier, train_set: Dataset) -> StoredClassifier:
    """Add the fingerprint (1), with which the classifier can be shipped."""
    means = _average_images(train_set).astype(np.float16)
    return dataclasses.replace(stored, num_images=_count_images(train_set), mean_images=means)


def _count_images(dataset: Dataset) -> np.ndarray:  # (1)
    return np.bincount(np.asarray(dataset.labels), minlength=len(dataset.label_names))


def _average_images(dataset: Dataset) -> np.ndarray:  # (1)
    images, labels = np.asarray(dataset.images), np.asarray(dataset.labels)
    classes = range(len(dataset.label_names))
    return np.stack([images[labels == label].mean(axis=0) for label in classes])
