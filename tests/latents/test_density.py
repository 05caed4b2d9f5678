"""Densities of latents: draws against the moments of what they should come from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.distributions import Normal
from genjax.errors import UserError
from genjax.latents.density import LatentDensity
from genjax.latents.latent_flow import LatentFlow, fit_flow
from genjax.latents.mixture import GaussianMixture
from genjax.models.transport import integrate, space_times
from tests.helpers import blobs, small

IMAGES = jnp.asarray(blobs(60).images / np.float32(255))
TIMES = space_times(40)
FACTOR = np.array([[2.0, 0.0], [1.0, 0.5]])


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_a_component_is_drawn_at_its_place_with_its_covariance(temperature, key):
    far = GaussianMixture(
        weights=jnp.array([0.25, 0.75]),
        loc=jnp.array([[-50.0, 0.0], [50.0, 3.0]]),
        scale_tril=jnp.asarray(np.stack([np.eye(2), FACTOR]), jnp.float32),
    )
    z = np.asarray(far.sample(key, 40_000, temperature))
    second = z[z[:, 0] > 0]
    assert len(second) / len(z) == pytest.approx(0.75, abs=0.01)
    np.testing.assert_allclose(second.mean(axis=0), [50, 3], atol=0.05)
    np.testing.assert_allclose(
        np.cov(second.T), temperature**2 * FACTOR @ FACTOR.T, atol=0.1 * temperature**2
    )


def test_at_temperature_zero_only_the_means_are_left(key):
    density = GaussianMixture(jnp.ones(1), jnp.array([[1.0, 2.0]]), jnp.eye(2)[None])
    np.testing.assert_array_equal(density.sample(key, 3, 0.0), np.tile([1.0, 2.0], (3, 1)))


def test_samples_are_decoded_draws_of_the_density(key):
    params = small("vae", image_shape=(8, 8, 1), network="mlp").init(key)
    expected = genjax.decode(params, 0.7 * jax.random.normal(key, (4, 3)))
    np.testing.assert_allclose(genjax.sample(params, key, 4, temperature=0.7), expected, atol=1e-6)
    density = GaussianMixture(jnp.ones(1), jnp.full((1, 3), 2.0), jnp.zeros((1, 3, 3)))
    expected = genjax.decode(params, jnp.full((4, 3), 2.0))
    np.testing.assert_allclose(genjax.sample(params, key, 4, density=density), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["vae", "autoencoder"])
def test_one_component_has_the_moments_of_the_codes(name, key):
    """Of a VAE those of the aggregate posterior: variance of the means + mean of the variances."""
    params = small(name, image_shape=(8, 8, 1), network="mlp").init(key)
    images = jnp.tile(IMAGES, (40, 1, 1, 1))
    density = genjax.fit_density(params, images, key, num_components=1)
    z = genjax.encode(params, images)
    covariance = np.cov(z.T)
    if name == "vae":
        x = params.model.observe(images, key)
        q = params.model.posterior(params, x)
        covariance = np.cov(q.loc.T) + np.diag(np.mean(q.scale**2, axis=0))
        z = q.loc
    factor = np.asarray(density.scale_tril[0])
    np.testing.assert_allclose(factor @ factor.T, covariance, atol=0.1 * np.max(covariance))
    np.testing.assert_allclose(density.loc[0], np.mean(z, axis=0), atol=0.1)


def test_a_fit_follows_its_key(key):
    params = small("vae", image_shape=(8, 8, 1), network="mlp").init(key)
    one, again, other = (
        genjax.fit_density(params, IMAGES, jax.random.key(k), 2).loc for k in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


@pytest.mark.parametrize(
    ("count", "components", "message"),
    [(1, 1, "at least 2 images, not to 1"), (5, 6, "is 6, .* from 1 to 5"), (5, 0, "is 0")],
)
def test_a_fit_that_cannot_be_is_refused(count, components, message, key):
    params = small("vae", image_shape=(8, 8, 1), network="mlp").init(key)
    with pytest.raises(UserError, match=message):
        genjax.fit_density(params, IMAGES[:count], key, components)


def test_a_mixture_of_more_numbers_than_fit_is_refused(key, monkeypatch):
    monkeypatch.setattr("genjax.latents.density._MOST_NUMBERS", 17)
    params = small("vae", image_shape=(8, 8, 1), network="mlp").init(key)  # of 3 latents
    with pytest.raises(UserError, match="2 Gaussians of 3 latents have 18 numbers"):
        genjax.fit_density(params, IMAGES, key, 2)
    assert genjax.fit_density(params, IMAGES, key, 1).loc.shape == (1, 3)


def test_the_velocity_of_a_mixture_carries_noise_to_it(key):
    """At once for all of its components, which one latent at a time reaches."""
    mixture = GaussianMixture(
        weights=jnp.array([0.25, 0.75]),
        loc=jnp.array([[-3.0, 0.0], [3.0, 1.0]]),
        scale_tril=jnp.asarray(np.stack([0.5 * np.eye(2), FACTOR / 2]), jnp.float32),
    )
    velocity, z = mixture.make_velocity(), jax.random.normal(key, (4_000, 2))
    run = jax.jit(lambda z: integrate(lambda x, t: velocity(x, jnp.full(4_000, t)), z, TIMES))
    found, drawn = np.asarray(run(z)), np.asarray(mixture.sample(key, 4_000))
    assert np.mean(found[:, 0] > 0) == pytest.approx(np.mean(drawn[:, 0] > 0), abs=0.03)
    np.testing.assert_allclose(found.mean(axis=0), drawn.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(np.cov(found.T), np.cov(drawn.T), atol=0.3)


def test_the_velocity_of_a_mixture_is_the_mean_of_those_of_its_paths(key):
    """E[x_1 - x_0 | x_t] has no error on average against any function of x_t."""
    factor = jnp.asarray(FACTOR, jnp.float32)
    mixture = GaussianMixture(jnp.ones(1), jnp.array([[1.0, -2.0]]), factor[None])
    key_0, key_1 = jax.random.split(key)
    x_0, x_1 = jax.random.normal(key_0, (100_000, 2)), mixture.sample(key_1, 100_000)
    x_t = 0.4 * x_0 + 0.6 * x_1
    error = mixture.make_velocity()(x_t, jnp.full(100_000, 0.6)) - (x_1 - x_0)
    for weight in (jnp.ones_like(x_t), x_t, x_t[:, ::-1]):
        np.testing.assert_allclose(jnp.mean(error * weight, axis=0), 0, atol=0.05)


@pytest.fixture(scope="module")
def flow():
    """Fitted to two clusters, of a quarter and of three quarters, far from the origin."""
    loc = jnp.tile(jnp.array([[100.0, 5.0]] + 3 * [[104.0, 3.0]]), (50, 1))
    q = Normal(loc, jnp.array([0.5, 0.4]) * jnp.ones_like(loc))
    return fit_flow(q, jax.random.key(0), 1, updates=1_000, hidden=(64, 64))


def test_a_flow_draws_from_what_it_was_fitted_to(flow):
    z = np.asarray(jax.jit(lambda key: flow.sample(key, 4_000))(jax.random.key(1)))
    second = z[z[:, 0] > 102]
    assert len(second) / len(z) == pytest.approx(0.75, abs=0.05)
    np.testing.assert_allclose(second.mean(axis=0), [104, 3], atol=0.2)
    np.testing.assert_allclose(second.std(axis=0), [0.5, 0.4], atol=0.15)


def test_a_flow_at_temperature_zero_begins_in_the_middle_of_the_noise(flow):
    z = flow.sample(1, 3, temperature=0.0)
    np.testing.assert_array_equal(z, np.tile(z[:1], (3, 1)))


def test_a_flow_is_fitted_to_codes_and_sampled_from(key):
    params = small("vae", image_shape=(8, 8, 1), network="mlp").init(key)
    density = genjax.fit_density(params, IMAGES, key, kind="flow", updates=2)
    assert isinstance(density, LatentFlow)
    assert isinstance(density, LatentDensity)
    z = density.sample(key, 4)
    np.testing.assert_allclose(
        genjax.sample(params, key, 4, density=density), genjax.decode(params, z), atol=1e-5
    )
    with pytest.raises(UserError, match="kind is 'gan', but must be one of 'mixture', 'flow'"):
        genjax.fit_density(params, IMAGES, key, kind="gan")
    with pytest.raises(UserError, match="updates is 0"):
        genjax.fit_density(params, IMAGES, key, kind="flow", updates=0)
