"""The densities against scipy.stats, the divergence against Monte Carlo and a quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from genjax.distributions import (
    Bernoulli,
    Normal,
    flip_coins,
    kl_to_standard_normal,
    standard_normal_like,
    total_correlation,
)

LOC = np.array([[0.3, -1.2, 2.0], [0.0, 0.5, -0.7]], np.float32)
SCALE = np.array([[0.5, 1.5, 0.1], [1.0, 2.0, 0.3]], np.float32)
NORMAL = Normal(jnp.array(LOC), jnp.array(SCALE))


@pytest.mark.parametrize("jit", [False, True])
def test_normal_log_prob_is_scipys(jit):  # (1)
    value = np.array([[0.1, 0.2, 2.1], [3.0, -1.0, 0.0]], np.float32)
    log_prob = jax.jit(Normal.log_prob) if jit else Normal.log_prob
    expected = scipy.stats.norm.logpdf(value, LOC, SCALE).sum(axis=1)
    np.testing.assert_allclose(log_prob(NORMAL, jnp.asarray(value)), expected, rtol=1e-5)


def test_log_prob_sums_over_whole_images():
    value = np.random.default_rng(0).normal(size=(4, 3, 2, 5)).astype(np.float32)
    one = Normal(jnp.zeros((4, 3, 2, 5)), jnp.asarray(0.7))
    expected = scipy.stats.norm.logpdf(value, 0, 0.7).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(one.log_prob(jnp.asarray(value)), expected, rtol=1e-5)


def test_bernoulli_log_prob_is_scipys():  # (2)
    logits = np.array([[-3.0, 0.2, 5.0], [0.0, 1.0, -1.0]], np.float32)
    value = np.array([[0, 1, 1], [1, 0, 0]], np.float32)
    expected = scipy.stats.bernoulli.logpmf(value, 1 / (1 + np.exp(-logits))).sum(axis=1)
    coins = Bernoulli(jnp.array(logits))
    np.testing.assert_allclose(coins.log_prob(jnp.asarray(value)), expected, rtol=1e-5)


def test_bernoulli_survives_extreme_logits():
    sure = Bernoulli(jnp.array([[200.0, -200.0]]))
    np.testing.assert_allclose(sure.log_prob(jnp.array([[1.0, 0.0]])), [0.0])
    np.testing.assert_allclose(sure.log_prob(jnp.array([[0.0, 1.0]])), [-400.0])


def test_samples_have_the_moments_of_their_distribution(key):
    many = Normal(jnp.tile(NORMAL.loc, (20_000, 1)), jnp.tile(NORMAL.scale, (20_000, 1)))
    drawn = np.asarray(many.sample(key)).reshape(20_000, 2, 3)
    np.testing.assert_allclose(drawn.mean(axis=0), LOC, atol=4 * SCALE.max() / np.sqrt(20_000))
    np.testing.assert_allclose(drawn.std(axis=0), SCALE, rtol=0.03)
    coins = Bernoulli(jnp.full((20_000, 1), 1.0)).sample(key)
    assert set(np.unique(coins)) == {0.0, 1.0}
    assert np.mean(coins) == pytest.approx(1 / (1 + np.exp(-1)), abs=0.015)


@pytest.mark.parametrize("count", [20_001, 20_000])
def test_coins_fall_as_often_as_they_should(count, key):
    grey = np.array([0, 1, 100, 254, 255], np.float32) / 255
    heads = np.stack([flip_coins(key, jnp.full(count, p)) for p in grey])
    assert set(np.unique(heads)) == {0.0, 1.0}
    error = 4 * np.sqrt(grey * (1 - grey) / count)
    assert np.all(np.abs(heads.mean(axis=1) - grey) <= error + 2**-16)
    assert heads[0].max() == 0  # black stays black, and white white
    assert heads[4].min() == 1
    assert abs(np.corrcoef(heads[2][0:20_000:2], heads[2][1:20_000:2])[0, 1]) < 0.04


def test_gradient_flows_through_a_sample(key):
    """d/dmu E[z^2] = 2 mu, through the reparameterization trick."""

    def second_moment(mu):
        return jnp.mean(Normal(jnp.full((50_000, 1), mu), jnp.asarray(1.0)).sample(key) ** 2)

    assert jax.grad(second_moment)(0.8) == pytest.approx(1.6, abs=0.05)


def test_kl_is_the_integral():  # (3)
    ours = np.ravel(kl_to_standard_normal(NORMAL))
    for loc, scale, kl in zip(LOC.flat, SCALE.flat, ours, strict=True):
        q, p = scipy.stats.norm(loc, scale), scipy.stats.norm()

        def integrand(z, q=q, p=p):
            return q.pdf(z) * (q.logpdf(z) - p.logpdf(z))

        integral, _ = scipy.integrate.quad(integrand, loc - 9 * scale, loc + 9 * scale)
        assert kl == pytest.approx(integral, rel=1e-4, abs=1e-6)


def test_kl_is_the_monte_carlo_mean(key):
    many = Normal(jnp.tile(NORMAL.loc, (50_000, 1)), jnp.tile(NORMAL.scale, (50_000, 1)))
    z = many.sample(key)
    log_ratio = (many.log_prob(z) - standard_normal_like(many).log_prob(z)).reshape(-1, 2)
    error = 4 * np.std(log_ratio, axis=0) / np.sqrt(50_000)
    difference = np.mean(log_ratio, axis=0) - np.sum(kl_to_standard_normal(NORMAL), axis=1)
    assert np.all(np.abs(difference) < error)


def test_total_correlation_is_that_of_the_mixture(key):  # (4)
    loc = np.random.default_rng(0).normal(size=(7, 3))
    scale = np.full((7, 3), 0.5)
    q = Normal(jnp.asarray(loc, jnp.float32), jnp.asarray(scale, jnp.float32))
    z = np.asarray(q.sample(key), np.float64)
    density = scipy.stats.norm.pdf(z[:, None], loc[None], scale[None])  # of z_i under q_j
    joint = density.prod(2).mean(1)
    marginals = density.mean(1).prod(1)
    expected = np.mean(np.log(joint) - np.log(marginals))
    np.testing.assert_allclose(
        total_correlation(q, jnp.asarray(z, jnp.float32)), expected, rtol=1e-4
    )


def test_total_correlation_vanishes_for_independent_latents(key):
    """A grid is a product of its sides; along its diagonal the two latents are one."""
    side = jnp.linspace(-2.0, 2.0, 16)
    grid = jnp.stack(jnp.meshgrid(side, side), axis=-1).reshape(-1, 2)
    line = jnp.stack([grid[:, 0]] * 2, axis=1)
    independent, same = (
        total_correlation(q := Normal(loc, jnp.full_like(loc, 0.1)), q.sample(key))
        for loc in (grid, line)
    )
    assert abs(independent) < 0.02
    assert same > 1.0
