"""Random orders: every number once, and the bits of jax's own."""

import jax
import numpy as np
import pytest

from genjax.nn.permutation import permute


@pytest.mark.parametrize("count", [1, 2, 1000, 5000])  # none, one and two sorts
def test_the_order_is_that_of_jax(count):
    keys = jax.random.split(jax.random.key(3), 2)
    found = jax.vmap(lambda key: permute(key, count))(keys)
    for key, order in zip(keys, found, strict=True):
        np.testing.assert_array_equal(order, jax.random.permutation(key, count))
        np.testing.assert_array_equal(np.sort(order), np.arange(count))
