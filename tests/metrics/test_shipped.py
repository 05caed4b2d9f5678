"""Classifiers that genjax ships: which data sets they serve, and that they are whole."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.cli import train_classifier as command
from genjax.data import Dataset
from genjax.data.dataset import compute_checksum
from genjax.errors import UserError
from genjax.metrics import classifier_files as files
from genjax.metrics.classifiers import load_classifier
from genjax.model import Batch
from genjax.models import image_classifier
from genjax.models.image_classifier import ImageClassifier
from genjax.recipes import classifier_training
from tests.helpers import blobs

SHAPE = (28, 28, 1)
SHIPPED = {  # image shape, least accuracy
    "mnist": (SHAPE, 0.992),
    "stacked_mnist": (SHAPE, 0.992),
    "fashion_mnist": (SHAPE, 0.92),
    "cifar10": ((32, 32, 3), 0.80),
    "mnist-second": (SHAPE, 0.995),
    "fashion_mnist-second": (SHAPE, 0.92),
    "cifar10-second": ((32, 32, 3), 0.81),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_file_is_whole_small_and_good_enough(name):
    path = files.WEIGHTS / f"{name}.npz"
    stored = files.read_classifier(path)
    image_shape, least = SHIPPED[name]
    assert stored.params.model.image_shape == image_shape
    assert stored.accuracy >= least
    assert stored.num_images.sum() == (50_000 if "cifar10" in name else 60_000)
    assert path.stat().st_size < 1.5e6
    _, features = stored.params.model.apply(
        stored.params, "classifier", jnp.zeros((1, *image_shape))
    )
    assert features.shape == (1, stored.params.model.hidden)


@pytest.fixture
def own_folders(tmp_path, monkeypatch):
    """An empty cache and an empty folder of shipped files, and none but short trainings."""
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(files, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(classifier_training, "_MOST_EPOCHS", 1)
    return tmp_path


def changed(data: Dataset, **changes) -> Dataset:
    data = dataclasses.replace(data, **changes)
    return dataclasses.replace(
        data, checksum=compute_checksum(np.asarray(data.images), np.asarray(data.labels))
    )


def ship(train_set, test_set, key, **fields) -> files.StoredClassifier:
    small = {"num_classes": 2, "channels": (4,), "hidden": 8} | fields
    params = ImageClassifier(train_set.image_shape, **small).init(key)
    stored = files.add_fingerprint(classifier_training.measure_stored(params, test_set), train_set)
    files.write_classifier(files.WEIGHTS / f"{train_set.name}.npz", stored)
    return stored


def test_a_shipped_classifier_serves_its_data_set_in_any_order(own_folders, key, monkeypatch):
    train, test = blobs(40), blobs(30, seed=1)
    stored = ship(train, test, key)
    monkeypatch.setattr(classifier_training, "fit", None)  # nothing is trained
    classifier = load_classifier(train, test)
    assert classifier.digest == files.compute_digest(stored.params)
    assert classifier.accuracy == stored.accuracy
    nearly = jnp.clip(train.images, 1, 254)  # as if stored as JPEG
    again = classifier_training.get_classifier(
        changed(train, images=nearly).subset(np.arange(40)[::-1], ""), test
    )
    assert again.digest == classifier.digest
    other_test = classifier_training.get_classifier(train, blobs(31, seed=2))
    labels = classifier.classify(blobs(31, seed=2).images / np.float32(255)).labels
    assert other_test.accuracy == np.mean(labels == blobs(31, seed=2).labels)
    assert not (own_folders / "cache").exists()


def test_other_images_under_the_same_name_have_a_classifier_of_their_own(own_folders, key):
    train, test = blobs(40), blobs(30, seed=1)
    shipped = files.compute_digest(ship(train, test, key).params)
    for other in (
        changed(train, images=train.images.at[:, 0, 0].add(100)),  # a planted mark
        changed(train, images=train.images[:, :, ::-1]),
        changed(train, labels=1 - train.labels),
        train.take(39),
        dataclasses.replace(train, name="others"),
        dataclasses.replace(train, name=f"../weights/{train.name}"),
    ):
        assert files.load_shipped(other) is None
    classifier = classifier_training.get_classifier(
        dataclasses.replace(train, name="others"), test, progress=False
    )
    assert classifier.digest != shipped


def test_a_damaged_shipped_file_is_named(own_folders, key):
    train, test = blobs(40), blobs(30, seed=1)
    stored = ship(train, test, key)
    path = files.WEIGHTS / f"{train.name}.npz"
    whole = path.read_bytes()
    kernel = np.asarray(stored.params.weights["classifier"]["Dense_1"]["kernel"], np.float16)
    place = whole.index(kernel.tobytes())
    for damage in (whole[:-100], whole[:place] + bytes(8) + whole[place + 8 :], b""):
        path.write_bytes(damage)
        with pytest.raises(UserError, match=r"blobs\.npz, the classifier.*is damaged.*Install"):
            classifier_training.get_classifier(train, test)


def test_what_is_written_is_what_was_measured(own_folders, key):
    """In float16, with the averages of batch normalisation."""
    train, test = blobs(40), blobs(30, seed=1)
    stored = ship(train, test, key, deep=True)
    read = files.read_classifier(files.WEIGHTS / f"{train.name}.npz")
    assert read.params.model == stored.params.model
    assert "batch_stats" in read.params.stats["classifier"]
    for ours, theirs in zip(*map(jax.tree.leaves, (stored.params, read.params)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    moved = jax.tree.map(lambda mean: mean + 1, stored.params.stats)
    assert files.compute_digest(stored.params.replace(stats=moved)) != files.compute_digest(
        stored.params
    )


def test_the_deep_classifier_learns_its_averages(key):
    model = ImageClassifier((8, 9, 3), num_classes=2, channels=(4, 6), hidden=5, deep=True)
    params = model.init(key)
    data = blobs(20, (8, 9, 3))
    losses, (_, stats) = model.losses(params, Batch(data.images / 255.0, data.labels), key)
    assert np.isfinite(losses["classifier"])
    assert jax.tree.structure(stats) == jax.tree.structure(params.stats)
    averages = stats["classifier"]["batch_stats"]["BatchNorm_0"]["mean"]
    assert np.any(averages != params.stats["classifier"]["batch_stats"]["BatchNorm_0"]["mean"])
    kernels = [params.weights["classifier"][f"Conv_{i}"]["kernel"].shape[-1] for i in range(2)]
    assert kernels == [4, 6]


def test_half_of_the_images_are_mirrored(key):
    image = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    images = np.asarray(image_classifier.mirror_half(jnp.tile(image, (1000, 1, 1, 1)), key))
    mirrored = [np.array_equal(each, image[:, ::-1]) for each in images]
    kept = [np.array_equal(each, image) for each in images]
    assert sum(mirrored) + sum(kept) == 1000
    assert 430 < sum(mirrored) < 570


def test_only_digits_are_never_mirrored():
    mirrored = {
        name: recipe.model.mirrored for name, recipe in classifier_training.CLASSIFIERS.items()
    }
    of_digits = {name for name in mirrored if name.startswith(("mnist", "stacked"))}
    assert {name for name, is_mirrored in mirrored.items() if not is_mirrored} == of_digits
    assert len(of_digits) == 3


def test_the_command_writes_a_file_that_can_be_shipped(own_folders, monkeypatch, capsys):
    sets = {"train": blobs(40), "test": blobs(30, seed=1)}
    monkeypatch.setattr(classifier_training.data, "load", lambda name, split, stream: sets[split])
    small = classifier_training.ClassifierRecipe(
        "fashion_mnist", ImageClassifier(channels=(4,), hidden=8)
    )
    monkeypatch.setitem(classifier_training.CLASSIFIERS, "fashion", small)
    out = own_folders / "weights" / "blobs.npz"
    assert command.main(["fashion", "--out", str(out), "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    classifier = classifier_training.get_classifier(sets["train"], sets["test"])
    assert f"digest {classifier.digest}" in printed
    assert f"test accuracy {classifier.accuracy:.2%}" in printed
    assert command.main(["fashion", "--out", "/dev/null/weights.npz"]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert command.main(["letters"]) == 2
    assert command.main(["mnist", "--seed", "-1"]) == 1
