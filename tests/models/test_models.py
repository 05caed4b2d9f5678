"""Every numbered equation of the autoencoder and the VAE against an independent computation."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

import genjax
from genjax.metrics.likelihood import active_units, importance_weighted_nll
from genjax.model import Batch
from tests.helpers import blobs

SMALL = {"image_shape": (8, 8, 1), "channels": (4, 8), "hidden": (16,), "latent_dim": 3}
IMAGES = jnp.asarray(blobs(6).images / np.float32(255))
BATCH = Batch(IMAGES, jnp.zeros(6, jnp.int32))


def log_likelihood(model, params, z, x):
    """(4) by scipy, from the decoded mean alone: [N]."""
    mean = np.asarray(model.decode(params, jnp.asarray(z, jnp.float32)), np.float64)
    if model.likelihood == "bernoulli":
        return scipy.stats.bernoulli.logpmf(np.asarray(x), mean).sum(axis=(1, 2, 3))
    return scipy.stats.norm.logpdf(np.asarray(x), mean, model.scale).sum(axis=(1, 2, 3))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("network", ["conv", "mlp"])
def test_the_loss_of_beta_one_is_the_negative_elbo(likelihood, network, key):  # (5)
    model = genjax.VAE(**SMALL, likelihood=likelihood, network=network)
    params = model.init(key)
    (losses, (terms, _)) = model.losses(params, BATCH, key)

    key_x, key_z = jax.random.split(key)
    x = model.observe(IMAGES, key_x)
    q = model.posterior(params, x)
    mu, sigma = np.asarray(q.loc, np.float64), np.asarray(q.scale, np.float64)
    z = mu + sigma * np.asarray(jax.random.normal(key_z, mu.shape))  # (3)
    rate = (scipy.stats.norm(mu, sigma).entropy() * -1).sum(1) + 0.5 * (
        mu**2 + sigma**2 + np.log(2 * np.pi)
    ).sum(1)  # E_q log q - E_q log p
    distortion = -log_likelihood(model, params, z.astype(np.float32), x)
    np.testing.assert_allclose(losses["vae"], np.mean(distortion + rate), rtol=1e-4)
    np.testing.assert_allclose(terms["rate"], np.mean(rate), rtol=1e-3)

    heavier = dataclasses.replace(model, beta=4.0)
    np.testing.assert_allclose(
        heavier.losses(params, BATCH, key)[0]["vae"], np.mean(distortion + 4 * rate), rtol=1e-4
    )


def test_the_encoder_gives_the_logarithm_of_a_standard_deviation(key):  # (2)
    model = genjax.VAE(**SMALL)
    params = model.init(key)
    raw = model.apply(params, "encoder", IMAGES)
    q = model.posterior(params, IMAGES)
    np.testing.assert_allclose(q.loc, raw[:, :3])
    np.testing.assert_allclose(np.log(q.scale), raw[:, 3:], atol=1e-5)


def test_dynamic_binarisation_has_the_images_mean(key):  # (0)
    model = genjax.VAE(**SMALL)
    keys = jax.random.split(key, 4_000)
    x = jax.vmap(lambda k: model.observe(IMAGES[:1], k))(keys)
    assert set(np.unique(x)) == {0.0, 1.0}
    np.testing.assert_allclose(np.mean(x, axis=0), IMAGES[:1], atol=0.04)
    for grey in (
        dataclasses.replace(model, binarize=False),
        dataclasses.replace(model, likelihood="gaussian"),
    ):
        np.testing.assert_array_equal(grey.observe(IMAGES, key), IMAGES)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_autoencoders_loss(likelihood, key):
    model = genjax.Autoencoder(**SMALL, likelihood=likelihood)
    params = model.init(key)
    loss = model.losses(params, BATCH, key)[0]["autoencoder"]
    mean = np.asarray(model.decode(params, model.encode(params, IMAGES)), np.float64)
    x = np.asarray(IMAGES)
    if likelihood == "bernoulli":
        expected = -(x * np.log(mean) + (1 - x) * np.log(1 - mean))
    else:
        expected = -scipy.stats.norm.logpdf(x, mean, model.scale)
    np.testing.assert_allclose(loss, expected.sum(axis=(1, 2, 3)).mean(), rtol=1e-5)


def test_half_variance_is_squared_error_plus_kl(key):
    """sigma^2 = 1/2, as the docstring says: the study's loss, up to a constant."""
    model = genjax.VAE(**SMALL, likelihood="gaussian", scale=0.5**0.5)
    params = model.init(key)
    distortion, _ = model.distortion_and_rate(params, IMAGES, key)
    z = model.posterior(params, IMAGES).sample(key)
    squared = jnp.sum((model.decode(params, z) - IMAGES) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(distortion - squared, 64 * 0.5 * np.log(np.pi), rtol=1e-4)


@pytest.fixture
def one_latent(key):
    """A VAE with one latent, whose p(x) can be integrated; its weights enlarged to matter."""
    model = genjax.VAE(image_shape=(8, 8, 1), network="mlp", hidden=(8,), latent_dim=1)
    return jax.tree.map(lambda w: 1.5 * w, model.init(key))


def exact_nll(params, x):
    """-log p(x) by the trapezoidal rule over z in [-8, 8]."""
    z = np.linspace(-8, 8, 4001)
    log_p = np.array(
        [
            log_likelihood(
                params.model,
                params,
                z[:, None].astype(np.float32),
                np.tile(image, (z.size, 1, 1, 1)),
            )
            for image in np.asarray(x)[:, None]
        ]
    ) + scipy.stats.norm.logpdf(z)
    return -scipy.special.logsumexp(log_p, axis=1) - np.log(z[1] - z[0])


def test_importance_weighting_gives_the_likelihood(one_latent, key):  # (6), NLL_k
    x = one_latent.model.observe(IMAGES, jax.random.key(3))
    nll = importance_weighted_nll(one_latent, x, key, num_samples=20_000, draws_at_once=999)
    np.testing.assert_allclose(nll, exact_nll(one_latent, x), atol=0.05)


def test_more_samples_tighten_the_bound(one_latent):
    def mean_bound(k):
        keys = jax.random.split(jax.random.key(5), 200)
        binary = jnp.round(IMAGES)
        nll = jax.vmap(lambda key: importance_weighted_nll(one_latent, binary, key, num_samples=k))
        return float(jnp.mean(nll(keys)))

    one, five, fifty = mean_bound(1), mean_bound(5), mean_bound(50)
    exact = exact_nll(one_latent, jnp.round(IMAGES)).mean()
    assert one > five > fifty > exact - 0.02
    many = jnp.tile(jnp.round(IMAGES), (200, 1, 1, 1))
    negative_elbo = sum(one_latent.model.distortion_and_rate(one_latent, many, jax.random.key(6)))
    error = float(2**0.5 * np.std(negative_elbo) / len(many) ** 0.5)
    assert one == pytest.approx(float(jnp.mean(negative_elbo)), abs=4 * error)  # NLL_1 is -ELBO


@pytest.mark.parametrize("num_samples", [1, 7, 50, 53])
def test_chunks_of_draws_count_every_draw_once(num_samples, one_latent, key):
    """The weights of a posterior equal to the prior and a constant likelihood are all p(x)."""
    flat = jax.tree.map(jnp.zeros_like, one_latent)
    nll = importance_weighted_nll(flat, IMAGES, key, num_samples=num_samples, draws_at_once=10)
    np.testing.assert_allclose(nll, 64 * np.log(2), rtol=1e-5)


def test_active_units_counts_latents_that_vary():
    means = np.random.default_rng(0).normal(size=(1000, 3)) * [1.0, 0.2, 0.05]
    assert active_units(means) == 2  # variances 1, 0.04, 0.0025 against 0.01


def test_the_loss_of_many_draws_is_the_importance_weighted_bound(key):  # (7)
    model = genjax.VAE(**SMALL, importance_samples=4)
    params = model.init(key)
    key_x, key_z = jax.random.split(key)
    q = model.posterior(params, x := model.observe(IMAGES, key_x))
    mu, sigma = (np.tile(np.asarray(a, np.float64), (4, 1)) for a in (q.loc, q.scale))
    z = mu + sigma * np.asarray(jax.random.normal(key_z, mu.shape))
    log_w = (
        log_likelihood(model, params, z.astype(np.float32), np.tile(x, (4, 1, 1, 1)))
        + scipy.stats.norm.logpdf(z).sum(1)
        - scipy.stats.norm.logpdf(z, mu, sigma).sum(1)
    ).reshape(4, 6)
    expected = -np.mean(scipy.special.logsumexp(log_w, axis=0) - np.log(4))
    loss = model.losses(params, BATCH, key)[0]["vae"]
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    assert loss < genjax.VAE(**SMALL).losses(params, BATCH, key)[0]["vae"]  # (6): tighter


def weighted(key, progress=1.0, **fields):
    """What `VAE(**fields)` adds to the distortion, and its rate and total correlation."""
    model = genjax.VAE(**SMALL, **fields)
    params = model.init(key)
    encoder = jax.tree.map(lambda w: 4 * w, params.weights["encoder"])  # for a rate of some nats
    params = params.replace(weights=params.weights | {"encoder": encoder})
    batch = dataclasses.replace(BATCH, progress=progress)
    losses, (terms, _) = model.losses(params, batch, key)
    return losses["vae"] - terms["distortion"], terms["rate"], terms.get("total_correlation")


@pytest.mark.parametrize("capacity", [0.5, 50.0])
def test_capacity_holds_the_rate_at_a_number_of_nats(capacity, key):  # (8)
    added, rate, _ = weighted(key, beta=30.0, capacity=capacity)
    np.testing.assert_allclose(added, 30 * abs(rate - capacity), rtol=1e-3)
    halfway, rate, _ = weighted(key, 0.25, beta=30.0, capacity=capacity, warmup=0.5)
    np.testing.assert_allclose(halfway, 30 * abs(rate - capacity / 2), rtol=1e-3)


def test_beta_may_weigh_the_total_correlation_alone(key):  # (9)
    added, rate, tc = weighted(key, beta=6.0, beta_weighs="total_correlation")
    np.testing.assert_allclose(added, rate + 5 * tc, rtol=1e-3)
    elbo, rate, _ = weighted(key, beta=1.0, beta_weighs="total_correlation")
    np.testing.assert_allclose(elbo, rate, rtol=1e-3)
    assert rate > 0.5
    assert abs(tc) > 0.01


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.1, 0.5), (0.2, 1.0), (1.0, 1.0)])
def test_the_rate_warms_up(progress, share, key):
    added, rate, _ = weighted(key, progress, beta=3.0, warmup=0.2)
    np.testing.assert_allclose(added, 3 * share * rate, atol=1e-3)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"capacity": -1.0}, "capacity"),
        ({"warmup": 1.5}, "from 0 to 1"),
        ({"capacity": 5.0, "beta_weighs": "total_correlation"}, "leave one"),
        ({"importance_samples": 5, "beta": 2.0}, "no rate to weigh"),
        ({"importance_samples": 5, "warmup": 0.5}, "no rate to weigh"),
    ],
)
def test_variants_that_contradict_each_other_are_refused(fields, says, key):
    with pytest.raises(genjax.UserError, match=says):
        genjax.VAE(**SMALL, **fields).init(key)
