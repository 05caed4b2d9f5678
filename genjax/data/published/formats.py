"""Data sets as their authors publish them: names of the classes, and file formats."""

import gzip
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8

LABEL_NAMES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    "cifar10": (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
}

IDX_PREFIX = {"train": "train", "test": "t10k"}
CIFAR_BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}


def parse(
    name: str, split: str, files: Mapping[str, Path]
) -> tuple[UInt8[np.ndarray, "n h w c"], Int32[np.ndarray, " n"]]:
    """Parse the original files into images and labels, in their order.

    `files` maps the published name of a file to its path.
    """
    if name == "cifar10":
        return parse_cifar(files["cifar-10-binary.tar.gz"], CIFAR_BATCHES[split])
    prefix = IDX_PREFIX[split]
    images = parse_idx(files[f"{prefix}-images-idx3-ubyte.gz"])
    labels = parse_idx(files[f"{prefix}-labels-idx1-ubyte.gz"])
    return images[..., None], labels.astype(np.int32)


def parse_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """Parse a gzipped IDX file: the rank of its array, its dimensions (big endian), its bytes."""
    with gzip.open(path) as file:
        content = file.read()
    rank = content[3]
    shape = np.frombuffer(content, ">i4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def parse_cifar(
    path: Path, batches: list[str]
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], Int32[np.ndarray, " n"]]:
    """Parse CIFAR-10's binary version: each record is a label and the planes red, green, blue."""
    with tarfile.open(path) as archive:
        content = b"".join(
            archive.extractfile(f"cifar-10-batches-bin/{batch}.bin").read()  # type: ignore[union-attr]
            for batch in batches
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, 0].astype(np.int32)
