"""Files of trained classifiers: those that genjax ships, and those in a user's cache.

A file holds the weights as float16, the classifier's specification, the accuracy with the checksum
of the test set that it was measured on, and the digest of the weights, which is checked on reading.
A shipped one also holds what it knows its training set by:

(1) the number of images of every class, and the mean image of every class

Files prepared by TFDS and the original ones have another order, and a copy of CIFAR-10 stored as
JPEG has slightly other pixels, so a checksum would tell apart what is one data set; (1) does not.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax.data import Dataset
from genjax.errors import UserError
from genjax.model import Params
from genjax.models.image_classifier import ImageClassifier
from genjax.runs.checkpoints import fill_tree, name_arrays
from genjax.runs.files import replace_file

WEIGHTS = Path(__file__).parent / "weights"
_NAMES = {"stacked_mnist, R": "stacked_mnist"}  # of a file, where not the data set's
_CLOSE = 2.0  # grey levels of 255: by which every pixel of a mean image may differ


@dataclass(frozen=True, eq=False)
class Stored:
    """What a file holds: `params`, and the `accuracy` on the test set of that checksum.

    `num_images` [classes] and `mean_images` [classes, H, W, C], in grey levels, are (1) of the
    training set; None where the file does not say.
    """

    params: Params
    accuracy: float
    test_checksum: str
    num_images: np.ndarray | None = None
    mean_images: np.ndarray | None = None

    def is_for(self, train_set: Dataset) -> bool:
        """Whether it was trained on these images, in whatever order and file format."""
        if self.num_images is None or self.mean_images is None:
            return False
        if self.mean_images.shape != (len(train_set.label_names), *train_set.image_shape):
            return False
        if not np.array_equal(self.num_images, _num_images(train_set)):
            return False
        return bool(np.max(np.abs(_mean_images(train_set) - self.mean_images)) < _CLOSE)


def shipped(train_set: Dataset) -> Stored | None:
    """The classifier of this data set that comes with genjax, or None.

    Raises `UserError` where its file is damaged.
    """
    path = WEIGHTS / f"{_NAMES.get(train_set.name, train_set.name)}.npz"
    if path.parent != WEIGHTS or not path.is_file():
        return None
    try:
        stored = read(path)
    except Exception as error:  # each kind of damage raises an error of its own
        raise UserError(
            f"{path}, the classifier that genjax ships, is damaged: {error}. Install genjax anew,"
            " or take the file from its repository."
        ) from None
    return stored if stored.is_for(train_set) else None


def rounded(params: Params) -> Params:
    """As a file will hold them: every number the nearest that float16 has."""
    return jax.tree.map(lambda leaf: leaf.astype(np.float16).astype(np.float32), params)


def digest(params: Params) -> str:
    """The beginning of the sha256 over weights and stats."""
    sha256 = hashlib.sha256()
    arrays = name_arrays(params.weights) | name_arrays({"stats": params.stats})
    for name, array in sorted(arrays.items()):
        sha256.update(f"{name} {array.shape}".encode())
        sha256.update(np.ascontiguousarray(array, "<f4").data)
    return sha256.hexdigest()[:12]


def write(path: Path, stored: Stored) -> None:
    """Raises `OSError` where there is no room or no right to write."""
    params = stored.params
    about = {
        "model": dataclasses.asdict(params.model),
        "digest": digest(params),
        "test": stored.test_checksum,
        "accuracy": stored.accuracy,
    }
    arrays = {name: array.astype(np.float16) for name, array in name_arrays(params).items()}
    if stored.num_images is not None and stored.mean_images is not None:
        arrays |= {"num_images": stored.num_images, "mean_images": stored.mean_images}
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda file: np.savez(file, allow_pickle=False, about=text, **arrays))


def read(path: Path) -> Stored:
    """What `write` wrote. A missing or damaged file raises whatever its kind of damage raises."""
    with np.load(path, allow_pickle=False) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    about = json.loads(arrays.pop("about").tobytes())
    known_by = [arrays.pop(name, None) for name in ("num_images", "mean_images")]
    shapes = jax.eval_shape(ImageClassifier(**about["model"]).init, jax.random.key(0))
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    params = fill_tree(shapes, arrays, path)
    if digest(params) != about["digest"]:
        raise ValueError(f"its digest is {digest(params)}, but must be {about['digest']}")
    return Stored(params, about["accuracy"], about["test"], *known_by)


def of_training_set(stored: Stored, train_set: Dataset) -> Stored:
    """`stored` as it can be shipped: with what it knows its training set by, (1)."""
    means = _mean_images(train_set).astype(np.float16)
    return dataclasses.replace(stored, num_images=_num_images(train_set), mean_images=means)


def _num_images(dataset: Dataset) -> np.ndarray:  # (1)
    return np.bincount(np.asarray(dataset.labels), minlength=len(dataset.label_names))


def _mean_images(dataset: Dataset) -> np.ndarray:  # (1)
    images, labels = np.asarray(dataset.images), np.asarray(dataset.labels)
    classes = range(len(dataset.label_names))
    return np.stack([images[labels == label].mean(axis=0) for label in classes])
