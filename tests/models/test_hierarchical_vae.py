"""The hierarchical VAE, each equation against an independent computation."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import genjax
from genjax.distributions import kl_to_standard_normal
from genjax.model import Batch
from genjax.models import HierarchicalVAE
from genjax.nn.ladder import BottomUp, TopDown, split_levels
from tests.models.test_autoregressive import move

MODEL = dataclasses.replace(HierarchicalVAE.smallest(), image_shape=(8, 8, 1), levels=(2, 1))
IMAGES = jnp.round(jax.random.uniform(jax.random.key(7), (5, 8, 8, 1)))
BATCH = Batch(IMAGES, jnp.zeros(5, jnp.int32))


@pytest.fixture(scope="module")
def params():
    return move(MODEL.init(jax.random.key(0)), 0.1)


@pytest.fixture(scope="module")
def drawn(params):
    """What one draw of the posterior is made of: epsilon, and z, prior and posterior by level."""
    epsilon = jax.random.normal(jax.random.key(3), (5, MODEL.latent_dim))
    p, q = MODEL.infer(params, IMAGES, epsilon)
    outputs = MODEL.networks()["decoder"][0].apply(
        {"params": params.weights["decoder"]},
        epsilon,
        *MODEL.apply(params, "encoder", IMAGES),
        capture_intermediates=True,
    )[1]["intermediates"]
    levels = []
    for number, (delta, log_s, noise) in enumerate(
        zip(
            *(split_levels(part, MODEL.grids) for part in (q.loc, q.log_scale, epsilon)),
            strict=True,
        )
    ):
        layers = outputs[f"Level_{number}"]
        mu, log_sigma = layers["prior"]["__call__"][0] if number else (0.0, 0.0)
        scale = np.exp(np.float64(log_sigma))
        loc_q = np.float64(mu) + scale * np.float64(delta)  # (3)
        scale_q = scale * np.exp(np.float64(log_s))
        levels.append((loc_q + scale_q * noise, (np.float64(mu), scale), (loc_q, scale_q)))
    return p, q, levels


def split_rates(q):
    return split_levels(kl_to_standard_normal(q), MODEL.grids)


def sum_grid(values):
    return np.sum(np.asarray(values, np.float64), axis=(1, 2, 3))


def test_the_rate_of_a_level_is_the_divergence_of_its_two_normals(drawn):  # (2), (3), (5)
    _, q, levels = drawn
    parts = split_rates(q)
    for number, (_, (loc_p, scale_p), (loc_q, scale_q)) in enumerate(levels):
        ratio = (scale_q / scale_p) ** 2
        kl = 0.5 * (ratio + ((loc_q - loc_p) / scale_p) ** 2 - 1 - np.log(ratio))
        np.testing.assert_allclose(parts[number], kl, rtol=1e-3, atol=1e-5)


def test_the_decoder_sees_the_latents_that_the_levels_draw(params, drawn):  # (4)
    p, q, levels = drawn
    u = q.at(jax.random.normal(jax.random.key(3), q.loc.shape))
    for part, (z, (loc, scale), _) in zip(split_levels(u, MODEL.grids), levels, strict=True):
        np.testing.assert_allclose(loc + scale * part, z, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(MODEL.decode(params, u), p.mean, atol=1e-5)


def test_the_weight_of_a_draw_is_a_ratio_of_densities(params, drawn):  # (1), (7)
    p, _, levels = drawn
    log_p = scipy.stats.bernoulli.logpmf(np.asarray(IMAGES), np.float64(p.mean)).sum((1, 2, 3))
    for z, prior, posterior in levels:
        log_p += sum_grid(scipy.stats.norm.logpdf(z, *prior))
        log_p -= sum_grid(scipy.stats.norm.logpdf(z, *posterior))
    np.testing.assert_allclose(
        MODEL.log_weights(params, IMAGES, jax.random.key(3), 1)[0], log_p, rtol=1e-4
    )


def test_the_mean_weight_is_the_negative_elbo(params):  # (5), (7): KL = E_q[log q - log p]
    weights = MODEL.log_weights(params, IMAGES, jax.random.key(4), 400)
    many = jnp.tile(IMAGES, (400, 1, 1, 1))
    halves = MODEL.distortion_and_rate(params, many, jax.random.key(5))
    both = np.asarray(sum(halves)).reshape(400, 5)
    error = np.hypot(np.std(weights, axis=0), np.std(both, axis=0)) / 20
    assert np.all(np.abs(np.mean(both, axis=0) + np.mean(weights, axis=0)) < 4 * error)


def test_the_loss_is_distortion_and_the_rates_above_the_free_ones(params):  # (6)
    key_x, key_z, _ = jax.random.split(jax.random.key(6), 3)
    epsilon = jax.random.normal(key_z, (5, MODEL.latent_dim))
    p, q = MODEL.infer(params, MODEL.observe(IMAGES, key_x), epsilon)
    distortion = -np.mean(p.log_prob(IMAGES))
    rates = np.array([sum_grid(part).mean() for part in split_rates(q)])
    free = float(np.sort(rates)[1])  # the middle one
    for bits, warmup, expected in [
        (0.0, 0.0, rates.sum()),
        (free, 0.0, 2 * free + rates.max()),
        (0.0, 0.5, rates.sum() / 2),
    ]:
        model = dataclasses.replace(MODEL, free_bits=bits, warmup=warmup)
        batch = dataclasses.replace(BATCH, progress=0.25)
        losses, (terms, _) = model.losses(params, batch, jax.random.key(6))
        np.testing.assert_allclose(losses["vae"], distortion + expected, rtol=1e-5)
        by_level = [terms[f"rate_level_{level}"] for level in (1, 2, 3)]
        np.testing.assert_allclose(by_level, rates, rtol=1e-5)


def test_one_level_is_a_vae_of_one_encoder_and_one_decoder():
    model = dataclasses.replace(MODEL, levels=(1,), encoder_blocks=(1, 1))
    params = move(model.init(jax.random.key(0)), 0.2)
    assert model.grids == [(2, 2, 2)]
    encoder, decoder = (network for network, *_ in model.networks().values())
    assert isinstance(encoder, BottomUp)
    assert isinstance(decoder, TopDown)
    assert not any(
        "prior" in name or "join" in name for name in params.weights["decoder"]["Level_0"]
    )
    p, q = model.infer(params, IMAGES, jnp.ones((5, 8)))
    _, other = model.infer(params, IMAGES, -jnp.ones((5, 8)))
    np.testing.assert_array_equal(q.loc, other.loc)  # the posterior is that of the encoder alone
    np.testing.assert_allclose(model.decode(params, q.loc + q.scale), p.mean, atol=1e-6)
    mu, s = np.float64(q.loc), np.float64(q.scale)
    kl = -scipy.stats.norm(mu, s).entropy() + 0.5 * (mu**2 + s**2 + np.log(2 * np.pi))
    distortion, rate = model.distortion_and_rate(params, IMAGES, jax.random.key(0))
    np.testing.assert_allclose(rate, kl.sum(1), rtol=1e-4)
    z = mu + s * np.asarray(jax.random.normal(jax.random.key(0), mu.shape))
    mean = np.float64(model.decode(params, jnp.float32(z)))
    expected = -scipy.stats.bernoulli.logpmf(np.asarray(IMAGES), mean).sum((1, 2, 3))
    np.testing.assert_allclose(distortion, expected, rtol=1e-4)


def test_latents_lie_level_after_level_in_the_order_of_reading(params):
    assert MODEL.grids == [(2, 2, 2), (2, 2, 2), (4, 4, 2)]
    parts = split_levels(jnp.arange(48.0)[None], MODEL.grids)
    assert [float(part[0, 1, 0, 1]) for part in parts] == [5, 13, 16 + 9]
    u = np.asarray(jax.random.normal(jax.random.key(2), (1, 48)))
    later = np.copy(u)
    later[:, 8:] += 1.0
    changed = [
        np.asarray(MODEL.networks()["decoder"][0].apply(
            {"params": params.weights["decoder"]}, jnp.asarray(one), capture_intermediates=True
        )[1]["intermediates"]["Level_1"]["prior"]["__call__"][0][0])
        for one in (u, later)
    ]  # fmt: skip
    np.testing.assert_array_equal(*changed)  # the prior of a level sees the levels above alone


@pytest.mark.parametrize(
    ("levels", "scales"), [((1,), [0]), ((1, 1), [0, 1]), ((2, 0, 3), [0, 0, 2, 2, 2])]
)
def test_levels_lie_at_scales_from_the_coarsest_on(levels, scales):
    model = HierarchicalVAE((28, 28, 1), levels, (4, 4, 4), (0, 0, 0), (0, 0, 0), latent_channels=3)
    assert model.grids == [[(4, 4, 3), (7, 7, 3), (14, 14, 3)][scale] for scale in scales]
    assert model.latent_dim == sum(map(math.prod, model.grids))


def test_every_tool_of_latents_works(params):
    key, z = jax.random.key(0), MODEL.encode(params, IMAGES)
    q = MODEL.posterior(params, IMAGES)
    np.testing.assert_array_equal(z, q.loc)
    _, other = MODEL.infer(params, IMAGES, jnp.ones_like(z))
    np.testing.assert_array_equal(q.loc[:, :8], other.loc[:, :8])  # the first level is exact
    assert not np.allclose(q.loc[:, 8:], other.loc[:, 8:])
    use = genjax.latent_use(params, IMAGES, key)
    rates = MODEL.latent_rate(params, IMAGES, jax.random.fold_in(key, 0))
    np.testing.assert_allclose(use.amount, np.mean(rates, axis=0), rtol=1e-3, atol=1e-4)
    assert genjax.interpolate(params, z[:1], z[1:2], num=3).shape == (1, 3, 8, 8, 1)
    assert genjax.plane(params, z[0], [0, 9], np.ones(2), np.ones(3)).shape == (3, 2, 8, 8, 1)
    assert genjax.traverse(params, z[0], dimensions=use.order[:2]).shape == (2, 9, 8, 8, 1)
    with pytest.raises(genjax.UserError, match="this one has 48"):
        genjax.manifold(params)


def test_the_rate_of_every_level_is_a_metric_and_bytes_have_bits(params):
    key_x, key_z = jax.random.split(jax.random.key(1))
    epsilon = jax.random.normal(key_z, (5, MODEL.latent_dim))
    _, q = MODEL.infer(params, MODEL.observe(IMAGES, key_x), epsilon)
    metrics = MODEL.image_metrics(params, IMAGES, BATCH.labels, jax.random.key(1))
    assert list(metrics) == ["rate_level_1", "rate_level_2", "rate_level_3"]
    for rate, part in zip(metrics.values(), split_rates(q), strict=True):
        np.testing.assert_allclose(rate, sum_grid(part), rtol=1e-5)
    assert not MODEL.likelihood_of_bytes
    assert dataclasses.replace(MODEL, likelihood="logistic_mixture").likelihood_of_bytes


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"levels": (0, 1)}, "one level at the coarsest scale"),
        ({"levels": (1, 1, 1)}, "at most 2 numbers"),
        ({"channels": ()}, "at least one scale"),
        ({"encoder_blocks": (1,)}, "a number for each of the 2 scales"),
        ({"free_bits": -1.0}, "free_bits is -1.0"),
        ({"warmup": 1.5}, "warmup 1.5"),
    ],
)
def test_fields_out_of_bounds_are_refused(fields, message):
    with pytest.raises(genjax.UserError, match=message):
        dataclasses.replace(MODEL, **fields).init(jax.random.key(0))
