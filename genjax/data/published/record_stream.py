"""Streams of data sets that TFDS has prepared as array_record, which is read in any order."""

import hashlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Int32, UInt8

from genjax.data.published import record_files
from genjax.data.stream import Stream, check_can_read_ahead, should_stream
from genjax.errors import UserError

_TAIL = 2**20  # bytes of a shard that are hashed


def check_can_stream(name: str) -> None:
    """Raise `UserError` where a package that streaming needs is missing."""
    check_can_read_ahead(name)
    if not record_files.can_read_array_record():
        raise UserError(
            f"{name} cannot be streamed: that needs the package array-record, which is made for"
            " Linux and Apple silicon: pip install array-record. Or load it with stream=False."
        )


def open_stream(name: str, split: str, folder: Path, label_names: tuple[str, ...]) -> Stream:
    """Open a split of the data set that TFDS has prepared in `folder`.

    The checksum is a sha256 over number and shape of the images and, for every shard, its size and
    its last MiB, where array_record notes the place of every record.

    Raises:
        UserError: where it cannot be streamed, or is damaged.
    """
    check_can_stream(name)
    file_format, expected = record_files.read_info(folder)
    if file_format != "array_record":
        raise UserError(
            f"{name} cannot be streamed: {folder} holds {file_format}, and only array_record can be"
            " read in any order. Let TFDS prepare it with --file_format=array_record, or load it"
            " with stream=False."
        )
    shards = record_files.list_files(folder, split)[:-1]
    features = record_files.read_features(folder)
    records, shape, origin = _open_shards(folder, shards, expected.get(split, 0), features)
    checksum = _compute_checksum(shape, shards)
    read = partial(_read_records, folder, records, features)
    return Stream(name, split, shape, label_names, origin, checksum, read)


def _read_records(
    folder: Path, records: Any, features: record_files.Features, index: Int[np.ndarray, " m"]
) -> tuple[UInt8[np.ndarray, "m h w c"], Int32[np.ndarray, " m"]]:
    try:
        return record_files.parse_records(records.__getitems__(index.tolist()), features)
    except Exception as error:  # array_record, protobuf and pillow have each their own errors
        raise record_files.explain_damage(folder, error) from error


def _open_shards(
    folder: Path, shards: list[Path], expected: int, features: record_files.Features
) -> tuple[Any, Any, str]:
    """Return the records, the shape [N, H, W, C] of their images, and where they are from."""
    try:
        from grain.sources import ArrayRecordDataSource

        source = ArrayRecordDataSource([str(shard) for shard in shards])
        if len(source) != expected:
            raise ValueError(f"it holds {len(source)} records instead of {expected}")
        images, _ = record_files.parse_records([source[0]], features)
        return (
            source,
            (expected, *images.shape[1:]),
            record_files.describe_source(folder, source[0]),
        )
    except Exception as error:  # array_record, protobuf and pillow have each their own errors
        raise record_files.explain_damage(folder, error) from error


def _compute_checksum(shape: tuple[int, ...], shards: Iterable[Path]) -> str:
    digest = hashlib.sha256(str(shape).encode())
    for shard in shards:
        size = shard.stat().st_size
        digest.update(str(size).encode())
        with shard.open("rb") as file:
            file.seek(max(0, size - _TAIL))
            digest.update(file.read())
    return digest.hexdigest()


def is_large(folder: Path, split: str) -> bool:
    """Tell whether a split should be streamed: if it is array_record, and large once decoded."""
    file_format, expected = record_files.read_info(folder)
    size = expected.get(split, 0) * record_files.count_image_bytes(folder)
    return file_format == "array_record" and should_stream(size)
