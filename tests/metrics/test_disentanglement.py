"""Disentanglement against codes whose figures are known."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

import genjax
from genjax.data import sprites
from genjax.metrics.disentanglement import (
    aggregate_correlation,
    completeness,
    dci,
    disentanglement,
    entropy,
    latent_correlation,
    mutual_information,
    mutual_information_gap,
)
from tests.helpers import blobs, small

RNG = np.random.default_rng(0)
N = 1_000
FACTORS = {name: RNG.integers(0, n, N) for name, n in (("shape", 3), ("x", 6), ("y", 6))}
TRUE = np.stack([(v - v.mean()) / v.std() for v in FACTORS.values()], axis=1)
NOISE = RNG.normal(size=(N, 2))
PERFECT = np.concatenate([TRUE + 0.01 * RNG.normal(size=TRUE.shape), NOISE], axis=1)
TURNED = np.concatenate([TRUE @ np.linalg.qr(RNG.normal(size=(3, 3)))[0], NOISE], axis=1)


def figures(codes):
    return {"mig": mutual_information_gap(codes, FACTORS)} | dci(codes, FACTORS)


def test_mutual_information_and_entropy_against_scikit_learn():  # (1)
    left, right = RNG.integers(0, 5, 300), RNG.integers(0, 3, 300)
    for other in (right, left, left // 2, 4 - left):
        assert mutual_information(left, other) == pytest.approx(mutual_info_score(left, other))
    assert entropy(np.array([0.5, 0.5, 0.0])) == pytest.approx(np.log(2))


def test_gap_against_scikit_learn():  # (2)
    edges = [np.linspace(z.min(), z.max(), 21)[1:-1] for z in TURNED.T]
    bins = [np.digitize(z, e) for z, e in zip(TURNED.T, edges, strict=True)]
    gaps = []
    for v in FACTORS.values():
        *_, second, first = sorted(mutual_info_score(b, v) for b in bins)
        gaps.append((first - second) / mutual_info_score(v, v))
    assert mutual_information_gap(TURNED, FACTORS) == pytest.approx(np.mean(gaps))


def test_a_latent_for_every_factor_is_the_best_in_any_order_and_scale():
    for codes in (PERFECT, -3.0 * PERFECT[:, ::-1] + 5.0):
        assert figures(codes) == pytest.approx(
            {"mig": 0.98, "disentanglement": 1, "completeness": 1, "informativeness": 1}, abs=0.03
        )


def test_turned_codes_know_all_and_separate_nothing():
    found = figures(TURNED)
    assert found["mig"] < 0.2
    assert max(found["disentanglement"], found["completeness"]) < 0.5
    assert found["informativeness"] > 0.8


def test_random_codes_know_nothing():
    found = figures(RNG.normal(size=(N, 5)))
    assert found["mig"] < 0.02
    assert max(found["disentanglement"], found["completeness"]) < 0.05
    assert found["informativeness"] == pytest.approx((1 / 3 + 1 / 6 + 1 / 6) / 3, abs=0.05)


def test_a_factor_twice_is_disentangled_but_not_complete():
    twice = np.concatenate([PERFECT[:, :3], PERFECT[:, :3] + 0.01 * RNG.normal(size=(N, 3))], 1)
    assert mutual_information_gap(twice, FACTORS) < 0.1
    found = dci(twice, FACTORS)
    assert found["disentanglement"] > 0.97
    assert found["completeness"] < 0.9


@pytest.mark.parametrize(
    ("importances", "disentangled", "complete"),
    [
        (np.eye(3), 1, 1),
        (np.ones((4, 3)) / 4, 0, 0),
        # two factors share a latent: (4) is 2/3 (1 - log 2 / log 3) + 1/3
        ([[1, 1, 0], [0, 0, 1], [0, 0, 0]], 1 - 2 / 3 * np.log(2) / np.log(3), 1),
        # a factor has two latents: (5) loses log 2 / log 3 of one of two factors
        ([[0.5, 0], [0.5, 0], [0, 1]], 1, 1 - 0.5 * np.log(2) / np.log(3)),
        (np.zeros((2, 2)), 0, 0),  # forests without a split
        ([[1.0], [0.0]], 1, 1),  # a single factor cannot be mixed with another
    ],
)
def test_disentanglement_and_completeness_by_hand(importances, disentangled, complete):  # (4), (5)
    importances = np.array(importances, float)
    assert disentanglement(importances) == pytest.approx(disentangled)
    assert completeness(importances) == pytest.approx(complete)


def test_aggregate_correlation_against_draws():  # (7), (8)
    means = RNG.normal(size=(2_000, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
    means = np.concatenate([means, 0.01 * RNG.normal(size=(2_000, 1))], axis=1)
    scales = np.broadcast_to([0.5, 1.0, 1.0], means.shape)
    draws = np.repeat(means, 50, axis=0)
    draws = draws + np.repeat(scales, 50, axis=0) * RNG.normal(size=draws.shape)
    expected = np.corrcoef(draws, rowvar=False)
    np.testing.assert_allclose(aggregate_correlation(means, scales), expected, atol=0.01)
    assert latent_correlation(means, scales) == pytest.approx(expected[0, 1], abs=0.01)
    assert expected[0, 1] == pytest.approx(0.8 / (1.25 * 2) ** 0.5, abs=0.03)
    assert latent_correlation(means * [1, -1, 1], scales) > 0.4  # no cancelling, no sign
    assert latent_correlation(means[:, 1:], scales[:, 1:]) is None  # one active latent


def test_a_factor_or_a_latent_that_stands_still_does_no_harm():
    fixed = FACTORS | {"scale": np.full(N, 7)}
    codes = np.concatenate([PERFECT, np.ones((N, 1))], axis=1)
    assert mutual_information_gap(codes, fixed) == mutual_information_gap(PERFECT, FACTORS)
    assert dci(codes, fixed)["disentanglement"] > 0.97
    alone = mutual_information_gap(PERFECT[:, :1], {"shape": FACTORS["shape"]})
    assert alone == pytest.approx(1)
    assert dci(np.ones((N, 2)), FACTORS)["disentanglement"] == 0


@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (PERFECT[:5], {"x": FACTORS["x"][:5]}, "N at least 20"),
        (PERFECT[:, 0], FACTORS, "must be finite numbers"),
        (PERFECT * np.nan, FACTORS, "must be finite"),
        (PERFECT, {"x": FACTORS["x"][:7]}, "'x' has shape .7., but there are 1000 codes"),
        (PERFECT, {"x": np.zeros(N, int)}, "no factor takes more than one value"),
    ],
)
@pytest.mark.parametrize("figure", [mutual_information_gap, dci])
def test_mistakes_are_answered_kindly(figure, codes, factors, message):
    with pytest.raises(genjax.UserError, match=message):
        figure(codes, factors)


@pytest.mark.parametrize("name", ["vae", "autoencoder", "gan"])
def test_evaluation_compares_the_codes_of_what_encodes_with_known_factors(name, key):
    data = sprites(scales=2, orientations=2, columns=3, rows=2, size=16)
    model = small(name, image_shape=(16, 16, 1), **({} if name == "gan" else {"network": "mlp"}))
    params = model.init(key)

    def measured(data, **options):
        options = {"num_samples": 2, "progress": False} | options
        found = genjax.evaluate(params, data, key, **options)
        return {k: v for k, v in found.items() if k == "mig" or k.startswith("dci")}

    found = measured(data)
    if name == "gan":
        assert found == {}
        return
    codes = genjax.encode(params, data.images / 255.0)
    gap = mutual_information_gap(codes, data.attributes)
    assert found.pop("mig") == pytest.approx(gap, abs=0.02)
    expected = {f"dci_{key}": value for key, value in dci(codes, data.attributes).items()}
    assert found == pytest.approx(expected, abs=0.02)
    assert measured(data, num_images=10) == {}  # too few
    assert measured(blobs(30, (16, 16, 1))) == {}  # nothing is known


def test_evaluation_measures_the_correlation_of_the_posterior(key, dataset):
    params = small("vae", image_shape=(8, 8, 1), network="mlp", binarize=False).init(key)
    x = dataset.images / 255.0
    weights = dict(params.weights)  # so large that the latents are active
    weights["encoder"] = {
        layer: {"kernel": 5.0 * array["kernel"], "bias": array["bias"]}
        for layer, array in weights["encoder"].items()
    }
    params = params.replace(weights=weights)
    posterior = params.model.posterior(params, x)
    expected = latent_correlation(np.asarray(posterior.loc), np.asarray(posterior.scale))
    assert 0 < expected < 1
    found = genjax.evaluate(params, dataset, key, num_samples=2, progress=False)
    assert found["active_units"] == 3
    assert found["latent_correlation"] == pytest.approx(expected, rel=1e-4)
