"""Classifiers are trained where there is none yet, cached, and found again."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from genjax.data.made.stacked import select_first_digit, stack_digits
from genjax.errors import UserError
from genjax.metrics import classifier_files
from genjax.metrics.classifiers import load_classifier
from genjax.recipes import classifier_training
from tests.helpers import blobs


@pytest.fixture
def own_classifiers(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier_files, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(classifier_training, "_MOST_EPOCHS", 25)
    return tmp_path / "classifiers"


@pytest.fixture
def trainings(monkeypatch):
    """Grows by one at each training."""
    calls = []

    def counted(*args, fit=classifier_training.fit, **options):
        calls.append(args)
        return fit(*args, **options)

    monkeypatch.setattr(classifier_training, "fit", counted)
    return calls


def test_a_classifier_is_trained_once_and_a_damaged_file_again(own_classifiers, trainings):
    train_set, test_set = blobs(300), blobs(100, seed=1)
    with pytest.raises(UserError, match=r"no classifier of blobs \(all\) yet.*get_classifier"):
        load_classifier(train_set, test_set)
    classifier = classifier_training.get_classifier(train_set, test_set, progress=False)
    assert classifier.accuracy > 0.7
    images = test_set.images / np.float32(255)
    predictions = classifier.classify(images)
    assert classifier.accuracy == np.mean(predictions.labels == test_set.labels)
    probabilities = classifier.probabilities(images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(predictions.confidence, probabilities.max(axis=1))
    np.testing.assert_array_equal(predictions.labels, probabilities.argmax(axis=1))
    assert predictions.features.shape == (100, 128)
    np.testing.assert_array_equal(classifier.features(images), predictions.features)

    (file,) = own_classifiers.iterdir()
    again = load_classifier(train_set, test_set)
    assert (again.digest, again.accuracy) == (classifier.digest, classifier.accuracy)
    np.testing.assert_array_equal(again.probabilities(images), probabilities)
    other = classifier_training.get_classifier(
        train_set, blobs(60, seed=2), progress=False
    )  # is measured on its own test set
    assert (len(trainings), other.digest) == (1, classifier.digest)

    whole = file.read_bytes()
    for damage in (whole[:-500], whole[:3000] + b"\xff" * 8 + whole[3008:]):
        file.write_bytes(damage)
        assert (
            classifier_training.get_classifier(train_set, test_set, progress=False).accuracy > 0.7
        )
        assert classifier_files.read_classifier(file).accuracy == classifier.accuracy
    assert len(trainings) == 3


def test_the_classifier_of_stacked_digits_knows_one_digit(own_classifiers, monkeypatch):
    def digits(split):
        data = blobs(60, (28, 28, 1), seed=len(split))
        names = tuple("0123456789")
        return dataclasses.replace(data, split=split, labels=data.labels + 4, label_names=names)

    monkeypatch.setattr(classifier_training, "_MOST_EPOCHS", 2)
    train, test = stack_digits(digits("train")), stack_digits(digits("test"))
    classifier = classifier_training.get_classifier(train, test, progress=False)
    assert classifier.stacked
    assert classifier.image_shape == (28, 28, 3)
    assert len(classifier.label_names) == 1000
    labels = classifier.classify(test.images / np.float32(255)).labels
    assert classifier.accuracy == np.mean(labels == np.asarray(test.labels))
    one = select_first_digit(train)
    np.testing.assert_array_equal(one.images[..., 0], train.images[..., 0])
    assert set(np.unique(one.labels)) == {4, 5}


def test_a_classifier_needs_labels_of_two_classes(own_classifiers):
    data = blobs(20)
    for without in (
        dataclasses.replace(data, labels=jnp.zeros(20, jnp.int32), label_names=()),
        dataclasses.replace(data, labels=jnp.zeros(20, jnp.int32)),
    ):
        with pytest.raises(UserError, match="no labels of two or more classes"):
            classifier_training.get_classifier(without, without, progress=False)
    with pytest.raises(UserError, match="other classes or another shape"):
        classifier_training.get_classifier(data, blobs(20, (9, 8, 1)), progress=False)
    with pytest.raises(UserError, match="labels count from 0"):
        classifier_training.get_classifier(
            dataclasses.replace(data, labels=data.labels + 1), data, progress=False
        )
