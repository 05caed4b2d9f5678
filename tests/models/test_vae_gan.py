"""The VAE-GAN: its equations, and who learns from what."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.losses import ADVERSARIAL
from genjax.model import Batch
from genjax.models.vae_gan import Noise
from genjax.training.step import compute_gradients
from tests.helpers import blobs, small

SHAPE = (12, 9, 1)
DATA = blobs(16, SHAPE)
BATCH = Batch(DATA.images / jnp.float32(255), DATA.labels)
FIELDS = {"image_shape": SHAPE, "discriminator_norm": "none"}


def lively(model, key):
    """Parameters far enough from zero for every gradient to show."""
    return jax.tree.map(lambda w: w + 0.1 * jax.random.normal(key, w.shape), model.init(key))


def with_weights(params, network, weights):
    return params.replace(weights=params.weights | {network: weights})


def by_hand(params, drawn):
    """z, and the scores and D_1 of the real, reconstructed and sampled images."""
    model = params.model
    q = model.posterior(params, drawn.x)
    z = q.loc + q.scale * drawn.epsilon
    images = BATCH.images, model.decode(params, z), model.decode(params, drawn.z_p)
    first = params.weights["discriminator"]["Conv_0"]

    def features(images):
        layer = nn.Conv(first["kernel"].shape[-1], (4, 4), strides=2, padding=((1, 2), (1, 2)))
        return layer.apply({"params": first}, 2 * images - 1)

    return q, z, [model.score(params, x) for x in images], [features(x) for x in images]


@pytest.mark.parametrize("fakes", ["both", "samples", "reconstructions"])
def test_the_losses_are_those_of_the_paper(fakes, key):  # (3) to (8)
    model = small("vae_gan", **FIELDS, fakes=fakes, gamma=0.3, beta=2.0, adversarial=0.7)
    params = lively(model, key)
    drawn = model.draw_noise(BATCH, key)
    values, (terms, _) = model.losses(params, BATCH, drawn)
    q, _, (r, f, f_p), (real, features, _) = by_hand(params, drawn)

    prior = jnp.mean(jnp.sum((q.loc**2 + q.scale**2 - 1) / 2 - jnp.log(q.scale), axis=1))  # (3)
    rec = jnp.mean(jnp.sum((features - real) ** 2, axis=(1, 2, 3)) / 2)  # (4)
    pairs = {"both": [f, f_p], "samples": [f_p], "reconstructions": [f]}[fakes]
    loss = ADVERSARIAL["non_saturating"]
    np.testing.assert_allclose(terms["feature_error"], rec, rtol=1e-4)
    np.testing.assert_allclose(values["encoder"], 2.0 * prior + rec, rtol=1e-4)  # (6)
    generator = np.mean([np.mean(loss.generator(r, fake)) for fake in pairs])
    np.testing.assert_allclose(values["decoder"], 0.3 * rec + 0.7 * generator, rtol=1e-4)  # (7)
    discriminator = np.mean([np.mean(loss.discriminator(r, fake)) for fake in pairs])
    np.testing.assert_allclose(values["discriminator"], discriminator, rtol=1e-4)  # (8)


def change(tree, other):
    return max(
        float(jnp.max(jnp.abs(a - b)))
        for a, b in zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True)
    )


def test_no_opinion_of_the_discriminator_reaches_the_encoder(key):  # (6)
    """Its last layer decides on scores and on nothing else: L_GAN changes, L_rec does not."""
    params = lively(small("vae_gan", **FIELDS), key)
    discriminator = dict(params.weights["discriminator"])
    discriminator["Dense_0"] = jax.tree.map(lambda w: -3 * w, discriminator["Dense_0"])
    other = with_weights(params, "discriminator", discriminator)
    own, _, _, _ = compute_gradients(params, BATCH, key)
    turned, _, _, _ = compute_gradients(other, BATCH, key)
    assert change(own["encoder"], turned["encoder"]) == 0
    assert change(own["decoder"], turned["decoder"]) > 1e-4


def test_the_reconstruction_does_not_teach_the_discriminator(key):  # (8)
    """A decoder's gamma, the similarity or the feature layer are nothing to it."""
    params = lively(small("vae_gan", **FIELDS), key)
    own, _, _, _ = compute_gradients(params, BATCH, key)
    for fields in ({"gamma": 9.0}, {"similarity": "pixels"}, {"beta": 5.0}, {"adversarial": 0.0}):
        other = params.replace(model=dataclasses.replace(params.model, **fields))
        turned, _, _, _ = compute_gradients(other, BATCH, key)
        assert change(own["discriminator"], turned["discriminator"]) == 0, fields


def test_gamma_scales_the_decoder_alone(key):  # (6), (7)
    params = lively(small("vae_gan", **FIELDS, adversarial=0.0), key)
    own, _, _, _ = compute_gradients(params, BATCH, key)
    heavy = params.replace(model=dataclasses.replace(params.model, gamma=4.0))
    scaled, _, _, _ = compute_gradients(heavy, BATCH, key)
    assert change(own["encoder"], scaled["encoder"]) == 0
    fourfold = jax.tree.map(lambda g: 4 * g, own["decoder"])
    assert change(fourfold, scaled["decoder"]) < 1e-3


def test_a_step_moves_the_scores_the_right_way(key):
    """The discriminator's raises those of the real above those of both fakes; the decoder's, which
    sees no real image, raises both fakes'."""
    model = small("vae_gan", **FIELDS, loss="wasserstein", gradient_penalty=1e-6, gamma=0.0)
    params = lively(model, key)
    drawn = model.draw_noise(BATCH, key)
    own, _, _, _ = compute_gradients(params, BATCH, key)

    def mean_scores(player):
        step = jax.tree.map(lambda w, g: w - 1e-3 * g, params.weights[player], own[player][player])
        return [float(jnp.mean(s)) for s in by_hand(with_weights(params, player, step), drawn)[2]]

    r, f, f_p = (float(jnp.mean(s)) for s in by_hand(params, drawn)[2])
    r_d, f_d, f_p_d = mean_scores("discriminator")
    assert r_d - (f_d + f_p_d) / 2 > r - (f + f_p) / 2
    r_g, f_g, f_p_g = mean_scores("decoder")
    assert r_g == r
    assert f_g + f_p_g > f + f_p


def test_without_its_adversarial_loss_it_is_the_vae(key):
    """Pixels, gamma 1 and adversarial 0: encoder and decoder have the VAE's gradients."""
    model = small("vae_gan", **FIELDS, similarity="pixels", adversarial=0.0)
    vae = small("vae", image_shape=SHAPE)
    params = lively(model, key)
    weights = {name: params.weights[name] for name in ("encoder", "decoder")}
    own, values, _, _ = compute_gradients(params, BATCH, key)
    key_vae = jax.random.split(key, 3)[0]
    expected, vae_values, _, _ = compute_gradients(genjax.Params(weights, {}, vae), BATCH, key_vae)
    np.testing.assert_allclose(values["encoder"], vae_values["vae"], rtol=1e-5)
    for network in ("encoder", "decoder"):
        scale = change(expected["vae"][network], jax.tree.map(jnp.zeros_like, weights[network]))
        assert change(own[network][network], expected["vae"][network]) < 1e-4 * scale


@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_features_are_taken_before_normalisation_and_statistics_kept(norm, key):  # (4)
    model = small("vae_gan", image_shape=(16, 16, 1), discriminator_norm=norm, feature_layer=2)
    params = model.init(key)
    training = params.in_training(key)
    scored, features = model.discriminate(training, jnp.zeros((5, 16, 16, 1)))
    assert scored.scores.shape == (5,)
    assert features.shape == (5, 4, 4, 8)
    assert jax.tree.structure(training.stats) == jax.tree.structure(params.stats)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"gamma": -1.0}, "gamma"),
        ({"adversarial": -1.0}, "adversarial"),
        ({"importance_samples": 5}, "on no bound"),
        ({"feature_layer": 7}, "discriminator has 2 layers"),
    ],
)
def test_values_that_make_no_sense_are_refused(fields, says, key):
    with pytest.raises(genjax.UserError, match=says):
        small("vae_gan", **(FIELDS | fields)).init(key)


def test_what_is_drawn_has_the_batchs_shapes(key):
    model = small("vae_gan", **FIELDS)
    drawn = model.draw_noise(BATCH, key)
    assert isinstance(drawn, Noise)
    assert drawn.epsilon.shape == drawn.z_p.shape == (16, 3)
    assert set(np.unique(drawn.x)) == {0.0, 1.0}
    assert not np.allclose(drawn.epsilon, drawn.z_p)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_second_layers_features_by_hand(norm, key):  # (4): before normalisation and LeakyReLU
    model = small("vae_gan", image_shape=(16, 16, 1), discriminator_norm=norm, feature_layer=2)
    params = lively(model, key)
    x = jax.random.normal(key, (5, 16, 16, 1))
    weights = params.weights["discriminator"]

    def layer(name, x):
        kernel = weights[name]["kernel"]
        conv = nn.Conv(kernel.shape[-1], (4, 4), 2, padding=((1, 1), (1, 1)), use_bias=False)
        y = conv.apply({"params": {"kernel": kernel}}, x)
        return y + weights[name].get("bias", 0.0)

    expected = layer("Conv_1", nn.leaky_relu(layer("Conv_0", x), 0.2))
    np.testing.assert_allclose(
        model.discriminate(params.in_training(key), x)[1], expected, rtol=1e-3, atol=1e-4
    )
