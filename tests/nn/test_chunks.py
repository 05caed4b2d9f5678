"""Going over many images in chunks of one size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.nn.chunks import in_chunks


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


@pytest.mark.parametrize(("width", "expected"), [(2**10, 8), (2**18, 4), (2**22, 1)])
def test_the_larger_a_layer_the_smaller_a_chunk(width, expected):
    """A layer of `width` float32 an image, in 4 MiB; [width, 2] has no image in it."""
    seen = []

    def wide(x):
        seen.append(len(x))
        weights = jnp.ones((width, 2)) + jnp.ones((width, 2))
        return jnp.repeat(x, width // 2, axis=1) @ weights

    jax.eval_shape(lambda x: in_chunks(wide, x), jnp.ones((8, 2)))
    assert seen[-1] == expected


def test_nothing_is_nothing():
    assert in_chunks(lambda x: 2 * x, jnp.ones((0, 2))).shape == (0, 2)
