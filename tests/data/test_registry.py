"""Data sets by name: the user's own, and those that TFDS has prepared."""

import json

import numpy as np
import pytest
from PIL import Image

from genjax import data
from genjax.data.loaders import LOADERS
from genjax.errors import UserError
from tests.data.files import needs_array_record, write_prepared
from tests.helpers import blobs


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    for name in ("mine", "other"):
        monkeypatch.setitem(LOADERS, name, None)
        monkeypatch.delitem(LOADERS, name)


def test_a_user_registers_a_data_set_in_one_line():
    data.register_dataset("mine", lambda split: data.from_arrays(np.ones((20, 8, 8, 1))))
    assert "mine" in data.NAMES
    train, test = data.resolve("mine")
    assert (train.name, train.split, test.split) == ("mine", "train", "test")
    assert data.load("mine", "test").record() == test.record()
    data.register_dataset("mine", lambda split: data.from_arrays(np.ones((5, 8, 8, 1))))
    assert len(data.load("mine")) == 5  # a cell of a notebook runs again


def test_what_cannot_be_registered():
    with pytest.raises(UserError, match="a data set named 'mnist' is registered already"):
        data.register_dataset("mnist", lambda split: blobs())
    for name in ("", "a/b", "x.npz", 3):
        with pytest.raises(UserError, match="cannot name a data set"):
            data.register_dataset(name, lambda split: blobs())
    data.register_dataset("mine", lambda split: np.ones((5, 8, 8, 1)))
    with pytest.raises(UserError, match="returned ndarray, but must return a genjax"):
        data.load("mine")
    with pytest.raises(UserError, match="mine cannot be streamed: it is made in memory"):
        data.load("mine", stream=True)


def test_a_loader_gets_the_options_that_it_takes(tmp_path):
    seen = []

    def loader(split, data_dir=None, stream=None):
        seen.append((split, data_dir, stream))
        return blobs()

    data.register_dataset("mine", loader)
    data.load("mine", "test", tmp_path, stream=True)
    assert seen == [("test", tmp_path, True)]


@needs_array_record
def test_any_data_set_of_images_that_tfds_has_prepared(tmp_path, monkeypatch):
    images = blobs(30)
    write_prepared(tmp_path, images, (20, 10), name="kmnist/3.0.1", names=("o", "ki"))
    dataset = data.load("kmnist", "test", tmp_path)
    np.testing.assert_array_equal(dataset.images, images.images)
    np.testing.assert_array_equal(dataset.labels, images.labels)
    assert (dataset.name, dataset.label_names) == ("kmnist", ("o", "ki"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    train, test = data.resolve("kmnist")
    assert (train.split, test.split, len(train)) == ("train", "test", 30)
    with pytest.raises(UserError, match="no split 'valid'"):
        data.load("kmnist", "valid")
    write_prepared(tmp_path, images, (30,), name="emnist/letters/3.1.0", splits=("train",))
    train, test = data.resolve("emnist/letters")  # there is no test set
    assert (len(train), len(test)) == (27, 3)
    with pytest.raises(UserError, match="no split 'test'; its splits are: train"):
        data.load("emnist/letters", "test")


@needs_array_record
def test_features_of_other_names_and_images_of_several_sizes(tmp_path, monkeypatch):
    pictures = [np.full((10 + i, 12, 3), 10 * i, np.uint8) for i in range(24)]
    write_prepared(
        tmp_path, blobs(24), (24,), name="flowers/1.0.0", image="photo", label="kind",
        pictures=pictures, shape=(-1, -1, 3),
    )  # fmt: skip
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(UserError, match="differ in size: give an image_size"):
        data.load("flowers")
    train, _ = data.resolve("flowers", image_size=9)
    assert train.image_shape == (9, 9, 3)
    assert data.resolve("flowers", image_size=(6, 9))[1].image_shape == (6, 9, 3)
    np.testing.assert_array_equal(train.images[5], np.full((9, 9, 3), 50))
    np.testing.assert_array_equal(train.labels, blobs(24).labels)
    streamed, _ = data.resolve("flowers", image_size=9, stream=True)
    assert type(streamed) is data.Stream
    np.testing.assert_array_equal(streamed.to_dataset().images, train.images)
    info = tmp_path / "flowers/1.0.0/features.json"
    info.write_text(info.read_text().replace("-1", "12"))  # but they are not all 12 high
    with pytest.raises(UserError, match=r"image 1 is \(11, 12, 3\), others \(10, 12, 3\)"):
        data.load("flowers")


@needs_array_record
def test_data_without_images_are_refused(tmp_path):
    folder = write_prepared(tmp_path, blobs(24), (24,), name="iris/1.0.0") / "iris/1.0.0"
    features = {"featuresDict": {"features": {"petal": {"tensor": {}}}}}
    (folder / "features.json").write_text(json.dumps(features))
    with pytest.raises(UserError, match="have no images, but: petal"):
        data.load("iris", data_dir=tmp_path)


def test_unknown_names_say_what_there_is(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    for name in ("kmnist", "no/where", "x" * 5000, "../mnist", "/nowhere", "sub\0zero", "e.npz"):
        with pytest.raises(UserError) as error:
            data.resolve(name)
        assert len(str(error.value)) < 1000
    with pytest.raises(UserError, match=r"(?s)neither a folder.*mnist.*register.*tfds"):
        data.resolve("kmnist")
    for name in ("", 3, None):
        with pytest.raises(UserError, match="is not a path"):
            data.resolve(name)


# --- folders ------------------------------------------------------------------------------------


def write_folder(path, images):
    for i, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
        file = path / images.label_names[label] / f"{i:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(image[..., 0])).save(file)


def test_a_folder_is_split_and_copies_are_counted(tmp_path):
    write_folder(tmp_path, blobs(40))
    train, test = data.resolve(tmp_path, 8)
    assert (len(train), len(test)) == (36, 4)
    whole = data.from_folder(tmp_path, 8)
    np.testing.assert_array_equal(test.images, whole.images[9::10])
    files = sorted(tmp_path.rglob("*.png"))
    for file in (files[9], files[19]):
        file.write_bytes(files[0].read_bytes())
    with pytest.warns(UserWarning, match="2 of the 4 test images of .* exact copies"):
        data.resolve(str(tmp_path), 8)
    np.savez(tmp_path / "some.npz", images=whole.images)
    with pytest.raises(UserError, match=r"some\.npz cannot be streamed: only folders, and data"):
        data.resolve(tmp_path / "some.npz", stream=True)


def test_a_folder_of_few_images_is_refused(tmp_path):
    write_folder(tmp_path, blobs(19))
    with pytest.raises(UserError, match=r"19 images in .* are too few"):
        data.resolve(tmp_path, 8)


def test_the_part_that_a_run_was_trained_on_is_found_by_its_checksum(tmp_path):
    whole = blobs(40)
    for part in (whole, whole.take(10), whole.draw_subset(10)):
        assert data.select_trained(whole, part.record()).checksum == part.checksum
    changed = blobs(40, seed=1)
    for record in (whole.record(), whole.take(10).record(), blobs(50).record()):
        with pytest.raises(UserError, match="not those that the run was trained on"):
            data.select_trained(changed, record)
