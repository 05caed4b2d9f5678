"""The metrics of samples against independent computations."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.special

import genjax
from genjax.errors import UserError
from genjax.metrics import classifiers, frechet, generate_samples, modes, samples, smoothness
from genjax.metrics.sharpness import sharpness
from genjax.model import Batch, Model
from genjax.models import image_classifier
from tests.helpers import blobs, small

# --- modes --------------------------------------------------------------------------------------


def test_shares_modes_and_divergence_of_labels_counted_by_hand():  # (1), (2), (3)
    share = modes.shares(np.array([0, 0, 3, 1]), 5)
    np.testing.assert_array_equal(share, [0.5, 0.25, 0, 0.25, 0])
    assert modes.count_modes(share) == 3
    expected = scipy.special.rel_entr(share, np.full(5, 0.2)).sum()
    np.testing.assert_allclose(modes.class_divergence(share), expected)
    assert modes.class_divergence(np.full(8, 1 / 8)) == 0
    np.testing.assert_allclose(modes.class_divergence(np.eye(1000)[7]), np.log(1000))


# --- the Frechet distance -----------------------------------------------------------------------


def gaussian(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(6, 6))
    return rng.normal(size=6), root @ root.T


def test_frechet_distance_agrees_with_scipys_matrix_root():  # (1), (2)
    (m1, c1), (m2, c2) = gaussian(0), gaussian(1)
    root = scipy.linalg.sqrtm(c1 @ c2)
    expected = np.sum((m1 - m2) ** 2) + np.trace(c1 + c2 - 2 * np.real(root))
    np.testing.assert_allclose(frechet.frechet_distance(m1, c1, m2, c2), expected, rtol=1e-5)
    np.testing.assert_allclose(frechet.frechet_distance(m2, c2, m1, c1), expected, rtol=1e-5)
    assert 0 <= frechet.frechet_distance(m2, c2, m2, c2) < 1e-6


def test_a_gaussian_is_the_mean_and_covariance():
    features = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    mean, cov = frechet.fit_gaussian(features)
    np.testing.assert_allclose(mean, features.mean(axis=0), rtol=1e-5)
    centred = features - features.mean(axis=0)
    np.testing.assert_allclose(cov, centred.T @ centred / 49, rtol=1e-5, atol=1e-6)
    with pytest.raises(UserError, match="at least two images"):
        frechet.fit_gaussian(features[:1])


def test_random_features_are_finite_and_independent_of_the_chunk(monkeypatch):
    images = blobs(7, (11, 9, 3)).images
    monkeypatch.setattr(frechet, "IMAGES_AT_ONCE", 3)
    features = frechet.random_features(images)
    assert features.shape == (7, 128)
    assert np.all(np.isfinite(features))
    np.testing.assert_allclose(frechet.random_features(images[2:]), features[2:], atol=1e-5)


@dataclasses.dataclass(frozen=True)
class Spots(Model):
    """A generator whose samples are `blobs`, drawn from a table in its weights, plus noise."""

    noise: float = 0.0

    def sample(self, params, key, num):
        key_choice, key_noise = jax.random.split(key)
        images = jax.random.choice(key_choice, params.weights["table"], (num,))
        return jnp.clip(images + self.noise * jax.random.normal(key_noise, images.shape), 0, 1)


def spots(table, noise=0.0):
    return genjax.Params({"table": table / np.float32(255)}, {}, Spots((8, 8, 1), noise))


def test_distance_orders_models_and_compiles_once(caplog):  # (3)
    data, fresh = blobs(600), blobs(600, seed=1)
    distance = frechet.make_distance(data, num=600)
    key = jax.random.key(1)
    with jax.log_compiles():
        real = distance(spots(fresh.images), key)
    assert "Compiling" in caplog.text
    one_class = distance(spots(fresh.images[fresh.labels == 0][:200]), key)
    noise = distance(spots(fresh.images, 0.1), key)
    assert 0 <= real < 0.5 * min(one_class, noise)
    assert isinstance(real, float)

    caplog.clear()
    with jax.log_compiles():
        assert distance(spots(fresh.images), key) == real
        assert distance(spots(data.images), key) != real
    assert "Compiling" not in caplog.text
    with pytest.raises(UserError, match="num is 1"):
        frechet.make_distance(data, 1)


def test_samples_are_quantised_and_their_last_chunk_is_cut(key, monkeypatch):
    params = small("vae", image_shape=(8, 8, 1)).init(key)
    monkeypatch.setattr(samples, "IMAGES_AT_ONCE", 4)
    drawn = []
    images = generate_samples(params, key, 10, drawn.append)
    assert drawn == [4, 4, 2]
    chunks = [genjax.sample(params, jax.random.fold_in(key, i), 4) for i in range(3)]
    np.testing.assert_array_equal(images, np.round(255 * np.concatenate(chunks)[:10]))
    np.testing.assert_array_equal(images[:6], generate_samples(params, key, 6))


# --- the classifier -----------------------------------------------------------------------------


def test_the_loss_is_the_cross_entropy(key):  # (3)
    model = image_classifier.ImageClassifier((8, 8, 1), num_classes=2, largest_shift=0)
    params = model.init(key)
    data = blobs(9)
    batch = Batch(data.images / 255.0, data.labels)
    (losses, (terms, _)) = model.losses(params, batch, key)
    logits, features = model.apply(params, "classifier", batch.images)
    log_p = scipy.special.log_softmax(np.asarray(logits, np.float64), axis=1)
    expected = -log_p[np.arange(9), data.labels].mean()
    np.testing.assert_allclose(losses["classifier"], expected, rtol=1e-5)
    np.testing.assert_allclose(terms["accuracy"], np.mean(logits.argmax(1) == data.labels))
    assert features.shape == (9, 128)
    with pytest.raises(UserError, match="num_classes is 1"):
        image_classifier.ImageClassifier((8, 8, 1), num_classes=1).init(key)


def test_images_are_moved_by_up_to_two_pixels(key):  # (3)
    image = np.zeros((9, 8, 1), np.float32)
    image[4, 4] = 1
    moved = image_classifier.shift_images(jnp.tile(image, (400, 1, 1, 1)), key, 2)
    assert moved.shape == (400, 9, 8, 1)
    rows, columns = np.nonzero(np.asarray(moved)[..., 0])[1:]
    assert set(zip(rows, columns, strict=True)) == {
        (i, j) for i in range(2, 7) for j in range(2, 7)
    }


def test_a_classifier_of_many_images_takes_them_in_chunks(key, monkeypatch):
    params = image_classifier.ImageClassifier((8, 8, 1), num_classes=2).init(key)
    classifier = classifiers.Classifier(params, 0.0, "", ("top", "bottom"))
    images = blobs(7).images / np.float32(255)
    whole = classifier.classify(images)
    monkeypatch.setattr(classifiers, "_IMAGES_AT_ONCE", 3)
    np.testing.assert_allclose(classifier.features(images), whole.features, atol=1e-5)
    np.testing.assert_array_equal(classifier.classify(images).labels, whole.labels)
    _, together = jax.jit(lambda classifier, images: classifier.predict(images))(classifier, images)
    np.testing.assert_allclose(together, whole.features, atol=1e-5)


def test_stacked_digits_are_classified_channel_by_channel(key):  # (3)
    params = image_classifier.ImageClassifier((8, 8, 1), num_classes=10).init(key)
    one = classifiers.Classifier(params, 0.9, "", tuple("0123456789"))
    three = dataclasses.replace(one, label_names=tuple(map(str, range(1000))), stacked=True)
    images = np.random.default_rng(0).random((5, 8, 8, 3), np.float32)
    channels = [one.classify(images[..., c : c + 1]) for c in range(3)]
    predictions = three.classify(images)
    r, g, b = (channel.labels for channel in channels)
    np.testing.assert_array_equal(predictions.labels, 100 * r + 10 * g + b)
    product = np.prod([channel.confidence for channel in channels], axis=0)
    np.testing.assert_allclose(predictions.confidence, product, rtol=1e-5)
    assert three.probabilities(images).shape == (5, 1000)
    joined = np.concatenate([channel.features for channel in channels], axis=1)
    np.testing.assert_allclose(predictions.features, joined, atol=1e-5)


# --- evaluation ---------------------------------------------------------------------------------


def test_evaluation_of_samples_by_a_classifier(key, dataset, monkeypatch):
    monkeypatch.setattr(samples, "IMAGES_AT_ONCE", 20)
    classifier = classifiers.Classifier(
        image_classifier.ImageClassifier((8, 8, 1), num_classes=2).init(key),
        0.75,
        "abc",
        ("top", "bottom"),
    )
    params = spots(dataset.images)  # it has no parts but `sample`, as a GAN
    monkeypatch.setattr(Spots, "_registered_name", "spots", raising=False)
    unseen = blobs(60, seed=1)
    options = {
        "classifier": classifier,
        "num_generated": 50,
        "train_set": dataset,
        "progress": False,
    }
    result = genjax.evaluate(params, unseen, key, **options)
    json.dumps(result)
    record = result.pop("record")
    assert record["num_generated"] == 50
    assert record["classifier"] == {"accuracy": 0.75, "digest": "abc"}
    assert record["samples"]["neighbours"] == 5
    assert record["smoothness"] is None  # there is no `decode`
    assert record["train_set"]["checksum"] == dataset.checksum
    assert result.keys() == {
        "sharpness", "spectral_sharpness", "frechet_random_features", "frechet_classifier",
        "kernel_distance", "kernel_distance_std", "precision", "recall", "density", "coverage",
        "nearer_to_train", "copies", "modes", "modes_kl", "least_share", "confidence", "shares",
        "parameters", "sampling_seconds", "frechet_classifier_sem", "sharpness_sem",
    }  # fmt: skip
    assert result["parameters"] == sum(w.size for w in jax.tree.leaves(params.weights))
    assert result["sampling_seconds"] > 0
    assert result["copies"] == 1  # the samples are the training images
    assert result["nearer_to_train"] == pytest.approx(1, abs=1e-6)

    images = generate_samples(params, jax.random.fold_in(key, 2**31 - 1), 50)
    predictions = classifier.classify(images / np.float32(255))
    np.testing.assert_allclose(result["shares"], np.bincount(predictions.labels, minlength=2) / 50)
    np.testing.assert_allclose(result["confidence"], predictions.confidence.mean(), rtol=1e-6)
    features = [classifier.features(x / np.float32(255)) for x in (images, unseen.images)]
    expected = frechet.frechet_distance(*map_gaussians(features))
    np.testing.assert_allclose(result["frechet_classifier"], expected, rtol=1e-3, atol=1e-6)

    plain = genjax.evaluate(params, dataset, key, progress=False)
    assert plain.keys() == {"parameters", "record"}
    with pytest.raises(UserError, match="num_generated is 1"):
        genjax.evaluate(params, dataset, key, num_generated=1)
    with pytest.raises(UserError, match=r"those of 'blobs' have \(9, 8, 1\)"):
        genjax.evaluate(params, dataset, key, train_set=blobs(5, (9, 8, 1)))


def map_gaussians(features):
    return [part for each in features for part in (each.mean(0), np.cov(each, rowvar=False))]


def test_evaluation_of_a_vae_adds_the_metrics_of_its_samples(key, dataset):
    params = small("vae", image_shape=(8, 8, 1)).init(key)
    options = {"num_samples": 2, "num_images": 5, "progress": False}
    before = genjax.evaluate(params, dataset, key, **options)
    after = genjax.evaluate(params, dataset, key, num_generated=12, **options)
    assert after.keys() - before.keys() == {
        "sharpness", "spectral_sharpness", "frechet_random_features", "jacobian_variation",
    }  # fmt: skip
    assert after["frechet_random_features"] > 0
    assert all(after[name] == before[name] for name in before.keys() - {"record"})


def test_reconstructions_and_samples_are_compared_in_sharpness_and_features(key):
    data = blobs(24)
    classes = image_classifier.ImageClassifier(
        data.image_shape, num_classes=2, channels=(4,), hidden=8
    )
    classifier = classifiers.Classifier(classes.init(key), 0.9, "", data.label_names)
    params = genjax.VAE(data.image_shape, 3, "mlp", hidden=(8,)).init(key)
    result = genjax.evaluate(
        params, data, key, num_samples=1, classifier=classifier, num_generated=10, progress=False
    )
    images = data.images / np.float32(255)
    reconstructions = genjax.reconstruct(params, images)
    expected = np.mean(sharpness(reconstructions)) / np.mean(sharpness(images))
    np.testing.assert_allclose(result["reconstruction_sharpness"], expected, rtol=1e-4)
    error = np.mean((classifier.features(images) - classifier.features(reconstructions)) ** 2)
    np.testing.assert_allclose(result["reconstruction_feature_error"], error, rtol=1e-3)
    assert result["sharpness"] > 0
    assert {"path_length", "label_agreement", "jacobian_variation", "coverage"} <= result.keys()
    assert result["record"]["smoothness"]["epsilon"] == smoothness.EPSILON
