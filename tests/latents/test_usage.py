"""How a model uses its latents, against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.distributions import Normal
from genjax.metrics.likelihood import active_units
from tests.helpers import blobs, small

IMAGES = jnp.asarray(blobs(60).images / np.float32(255))


@pytest.fixture(scope="module")
def params():
    return small("vae", image_shape=(8, 8, 1), latent_dim=4, likelihood="gaussian").init(
        jax.random.key(0)
    )


def test_the_amounts_of_a_vae_sum_up_to_its_rate(params, key):
    use = genjax.latent_use(params, IMAGES, key)
    _, rate = params.model.distortion_and_rate(params, IMAGES, key)
    assert float(use.amount.sum()) == pytest.approx(float(np.mean(rate)), rel=1e-4)
    assert use.measure == "rate, nats"
    q: Normal = params.model.posterior(params, IMAGES)
    assert int(use.active.sum()) == active_units(q.loc)
    np.testing.assert_allclose(use.loc, np.mean(q.loc, axis=0), atol=1e-5)
    expected = np.sqrt(np.var(q.loc, axis=0) + np.mean(q.scale**2, axis=0))
    np.testing.assert_allclose(use.scale, expected, rtol=1e-4)
    assert np.all(np.diff(np.asarray(use.amount)[np.asarray(use.order)]) <= 0)


def test_the_amounts_of_an_autoencoder_are_its_codes_variances(key):
    params = small("autoencoder", image_shape=(8, 8, 1), network="mlp").init(key)
    use = genjax.latent_use(params, IMAGES, key)
    expected = np.var(genjax.encode(params, IMAGES), axis=0)
    np.testing.assert_allclose(use.amount, expected, rtol=1e-4)
    np.testing.assert_array_equal(use.active, expected > 0.01)
    assert use.measure == "variance"


def test_a_latent_that_ignores_the_image_is_not_active(params, key):
    mean, log_scale = (params.model.latent_dim * i + 1 for i in range(2))
    mlp = params.weights["encoder"]["MLP_0"]
    last = jax.tree.map(
        lambda w: 100 * w.at[..., mean].set(0.0).at[..., log_scale].set(0.0), mlp["Dense_1"]
    )
    last["kernel"] = last["kernel"].at[:, 4:].set(0.0)  # of all latents the scale 1
    encoder = params.weights["encoder"] | {"MLP_0": mlp | {"Dense_1": last}}
    params = params.replace(weights=params.weights | {"encoder": encoder})
    use = genjax.latent_use(params, IMAGES, key)
    assert use.active.tolist() == [True, False, True, True]
    assert use.amount[1] == pytest.approx(0.0, abs=1e-5)
    assert use.order[-1] == 1
