"""Cache decoded images: arrays that took seconds to decode are memory-mapped at the next start.

For every data set and split the cache holds three files: images, labels, and a JSON that says from
which files they were decoded (`key`) and what they must hash to. Whatever does not fit together
is decoded again, so the cache cannot go stale, and all of it may be deleted. What nobody has read
for 30 days is deleted when something else is kept.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from genjax.data.dataset import HostImages, compute_checksum
from genjax.runs.files import cache_folder, replace_file, seal, unseal

_UNREAD_SECONDS = 30 * 24 * 3600  # after which an entry is deleted


def identify_files(files: Iterable[Path]) -> str:
    """Return a key that changes with the files: where each lies, its size, when it was written."""
    found = sorted((os.path.abspath(file), *_measure(file)) for file in files)
    return hashlib.sha256(repr(found).encode("utf-8", "surrogateescape")).hexdigest()


def _measure(file: Path) -> tuple[int, int]:
    """Return a file's size, and when it was written; zeros where it has vanished."""
    try:
        status = os.stat(file)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def decode_cached(
    stem: str, key: str, decode: Callable[[], HostImages], least_seconds: float = 0.0
) -> tuple[HostImages, str]:
    """Return what `decode()` returns, and its checksum: from the cache if `key` fits.

    What took less than `least_seconds` is not kept.
    """
    if found := _read(stem, key):
        return found
    began = time.monotonic()
    decoded = decode()
    took = time.monotonic() - began
    digest = compute_checksum(decoded.images, decoded.labels)
    if took >= least_seconds:
        _write(stem, key, decoded, digest)
    return decoded, digest


def _locate(stem: str) -> tuple[Path, Path, Path]:
    folder = cache_folder() / "data"
    return folder / f"{stem}.images.npy", folder / f"{stem}.labels.npy", folder / f"{stem}.json"


def _read(stem: str, key: str) -> tuple[HostImages, str] | None:
    images_path, labels_path, json_path = _locate(stem)
    try:
        entry = unseal(json.loads(json_path.read_text()))
        digest = entry["digest"]
        if entry["key"] != key:
            return None
        images = np.load(images_path, mmap_mode="r")
        labels = np.load(labels_path, mmap_mode="r")
        whole = (images.dtype, labels.dtype) == (np.uint8, np.int32)
        if whole and compute_checksum(images, labels) == digest:
            names, warnings = tuple(entry["label_names"]), tuple(entry["warnings"])
            _note_use(json_path)
            return HostImages(images, labels, entry["source"], names, warnings), digest
    except Exception:  # a missing or damaged file: each kind of damage raises an error of its own
        pass
    return None


def _note_use(json_path: Path) -> None:
    with contextlib.suppress(OSError):  # a cache that cannot be written is read all the same
        os.utime(json_path)


def _remove_unread(folder: Path) -> None:
    """Delete the entries that were last read, or written, so long ago."""
    for json_path in folder.glob("*.json"):
        with contextlib.suppress(OSError):
            if time.time() - json_path.stat().st_mtime > _UNREAD_SECONDS:
                for path in _locate(json_path.stem):
                    path.unlink(missing_ok=True)


def _write(stem: str, key: str, decoded: HostImages, digest: str) -> None:
    images_path, labels_path, json_path = _locate(stem)
    entry = {
        "key": key,
        "source": decoded.source,
        "digest": digest,
        "label_names": list(decoded.label_names),
        "warnings": list(decoded.warnings),
    }
    try:
        images_path.parent.mkdir(parents=True, exist_ok=True)
        _remove_unread(images_path.parent)
        replace_file(images_path, lambda file: np.save(file, decoded.images))
        replace_file(labels_path, lambda file: np.save(file, decoded.labels))
        replace_file(json_path, lambda file: file.write(json.dumps(seal(entry), indent=1).encode()))
    except OSError:
        pass  # no room or no right to write: the next start decodes again
