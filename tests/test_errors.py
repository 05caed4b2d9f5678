"""The checks that every value passes on its way into a public function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import UserError, check_images, check_integer, check_labels

BYTES = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)


@pytest.mark.parametrize("array", [np.asarray, jnp.asarray])
def test_bytes_and_floats_become_the_same_images(array):
    images = array(BYTES)
    found = check_images(images)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, check_images(images / 255.0))
    np.testing.assert_allclose(found, BYTES / 255.0, rtol=1e-6)
    np.testing.assert_array_equal(check_images(images > 99), BYTES > 99)
    np.testing.assert_allclose(check_images((BYTES / 255.0).tolist()), found, rtol=1e-6)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (BYTES[0], r"shape \(8, 8, 1\).*must be \[N, 8, 8, 1\].*images\[None\]"),
        (BYTES[..., 0], r"shape \(4, 8, 8\).*images\[..., None\]"),
        (BYTES[:, :7], r"shape \(4, 7, 8, 1\)"),
        (BYTES.astype(int), "are int64, whose range is not known"),
        (BYTES.astype(np.float32), r"from 0 to 255, but floats must lie in \[0, 1\]"),
        (BYTES / 255.0 - 0.5, r"from -0.5 to 0.5"),
        (np.full((1, 8, 8, 1), np.nan), "nan"),
        (np.full((1, 8, 8, 1), np.inf), "inf"),
        ([[1, 2], [3]], "not all of one shape"),
        ("a path", "shape"),
        (None, "shape"),
    ],
)
def test_images_that_cannot_be_meant_are_refused(images, message):
    with pytest.raises(UserError, match=message):
        check_images(images, (8, 8, 1))


def test_images_are_checked_as_far_as_they_are_known_under_jit_and_vmap():
    by_jit = jax.jit(lambda x: check_images(x, (8, 8, 1)))
    np.testing.assert_allclose(by_jit(BYTES), BYTES / 255.0, rtol=1e-6)
    np.testing.assert_array_equal(by_jit(7 * jnp.ones((1, 8, 8, 1))), 7)
    constant = jnp.asarray(BYTES / 255.0)
    some = jnp.arange(2)
    assert jax.jit(lambda x: x + check_images(constant).sum())(1.0) > 1
    jax.jit(lambda x: (x, check_labels(some, 2)))(1.0)
    assert jax.vmap(lambda x: check_images(x[None]))(BYTES).shape == (4, 1, 8, 8, 1)
    with pytest.raises(UserError, match="shape"):
        by_jit(BYTES[0])
    assert check_images(BYTES[:0]).shape == (0, 8, 8, 1)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_may_be_numpys(value):
    assert type(check_integer(value, "num", most=3)) is int


@pytest.mark.parametrize("value", [0, 5, True, 2.0, "2", None, np.float32(2)])
def test_other_numbers_are_refused(value):
    with pytest.raises(UserError, match=r"num is .*, but must be a whole number, from 1 to 4"):
        check_integer(value, "num", most=4)


def test_labels_must_be_classes():
    check_labels(np.array([0, 2], np.uint8), 3)
    check_labels([], 3)
    jax.jit(lambda y: check_labels(y, 3))(jnp.array([7]))
    for labels in ([0, 3], [-1], [2**40]):
        with pytest.raises(UserError, match="they must be from 0 to 2"):
            check_labels(labels, 3)
    with pytest.raises(UserError, match="labels are float64"):
        check_labels([0.5], 3)
