"""How jax compiles in every test, and the names that examples in docstrings may use."""

import os
import tempfile
from pathlib import Path

# jax reads these when it is imported. Tests compile many small programs and run each for a moment:
# compiled less well, they take half the time.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# Compiled programs are kept from one run to the next, and shared by all processes: most of the time
# of a first run goes into compiling.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parent / ".pytest_cache" / "compiled")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# For the examples in docstrings, which have no fixtures.
os.environ.setdefault("GENJAX_CACHE_DIR", tempfile.mkdtemp(prefix="genjax-tests-"))

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def names_in_examples(doctest_namespace):
    import genjax

    doctest_namespace.update(genjax=genjax, jax=jax, jnp=jnp, np=np)
