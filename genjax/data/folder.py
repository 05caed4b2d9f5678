"""`from_folder`: a user's own images, of any format, size and colour, as a `Dataset`."""

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from genjax.data.dataset import Dataset, Decoded, on_device
from genjax.data.picture import read_picture
from genjax.errors import UserError
from genjax.runs.progress import progress

EXTENSIONS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


def from_folder(
    path: str | os.PathLike,
    image_size: int | tuple[int, int],
    channels: int | None = None,
    strict: bool = False,
) -> Dataset:
    """The images in the folder `path` and below, in sorted order, uint8 [N, H, W, channels].

    Each is turned upright (EXIF), laid on white where it is transparent, scaled on its short side
    with antialiasing and cropped around its centre to `image_size`: a side, or (height, width).
    `channels` is 1 or 3; left out, it is 3 if any image has colour. The folders right below `path`
    are the labels if every image lies in one of them. Read are PNG, JPEG, WebP, BMP, GIF (the
    first frame) and TIFF files; hidden ones and other files are ignored. A file that cannot be
    read is left out, with one warning for all of them, or, if `strict`, a `UserError`.

    Raises `UserError` also where `path` is no folder or holds no readable image, on a senseless
    `image_size` or `channels`, and on an image so large that it may be meant to fill the memory.
    """
    folder = Path(path).expanduser()
    height, width = _check_size(image_size)
    if channels not in (None, 1, 3):
        raise UserError(f"channels is {channels!r}, but must be 1 (grey) or 3 (colour).")
    paths = _find(folder)

    images = np.empty((len(paths), height, width, channels or 3), np.uint8)
    bad: dict[int, Exception] = {}
    for i, picture in enumerate(_read_all(paths, (height, width), grey=channels == 1)):
        if isinstance(picture, Exception):
            bad[i] = picture
        else:
            images[i] = picture
    if bad:
        _report(folder, paths, bad, strict)
        images = np.delete(images, list(bad), axis=0)
        paths = [path for i, path in enumerate(paths) if i not in bad]
    if channels is None and (images == images[..., :1]).all():
        images = images[..., :1]

    labels, label_names = _labels(folder, paths)
    decoded = Decoded(images, labels, f"{len(images)} images in the folder {folder.absolute()}")
    return on_device(f"{folder.absolute().name}/", "all", decoded, label_names)


def _check_size(image_size: int | tuple[int, int]) -> tuple[int, int]:
    size = tuple(image_size) if isinstance(image_size, tuple | list) else (image_size,) * 2
    if len(size) != 2 or not all(isinstance(side, int) and side >= 1 for side in size):
        raise UserError(
            f"image_size is {image_size!r}, but must be a whole number of pixels, at least 1,"
            " or two of them: (height, width)."
        )
    return size


def _find(folder: Path) -> list[Path]:
    if not folder.exists():
        raise UserError(f"there is no folder {folder.absolute()}.")
    if not folder.is_dir():
        raise UserError(f"{folder.absolute()} is not a folder: give the folder of the images.")
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in EXTENSIONS
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    ]
    if not paths:
        raise UserError(
            f"there are no images in {folder.absolute()} or below. Files with these endings are"
            f" read: {' '.join(sorted(EXTENSIONS))}."
        )
    return paths


def _read_all(
    paths: list[Path], size: tuple[int, int], grey: bool
) -> Iterator[np.ndarray | Exception]:
    """Each picture uint8 [H, W, 1 or 3], in order, or the error that reading it raised."""
    pool = ThreadPoolExecutor()
    try:
        # pillow also warns of large or slightly damaged files, which it reads all the same.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = pool.map(partial(_read, size=size, grey=grey), paths)
            yield from progress(results, total=len(paths), desc="reading images")
    finally:
        pool.shutdown(cancel_futures=True)


def _read(path: Path, size: tuple[int, int], grey: bool) -> np.ndarray | Exception:
    try:
        return read_picture(path, size, grey)
    except UserError:
        raise
    except Exception as error:  # pillow raises what its decoders happen to raise
        return error


def _report(folder: Path, paths: list[Path], bad: dict[int, Exception], strict: bool) -> None:
    first = [f"{paths[i].relative_to(folder)} ({error})" for i, error in list(bad.items())[:5]]
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
    count = f"{len(bad)} of {len(paths)} files in {folder.absolute()} cannot be read"
    message = f"{count}: {', '.join(first)}{more}."
    if strict or len(bad) == len(paths):
        raise UserError(f"{message} Remove them, or mend them.")
    warnings.warn(f"{message} They are left out.", stacklevel=3)


def _labels(folder: Path, paths: list[Path]) -> tuple[np.ndarray, tuple[str, ...]]:
    parts = [path.relative_to(folder).parts for path in paths]
    loose = sum(len(part) == 1 for part in parts)
    if 0 < loose < len(parts):
        warnings.warn(
            f"{loose} of {len(parts)} images lie in {folder.absolute()} itself and not in a folder"
            " of their class: no labels are read.",
            stacklevel=3,
        )
    if loose:
        return np.zeros(len(parts), np.int32), ()
    names, labels = np.unique([part[0] for part in parts], return_inverse=True)
    return labels.astype(np.int32), tuple(names.tolist())
