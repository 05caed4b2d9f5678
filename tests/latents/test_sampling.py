"""Encoding and decoding, against direct use of the model's parts."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.model import MODELS, Model
from tests.helpers import blobs, small

IMAGES = jnp.asarray(blobs(5).images / np.float32(255))


@pytest.fixture(scope="module")
def params():
    return small("vae", image_shape=(8, 8, 1), network="mlp").init(jax.random.key(0))


def test_reconstruct_is_decode_of_encode(params):
    z = genjax.encode(params, IMAGES)
    assert z.shape == (5, 3)
    np.testing.assert_allclose(
        genjax.reconstruct(params, IMAGES), genjax.decode(params, z), atol=1e-6
    )


def test_many_images_are_encoded_like_few(params):
    many = jnp.tile(IMAGES, (223, 1, 1, 1))[:1111]
    np.testing.assert_allclose(
        genjax.encode(params, many)[1050:], genjax.encode(params, many[1050:]), atol=1e-5
    )


def test_a_model_without_the_part_says_which_have_it(monkeypatch, key):
    @dataclass(frozen=True)
    class Blind(Model):
        pass

    monkeypatch.setitem(MODELS, "blind", Blind)
    genjax.register("blind")(Blind)
    params = genjax.Params({}, {}, Blind(image_shape=(8, 8, 1)))
    with pytest.raises(TypeError, match=r"'blind' cannot encode images.*autoencoder, vae"):
        genjax.reconstruct(params, IMAGES)
