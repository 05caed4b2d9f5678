"""Going over many images in chunks of one size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.chunks import in_chunks


@pytest.mark.parametrize(("count", "sizes"), [(3, [3]), (8, [8]), (9, [5]), (17, [6]), (1, [1])])
def test_chunks_are_even_and_complete(count, sizes):
    seen = []

    def double(x):
        seen.append(len(x))
        return 2 * x, jnp.sum(x, axis=1)

    x = jax.random.normal(jax.random.key(0), (count, 2))
    doubled, sums = in_chunks(double, x, size=8)
    assert set(seen) == set(sizes)
    np.testing.assert_array_equal(doubled, 2 * x)
    np.testing.assert_array_equal(sums, jnp.sum(x, axis=1))
