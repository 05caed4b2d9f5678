"""GANs that know classes: what the label does to latents, scores, training and samples."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_adversarial import ADVERSARIAL, PENALISED, lively

import genjax
from genjax import losses
from genjax.data import from_arrays
from genjax.errors import UserError
from genjax.metrics.classifiers import Classifier
from genjax.metrics.generation import class_agreement
from genjax.model import Batch
from genjax.models import GAN
from genjax.training.configuration import Optimizer, Training
from tests.helpers import blobs, small

SHAPE = (12, 9, 3)
DATA = blobs(16, SHAPE)
BATCH = Batch(DATA.images / jnp.float32(255), DATA.labels)


@pytest.fixture(scope="module")
def of_shades():
    """A small GAN trained on dark images, class 0, and bright ones, class 1."""
    labels = np.arange(64) % 2
    shades = (
        np.random.default_rng(0).integers(0, 60, (64, 8, 8, 1)) + 180 * labels[:, None, None, None]
    )
    data = from_arrays(shades.astype(np.uint8), labels, ("dark", "bright"), name="shades")
    training = Training(40, 16, Optimizer("adam", 2e-3, b1=0.5))
    model = small("gan", num_classes=2, r1=0.1)
    return genjax.fit(model, data, jax.random.key(0), training, progress=False)


def test_every_class_is_as_likely_and_the_others_entries_stay(key):  # (7)
    model = small("gan", image_shape=SHAPE, latent_dim=7, num_classes=5)
    z = model.sample_latents(None, key, 4000)
    counts = np.bincount(model.class_of(z), minlength=5)
    assert np.all(np.abs(counts / 4000 - 0.2) < 0.03)
    y = np.arange(4000) % 5
    moved = model.condition_latents(z, y)
    np.testing.assert_array_equal(model.class_of(moved), y)
    np.testing.assert_array_equal(moved[:, 5:], z[:, 5:])
    np.testing.assert_array_equal(np.sort(moved[:, :5]), np.sort(z[:, :5]))
    np.testing.assert_array_equal(model.condition_latents(moved, y), moved)
    # what is drawn with class 2, against what is moved there
    own = np.asarray(z)[np.asarray(model.class_of(z)) == 2]
    np.testing.assert_allclose(moved[y == 2].mean(axis=0), own.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(moved[y == 2].std(axis=0), own.std(axis=0), atol=0.15)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_losses_are_those_of_the_scores_of_the_classes(name, key):  # (8)
    model = small(name, image_shape=SHAPE, num_classes=2, **PENALISED, generator_norm="none")
    params = lively(model, key)
    noise = model.draw_noise(BATCH, key)
    z, u, *_ = noise
    np.testing.assert_array_equal(jnp.argmax(z[:, :2], axis=1), BATCH.labels)
    values, _ = model.losses(params, BATCH, noise)
    one_hot = np.eye(2)[BATCH.labels]
    x, x_fake = (
        2 * BATCH.images - 1,
        model.apply(params, "generator", jnp.hstack([z, one_hot.astype(np.float32)])),
    )

    def score(images):
        outputs = model.apply_discriminator(params, images)
        outputs = outputs.reshape(16, -1, 3)  # of every patch, or of the whole image
        return outputs[..., 0] + jnp.sum(outputs[..., 1:] * one_hot[:, None], axis=2)

    def mean_score(images):
        return jnp.mean(score(images), axis=1)

    penalty = (
        losses.one_centred_penalty(mean_score, x, x_fake, 2.0, u)
        + losses.zero_centred_penalty(mean_score, x, 0.7)
        + losses.zero_centred_penalty(mean_score, x_fake, 0.3)
    )
    adversarial = losses.ADVERSARIAL[model.loss]
    expected = jnp.mean(adversarial.discriminator(score(x), score(x_fake))) + jnp.mean(penalty)
    np.testing.assert_allclose(values["discriminator"], expected, rtol=1e-4)
    expected = jnp.mean(adversarial.generator(score(x), score(x_fake)))
    np.testing.assert_allclose(values["generator"], expected, rtol=1e-4)


def test_a_score_is_that_of_the_class_asked_for_or_of_the_best(key):  # (8)
    params = lively(small("gan", image_shape=SHAPE, num_classes=3), key)
    images = BATCH.images
    of_each = [genjax.score(params, images, np.full(16, y)) for y in range(3)]
    assert len(np.unique(np.stack(of_each).argmax(axis=0))) > 1
    np.testing.assert_allclose(genjax.score(params, images), np.max(of_each, axis=0), rtol=1e-5)


def test_a_sample_is_of_the_class_that_was_asked_for(of_shades, key):
    labels = np.arange(40) % 2
    images = genjax.sample(of_shades, key, labels=labels)
    assert images.shape == (40, 8, 8, 1)
    assert np.mean((np.mean(images, axis=(1, 2, 3)) > 0.5) == labels) > 0.9
    together = jax.jit(jax.vmap(lambda key, y: genjax.sample(of_shades, key, labels=y)))
    many = together(jax.random.split(key), labels.reshape(2, 20))
    assert np.mean((np.mean(many, axis=(2, 3, 4)) > 0.5) == labels.reshape(2, 20)) > 0.9
    dark = genjax.sample(of_shades, key, 10, labels=0)
    assert dark.shape == (10, 8, 8, 1)
    assert np.mean(np.mean(dark, axis=(1, 2, 3)) < 0.5) > 0.8
    plain = np.mean(genjax.sample(of_shades, key, 40), axis=(1, 2, 3)) > 0.5
    assert 10 < plain.sum() < 30  # and without labels, both


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_every_gan_may_know_classes(name, key):
    """In its normalisation too, which goes into the standing statistics."""
    model = small(name, num_classes=2, generator_norm="conditional")
    params = genjax.fit(model, blobs(19), key, Training(1, 8), progress=False)
    assert genjax.sample(params, key, labels=[1, 0, 1]).shape == (3, 8, 8, 1)
    shapes = {leaf.shape for leaf in jax.tree.leaves(params.weights["generator"])}
    assert any(len(shape) == 2 and shape[0] == 2 for shape in shapes)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_an_auxiliary_classifier_adds_its_cross_entropy(name, key):  # (9)
    """Of the softmax of the outputs beyond the scores, of real images and of samples."""
    fields = {"num_classes": 2, "r1": 0.0, "r2": 0.0}
    fields |= {"generator_norm": "none", "discriminator_norm": "none"}
    model = small(name, image_shape=SHAPE, classifier_weight=0.7, **fields)
    params = lively(model, key)
    noise = model.draw_noise(BATCH, key)
    values, (terms, _) = model.losses(params, BATCH, noise)
    x, y = 2 * BATCH.images - 1, np.asarray(BATCH.labels)
    x_fake = model.apply(params, "generator", model.with_class(noise.z))

    def outputs(images):
        found = np.asarray(model.apply_discriminator(params, images), np.float64)
        return found.reshape(16, -1, 5)  # a common score, two of classes, two logits

    def cross_entropy(images):
        odds = np.exp(outputs(images)[..., 3:])
        return -np.mean(np.log(odds[np.arange(16), :, y] / odds.sum(axis=2)))

    def score(images):
        s = outputs(images)
        return s[..., 0] + s[np.arange(16), :, 1 + y]

    adversarial = losses.ADVERSARIAL[model.loss]
    r, f = score(x), score(x_fake)
    of_d = jnp.mean(adversarial.discriminator(r, f)) + 0.7 * cross_entropy(x)
    of_g = jnp.mean(adversarial.generator(r, f)) + 0.7 * cross_entropy(x_fake)
    np.testing.assert_allclose(values["discriminator"], of_d, rtol=1e-4)
    np.testing.assert_allclose(values["generator"], of_g, rtol=1e-4)
    np.testing.assert_allclose(terms["class_loss(G(z))"], cross_entropy(x_fake), rtol=1e-4)
    best = outputs(x)[..., 0] + outputs(x)[..., 1:3].max(axis=2)
    np.testing.assert_allclose(model.score(params, BATCH.images), best.mean(axis=1), rtol=1e-4)


def test_a_discriminator_without_an_auxiliary_classifier_is_refused(key, monkeypatch):
    whole = GAN.discriminator
    monkeypatch.setattr(GAN, "discriminator", lambda self: whole(self).clone(outputs=3))
    model = small("gan", image_shape=SHAPE, num_classes=2, classifier_weight=1.0)
    noise = model.draw_noise(BATCH, key)
    with pytest.raises(UserError, match="has 3 outputs, but must have 5 where classifier_weight"):
        model.losses(model.init(key), BATCH, noise)


def test_chance_of_an_auxiliary_classifier_is_that_of_even_classes():
    plain, classified = (GAN(num_classes=3, classifier_weight=w).chance_levels() for w in (0, 2.0))
    for name in ("discriminator_loss", "generator_loss"):
        assert classified[name] - plain[name] == pytest.approx(2 * np.log(3))
    assert classified["class_loss(x)"] == pytest.approx(np.log(3))


def test_labels_that_cannot_be_had_are_refused(of_shades, key):
    with pytest.raises(UserError, match="from 0 to 2, but the model's num_classes is 2"):
        genjax.sample(of_shades, key, labels=[0, 2])
    with pytest.raises(TypeError, match="labels need a model with num_classes"):
        genjax.sample(small("vae", image_shape=SHAPE).init(key), key, labels=[0])
    with pytest.raises(TypeError, match="labels need a model with num_classes"):
        genjax.sample(small("gan", image_shape=SHAPE).init(key), key, labels=[0])
    with pytest.raises(UserError, match="no images of the classes 2, 3"):
        genjax.fit(small("gan", num_classes=4, latent_dim=4), DATA, key)
    with pytest.raises(UserError, match="from 0 to 1, but the model's num_classes is 1"):
        genjax.fit(small("gan", num_classes=1), DATA, key)
    with pytest.raises(UserError, match="latent_dim is 3, but must be at least num_classes, 10"):
        small("gan", image_shape=SHAPE, num_classes=10).init(key)


def test_the_share_of_samples_that_are_of_their_class(of_shades, key):
    """Of a classifier that tells dark from bright, and of one that has them the wrong way round."""

    class Shades(Classifier):
        def __init__(self, turned):
            object.__setattr__(self, "turned", turned)
            object.__setattr__(self, "label_names", ("dark", "bright"))

        def classify(self, images):
            labels = (np.mean(images, axis=(1, 2, 3)) > 127.5) != self.turned
            return dataclasses.make_dataclass("Predictions", ["labels"])(labels.astype(int))

    def agree(turned, *names):
        return class_agreement(of_shades, Shades(turned), key, names)["class_agreement"]

    assert agree(False) > 0.9
    assert agree(True) < 0.1
    assert agree(True, "bright", "dark") > 0.9  # by name, not by number
    assert agree(False, "dark", "other") > 0.9  # of the one that both know
    assert class_agreement(of_shades, Shades(False), key, ("a", "b")) == {}
