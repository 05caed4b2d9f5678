"""Reading data that TFDS has prepared, without TensorFlow."""

import io
import json
import math
import struct
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from genjax.data.dataset import Decoded
from genjax.errors import UserError
from genjax.runs.progress import progress


def can_read_array_record() -> bool:
    """array_record is not published for every platform."""
    return find_spec("array_record") is not None


def find(name: str, data_dir: Path) -> Path | None:
    """The folder of the newest prepared version of the data set that can be read here."""
    readable = {"tfrecord"} | ({"array_record"} if can_read_array_record() else set())
    folders = [info.parent for info in data_dir.glob(f"{name}/[0-9]*/dataset_info.json")]
    newest_first = sorted(folders, key=lambda folder: _version(folder.name), reverse=True)
    return next((folder for folder in newest_first if about(folder)[0] in readable), None)


def files(folder: Path, split: str) -> list[Path]:
    """What a split is decoded from: its shards, in order, and the description of the data set."""
    shards = folder.glob(f"*-{split}.{about(folder)[0]}-*-of-*")
    return [*sorted(shards), folder / "dataset_info.json"]


def decode(folder: Path, split: str) -> Decoded:
    """A split of the data set prepared in `folder`. Raises `UserError` where it is damaged."""
    try:
        file_format, expected = about(folder)
        read = {"array_record": _array_records, "tfrecord": _tf_records}[file_format]
        shards = files(folder, split)[:-1]
        records = [record for shard in shards for record in read(shard)]
        if len(records) != expected[split]:
            raise ValueError(f"it holds {len(records)} records instead of {expected[split]}")
        images, labels = examples(progress(records, desc=f"decoding {folder.parent.name}"))
        return Decoded(images, labels, source(folder, records[0]))
    except Exception as error:  # array_record, protobuf and pillow have each their own errors
        raise damaged(folder, error) from error


def examples(records: Iterable[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N, H, W, C] and labels int32 [N] of N records, at least one."""
    from PIL import Image

    images, labels = [], []
    for record in records:
        feature = _features(record)
        images.append(np.asarray(Image.open(io.BytesIO(feature["image"].bytes_list.value[0]))))
        labels.append(feature["label"].int64_list.value[0])
    stacked = np.stack(images)
    return stacked[..., None] if stacked.ndim == 3 else stacked, np.array(labels, np.int32)


def _features(record: bytes) -> Any:
    from tensorflow_datasets.proto import tf_example_pb2

    return tf_example_pb2.Example.FromString(record).features.feature


def source(folder: Path, record: bytes) -> str:
    """Where the images prepared in `folder` are from; `record` is one of them."""
    is_jpeg = _features(record)["image"].bytes_list.value[0].startswith(b"\xff\xd8")
    jpeg = ", stored as JPEG: its pixels differ slightly from the original ones"
    return f"TFDS data prepared in {folder}" + (jpeg if is_jpeg else "")


def _array_records(shard: Path) -> list[bytes]:
    from array_record.python.array_record_module import ArrayRecordReader

    reader = ArrayRecordReader(str(shard))
    try:
        return reader.read_all()
    finally:
        reader.close()


def _tf_records(shard: Path) -> Iterator[bytes]:
    """TFRecord: length, a check of the length, the record, a check of the record."""
    with shard.open("rb") as file:
        while header := file.read(12):
            (length,) = struct.unpack_from("<Q", header)
            yield file.read(length)
            file.read(4)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else -1 for part in text.split("."))


def image_bytes(folder: Path) -> int:
    """What an image takes as uint8 [H, W, C]; 0 where the description does not say."""
    try:
        features = json.loads((folder / "features.json").read_text())["featuresDict"]["features"]
        sides = [int(side) for side in features["image"]["image"]["shape"]["dimensions"]]
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return max(0, math.prod(sides))


def about(folder: Path) -> tuple[str, dict[str, int]]:
    """The file format, and how many examples each split has. Raises `UserError`."""
    try:
        info = json.loads((folder / "dataset_info.json").read_text())
        sizes = {s["name"]: sum(map(int, s["shardLengths"])) for s in info["splits"]}
        return info.get("fileFormat", "tfrecord"), sizes
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder, error) from error


def damaged(folder: Path, error: Exception) -> UserError:
    if isinstance(error, UserError):
        return error
    return UserError(
        f"the prepared data in {folder} cannot be read: {type(error).__name__}: {error}. Delete"
        " that folder; the next start prepares it anew, or copy it again from where it came."
    )
