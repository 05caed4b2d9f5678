"""The names that examples in docstrings may use without importing them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def names_in_examples(doctest_namespace):
    import genjax

    doctest_namespace.update(genjax=genjax, jax=jax, jnp=jnp, np=np)
