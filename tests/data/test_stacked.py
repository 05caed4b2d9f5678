"""Stacked MNIST against digits stacked by hand."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.data import from_arrays
from genjax.data.dataset import compute_checksum
from genjax.data.made.stacked import stack_digits


def digits(split="train", count=40):
    """Every image of one grey value, its own number, and the label number % 10."""
    numbers = np.arange(count, dtype=np.uint8)
    images = np.broadcast_to(numbers[:, None, None, None], (count, 28, 28, 1))
    names = tuple("0123456789")
    return from_arrays(images, (numbers % 10).astype(np.int32), names, name="mnist", split=split)


def test_every_digit_is_a_channel_three_times_and_the_label_tells_which():  # (1), (2)
    dataset = stack_digits(digits())
    assert dataset.images.shape == (40, 28, 28, 3)
    assert dataset.images.dtype == jnp.uint8
    assert dataset.labels.dtype == jnp.int32
    pixels = np.asarray(dataset.images[:, 5, 9])  # [N, 3], the numbers of the digits
    for channel in pixels.T:
        assert sorted(channel) == list(range(40))
    assert not np.array_equal(pixels[:, 0], pixels[:, 1])
    expected = [int(f"{r % 10}{g % 10}{b % 10}") for r, g, b in pixels]
    np.testing.assert_array_equal(dataset.labels, expected)
    assert [dataset.label_names[label] for label in (7, 42, 999)] == ["007", "042", "999"]
    assert len(dataset.label_names) == 1000


def test_it_is_the_same_at_every_call_and_another_for_the_other_split():
    first, again = stack_digits(digits()), stack_digits(digits())
    assert first.checksum == again.checksum
    assert first.checksum == compute_checksum(np.asarray(first.images), np.asarray(first.labels))
    assert stack_digits(digits("test")).checksum != first.checksum
    assert dataclasses.replace(first).source == "three digits of: arrays given in code"


@pytest.mark.filterwarnings("ignore:MNIST cannot be found")
def test_it_is_loaded_by_name_without_a_network(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise ConnectionError("no network in this test")

    monkeypatch.setattr("requests.get", refuse)
    assert "stacked_mnist" in genjax.data.NAMES
    dataset = genjax.data.load("stacked_mnist", "test", tmp_path)
    mnist = genjax.data.load("mnist", "test", tmp_path)
    assert (dataset.name, dataset.split) == ("stacked_mnist", "test")
    assert dataset.images.shape == (len(mnist), 28, 28, 3)
    assert dataset.source == f"three digits of: {mnist.source}"
    for place in (100, 10, 1):
        counts = np.bincount(np.asarray(dataset.labels) // place % 10)
        np.testing.assert_array_equal(counts, np.bincount(mnist.labels))
    with pytest.raises(genjax.UserError, match="has no split"):
        genjax.data.load("stacked_mnist", "valid", tmp_path)
