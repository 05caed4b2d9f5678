"""Points in the plane: where they lie, and which models take them."""

import numpy as np
import pytest

import genjax
from genjax.cli.listing import OTHERS
from genjax.data.made.points import POINTS
from genjax.errors import UserError


def load(name, split="test"):
    dataset = genjax.data.load(name, split)
    assert dataset.image_shape == (1, 2, 1)
    return np.asarray(dataset.images).reshape(-1, 2) / 255, np.asarray(dataset.labels)


@pytest.mark.parametrize("name", POINTS)
def test_points_are_the_same_at_every_call_and_others_in_the_other_split(name):
    train, test = genjax.data.load(name), genjax.data.load(name, "test")
    assert (len(train), len(test)) == (20_000, 5_000)
    assert train.checksum == genjax.data.load(name).checksum
    assert not np.array_equal(train.images[:5000], test.images)
    assert sorted({*np.asarray(test.labels).tolist()}) == list(range(len(test.label_names)))
    assert name in OTHERS["data sets"]


def test_the_ring_is_eight_gaussians_at_even_angles():
    points, labels = load("ring")
    for k in range(8):
        cloud, angle = points[labels == k], np.pi * k / 4
        centre = [0.5 + 0.35 * np.cos(angle), 0.5 + 0.35 * np.sin(angle)]
        np.testing.assert_allclose(cloud.mean(0), centre, atol=5 * 0.02 / np.sqrt(len(cloud)))
        np.testing.assert_allclose(cloud.std(0), 0.02, rtol=0.15)
        assert 500 < len(cloud) < 750


def test_the_moons_are_point_reflections_of_one_another_and_do_not_touch():
    points, labels = load("two_moons")
    upper, lower = points[labels == 0], points[labels == 1]
    np.testing.assert_allclose(upper.mean(0), 1 - lower.mean(0), atol=0.02)
    distances = np.linalg.norm(upper[:500, None] - lower[None, :500], axis=-1)
    assert distances.min() > 0.02


def test_a_turn_of_the_spiral_takes_it_outwards_by_its_radius():
    points, labels = load("spiral")
    x, y = (points - 0.5).T
    turns = np.arctan2(y, x) / (2 * np.pi) - labels / 2
    excess = np.hypot(x, y) / 0.35 - turns  # whole numbers of turns
    assert np.abs(excess - np.rint(excess)).max() < 0.35


def test_the_checkerboard_is_even_on_every_other_square():
    points, labels = load("checkerboard")
    inside = np.all((np.abs(4 * points % 1 - 0.5) < 0.45), axis=1)  # bytes at an edge are rounded
    column, row = np.floor(4 * points[inside]).astype(int).T
    assert set((row + column) % 2) == {0}
    assert set(labels[inside] - 2 * row - column // 2) == {0}
    assert np.bincount(labels).min() > 500


def test_models_of_dense_layers_take_points_and_those_of_convolutions_say_no():
    for model in (
        genjax.VAE(network="mlp", hidden=(4,), latent_dim=2, likelihood="gaussian"),
        genjax.GAN(hidden=(4,), discriminator_hidden=(4,), latent_dim=2),
        genjax.FlowMatching(network="mlp", hidden=(4,)),
        genjax.MADE(hidden=(4,), levels=256),
    ):
        model.for_images((1, 2, 1)).check()
    for model in (genjax.VAE(), genjax.DCGAN(), genjax.FlowMatching(), genjax.RealNVP()):
        with pytest.raises(UserError, match="images must be at least 8x8"):
            model.for_images((1, 2, 1)).check()
