"""The conditional VAE's equations, and what labels do."""

from dataclasses import fields, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import genjax
from genjax.data import from_arrays
from genjax.errors import MissingCapability
from genjax.metrics.likelihood import importance_weighted_nll
from genjax.model import Batch, is_class_conditional, takes_labels
from genjax.models import VAE, VAEGAN, ConditionalVAE
from tests.helpers import blobs, small

SHAPE = (8, 8, 1)
MODEL = ConditionalVAE(
    image_shape=SHAPE, network="mlp", hidden=(8,), latent_dim=2, num_classes=2, label_dropout=0.0
)
DATA = blobs(12)
BATCH = Batch(DATA.images / jnp.float32(255), DATA.labels)


@pytest.fixture(scope="module")
def of_shades():
    """A model of dark images, class 0, and bright ones, class 1."""
    labels = np.arange(64) % 2
    shades = np.random.default_rng(0).integers(0, 50, (64, *SHAPE))
    shades = (shades + 200 * labels[:, None, None, None]).astype(np.uint8)
    data = from_arrays(shades, labels, ("dark", "bright"), name="shades")
    training = genjax.Training(30, 16, genjax.Optimizer(learning_rate=1e-2))
    model = replace(MODEL, image_shape=(), label_dropout=0.2)
    return genjax.fit(model, data, jax.random.key(0), training, progress=False)


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_the_loss_is_the_negative_elbo_given_the_class(network, key):  # (3) to (5)
    model = replace(MODEL, network=network, channels=(2,), beta=3.0)
    params = model.init(key)
    loss = jax.jit(model.losses)(params, BATCH, key)[0]["conditional_vae"]
    key_x, key_z, _ = jax.random.split(jax.random.split(key)[0], 3)
    y = np.eye(2, dtype=np.float32)[DATA.labels]
    channels = np.broadcast_to(y[:, None, None], (12, 8, 8, 2))
    x = np.asarray(model.observe(jnp.concatenate([BATCH.images, channels], axis=3), key_x))
    np.testing.assert_array_equal(x[..., 1:], channels)
    out = np.asarray(model.apply(params, "encoder", jnp.asarray(x)), np.float64)  # (3)
    mu, sigma = out[:, :2], np.exp(out[:, 2:])
    z = mu + sigma * np.asarray(jax.random.normal(key_z, (12, 2)))
    given = jnp.asarray(np.hstack([z, y]), jnp.float32)  # (4)
    mean = 1 / (1 + np.exp(-np.asarray(model.apply(params, "decoder", given), np.float64)))
    distortion = -scipy.stats.bernoulli.logpmf(x[..., :1], mean).sum(axis=(1, 2, 3))
    rate = ((mu**2 + sigma**2 - 1) / 2 - np.log(sigma)).sum(axis=1)
    np.testing.assert_allclose(loss, np.mean(distortion + 3 * rate), rtol=1e-4)  # (5)


def as_vae(**changed):
    """The same model as `MODEL`, as a VAE with classes."""
    own = {field.name: getattr(MODEL, field.name) for field in fields(VAE)}
    return VAE(**own | changed)


def test_it_is_the_vae_with_as_many_classes(key):
    params = MODEL.init(key)
    same = params.replace(model=as_vae())
    losses, (terms, _) = MODEL.losses(params, BATCH, key)
    others, (other_terms, _) = same.model.losses(same, BATCH, key)
    assert losses["conditional_vae"] == others["vae"]
    assert terms == other_terms
    for labels in (None, DATA.labels):
        np.testing.assert_array_equal(
            genjax.sample(params, key, 12, labels=labels),
            genjax.sample(same, key, 12, labels=labels),
        )


@pytest.mark.parametrize(
    "changed",
    [
        {"importance_samples": 3},
        {"beta": 2.0, "capacity": 5.0},
        {"beta": 3.0, "beta_weighs": "total_correlation"},
    ],
    ids=["iwae", "capacity", "tcvae"],
)
def test_classes_combine_with_every_loss_of_the_vae(changed, key):  # (10) with (7) to (9)
    model = as_vae(**changed, binarize=False)
    params = model.init(key)
    losses, (terms, _) = model.losses(params, BATCH, key)
    key_z = jax.random.split(jax.random.split(key)[0], 3)[1]
    x, labels = BATCH.images, DATA.labels
    if model.importance_samples > 1:
        log_w = model.log_weights(params, x, key_z, 3, labels)
        expected = -np.mean(scipy.special.logsumexp(log_w, axis=0) - np.log(3))
    else:
        distortion, rate = map(np.mean, model.distortion_and_rate(params, x, key_z, labels))
        tc = float(terms.get("total_correlation", 0))
        weighted = 2 * abs(rate - 5) if model.capacity else rate + 2 * tc
        expected = distortion + weighted
        assert ("total_correlation" in terms) == (not model.capacity)
    np.testing.assert_allclose(losses["vae"], expected, rtol=1e-4)


def test_a_subclass_whose_networks_are_given_no_class_says_so(key):
    with pytest.raises(genjax.UserError, match="discriminator is given no classes"):
        replace(VAEGAN.smallest(), num_classes=2).for_images(SHAPE).check()
    debiasing = small("debiasing_vae", image_shape=SHAPE, network="mlp")
    assert debiasing.num_classes == 10  # which it tells
    assert not is_class_conditional(debiasing)
    params = debiasing.init(key)
    with pytest.raises(MissingCapability, match="images of a class"):
        genjax.sample(params, key, labels=[0, 1])
    for given in (params, small("vae", image_shape=SHAPE, network="mlp").init(key)):
        assert not takes_labels(given.model.decode)
        with pytest.raises(MissingCapability, match="takes no labels to encode"):
            genjax.encode(given, BATCH.images, labels=DATA.labels)
    with pytest.raises(genjax.UserError, match="label_dropout hides the class"):
        as_vae(num_classes=0, label_dropout=0.5).check()


def test_methods_with_labels_are_those_of_joined_images(key):
    params, labels = MODEL.init(key), DATA.labels
    x = MODEL.observe(BATCH.images, key)
    assert x.shape == (12, *SHAPE)
    distortion, rate = MODEL.distortion_and_rate(params, x, key, labels)
    q = MODEL.posterior(params, x, labels)
    z = q.sample(key)
    expected = -MODEL.image_distribution(params, z, labels).log_prob(x)
    np.testing.assert_allclose(distortion, expected, rtol=1e-5)
    by_latent = MODEL.latent_rate(params, BATCH.images, key, labels)
    np.testing.assert_allclose(by_latent.sum(axis=1), rate, rtol=1e-5)
    log_w = MODEL.log_weights(params, x, key, 3, labels)
    assert log_w.shape == (3, 12)
    np.testing.assert_allclose(MODEL.encode(params, x, labels), q.loc, rtol=1e-5)


def test_another_class_is_another_image_and_another_latent(key):
    params = jax.tree.map(lambda w: 3 * w, MODEL.init(key))
    zeros, ones = jnp.zeros(12, jnp.int32), jnp.ones(12, jnp.int32)
    z = jax.random.normal(key, (12, 2))
    assert not np.allclose(MODEL.decode(params, z, zeros), MODEL.decode(params, z, ones))
    assert not np.allclose(
        MODEL.encode(params, BATCH.images, zeros), MODEL.encode(params, BATCH.images, ones)
    )


def test_labels_are_hidden_as_often_as_they_should(key):  # (1)
    model = replace(MODEL, label_dropout=0.25)
    seen = []

    class Spy(ConditionalVAE):
        def posterior(self, params, x, labels=None):
            seen.append(np.asarray(x[:, 0, 0, 1:]))
            return super().posterior(params, x, labels)

    many = Batch(jnp.zeros((4000, *SHAPE)), jnp.arange(4000) % 2)
    params = model.init(key)
    spy = Spy(**{field.name: getattr(model, field.name) for field in fields(model)})
    spy.losses(params.replace(model=spy), many, key)
    (y,) = seen
    hidden = y.sum(axis=1) == 0
    assert abs(hidden.mean() - 0.25) < 0.03
    np.testing.assert_array_equal(np.argmax(y[~hidden], axis=1), np.arange(4000)[~hidden] % 2)


def test_a_sample_is_of_the_class_that_was_asked_for(of_shades, key):
    labels = np.arange(40) % 2
    images = genjax.sample(of_shades, key, labels=labels)
    assert images.shape == (40, *SHAPE)
    assert np.mean((np.mean(images, axis=(1, 2, 3)) > 0.5) == labels) > 0.9
    plain = np.mean(genjax.sample(of_shades, key, 60), axis=(1, 2, 3)) > 0.5
    assert 15 < plain.sum() < 45  # and without labels, both
    assert is_class_conditional(of_shades.model)
    assert takes_labels(of_shades.model.decode)


def test_without_labels_the_class_is_unknown_or_refused(of_shades, key):
    images = jnp.full((4, *SHAPE), 0.9)
    assert genjax.encode(of_shades, images).shape == (4, 2)
    assert np.mean(genjax.reconstruct(of_shades, images)) > 0.5
    params = MODEL.init(key)
    with pytest.raises(genjax.UserError, match=r"label_dropout 0.*give labels"):
        MODEL.encode(params, images)


def test_the_likelihood_given_the_class_is_a_bound(of_shades, key):
    images = jnp.concatenate([jnp.full((4, *SHAPE), 0.1), jnp.full((4, *SHAPE), 0.9)])
    right, model = jnp.arange(8) // 4, of_shades.model

    def elbo(labels):
        return -sum(model.distortion_and_rate(of_shades, images.round(), key, labels))

    assert np.mean(elbo(right)) > np.mean(elbo(1 - right))
    nll = importance_weighted_nll(of_shades, images.round(), key, num_samples=20)
    assert np.all(np.isfinite(nll))


@pytest.mark.parametrize("value", [-0.1, 1.0])
def test_a_share_that_is_none_is_refused(value, key):
    with pytest.raises(genjax.UserError, match="label_dropout is"):
        replace(MODEL, label_dropout=value).init(key)


def test_labels_beyond_the_classes_are_refused(key):
    data = from_arrays(np.zeros((4, *SHAPE), np.uint8), np.array([0, 1, 2, 1]))
    with pytest.raises(genjax.UserError, match="num_classes is 2"):
        genjax.fit(MODEL, data, key, genjax.Training(epochs=1), progress=False)
