"""Sprites against shapes drawn by hand, pixel by pixel."""

import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.data import sprites
from genjax.data.dataset import compute_checksum

SMALL = {"scales": 2, "orientations": 4, "columns": 3, "rows": 3}


def drawn(shape: str, scale: float, turns: float, x: float, y: float, size: int = 64):
    """White or not [size, size], by geometry: corners, foci, two arcs and a point."""
    radius, turn = scale * size / 3, np.exp(2j * np.pi * turns)
    image = np.zeros((size, size), bool)
    for row, column in np.ndindex(size, size):
        away = complex(column + 0.5 - size * x, row + 0.5 - size * y) / radius
        if shape == "square":  # on the same side of all four edges between the corners
            corners = turn * np.exp(2j * np.pi * (np.arange(5) / 4 + 1 / 8))
            edges = np.diff(corners)
            image[row, column] = np.all((np.conj(edges) * (away - corners[:4])).imag >= 0)
        else:  # of the ellipse of half axes 1 and 1/2: distances to the foci sum to 2
            foci = turn * np.sqrt(0.75) * np.array([1, -1])
            image[row, column] = np.abs(away - foci).sum() <= 2
    return image


@pytest.mark.parametrize("shape", ["square", "ellipse"])
@pytest.mark.parametrize("k", [0, 17, 42, 71])
def test_the_pixels_are_those_of_the_shape(shape, k):  # (1) to (4)
    data = sprites((shape,), **SMALL)
    factors = {name: values[k] for name, values in data.attributes.items()}
    turns = factors["orientation"] / 4 * {"square": 0.25, "ellipse": 0.5}[shape]
    places = ((2 + factors[name]) / 6 for name in ("x", "y"))
    expected = drawn(shape, 0.5 + 0.5 * factors["scale"], turns, *places)
    assert np.count_nonzero((data.images[k, :, :, 0] > 0) != expected) <= 2  # on the very edge


def test_a_heart_has_a_notch_above_a_point_below_and_turns_clockwise():
    data = sprites(("heart",), scales=1, orientations=4, columns=1, rows=1)
    upright, *turned = np.asarray(data.images[..., 0]) > 0
    np.testing.assert_array_equal(upright, upright[:, ::-1])
    rows = upright[upright.any(axis=1)].astype(int)
    assert np.count_nonzero(np.diff(rows[0]) > 0) == 2  # two bows
    assert np.count_nonzero(np.diff(rows[len(rows) // 2]) > 0) == 1
    assert rows[-1].sum() <= 4
    for quarters, image in enumerate(turned, start=1):
        assert np.count_nonzero(image != np.rot90(upright, -quarters)) <= 2  # on the very edge


def test_every_combination_is_there_once_in_order_and_looks_like_no_other():
    data = sprites(**SMALL)
    assert len(data) == 3 * 2 * 4 * 3 * 3
    expected = np.indices((3, 2, 4, 3, 3)).reshape(5, -1)
    assert [*data.attributes] == ["shape", "scale", "orientation", "x", "y"]
    for values, numbers in zip(data.attributes.values(), expected, strict=True):
        assert values.dtype == np.int32
        np.testing.assert_array_equal(values, numbers)
    np.testing.assert_array_equal(data.labels, data.attributes["shape"])
    assert data.label_names == ("square", "ellipse", "heart")
    assert data.images.shape == (216, 64, 64, 1)
    assert data.images.dtype == jnp.uint8
    assert set(np.unique(data.images)) == {0, 255}
    assert len({image.tobytes() for image in np.asarray(data.images)}) == 216
    assert data.checksum == compute_checksum(np.asarray(data.images), np.asarray(data.labels))


def test_no_two_images_of_the_default_are_alike():
    assert len({image.tobytes() for image in np.asarray(sprites().images)}) == 3 * 8 * 22 * 22


def test_shapes_turn_by_the_shortest_period_of_those_chosen():  # (2)
    """Beside a square, a heart's two orientations are the first two of eight when alone."""
    one = {"scales": 1, "columns": 1, "rows": 1}
    quarter = sprites(("square", "heart"), orientations=2, **one)
    whole = sprites(("heart",), orientations=8, **one)
    np.testing.assert_array_equal(quarter.images[2:], whole.images[:2])


def test_an_only_value_is_in_the_middle():
    data = sprites(("square",), scales=1, orientations=1, columns=1, rows=1, size=32)
    rows, columns = (np.asarray(data.images[0, :, :, 0]) > 0).nonzero()
    assert rows.mean() == columns.mean() == 15.5
    assert np.ptp(rows) + 1 == 12  # of a side of sqrt 2 * 0.75 * 32 / 3 = 11.3


def test_train_and_test_are_parts_of_the_whole_and_always_the_same():
    whole, train, test = (sprites(**SMALL, split=split) for split in ("all", "train", "test"))
    assert (len(train), len(test)) == (195, 21)
    images = [image.tobytes() for part in (train, test) for image in np.asarray(part.images)]
    assert set(images) == {image.tobytes() for image in np.asarray(whole.images)}
    where = {image.tobytes(): k for k, image in enumerate(np.asarray(whole.images))}
    for k, image in enumerate(np.asarray(test.images)):
        for name, values in test.attributes.items():
            assert values[k] == whole.attributes[name][where[image.tobytes()]]
    for values in test.attributes.values():  # not the end of the product
        assert len(np.unique(values)) == values.max() + 1 > 1
    assert sprites(**SMALL, split="test").checksum == test.checksum


def test_it_is_loaded_by_name():
    assert "sprites" in genjax.data.NAMES
    test = genjax.data.load("sprites", "test")
    assert (test.name, test.split) == ("sprites", "test")
    assert test.image_shape == (64, 64, 1)
    assert len(test) == 3 * 8 * 22 * 22 // 10
    assert len(genjax.data.load("sprites")) == 3 * 8 * 22 * 22 - len(test)
    with pytest.raises(genjax.UserError, match="no split 'all'"):
        genjax.data.load("sprites", "all")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shapes": ("circle",)}, "must be some of"),
        ({"shapes": ("heart", "heart")}, "each once"),
        ({"shapes": "heart"}, "must be some of"),
        ({"shapes": ()}, "factor shape is 0"),
        ({"rows": 0}, "factor y is 0"),
        ({"size": 8}, "needs 16 pixels.* is 8"),
        ({"split": "valid"}, "train, test, all"),
        ({"scales": 1, "orientations": 1, "columns": 1, "rows": 3, "split": "test"}, "fewer than"),
    ],
)
def test_mistakes_are_answered_kindly(arguments, message):
    with pytest.raises(genjax.UserError, match=message):
        sprites(**arguments)
