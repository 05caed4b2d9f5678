"""Every adversarial loss and penalty against an independent computation, and which way it pulls."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from genjax import losses

R = np.array([-1.7, 0.3, 2.2, 0.9])
F = np.array([0.4, -2.5, 1.1, 1.0])
D, DF = expit(R), expit(F)  # D(x) and D(G(z)), the probabilities that the papers write

# Discriminator's and generator's loss as the papers state them, on probabilities where they do.
PAPERS = {
    "minimax": (-(np.log(D) + np.log(1 - DF)), np.log(1 - DF)),
    "non_saturating": (-(np.log(D) + np.log(1 - DF)), -np.log(DF)),
    "least_squares": (0.5 * (R - 1) ** 2 + 0.5 * F**2, 0.5 * (F - 1) ** 2),
    "hinge": (-np.minimum(0, -1 + R) - np.minimum(0, -1 - F), -F),
    "wasserstein": (-(R - F), -F),
    "relativistic": (-np.log(expit(R - F)), -np.log(expit(F - R))),
}


@pytest.mark.parametrize("name", losses.ADVERSARIAL)
def test_losses_are_the_papers(name):  # (1) to (6)
    discriminator, generator = PAPERS[name]
    r, f = jnp.asarray(R), jnp.asarray(F)
    np.testing.assert_allclose(losses.ADVERSARIAL[name].discriminator(r, f), discriminator, 1e-5)
    np.testing.assert_allclose(losses.ADVERSARIAL[name].generator(r, f), generator, 1e-5)


@pytest.mark.parametrize("name", losses.ADVERSARIAL)
def test_the_players_pull_in_opposite_directions(name):
    """Below the margins: D raises r and lowers f, G raises f and never gains from a higher r."""
    r, f = jnp.array([-0.5, 0.2]), jnp.array([0.3, 0.1])
    loss = losses.ADVERSARIAL[name]
    d_r, d_f = jax.grad(lambda r, f: jnp.sum(loss.discriminator(r, f)), (0, 1))(r, f)
    g_r, g_f = jax.grad(lambda r, f: jnp.sum(loss.generator(r, f)), (0, 1))(r, f)
    assert np.all(d_r < 0)
    assert np.all(d_f > 0)
    assert np.all(g_f < 0)
    assert np.all(g_r > 0) if name == "relativistic" else np.all(g_r == 0)


@pytest.mark.parametrize("name", ["minimax", "non_saturating", "relativistic"])
@pytest.mark.parametrize("score", [-200.0, 200.0])
def test_sure_discriminators_give_finite_losses(name, score):
    r, f = jnp.array([score]), jnp.array([-score])
    adversarial = losses.ADVERSARIAL[name]
    for loss in (adversarial.discriminator, adversarial.generator):
        assert np.all(np.isfinite(loss(r, f)))
        assert np.all(np.isfinite(jax.grad(lambda f, loss=loss: jnp.sum(loss(r, f)))(f)))


def test_the_minimax_generator_saturates_and_the_other_does_not():
    """Where D is sure of a fake: the reason for (2)."""
    slopes = {
        name: jax.grad(lambda f, n=name: losses.ADVERSARIAL[n].generator(0.0, f))(-10.0)
        for name in ("minimax", "non_saturating")
    }
    assert abs(slopes["minimax"]) < 1e-4
    assert slopes["non_saturating"] == pytest.approx(-1, abs=1e-4)


IMAGES = jax.random.normal(jax.random.key(0), (5, 4, 3, 2))
SLOPE = np.asarray(jax.random.normal(jax.random.key(1), (4, 3, 2)))


def quadratic(images):
    """Score with the gradient `images * SLOPE` in each image."""
    return jnp.sum(images**2 * SLOPE, axis=(1, 2, 3)) / 2


def test_zero_centred_penalties_are_summed_over_pixels():  # (8)
    expected = 3.0 / 2 * ((np.asarray(IMAGES) * SLOPE) ** 2).reshape(5, -1).sum(axis=1)
    found = losses.zero_centred_penalty(quadratic, IMAGES, 3.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_gradient_of_a_linear_score_is_its_slope():  # (7)
    norm = np.sqrt((SLOPE**2).sum())
    found = losses.one_centred_penalty(
        lambda x: jnp.sum(x * SLOPE, axis=(1, 2, 3)), IMAGES, -IMAGES, 10.0, jnp.linspace(0, 1, 5)
    )
    np.testing.assert_allclose(found, np.full(5, 10.0 * (norm - 1) ** 2), rtol=1e-5)


def test_one_centred_penalties_lie_between_real_and_generated():  # (7)
    u = np.linspace(0, 1, 5, dtype=np.float32)
    found = losses.one_centred_penalty(quadratic, IMAGES, -2 * IMAGES, 1.0, jnp.asarray(u))
    slopes = np.sqrt(((np.asarray(IMAGES) * SLOPE) ** 2).reshape(5, -1).sum(axis=1))
    np.testing.assert_allclose(found, (abs(u - 2 * (1 - u)) * slopes - 1) ** 2, rtol=1e-4)


def test_a_flat_score_has_a_finite_penalty_gradient():
    def penalty(scale):
        return jnp.sum(
            losses.one_centred_penalty(
                lambda x: scale * jnp.sum(x, (1, 2, 3)), IMAGES, IMAGES, 1.0, jnp.ones(5)
            )
        )

    assert np.isfinite(jax.grad(penalty)(0.0))
