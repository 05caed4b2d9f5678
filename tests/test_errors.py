"""The checks that every value passes on its way into a public function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import (
    UserError,
    check_images,
    check_integer,
    check_labels,
    check_number,
    check_numbers,
)

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


def test_a_number_without_a_bound_is_one_that_can_be_counted():
    with pytest.raises(UserError, match=r"num is 1000.*, from 1 to 2147483647"):
        check_integer(10**20, "num")
    assert check_integer(2**31 - 1, "num") == 2**31 - 1


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.array(0.5), jnp.float32(0.5)])
def test_a_finite_number_is_taken(value):
    assert check_number(value, "temperature", least=0, most=1) == 0.5
    assert jax.jit(lambda x: check_number(x, "temperature", least=0))(value) == 0.5


@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -1, "a", None, [1.0], True, 1j, np.zeros(1), 10**400, -(10**400)]
)
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(UserError, match=r"temperature is .*, but must be a finite number, at le"):
        check_number(value, "temperature", least=0)
    with pytest.raises(UserError, match=r"scale is 0, but must be a finite number, above 0"):
        check_number(0, "scale", above=0)


def test_real_numbers_become_float32():
    for values in ([1, 2], np.array([1, 2], np.uint8), jnp.array([1.0, 2.0], jnp.bfloat16)):
        found = check_numbers(values, "z")
        assert found.dtype == jnp.float32
        np.testing.assert_array_equal(found, [1, 2])
    assert np.isnan(jax.jit(lambda z: check_numbers(z, "z"))(np.float32(np.nan)))


@pytest.mark.parametrize(
    "values",
    ["a", None, [[1], [1, 2]], [1j], np.zeros(2, object), ["1"], [np.nan], [1e300], {}, print],
)
def test_what_are_no_real_numbers_is_refused(values):
    with pytest.raises(UserError, match=r"^z (must be|are not all)"):
        check_numbers(values, "z")


def test_labels_must_be_classes():
    check_labels(np.array([0, 2], np.uint8), 3)
    check_labels([], 3)
    jax.jit(lambda y: check_labels(y, 3))(jnp.array([7]))
    for labels in ([0, 3], [-1], [2**40]):
        with pytest.raises(UserError, match="they must be from 0 to 2"):
            check_labels(labels, 3)
    for labels in ([0.5], [True], ["a"], None, np.zeros(1, object), [[]]):
        with pytest.raises(UserError, match=r"labels are (float64|bool|<U1|object)"):
            check_labels(labels, 3)
    with pytest.raises(UserError, match=r"labels have the shape \(1, 1\)"):
        check_labels([[0]], 3)
