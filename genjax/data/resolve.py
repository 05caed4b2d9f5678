"""`resolve`: the training and the test set for a name, a folder or a file."""

import hashlib
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from genjax.data.arrays import from_arrays, from_npz, has_splits
from genjax.data.dataset import Dataset
from genjax.data.folder import from_folder
from genjax.data.loaders import HOW_TO_ADD, LOADERS, NAMES, is_prepared, load
from genjax.data.published.prepared import list_splits, load_prepared
from genjax.data.stream import Stream
from genjax.data.warn import warn_user
from genjax.errors import UserError
from genjax.runs.files import resolve_path

Images = TypeVar("Images", Dataset, Stream)
_FEWEST = 20  # images that can be split


def resolve(
    dataset: str | os.PathLike[str],
    image_size: int | tuple[int, int] = 64,
    stream: bool | None = None,
) -> tuple[Dataset | Stream, Dataset]:
    """Load the training and the test set.

    Args:
        dataset: a name of `genjax.data.NAMES`; the path of a folder of images or of an .npz file;
            or the name of a data set of images that TFDS has prepared.
        image_size: side of the images of a folder, or of TFDS data whose images differ in size; or
            their (height, width).
        stream: leave the training set on disk, as in `genjax.data.load` and `from_folder`.

    Returns:
        The two sets. Where the data come without a test set, every tenth image is taken for it; a
        warning gives the number of test images of which the training set holds an exact copy.

    Raises:
        UserError: where the data cannot be found or read, or are fewer than 20 and not split.
    """
    if isinstance(dataset, str) and dataset in LOADERS:
        return load(dataset, "train", stream=stream), load(dataset, "test", stream=False)
    path, name = resolve_path(dataset), str(dataset)
    if _is_true(path.is_dir) or (_is_true(path.is_file) and path.suffix == ".npz"):
        if _is_true(path.is_dir):
            return split_every_tenth(from_folder(path, image_size, stream=stream))
        if stream:
            raise UserError(
                f"{name} cannot be streamed: only folders, and data that TFDS has prepared, can."
            )
        if has_splits(path):
            both = from_npz(path, "train"), from_npz(path, "test")
            _warn_of_copies(*both)
            return both
        return split_every_tenth(from_npz(path))
    if not is_prepared(name):
        raise UserError(
            f"{name[:200]!r} is neither a folder of images nor one of {', '.join(NAMES)}, nor an"
            f" .npz file, nor a data set that TFDS has prepared. {HOW_TO_ADD}"
        )
    return _load_prepared(name, image_size, stream)


def load_undivided(path: Path, image_size: int | tuple[int, int] = 64) -> Dataset:
    """Load all images of a folder, or of an .npz file without splits."""
    return from_folder(path, image_size) if _is_true(path.is_dir) else from_npz(path)


def _is_true(check: Callable[[], bool]) -> bool:
    """Return what a check of a path returns; False where the system refuses the path."""
    try:
        return check()
    except OSError:  # such as a name that is too long
        return False


def _load_prepared(
    name: str, image_size: int | tuple[int, int], stream: bool | None
) -> tuple[Dataset | Stream, Dataset]:
    sizes = list_splits(name)
    test = next((split for split in ("test", "validation") if split in sizes), None)
    read = partial(load_prepared, name, image_size=image_size)
    if test is None:
        return split_every_tenth(read("train", stream=stream))
    return read("train", stream=stream), as_dataset(read(test, stream=False))


def as_dataset(images: Dataset | Stream) -> Dataset:
    """Return the data set itself, or the part of a stream that fits on the device."""
    found = take_images(images)
    return found.to_dataset() if isinstance(found, Stream) else found


def take_images(images: Any, name: str = "dataset") -> Dataset | Stream:
    """Return a data set as it is, and an array as `from_arrays` takes it.

    Every public function that takes a data set calls this. `name` is the argument's.

    Raises:
        UserError: where it is neither.

    >>> take_images(np.zeros((2, 8, 8, 1)))
    Dataset(arrays, all: 2 images of 8x8x1; arrays given in code)
    """
    if isinstance(images, Dataset | Stream):
        return images
    if images is None or isinstance(images, str | bytes | int | float | os.PathLike):
        raise UserError(
            f"{name} is {images!r:.100}, but must be a data set, as genjax.data.load, from_folder"
            " and from_npz make, or an array of images [N, H, W, C]."
        )
    return from_arrays(images)


@overload
def split_every_tenth(whole: Dataset) -> tuple[Dataset, Dataset]: ...


@overload
def split_every_tenth(whole: Dataset | Stream) -> tuple[Dataset | Stream, Dataset]: ...


def split_every_tenth(whole: Dataset | Stream) -> tuple[Dataset | Stream, Dataset]:
    """Split a data set into a training set, and a test set of every tenth image.

    Of a stream, the training set is one too; the test set is as much of its share as fits.

    Raises:
        UserError: where there are fewer than 20 images.
    """
    whole = take_images(whole)
    if len(whole) < _FEWEST:
        raise UserError(
            f"{len(whole)} images in {whole.name} are too few to split: give {_FEWEST}."
        )
    is_test = np.arange(len(whole)) % 10 == 9
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    train_set = whole.subset(train, f"{len(train)} images (nine in ten)")
    test_set = as_dataset(whole.subset(test, f"{len(test)} images (every tenth)"))
    _warn_of_copies(train_set, test_set)
    return train_set, test_set


def _warn_of_copies(train_set: Dataset | Stream, test_set: Dataset) -> None:
    """Warn with the number of test images that the training set holds too."""
    parts = (
        [np.asarray(train_set.images)]
        if isinstance(train_set, Dataset)
        else (images for images, _ in train_set.read_parts("looking for copies in"))
    )
    known = {_hash(image) for part in parts for image in part}
    copies = sum(_hash(image) in known for image in np.asarray(test_set.images))
    if copies:
        warn_user(
            f"{copies} of the {len(test_set)} test images of {test_set.name} are exact copies of"
            " training images: test results will look better than they are."
        )


def _hash(image: np.ndarray) -> bytes:
    return hashlib.sha1(image.tobytes(), usedforsecurity=False).digest()  # the fastest that fits


def select_trained(train_set: Images, record: Mapping[str, Any]) -> Images:
    """Return the part of a training set that a run was trained on.

    Args:
        train_set: the whole training set, as it is now.
        record: what the run's config.json says of its data set.

    Raises:
        UserError: where the images are others than those that the run was trained on.
    """
    num, checksum = record.get("num_images"), record.get("checksum")
    if not isinstance(num, int) or record.get("streamed", False) != isinstance(train_set, Stream):
        return train_set  # the checksums of a stream and of its images in memory differ
    parts: list[Images] = (
        [] if num > len(train_set) else [train_set.take(num), train_set.draw_subset(num)]
    )
    for part in parts:
        if part.checksum == checksum:
            return part
    raise UserError(
        f"the images of {train_set.name} ({len(train_set)}) are not those that the run was trained"
        f" on: {num} images of {record.get('name')}, with another checksum. They were changed, or"
        " this is another data set: give the original one, or train anew."
    )
