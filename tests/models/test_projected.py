"""Projected GANs: what the discriminators see, what learns, and who may judge."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.errors import UserError
from genjax.metrics import classifier_files as files
from genjax.metrics import generate_samples, make_distance
from genjax.metrics.classifiers import Classifier
from genjax.metrics.frechet import compare_features
from genjax.model import Batch
from genjax.models.image_classifier import ImageClassifier, Network
from genjax.models.projected import FEATURES, ProjectedGAN, register_features
from genjax.nn.patches import Mixing, PatchDiscriminator, enlarge
from genjax.training.configuration import Training
from genjax.training.epoch import run_epoch
from genjax.training.state import init_state
from tests.helpers import blobs, forget_registered

DATA = blobs(16, (16, 12, 3))
BATCH = Batch(DATA.images / jnp.float32(255), DATA.labels)


@pytest.fixture(scope="module")
def trained():
    """A model of features that are registered, before and after an epoch."""
    with forget_registered():
        known = ImageClassifier((16, 16, 3), channels=(4, 6, 8), deep=True).init(5)
        known = jax.tree.map(lambda leaf: leaf.astype(jnp.float16).astype(jnp.float32), known)
        register_features("mine", lambda: known)
        model = dataclasses.replace(
            ProjectedGAN.smallest(), features="mine", num_classes=2, augment=("translation",)
        ).for_images((16, 12, 3))
        training = Training(1, 8, ema_decay=0.9)
        before = init_state(model, jax.random.key(0), training)
        start = jax.tree.map(jnp.copy, before.params)
        after, terms = run_epoch(before, DATA.images, DATA.labels, training=training, steps=1)
        yield known, start, after.params, terms


def test_the_maps_are_those_of_the_last_convolutions(key):  # (1)
    network, x = Network((4, 6, 8), 5, 2, deep=True), jax.random.uniform(key, (2, 16, 12, 3))
    variables = network.init(key, x)
    maps = network.apply(variables, x, return_maps=True)
    _, between = network.apply(variables, x, capture_intermediates=True)
    layers = between["intermediates"]
    for ours, number in zip(maps, (1, 2), strict=True):
        np.testing.assert_array_equal(ours, nn_relu(layers[f"BatchNorm_{number}"]["__call__"][0]))
    assert [m.shape[1:] for m in maps] == network.map_shapes((16, 12)) == [(8, 6, 6), (4, 3, 8)]


def nn_relu(x):
    return np.maximum(x, 0)


def test_channels_and_scales_are_mixed_by_fixed_random_convolutions(key):  # (2), (3)
    fine, coarse = jax.random.normal(key, (2, 5, 4, 3)), jax.random.normal(key, (2, 3, 2, 7))
    variables = Mixing(6).init(key, fine, coarse)
    mixed = Mixing(6).apply(variables, fine, coarse)
    kernels = {name: leaf["kernel"] for name, leaf in variables["params"].items()}
    lower = np.einsum("nhwc,cd->nhwd", coarse, kernels["Conv_0"][0, 0])
    np.testing.assert_allclose(mixed[1], lower, atol=1e-5)
    up = np.asarray(lower).repeat(2, 1).repeat(2, 2)[:, :5, :4]
    np.testing.assert_array_equal(
        enlarge(mixed[1], (5, 4)), np.asarray(mixed[1]).repeat(2, 1).repeat(2, 2)[:, :5]
    )
    padded = np.pad(up, [(0, 0), (1, 1), (1, 1), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    above = np.einsum("nhwcab,abcd->nhwd", windows, kernels["Conv_2"])
    expected = np.einsum("nhwc,cd->nhwd", fine, kernels["Conv_1"][0, 0]) + above
    np.testing.assert_allclose(mixed[0], expected, atol=1e-4)


def test_every_scale_is_scored_in_patches(key):
    maps = [jax.ShapeDtypeStruct((2, *size, 3), jnp.float32) for size in ((16, 9), (7, 5), (4, 2))]
    network = PatchDiscriminator(4, 3, "spectral")
    scores, _ = jax.eval_shape(network.init_with_output, key, *maps)
    assert scores.shape == (2, 4 * 3 + 4 * 3 + 4 * 2, 3)


def test_features_and_projections_stay_and_the_others_learn(trained):
    known, start, after, terms = trained
    for params in (start, after):
        assert same(params.weights["features"], known.weights["classifier"])
        assert same(params.stats["features"], known.stats["classifier"])
    assert same(start.weights["mixing"], after.weights["mixing"])
    for name in ("generator", "discriminator"):
        assert not same(start.weights[name], after.weights[name])
    assert np.isfinite(list(terms.values())).all()


def same(a, b):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def test_the_losses_are_means_over_patches(trained, key):  # (2), (3)
    params = trained[2]
    model = dataclasses.replace(params.model, augment=())
    params = params.replace(model=model)
    noise = model.draw_noise(BATCH, key)
    values, (terms, _) = jax.jit(model.losses)(params, BATCH, noise)
    outputs = jax.jit(model.apply_discriminator)(params, 2 * BATCH.images - 1)
    assert outputs.shape == (16, 4 * 3 + 4 * 3, 3)
    of_class = outputs[:, :, 0] + outputs[np.arange(16), :, 1 + BATCH.labels]
    np.testing.assert_allclose(terms["D(x)"], of_class.mean(), rtol=1e-2, atol=1e-3)
    found = genjax.score(params, BATCH.images, BATCH.labels)
    np.testing.assert_allclose(found, of_class.mean(axis=1), atol=1e-5)
    assert values.keys() == {"discriminator", "generator"}


@pytest.mark.parametrize(("given", "wanted"), [(1, 3), (3, 1), (2, 1)])
def test_images_of_any_number_of_channels_have_maps(given, wanted, key):
    with forget_registered():
        known = ImageClassifier((8, 8, wanted), channels=(4,)).init(0)
        register_features("mine", lambda: known)
        model = dataclasses.replace(ProjectedGAN.smallest(), features="mine")
        params = model.for_images((9, 8, given)).init(key)
        maps = params.model.extract_maps(params, jnp.zeros((2, 9, 8, given)))
        assert [m.shape for m in maps] == [(2, 5, 4, 4 * (given if wanted == 1 else 1))]
        assert genjax.score(params, np.zeros((2, 9, 8, given), np.float32)).shape == (2,)


def test_a_classifier_that_taught_never_judges(trained, key):
    known, _, params, _ = trained
    with forget_registered():
        register_features("mine", lambda: known)
        digest = files.compute_digest(known)
        assert files.list_taught_by(params.model, genjax.GAN()) == {digest}
        square = params.replace(model=params.model)
        judge = Classifier(known, 0.9, digest, ("top", "bottom"))
        judge = dataclasses.replace(judge, params=known.replace(
            model=dataclasses.replace(known.model, image_shape=(16, 12, 3))))  # fmt: skip
        with pytest.raises(UserError, match=f"{digest} cannot judge this model"):
            genjax.evaluate(square, DATA, key, num_generated=4, classifier=judge, progress=False)


def test_names_of_features():
    assert {"cifar10", "fashion_mnist", "mnist", "random"} <= FEATURES.keys()
    with pytest.raises(UserError, match="'cifar10' is a network of features of genjax"):
        register_features("cifar10", lambda: None)
    with forget_registered():
        register_features("wrong", lambda: 3)
        with pytest.raises(UserError, match="the features 'wrong'"):
            dataclasses.replace(ProjectedGAN.smallest(), features="wrong").frozen_features()


def test_the_best_weights_are_chosen_in_the_features_it_learns_from(trained):
    """The Frechet distance of the maps at 2x2 pixels, and not of random features."""
    known, _, params, _ = trained
    key = jax.random.key(3)
    with forget_registered():
        register_features("mine", lambda: known)
        distance = make_distance(DATA, 16, model=params.model)
        both = []
        for images in (generate_samples(params, key, 16), DATA.images):
            maps = params.model.extract_maps(params, 2 * (images / jnp.float32(255)) - 1)
            small = [jax.image.resize(m, (16, 2, 2, m.shape[3]), "linear") for m in maps]
            both.append(np.concatenate([m.reshape(16, -1) for m in small], axis=1))
        assert distance(params, key) == pytest.approx(compare_features(*both), rel=1e-3)
