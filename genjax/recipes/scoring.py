"""Measure images that any program has generated beside a data set, as samples of genjax are."""

import inspect
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray
from numpy.typing import ArrayLike
from PIL import Image

from genjax import data
from genjax.data import Dataset
from genjax.data.tree import find_images
from genjax.data.warn import warn_user
from genjax.errors import UserError, check_integer
from genjax.metrics import sample_quality
from genjax.metrics.chunking import padded_chunks
from genjax.metrics.samples import IMAGES_AT_ONCE
from genjax.model.random_keys import as_key
from genjax.recipes.classifier_training import get_classifier
from genjax.runs.files import enable_compilation_cache, resolve_path, software
from genjax.runs.progress import progress as progress_bar

Sampler = Callable[[Any, int], ArrayLike]
_NUM = 10_000  # samples that a sampler draws, unless told otherwise: as many as are compared
_LOSSY = (".jpg", ".jpeg")


def evaluate_samples(
    samples: ArrayLike | str | os.PathLike[str] | Sampler,
    against: str | os.PathLike[str] | tuple[Dataset, Dataset],
    *,
    num: int | None = None,
    key: PRNGKeyArray | int = 0,
    progress: bool = True,
) -> dict[str, Any]:
    """Measure images that any program has generated, beside a data set.

    The metrics are those that `genjax.evaluate` gives samples of a model (the rows "num_generated"
    of its table), by the same classifier, so that they compare with those of every run. Most of
    them depend on the number of samples: compare as many of each model.

    Args:
        samples: images [N, H, W, C], bytes or floats in [0, 1]; the path of a folder of images, or
            of an .npy or .npz file; or a function. A function is called as f(key, n), or as
            f(seed, n) where its first argument is called `seed`, and returns n images. It is called
            for at most 500 images at once, each time with another key, or another whole number
            below 2^32.
        against: the data set that they are compared with: a name or a path, as
            `genjax.data.resolve` takes it, or a training and a test set.
        num: how many samples to measure; by default all that there are, of a function 10,000.
        key: a function's keys and seeds follow from it. A whole number n stands for
            jax.random.key(n).
        progress: show a bar.

    Returns:
        Metrics by name (`genjax.metrics.METRICS` explains each), and `record`, which says how they
        were measured, with the checksum of the samples.

    Raises:
        UserError: where images or data cannot be found or read, or the images have another shape
            or range than those of the data.

    >>> images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
    >>> both = genjax.data.split_every_tenth(genjax.data.from_arrays(images))
    >>> result = evaluate_samples(images[:20], both)
    >>> round(result["copies"], 3), result["record"]["num_generated"]
    (0.9, 20)
    """
    enable_compilation_cache()
    train_set, test_set = against if isinstance(against, tuple) else _load_data(against)
    generated = _take_samples(samples, test_set, num, as_key(key), progress)
    has_classes = len(train_set.label_names) > 1
    classifier = get_classifier(train_set, test_set) if has_classes else None
    result = sample_quality.measure_samples(generated.images, test_set, classifier, train_set)
    result["record"] = {
        "images": generated.record(),
        "dataset": test_set.record() | {"images": "all"},
        "num_generated": len(generated),
        "classifier": classifier.record() if classifier else None,
        "samples": sample_quality.record(test_set, classifier),
        "train_set": train_set.record(),
        "software": software(),
        "key": jax.random.key_data(as_key(key)).tolist(),
    }
    return result


def _load_data(against: str | os.PathLike[str]) -> tuple[Dataset, Dataset]:
    """Load training and test set; images of a folder must be of one size, which they keep."""
    if Path(against).is_dir():
        sizes = {*_read_sizes(resolve_path(against)).values()}
        if len(sizes) > 1:
            raise UserError(
                f"the images in {against} differ in size: scale them first to that of the samples."
            )
        return data.split_every_tenth(data.from_folder(against, next(iter(sizes), 64)))
    train_set, test_set = data.resolve(against)
    return data.as_dataset(train_set), test_set


def _take_samples(
    samples: Any, test_set: Dataset, num: int | None, key: PRNGKeyArray, progress: bool
) -> Dataset:
    """Return the images to measure, of the shape of those of `test_set`."""
    if callable(samples):
        images = _draw(samples, key, check_integer(num or _NUM, "num", least=2), progress)
        found = _make_dataset(images, test_set, getattr(samples, "__name__", "a function"))
    elif isinstance(samples, str | os.PathLike):
        found = _read_samples(resolve_path(samples), test_set)
    else:
        found = _make_dataset(samples, test_set, "arrays")
    return found if num is None else found.draw_subset(num)


def _draw(sampler: Sampler, key: PRNGKeyArray, num: int, progress: bool) -> np.ndarray:
    """Draw `num` images by calls of the function, each with its own key or seed."""
    takes_seed = next(iter(inspect.signature(sampler).parameters), "") == "seed"
    parts = []
    with progress_bar(total=num, desc="sampling", show=progress) as bar:
        for number, (_, count) in enumerate(padded_chunks(num, IMAGES_AT_ONCE)):
            own = jax.random.fold_in(key, number)
            seed = int(jax.random.key_data(own).ravel()[-1])
            images = _to_array(sampler(seed if takes_seed else own, count))
            if images.shape[:1] != (count,):
                raise UserError(
                    f"the sampler was asked for {count} images, but returned an array of shape"
                    f" {images.shape}."
                )
            parts.append(images)
            bar.update(count)
    return np.concatenate(parts)


def _to_array(images: Any) -> np.ndarray:
    """Return images as an array of numpy; those of PyTorch may need a gradient or lie on a GPU."""
    if hasattr(images, "detach"):
        images = images.detach().cpu()
    return np.asarray(images)


def _read_samples(path: Path, test_set: Dataset) -> Dataset:
    if path.suffix == ".npz":
        read = data.from_npz(path)
        return _make_dataset(read.images, test_set, path.name, read.source)
    if path.suffix == ".npy":
        return _make_dataset(_read_npy(path), test_set, path.name, f"the array in {path}")
    height, width, channels = test_set.image_shape
    sizes = _read_sizes(path)
    wrong = [(file, size) for file, size in sizes.items() if size != (height, width)]
    if wrong:
        file, size = wrong[0]
        raise UserError(
            f"{file} has {size[0]}x{size[1]} pixels, but the images of {test_set.name} have"
            f" {height}x{width}: scale the samples first, in the way that suits them."
        )
    if lossy := sum(file.suffix.lower() in _LOSSY for file in sizes):
        warn_user(
            f"{lossy} of {len(sizes)} samples are JPEG files, whose compression changes sharpness"
            " and distances: write them as PNG."
        )
    return data.from_folder(path, (height, width), channels)


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} cannot be read as an array of numpy: {error}.") from None


def _read_sizes(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return (height, width) of every image file; `from_folder` says which cannot be read."""
    sizes = {}
    for path in find_images(folder)[0]:
        try:
            with Image.open(path) as image:
                sizes[path] = (image.height, image.width)
        except Exception:  # pillow raises what its decoders happen to raise
            continue
    return sizes


def _make_dataset(images: Any, test_set: Dataset, name: str, source: str = "") -> Dataset:
    array, expected = _to_array(images), test_set.image_shape
    if array.ndim == 3 and expected[2] == 1:
        array = array[..., None]
    if array.shape[1:] != expected:
        is_first = array.ndim == 4 and (*array.shape[2:], array.shape[1]) == expected
        hint = " Channels come last: images.permute(0, 2, 3, 1)." if is_first else ""
        raise UserError(
            f"the samples have the shape {array.shape}, but must be [N,"
            f" {', '.join(map(str, expected))}] as the images of {test_set.name}.{hint}"
        )
    made = data.from_arrays(array, name=name)
    return replace(made, source=source) if source else made
