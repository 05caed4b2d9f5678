"""The softplus against numpy's, at every size of its argument."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from genjax.nn.softplus import softplus

A = np.array([-np.inf, -200, -20, -1, -1e-6, 0, 1e-6, 1, 20, 200, np.inf], np.float32)


def test_value_and_derivatives():  # (1), (2)
    np.testing.assert_allclose(softplus(A), np.logaddexp(0, A), 1e-6)
    slope = jax.vmap(jax.grad(softplus))
    np.testing.assert_allclose(slope(jnp.array(A)), expit(A), 1e-6)
    curvature = jax.vmap(jax.grad(jax.grad(softplus)))(jnp.array(A))
    np.testing.assert_allclose(curvature, expit(A) * expit(-A), 1e-5, 1e-7)
    assert np.isnan(softplus(jnp.nan))
