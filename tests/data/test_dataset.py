"""`Dataset`: parts of it, and what it says of itself."""

import dataclasses

import numpy as np
import pytest

from genjax import data
from genjax.errors import UserError
from tests.data.files import needs_array_record


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


def test_a_drawn_subset_follows_its_seed_and_keeps_the_order():
    dataset = data.from_arrays(np.ones((1000, 8, 8, 1)), np.arange(1000) // 500)
    few, again = dataset.draw_subset(100), dataset.draw_subset(100, seed=0)
    assert few.checksum == again.checksum
    assert few.source == "100 drawn with seed 0 of: arrays given in code"
    assert 30 < int(few.labels.sum()) < 70  # sorted by class, the first 100 are of one
    assert np.all(np.diff(few.labels) >= 0)
    numbers = data.from_arrays(np.ones((1000, 8, 8, 1)), np.arange(1000))
    small, large = (set(numbers.draw_subset(n, 3).labels.tolist()) for n in (10, 50))
    assert small < large
    assert numbers.draw_subset(10, 4).checksum != numbers.draw_subset(10, 3).checksum
    assert dataset.draw_subset(1000) is dataset
    for num in (0, 1001, 2.5, True):
        with pytest.raises(UserError, match="it has 1000"):
            dataset.draw_subset(num)


def test_a_data_set_prints_as_a_line():
    text = repr(data.from_arrays(np.ones((3, 8, 8, 1)), name="mine"))
    assert text == "Dataset(mine, all: 3 images of 8x8x1; arrays given in code)"


def test_a_data_set_holds_bytes_and_as_many_labels():
    dataset = data.from_arrays(np.ones((3, 8, 8, 1)))
    for changes in (
        {"images": dataset.images / 255.0},
        {"images": dataset.images[..., 0]},
        {"images": dataset.images[:2]},
        {"labels": dataset.labels[:2]},
    ):
        with pytest.raises(UserError, match="images"):
            dataclasses.replace(dataset, **changes)
