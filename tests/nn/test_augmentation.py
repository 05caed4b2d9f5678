"""Random changes of images against changes made pixel by pixel, and their ranges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.nn.augmentation import augment, change_colour, cut_out, draw_augmentation, translate

SHAPE = (5, 9, 16, 3)
IMAGES = np.asarray(jax.random.uniform(jax.random.key(0), SHAPE, minval=-1, maxval=1))


def test_colour_changes_brightness_saturation_and_contrast():  # (1) to (3)
    u = np.asarray(jax.random.uniform(jax.random.key(1), (5, 3)))
    found = change_colour(jnp.asarray(IMAGES), jnp.asarray(u))
    for image, (b, s, c), ours in zip(IMAGES, u, found, strict=True):
        x = image + b - 0.5
        grey = x.mean(axis=-1, keepdims=True)
        x = grey + 2 * s * (x - grey)
        x = x.mean() + (0.5 + c) * (x - x.mean())
        np.testing.assert_allclose(ours, x, atol=1e-5)
    same = change_colour(jnp.asarray(IMAGES), jnp.full((5, 3), 0.5))
    np.testing.assert_allclose(same, IMAGES, atol=1e-6)


def test_translation_moves_pixels_and_fills_up_with_zeros():  # (4)
    """Each of the 3 x 5 shifts of 9 x 16 pixels, against one made with a border of zeros."""
    for v in (-1, 0, 1):
        for w in range(-2, 3):
            u = np.tile(np.float32([(v + 1.5) / 3, (w + 2.5) / 5]), (5, 1))
            padded = np.pad(IMAGES, [(0, 0), (1, 1), (2, 2), (0, 0)])
            expected = padded[:, 1 + v : 10 + v, 2 + w : 18 + w]
            np.testing.assert_array_equal(translate(jnp.asarray(IMAGES), jnp.asarray(u)), expected)


def test_cutout_leaves_a_box_of_zeros():  # (5)
    u = np.float32([[0, 0], [0.5, 0.5], [0.999, 0.999], [0, 0.999], [0.3, 0.6]])
    found = np.asarray(cut_out(jnp.asarray(IMAGES), jnp.asarray(u)))
    for image, ours, (row, column) in zip(IMAGES, found, u, strict=True):
        top, left = int(row * 9) - 2, int(column * 17) - 4  # sides of 5 and 8
        expected = image.copy()
        expected[max(top, 0) : top + 5, max(left, 0) : left + 8] = 0
        np.testing.assert_array_equal(ours, expected)


def test_each_change_has_draws_of_its_own_and_names_select_them(key):
    alone = draw_augmentation(("cutout",), key, 7)
    every = draw_augmentation(("translation", "cutout", "colour"), key, 7)
    assert {name: u.shape for name, u in every.items()} == {
        "colour": (7, 3), "translation": (7, 2), "cutout": (7, 2)
    }  # fmt: skip
    np.testing.assert_array_equal(alone["cutout"], every["cutout"])
    assert not np.allclose(every["translation"], every["cutout"])
    images = jnp.asarray(IMAGES)
    assert augment(images, draw_augmentation((), key, 5)) is images


@pytest.mark.parametrize("size", [28, 32, 33])
def test_shifts_and_boxes_have_the_papers_ranges(size, key):
    """Up to an eighth of the side, all shifts as likely; boxes that cover half of the side."""
    image = jnp.zeros((4000, size, 1, 1)).at[:, size // 2].set(1.0)
    draws = draw_augmentation(("translation", "cutout"), key, 4000)
    rows = np.argmax(translate(image, draws["translation"])[:, :, 0, 0], axis=1) - size // 2
    values, counts = np.unique(rows, return_counts=True)
    assert values.tolist() == [*range(-4, 5)]
    assert counts.min() > 0.7 * 4000 / 9
    widths = np.sum(cut_out(jnp.ones((4000, size, 1, 1)), draws["cutout"])[:, :, 0, 0] == 0, axis=1)
    assert widths.max() == (size + 1) // 2
    assert widths.min() <= (size + 1) // 4 + 1


def test_a_change_can_be_differentiated_twice(key):
    """The gradient of a gradient's square, as R1 takes it, against finite differences."""
    draws = draw_augmentation(("colour", "translation", "cutout"), key, 5)

    def penalty(weight):
        score = lambda x: jnp.sum(jnp.sin(weight * augment(x, draws)))  # noqa: E731
        return jnp.sum(jax.grad(score)(jnp.asarray(IMAGES)) ** 2)

    slope = jax.jit(jax.grad(penalty))(0.7)
    numeric = (penalty(0.71) - penalty(0.69)) / 0.02
    np.testing.assert_allclose(slope, numeric, rtol=1e-2)
