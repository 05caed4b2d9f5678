"""The registry of data sets: a name for every loader."""

import inspect
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal, overload

from genjax.data.dataset import Dataset
from genjax.data.published.loading import find_data_folder
from genjax.data.published.prepared import load_prepared
from genjax.data.published.record_files import find_prepared
from genjax.data.stream import Stream
from genjax.errors import UserError

SPLITS = ("train", "test")
LOADERS: dict[str, Callable[..., Dataset | Stream]] = {}
NAMES = LOADERS.keys()
HOW_TO_ADD = (
    "To add one: genjax.data.register_dataset(name, loader); or where TensorFlow is installed, tfds"
    " build NAME --file_format=array_record, in the folder that TFDS_DATA_DIR names."
)
Folder = str | os.PathLike[str] | None


def register_dataset(name: str, loader: Callable[..., Dataset | Stream]) -> None:
    """Make a data set known by a name to `load`, to recipes and to the command line.

    Args:
        name: such as "kmnist".
        loader: called with "train" or "test", returns that split. If it takes `data_dir` or
            `stream`, it gets what `load` was called with.

    Raises:
        UserError: where another loader has this name. The same function may be defined anew.

    >>> register_dataset("grey", lambda split: genjax.data.from_arrays(np.ones((2, 8, 8, 1))))
    >>> genjax.data.load("grey", "test")
    Dataset(grey, test: 2 images of 8x8x1; arrays given in code)
    """
    if not isinstance(name, str) or not name or "/" in name or name.endswith(".npz"):
        raise UserError(f"{name!r} cannot name a data set: it would be taken for a path.")
    if not callable(loader):
        raise UserError(f"the loader of {name!r} is {loader!r}, but must be a function of a split.")
    known = LOADERS.get(name, loader)
    if _identify(known) != _identify(loader):
        raise UserError(f"a data set named {name!r} is registered already, by {known}.")
    LOADERS[name] = loader


def _identify(loader: Callable[..., Any]) -> tuple[Any, ...]:
    if isinstance(loader, partial):
        return (*_identify(loader.func), *loader.args)
    kind = loader if hasattr(loader, "__qualname__") else type(loader)
    return kind.__module__, kind.__qualname__


def is_prepared(name: str, data_dir: Folder = None) -> bool:
    """Tell whether TFDS has prepared a data set of this name."""
    return find_prepared(name, find_data_folder(data_dir)) is not None


@overload
def load(
    name: str, split: str = ..., data_dir: Folder = ..., *, stream: Literal[False]
) -> Dataset: ...
@overload
def load(
    name: str, split: str = ..., data_dir: Folder = ..., stream: bool | None = ...
) -> Dataset | Stream: ...
def load(
    name: str, split: str = "train", data_dir: Folder = None, stream: bool | None = None
) -> Dataset | Stream:
    """Load a split of a data set by its name.

    The same source always gives the same images in the same order.

    Args:
        name: one of `genjax.data.NAMES`: "mnist", "fashion_mnist" and "cifar10" come from files
            (`genjax.data.published` says from where), "stacked_mnist", "sprites", "mnist_rotated",
            "mnist_coloured", "mnist_coloured_0.5" (and 1, 2, 5) and "fashion_rare" are made, as are
            points in the plane, "ring", "two_moons", "spiral" and "checkerboard"
            (`genjax.data.made`), others are those of `register_dataset`. Or any data set of images
            that TFDS has prepared in `data_dir`.
        split: "train" or "test".
        data_dir: where TFDS keeps its data; by default the environment variable TFDS_DATA_DIR, or
            ~/tensorflow_datasets.
        stream: leave the decoded images on disk and read them while a model trains. By default only
            data that take more than half of the device's free memory, or where the device
            does not tell (a CPU), more than 2 GiB.

    Returns:
        A `Dataset`, or a `Stream` of images on disk; `source` says where they come from.

    Raises:
        UserError: on an unknown name or split, where data cannot be found (with all that was
            tried), are damaged, or cannot be streamed.
    """
    if not isinstance(name, str):
        raise UserError(f"{name!r} is no name of a data set: give a text, such as 'mnist'.")
    if split not in SPLITS:
        raise UserError(f"{name} has no split {split!r}; its splits are: {', '.join(SPLITS)}.")
    if name not in LOADERS:
        if not is_prepared(name, data_dir):
            raise UserError(
                f"no data set is named {name[:200]!r}; there are: {', '.join(NAMES)}. {HOW_TO_ADD}"
                " For images of your own: genjax.data.from_folder(path, image_size)."
            )
        return load_prepared(name, split, data_dir, stream)
    loader, options = LOADERS[name], {"data_dir": data_dir, "stream": stream}
    takes = inspect.signature(loader).parameters
    if stream and "stream" not in takes:
        can = ", ".join(n for n in NAMES if "stream" in inspect.signature(LOADERS[n]).parameters)
        raise UserError(f"{name} cannot be streamed: it is made in memory. Streamed are {can}.")
    dataset = loader(split, **{key: value for key, value in options.items() if key in takes})
    if not isinstance(dataset, Dataset | Stream):
        raise UserError(
            f"the loader of {name!r} returned {type(dataset).__name__}, but must return a"
            " genjax.data.Dataset, such as genjax.data.from_arrays makes."
        )
    if isinstance(dataset, Dataset):
        dataset = replace(dataset, path="")  # the name finds it again
    return replace(dataset, name=name, split=split)
