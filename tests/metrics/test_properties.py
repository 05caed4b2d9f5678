"""Metrics under permutation, duplication, identity and scale, on data that hypothesis draws."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.metrics import frechet, modes
from genjax.metrics.coverage import coverage, memorisation
from genjax.metrics.kernel import kernel_distance

FEW = settings(max_examples=12, deadline=None, derandomize=True)
SEEDS = st.integers(0, 10_000)
SPREADS = st.sampled_from([0.0, 0.3, 3.0])  # 0: rows of few values, with many ties


def draw(seed, spread, num=24, dimensions=4):
    """Features of one shape, so that every example is of the same compiled program."""
    rng = np.random.default_rng(seed)
    whole = rng.integers(0, 3, (num, dimensions)).astype(np.float32)
    return whole + spread * rng.normal(size=whole.shape).astype(np.float32)


def floats(metrics):
    return {name: float(value) for name, value in metrics.items()}


def of_all(generated, real):
    result = floats(coverage(generated, real))
    mean, _ = kernel_distance(generated, real, jax.random.key(0), 2)
    return result | {"kid": float(mean), "fid": frechet.compare_features(generated, real)}


@FEW
@given(SEEDS, SPREADS)
def test_order_does_not_matter(seed, spread):
    x, y = draw(seed, spread), draw(seed + 1, spread)
    rng = np.random.default_rng(seed)
    one, other = of_all(x, y), of_all(rng.permutation(x), rng.permutation(y))
    assert one == pytest.approx(other, rel=1e-3, abs=1e-3)


@FEW
@given(SEEDS, SPREADS)
def test_a_set_beside_itself_is_perfect(seed, spread):
    x = draw(seed, spread)
    result = of_all(x, x)
    for name in ("precision", "recall", "coverage"):
        assert result[name] == 1
    assert result["fid"] == pytest.approx(0, abs=1e-4)
    memory = memorisation(x, draw(seed + 1, 3.0) + 50, x)
    assert float(memory["nearer_to_train"]) == pytest.approx(1)
    assert float(memory["copies"]) == 1


@FEW
@given(SEEDS, SPREADS, st.sampled_from([2.0**-6, 2.0**6]))
def test_a_scale_does_not_matter_to_neighbours(seed, spread, scale):
    x, y = draw(seed, spread), draw(seed + 1, spread)
    assert floats(coverage(x, y)) == pytest.approx(floats(coverage(scale * x, scale * y)))
    memory, scaled = memorisation(x, y, y), memorisation(scale * x, scale * y, scale * y)
    assert floats(memory) == pytest.approx(floats(scaled))
    left, right = frechet.compare_features(x, y), frechet.compare_features(scale * x, scale * y)
    assert right == pytest.approx(scale**2 * left, rel=1e-3, abs=1e-3 * scale**2)


@FEW
@given(SEEDS, SPREADS)
def test_duplicates_of_training_images_do_not_matter(seed, spread):
    x, y, train = (draw(seed + i, spread) for i in range(3))
    once = floats(memorisation(x, y, train))
    for many in (np.concatenate([train, train]), np.repeat(train, 3, axis=0)):
        assert floats(memorisation(x, y, many)) == pytest.approx(once, abs=1e-6)


@FEW
@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_shares_of_classes(labels):
    share = modes.shares(np.array(labels), 5)
    assert share.sum() == pytest.approx(1)
    np.testing.assert_allclose(modes.shares(np.array(labels * 3), 5), share)
    assert 0 <= modes.class_divergence(share) <= np.log(5) + 1e-9
    assert modes.class_divergence(share, share) == pytest.approx(0)
    assert modes.count_modes(share) == len(set(labels))
