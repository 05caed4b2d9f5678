"""Projections of latents, against scikit-learn."""

import jax
import numpy as np
import pytest
from sklearn.decomposition import PCA

import genjax
from genjax.errors import UserError


def test_principal_components_are_scikit_learns(key):
    z = jax.random.normal(key, (200, 5)) @ jax.random.normal(jax.random.key(1), (5, 5)) + 3
    points, shares = genjax.pca(z, 3)
    reference = PCA(3).fit(z)
    np.testing.assert_allclose(np.abs(points), np.abs(reference.transform(z)), atol=1e-3)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_, rtol=1e-4)
    again, _ = genjax.pca(z[::-1], 3)
    np.testing.assert_allclose(points, again[::-1], atol=1e-3)  # signs included


def test_tsne_keeps_groups_together(key):
    z = np.concatenate([np.zeros((20, 6)), np.full((20, 6), 50.0)])
    z += np.asarray(jax.random.normal(key, z.shape))
    points = genjax.tsne(z, key)
    near = np.linalg.norm(points - points[:1], axis=1)
    assert near[:20].max() < near[20:].min()
    np.testing.assert_array_equal(points, genjax.tsne(z, key))
    with pytest.raises(UserError, match="at least 5 latents, not 4"):
        genjax.tsne(z[:4], key)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (np.ones((64, 8)), "at least 5 different latents"),
        (np.repeat(np.arange(4.0)[:, None], 16, axis=0), "at least 5 different latents"),
        (np.full((64, 8), np.nan), "latents must be finite"),
        (np.ones(64), "must be"),
    ],
)
def test_tsne_of_latents_that_cannot_be_placed(z, message, key):
    with pytest.raises(UserError, match=message):
        genjax.tsne(z, key)


def test_tsne_of_many_equal_latents(key):
    z = np.concatenate([np.zeros((40, 3)), np.random.default_rng(0).normal(size=(8, 3))])
    assert np.isfinite(genjax.tsne(z, key)).all()


def test_components_that_cannot_be_projected_on():
    with pytest.raises(UserError, match=r"num is 4, but must be .* from 1 to 3"):
        genjax.pca(np.zeros((5, 3)), 4)
    with pytest.raises(UserError, match="latents have the shape"):
        genjax.pca(np.zeros((0, 3)))
