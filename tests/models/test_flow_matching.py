"""Flow matching of images: bytes, classes, guidance and likelihood against values by hand."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import genjax
from genjax.errors import MissingCapability, UserError
from genjax.model import Batch, CanDecode, Params
from genjax.models import FlowMatching
from tests.helpers import blobs

SHAPE = (8, 8, 1)
MODEL = FlowMatching(SHAPE, network="mlp", hidden=(8,), num_steps=4)


@dataclass(frozen=True)
class Drift(FlowMatching):
    """Moves every pixel by 0 of an unknown class, and by (1 + k) / 10 of class k."""

    _registered_name = "drift"

    def velocity(self, params, x, t, y):
        speed = y @ jnp.arange(1.0, 1.0 + self.num_classes) / 10
        return jnp.broadcast_to(speed[:, None, None, None], x.shape)


def drift(**fields):
    return Params({}, {}, Drift(SHAPE, num_steps=3, **fields))


def to_image(x):
    """The image of x in [-1, 1]: y = (x + 1) / 2 lies in byte floor(256 y)."""
    return (256 * (x + 1) / 2 - 0.5) / 255


def test_every_byte_comes_back_from_its_part_of_the_interval(key):
    images = jnp.tile(jnp.arange(256) / 255, (30, 1)).reshape(-1, 8, 8, 1)
    x = MODEL.dequantize(images, key)
    assert x.min() >= -1
    assert x.max() <= 1
    np.testing.assert_array_equal(np.floor(128 * (x + 1)), np.round(255 * images))
    image = np.clip(to_image(np.asarray(x)), 0, 1)
    np.testing.assert_array_equal(np.round(255 * image), np.round(255 * images))
    assert np.std(128 * (x + 1) - 255 * images) == pytest.approx(12**-0.5, rel=0.03)  # of U(0, 1)


def test_latents_are_decoded_along_the_velocity_of_their_class():
    z = jnp.linspace(-0.5, 0.5, 128).reshape(2, 64)
    params = drift(num_classes=3)
    still, moved = genjax.decode(params, z), genjax.decode(params, z, labels=[0, 2])
    np.testing.assert_allclose(still.reshape(2, -1), to_image(z), atol=1e-5)
    expected = to_image(z + np.array([[0.1], [0.3]]))
    np.testing.assert_allclose(moved.reshape(2, -1), expected, atol=1e-5)


def test_guidance_goes_beyond_the_class():
    z = jnp.zeros((2, 64))
    params = drift(num_classes=3, guidance=2.5)
    moved = genjax.decode(params, z, labels=[0, 2])
    np.testing.assert_allclose(moved[:, 0, 0, 0], to_image(2.5 * np.array([0.1, 0.3])), atol=1e-5)
    still = genjax.decode(params, z)  # of no class: nothing to guide to
    np.testing.assert_allclose(still, to_image(0.0), atol=1e-5)


def test_classes_are_drawn_evenly_without_labels(key):
    params = drift(num_classes=2)
    z = params.model.sample_latents(params, jax.random.split(key)[0], 400)
    moved = (genjax.sample(params, key, 400).reshape(400, -1) - to_image(z))[:, 0]
    inside = np.abs(z[:, 0]) < 0.5  # nothing was clipped
    shares = np.bincount(np.round(moved[inside] * 255 / 12.8).astype(int)) / inside.sum()
    np.testing.assert_allclose(shares, [0, 0.5, 0.5], atol=0.1)


def test_the_class_of_some_training_images_is_hidden(key, monkeypatch):
    model, seen = replace(MODEL, num_classes=2, label_dropout=0.25), []

    def velocity(self, params, x, t, y):
        seen.append(np.asarray(y))
        return x

    monkeypatch.setattr(FlowMatching, "velocity", velocity)
    labels = jnp.arange(1_000) % 2
    model.losses(Params({}, {}, model), Batch(jnp.zeros((1_000, *SHAPE)), labels), key)
    hidden = seen[0].sum(axis=1) == 0
    assert hidden.mean() == pytest.approx(0.25, abs=0.04)
    np.testing.assert_array_equal(seen[0][~hidden].argmax(axis=1), labels[~hidden])


def test_the_likelihood_of_standing_still_is_that_of_the_noise(key):
    """With v = 0, y = (x + 1) / 2 of x ~ N(0, I): a byte has about the density of y over 256."""
    data = blobs(9)
    result = genjax.evaluate(drift(), data, key, per_image=True, progress=False)
    low = (data.images.astype(float) / 128) - 1
    cells = np.diff(scipy.stats.norm.cdf([low, low + 1 / 128]), axis=0)[0]
    expected = -np.log(cells).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(result["per_image"]["nll"], expected, rtol=2e-3)
    bits = result["nll"] / (64 * np.log(2))
    assert result["bits_per_dim"] == pytest.approx(bits, rel=1e-5)
    assert result["nll_noise"] == pytest.approx(0, abs=1e-3)
    assert result["record"]["nll"] == "estimate"


def test_the_noise_of_a_likelihood_is_told(key):
    params = genjax.init(MODEL, key)
    params = params.replace(weights=jax.tree.map(lambda w: w + 0.1, params.weights))
    images = blobs(5).images / 255.0
    draws = MODEL.estimate_log_prob(params, images, key)
    assert draws.shape == (2, 5)
    assert np.all(draws[0] != draws[1])
    result = genjax.evaluate(params, blobs(5), key, per_image=True, progress=False)
    assert np.all(result["per_image"]["nll_noise"] > 0)


def test_a_sample_is_its_decoded_latents(key):
    params = genjax.init(MODEL, key)
    z = MODEL.sample_latents(params, jax.random.split(key)[0], 3)
    np.testing.assert_allclose(genjax.sample(params, key, 3), genjax.decode(params, z), atol=1e-6)
    assert isinstance(MODEL, CanDecode)
    assert MODEL.latent_dim == 64


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"guidance": 2.0}, "guidance is 2.0, but the model knows no classes"),
        ({"guidance": -1.0, "num_classes": 2}, "guidance is -1.0, but must be at least 0"),
        ({"label_dropout": 0.0}, "label_dropout is 0.0"),
        ({"widths": (), "network": "unet"}, "at least one scale"),
        ({"image_shape": (1, 1, 1), "network": "unet"}, "must be at least 8x8"),
        ({"first_stride": 3}, "first_stride is 3"),
        ({"solver": "rk4"}, "solver is 'rk4'"),
    ],
)
def test_fields_that_cannot_be_used_are_refused(fields, message, key):
    with pytest.raises(UserError, match=message):
        genjax.init(replace(MODEL, **fields), key)


def test_what_a_flow_cannot_do_is_refused_in_words(key):
    params = genjax.init(MODEL, key)
    with pytest.raises(MissingCapability, match="cannot encode images into latents"):
        genjax.encode(params, blobs(2).images)
    with pytest.raises(MissingCapability, match="num_classes"):
        genjax.sample(params, key, 2, labels=1)
    with pytest.raises(UserError, match="num_classes is 2"):
        genjax.sample(drift(num_classes=2), key, 2, labels=2)
