"""Inputs and settings that once went wrong in models, with the right values."""

import json
import os
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.distributions import Normal, kl_to_standard_normal
from genjax.model import Batch, from_json, to_json
from tests.helpers import blobs, same, small

SHAPE = (8, 8, 1)
MLP = {"image_shape": SHAPE, "network": "mlp", "hidden": (8,), "latent_dim": 2}
DATA = blobs(12)
BATCH = Batch(DATA.images / jnp.float32(255), DATA.labels)
NARROW = [-60.0, -88.0, -90.0, -110.0]


def narrow(log_scale, key, **fields):
    """A VAE whose encoder gives that log sigma for every image."""
    params = genjax.VAE(**MLP, **fields).init(key)
    encoder = dict(params.weights["encoder"])
    last = {name: jnp.zeros_like(leaf) for name, leaf in encoder["Dense_1"].items()}
    last["bias"] = jnp.array([0.3, -2.0, log_scale, log_scale])
    return params.replace(weights=params.weights | {"encoder": encoder | {"Dense_1": last}})


@pytest.mark.parametrize("log_scale", NARROW)
def test_the_rate_of_a_narrow_posterior_has_its_slope(log_scale):
    def rate(log_scale):
        return jnp.sum(kl_to_standard_normal(Normal.from_log_scale(jnp.zeros(2), log_scale)))

    value, slope = jax.value_and_grad(rate)(jnp.full(2, log_scale))
    np.testing.assert_allclose(slope, -1.0, atol=1e-6)
    np.testing.assert_allclose(value, -2 * log_scale - 1, rtol=1e-6)  # of -110: 219


@pytest.mark.parametrize("log_scale", NARROW)
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"beta": 0.0},
        {"warmup": 1.0},
        {"importance_samples": 3},
        {"beta_weighs": "total_correlation", "beta": 4.0},
    ],
    ids=str,
)
def test_losses_and_gradients_of_a_narrow_posterior_are_finite(log_scale, fields, key):
    params = narrow(log_scale, key, **fields)

    def loss(weights):
        return params.model.losses(params.replace(weights=weights), BATCH, key)[0]["vae"]

    value, gradient = jax.value_and_grad(loss)(params.weights)
    assert np.isfinite(value)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradient))
    if not fields:
        slope = gradient["encoder"]["Dense_1"]["bias"][2:]
        np.testing.assert_allclose(slope, -1.0, atol=1e-3)


@pytest.mark.parametrize("log_scale", NARROW)
def test_importance_weights_of_a_narrow_posterior(log_scale, key):
    params = narrow(log_scale, key)
    model = params.model
    log_w = model.log_weights(params, BATCH.images, key, 4)
    epsilon = np.asarray(jax.random.normal(key, (4 * 12, 2)))
    z = jnp.broadcast_to(jnp.array([0.3, -2.0]), (4 * 12, 2))  # the draws, to float32
    log_q = np.sum(-0.5 * epsilon**2 - log_scale - 0.5 * np.log(2 * np.pi), axis=1)
    log_prior = np.sum(-0.5 * np.asarray(z) ** 2 - 0.5 * np.log(2 * np.pi), axis=1)
    distortion = model.distortion(params, jnp.tile(BATCH.images, (4, 1, 1, 1)), z)
    np.testing.assert_allclose(log_w.ravel(), log_prior - distortion - log_q, rtol=1e-4)


def test_numbers_from_numpy_count_and_become_pythons(key):
    model = genjax.VAE(
        image_shape=np.array([8, 8, 1]),
        network="mlp",
        latent_dim=np.int64(2),
        hidden=np.array([8, 4]),
        beta=np.float32(0.5),
        binarize=np.bool_(False),
        warmup=jnp.float32(0.25),
    )
    assert (model.image_shape, model.hidden) == ((8, 8, 1), (8, 4))
    assert [type(v) for v in (model.latent_dim, model.beta, model.binarize, model.warmup)] == [
        int, float, bool, float,
    ]  # fmt: skip
    assert from_json(json.loads(json.dumps(to_json(model)))) == model
    assert model.init(key).model == model


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"binarize": "no"}, "binarize is 'no', but must be True or False"),
        ({"binarize": 1}, "binarize is 1, but must be True or False"),
        ({"hidden": 8}, r"hidden is 8, but must be a tuple of whole numbers.*such as \(8, 16\)"),
        ({"hidden": (8.0,)}, "hidden is"),
        ({"hidden": "8"}, "hidden is '8'"),
        ({"latent_dim": True}, "latent_dim is True"),
        ({"latent_dim": 10**9}, "latent_dim is 1000000000, .* at most"),
        ({"latent_dim": np.float32(2)}, "latent_dim is 2.0, but must be a whole number"),
        ({"beta": True}, "beta is True, but must be a finite number"),
        ({"beta": np.nan}, "beta is nan"),
        ({"image_shape": (8.0, 8, 1)}, r"image_shape is \(8.0, 8, 1\)"),
        ({"image_shape": 28}, "image_shape is 28"),
        ({"image_shape": (100_000, 100_000, 1)}, "at most 16384 a side"),
    ],
)
def test_fields_of_another_type_are_refused_in_words(fields, message, key):
    with pytest.raises(genjax.UserError, match=message):
        genjax.VAE(**(MLP | fields)).init(key)


def test_thousands_of_layers_are_refused_quickly(key):
    began = time.monotonic()
    model = from_json(to_json(genjax.VAE(**MLP)) | {"hidden": [8] * 3000})
    with pytest.raises(genjax.UserError, match="at most 256 numbers"):
        model.init(key)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "spec", [{"name": ["vae"]}, {"name": None}, {}, [], "vae", {"name": {"a": 1}}]
)
def test_specifications_that_are_none_are_refused_in_words(spec):
    with pytest.raises(genjax.UserError, match="not the specification of a model"):
        from_json(spec)


@pytest.mark.parametrize("name", ["vae", "autoencoder", "vae_gan"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_images_of_another_shape_are_refused(name, network, key):
    params = small(name, image_shape=SHAPE, network=network).init(key)
    for shape in [(2, 4, 16, 1), (2, 8, 8, 3), (2, 9, 8, 1), (8, 8, 1)]:
        for function in (genjax.encode, genjax.reconstruct):
            with pytest.raises(genjax.UserError, match="shape"):
                function(params, jnp.zeros(shape))


def test_bytes_and_floats_are_the_same_images(key):
    params = small("vae", image_shape=SHAPE).init(key)
    of_bytes = genjax.encode(params, DATA.images)
    np.testing.assert_array_equal(of_bytes, genjax.encode(params, DATA.images / 255.0))


def diversity(images, key, params):
    diagnose = jax.jit(params.model.diagnose)
    return float(diagnose(params, jnp.asarray(images), key)["diversity"])


def test_diversity_is_that_of_the_distribution_of_the_data(key):
    """Whatever the order of the images, and however often each is there."""
    params = small("gan", image_shape=SHAPE).init(key)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (128, *SHAPE), np.uint8)
    plain = diversity(images, key, params)
    assert diversity(np.repeat(images, 2, axis=0), key, params) == pytest.approx(plain, rel=0.3)
    assert diversity(images / np.float32(255), key, params) == pytest.approx(plain, rel=1e-3)
    near = np.clip(100 + rng.integers(-3, 4, (150, *SHAPE)), 0, 255).astype(np.uint8)
    sorted_by_class = np.concatenate([near, rng.integers(0, 256, (150, *SHAPE), np.uint8)])
    mixed = sorted_by_class[rng.permutation(300)]
    assert diversity(sorted_by_class, key, params) == pytest.approx(
        diversity(mixed, key, params), rel=0.3
    )
    assert np.isfinite(diversity(np.repeat(images[:1], 9, axis=0), key, params))


SCRIPT = """
import sys, jax, jax.numpy as jnp, genjax
from genjax.model import Batch, find_models
from genjax.testing import draw_blobs
assert jnp.zeros(1, float).dtype == "float64"
data, key = draw_blobs(16), jax.random.key(3)
batch = Batch(jnp.asarray(data.images, jnp.float32) / 255, data.labels)

def types(tree):
    return {str(leaf.dtype) for leaf in jax.tree.leaves(tree)}

def losses(model, key):
    params = model.init(key)
    return params, model.losses(params, batch, model.draw_noise(batch, key))

for name, cls in find_models().items():
    model = cls.smallest().for_images((8, 8, 1))
    assert types(jax.eval_shape(lambda key: losses(model, key), key)) == {"float32"}, name
    params = jax.eval_shape(model.init, key)
    order = jax.eval_shape(model.choose_order, params, data.images, data.labels, key, 1.0)
    diagnosed = jax.eval_shape(model.diagnose, params, data.images, key)
    assert types((order, diagnosed)) <= {"float32", "int32"}, name
model = find_models()["gan"].smallest()
training = genjax.Training(epochs=1, batch_size=8)
params = genjax.fit(model, data, key, training, progress=False)
assert types((params, genjax.sample(params, key, 2))) == {"float32"}
genjax.save(sys.argv[1], model.for_images((8, 8, 1)).init(key))
genjax.load(sys.argv[1])
"""


def test_with_64_bits_weights_are_float32_and_runs_go_on(tmp_path):
    path = str(tmp_path / "gan.npz")
    environment = os.environ | {"JAX_ENABLE_X64": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, path],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = small("gan", image_shape=SHAPE).init(jax.random.key(3))
    assert same(genjax.load(path), expected)  # the same weights as without
