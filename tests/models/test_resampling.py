"""Resampling by latent density against histograms of NumPy and data whose rare images are known."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import genjax
from genjax.data import from_arrays
from genjax.errors import UserError
from genjax.models import resampling
from tests.helpers import blobs, small

RNG = np.random.default_rng(0)
N, BINS = 400, 10
Z = RNG.normal(size=(N, 3)).astype(np.float32) * [1.0, 5.0, 0.3]
LABELS = RNG.integers(0, 3, N)
FORMS = ["max", "product", "conflict"]


def by_hand(form, alpha):
    """(1) to (3), an image at a time."""
    w = np.zeros(N)
    for c in range(3):
        mine = Z[c == LABELS]
        terms = []
        for z in mine.T:
            counts, edges = np.histogram(z, BINS)
            q = BINS * counts[np.digitize(z, edges[1:-1])] / len(z)
            terms.append(1 / (q + alpha))
        joined = np.max(terms, axis=0) if form == "max" else np.prod(terms, axis=0)
        w[c == LABELS] = len(mine) / N * joined / joined.sum()
    return w


def computed(z=Z, labels=LABELS, debiased=True, form="max", alpha=0.1, num_classes=3):
    return resampling.probabilities(
        jnp.asarray(z), jnp.asarray(labels), debiased,
        num_classes=num_classes, form=form, alpha=alpha, bins=BINS,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["max", "product"])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 2.0])
def test_probabilities_against_histograms_of_numpy(form, alpha):  # (1), (2), (3)
    p = computed(form=form, alpha=alpha)
    np.testing.assert_allclose(p, by_hand(form, alpha), rtol=1e-3)
    assert float(p.sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 2.0])
def test_probabilities_of_conflict_against_densities_of_scipy(alpha):  # (2), (3), (5)
    z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    z[:, 0] += LABELS  # so that the classes differ
    z[:9, 0] = 2 - z[:9, 0]
    density = np.zeros((N, 3))
    for c in range(3):
        mine = z[c == LABELS].astype(np.float64)
        normal = scipy.stats.multivariate_normal(mine.mean(axis=0), np.cov(mine.T, bias=True))
        density[:, c] = len(mine) * normal.pdf(z)
    r = density[np.arange(N), LABELS] / density.sum(axis=1)
    w = 1 / (r + alpha)
    expected = np.bincount(LABELS)[LABELS] / N * w / np.bincount(LABELS, weights=w)[LABELS]
    np.testing.assert_allclose(computed(z, form="conflict", alpha=alpha), expected, rtol=0.02)


@pytest.mark.parametrize("form", FORMS)
def test_the_unit_of_a_latent_does_not_matter_and_a_large_alpha_is_uniform(form):
    np.testing.assert_allclose(computed(form=form), computed(Z * 7 + 3, form=form), rtol=1e-3)
    np.testing.assert_allclose(computed(form=form, alpha=1e6) * N, 1, rtol=1e-3)
    effective = [
        resampling.summarise_probabilities(computed(form=form, alpha=a))["resampling_effective"]
        for a in (10, 1, 0)
    ]
    assert 1 > effective[0] > effective[1] > effective[2] > 0


@pytest.mark.parametrize("form", FORMS)
def test_every_class_keeps_its_share_and_others_than_the_debiased_stay_uniform(form):
    debiased = LABELS == 1
    for p in (computed(form=form), computed(debiased=jnp.asarray(debiased), form=form)):
        np.testing.assert_allclose(
            np.bincount(LABELS, weights=p), np.bincount(LABELS) / N, rtol=1e-4
        )
    np.testing.assert_allclose(np.asarray(p)[~debiased], 1 / N, rtol=1e-4)
    np.testing.assert_allclose(
        np.asarray(p)[debiased], np.asarray(computed(form=form))[debiased], rtol=1e-4
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_probabilities_are_finite_whatever_the_latents(form, alpha):
    one_constant = np.concatenate([Z, np.zeros((N, 1), np.float32)], axis=1)
    np.testing.assert_allclose(  # and noise of a latent out of use counts for nothing
        computed(one_constant + [0, 0, 0, 1e-3] * RNG.normal(size=(N, 4)), form=form, alpha=alpha),
        computed(one_constant, form=form, alpha=alpha),
    )
    many = np.repeat(Z, 40, axis=1)  # a product of 120 factors
    far = np.where(np.arange(N)[:, None] == 0, np.float32(1e30), Z)
    for z in (np.zeros((N, 2)), many, far, one_constant):
        for classes in (3, 1000):  # most of them without images
            p = computed(np.float32(z), form=form, alpha=alpha, num_classes=classes)
            assert np.all(np.isfinite(p))
            assert float(p.sum()) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(computed(np.zeros((N, 2)), form=form) * N, 1, rtol=1e-5)
    lonely = computed(Z[:3], np.array([0, 2, 2]), form=form, alpha=alpha)
    np.testing.assert_allclose(np.bincount([0, 2, 2], weights=lonely), [1 / 3, 0, 2 / 3], rtol=1e-5)


def test_an_order_draws_each_image_as_often_as_it_should(key):  # (4)
    p, labels = computed(), jnp.asarray(LABELS)
    orders = jax.vmap(lambda k: resampling.systematic_order(p, labels, k))(
        jax.random.split(key, 100)
    )
    counts = np.stack([np.bincount(order, minlength=N) for order in orders])
    assert np.all(np.abs(counts - N * p) < 1.001)
    np.testing.assert_allclose(counts.mean(axis=0), N * p, atol=0.2)
    condition_latents = np.bincount(LABELS)
    for order in orders[:5]:
        assert np.all(np.abs(np.bincount(LABELS[order]) - condition_latents) <= 1)
    uniform = resampling.systematic_order(jnp.full(N, 1 / N), labels, key)
    assert len(np.unique(uniform)) >= N - 2  # but for rounding, all of them


def with_one_odd(count=60):
    """Half of the images black, half white, labelled so; three of either class half grey."""
    labels = np.arange(count) % 2
    images = np.repeat(255 * labels, 64).reshape(count, 8, 8, 1)
    images = images + RNG.integers(-9, 9, images.shape)
    odd = np.arange(count) < 6
    images[odd, 4:] = 128
    data = from_arrays(np.clip(images, 0, 255).astype(np.uint8), labels, ("black", "white"))
    return replace(data, attributes={"group": odd}), odd


@pytest.fixture(scope="module")
def trained():
    data, odd = with_one_odd()
    params = genjax.fit(
        small("autoencoder", network="mlp"), data, jax.random.key(0),
        genjax.Training(epochs=60, batch_size=20, optimizer=genjax.Optimizer(learning_rate=1e-2)),
        progress=False,
    )  # fmt: skip
    return params, data, odd


@pytest.mark.parametrize("form", ["max", "product"])
def test_rare_images_weigh_more_and_are_drawn_more(trained, form, key):
    params, data, odd = trained
    images = np.asarray(data.images) / np.float32(255)
    p = genjax.resampling_weights(params, images, data.labels, form=form, bins=5)
    assert p.sum() == pytest.approx(1, abs=1e-5)
    assert p[odd].mean() > 3 * p[~odd].mean()
    subset = genjax.balanced_subset(params, data, 10, key, form=form, bins=5)
    assert len(subset) == len(np.unique(subset.images, axis=0)) == 10
    np.testing.assert_array_equal(np.bincount(subset.labels), [5, 5])
    whole = genjax.balanced_subset(params, data, 60, key, bins=5)
    np.testing.assert_array_equal(whole.images, data.images)
    assert subset.attributes["group"].sum() >= 3  # of the six, where one is to be expected


def test_without_labels_all_images_are_one_class(trained):
    params, data, _ = trained
    images = np.asarray(data.images) / np.float32(255)
    p = genjax.resampling_weights(params, images, bins=5)
    other = genjax.resampling_weights(params, images, np.full(60, -7), bins=5)
    np.testing.assert_array_equal(p, other)


def test_mistakes_are_answered_kindly(trained, key):
    params, data, _ = trained
    images = np.asarray(data.images) / np.float32(255)

    def weights(images=images, labels=None, **options):
        return genjax.resampling_weights(params, images, labels, **options)

    for message, call in {
        "alpha is -1": lambda: weights(alpha=-1),
        "bins is 1": lambda: weights(bins=1),
        "form is 'mean'": lambda: weights(form="mean"),
        r"labels are int64\[3\]": lambda: weights(labels=np.zeros(3, int)),
        "class 0 has 4 images, fewer than the 10 bins": lambda: weights(images[:4]),
        "class 5 has 1 images": lambda: weights(labels=np.where(np.arange(60) == 1, 5, 0)),
        "no latent of the model varies": lambda: weights(np.repeat(images[:1], 20, axis=0)),
        "is 61, but must be a whole number, from 1 to 60": lambda: genjax.balanced_subset(
            params, data, 61, key
        ),
    }.items():
        with pytest.raises(UserError, match=message):
            call()
    gan = small("gan", image_shape=(8, 8, 1)).init(key)
    with pytest.raises(TypeError, match="cannot encode"):
        genjax.resampling_weights(gan, images)


def test_it_works_under_jit_and_vmap():
    many = jnp.stack([Z, Z[::-1]])
    together = jax.jit(jax.vmap(computed))(many)
    np.testing.assert_allclose(together[1], computed(Z[::-1].copy()), rtol=1e-5)


def test_a_picture_of_the_commonest_and_the_rarest(tmp_path):
    data = blobs(30)
    path = tmp_path / "new" / "density.png"
    genjax.plots.save_by_density(path, data.images / 255.0, np.arange(30), 9)
    assert path.stat().st_size > 1000
