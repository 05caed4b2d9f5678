"""Inversion: images that a generator made are found again, at latents of plausible length."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import genjax
from genjax.latents.inversion import length_prior
from tests.helpers import small


@pytest.fixture
def params(key):
    """A generator whose images differ: fresh weights make them all grey."""
    params = small("autoencoder", image_shape=(8, 8, 1), likelihood="gaussian").init(key)
    loud = jax.tree.map(lambda w: 3 * w, params.weights["decoder"])
    return params.replace(weights=params.weights | {"decoder": loud})


def test_what_the_generator_made_is_found_again(params, key):
    images = genjax.decode(params, jax.random.normal(key, (5, 3)))
    z = genjax.invert(params, images, jax.random.key(1), scale=0.05)
    error = np.mean((genjax.decode(params, z) - images) ** 2)
    assert z.shape == (5, 3)
    assert error < 0.02 * np.mean((images - images.mean(axis=0)) ** 2)


def test_the_best_of_several_starts_is_kept(params, key):
    images = genjax.decode(params, jax.random.normal(jax.random.fold_in(key, 1), (6, 3)))

    kept = genjax.invert(params, images, key, starts=8, steps=1, learning_rate=0.0, scale=1e-3)
    errors = np.mean((genjax.decode(params, kept) - images) ** 2, axis=(1, 2, 3))
    z = jax.random.normal(key, (8, 6, 3))
    made = jax.vmap(lambda z: genjax.decode(params, z))(z)
    each = np.mean((made - images) ** 2, axis=(2, 3, 4))
    np.testing.assert_allclose(errors, each.min(axis=0), rtol=1e-4)


def test_the_length_has_the_density_of_the_chi_distribution():
    lengths = np.array([0.5, 2.0, 7.0])
    z = jnp.asarray(lengths[:, None] * np.array([[0.6, 0.0, -0.8, 0.0]]), jnp.float32)
    expected = -scipy.stats.chi.logpdf(lengths, df=4)
    np.testing.assert_allclose(np.diff(length_prior(z)), np.diff(expected), rtol=1e-4)


def test_the_prior_holds_latents_at_a_plausible_length(params, key):
    white = jnp.ones((4, 8, 8, 1))  # out of reach
    loose, held = (genjax.invert(params, white, key, scale=s, steps=100) for s in (0.01, 100.0))
    np.testing.assert_allclose(np.linalg.norm(held, axis=1), 2**0.5, rtol=0.02)
    assert np.abs(np.linalg.norm(loose, axis=1) - 2**0.5).min() > 0.5
    assert np.all(np.isfinite(length_prior(jnp.zeros((1, 3)))))
