"""`from_folder`: a user's own images, of any format, size and colour, as a `Dataset`."""

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from genjax.data.dataset import Dataset, HostImages, to_device
from genjax.data.memory import check_memory
from genjax.data.picture import Picture, read_with_range
from genjax.data.tree import find_images, printable
from genjax.data.warn import warn_user
from genjax.errors import UserError, check_integer
from genjax.runs.files import resolve_path
from genjax.runs.progress import progress

_SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "eval"}


def from_folder(
    path: str | os.PathLike[str],
    image_size: int | tuple[int, int],
    channels: int | None = None,
    strict: bool = False,
) -> Dataset:
    """Read the images in a folder and below, in the order of their paths.

    Each image is turned upright (EXIF), laid on white where it is transparent, scaled on its short
    side with antialiasing, and cropped around its centre. The folders right below `path` are the
    classes if every image lies in one of them; they are ordered by number if all their names are
    numbers, else by name. PNG, JPEG, WebP, BMP, GIF (the first frame) and TIFF files are read;
    hidden and other files are ignored. Links to folders are followed, but no folder is read twice.

    Args:
        path: of the folder.
        image_size: the side, or (height, width).
        channels: 1 or 3; by default 3 if any image has colour.
        strict: raise `UserError` on a file or folder that cannot be read, which is otherwise left
            out, with one warning for all of them.

    Raises:
        UserError: where there is no readable image, an argument is out of range, an image is so
            large that it may be meant to fill the memory, or all together do not fit into memory.
    """
    folder = resolve_path(path)
    size = _check_size(image_size)
    if channels not in (None, 1, 3) or isinstance(channels, bool):
        raise UserError(f"channels is {channels!r}, but must be 1 (grey) or 3 (colour).")
    paths, unreadable = find_images(folder)
    check_memory(len(paths) * size[0] * size[1] * (channels or 3), f"{len(paths)} images of {size}")
    images = np.empty((len(paths), *size, channels or 3), np.uint8)
    bad, good = dict(unreadable), list[Path]()
    dark: dict[Path, Picture] = {}
    for i, picture in enumerate(_read_all(paths, size, grey=channels == 1)):
        if isinstance(picture, Exception):
            bad[paths[i]] = picture
            continue
        images[len(good)] = picture.pixels
        good.append(paths[i])
        if picture.is_dark:
            dark[paths[i]] = picture
    if bad:
        _report(folder, len(paths) + len(unreadable), bad, strict)
    _warn_of_darkness(folder, len(good), dark)
    images = images[: len(good)]
    if channels is None and (images == images[..., :1]).all():
        images = images[..., :1]
    labels, label_names = _read_labels(folder, good)
    host = HostImages(images, labels, f"{len(images)} images in the folder {printable(folder)}")
    dataset = to_device(f"{printable(folder.name)}/", "all", host, label_names)
    return replace(dataset, path=str(folder))


def _check_size(image_size: int | tuple[int, int]) -> tuple[int, int]:
    sides = tuple(image_size) if isinstance(image_size, tuple | list) else (image_size,) * 2
    try:
        height, width = (check_integer(side, "a side", most=2**60) for side in sides)
    except (UserError, ValueError):
        raise UserError(
            f"image_size is {image_size!r}, but must be a whole number of pixels, at least 1,"
            " or two of them: (height, width)."
        ) from None
    return height, width


def _read_all(
    paths: list[Path], size: tuple[int, int], grey: bool
) -> Iterator[Picture | Exception]:
    """Read each picture, in order; an error is returned in its place."""
    pool = ThreadPoolExecutor()
    try:
        # pillow also warns of large or slightly damaged files, which it reads all the same.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = pool.map(partial(_read, size=size, grey=grey), paths)
            yield from progress(results, total=len(paths), desc="reading images")
    finally:
        pool.shutdown(cancel_futures=True)


def _read(path: Path, size: tuple[int, int], grey: bool) -> Picture | Exception:
    try:
        return read_with_range(path, size, grey)
    except UserError:
        raise
    except MemoryError as error:
        raise UserError(f"{path} does not fit into memory at {size} pixels.") from error
    except Exception as error:  # pillow raises what its decoders happen to raise
        return error


def _report(folder: Path, count: int, bad: dict[Path, Exception], strict: bool) -> None:
    first = [
        f"{printable(path.relative_to(folder))} ({error})" for path, error in [*bad.items()][:5]
    ]
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
    message = f"{len(bad)} of {count} files in {printable(folder)} cannot be read"
    message += f": {', '.join(first)}{more}."
    if strict or len(bad) == count:
        raise UserError(f"{message} Remove them, or mend them.")
    warn_user(f"{message} They are left out.")


def _warn_of_darkness(folder: Path, count: int, dark: dict[Path, Picture]) -> None:
    """Warn of images that use less than a sixteenth of their range."""
    if dark:
        values = [
            f"{printable(path.relative_to(folder))} ({picture.largest} of {picture.possible})"
            for path, picture in [*dark.items()][:5]
        ]
        warn_user(
            f"{len(dark)} of {count} images in {printable(folder)} are almost black; their largest"
            f" values: {', '.join(values)}. If these mean white, as of class numbers or 12-bit"
            " pictures, scale them to the whole range first."
        )


def _read_labels(
    folder: Path, paths: list[Path]
) -> tuple[Int32[np.ndarray, " n"], tuple[str, ...]]:
    parts = [path.relative_to(folder).parts for path in paths]
    loose = sum(len(part) == 1 for part in parts)
    if 0 < loose < len(parts):
        warn_user(
            f"{loose} of {len(parts)} images lie in {printable(folder)} itself and not in a folder"
            " of their class: no labels are read."
        )
    if loose:
        return np.zeros(len(parts), np.int32), ()
    names = {part[0] for part in parts}
    if names & {"train", "training"} and {name.lower() for name in names} <= _SPLITS:
        warn_user(
            f"the folders {', '.join(sorted(names))} in {printable(folder)} become classes, but"
            " look like splits: give one of them, or put the images of a class into one folder."
        )
    ordered = _order_classes(names)
    numbers = {name: number for number, name in enumerate(ordered)}
    labels = np.array([numbers[part[0]] for part in parts], np.int32)
    return labels, tuple(map(printable, ordered))


def _order_classes(names: set[str]) -> list[str]:
    are_numbers = all(name.isascii() and name.isdigit() for name in names)
    return sorted(names, key=lambda name: (int(name) if are_numbers else 0, name))
