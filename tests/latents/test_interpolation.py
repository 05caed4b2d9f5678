"""Paths through latent space, against direct use of the decoder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.latents import slerp
from tests.helpers import blobs, small

IMAGES = jnp.asarray(blobs(60).images / np.float32(255))


@pytest.fixture(scope="module")
def params():
    return small("vae", image_shape=(8, 8, 1), network="mlp").init(jax.random.key(0))


def test_interpolation_keeps_its_ends(params, key):
    start, end = jax.random.normal(key, (2, 4, 3))
    for spherical in (False, True):
        images = genjax.interpolate(params, start, end, num=5, spherical=spherical)
        assert images.shape == (4, 5, 8, 8, 1)
        np.testing.assert_allclose(images[:, 0], genjax.decode(params, start), atol=1e-5)
        np.testing.assert_allclose(images[:, -1], genjax.decode(params, end), atol=1e-5)
    middle = genjax.interpolate(params, start, end, num=3, spherical=False)[:, 1]
    np.testing.assert_allclose(middle, genjax.decode(params, (start + end) / 2), atol=1e-5)


def test_slerp_is_a_rotation_at_constant_speed(key):
    start, end = jax.random.normal(key, (2, 6, 4))
    start, end = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (start, end))
    way = np.stack([slerp(start, end, t) for t in np.linspace(0, 1, 9)])
    np.testing.assert_allclose(np.linalg.norm(way, axis=-1), 1.0, rtol=1e-4)
    steps = np.arccos(np.sum(way[1:] * way[:-1], axis=-1))
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), rtol=1e-2)


def test_slerp_of_equal_or_opposite_or_zero_latents_is_finite():
    a = jnp.array([[1.0, 2.0], [1.0, 0.0], [0.0, 0.0]])
    b = jnp.array([[1.0, 2.0], [-1.0, 0.0], [0.0, 1.0]])
    assert np.all(np.isfinite(slerp(a, b, 0.3)))
    np.testing.assert_allclose(slerp(a, b, 0.3)[0], a[0], rtol=1e-5)


def test_a_shift_adds_and_takes_away_a_direction(params, key):
    z = jax.random.normal(key, (2, 3))
    images = genjax.shift(params, z, jnp.array([1.0, 0.0, -1.0]), jnp.array([-1.0, 0.0, 0.5]))
    assert images.shape == (2, 3, 8, 8, 1)
    np.testing.assert_allclose(images[:, 1], genjax.decode(params, z), atol=1e-6)
    moved = genjax.decode(params, z + jnp.array([-1.0, 0.0, 1.0]))
    np.testing.assert_allclose(images[:, 0], moved, atol=1e-6)


def test_an_attribute_leads_from_one_mean_to_the_other(params):
    vector = genjax.attribute_vector(params, IMAGES[:20], IMAGES[20:])
    z = np.asarray(genjax.encode(params, IMAGES))
    np.testing.assert_allclose(z[20:].mean(axis=0) + vector, z[:20].mean(axis=0), atol=1e-5)
