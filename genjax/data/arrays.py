"""`from_arrays` and `from_npz`: data sets of the user's own arrays."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32, UInt8
from numpy.typing import ArrayLike

from genjax.data.dataset import Dataset, HostImages, to_device
from genjax.data.memory import check_memory
from genjax.data.picture import DARK
from genjax.data.warn import warn_user
from genjax.errors import UserError
from genjax.runs.files import check_file, resolve_path

_INT32 = np.iinfo(np.int32)


def from_arrays(
    images: ArrayLike,
    labels: ArrayLike | None = None,
    label_names: tuple[str, ...] = (),
    name: str = "arrays",
    split: str = "all",
) -> Dataset:
    """Make a data set of arrays.

    Args:
        images: [N, H, W, C]: uint8, or floats in [0, 1] or truth values, which are rounded to
            bytes.
        labels: whole numbers [N]; zeros, if left out.
        label_names: of the classes 0, 1, ...: all of them, or none.
        name: of the data set in records and pictures.
        split: such as "train".

    Raises:
        UserError: where an array has another type, shape or range, or a class has no name.

    >>> genjax.data.from_arrays(np.ones((2, 8, 8, 1)), [0, 1], ("cat", "dog"))
    Dataset(arrays, all: 2 images of 8x8x1; arrays given in code)
    """
    pixels = _to_bytes(images)
    host = HostImages(pixels, _to_labels(labels, len(pixels)), "arrays given in code")
    names = _check_label_names(label_names)
    if names and host.labels.max() >= len(names):
        raise UserError(
            f"labels reach {host.labels.max()}, but there are {len(names)} label_names."
        )
    if names and host.labels.min() < 0:
        raise UserError(f"a label is {host.labels.min()}, but label_names count from 0.")
    return to_device(name, split, host, names)


def _check_label_names(label_names: Any) -> tuple[str, ...]:
    is_row = isinstance(label_names, tuple | list | np.ndarray)
    names = tuple(label_names) if is_row else ()
    good = all(isinstance(name, str) and name for name in names)
    if not is_row or not good or len(set(names)) < len(names):
        raise UserError(
            f"label_names are {label_names!r:.100}, but must be texts, one for each class, no two"
            " of them equal."
        )
    return tuple(map(str, names))


def _to_bytes(images: ArrayLike) -> UInt8[np.ndarray, "n h w c"]:
    try:
        array = np.asarray(images)
    except ValueError:
        raise UserError("images are not all of one shape.") from None
    if (
        array.ndim != 4
        or not array.size
        or array.dtype.kind not in "ufb"
        or (array.dtype.kind == "u" and array.dtype != np.uint8)
    ):
        raise UserError(
            f"images are {array.dtype}{list(array.shape)}, but must be uint8 [N, H, W, C], or"
            " floats in [0, 1], with at least one image: grey images need a last axis of 1."
        )
    if array.dtype.kind == "f" and not (array.min() >= 0 and array.max() <= 1):  # nan: false
        raise UserError(
            f"images are floats from {array.min():.4g} to {array.max():.4g}, but must lie in"
            " [0, 1]: divide by the largest possible value, or give uint8."
        )
    if array.dtype != np.uint8:
        return np.round(array.astype(np.float32) * 255).astype(np.uint8)
    if 0 < array.max() < DARK:
        warn_user(
            f"the largest value of the images is {array.max()} of 255, so all are almost black. If"
            f" {array.max()} means white, multiply them by {255 // array.max()}."
        )
    return array


def _to_labels(labels: ArrayLike | None, count: int) -> Int32[np.ndarray, " {count}"]:
    if labels is None:
        return np.zeros(count, np.int32)
    array = np.asarray(labels)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
        raise UserError(
            f"labels are {array.dtype}{list(array.shape)}, but must be whole numbers [{count}], one"
            " for each image."
        )
    if array.min() < _INT32.min or array.max() > _INT32.max:
        raise UserError(f"labels reach from {array.min()} to {array.max()}: beyond 32 bits.")
    return array.astype(np.int32)


# The names of the arrays of images and of labels in a file, of a split and of a whole set.
_PARTS = {
    "all": (("images", "labels"), ("x", "y"), ("imgs", "labels"), ("arr_0", "arr_1")),
    "train": (("x_train", "y_train"), ("train_images", "train_labels")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}


def from_npz(path: str | os.PathLike[str], split: str = "all") -> Dataset:
    """Read a data set from an .npz file.

    Args:
        path: of the file. A whole set lies in `images` and `labels` (or `x` and `y`, or unnamed
            arrays in this order), splits in `x_train`, `y_train`, `x_test` and `y_test` (or
            `train_images`, `train_labels`, ...). Labels may be left out. Images are as those of
            `from_arrays`, or [N, H, W]; labels are [N] or [N, 1].
        split: "all", "train" or "test".

    Raises:
        UserError: where the file cannot be read, or holds no such arrays.
    """
    file = resolve_path(path)
    if not isinstance(split, str) or split not in _PARTS:
        raise UserError(f"{file.name} has no split {split!r}; possible are: {', '.join(_PARTS)}.")
    images, labels = _read_npz(file, split)
    images = images[..., None] if images.ndim == 3 else images
    names: tuple[str, ...] = ()
    if labels is not None:
        labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        names = tuple(map(str, range(_count_classes(labels))))
    dataset = from_arrays(images, labels, names, file.name, split)
    return replace(dataset, source=f"the arrays in {file}", path=str(file))


def has_splits(path: str | os.PathLike[str]) -> bool:
    """Tell whether an .npz file holds a training and a test set, and not one whole set."""
    file = resolve_path(path)
    with _open_npz(file) as archive:
        return all(_find_names(archive, split) for split in ("train", "test"))


def _count_classes(labels: np.ndarray) -> int:
    whole = np.issubdtype(labels.dtype, np.integer) and labels.size
    return int(labels.max()) + 1 if whole and 0 <= labels.min() <= labels.max() < 10**5 else 0


def _read_npz(file: Path, split: str) -> tuple[np.ndarray, np.ndarray | None]:
    with _open_npz(file) as archive:
        found = _find_names(archive, split)
        if found is None:
            wanted = " or ".join(images for images, _ in _PARTS[split])
            raise UserError(
                f"{file} holds no array {wanted}; it holds: {', '.join(archive.files) or 'none'}."
            )
        size = sum(archive.zip.getinfo(f"{name}.npy").file_size for name in found if name)
        check_memory(size, f"the images in {file}")
        images, labels = found
        return archive[images], archive[labels] if labels else None


@contextlib.contextmanager
def _open_npz(file: Path) -> Iterator[Any]:
    check_file(file)
    try:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(f"{file} holds one array; an .npz file holds several, by name.")
        with archive:
            yield archive
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"there is no file {file}.") from None
    except Exception as error:  # zip, zlib and numpy have each their own errors
        reason = "it holds pickled objects" if "allow_pickle" in str(error) else error
        raise UserError(f"{file} cannot be read as an .npz file: {reason}.") from error


def _find_names(archive: Any, split: str) -> tuple[str, str | None] | None:
    """Return the names of the images' and the labels' arrays; None where there are no images."""
    for images, labels in _PARTS[split]:
        if images in archive.files:
            return images, labels if labels in archive.files else None
    return None
