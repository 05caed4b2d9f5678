"""Kernel distance, nearest neighbours and the metrics of samples, against independent code."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors

from genjax.errors import UserError
from genjax.metrics import classifiers, coverage, kernel, measure_samples, sample_quality
from genjax.models.image_classifier import ImageClassifier
from tests.helpers import blobs


def normal(count, dimensions=4, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, dimensions)) + shift).astype(np.float32)


# --- the kernel distance ------------------------------------------------------------------------


def test_the_squared_mmd_agrees_with_sums_over_scikit_learns_kernel():  # (1), (2)
    x, y = normal(30), normal(30, seed=1, shift=0.5)

    def of(a, b):
        return polynomial_kernel(a.astype(np.float64), b, degree=3, gamma=1 / 4, coef0=1)

    off = ~np.eye(30, dtype=bool)
    expected = of(x, x)[off].mean() + of(y, y)[off].mean() - 2 * of(x, y).mean()
    np.testing.assert_allclose(
        kernel.squared_mmd(jnp.asarray(x), jnp.asarray(y)), expected, rtol=1e-4
    )


def test_the_kernel_distance_of_two_gaussians_is_that_of_their_moments(key):  # (2), (3)
    """In one dimension E k(x, y) = 1 + 3 m1 n1 + 3 m2 n2 + m3 n3 of the moments m, n."""
    x, y = normal(20_000, 1), normal(20_000, 1, seed=1, shift=1.0)

    def expected_kernel(m, n):
        return 1 + 3 * m[0] * n[0] + 3 * m[1] * n[1] + m[2] * n[2]

    m, n = (0, 1, 0), (1, 2, 4)  # of N(0, 1) and of N(1, 1)
    expected = expected_kernel(m, m) + expected_kernel(n, n) - 2 * expected_kernel(m, n)
    mean, deviation = kernel.kernel_distance(x, y, key)
    assert abs(mean - expected) < 4 * deviation / np.sqrt(20)  # 20 subsets do not overlap
    same, deviation = kernel.kernel_distance(x, normal(20_000, 1, seed=2), key)
    assert abs(same) < 4 * deviation / np.sqrt(20)


def test_subsets_are_drawn_without_replacement_and_by_the_key(key):  # (3)
    x, y = normal(12), normal(9, seed=1)
    whole, deviation = kernel.kernel_distance(x[:9], y, key, num_subsets=3)
    np.testing.assert_allclose(
        whole, kernel.squared_mmd(jnp.asarray(x[:9]), jnp.asarray(y)), rtol=1e-4
    )
    np.testing.assert_allclose(deviation, 0, atol=1e-5)
    one, again, other = (kernel.kernel_distance(x, y, jax.random.key(k), 3, 5) for k in (1, 1, 2))
    assert one == again
    assert one[0] != other[0]
    assert one[1] > 0


# --- precision, recall, density, coverage -------------------------------------------------------


def expected_coverage(generated, real, k):
    """By scikit-learn's trees, in float64."""

    def radius(x):
        return NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, -1]

    between = np.linalg.norm(generated[:, None].astype(np.float64) - real, axis=2)
    in_real = between <= radius(real.astype(np.float64))
    in_generated = between <= radius(generated.astype(np.float64))[:, None]
    return {
        "precision": in_real.any(axis=1).mean(),
        "recall": in_generated.any(axis=0).mean(),
        "density": in_real.sum() / (k * len(generated)),
        "coverage": in_real.any(axis=0).mean(),
    }


@pytest.mark.parametrize("k", [1, 5])
def test_nearest_neighbours_agree_with_scikit_learn(k, monkeypatch):  # (1) to (4)
    monkeypatch.setattr(coverage, "_ROWS_AT_ONCE", 7)
    generated, real = normal(40, 3, 1, 0.7), normal(53, 3) + 100  # far from the origin
    result = coverage._coverage.__wrapped__(jnp.asarray(generated + 100), jnp.asarray(real), k)
    expected = expected_coverage(generated + 100, real, k)
    assert len({float(value) for value in expected.values()}) == 4
    for name, value in expected.items():
        np.testing.assert_allclose(result[name], value, rtol=1e-5, err_msg=name)


def test_sets_whose_coverage_is_known():
    real, fresh = normal(2000, 8), normal(2000, 8, seed=1)
    same = coverage.coverage(real, real)
    assert {name: float(same[name]) for name in ("precision", "recall", "coverage")} == {
        "precision": 1, "recall": 1, "coverage": 1,
    }  # fmt: skip
    alike = coverage.coverage(fresh, real)
    np.testing.assert_allclose(alike["density"], 1, atol=0.05)
    np.testing.assert_allclose(alike["coverage"], 1 - 2.0**-5, atol=0.015)
    apart = coverage.coverage(fresh + 100, real)
    assert not any(map(float, apart.values()))
    collapsed = coverage.coverage(jnp.broadcast_to(real[:1], real.shape) + fresh * 1e-3, real)
    assert collapsed["precision"] == 1
    assert collapsed["recall"] < 0.01
    assert collapsed["coverage"] < 0.02


# --- copies of the training set -----------------------------------------------------------------


def test_ranks_against_the_test_set_agree_with_all_pairs():  # (5)
    generated, test, train = normal(50, 3, 1, 0.3), normal(40, 3, 2), normal(200, 3, 3)
    nearest = NearestNeighbors(n_neighbors=2).fit(train)
    ours, theirs = (nearest.kneighbors(x)[0] for x in (generated, test))
    pairs = ours[:, :1] - theirs[None, :, 0]
    expected = np.mean(pairs < 0) + np.mean(pairs == 0) / 2
    result = coverage.memorisation(generated, test, train)
    np.testing.assert_allclose(result["nearer_to_train"], expected, atol=1e-4)
    np.testing.assert_allclose(result["copies"], np.mean(3 * ours[:, 0] < ours[:, 1]), atol=1e-6)


def test_copies_are_found_and_typical_samples_are_none():  # (5), (6)
    train, test = normal(2000, 20), normal(500, 20, seed=1)
    half = np.concatenate([train[:250] + 1e-2, normal(250, 20, seed=2)])
    result = coverage.memorisation(half, test, train)
    np.testing.assert_allclose(result["copies"], 0.5, atol=0.01)
    np.testing.assert_allclose(result["nearer_to_train"], 0.75, atol=0.02)
    unseen = coverage.memorisation(normal(500, 20, seed=3), test, train)
    assert unseen["copies"] == 0
    np.testing.assert_allclose(unseen["nearer_to_train"], 0.5, atol=0.06)
    typical = coverage.memorisation(0.5 * normal(500, 20, seed=3), test, train)
    assert typical["copies"] == 0
    assert typical["nearer_to_train"] > 0.9


def test_the_test_set_itself_is_half_nearer():  # (5): ties count half
    test, train = normal(10, 3), normal(200, 3, seed=1)
    np.testing.assert_allclose(
        coverage.memorisation(test, test, train)["nearer_to_train"], 0.5, rtol=1e-6
    )


def test_pixels_need_no_scale():
    rng = np.random.default_rng(0)
    generated, test, train = (rng.integers(0, 256, (20, 12), np.uint8) for _ in range(3))
    stored = coverage.memorisation(generated, test, train)
    unit = coverage.memorisation(*(x / np.float32(255) for x in (generated, test, train)))
    assert stored == unit


# --- the metrics of samples ---------------------------------------------------------------------


@pytest.fixture
def classifier(key):
    classes = ImageClassifier((8, 8, 1), num_classes=2, channels=(4, 8), hidden=16)
    return classifiers.Classifier(classes.init(key), 0.9, "abc", ("top", "bottom"))


def test_worse_samples_have_worse_metrics(classifier):
    data, train = blobs(400), blobs(400, seed=1)
    fresh = blobs(400, seed=2).images
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(np.asarray(fresh).reshape(400, 64), axis=1).reshape(fresh.shape)
    real, one, bad, copied = (
        measure_samples(jnp.asarray(images), data, classifier, train)
        for images in (fresh, jnp.repeat(fresh[:1], 400, axis=0), shuffled, train.images)
    )
    np.testing.assert_allclose(real["spectral_sharpness"], 1, atol=0.1)
    assert bad["spectral_sharpness"] > 2
    assert abs(real["kernel_distance"]) < 0.1 * bad["kernel_distance"]
    assert real["precision"] > 0.9 > 0.2 > bad["precision"]
    assert real["recall"] > 0.9 > 0.1 > one["recall"]
    assert real["coverage"] > 0.9 > 0.1 > one["coverage"]
    assert 0.4 < real["nearer_to_train"] < 0.6
    assert (copied["copies"], copied["nearer_to_train"]) == pytest.approx((1, 1))
    assert real["copies"] < 0.2


def test_few_samples_have_no_neighbours_and_stacked_digits_no_features(classifier, key):
    data = blobs(20)
    few = measure_samples(data.images[:5], data, classifier)
    assert "kernel_distance" in few
    assert "precision" not in few
    with pytest.raises(UserError, match="give at least 2 of each"):
        measure_samples(data.images[:1], data)
    with pytest.raises(UserError, match=r"shape \(9, 8, 1\)"):
        measure_samples(blobs(5, (9, 8, 1)).images, data)
    digits = ImageClassifier((8, 8, 1), num_classes=10).init(key)
    names = tuple(map(str, range(1000)))
    stacked = dataclasses.replace(classifier, params=digits, label_names=names, stacked=True)
    result = measure_samples(blobs(9, (8, 8, 3)).images, blobs(9, (8, 8, 3)), stacked)
    assert result.keys() == {
        "sharpness", "spectral_sharpness", "frechet_random_features",
        "modes", "modes_kl", "least_share", "confidence",
    }  # fmt: skip


def test_the_classifier_goes_over_the_samples_once(classifier, monkeypatch):
    monkeypatch.setattr(sample_quality, "MOST", 30)
    seen = []
    predict = classifiers.Classifier.predict
    monkeypatch.setattr(
        classifiers.Classifier,
        "predict",
        lambda self, images: seen.append(len(images)) or predict(self, images),
    )
    measure_samples(blobs(50, seed=1).images, blobs(40), classifier)
    assert len(seen) == 2  # a chunk of samples, a chunk of images
