"""RealNVP, each equation against an independent computation."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.models import RealNVP
from genjax.nn.coupling import InvertibleNetwork
from tests.models.test_autoregressive import move


@pytest.fixture(scope="module", params=[(4, 4, 2), (4, 6, 1), (5, 4, 1)], ids=str)
def flow(request):
    """A network of two scales (where both sides are even), far from its start."""
    network = InvertibleNetwork(request.param, 2, 4, 1)
    variables = jax.jit(network.init)(jax.random.key(0), jnp.zeros((1, *request.param)))
    return network, move(variables, 0.1), request.param


def test_the_inverse_undoes_the_network(flow):
    network, variables, shape = flow
    x = jax.random.normal(jax.random.key(1), (3, *shape))
    z, _ = jax.jit(network.apply)(variables, x)
    back = jax.jit(lambda z: network.apply(variables, z, method="inverse"))(z)
    np.testing.assert_allclose(back, x, atol=1e-3)
    assert float(jnp.abs(z - x).max()) > 0.1


def test_the_log_determinant_is_that_of_the_jacobian(flow):
    network, variables, shape = flow
    x = jax.random.normal(jax.random.key(2), (1, *shape))

    def flat(x):
        return network.apply(variables, x.reshape(1, *shape))[0].reshape(-1)

    jacobian = jax.jit(jax.jacrev(flat))(x.reshape(-1))
    _, expected = np.linalg.slogdet(np.asarray(jacobian, np.float64))
    _, log_det = network.apply(variables, x)
    assert float(log_det[0]) == pytest.approx(expected, abs=1e-3)


def test_every_pixel_moves_through_the_couplings(flow):
    """Each latent depends on all pixels near it, those of the other colour included."""
    network, variables, shape = flow
    x = jax.random.normal(jax.random.key(3), (1, *shape))
    gradient = jax.grad(lambda x: network.apply(variables, x)[0][0, 2, 2, 0])(x)
    assert np.all(np.abs(np.asarray(gradient))[0, 1:4, 1:4] > 0)


def test_the_density_of_images_integrates_to_one():
    """Of one dimension that varies: over a grid of the first pixel's values."""
    model = RealNVP(image_shape=(8, 8, 1), scales=1, width=4, blocks=1)
    params = move(model.init(jax.random.key(0)), 0.1)
    y = jax.random.uniform(jax.random.key(1), (1, 8, 8, 1))

    def map_to_latents(flat):
        squeezed = 0.05 + 0.9 * flat.reshape(1, 8, 8, 1)
        w = jnp.log(squeezed / (1 - squeezed))
        return model.apply(params, "flow", w)[0].reshape(-1)

    z = map_to_latents(y.reshape(-1))
    _, log_det = np.linalg.slogdet(np.asarray(jax.jacrev(map_to_latents)(y.reshape(-1)), float))
    expected = np.sum(-0.5 * np.asarray(z) ** 2 - 0.5 * np.log(2 * np.pi)) + log_det
    assert float(model.log_density(params, y)[0]) == pytest.approx(expected, abs=5e-3)


def test_encoding_and_decoding_bytes_gives_them_back():
    model = RealNVP(image_shape=(8, 8, 1), scales=2, width=4, blocks=1)
    params = move(model.init(jax.random.key(0)), 0.05)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    z = genjax.encode(params, images)
    assert z.shape == (5, 64)
    back = genjax.decode(params, z)
    np.testing.assert_allclose(255 * back, images, atol=0.05)


def test_bits_per_dimension_of_dequantised_bytes_are_exact_and_named_so():
    model = dataclasses.replace(RealNVP.smallest(), image_shape=(8, 8, 1))
    params = model.init(jax.random.key(0))
    data = genjax.data.from_arrays(
        np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), np.uint8)
    )
    result = genjax.evaluate(params, data, jax.random.key(1), progress=False)
    assert result["record"]["nll"] == "exact"
    assert result["record"]["observed"] == "bytes"
    assert result["bits_per_dim"] == pytest.approx(result["nll"] / (64 * np.log(2)), rel=1e-4)
    assert result["bits_per_dim"] > 8 - 0.2  # nothing beats the uniform model on uniform bytes
