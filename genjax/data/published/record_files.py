"""Read data that TFDS has prepared, without TensorFlow."""

import io
import json
import re
import struct
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from genjax.data.dataset import HostImages
from genjax.data.memory import allocate_images
from genjax.data.picture import read_picture
from genjax.data.published.crc32c import compute_masked_crc32c
from genjax.errors import UserError
from genjax.runs.progress import progress

_NAME = re.compile(r"\w{1,99}(/[\w.-]{1,99})?", re.ASCII)  # of a data set, with or without a config


def can_read_array_record() -> bool:
    """Tell whether array_record is installed; it is not published for every platform."""
    return find_spec("array_record") is not None


def find_prepared(name: str, data_dir: Path) -> Path | None:
    """Find the folder of the newest prepared version of a data set that can be read here."""
    if not _NAME.fullmatch(name):
        return None
    readable = {"tfrecord"} | ({"array_record"} if can_read_array_record() else set())
    folders = [info.parent for info in data_dir.glob(f"{name}/[0-9]*/dataset_info.json")]
    newest_first = sorted(folders, key=lambda folder: _parse_version(folder.name), reverse=True)
    return next((folder for folder in newest_first if read_info(folder)[0] in readable), None)


def _parse_version(text: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else -1 for part in text.split("."))


def read_info(folder: Path) -> tuple[str, dict[str, int]]:
    """Return the file format, and how many examples each split has.

    Raises:
        UserError: where the description is damaged.
    """
    try:
        info = json.loads((folder / "dataset_info.json").read_text())
        sizes = {s["name"]: sum(map(int, s["shardLengths"])) for s in info["splits"]}
        return info.get("fileFormat", "tfrecord"), sizes
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise explain_damage(folder, error) from error


class Features(NamedTuple):
    """Which features of an example hold its image and its label.

    `shape` is that of the images, () where the description does not say, a side -1 where they
    differ. `has_labels` is false where the description names no label.
    """

    image: str = "image"
    label: str = "label"
    shape: tuple[int, ...] = ()
    has_labels: bool = False


def read_features(folder: Path) -> Features:
    """Find the features of the image and the label in the description of the data set.

    Raises:
        UserError: where there is no image.
    """
    try:
        features = json.loads((folder / "features.json").read_text())["featuresDict"]["features"]
        images = [name for name, feature in features.items() if "image" in feature]
        labels = [name for name, feature in features.items() if "classLabel" in feature]
        if not images:
            raise UserError(f"the data in {folder} have no images, but: {', '.join(features)}.")
        image = "image" if "image" in images else images[0]
        sides = features[image]["image"]["shape"]["dimensions"]
        label = "label" if "label" in labels or not labels else labels[0]
        return Features(image, label, tuple(int(side) for side in sides), bool(labels))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Features()


def read_label_names(folder: Path, features: Features) -> tuple[str, ...]:
    """Return the names of the classes; none where the data set has no file of them."""
    try:
        text = (folder / f"{features.label}.labels.txt").read_text()
    except (OSError, ValueError):
        return ()
    return tuple(text.splitlines())


def list_files(folder: Path, split: str) -> list[Path]:
    """List what a split is decoded from: its shards, in order, and the data set's description."""
    shards = folder.glob(f"*-{split}.{read_info(folder)[0]}-*-of-*")
    return [*sorted(shards), folder / "dataset_info.json"]


def decode_split(
    folder: Path, split: str, image_size: tuple[int, int] | None = None, on_disk: bool = False
) -> HostImages:
    """Decode a split of the data set prepared in `folder`, one shard after the other.

    Args:
        folder: of the version, such as mnist/3.0.1.
        split: such as "train".
        image_size: (height, width) to scale and crop the images to; by default they stay as they
            are, and must be of one size.
        on_disk: keep the images in a file that vanishes with the array.

    Raises:
        UserError: where the data are damaged, or the disk has no room.
    """
    try:
        file_format, expected = read_info(folder)
        read = {"array_record": read_array_records, "tfrecord": read_tf_records}[file_format]
        records = (record for shard in list_files(folder, split)[:-1] for record in read(shard))
        return _decode_records(folder, records, expected[split], image_size, on_disk)
    except Exception as error:  # array_record, protobuf and pillow have each their own errors
        raise explain_damage(folder, error) from error


def _decode_records(
    folder: Path,
    records: Iterable[bytes],
    expected: int,
    image_size: tuple[int, int] | None,
    on_disk: bool,
) -> HostImages:
    features, labels = read_features(folder), np.empty(expected, np.int32)
    images, source = np.empty(0, np.uint8), ""
    found = 0
    for record in progress(records, total=expected, desc=f"decoding {folder.parent.name}"):
        if found < expected:
            image, labels[found] = _parse_record(record, features, image_size)
            if not found:
                images = allocate_images((expected, *image.shape), on_disk)
                source = describe_source(folder, record)
            if image.shape != images.shape[1:]:
                raise ValueError(f"image {found} is {image.shape}, others {images.shape[1:]}")
            images[found] = image
        found += 1
    if not 0 < found == expected:
        raise ValueError(f"it holds {found} records instead of {expected}")
    return HostImages(images, labels, source)


def _parse_record(
    record: bytes, features: Features, image_size: tuple[int, int] | None
) -> tuple[UInt8[np.ndarray, "h w c"], int]:
    feature = _parse_example(record)
    image = _decode_image(feature[features.image].bytes_list.value[0], features, image_size)
    label = feature[features.label].int64_list.value
    number = label[0] if label or features.has_labels else 0
    return image[..., None] if image.ndim == 2 else image, number


def _decode_image(
    content: bytes, features: Features, image_size: tuple[int, int] | None
) -> np.ndarray:
    from PIL import Image

    if image_size is None:
        return np.asarray(Image.open(io.BytesIO(content)))
    return read_picture(io.BytesIO(content), image_size, grey=features.shape[-1:] == (1,))


def _parse_example(record: bytes) -> Any:
    from tensorflow_datasets.proto import tf_example_pb2

    return tf_example_pb2.Example.FromString(record).features.feature


def describe_source(folder: Path, record: bytes) -> str:
    """Say where the images prepared in `folder` are from; `record` is one of them."""
    image = _parse_example(record)[read_features(folder).image].bytes_list.value[0]
    is_jpeg = image.startswith(b"\xff\xd8")
    jpeg = ", stored as JPEG: its pixels differ slightly from the original ones"
    return f"TFDS data prepared in {folder}" + (jpeg if is_jpeg else "")


def read_array_records(shard: Path) -> list[bytes]:
    """Read the records of an array_record file."""
    from array_record.python.array_record_module import ArrayRecordReader

    reader = ArrayRecordReader(str(shard))
    try:
        return reader.read_all()
    finally:
        reader.close()


def read_tf_records(shard: Path) -> list[bytes]:
    """Read the records of a TFRecord file: each its length, the length's checksum, the record, and
    its checksum.

    Raises:
        ValueError: where a checksum is wrong, or the file ends early.
    """
    records, headers, expected = [], [], []
    with shard.open("rb") as file:
        for header in _read_headers(file):
            (length,) = struct.unpack_from("<Q", header)
            record = file.read(min(length, shard.stat().st_size))
            check = file.read(4)
            if len(record) < length or len(check) < 4:
                raise ValueError(f"{shard.name} ends within a record")
            records.append(record)
            headers.append(header[:8])
            expected.append((*struct.unpack("<I", header[8:]), *struct.unpack("<I", check)))
    found = np.stack([compute_masked_crc32c(headers), compute_masked_crc32c(records)], axis=1)
    wrong = np.flatnonzero(np.any(found != np.array(expected, np.uint32).reshape(-1, 2), axis=1))
    if wrong.size:
        raise ValueError(f"record {wrong[0]} of {shard.name} has a wrong checksum")
    return records


def _read_headers(file: io.BufferedReader) -> Iterator[bytes]:
    while header := file.read(12):
        if len(header) < 12:
            raise ValueError("it ends within the length of a record")
        yield header


def explain_damage(folder: Path, error: Exception) -> UserError:
    """Return the error to raise where prepared data cannot be read."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, ImportError):
        return UserError(
            f"the prepared data in {folder} cannot be read, because a package is missing: {error}."
            " Install it (pip install array-record tensorflow-datasets grain pillow)."
        )
    return UserError(
        f"the prepared data in {folder} cannot be read: {type(error).__name__}: {error}. Copy them"
        " again from where they came, or let data_dir or TFDS_DATA_DIR name another folder, into"
        " which the next start prepares them anew."
    )
