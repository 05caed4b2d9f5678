"""Latent tools against direct use of the model's parts."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import genjax
from genjax.latents import sampling
from genjax.model import MODELS, Model
from tests.helpers import blobs, small


@pytest.fixture
def params(key):
    return small("vae", image_shape=(8, 8, 1)).init(key)


IMAGES = jnp.asarray(blobs(5).images / np.float32(255))


def test_reconstruct_is_decode_of_encode(params):
    z = genjax.encode(params, IMAGES)
    assert z.shape == (5, 3)
    np.testing.assert_allclose(
        genjax.reconstruct(params, IMAGES), genjax.decode(params, z), atol=1e-6
    )


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
    way = np.stack([sampling.slerp(start, end, t) for t in np.linspace(0, 1, 9)])
    np.testing.assert_allclose(np.linalg.norm(way, axis=-1), 1.0, rtol=1e-4)
    steps = np.arccos(np.sum(way[1:] * way[:-1], axis=-1))
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), rtol=1e-2)


def test_slerp_of_equal_or_opposite_or_zero_latents_is_finite():
    a = jnp.array([[1.0, 2.0], [1.0, 0.0], [0.0, 0.0]])
    b = jnp.array([[1.0, 2.0], [-1.0, 0.0], [0.0, 1.0]])
    assert np.all(np.isfinite(sampling.slerp(a, b, 0.3)))
    np.testing.assert_allclose(sampling.slerp(a, b, 0.3)[0], a[0], rtol=1e-5)


def test_a_traversal_moves_one_latent_at_a_time(params):
    z = jnp.array([0.1, -0.2, 0.3])
    rows = genjax.traverse(params, z, extent=2.0, num=5)
    assert rows.shape == (3, 5, 8, 8, 1)
    expected = genjax.decode(params, jnp.array([[0.1, -1.0, 0.3]]))[0]
    np.testing.assert_allclose(rows[1, 1], expected, atol=1e-6)


def test_a_traversal_of_chosen_dimensions_around_their_own_centers(params):
    z, center, extent = jnp.zeros(3), jnp.array([1.0, 2.0, 3.0]), jnp.array([0.1, 0.2, 0.3])
    rows = genjax.traverse(params, z, extent, 3, center=center, dimensions=jnp.array([2, 0]))
    assert rows.shape == (2, 3, 8, 8, 1)
    expected = genjax.decode(params, jnp.array([[0.0, 0.0, 3.3], [0.9, 0.0, 0.0]]))
    np.testing.assert_allclose(rows[0, 2], expected[0], atol=1e-6)
    np.testing.assert_allclose(rows[1, 0], expected[1], atol=1e-6)


def test_a_shift_adds_and_takes_away_a_direction(params, key):
    z = jax.random.normal(key, (2, 3))
    images = genjax.shift(params, z, jnp.array([1.0, 0.0, -1.0]), jnp.array([-1.0, 0.0, 0.5]))
    assert images.shape == (2, 3, 8, 8, 1)
    np.testing.assert_allclose(images[:, 1], genjax.decode(params, z), atol=1e-6)
    moved = genjax.decode(params, z + jnp.array([-1.0, 0.0, 1.0]))
    np.testing.assert_allclose(images[:, 0], moved, atol=1e-6)


def test_the_manifold_lies_on_quantiles(key):
    params = small("vae", image_shape=(8, 8, 1), latent_dim=2).init(key)
    plane = genjax.manifold(params, 4)
    z = scipy.stats.norm.ppf([0.125, 0.375, 0.625, 0.875])
    expected = genjax.decode(params, jnp.array([[z[2], z[3]]], jnp.float32))[0]
    np.testing.assert_allclose(plane[0, 2], expected, atol=1e-5)  # top row: largest second latent


def test_a_manifold_needs_two_latents(params):
    with pytest.raises(ValueError, match="latent_dim 2; this one has 3"):
        genjax.manifold(params)


def test_a_model_without_the_part_says_which_have_it(monkeypatch, key):
    @dataclass(frozen=True)
    class Blind(Model):
        pass

    monkeypatch.setitem(MODELS, "blind", Blind)
    params = genjax.Params({}, {}, Blind(image_shape=(8, 8, 1)))
    with pytest.raises(TypeError, match=r"'blind' has no encode and decode.*autoencoder, vae"):
        genjax.reconstruct(params, IMAGES)
