"""What a file from outside can change: networks, likelihoods, losses, rates, labels."""

import importlib
from dataclasses import dataclass, replace
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.distributions import Bernoulli, Normal
from genjax.losses import Adversarial, register_loss
from genjax.model import (
    MODELS,
    Batch,
    HasLatentRate,
    HasLogProb,
    HasMetrics,
    Model,
    from_json,
    register,
    to_json,
    with_labels,
)
from genjax.models.likelihoods import Likelihood, register_likelihood
from genjax.nn.networks import ACTIVATIONS, register_activation
from genjax.training.configuration import Training
from tests.helpers import blobs, same, small

SHAPE = (8, 8, 1)
DATA = blobs(16)
BATCH = Batch(DATA.images / jnp.float32(255), DATA.labels)
MLP = {"image_shape": SHAPE, "network": "mlp", "hidden": (8,), "latent_dim": 2}


def fit(model, epochs=2):
    return genjax.fit(model, DATA, jax.random.key(0), Training(epochs, 8), progress=False)


class ResNet(nn.Module):
    """A residual network as a user writes it: flax's batch norm, dropout, training by default."""

    features: int

    @nn.compact
    def __call__(self, x, train: bool = True):
        x = nn.Dense(8)(x.reshape(len(x), -1))
        h = nn.BatchNorm(use_running_average=not train, momentum=0.5)(x)
        x = x + nn.Dense(8)(nn.Dropout(0.5, deterministic=not train)(nn.relu(h)))
        return nn.Dense(self.features)(x)


@dataclass(frozen=True)
class ResNetVAE(genjax.VAE):
    def networks(self):
        encoder = ResNet(self.encoder_features)
        return super().networks() | {"encoder": (encoder, self.image_shape)}


@pytest.mark.parametrize("base", ["vae", "autoencoder", "vae_gan", "debiasing_vae"])
def test_statistics_and_dropout_of_any_network_train(base, registries, key):
    @register("resnet")
    @dataclass(frozen=True)
    class WithResNet(MODELS[base]):
        def networks(self):
            encoder = ResNet(self.encoder_features)
            return super().networks() | {"encoder": (encoder, self.image_shape)}

    model = replace(WithResNet.smallest(), image_shape=SHAPE, network="mlp")
    if base == "debiasing_vae":
        model = replace(model, num_classes=2, resampling="none")
    params = model.init(key)
    losses, (_, stats) = model.losses(params, BATCH, model.draw_noise(BATCH, key))
    before, after = (s["encoder"]["batch_stats"]["BatchNorm_0"] for s in (params.stats, stats))
    x = model.observe(BATCH.images, jax.random.split(key)[0]) if base == "vae" else BATCH.images
    flat = np.asarray(x).reshape(16, -1)
    hidden = flat @ np.asarray(params.weights["encoder"]["Dense_0"]["kernel"])
    if base in ("vae", "autoencoder"):
        np.testing.assert_allclose(after["mean"], 0.5 * hidden.mean(axis=0), atol=1e-5)
    assert not same(before, after)
    assert jax.tree.structure(stats) == jax.tree.structure(params.stats)
    other, _ = model.losses(params, BATCH, model.draw_noise(BATCH, jax.random.key(9)))
    assert not same(losses, other)  # dropout, and nothing else in an autoencoder
    assert same(model.encode(params, BATCH.images), model.encode(params, BATCH.images))


def test_a_vae_with_such_an_encoder_is_trained_saved_and_loaded(registries, tmp_path, key):
    register("resnet_vae")(ResNetVAE)
    params = fit(ResNetVAE(**MLP), epochs=3)
    moved = params.stats["encoder"]["batch_stats"]["BatchNorm_0"]
    assert np.abs(moved["mean"]).max() > 0.01
    genjax.save(tmp_path / "weights.npz", params)
    assert same(genjax.load(tmp_path / "weights.npz"), params)
    one = genjax.encode(params, BATCH.images[:1])  # by the averages: no matter what stands beside
    np.testing.assert_allclose(one, genjax.encode(params, BATCH.images)[:1], atol=1e-5)


class Careless(ResNetVAE):
    """A VAE whose losses were written without a thought of batch statistics."""

    def losses(self, params, batch, noise):
        z = self.posterior(params, batch.images).loc
        return {"vae": jnp.mean(self.distortion(params, batch.images, z))}, ({}, params.stats)


class Forgetful(Careless):
    def losses(self, params, batch, noise):
        losses, (terms, _) = super().losses(params.in_training(noise), batch, noise)
        return losses, (terms, params.stats)


class Deliberate(Careless):
    def posterior(self, params, x):
        outputs = self.apply(params, "encoder", x, train=False)
        return Normal.from_log_scale(*jnp.split(outputs, 2, axis=1))


class CarelessDropout(Careless):
    def networks(self):
        return super().networks() | {"encoder": (Dropping(self.encoder_features), SHAPE)}


class Dropping(nn.Module):
    features: int

    @nn.compact
    def __call__(self, x, train: bool = True):
        x = nn.Dropout(0.5, deterministic=not train)(x.reshape(len(x), -1))
        return nn.Dense(self.features)(x)


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (
            Careless,
            r"'encoder' as in evaluation: its batch statistics .* params.in_training\(key\)",
        ),
        (CarelessDropout, r"'encoder' as in evaluation: .* nor its dropout act"),
        (Forgetful, r"'encoder' in training, but returns its statistics as they were"),
    ],
)
def test_statistics_and_dropout_that_would_stand_still_are_refused(registries, cls, said):
    register("careless")(cls)
    with pytest.raises(genjax.UserError, match=said):
        fit(cls(**MLP), epochs=1)


def test_statistics_may_stand_still_where_the_model_says_so(registries):
    register("deliberate")(Deliberate)
    model = Deliberate(**MLP)
    assert same(fit(model, epochs=1).stats, model.init(jax.random.key(0)).stats)


class Denoiser(nn.Module):
    """Of noisy images x and whole steps t."""

    @nn.compact
    def __call__(self, x, t):
        h = nn.Dense(8)(x.reshape(len(x), -1)) + nn.Embed(10, 8)(t)
        return nn.Dense(64)(nn.relu(h)).reshape(x.shape)


class Halve(nn.Module):
    """A network without parameters."""

    def __call__(self, x):
        return x / 2


@dataclass(frozen=True)
class Denoising(Model):
    players = {"denoiser": ("denoiser", "halve")}  # noqa: RUF012

    def networks(self):
        step = jax.ShapeDtypeStruct((), jnp.int32)
        return {"denoiser": (Denoiser(), self.image_shape, step), "halve": (Halve(), SHAPE)}

    def losses(self, params, batch, noise):
        training = params.in_training(noise)
        t = jax.random.randint(noise, (len(batch.images),), 0, 10)
        x = self.apply(training, "halve", batch.images)
        error = self.apply(training, "denoiser", x, t) - x
        return {"denoiser": jnp.mean(error**2)}, ({}, training.stats)

    def sample(self, params, key, num):
        x = jax.random.uniform(key, (num, *self.image_shape))
        return jax.nn.sigmoid(self.apply(params, "denoiser", x, jnp.zeros(num, jnp.int32)))


def test_networks_of_several_inputs_of_whole_numbers_and_without_parameters(registries, key):
    register("denoising")(Denoising)
    params = fit(Denoising())
    assert params.weights["halve"] == {}
    assert genjax.sample(params, key, 3).shape == (3, *SHAPE)


def test_a_likelihood_of_ones_own_owns_what_it_observes(registries, tmp_path, key):
    def learned_scale(model, outputs):
        loc, log_scale = jnp.split(outputs, 2, axis=-1)
        return Normal.from_log_scale(jax.nn.sigmoid(loc), log_scale)

    register_likelihood("learned_scale", Likelihood(learned_scale, outputs=2))
    model = genjax.VAE(**MLP, likelihood="learned_scale")
    np.testing.assert_array_equal(model.observe(BATCH.images, key), BATCH.images)  # not binarised
    params = fit(model)
    assert genjax.reconstruct(params, BATCH.images).shape == (16, *SHAPE)
    z = genjax.encode(params, BATCH.images)
    assert model.image_distribution(params, z).scale.shape == (16, *SHAPE)
    genjax.save(tmp_path / "w.npz", params)
    assert genjax.load(tmp_path / "w.npz").model == model
    result = genjax.evaluate(params, DATA, key, num_samples=2, progress=False)
    assert np.isfinite(result["nll"])
    register_likelihood(
        "coloured", Likelihood(lambda model, out: Bernoulli(out), observe=lambda m, x, k: 1.0 - x)
    )
    negative = replace(model, likelihood="coloured")
    np.testing.assert_allclose(negative.observe(BATCH.images, key), 1 - BATCH.images)


class Bins(NamedTuple):
    """Each of 256 bytes with the probability that softmax gives its distance from a place."""

    place: jax.Array

    @property
    def mean(self):
        return self.place

    def log_prob(self, value):
        grid = jnp.arange(256) / 255.0
        logits = -30 * (self.place[..., None] - grid) ** 2
        chosen = -30 * (self.place - value) ** 2 - jax.nn.logsumexp(logits, axis=-1)
        return jnp.sum(chosen, axis=(1, 2, 3))

    def sample(self, key):
        return self.place


def test_a_likelihood_of_bytes_is_reported_in_bits(registries, key):
    register_likelihood("bins", Likelihood(lambda model, out: Bins(jax.nn.sigmoid(out)), "bytes"))
    model = genjax.VAE(**MLP, likelihood="bins")
    np.testing.assert_array_equal(model.observe(BATCH.images, key), BATCH.images)
    result = genjax.evaluate(model.init(key), DATA, key, num_samples=2, progress=False)
    assert result["bits_per_dim"] == pytest.approx(result["nll"] / (64 * np.log(2)), rel=1e-5)
    grey = genjax.evaluate(genjax.VAE(**MLP).init(key), DATA, key, num_samples=2, progress=False)
    assert "bits_per_dim" not in grey


@pytest.mark.parametrize("wrong", [lambda m, o: Bernoulli(o), Likelihood(Bernoulli, "ink")])
def test_what_is_no_likelihood_is_refused(registries, wrong):
    with pytest.raises(genjax.UserError, match="the likelihood 'wrong' "):
        register_likelihood("wrong", wrong)


def test_a_loss_and_an_activation_of_ones_own(registries, tmp_path, key):
    register_loss("quadratic", Adversarial(lambda r, f: (r - 2) ** 2 + f**2, lambda r, f: -f))
    register_activation("sine", jnp.sin)
    model = small("gan", loss="quadratic", image_shape=SHAPE)
    params = model.init(key)
    noise = model.draw_noise(BATCH, key)
    losses, (terms, _) = model.losses(params, BATCH, noise)
    x_fake = model.apply_training(params, "generator", noise.z)[0]
    f = model.score(params, (x_fake + 1) / 2)
    np.testing.assert_allclose(losses["generator"], -jnp.mean(f), rtol=1e-4)
    assert terms["D_loss_share"] > 0
    vae = genjax.VAE(**MLP, activation="sine")
    waves = vae.init(key)
    hidden = jnp.sin(BATCH.images.reshape(16, -1) @ waves.weights["encoder"]["Dense_0"]["kernel"])
    expected = hidden @ waves.weights["encoder"]["Dense_1"]["kernel"]
    np.testing.assert_allclose(vae.encode(waves, BATCH.images), expected[:, :2], atol=1e-4)
    genjax.save(tmp_path / "waves.npz", waves)
    del ACTIVATIONS["sine"]
    with pytest.raises(genjax.UserError, match="activation is 'sine', but must be one of 'relu'"):
        genjax.load(tmp_path / "waves.npz")


@pytest.mark.parametrize("name", ["gaussian", "hinge", "silu"])
def test_a_name_of_genjax_keeps_its_meaning(name, registries):
    add, thing = {
        "gaussian": (register_likelihood, Likelihood(Bernoulli)),
        "hinge": (register_loss, Adversarial(lambda r, f: f, lambda r, f: f)),
        "silu": (register_activation, jnp.sin),
    }[name]
    with pytest.raises(genjax.UserError, match=f"'{name}' is an? .* of genjax, and files record"):
        add(name, thing)


@pytest.mark.parametrize("field", ["loss", "likelihood", "activation"])
def test_a_name_that_is_not_registered_is_refused_with_those_that_are(field, key):
    name = "gan" if field == "loss" else "vae"
    with pytest.raises(genjax.UserError, match=f"{field} is 'mine', but must be one of '"):
        small(name, image_shape=SHAPE, **{field: "mine"}).init(key)


@pytest.mark.parametrize("bad", [{"activation": jnp.tanh}, {"hidden": {"a": 1}}])
def test_what_cannot_be_written_is_refused_before_training(bad):
    with pytest.raises(genjax.UserError, match=f"{next(iter(bad))} is"):
        fit(genjax.VAE(**({"network": "mlp"} | bad)))


def test_a_field_of_any_type_that_is_no_json_is_refused(registries, key):
    @register("odd")
    @dataclass(frozen=True)
    class Odd(genjax.VAE):
        transform: object = None

    assert Odd(**MLP, transform=(1, "a")).init(key)
    for value in (jnp.tanh, {1: 2}, {"a"}, 1j):
        with pytest.raises(genjax.UserError, match=r"transform is .*cannot be written to a file"):
            Odd(**MLP, transform=value).init(key)


def test_the_rate_of_each_latent_sums_to_the_rate(key):
    model = genjax.VAE(**MLP)
    params = model.init(key)
    by_latent = model.latent_rate(params, BATCH.images, key)
    _, rate = model.distortion_and_rate(params, model.observe(BATCH.images, key), key)
    assert by_latent.shape == (16, 2)
    np.testing.assert_allclose(by_latent.sum(axis=1), rate, rtol=1e-5)
    assert isinstance(model, HasLatentRate)


def test_a_model_with_another_rate_declines_or_answers(registries):
    class Declines(genjax.VAE):
        def rate(self, q):
            return 2 * super().rate(q)

    class Answers(Declines):
        def latent_rate(self, params, images, key):
            return 2 * genjax.VAE.latent_rate(self, params, images, key)

    assert not isinstance(Declines(), HasLatentRate)
    assert isinstance(Answers(), HasLatentRate)


def test_exact_likelihoods_and_metrics_of_ones_own_are_capabilities():
    class Flow(genjax.VAE):
        def log_prob(self, params, x):
            return jnp.zeros(len(x))

        def image_metrics(self, params, images, labels, key):
            return {"ink": jnp.mean(images, axis=(1, 2, 3))}

    assert isinstance(Flow(), HasLogProb)
    assert isinstance(Flow(), HasMetrics)
    assert not isinstance(genjax.VAE(), HasLogProb | HasMetrics)


def test_labels_reach_methods_that_take_them():
    assert with_labels(lambda params, z, labels=None: labels, [1])(None, None) == [1]
    assert with_labels(lambda params, z: "none", [1])(None, None) == "none"


CELL = """
from dataclasses import dataclass
import genjax
@genjax.register("mine")
@dataclass(frozen=True)
class Mine(genjax.VAE):
    extra: int = 3
"""


def test_a_model_defined_twice_saves_loads_and_evaluates(registries, tmp_path, key):
    cell = {"__name__": "__main__"}
    exec(CELL, cell)
    params = fit(cell["Mine"](**MLP))
    exec(CELL, cell)  # the cell runs again
    genjax.save(tmp_path / "w.npz", params)
    loaded = genjax.load(tmp_path / "w.npz")
    assert type(loaded.model) is cell["Mine"]
    assert same(loaded.weights, params.weights)
    assert genjax.evaluate(params, DATA, key, num_samples=2, num_images=4, progress=False)["nll"]
    assert to_json(params.model) == to_json(loaded.model)


def test_a_reloaded_module_keeps_its_models(registries, tmp_path, key):
    model = genjax.VAE(**MLP)
    params = model.init(key)
    module = importlib.import_module("genjax.models.vae")
    kept = dict(vars(module))
    try:
        importlib.reload(module)
        genjax.save(tmp_path / "w.npz", params)
        assert to_json(genjax.load(tmp_path / "w.npz").model) == to_json(model)
        assert from_json(to_json(model)).latent_dim == 2
    finally:
        vars(module).update(kept)
