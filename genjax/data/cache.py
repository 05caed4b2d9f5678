"""Cache decoded images: arrays that took seconds to decode are memory-mapped at the next start.

For every data set and split the cache holds three files: images, labels, and a JSON that says from
which files they were decoded (`key`) and what they must hash to. Whatever does not fit together
is decoded again, so the cache cannot go stale, and all of it may be deleted.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from genjax.data.dataset import HostImages, compute_checksum
from genjax.runs.files import cache_folder, replace_file


def identify_files(files: Iterable[Path]) -> str:
    """Return a key that changes with the files: where each lies, its size, when it was written."""
    paths = sorted(file.resolve() for file in files)
    return str([(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths])


def decode_cached(stem: str, key: str, decode: Callable[[], HostImages]) -> tuple[HostImages, str]:
    """Return what `decode()` returns, and its checksum: from the cache if `key` fits."""
    if found := _read(stem, key):
        return found
    decoded = decode()
    digest = compute_checksum(decoded.images, decoded.labels)
    _write(stem, key, decoded, digest)
    return decoded, digest


def _locate(stem: str) -> tuple[Path, Path, Path]:
    folder = cache_folder() / "data"
    return folder / f"{stem}.images.npy", folder / f"{stem}.labels.npy", folder / f"{stem}.json"


def _compute_seal(key: str, source: str, digest: str) -> str:
    return hashlib.sha256(json.dumps([key, source, digest]).encode()).hexdigest()


def _read(stem: str, key: str) -> tuple[HostImages, str] | None:
    images_path, labels_path, json_path = _locate(stem)
    try:
        entry = json.loads(json_path.read_text())
        source, digest = entry["source"], entry["checksum"]
        if entry["seal"] != _compute_seal(key, source, digest):
            return None
        images = np.load(images_path, mmap_mode="r")
        labels = np.load(labels_path, mmap_mode="r")
        whole = (images.dtype, labels.dtype) == (np.uint8, np.int32)
        if whole and compute_checksum(images, labels) == digest:
            return HostImages(images, labels, source), digest
    except Exception:  # a missing or damaged file: each kind of damage raises an error of its own
        pass
    return None


def _write(stem: str, key: str, decoded: HostImages, digest: str) -> None:
    images_path, labels_path, json_path = _locate(stem)
    entry = {
        "key": key,
        "source": decoded.source,
        "checksum": digest,
        "seal": _compute_seal(key, decoded.source, digest),
    }
    try:
        images_path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(images_path, lambda file: np.save(file, decoded.images))
        replace_file(labels_path, lambda file: np.save(file, decoded.labels))
        replace_file(json_path, lambda file: file.write(json.dumps(entry, indent=1).encode()))
    except OSError:
        pass  # no room or no right to write: the next start decodes again
