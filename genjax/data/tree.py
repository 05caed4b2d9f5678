"""Find image files in a folder and below, through links, none twice."""

import os
import stat
from pathlib import Path

from genjax.errors import UserError

EXTENSIONS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


def find_images(folder: Path) -> tuple[list[Path], dict[Path, Exception]]:
    """List the image files in a folder and below, sorted, and the folders that cannot be read.

    Links to folders are followed, unless the folder lies in the tree anyway or was visited already.

    Raises:
        UserError: where there is no such folder, or no image in it.
    """
    _check_folder(folder)
    files: list[Path] = []
    unreadable: dict[Path, Exception] = {}
    visited = {_identify(parent) for parent in folder.resolve().parents}  # no link leads up
    waiting = [folder]
    while waiting:
        links: list[Path] = []
        for start in waiting:
            _visit(start, files, links, unreadable, visited)
        waiting = sorted(links)  # after all real folders, so that a link never stands for one
    files.sort(key=lambda path: path.parts)  # faster than to compare the paths themselves
    if not files and not unreadable:
        raise UserError(
            f"there are no images in {printable(folder)} or below. Files with these endings are"
            f" read: {' '.join(sorted(EXTENSIONS))}."
        )
    return files, unreadable


def _check_folder(folder: Path) -> None:
    try:
        exists, is_folder = folder.exists(), folder.is_dir()
    except OSError as error:  # such as a name that is too long
        raise UserError(f"{str(folder)[:200]} cannot be read: {error.strerror}.") from None
    if not exists:
        raise UserError(f"there is no folder {printable(folder)}.")
    if not is_folder:
        raise UserError(f"{printable(folder)} is not a folder: give the folder of the images.")


def _visit(
    start: Path,
    files: list[Path],
    links: list[Path],
    unreadable: dict[Path, Exception],
    visited: set[tuple[int, int]],
) -> None:
    """Add the image files below `start`, and the links to folders, which are not followed yet."""
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        try:
            if _identify(folder) in visited:
                continue
            visited.add(_identify(folder))
            with os.scandir(folder) as entries:
                found = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            unreadable[folder] = error
            continue
        for entry in found:
            path = folder / entry.name
            try:
                is_folder, mode = entry.is_dir(), entry.stat().st_mode
            except OSError as error:  # a link that leads nowhere, or to itself
                if path.suffix.lower() in EXTENSIONS:
                    unreadable[path] = error
                continue
            if is_folder:
                (links if entry.is_symlink() else waiting).append(path)
            elif path.suffix.lower() in EXTENSIONS and stat.S_ISREG(mode):
                files.append(path)


def _identify(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def printable(path: str | Path) -> str:
    """Return a path as text that can be printed: bytes that are no UTF-8 become question marks."""
    return os.fsencode(path).decode("utf-8", "replace")
