"""The debiasing VAE's equations, what it draws in an epoch, and the biased data sets."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import genjax
from genjax.data import from_arrays
from genjax.data.made.biased import BIASED, GROUP, add_bias
from genjax.distributions import kl_to_standard_normal
from genjax.errors import UserError
from genjax.metrics.groups import group_accuracies, group_shares
from genjax.model import Batch
from genjax.models import resampling
from genjax.training.configuration import Training
from tests.helpers import blobs, small

SHAPE = (8, 8, 1)


def model(**fields):
    return small("debiasing_vae", image_shape=SHAPE, network="mlp", **fields)


def batch(count=6, num_classes=2):
    data = blobs(count)
    return Batch(data.images / 255.0, jnp.arange(count) % num_classes)


def loss_of(model, params, batch, key):
    losses, (terms, _) = model.losses(params, batch, key)
    return losses["debiasing_vae"], terms


@pytest.mark.parametrize("debiased", [(), (1,), (0, 2)])
def test_loss_against_its_terms_an_image_at_a_time(debiased, key):  # (3)
    m = model(num_classes=3, debiased_classes=debiased, class_weight=7.0, beta=0.5, binarize=False)
    params, data = m.init(key), batch(6, 3)
    loss, _ = loss_of(m, params, data, key)
    q, logits = m.posterior_and_logits(params, data.images)
    _, key_z = jax.random.split(key)
    distortion = m.distortion(params, data.images, q.sample(key_z))
    rate, p = kl_to_standard_normal(q).sum(axis=1), m.classify(params, data.images)
    expected = 0.0
    for n, label in enumerate(np.asarray(data.labels)):
        expected += -7.0 * jnp.log(p[n, label]) / 6
        if not debiased or label in debiased:
            expected += (distortion[n] + 0.5 * rate[n]) / 6
    assert logits.shape == (6, 3)
    assert float(loss) == pytest.approx(float(expected), rel=1e-4)


def test_of_two_classes_the_classifier_is_a_single_logit(key):  # (2)
    m = model(num_classes=2, binarize=False)
    params, data = m.init(key), batch()
    features = m.apply(params, "encoder", data.images)
    assert features.shape == (6, 2 * 3 + 1)
    np.testing.assert_allclose(
        m.classify(params, data.images)[:, 1], jax.nn.sigmoid(features[:, -1]), rtol=1e-5
    )
    expected = optax.sigmoid_binary_cross_entropy(features[:, -1], data.labels).mean()
    np.testing.assert_allclose(
        genjax.classify(params, data.images), m.classify(params, data.images), rtol=1e-5
    )
    _, terms = loss_of(m, params, data, key)
    assert float(terms["cross_entropy"]) == pytest.approx(float(expected), rel=1e-5)


def test_of_the_undebiased_class_the_decoder_learns_nothing(key):
    m = model(num_classes=2, debiased_classes=(1,))
    params, images = m.init(key), batch().images

    def gradient(label):
        labels = jnp.full(6, label)
        grad = jax.grad(lambda p: loss_of(m, p, Batch(images, labels), key)[0])(params)
        return sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(grad.weights["decoder"]))

    assert gradient(0) == 0
    assert gradient(1) > 0


def test_it_learns_to_classify(key):
    data = blobs(200)
    m = small("debiasing_vae", num_classes=2, network="mlp")
    training = Training(epochs=20, optimizer=genjax.Optimizer(learning_rate=1e-2), batch_size=50)
    params = genjax.fit(m, data, key, training, progress=False)
    groups = replace(blobs(100, seed=1), attributes={GROUP: np.arange(100) % 2})
    result = genjax.evaluate(params, groups, key, num_samples=1, progress=False)
    assert result["accuracy"] > 0.9
    pair = [result["accuracy_group_0"], result["accuracy_group_1"]]
    assert np.mean(pair) == pytest.approx(result["accuracy"], abs=1e-6)
    assert result["worst_group_accuracy"] == min(pair)
    assert result["group_gap"] == pytest.approx(abs(pair[0] - pair[1]))
    assert "mig" not in result  # a group is no factor of the image
    one = replace(groups, attributes={GROUP: np.ones(100, int)})
    with pytest.raises(UserError, match="is of group 0"):
        genjax.evaluate(params, one, key, num_samples=1, progress=False)


def order_of(m, params, data, progress):
    return m.choose_order(params, data.images, data.labels, jax.random.key(3), progress)


@pytest.mark.parametrize("debiased", [(), (1,)])
def test_an_epoch_visits_every_image_in_the_warm_up_and_then_the_rare_more_often(debiased, key):
    data = blobs(300)
    m = model(num_classes=2, alpha=0.1, resampling_warmup=0.3, debiased_classes=debiased, bins=5)
    params = m.init(key)
    weights = params.weights | {
        "encoder": jax.tree.map(lambda w: 10 * w, params.weights["encoder"])
    }
    params = params.replace(weights=weights)  # latents that vary
    order, terms = order_of(m, params, data, 0.29)
    np.testing.assert_array_equal(np.sort(order), np.arange(300))
    assert {float(v.round(4)) for v in terms.values()} == {1.0}
    order, terms = order_of(m, params, data, 0.3)
    p = np.asarray(m.probabilities(params, data.images, data.labels, 0.3))
    counts = np.bincount(order, minlength=300)
    assert np.all(np.abs(counts - 300 * p) < 1.01)
    assert counts.max() > 1
    labels = np.asarray(data.labels)
    assert np.all(np.abs(np.bincount(labels[order]) - np.bincount(labels)) <= 1)
    if debiased:
        assert np.all(np.abs(300 * p[labels == 0] - 1) < 1e-3)
    assert float(terms["resampling_greatest"]) == pytest.approx(300 * p.max(), rel=1e-4)
    assert float(terms["resampling_effective"]) == pytest.approx(1 / (300 * (p**2).sum()), rel=1e-4)
    z = genjax.encode(params, data.images / 255.0)
    if not debiased:
        own = genjax.resampling_weights(
            params, data.images / 255.0, data.labels, alpha=0.1, bins=5, form="max"
        )
        np.testing.assert_allclose(p, own, rtol=1e-3)
        assert resampling.summarise_probabilities(jnp.asarray(own)).keys() == terms.keys()
    assert np.asarray(z).std() > 0.1


def test_without_resampling_it_is_the_base_classs_order(key):
    m, data = model(resampling="none", num_classes=2), blobs(50)
    order, terms = order_of(m, m.init(key), data, 0.9)
    np.testing.assert_array_equal(order, jax.random.permutation(jax.random.key(3), 50))
    assert terms == {}


def test_what_was_drawn_is_recorded(tmp_path, key):
    genjax.fit(
        small("debiasing_vae"), blobs(60), key, Training(epochs=2, batch_size=20),
        out=tmp_path / "run", progress=False,
    )  # fmt: skip
    for line in genjax.runs.run_folder.read_metrics(tmp_path / "run"):
        assert 0 < line["resampling_effective"] <= 1.001
        assert line["resampling_least"] <= 1.001
        assert line["resampling_greatest"] >= 0.999
    assert small("debiasing_vae").warnings({"resampling_effective": 0.9}) == []
    (warning,) = small("debiasing_vae").warnings({"resampling_effective": 1e-3})
    assert warning.name == "few images"
    assert "0.1%" in warning.advice


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alpha": -1.0}, "alpha is -1"),
        ({"bins": 1}, "bins is 1"),
        ({"num_classes": 1}, "num_classes is 1"),
        ({"class_weight": -1.0}, "class_weight is -1"),
        ({"resampling_warmup": 2.0}, "resampling_warmup is 2"),
        ({"resampling": "all"}, "resampling is 'all'"),
        ({"num_classes": 2, "debiased_classes": (2,)}, "below num_classes, 2"),
        ({"importance_samples": 2}, "importance_samples at 1"),
        ({"beta_weighs": "total_correlation", "debiased_classes": (1,)}, "beta_weighs at rate"),
    ],
)
def test_fields_that_cannot_be_used(fields, message):
    with pytest.raises(UserError, match=message):
        model(**fields).check()


@pytest.mark.parametrize(
    ("labels", "fields", "message"),
    [
        (np.arange(20), {}, "must be from 0 to 9. One for all of them has num_classes 20"),
        (np.arange(20) - 1, {"num_classes": 20}, "the labels are from -1 to 18"),
        (np.full(20, 3), {}, "all images are of one class, 3"),
        (np.arange(20) == 4, {"bins": 5}, "class 1 has 1 images, fewer than the 5 bins"),
        (np.arange(20) % 2, {"debiased_classes": (1, 7)}, r"debiased_classes hold \[7\]"),
    ],
)
def test_labels_that_cannot_be_trained_on(labels, fields, message, key):
    images = np.asarray(blobs(20).images)
    data = from_arrays(images, labels.astype(int))
    m = small("debiasing_vae", **fields)
    with pytest.raises(UserError, match=message):
        genjax.fit(m, data, key, Training(epochs=1), progress=False)


def test_too_few_images_are_no_matter_where_nothing_is_resampled():
    labels = np.array([0] * 9 + [1])
    model(bins=5, resampling="none").check_labels(labels)
    model(bins=5, debiased_classes=(0,)).check_labels(labels)


def test_accuracies_and_shares_of_groups_by_hand():
    right, groups = np.array([1, 0, 1, 1, 0, 0, 1.0]), np.array([0, 0, 0, 1, 1, 2, 0])
    assert group_accuracies(right, groups) == pytest.approx(
        {
            "accuracy_group_0": 0.75, "accuracy_group_1": 0.5, "accuracy_group_2": 0.0,
            "worst_group_accuracy": 0.0, "group_gap": 0.75,
        }
    )  # fmt: skip
    p = np.array([1, 1, 1, 2, 2, 3, 0]) / 10
    np.testing.assert_allclose(group_shares(p, groups), [0.3, 0.4, 0.3])
    with pytest.raises(UserError, match="is of group 1"):
        group_accuracies(np.ones(3), np.array([0, 2, 2]))


def real(split, count=3_000):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 28, 28, 1), np.uint8)
    labels = rng.integers(0, 10, count).astype(np.int32)
    return from_arrays(images, labels, tuple("0123456789"), "mnist", split)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", BIASED)
def test_groups_have_their_shares_in_every_class(name, split):
    source = real(split)
    data = add_bias(name, source)
    groups, about = data.attributes[GROUP], BIASED[name]
    shares = about.train if split == "train" else about.test
    assert groups.shape == (3_000,)
    for label in range(10):
        mine = groups[np.asarray(data.labels) == label]
        expected = np.array(shares) * len(mine) / 100
        assert np.all(np.abs(np.bincount(mine, minlength=len(shares)) - expected) <= 2.5)
    assert data.name == name
    assert data.checksum == add_bias(name, real(split)).checksum != source.checksum
    assert data.label_names == source.label_names
    np.testing.assert_array_equal(data.labels, source.labels)


def test_images_of_the_groups_are_what_they_are_called():
    source = real("test")
    before = np.asarray(source.images)
    for name in BIASED:
        data = add_bias(name, source)
        after, groups = np.asarray(data.images), data.attributes[GROUP]
        for n in (*np.flatnonzero(groups == 0)[:3], *np.flatnonzero(groups == 1)[:3]):
            image = before[n]
            if name == "mnist_rotated":
                expected = np.rot90(image) if groups[n] else image
            elif name == "fashion_rare":
                expected = image[::-1] if groups[n] else image
            else:
                colour = after[n].max(axis=(0, 1)) / 255
                expected = image * colour
                own = after[(groups == 0) & (np.asarray(data.labels) == source.labels[n])]
                same = np.allclose(own[0].max(axis=(0, 1)) / 255, colour, atol=0.1)
                assert same == (groups[n] == 0)
            np.testing.assert_allclose(after[n], expected, atol=2)
    n, m = (np.flatnonzero(groups == g)[0] for g in (2, 3))  # of fashion_rare
    np.testing.assert_array_equal(after[n], 255 - before[n])
    blocks = before[m].reshape(14, 2, 14, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(after[m, 7:21, 7:21, 0], blocks, atol=0.51)
    assert after[m].sum() == after[m, 7:21, 7:21].sum()


def test_the_share_of_conflicting_images_is_the_users(monkeypatch):
    monkeypatch.setattr("genjax.data.made.biased.load", lambda *arguments, **options: real("train"))
    data = genjax.data.load_coloured("train", conflicting=12.5)
    assert data.attributes[GROUP].mean() == pytest.approx(0.125, abs=10 / 3_000)  # an image a class
    assert "12.5% another colour" in data.source
    for value in (-1, 101, "5", np.nan):
        with pytest.raises(UserError, match="conflicting is"):
            genjax.data.load_coloured("train", conflicting=value)


def test_in_testing_the_colours_go_with_no_digit():
    data = add_bias("mnist_coloured_0.5", real("test"))
    labels, lit = np.asarray(data.labels), np.asarray(data.images).max(axis=(1, 2))
    colours, numbers = np.unique(lit > 60, axis=0, return_inverse=True)  # which channels are lit
    by_digit = [np.bincount(numbers[labels == k], minlength=len(colours)) for k in range(10)]
    shares = np.array(by_digit) / np.sum(by_digit, axis=1, keepdims=True)
    assert np.abs(shares - shares.mean(axis=0)).max() < 0.1
