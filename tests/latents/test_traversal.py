"""Traversals and planes, against direct use of the decoder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import genjax
from genjax.errors import UserError
from tests.helpers import small


@pytest.fixture(scope="module")
def params():
    return small("vae", image_shape=(8, 8, 1), network="mlp").init(jax.random.key(0))


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


def test_the_manifold_lies_on_quantiles(key):
    params = small("vae", image_shape=(8, 8, 1), latent_dim=2, network="mlp").init(key)
    plane = genjax.manifold(params, 4)
    z = scipy.stats.norm.ppf([0.125, 0.375, 0.625, 0.875])
    expected = genjax.decode(params, jnp.array([[z[2], z[3]]], jnp.float32))[0]
    np.testing.assert_allclose(plane[0, 2], expected, atol=1e-5)  # top row: largest second latent


def test_a_manifold_needs_two_latents(params):
    with pytest.raises(UserError, match="latent_dim 2; this one has 3"):
        genjax.manifold(params)
