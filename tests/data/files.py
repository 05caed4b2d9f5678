"""Original files of data sets, tiny, in their own formats; and what the tests of data need."""

import gzip
import io
import json
import os
import socket
import struct
import tarfile

import numpy as np
import pytest
from PIL import Image

from genjax.data.published import download, formats, record_files

TFDS_DATA_DIR = os.environ.get("TFDS_DATA_DIR")
DOWNLOADS = os.environ.get("GENJAX_TEST_DOWNLOADS")
needs_full_data = pytest.mark.skipif(not TFDS_DATA_DIR, reason="TFDS_DATA_DIR is not set")
needs_downloads = pytest.mark.skipif(not DOWNLOADS, reason="GENJAX_TEST_DOWNLOADS is not set")
needs_array_record = pytest.mark.skipif(
    not record_files.can_read_array_record(), reason="array_record is not installed"
)
real_url_infos = download.get_url_infos


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


def write_mnist(path, num_train=30, num_test=10):
    """Four tiny files as MNIST's; gives {split: (images, labels)} and {file name: path}."""
    path.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    truth = {}
    for split, prefix, num in (("train", "train", num_train), ("test", "t10k", num_test)):
        images = rng.integers(0, 256, (num, 28, 28), np.uint8)
        labels = rng.integers(0, 10, num, np.uint8)
        write_idx(path / f"{prefix}-images-idx3-ubyte.gz", images)
        write_idx(path / f"{prefix}-labels-idx1-ubyte.gz", labels)
        truth[split] = images[..., None], labels
    return truth, {file.name: file for file in path.iterdir()}


def write_cifar(path, per_batch=4):
    rng = np.random.default_rng(1)
    truth, archive = {}, path / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for split, batches in formats.CIFAR_BATCHES.items():
            num = per_batch * len(batches)
            images = rng.integers(0, 256, (num, 32, 32, 3), np.uint8)
            labels = rng.integers(0, 10, num, np.uint8)
            truth[split] = images, labels
            for i, batch in enumerate(batches):
                content = b"".join(
                    bytes([labels[j]]) + b"".join(images[j, :, :, c].tobytes() for c in range(3))
                    for j in range(i * per_batch, (i + 1) * per_batch)
                )
                info = tarfile.TarInfo(f"cifar-10-batches-bin/{batch}.bin")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return truth, {archive.name: archive}


def as_rows(images, labels):
    """The examples as a sorted list: equal where the examples are, in whatever order."""
    images, labels = np.asarray(images), np.asarray(labels)
    return sorted(
        bytes([label]) + image.tobytes() for image, label in zip(images, labels, strict=True)
    )


def make_record(picture, label, image_name="image", label_name="label"):
    """An example as TFDS stores it."""
    from tensorflow_datasets.proto import tf_example_pb2

    file, example = io.BytesIO(), tf_example_pb2.Example()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, "PNG")
    example.features.feature[image_name].bytes_list.value.append(file.getvalue())
    example.features.feature[label_name].int64_list.value.append(label)
    return example.SerializeToString()


def write_prepared(
    data_dir,
    images,
    lengths,
    *,
    name="mnist/3.0.1",
    splits=("train", "test"),
    image="image",
    label="label",
    names=(),
    pictures=None,
    shape=None,
):
    """A data set as TFDS prepares it, in shards of these lengths, the same for every split."""
    from array_record.python.array_record_module import ArrayRecordWriter

    folder = data_dir / name
    folder.mkdir(parents=True)
    pictures = np.asarray(images.images) if pictures is None else pictures
    records = [
        make_record(picture, int(number), image, label)
        for picture, number in zip(pictures, images.labels, strict=True)
    ]
    for split in splits:
        for number, start in enumerate(np.cumsum([0, *lengths[:-1]])):
            shard = f"{split}.array_record-{number:05d}-of-{len(lengths):05d}"
            writer = ArrayRecordWriter(
                str(folder / f"{name.split('/')[0]}-{shard}"), "group_size:1"
            )
            for one in records[start : start + lengths[number]]:
                writer.write(one)
            writer.close()
    described = [{"name": split, "shardLengths": [*map(str, lengths)]} for split in splits]
    info = {"fileFormat": "array_record", "splits": described}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    sides = {"dimensions": [*map(str, shape or images.image_shape)]}
    features = {image: {"image": {"shape": sides}}, label: {"classLabel": {}}}
    (folder / "features.json").write_text(json.dumps({"featuresDict": {"features": features}}))
    if names:
        (folder / f"{label}.labels.txt").write_text("\n".join(names) + "\n")
    return data_dir
