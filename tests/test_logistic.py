"""The probabilities of bytes, against sums over all bytes and against float64."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.distributions import DiscretizedLogistic, LogisticMixture
from genjax.distributions.logistic import log_probability
from genjax.models.likelihoods import LIKELIHOODS

BYTES = jnp.arange(256) / 255


@pytest.mark.parametrize("scale", [5e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("loc", [-0.2, 0.0, 0.4999, 1.0])
def test_the_probabilities_of_a_pixel_sum_to_one(scale, loc):
    log_p = log_probability(BYTES, jnp.array(loc), jnp.log(jnp.array(scale)))
    assert np.all(np.isfinite(log_p))
    assert float(jnp.exp(log_p).sum()) == pytest.approx(1, abs=1e-4)


def test_probabilities_equal_the_difference_of_two_sigmoids_in_double_precision():
    x, loc, scale = np.arange(256) / 255, 0.37, 0.02
    sigmoid = lambda t: 1 / (1 + np.exp(-t))  # noqa: E731
    upper = np.where(x == 1, 1, sigmoid((x + 1 / 510 - loc) / scale))
    lower = np.where(x == 0, 0, sigmoid((x - 1 / 510 - loc) / scale))
    log_p = log_probability(BYTES, jnp.array(loc), jnp.log(jnp.array(scale)))
    usable = upper - lower > 1e-9
    np.testing.assert_allclose(
        np.asarray(log_p)[usable], np.log((upper - lower)[usable]), rtol=2e-4, atol=2e-4
    )


def test_gradients_are_finite_far_out():
    def loss(loc, log_scale):
        return jnp.sum(log_probability(BYTES, loc, log_scale))

    for log_scale in (-30.0, -8.0, 5.0):
        gradients = jax.grad(loss, (0, 1))(jnp.array(40.0), jnp.array(log_scale))
        assert np.all(np.isfinite(gradients))


def test_draws_have_the_probabilities():
    one = DiscretizedLogistic(jnp.full((40_000, 1), 0.01), jnp.full((40_000, 1), -5.0))
    drawn = np.asarray(jnp.round(255 * one.sample(jax.random.key(0))))[:, 0].astype(int)
    expected = np.exp(log_probability(BYTES, jnp.array(0.01), jnp.array(-5.0)))
    np.testing.assert_allclose(np.bincount(drawn, minlength=256) / 40_000, expected, atol=0.01)


def test_a_mixture_of_channels_is_a_chain_of_conditionals():
    """The sum over the bytes of the last channel is the probability of the others."""
    keys = jax.random.split(jax.random.key(0), 4)
    shape = (1, 1, 1, 3, 4)
    mixture = LogisticMixture(
        jax.random.normal(keys[0], (1, 1, 1, 4)),
        jax.random.uniform(keys[1], shape),
        jax.random.normal(keys[2], shape) - 3,
        0.5 * jax.random.normal(keys[3], (2, *shape)),
    )

    def probability_of(first, second):
        each = jax.tree.map(
            lambda a: jnp.repeat(a, 256, axis=a.ndim - (4 if a.ndim == 4 else 5)), mixture
        )
        values = jnp.stack([jnp.full(256, first), jnp.full(256, second), BYTES], axis=-1)
        return float(jnp.exp(each.log_prob(values[:, None, None])).sum())

    without_last = jax.tree.map(lambda a: a if a.ndim == 4 else a[..., :2, :], mixture)
    value = jnp.array([0.2, 0.6]).reshape(1, 1, 1, 2)
    value = jnp.round(255 * value) / 255
    expected = float(jnp.exp(without_last.log_prob(value))[0])
    assert probability_of(*value.reshape(-1)) == pytest.approx(expected, rel=1e-3)
    assert mixture.sample(jax.random.key(1)).shape == mixture.mean.shape == (1, 1, 1, 3)


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_a_vae_of_every_likelihood_trains_and_is_measured(name):
    model = dataclasses.replace(genjax.VAE.smallest(), network="mlp", likelihood=name)
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), np.uint8)
    data = genjax.data.from_arrays(images)
    params = genjax.fit(model, data, 0, genjax.Training(epochs=1, batch_size=8), progress=False)
    result = genjax.evaluate(params, data, jax.random.key(1), num_samples=2, progress=False)
    assert np.isfinite(result["negative_elbo"])
    assert ("bits_per_dim" in result) == (LIKELIHOODS[name].observes == "bytes")


def test_the_optimal_scale_is_the_one_of_the_highest_likelihood():
    from genjax.distributions import Normal, OptimalNormal

    x, loc = jax.random.uniform(jax.random.key(0), (2, 5, 4, 4, 1))
    best = float(OptimalNormal(loc).log_prob(x).sum())
    for factor in (0.9, 1.0, 1.1):
        scale = factor * jnp.sqrt(jnp.mean((x - loc) ** 2))
        assert float(Normal(loc, scale).log_prob(x).sum()) <= best + 1e-3
