"""The transport of noise to data against closed forms of linear fields and of normal data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from genjax.models.transport import (
    draw_times,
    estimate_log_density,
    integrate,
    match_flow,
    space_times,
    space_times_to_data,
)

MATRIX = np.array([[0.3, -0.8], [0.5, 0.1]])
MEAN, SCALE = np.array([1.5, -0.5]), np.array([0.5, 2.0])


def rotate(x, t):
    """The linear field dx/dt = A x."""
    return x @ jnp.asarray(MATRIX.T, jnp.float32)


def carry_to_normal(x, t):
    """E[x_1 - x_0 | x_t = x] of x_1 ~ N(MEAN, SCALE^2): what the loss is smallest for."""
    t = jnp.broadcast_to(t, (len(x),))[:, None]
    slope = (t * SCALE**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * SCALE**2)
    return (MEAN + slope * (x - t * MEAN)).astype(jnp.float32)


@pytest.mark.parametrize("distribution", ["uniform", "logit_normal"])
def test_the_velocity_to_a_point_has_no_loss(distribution, key):
    """To one point c every path is straight: v = (c - x) / (1 - t)."""

    def velocity(x, t):
        return (3.0 - x) / (1 - t[:, None, None])

    loss = match_flow(velocity, jnp.full((500, 2, 3), 3.0), key, distribution)
    assert loss.shape == (500,)
    np.testing.assert_allclose(loss, 0, atol=1e-3)


def test_the_loss_is_the_mean_square_of_the_error(key):
    """Of v = 0 it is E (x_1 - x_0)^2 = c^2 + 1, and of half the target a quarter of that."""
    data = jnp.full((4_000, 3), 2.0)
    assert np.mean(match_flow(lambda x, t: 0 * x, data, key)) == pytest.approx(5, rel=0.02)
    half = match_flow(lambda x, t: 0.5 * (2.0 - x) / (1 - t[:, None]), data, key)
    assert np.mean(half) == pytest.approx(5 / 4, rel=0.02)


def test_no_velocity_has_a_smaller_loss_than_the_mean_one(key):
    data = jnp.asarray(MEAN + SCALE * jax.random.normal(jax.random.key(1), (20_000, 2)))
    best = float(jnp.mean(match_flow(carry_to_normal, data, key)))
    for change in (0.1, -0.1):
        other = match_flow(lambda x, t, c=change: carry_to_normal(x, t) + c, data, key)
        assert np.mean(other) == pytest.approx(best + change**2, abs=2e-3)


def test_times_follow_their_distribution(key):
    uniform = draw_times(key, 20_000)
    logit = draw_times(key, 20_000, "logit_normal")
    for bound in (-1.0, 0.0, 2.0):
        below = jax.nn.sigmoid(bound)
        assert np.mean(uniform < below) == pytest.approx(float(below), abs=0.01)
        assert np.mean(logit < below) == pytest.approx(scipy.stats.norm.cdf(bound), abs=0.01)


@pytest.mark.parametrize("solver", ["euler", "heun"])
@pytest.mark.parametrize("backwards", [False, True])
def test_steps_of_a_linear_field_are_powers_of_a_matrix(solver, backwards):
    x, h, steps = np.array([[1.0, -2.0], [0.5, 3.0]]), 1 / 5, 5
    times = space_times(steps)
    if backwards:
        h, times = -h, times[::-1]
    one = np.eye(2) + h * MATRIX
    if solver == "heun":
        one += h**2 * MATRIX @ MATRIX / 2
    expected = x @ np.linalg.matrix_power(one, steps).T
    found = integrate(rotate, jnp.asarray(x, jnp.float32), times, solver)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_solvers_see_the_time():
    """The integral of 2t: Euler takes the left end of every step, Heun is exact."""
    rise = {
        solver: float(integrate(lambda x, t: 2 * t, jnp.zeros(()), space_times(4), solver))
        for solver in ("euler", "heun")
    }
    assert rise == {"euler": pytest.approx(0.75), "heun": pytest.approx(1.0)}


def test_the_ode_carries_noise_to_the_data(key):
    z = jax.random.normal(key, (50, 2))
    x_1 = integrate(carry_to_normal, z, space_times(200))
    np.testing.assert_allclose(x_1, MEAN + SCALE * z, atol=2e-3)
    back = integrate(carry_to_normal, x_1, space_times(200)[::-1])
    np.testing.assert_allclose(back, z, atol=4e-3)


def test_the_gradient_through_the_steps_is_that_of_the_powers():
    gradient = jax.grad(lambda x: integrate(rotate, x, space_times(3), "euler")[0, 0])
    power = np.linalg.matrix_power(np.eye(2) + MATRIX / 3, 3)
    np.testing.assert_allclose(gradient(jnp.ones((1, 2)))[0], power[0], rtol=1e-5)


def test_the_density_of_a_linear_field_is_normal(key):
    """x_1 = e^A x_0 ~ N(0, e^A (e^A)^T), with the trace estimated and its error told."""
    x = jnp.asarray([[0.4, -1.0], [2.0, 0.3]])
    factor = scipy.linalg.expm(MATRIX)
    expected = scipy.stats.multivariate_normal(cov=factor @ factor.T).logpdf(x)
    draws = estimate_log_density(rotate, x, key, space_times(40), num_probes=4_000)
    error = np.std(draws, axis=0) / len(draws) ** 0.5
    assert np.all(error > 1e-3)  # e^T A e is not tr A: A has entries off its diagonal
    np.testing.assert_allclose(np.mean(draws, axis=0), expected, atol=4 * np.max(error))


def test_the_density_of_normal_data_is_exact_where_the_jacobian_is_diagonal(key):
    x = jnp.asarray([[1.0, 0.0], [2.5, -3.0]])
    draws = estimate_log_density(carry_to_normal, x, key, space_times(200))
    np.testing.assert_allclose(draws[0], draws[1], atol=1e-4)
    expected = scipy.stats.norm.logpdf(x, MEAN, SCALE).sum(axis=1)
    np.testing.assert_allclose(draws[0], expected, atol=5e-3)


def test_steps_that_shorten_towards_the_data_follow_narrow_data(key):
    """Data as narrow as a byte: even steps miss its density, steps that shorten do not."""
    width = 1 / 256

    def carry(x, t):
        t = jnp.broadcast_to(t, (len(x),))[:, None]
        return (t * width**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * width**2) * x

    x = jnp.asarray([[0.5 * width]])
    expected = scipy.stats.norm.logpdf(x[0, 0], scale=width)
    even, shortening = (
        float(estimate_log_density(carry, x, key, times)[0, 0])
        for times in (space_times(64), space_times_to_data(64, width))
    )
    assert shortening == pytest.approx(expected, abs=0.1)
    assert abs(even - expected) > 0.5
