"""The networks under a condition: shapes, what they begin as, and what reaches their output."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.nn.normalization import GroupNorm
from genjax.nn.unet import ConditionalMLP, UNet

NETWORKS = {
    "unet, 2 scales": UNet((4, 6)),
    "unet at full size": UNet((4,), first_stride=1),
    "mlp": ConditionalMLP((6, 6)),
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
def test_a_network_begins_as_zeros_and_then_depends_on_input_and_condition(name, key):
    network, x, condition = NETWORKS[name], jax.random.normal(key, (2, 9, 7, 3)), jnp.ones((2, 4))
    apply, variables = jax.jit(network.apply), jax.jit(network.init)(key, x, condition)
    np.testing.assert_array_equal(apply(variables, x, condition), np.zeros_like(x))
    variables = perturb(variables)
    before = apply(variables, x, condition)
    corner = apply(variables, x.at[0, 0, 0].add(5.0), condition)
    later = apply(variables, x, condition.at[0].add(1.0))
    for after in (corner, later):
        assert np.abs(after[0] - before[0]).max() > 1e-3
        np.testing.assert_allclose(after[1], before[1], atol=1e-5)
    # the coarsest scale, and dense layers, spread a corner over the whole image
    assert np.abs(corner[0] - before[0])[-1, -1].max() > 0


def test_groups_of_channels_are_normalised(key):
    """Against flax's, whose layer has the same parameters."""
    x = 3 + 2 * jax.random.normal(key, (2, 5, 4, 12))
    variables = {"params": {"scale": jnp.arange(12.0), "bias": jnp.arange(12.0) - 3}}
    expected = nn.GroupNorm(num_groups=4, epsilon=1e-5).apply(variables, x)
    np.testing.assert_allclose(GroupNorm().apply(variables, x), expected, atol=1e-3)
