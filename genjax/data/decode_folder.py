"""Decode the images of a folder: read each, and say what cannot be read or looks wrong."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from genjax.data.dataset import HostImages
from genjax.data.memory import allocate_images
from genjax.data.picture import Picture, read_with_range
from genjax.data.tree import printable
from genjax.errors import UserError
from genjax.runs.progress import progress

_SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "eval"}


def decode_folder(
    folder: Path,
    paths: list[Path],
    unreadable: dict[Path, Exception],
    size: tuple[int, int],
    channels: int | None,
    strict: bool,
    on_disk: bool,
) -> HostImages:
    """Read all images, into memory or a file; with the names of their classes, and warnings.

    Args:
        folder: in which they lie.
        paths: of the images, in order.
        unreadable: folders that could not be read, with the error.
        size: (height, width).
        channels: 1 or 3; None takes 3 if any image has colour.
        strict: raise `UserError` on what cannot be read.
        on_disk: keep the images in a file that vanishes with the array.
    """
    images = allocate_images((len(paths), *size, channels or 3), on_disk)
    bad, good = dict(unreadable), list[Path]()
    dark: dict[Path, Picture] = {}
    has_colour = False
    for i, picture in enumerate(_read_all(paths, size, grey=channels == 1)):
        if isinstance(picture, Exception):
            bad[paths[i]] = picture
            continue
        images[len(good)] = pixels = picture.pixels
        has_colour = has_colour or bool((pixels != pixels[..., :1]).any())
        good.append(paths[i])
        if picture.is_dark:
            dark[paths[i]] = picture
    noted = []
    if bad:
        noted.append(_describe_unread(folder, len(paths) + len(unreadable), bad, strict))
    if dark:
        noted.append(_describe_darkness(folder, len(good), dark))
    images = images[: len(good), ..., : None if channels or has_colour else 1]
    labels, label_names, of_labels = _read_labels(folder, good)
    source = f"{len(images)} images in the folder {printable(folder)}"
    return HostImages(images, labels, source, label_names, (*noted, *of_labels))


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


def _describe_unread(folder: Path, count: int, bad: dict[Path, Exception], strict: bool) -> str:
    """Say which files cannot be read. Raises `UserError` if none can, or where it is strict."""
    first = [
        f"{printable(path.relative_to(folder))} ({error})" for path, error in [*bad.items()][:5]
    ]
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
    message = f"{len(bad)} of {count} files in {printable(folder)} cannot be read"
    message += f": {', '.join(first)}{more}."
    if strict or len(bad) == count:
        raise UserError(f"{message} Remove them, or mend them.")
    return f"{message} They are left out."


def _describe_darkness(folder: Path, count: int, dark: dict[Path, Picture]) -> str:
    """Say which images use less than a sixteenth of their range."""
    values = [
        f"{printable(path.relative_to(folder))} ({picture.largest} of {picture.possible})"
        for path, picture in [*dark.items()][:5]
    ]
    return (
        f"{len(dark)} of {count} images in {printable(folder)} are almost black; their largest"
        f" values: {', '.join(values)}. If these mean white, as of class numbers or 12-bit"
        " pictures, scale them to the whole range first."
    )


def _read_labels(
    folder: Path, paths: list[Path]
) -> tuple[Int32[np.ndarray, " n"], tuple[str, ...], list[str]]:
    """Return the labels, the names of the classes, and warnings of what looks wrong."""
    noted = []
    parts = [path.relative_to(folder).parts for path in paths]
    loose = sum(len(part) == 1 for part in parts)
    if 0 < loose < len(parts):
        noted.append(
            f"{loose} of {len(parts)} images lie in {printable(folder)} itself and not in a folder"
            " of their class: no labels are read."
        )
    if loose:
        return np.zeros(len(parts), np.int32), (), noted
    names = {part[0] for part in parts}
    if names & {"train", "training"} and {name.lower() for name in names} <= _SPLITS:
        noted.append(
            f"the folders {', '.join(sorted(names))} in {printable(folder)} become classes, but"
            " look like splits: give one of them, or put the images of a class into one folder."
        )
    ordered = _order_classes(names)
    numbers = {name: number for number, name in enumerate(ordered)}
    labels = np.array([numbers[part[0]] for part in parts], np.int32)
    return labels, tuple(map(printable, ordered)), noted


def _order_classes(names: set[str]) -> list[str]:
    are_numbers = all(name.isascii() and name.isdigit() for name in names)
    return sorted(names, key=lambda name: (int(name) if are_numbers else 0, name))
