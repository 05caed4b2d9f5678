"""Load any data set of images that TFDS has prepared on disk."""

import os
from pathlib import Path

from genjax.data.dataset import Dataset
from genjax.data.published import record_files
from genjax.data.published.loading import find_data_folder, load_version
from genjax.data.stream import Stream
from genjax.errors import UserError


def load_prepared(
    name: str,
    split: str,
    data_dir: str | os.PathLike[str] | None = None,
    stream: bool | None = None,
    image_size: int | tuple[int, int] | None = None,
) -> Dataset | Stream:
    """Load a split of any data set of images that TFDS has prepared.

    Args:
        name: such as "kmnist" or "emnist/letters".
        split: one that the data set has.
        data_dir: where TFDS keeps its data.
        stream: leave the images on disk.
        image_size: side, or (height, width), to scale and crop images of different sizes to.

    Raises:
        UserError: where the data set is not there, has no images or no such split, or its images
            differ in size and `image_size` is not given.
    """
    version = find_version(name, data_dir)
    features, (_, sizes) = record_files.read_features(version), record_files.read_info(version)
    if split not in sizes:
        raise UserError(f"{name} has no split {split!r}; its splits are: {', '.join(sizes)}.")
    names = record_files.read_label_names(version, features)
    if min(features.shape, default=0) > 0:
        return load_version(name, split, version, names, stream)
    if image_size is None:
        raise UserError(
            f"the images of {name} differ in size: give an image_size, to which they are scaled and"
            " cropped."
        )
    size = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    return load_version(name, split, version, names, stream, size)


def find_version(name: str, data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of a prepared data set. Raises `UserError` where it is not there."""
    folder = find_data_folder(data_dir)
    if version := record_files.find_prepared(name, folder):
        return version
    raise UserError(f"TFDS has prepared no data set {name!r} in {folder}.")


def list_splits(name: str, data_dir: str | os.PathLike[str] | None = None) -> dict[str, int]:
    """Return how many images each split of a prepared data set has."""
    return record_files.read_info(find_version(name, data_dir))[1]
