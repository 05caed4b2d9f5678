"""Which programs are compiled the short way."""

from typing import Any, cast

import jax
import pytest

import genjax
from genjax.model.compiling import compile_lowered
from genjax.training.configuration import Training
from genjax.training.state import init_state


class Lowered:
    """Returns, in place of a compiled program, whether options were given."""

    def compile(self, options):
        return options is not None


@pytest.mark.parametrize(
    ("dense", "flags", "expected"),
    [
        (True, "", True),
        (True, "--xla_force_host_platform_device_count=2", True),
        (True, "--xla_backend_optimization_level=0", False),  # somebody's own choice
        (False, "", False),
    ],
)
def test_programs_of_dense_layers_are(monkeypatch, dense, flags, expected):
    monkeypatch.setenv("XLA_FLAGS", flags)
    found = compile_lowered(cast(Any, Lowered()), dense=dense)
    assert found == (expected and jax.default_backend() == "cpu")


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_a_model_with_convolutions_is_not_dense(network, key):
    model = genjax.VAE((8, 8, 1), 2, network, (2,), (4,))

    def init(key):
        return init_state(model, key, Training())

    expected = network == "mlp"
    assert init(key).is_dense == expected
    assert jax.vmap(init)(jax.random.split(key)).is_dense == expected  # of two runs
