"""The cache of decoded images."""

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from genjax import data
from genjax.data import cache
from genjax.data.published import record_files
from genjax.data.published.prepare import prepare
from tests.data.files import needs_array_record, write_mnist


@pytest.fixture
def decodings(monkeypatch):
    """Counts how often prepared data are decoded."""
    calls, decode = [], record_files.decode_split
    monkeypatch.setattr(
        record_files, "decode_split", lambda *args: calls.append(args) or decode(*args)
    )
    return calls


@needs_array_record
def test_cache_is_used_and_gives_the_same(tiny_mnist, decodings):
    first = data.load("mnist", "train", tiny_mnist[0])
    second = data.load("mnist", "train", tiny_mnist[0])
    assert len(decodings) == 1
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert (first.checksum, first.source) == (second.checksum, second.source)


@needs_array_record
@pytest.mark.parametrize("suffix", ["images.npy", "labels.npy", "json"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "missing"])
def test_damaged_cache_is_rebuilt(tiny_mnist, decodings, suffix, damage):
    first = data.load("mnist", "train", tiny_mnist[0])
    path = cache.cache_folder() / "data" / f"mnist-train.{suffix}"
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(content[:-20])
    elif damage == "flipped":
        content[-10] ^= 1
        path.write_bytes(content)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
    for _ in range(2):  # rebuilt, then used
        again = data.load("mnist", "train", tiny_mnist[0])
        np.testing.assert_array_equal(again.images, first.images)
        assert (again.checksum, again.source) == (first.checksum, first.source)
    assert len(decodings) == 2


@needs_array_record
def test_cache_survives_every_flipped_byte_of_its_headers(tiny_mnist):
    first = data.load("mnist", "test", tiny_mnist[0])
    for suffix, end in (("images.npy", 128), ("json", None)):
        path = cache.cache_folder() / "data" / f"mnist-test.{suffix}"
        whole = path.read_bytes()
        for position in range(0, end or len(whole), 7):
            damaged = bytearray(whole)
            damaged[position] ^= 2
            path.write_bytes(damaged)
            again = data.load("mnist", "test", tiny_mnist[0])
            assert (again.checksum, again.source) == (first.checksum, first.source)
            assert again.images.dtype == np.uint8
            np.testing.assert_array_equal(again.images, first.images)


@needs_array_record
def test_cache_is_never_stale(tiny_copy, tmp_path):
    path, _ = tiny_copy
    before = data.load("mnist", "train", path)
    _, files = write_mnist(tmp_path / "others", num_train=20)
    (tmp_path / "other").mkdir()
    prepare("mnist", files, tmp_path / "other")
    assert len(data.load("mnist", "train", tmp_path / "other")) == 20  # another folder
    assert data.load("mnist", "train", path).checksum == before.checksum
    shutil.rmtree(path / "mnist")
    shutil.copytree(tmp_path / "other/mnist", path / "mnist")
    assert len(data.load("mnist", "train", path)) == 20  # other data in the same folder


@needs_array_record
def test_entries_that_nobody_reads_are_deleted(tiny_mnist):
    folder = cache.cache_folder() / "data"

    def list_entries_after(split, long_ago):
        path = folder / f"mnist-{long_ago}.json"
        os.utime(path, (time.time() - 31 * 24 * 3600,) * 2)
        data.load("mnist", split, tiny_mnist[0])
        return {path.name.split(".")[0] for path in folder.iterdir()}

    data.load("mnist", "train", tiny_mnist[0])
    assert list_entries_after("test", long_ago="train") == {"mnist-test"}
    list_entries_after("test", long_ago="test")  # read, which counts as new
    data.load("mnist", "train", tiny_mnist[0])
    assert len(list(folder.glob("*.json"))) == 2


@needs_array_record
def test_images_outlive_the_cache(tiny_mnist):
    data.load("mnist", "test", tiny_mnist[0])
    dataset = data.load("mnist", "test", tiny_mnist[0])
    before = np.array(dataset.images)
    path = cache.cache_folder() / "data" / "mnist-test.images.npy"
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    np.testing.assert_array_equal(dataset.images, before)


@needs_array_record
def test_unwritable_cache_is_no_error(tiny_mnist, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GENJAX_CACHE_DIR", str(tmp_path / "file"))
    assert len(data.load("mnist", "train", tiny_mnist[0])) == 30


def test_cache_folder(monkeypatch, tmp_path):
    assert cache.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("GENJAX_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.cache_folder() == Path("/somewhere/genjax")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_folder() == tmp_path / "home/.cache/genjax"
