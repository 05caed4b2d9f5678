"""`from_folder`: a user's own images, of any format, size and colour."""

import hashlib
import os
from dataclasses import replace
from functools import partial
from typing import Literal, overload

from genjax.data.cache import decode_cached, identify_files
from genjax.data.dataset import Dataset, to_device
from genjax.data.decode_folder import decode_folder
from genjax.data.memory import check_memory
from genjax.data.stream import Stream, check_can_read_ahead, decide_to_stream, open_stream
from genjax.data.tree import find_images, printable
from genjax.data.warn import warn_user
from genjax.errors import UserError, check_integer
from genjax.runs.files import resolve_path

_WORTH_KEEPING = 2.0  # seconds
_EDITION = 1  # of what decoding makes of a file: raise it with every change, and caches are renewed


@overload
def from_folder(
    path: str | os.PathLike[str],
    image_size: int | tuple[int, int],
    channels: int | None = ...,
    strict: bool = ...,
    stream: Literal[False] = ...,
) -> Dataset: ...


@overload
def from_folder(
    path: str | os.PathLike[str],
    image_size: int | tuple[int, int],
    channels: int | None = ...,
    strict: bool = ...,
    stream: bool | None = ...,
) -> Dataset | Stream: ...


def from_folder(
    path: str | os.PathLike[str],
    image_size: int | tuple[int, int],
    channels: int | None = None,
    strict: bool = False,
    stream: bool | None = False,
) -> Dataset | Stream:
    """Read the images in a folder and below, in the order of their paths.

    Each image is turned upright (EXIF), laid on white where it is transparent, scaled on its short
    side with antialiasing, and cropped around its centre. The folders right below `path` are the
    classes if every image lies in one of them; they are ordered by number if all their names are
    numbers, else by name. PNG, JPEG, WebP, BMP, GIF (the first frame) and TIFF files are read;
    hidden and other files are ignored. Links to folders are followed, but no folder is read twice.

    If that takes more than two seconds, the images are kept, decoded, in the cache folder: the next
    start reads them there, unless a file was changed.

    Args:
        path: of the folder.
        image_size: the side, or (height, width).
        channels: 1 or 3; by default 3 if any image has colour.
        strict: raise `UserError` on a file or folder that cannot be read, which is otherwise left
            out, with one warning for all of them.
        stream: leave the decoded images on disk, in the cache folder, and read them while a model
            trains. None does so where they fill more than half of the device's free memory and
            grain is installed.

    Raises:
        UserError: where there is no readable image, an argument is out of range, an image is so
            large that it may be meant to fill the memory, or all together do not fit into memory,
            or, streamed, on the disk.
    """
    folder = resolve_path(path)
    size = _check_size(image_size)
    if channels not in (None, 1, 3) or isinstance(channels, bool):
        raise UserError(f"channels is {channels!r}, but must be 1 (grey) or 3 (colour).")
    name = f"{printable(folder.name)}/"
    if stream:
        check_can_read_ahead(name)
    paths, unreadable = find_images(folder)
    num_bytes = len(paths) * size[0] * size[1] * (channels or 3)
    stream = decide_to_stream(stream, num_bytes)
    if not stream:
        check_memory(num_bytes, f"{len(paths)} images of {size}")
    asked = f"{folder.resolve()} {size} {channels}"
    decode = partial(decode_folder, folder, paths, unreadable, size, channels, strict, stream)
    host, checksum = decode_cached(
        f"folder-{hashlib.sha256(os.fsencode(asked)).hexdigest()[:16]}",
        f"{_EDITION} {asked} {strict} {sorted(map(str, unreadable))} {identify_files(paths)}",
        decode,
        least_seconds=0.0 if stream else _WORTH_KEEPING,
    )
    for warning in host.warnings:
        warn_user(warning)
    if stream:
        return open_stream(name, "all", host, host.label_names, checksum, str(folder))
    dataset = to_device(name, "all", host, host.label_names, checksum)
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
