"""The user's own arrays and .npz files."""

import numpy as np
import pytest

from genjax import data
from genjax.errors import UserError

BYTES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)


def test_bytes_floats_and_truth_values_become_the_same_bytes():
    np.testing.assert_array_equal(data.from_arrays(BYTES).images, BYTES)
    for dtype in (np.float16, np.float32, np.float64):
        images = data.from_arrays((BYTES / 255).astype(dtype)).images
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, BYTES)
    np.testing.assert_array_equal(data.from_arrays(BYTES > 99).images, (BYTES > 99) * 255)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (BYTES / 254.0, r"floats from 0 to 1\.004"),
        (np.full((1, 8, 8, 1), np.nan), "floats from nan"),
        (BYTES[..., 0], r"uint8\[5, 8, 8\]"),
        (BYTES[:0], r"at least one image"),
        (BYTES[..., :0], r"uint8\[5, 8, 8, 0\]"),
        (BYTES.astype(np.int32), r"int32\[5"),
        (BYTES.astype(np.uint16), r"uint16\[5"),
        ([[1], [2, 3]], "not all of one shape"),
    ],
)
def test_images_that_are_refused(images, message):
    with pytest.raises(UserError, match=message):
        data.from_arrays(images)


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (np.arange(4), (), r"int64\[4\].*\[5\]"),
        (np.arange(5) / 2, (), "float64"),
        (np.array([0, 0, 0, 0, 2**40]), (), "beyond 32 bits"),
        (np.array([-(2**40), 0, 0, 0, 0]), (), "beyond 32 bits"),
        (np.arange(5), ("a", "b"), "labels reach 4, but there are 2 label_names"),
        (np.arange(5) - 1, tuple("abcde"), "a label is -1"),
    ],
)
def test_labels_that_are_refused(labels, names, message):
    with pytest.raises(UserError, match=message):
        data.from_arrays(BYTES, labels, names)


@pytest.mark.parametrize("largest", [1, 9])
def test_images_of_small_numbers_are_warned_of(largest):
    with pytest.warns(UserWarning, match=f"the images is {largest} of 255") as seen:
        data.from_arrays(np.full((2, 8, 8, 1), largest, np.uint8))
    assert seen[0].filename == __file__


def write_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_npz_of_a_whole_set(tmp_path):
    labels = np.array([[0], [2], [1], [0], [1]])
    path = write_npz(tmp_path / "mine.npz", images=BYTES, labels=labels, other=np.ones(3))
    for given in (path, str(path)):
        dataset = data.from_npz(given)
        np.testing.assert_array_equal(dataset.images, BYTES)
        np.testing.assert_array_equal(dataset.labels, labels[:, 0])
        assert dataset.label_names == ("0", "1", "2")
        assert (dataset.name, dataset.source) == ("mine.npz", f"the arrays in {path}")
    grey = data.from_npz(write_npz(tmp_path / "grey.npz", x=BYTES[..., 0] / 255.0))
    np.testing.assert_array_equal(grey.images, BYTES[..., :1])
    assert grey.label_names == ()


@pytest.mark.parametrize("names", ["x_{0} y_{0}", "{0}_images {0}_labels"])
def test_npz_of_splits(tmp_path, names):
    images, labels = names.split()
    arrays = {}
    for split, part in (("train", BYTES[:3]), ("test", BYTES[3:])):
        arrays |= {images.format(split): part, labels.format(split): np.arange(len(part))}
    path = write_npz(tmp_path / "mine.npz", **arrays)
    train, test = data.resolve(path)
    np.testing.assert_array_equal(train.images, BYTES[:3])
    np.testing.assert_array_equal(test.images, BYTES[3:])
    assert (train.split, test.split) == ("train", "test")


def test_npz_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        data.from_npz(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(UserError, match=r"text\.npz cannot be read") as error:
        data.from_npz(tmp_path / "text.npz")
    assert "allow_pickle" not in str(error.value)
    np.save(tmp_path / "one.npy", BYTES)
    with pytest.raises(UserError, match=r"one\.npy holds one array"):
        data.from_npz(tmp_path / "one.npy")
    objects = write_npz(tmp_path / "objects.npz", images=np.array([{}], object))
    with pytest.raises(UserError, match="pickled objects"):
        data.from_npz(objects)
    path = write_npz(tmp_path / "other.npz", a=BYTES)
    with pytest.raises(UserError, match=r"no array images or x .*it holds: a"):
        data.from_npz(path)
    with pytest.raises(UserError, match="no split 'valid'"):
        data.from_npz(path, "valid")


def test_only_the_expected_arrays_are_read(tmp_path, monkeypatch):
    path = write_npz(tmp_path / "mine.npz", images=BYTES, bomb=np.zeros(10**6))
    monkeypatch.setattr("os.sysconf", lambda name: 1000 if name == "SC_PAGE_SIZE" else 2)
    data.from_npz(path)  # 960 bytes of 2,000; the other array does not fit
    path = write_npz(tmp_path / "mine.npz", images=np.tile(BYTES, (3, 1, 1, 1)))
    with pytest.raises(UserError, match="GiB of memory"):
        data.from_npz(path)
