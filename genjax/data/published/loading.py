"""Load MNIST, Fashion-MNIST and CIFAR-10 from the nearest place that has them."""

import math
import os
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

from genjax.data.cache import decode_cached, identify_files
from genjax.data.dataset import Dataset, HostImages, to_device
from genjax.data.memory import check_memory
from genjax.data.published import record_files
from genjax.data.published.download import find_manual_folder, find_original_files
from genjax.data.published.formats import LABEL_NAMES, parse
from genjax.data.published.offline_sample import read_digits
from genjax.data.published.prepare import prepare
from genjax.data.stream import Stream, check_can_read_ahead, decide_to_stream, open_stream
from genjax.data.warn import warn_user
from genjax.errors import UserError
from genjax.runs.files import resolve_path


def load_published(
    name: str,
    split: str,
    data_dir: str | os.PathLike[str] | None = None,
    stream: bool | None = None,
) -> Dataset | Stream:
    """Load a split of a data set of `LABEL_NAMES`; `genjax.data.published` says from where."""
    if stream:
        check_can_read_ahead(name)
    folder = find_data_folder(data_dir)
    if not (version := record_files.find_prepared(name, folder)):
        try:
            files = find_original_files(name, folder)
        except ConnectionError as error:
            return _load_offline(name, split, folder, error)
        if not record_files.can_read_array_record():
            decode = partial(_parse, name, split, files)
            return _load_cached(name, split, files.values(), decode, LABEL_NAMES[name], stream)
        version = prepare(name, files, folder)
    return load_version(name, split, version, LABEL_NAMES[name], stream)


def load_version(
    name: str,
    split: str,
    version: Path,
    label_names: tuple[str, ...],
    stream: bool | None,
    image_size: tuple[int, int] | None = None,
) -> Dataset | Stream:
    """Load a split of the version of a data set that TFDS has prepared in a folder.

    Where an `image_size` (height, width) is given, the images are scaled and cropped to it.
    """
    if stream:
        check_can_read_ahead(name)
    shape = (*image_size, 3) if image_size else record_files.read_features(version).shape
    size = record_files.read_info(version)[1].get(split, 0) * math.prod(shape or (0,))
    stream = decide_to_stream(stream, size)
    if not stream:
        check_memory(size, f"{name} ({split}), which is not streamed,")
    decode = partial(record_files.decode_split, version, split, image_size, stream)
    files = record_files.list_files(version, split)
    return _load_cached(name, split, files, decode, label_names, stream, image_size)


def find_data_folder(data_dir: str | os.PathLike[str] | None) -> Path:
    """Return the folder of TFDS's data. Raises `UserError` where the chosen one is not there."""
    chosen = data_dir if data_dir is not None else os.environ.get("TFDS_DATA_DIR") or None
    try:
        folder = resolve_path("~/tensorflow_datasets" if chosen is None else chosen)
    except UserError as error:
        raise UserError(f"{error} TFDS_DATA_DIR or data_dir name the folder of the data.") from None
    if chosen and not folder.is_dir():
        origin = "data_dir" if data_dir else "the environment variable TFDS_DATA_DIR"
        raise UserError(f"{folder} is not a folder: create it, or correct {origin}.")
    return folder


def _load_cached(
    name: str,
    split: str,
    files: Iterable[Path],
    decode: Callable[[], HostImages],
    label_names: tuple[str, ...],
    stream: bool | None,
    image_size: tuple[int, int] | None = None,
) -> Dataset | Stream:
    stem = "-".join(map(str, (name.replace("/", "-"), split, *(image_size or ()))))
    host, checksum = decode_cached(stem, identify_files(files), decode)
    if stream:
        return open_stream(name, split, host, label_names, checksum)
    return to_device(name, split, host, label_names, checksum)


def _parse(name: str, split: str, files: dict[str, Path]) -> HostImages:
    images, labels = parse(name, split, files)
    return HostImages(images, labels, f"the original files in {next(iter(files.values())).parent}")


def _load_offline(name: str, split: str, folder: Path, error: ConnectionError) -> Dataset:
    formats = "array_record or TFRecord" if record_files.can_read_array_record() else "TFRecord"
    tried = f"- TFDS's prepared data in {folder / name}: none there as {formats}\n{error}"
    remedy = (
        f"Put the original files into {find_manual_folder(name, folder)}, or let TFDS_DATA_DIR name"
        " a folder with data that TFDS has prepared."
    )
    if name != "mnist":
        raise UserError(f"{name} cannot be found. Tried:\n{tried}\n{remedy}") from error
    reason = str(error).splitlines()[-1].removeprefix("- ")
    _say_that_mnist_is_a_sample(f"({reason}). {remedy}")
    return to_device(name, split, read_digits(split), LABEL_NAMES[name])


@cache
def _say_that_mnist_is_a_sample(why: str) -> None:
    """Warn, once in a process, that the offline sample takes the place of MNIST."""
    warn_user(f"MNIST cannot be found: going on with a sample of 5,000 of its digits {why}")
