"""The networks under a condition: shapes, what they begin as, and what reaches their output."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.nn.unet import ConditionalMLP, UNet

NETWORKS = {
    "unet, 3 scales": UNet((8, 12, 16)),
    "unet at full size": UNet((4,), blocks=2, first_stride=1),
    "mlp": ConditionalMLP((6, 6, 5)),
}


def perturb(variables):
    """Weights away from the zeros with which layers begin."""
    leaves, structure = jax.tree.flatten(variables)
    keys = jax.random.split(jax.random.key(7), len(leaves))
    noise = [jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(
        structure, [leaf + 0.2 * more for leaf, more in zip(leaves, noise, strict=True)]
    )


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(9, 7, 3), (8, 8, 1)])
def test_the_output_has_the_shape_of_the_input_and_begins_as_zeros(name, shape, key):
    x, condition = jax.random.normal(key, (2, *shape)), jnp.ones((2, 4))
    variables = NETWORKS[name].init(key, x, condition)
    output = NETWORKS[name].apply(variables, x, condition)
    np.testing.assert_array_equal(output, np.zeros((2, *shape)))


@pytest.mark.parametrize("name", NETWORKS)
def test_input_and_condition_reach_the_output_of_their_own_image(name, key):
    network, x = NETWORKS[name], jax.random.normal(key, (2, 9, 7, 1))
    condition = jnp.ones((2, 4))
    variables = perturb(network.init(key, x, condition))
    before = network.apply(variables, x, condition)
    corner = network.apply(variables, x.at[0, 0, 0].add(5.0), condition)
    later = network.apply(variables, x, condition.at[0].add(1.0))
    for after in (corner, later):
        assert np.abs(after[0] - before[0]).max() > 1e-3
        np.testing.assert_allclose(after[1], before[1], atol=1e-5)
    if name != "mlp":  # the coarsest scale spreads a corner over the whole image
        assert np.abs(corner[0] - before[0])[-1, -1] > 0
