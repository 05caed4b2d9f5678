"""The specification of a model: hashable, to JSON and back, and clear about what is wrong."""

import json
from dataclasses import dataclass

import jax
import pytest

import genjax
from genjax.errors import UserError
from genjax.model import MODELS, Model, from_json, register, registered_name, to_json
from tests.helpers import NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_model_survives_json(name):
    model = MODELS[name](image_shape=(9, 8, 3))
    restored = from_json(json.loads(json.dumps(to_json(model))))
    assert restored == model
    assert hash(restored) == hash(model)  # tuples again, or jit would compile anew


def test_unknown_names_and_fields_are_named():
    with pytest.raises(UserError, match=r"no model is named 'vea'.*autoencoder.*vae"):
        from_json({"name": "vea"})
    with pytest.raises(
        UserError, match=r"vae has no field latent_dims; its fields are.*latent_dim"
    ):
        from_json({"name": "vae", "latent_dims": 3})


def test_two_models_cannot_share_a_name():
    with pytest.raises(ValueError, match="registered already"):
        register("vae")(Model)


def test_an_unregistered_model_is_told_what_to_do():
    @dataclass(frozen=True)
    class Mine(Model):
        pass

    with pytest.raises(UserError, match="Mine is not a registered model: put @register"):
        registered_name(Mine())


@pytest.mark.parametrize(
    ("image_shape", "message"),
    [
        ((), r"must be \(height, width, channels\)"),
        ((28, 28), r"must be \(height, width, channels\)"),
        ((7, 28, 1), "at least 8x8"),
        ((28, 28, 0), "at least 8x8 with one channel"),
    ],
)
def test_bad_image_shapes_are_refused(image_shape, message, key):
    with pytest.raises(UserError, match=message):
        genjax.init(genjax.VAE(image_shape=image_shape), key)


@pytest.mark.parametrize(
    "bad",
    [
        {"latent_dim": 0},
        {"hidden": (16, -1)},
        {"kernel_size": 2.5},
        {"scale": 0.0},
        {"scale": float("inf")},
        {"beta": -1.0},
        {"likelihood": "Bernoulli"},
        {"network": "cnn"},
        {"activation": "rleu"},
    ],
)
def test_impossible_fields_are_refused(bad, key):
    with pytest.raises(UserError, match=f"{next(iter(bad))} is .*, but"):
        genjax.init(genjax.VAE(image_shape=(8, 8, 1), **bad), key)


def test_lists_become_tuples_and_whole_numbers_may_stand_for_others(key):
    model = genjax.VAE(image_shape=[8, 8, 1], channels=[2], hidden=[4], beta=0)
    assert model.channels == (2,)
    assert model.init(key).model == model


def test_without_convolutions_a_conv_network_is_a_dense_one(key):
    params = genjax.init(genjax.VAE(image_shape=(9, 8, 1), channels=(), hidden=(4,)), key)
    assert genjax.sample(params, key, 2).shape == (2, 9, 8, 1)


def test_image_shape_comes_from_the_data_unless_it_is_set():
    assert genjax.VAE().for_images((9, 9, 3)).image_shape == (9, 9, 3)
    with pytest.raises(UserError, match=r"\(8, 8, 1\), but the data set's are \(9, 9, 3\)"):
        genjax.VAE(image_shape=(8, 8, 1)).for_images((9, 9, 3))


def test_params_are_a_pytree_with_a_static_model(key):
    params = genjax.init(genjax.VAE(image_shape=(8, 8, 1), channels=(2,), hidden=(4,)), key)
    doubled = jax.tree.map(lambda x: 2 * x, params)
    assert doubled.model == params.model
    assert jax.tree.structure(doubled) == jax.tree.structure(params)
