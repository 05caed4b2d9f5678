"""The VQ-VAE, each equation against an independent computation."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.model import Batch
from genjax.models.vq_vae import VQVAE
from genjax.nn.codebook import Codebook, perplexity
from tests.models.test_autoregressive import move

MODEL = dataclasses.replace(VQVAE.smallest(), image_shape=(8, 8, 1))


@pytest.fixture(scope="module")
def params():
    return move(MODEL.init(jax.random.key(0)), 0.3)


@pytest.fixture(scope="module")
def gradients(params):
    """Player -> the gradient of its loss, with respect to all weights."""
    images = jax.random.uniform(jax.random.key(1), (4, 8, 8, 1))
    batch = Batch(images, jnp.zeros(4, jnp.int32))

    @jax.jit
    def differentiate(weights):
        def losses(weights):
            return MODEL.losses(params.replace(weights=weights), batch, jax.random.key(2))[0]

        return jax.jacrev(losses)(weights)

    return differentiate(params.weights)


def test_the_gradient_passes_straight_through_and_stays_with_its_player(gradients):
    def moves(player, network):
        return any(np.any(leaf != 0) for leaf in jax.tree.leaves(gradients[player][network]))

    assert moves("autoencoder", "encoder")
    assert moves("autoencoder", "decoder")
    assert not moves("autoencoder", "prior")
    assert moves("prior", "prior")
    assert not moves("prior", "encoder")
    assert not moves("prior", "decoder")


def test_the_loss_is_distortion_and_commitment(params):
    images = jnp.round(jax.random.uniform(jax.random.key(1), (4, 8, 8, 1)))
    losses, (terms, _) = MODEL.losses(params, Batch(images, jnp.zeros(4)), jax.random.key(2))
    z_e = MODEL.apply(params, "encoder", images)
    codes = np.asarray(params.stats["codebook"]["codebook"]["codes"])
    distances = ((np.asarray(z_e)[..., None, :] - codes) ** 2).sum(-1)
    np.testing.assert_array_equal(MODEL.encode_codes(params, images), distances.argmin(-1))
    commitment = distances.min(-1).sum() / 4
    expected = float(terms["distortion"]) + 0.25 * commitment
    assert float(losses["autoencoder"]) == pytest.approx(expected, rel=1e-4)


def test_codes_are_the_moving_averages_of_their_vectors():
    book = Codebook(num_codes=3, decay=0.75)
    codes = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], np.float32)
    counts = np.array([2.0, 1.0, 1.0], np.float32)
    state = {"codes": codes, "counts": counts, "sums": codes * counts[:, None]}
    z = jnp.array([[1.0, 1.0], [-1.0, 2.0], [9.0, 1.0]]).reshape(1, 1, 3, 2)
    (index, vectors), new = book.apply(
        {"codebook": jax.tree.map(jnp.asarray, state)},
        z,
        train=True,
        mutable=["codebook"],
        rngs={"codes": jax.random.key(0)},
    )
    np.testing.assert_array_equal(index.reshape(-1), [0, 0, 1])
    np.testing.assert_array_equal(vectors.reshape(3, 2), codes[[0, 0, 1]])
    sums = 0.75 * state["sums"] + 0.25 * np.array([[0, 3], [9, 1], [0, 0]])
    expected = sums / (0.75 * counts + 0.25 * np.array([2, 1, 0]))[:, None]
    np.testing.assert_allclose(new["codebook"]["codes"], expected, atol=1e-3)


def test_a_code_that_nothing_asks_for_is_drawn_from_the_batch():
    book = Codebook(num_codes=2, decay=0.5)
    codes = np.array([[0.0], [100.0]], np.float32)
    state = {"codes": codes, "counts": np.array([1.0, 0.01], np.float32), "sums": codes}
    z = jnp.array([3.0, 4.0]).reshape(1, 1, 2, 1)
    _, new = book.apply(
        {"codebook": jax.tree.map(jnp.asarray, state)},
        z,
        train=True,
        mutable=["codebook"],
        rngs={"codes": jax.random.key(0)},
    )
    assert float(new["codebook"]["codes"][1, 0]) in (pytest.approx(3, 1e-3), pytest.approx(4, 1e-3))


def test_the_bound_is_distortion_and_the_code_length(params):
    images = jnp.round(jax.random.uniform(jax.random.key(0), (5, 8, 8, 1)))
    distortion, rate = MODEL.distortion_and_rate(params, images, jax.random.key(0))
    k = MODEL.encode_codes(params, images)
    np.testing.assert_allclose(rate, -MODEL.log_prior(params, k), rtol=1e-5)
    bound = MODEL.log_weights(params, images, jax.random.key(0), 3)
    np.testing.assert_allclose(bound, np.tile(-distortion - rate, (3, 1)), rtol=1e-5)
    data = genjax.data.from_arrays(np.asarray(255 * images, np.uint8))
    result = genjax.evaluate(params, data, jax.random.key(1), num_samples=3, progress=False)
    assert result["record"]["nll"] == "bound"
    assert result["nll"] == pytest.approx(result["negative_elbo"], rel=1e-5)


def test_latents_are_vectors_of_codes_and_decoding_snaps_to_them(params):
    z = MODEL.sample_latents(params, jax.random.key(3), 4)
    codes = params.stats["codebook"]["codebook"]["codes"]
    grid = z.reshape(-1, 2)
    assert np.all(np.min(np.abs(grid[:, None] - codes).sum(-1), axis=1) == 0)
    np.testing.assert_allclose(MODEL.decode(params, z), MODEL.decode(params, z + 1e-4), atol=1e-3)


def test_perplexity_counts_the_codes_in_use():
    assert float(perplexity(jnp.array([[0, 1], [0, 1]]), 7)) == pytest.approx(2)
    assert float(perplexity(jnp.zeros((3, 4), int), 7)) == pytest.approx(1)


def test_one_code_is_refused():
    with pytest.raises(genjax.UserError, match="at least 2"):
        VQVAE(image_shape=(8, 8, 1), num_codes=1).init(jax.random.key(0))
