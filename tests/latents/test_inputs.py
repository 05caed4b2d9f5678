"""What enters the functions on latents: bytes, labels, and what is refused in words."""

import inspect
import re
from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.errors import MissingCapability, UserError
from genjax.latents.mixture import GaussianMixture
from genjax.model import MODELS
from genjax.model.random_keys import as_key
from tests.helpers import blobs, small

BYTES = np.asarray(blobs(30).images)
FLOATS = BYTES / np.float32(255)
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def vae():
    return genjax.init(small("vae", image_shape=(8, 8, 1), network="mlp"), KEY)


@pytest.fixture(scope="module")
def gan():
    return genjax.init(small("gan", image_shape=(8, 8, 1), latent_dim=3, num_classes=2), KEY)


@pytest.fixture(scope="module")
def classifier():
    return genjax.init(small("debiasing_vae", image_shape=(8, 8, 1), num_classes=3), KEY)


USES = {
    "encode": lambda p, x: genjax.encode(p, x),
    "reconstruct": lambda p, x: genjax.reconstruct(p, x),
    "classify": lambda p, x: genjax.classify(p, x),
    "score": lambda p, x: genjax.score(p, x),
    "invert": lambda p, x: genjax.invert(p, x, KEY, starts=1, steps=2),
    "latent_use": lambda p, x: genjax.latent_use(p, x, KEY).amount,
    "fit_density": lambda p, x: genjax.fit_density(p, x, KEY, 1).loc,
    "attribute_vector": lambda p, x: genjax.attribute_vector(p, x[:3], x[3:]),
    "resampling_weights": lambda p, x: genjax.resampling_weights(p, x, bins=2),
}


@pytest.fixture
def params_for(vae, gan, classifier):
    loud = jax.tree.map(lambda w: 5 * w, vae.weights["encoder"])  # whose latents vary
    vae = vae.replace(weights=vae.weights | {"encoder": loud})
    return lambda use: {"score": gan, "classify": classifier}.get(use, vae)


@pytest.mark.parametrize("use", USES)
def test_bytes_are_the_same_images_and_others_are_refused(use, params_for):
    params, call = params_for(use), USES[use]
    np.testing.assert_allclose(call(params, BYTES), call(params, FLOATS), rtol=1e-4, atol=1e-5)
    refused = [BYTES * 1.0, np.full_like(FLOATS, np.nan), BYTES.astype(np.int32), FLOATS[..., 0],
               FLOATS[:, :4], np.repeat(FLOATS, 3, axis=3)]  # fmt: skip
    for images in refused:
        with pytest.raises(UserError, match="images"):
            call(params, images)


@pytest.mark.parametrize("use", [use for use in USES if use != "fit_density"])
def test_no_images_are_refused(use, params_for):
    with pytest.raises(UserError, match="there are no images"):
        USES[use](params_for(use), FLOATS[:0])


def test_latents_of_another_shape_are_refused(vae):
    for z in (np.zeros((2, 4)), np.zeros(3), np.zeros((0, 3)), np.zeros((2, 2, 3))):
        with pytest.raises(UserError, match=r"latents have the shape .* \[N, 3\]"):
            genjax.decode(vae, z)
    with pytest.raises(UserError, match=r"A single latent is z\[None\]"):
        genjax.interpolate(vae, np.zeros(3), np.zeros((1, 3)))
    with pytest.raises(UserError, match="must be from 0 to 2: the model has 3 latents"):
        genjax.traverse(vae, jnp.zeros(3), dimensions=[0, 3])
    with pytest.raises(UserError, match="must be from 0 to 2"):
        genjax.plane(vae, jnp.zeros(3), jnp.array([-1, 0]), jnp.zeros(2), jnp.zeros(2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"starts": 0}, "starts is 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"scale": 0.0}, "scale is 0"),
    ],
)
def test_senseless_options_of_invert(vae, options, message):
    with pytest.raises(UserError, match=message):
        genjax.invert(vae, FLOATS, KEY, **options)


@pytest.mark.parametrize("num", [0, -1])
def test_senseless_numbers(vae, num):
    for call in (
        lambda: genjax.sample(vae, KEY, num),
        lambda: genjax.interpolate(vae, jnp.zeros((1, 3)), jnp.ones((1, 3)), num),
        lambda: genjax.traverse(vae, jnp.zeros(3), num=num),
        lambda: genjax.pca(np.zeros((5, 3)), num),
    ):
        with pytest.raises(UserError, match=f"num is {num!r}"):
            call()


def test_weights_that_are_not_finite_have_no_density(vae):
    broken = vae.replace(weights=jax.tree.map(lambda w: w * jnp.nan, vae.weights))
    with pytest.raises(UserError, match="not finite: it has diverged"):
        genjax.fit_density(broken, FLOATS, KEY)


# --- labels ---------------------------------------------------------------------------------------


class Conditional(nn.Module):
    """A dense layer over its input and the classes."""

    outputs: int

    @nn.compact
    def __call__(self, x, labels):
        x = jnp.concatenate([x.reshape(len(x), -1), jax.nn.one_hot(labels, 3)], axis=1)
        return nn.Dense(self.outputs)(x)


@dataclass(frozen=True)
class LabelledVAE(genjax.VAE):
    """A VAE that is told the classes of the images."""

    num_classes: int = 3
    needs: bool = False

    def networks(self):
        label = jax.ShapeDtypeStruct((), jnp.int32)
        return {
            "encoder": (Conditional(2 * self.latent_dim), self.image_shape, label),
            "decoder": (Conditional(64), (self.latent_dim,), label),
        }

    def encode(self, params, images, labels):
        return self.apply(params, "encoder", images, labels)[:, : self.latent_dim]

    posterior = None
    latent_rate = None

    def decode(self, params, z, labels=None):
        labels = jnp.zeros(len(z), jnp.int32) if labels is None else labels
        return jax.nn.sigmoid(self.apply(params, "decoder", z, labels)).reshape(-1, 8, 8, 1)


@pytest.fixture
def labelled(monkeypatch):
    monkeypatch.setitem(MODELS, "labelled", LabelledVAE)
    genjax.register("labelled")(LabelledVAE)
    return genjax.init(LabelledVAE(image_shape=(8, 8, 1), latent_dim=2), KEY)


def test_labels_reach_the_methods_that_take_them(labelled):
    model, labels = labelled.model, np.arange(30) % 3
    z = genjax.encode(labelled, BYTES, labels)
    np.testing.assert_allclose(z, model.encode(labelled, FLOATS, labels), atol=1e-5)
    images = genjax.decode(labelled, z, labels)
    np.testing.assert_allclose(images, model.decode(labelled, z, labels), atol=1e-5)
    np.testing.assert_allclose(genjax.reconstruct(labelled, BYTES, labels), images, atol=1e-5)
    np.testing.assert_allclose(
        genjax.decode(labelled, z, 1), model.decode(labelled, z, 0 * labels + 1), atol=1e-5
    )
    drawn = genjax.sample(labelled, KEY, 4, labels=[0, 1, 2, 2])
    z = model.sample_latents(labelled, KEY, 4)
    expected = model.decode(labelled, z, jnp.array([0, 1, 2, 2]))
    np.testing.assert_allclose(drawn, expected, atol=1e-5)
    use = genjax.latent_use(labelled, BYTES, KEY, labels)
    assert use.measure == "variance"
    assert genjax.fit_density(labelled, BYTES, KEY, 1, labels).loc.shape == (1, 2)


def test_labels_reach_every_walk_through_latent_space(labelled):
    """Each walk shows what `decode` shows of its latents and this class; and another class's."""
    z = genjax.encode(labelled, BYTES, np.arange(30) % 3)[:2]
    ends = genjax.decode(labelled, z, [2, 0]), genjax.decode(labelled, z + 1, [2, 0])
    paths = genjax.interpolate(labelled, z, z + 1, 3, labels=[2, 0])
    np.testing.assert_allclose(paths[:, [0, 2]], np.stack(ends, axis=1), atol=1e-5)
    moved = genjax.shift(labelled, z, jnp.ones(2), jnp.array([0.0, 1.0]), np.array([2, 0]))
    np.testing.assert_allclose(moved, np.stack(ends, axis=1), atol=1e-5)
    rows = genjax.traverse(labelled, z[0], 0.0, 1, center=z[0], labels=2)
    np.testing.assert_allclose(rows[:, 0], np.stack([ends[0][0]] * 2), atol=1e-5)
    middle = genjax.manifold(labelled, 1, labels=2)[0, 0]
    np.testing.assert_allclose(middle, genjax.decode(labelled, jnp.zeros((1, 2)), 2)[0], atol=1e-5)
    assert not np.allclose(middle, genjax.manifold(labelled, 1)[0, 0])
    direction = genjax.attribute_vector(labelled, BYTES[:2], BYTES[2:4], 1, 2)
    means = [genjax.encode(labelled, BYTES[i : i + 2], y).mean(0) for i, y in ((0, 1), (2, 2))]
    np.testing.assert_allclose(direction, means[0] - means[1], atol=1e-5)


def test_walks_of_a_gan_that_knows_classes_keep_to_the_class():
    params = small("gan", image_shape=(8, 8, 1), num_classes=2).init(KEY)
    z = jax.random.normal(KEY, (4, params.model.latent_dim))
    paths = genjax.interpolate(params, z, -z, 3, labels=[0, 1, 0, 1])
    of_class = params.model.condition_latents(z, jnp.array([0, 1, 0, 1]))
    np.testing.assert_allclose(paths[:, 0], genjax.decode(params, of_class), atol=1e-5)
    with pytest.raises(UserError, match="there are 3 labels for 4"):
        genjax.interpolate(params, z, -z, labels=[0, 1, 0])
    unlabelled = small("gan", image_shape=(8, 8, 1)).init(KEY)
    with pytest.raises(MissingCapability, match="labels need a model with num_classes"):
        genjax.traverse(unlabelled, z[0], labels=1)
    with pytest.raises(MissingCapability, match="labels need a model with num_classes"):
        genjax.score(unlabelled, BYTES, 1)


def test_labels_that_are_refused(labelled, vae):
    with pytest.raises(MissingCapability, match="labels need a model with num_classes"):
        genjax.interpolate(vae, jnp.zeros((1, 3)), jnp.ones((1, 3)), labels=1)
    with pytest.raises(UserError, match="LabelledVAE needs the labels of the images to encode"):
        genjax.encode(labelled, BYTES)
    with pytest.raises(UserError, match="from 0 to 2"):
        genjax.encode(labelled, BYTES, np.full(30, 3))
    with pytest.raises(UserError, match="there are 4 labels for 30"):
        genjax.encode(labelled, BYTES, np.zeros(4, int))
    with pytest.raises(MissingCapability, match="VAE takes no labels to encode"):
        genjax.encode(vae, BYTES, np.zeros(30, int))
    with pytest.raises(MissingCapability, match="labels need a model with num_classes"):
        genjax.sample(vae, KEY, labels=1)


# --- a prior of its own ---------------------------------------------------------------------------


@dataclass(frozen=True)
class FarPrior(genjax.VAE):
    """A VAE whose latents lie around 5."""

    def sample_latents(self, params, key, num, temperature=1.0):
        return 5 + temperature * jax.random.normal(key, (num, self.latent_dim))

    def rate(self, q):
        return jnp.sum(0.5 * ((q.loc - 5) ** 2 + q.scale**2 - 1) - jnp.log(q.scale), axis=1)


def test_every_tool_draws_from_the_models_own_prior(monkeypatch):
    monkeypatch.setitem(MODELS, "far", FarPrior)
    genjax.register("far")(FarPrior)
    model = FarPrior(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    params = genjax.init(model, KEY)
    z = 5 + jax.random.normal(KEY, (4, 2))
    expected = genjax.decode(params, z)
    np.testing.assert_allclose(genjax.sample(params, KEY, 4), expected, atol=1e-5)
    np.testing.assert_allclose(genjax.sample(params, KEY, 4, temperature=1.0), expected, atol=1e-5)
    use = genjax.latent_use(params, FLOATS, KEY)  # its rate is another, and none by latent
    assert use.measure == "variance"
    found = genjax.invert(params, expected, KEY, starts=1, steps=1, learning_rate=0.0)
    np.testing.assert_allclose(found, z, atol=1e-5)


@dataclass(frozen=True)
class WrongRate(genjax.VAE):
    """A VAE that tells the rates of more latents than it encodes."""

    def latent_rate(self, params, images, key):
        return jnp.zeros((len(images), 7))


def test_rates_of_other_latents_are_refused(monkeypatch):
    monkeypatch.setitem(MODELS, "wrong_rate", WrongRate)
    genjax.register("wrong_rate")(WrongRate)
    params = genjax.init(
        WrongRate(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,)), KEY
    )
    with pytest.raises(UserError, match="gives 7 latents, but its encoder 2"):
        genjax.latent_use(params, FLOATS, KEY)


# --- keys -----------------------------------------------------------------------------------------


def test_a_whole_number_and_an_old_key_stand_for_a_key(vae):
    expected = genjax.sample(vae, KEY, 2)
    for key in (0, jax.random.PRNGKey(0)):
        np.testing.assert_array_equal(genjax.sample(vae, key, 2), expected)
    for key in (-1, 2**40, jax.random.split(KEY, 2)):
        with pytest.raises((UserError, TypeError), match="key"):
            genjax.sample(vae, key, 2)
    with pytest.raises(UserError, match=r"key is 0.5, but must be a random key"):
        as_key(0.5)


def test_every_public_function_takes_a_seed_for_a_key(vae):
    for name in genjax.public.__all__:
        function = getattr(genjax, name)
        if inspect.isfunction(function) and "key" in inspect.signature(function).parameters:
            text = " ".join(function.__doc__.split())
            assert re.search(r"whole number n (is a seed, and )?stands for jax", text), name
    np.testing.assert_array_equal(
        jax.tree.leaves(genjax.init(vae.model, 3))[0],
        jax.tree.leaves(genjax.init(vae.model, jax.random.key(3)))[0],
    )
    density = GaussianMixture(jnp.ones(1), jnp.zeros((1, 2)), jnp.eye(2)[None])
    np.testing.assert_array_equal(density.sample(3, 4), density.sample(jax.random.key(3), 4))
    images = genjax.data.from_arrays(np.zeros((2, 8, 8, 1), np.uint8))
    found = [
        genjax.evaluate(vae, images, key, num_samples=2, num_generated=2, progress=False)
        for key in (3, jax.random.key(3))
    ]
    assert found[0]["nll"] == found[1]["nll"]
    assert found[0]["record"]["key"] == found[1]["record"]["key"]
