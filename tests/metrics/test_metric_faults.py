"""Inputs that once gave a wrong number without a word, each with the right one."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.errors import UserError
from genjax.metrics import measure_samples, modes
from genjax.metrics.classifiers import Classifier
from genjax.metrics.coverage import coverage, memorisation
from genjax.metrics.disentanglement import mutual_information_gap
from genjax.metrics.frechet import fit_gaussian, random_features
from genjax.metrics.groups import group_accuracies
from genjax.metrics.kernel import kernel_distance
from genjax.metrics.likelihood import importance_weighted_nll
from genjax.metrics.sharpness import compute_ratio, power_spectrum, sharpness
from genjax.models.image_classifier import ImageClassifier
from tests.helpers import blobs, small

MLP = {"network": "mlp", "hidden": (8,), "latent_dim": 2}


def noise(num, seed=0, shape=(8, 8, 1)):
    return np.random.default_rng(seed).integers(0, 256, (num, *shape), np.uint8)


def arrays(images):
    return genjax.data.from_arrays(images)


@pytest.fixture(scope="module")
def classifier():
    model = ImageClassifier((8, 8, 1), num_classes=2, channels=(4,), hidden=8)
    return Classifier(model.init(jax.random.key(0)), 0.9, "abc", ("top", "bottom"))


@pytest.fixture(scope="module")
def vae():
    return genjax.VAE((8, 8, 1), **MLP).init(jax.random.key(0))


# --- bytes and [0, 1] ---------------------------------------------------------------------------


def test_bytes_and_floats_are_the_same_images(classifier, vae, key):
    stored = noise(20)
    floats = stored / np.float32(255)
    for measure in (
        lambda x: classifier.predict(x)[0],
        lambda x: classifier.predict(x)[1],
        classifier.features,
        classifier.probabilities,
        lambda x: classifier.classify(x).labels,
        sharpness,
        power_spectrum,
        random_features,
        lambda x: importance_weighted_nll(vae, x, key, num_samples=2),
    ):
        np.testing.assert_array_equal(measure(stored), measure(floats))
        with pytest.raises(UserError, match=r"(images|x) are floats from 0 to 255"):
            measure(stored * np.float32(1))
    data = blobs(20)
    left = measure_samples(stored, data, classifier, data)
    assert left == measure_samples(floats, data, classifier, data)
    with pytest.raises(UserError, match="images of a data set are uint8"):
        dataclasses.replace(data, images=data.images / 255.0)


# --- ties and duplicates ------------------------------------------------------------------------


def test_ties_are_counted_as_often_as_neighbours():
    one = jnp.ones((1024, 64))
    result = coverage(one, one)
    assert {name: float(value) for name, value in result.items()} == pytest.approx(
        {"precision": 1, "recall": 1, "density": 1, "coverage": 1}
    )
    rng = np.random.default_rng(0)
    equal = np.zeros((512, 8), np.float32)
    left, right = (np.concatenate([equal, rng.normal(size=(512, 8)) + 9]) for _ in range(2))
    assert float(coverage(left, right)["density"]) == pytest.approx(1, abs=0.1)


def test_exact_copies_of_duplicated_rows_cover_all():
    rows = np.repeat(np.random.default_rng(0).normal(size=(500, 128)).astype(np.float32), 8, axis=0)
    result = coverage(rows, rows[::-1])
    assert float(result["coverage"]) == float(result["precision"]) == float(result["recall"]) == 1
    assert float(result["density"]) == pytest.approx(1, abs=0.02)


def test_copies_are_found_among_duplicated_training_images():
    train, test = noise(40), arrays(noise(20, seed=1))
    for times in (1, 2, 3):
        many = arrays(np.concatenate([train] * times))
        result = measure_samples(train, test, None, many)
        assert result["copies"] == 1.0
        assert result["nearer_to_train"] == 1.0
        fresh = measure_samples(noise(40, seed=2), test, None, many)
        assert fresh["copies"] == 0.0
    nearly = np.clip(train.astype(int) + 1, 0, 255).astype(np.uint8)
    doubled = arrays(np.concatenate([train, train]))
    assert measure_samples(nearly, test, None, doubled)["copies"] == 1.0


def test_a_training_set_of_one_image_says_nothing_of_copies():
    black = arrays(np.zeros((9, 8, 8, 1), np.uint8))
    assert "copies" not in measure_samples(noise(5), arrays(noise(5, 1)), None, black)
    with pytest.raises(UserError, match="different training images"):
        memorisation(np.ones((3, 2)), np.ones((3, 2)), np.ones((5, 2)))


# --- few, none, not finite, outliers --------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda x: coverage(x[:5], x), "N at least 6"),
        (lambda x: coverage(x, x, k=0), "k is 0"),
        (lambda x: coverage(x.at[0, 0].set(jnp.nan), x), "must be finite"),
        (lambda x: memorisation(x, x[:0], x), "N at least 1"),
        (lambda x: kernel_distance(x[:1], x, jax.random.key(0)), "N at least 2"),
        (lambda x: kernel_distance(x.at[0, 0].set(jnp.inf), x, jax.random.key(0)), "finite"),
        (lambda x: fit_gaussian(x[:1]), "at least two images"),
        (lambda x: fit_gaussian(x.at[0, 0].set(jnp.nan)), "must be finite"),
        (lambda x: sharpness(np.zeros((1, 2, 2, 1))), "at least 3x3 pixels"),
        (lambda x: sharpness(np.full((1, 8, 8, 1), np.nan)), "floats from nan"),
        (lambda x: modes.shares(np.array([], int), 3), "no labels"),
        (lambda x: modes.shares(np.array([0, 3]), 3), "from 0 to 3"),
        (lambda x: group_accuracies(np.array([1.0]), np.array([-1])), "numbered from 0"),
        (lambda x: measure_samples(noise(3, shape=(8, 8, 3)), blobs(5)), "the shape"),
    ],
)
def test_what_a_statistic_lacks_is_said(measure, message):
    with pytest.raises(UserError, match=message):
        measure(jax.random.normal(jax.random.key(0), (20, 4)))


def test_a_diverged_model_is_refused(key):
    params = small("gan", image_shape=(8, 8, 1)).init(key)
    broken = jax.tree.map(lambda leaf: leaf * jnp.nan, params)
    with pytest.raises(UserError, match="parameters are not finite"):
        genjax.evaluate(broken, blobs(9), key, progress=False)
    with pytest.raises(UserError, match="samples are not finite"):
        genjax.metrics.generate_samples(broken, key, 3)


def test_what_is_not_finite_is_left_out_of_the_metrics():
    black, lively = (arrays(x) for x in (np.zeros((9, 8, 8, 1), np.uint8), noise(9)))
    result = measure_samples(lively.images, black)
    assert "sharpness" not in result
    json.dumps(result, allow_nan=False)
    assert measure_samples(black.images, black)["sharpness"] == 1
    assert compute_ratio([0.0], [1.0]) == 0


def test_an_outlier_does_not_hide_what_a_latent_knows():
    rng = np.random.default_rng(0)
    factor = rng.integers(0, 5, 500)
    codes = np.stack([factor + 0.01 * rng.normal(size=500), rng.normal(size=500)], axis=1)
    without = mutual_information_gap(codes, {"factor": factor})
    codes[0, 0] = 1e6
    assert mutual_information_gap(codes, {"factor": factor}) == pytest.approx(without, abs=0.05)


# --- classes, and data in order -----------------------------------------------------------------


def test_some_images_are_drawn_and_not_the_first(key):
    data = blobs(60)
    order = np.argsort(np.asarray(data.labels), kind="stable")
    data = data.subset(order, "sorted")
    params = small("debiasing_vae", image_shape=(8, 8, 1), network="mlp", num_classes=2).init(key)
    options = {"num_samples": 1, "num_images": 20, "per_image": True, "progress": False}
    result, again = (
        genjax.evaluate(params, data, each, **options) for each in jax.random.split(key)
    )
    index = result["per_image"]["index"]
    assert 0 < np.mean(np.asarray(data.labels)[index]) < 1
    np.testing.assert_array_equal(index, again["per_image"]["index"])
    labels = np.argmax(genjax.classify(params, data.images[index]), axis=1)
    right = labels == np.asarray(data.labels)[index]
    np.testing.assert_array_equal(result["per_image"]["accuracy"], right)
    assert result["accuracy"] == pytest.approx(float(np.mean(right)))
    record = result["record"]["dataset"]
    assert (record["num_images"], record["images"]) == (20, "drawn at random, always the same")


def test_classes_are_compared_by_their_names(key, tmp_path):
    """A model of three classes, measured on a data set that lacks the first."""
    images = np.zeros((30, 8, 8, 1), np.uint8)
    images[10:20, :4], images[20:, 4:] = 255, 255
    labels = np.repeat(np.arange(3), 10)
    train = genjax.data.from_arrays(images, labels, ("a", "b", "c"))
    fewer = genjax.data.from_arrays(images[10:], labels[10:] - 1, ("b", "c"))
    model = small("debiasing_vae", network="mlp", num_classes=3, resampling="none")
    training = genjax.Training(epochs=60, batch_size=15)
    params = genjax.fit(model, train, key, training, progress=False)
    options = {"num_samples": 1, "progress": False}
    assert genjax.evaluate(params, train, key, **options)["accuracy"] == 1
    assert genjax.evaluate(params, fewer, key, train_set=train, **options)["accuracy"] == 1
    assert genjax.evaluate(params, fewer, key, **options)["accuracy"] == 1
    genjax.save(tmp_path / "weights.npz", params)
    assert genjax.load(tmp_path / "weights.npz").label_names == ("a", "b", "c")
    unnamed = params.replace(label_names=())
    assert genjax.evaluate(unnamed, fewer, key, train_set=train, **options)["accuracy"] == 1
    assert "accuracy" not in genjax.evaluate(unnamed, fewer, key, **options)  # which are they?
    other = dataclasses.replace(fewer, label_names=("b", "d"))
    with pytest.raises(UserError, match="images of the classes d"):
        genjax.evaluate(params, other, key, **options)


def test_rare_classes_are_expected_to_be_rare(key, classifier):
    data = blobs(100)
    rare = np.concatenate([np.flatnonzero(data.labels == 0)[:36], np.flatnonzero(data.labels)[:4]])
    data = data.subset(rare, "rare")
    params = small("gan", image_shape=(8, 8, 1), num_classes=2).init(key)
    options = {"num_generated": 400, "classifier": classifier, "progress": False}
    record = genjax.evaluate(params, data, key, **options)["record"]["samples"]
    assert record["requested_classes"] == record["expected_classes"] == "the data's shares"
    labels = genjax.metrics.generation.draw_classes(params, data, None, key, 2000)
    assert np.mean(labels) == pytest.approx(0.1, abs=0.02)
    share = np.array([0.9, 0.1])
    assert modes.class_divergence(share, modes.expected_shares(data.labels, 2)) < 1e-6
    unnamed = dataclasses.replace(data, label_names=())
    record = genjax.evaluate(params, unnamed, key, **options)["record"]["samples"]
    assert record["requested_classes"] == record["expected_classes"] == "even classes"
