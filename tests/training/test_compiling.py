"""Programs are compiled with the options that suit the processor."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import pytest

import genjax
from genjax.model import compiling
from genjax.model.compiling import compile_lowered, jit, jit_once
from genjax.training.configuration import Training
from genjax.training.state import init_state


class NVIDIA:
    device_kind = "NVIDIA H100 80GB HBM3"


class Lowered:
    """Returns, in place of a compiled program, the names of the options."""

    def compile(self, options):
        return set(options or ())


@pytest.fixture
def pretend(monkeypatch):
    """Return a function that pretends another processor, with nothing chosen in XLA_FLAGS."""

    def choose(instructions: str) -> None:
        monkeypatch.setenv("XLA_FLAGS", "")
        monkeypatch.setattr(compiling, "read_processor", lambda: ("a processor", instructions))
        compiling._choose_convolutions.cache_clear()

    yield choose
    compiling._choose_convolutions.cache_clear()


@pytest.mark.parametrize(
    ("dense", "flags", "expected"),
    [
        (True, "", True),
        (True, "--xla_force_host_platform_device_count=2", True),
        (True, "--xla_backend_optimization_level=0", False),  # somebody's own choice
        (False, "", False),
    ],
)
def test_programs_of_dense_layers_are_compiled_the_short_way(monkeypatch, dense, flags, expected):
    monkeypatch.setenv("XLA_FLAGS", flags)
    found = "xla_backend_optimization_level" in compile_lowered(cast(Any, Lowered()), dense=dense)
    assert found == (expected and jax.default_backend() == "cpu")


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [("AVX2", True), ("AVX-512", False), ("AMX", False), ("", False)],
)
def test_convolutions_avoid_ynnpack_with_avx2_alone(pretend, instructions, expected):
    pretend(instructions)
    found = "xla_cpu_experimental_ynn_fusion_type" in compile_lowered(
        cast(Any, Lowered()), dense=False
    )
    assert found == (expected and jax.default_backend() == "cpu")


@pytest.mark.parametrize(
    ("flags", "known", "expected"),
    [
        ("", True, True),
        ("--xla_gpu_enable_command_buffer=", True, False),  # somebody's own choice
        ("", False, False),  # an older XLA
    ],
)
def test_convolutions_on_a_gpu_are_part_of_a_graph(pretend, monkeypatch, flags, known, expected):
    class Constant:
        def lower(self):
            return self

        def compile(self, options):
            if not known:
                raise jax.errors.JaxRuntimeError("'CONVOLUTION' is not a valid enum value.")

    pretend("AVX-512")
    monkeypatch.setenv("XLA_FLAGS", flags)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "local_devices", lambda: [NVIDIA()])
    monkeypatch.setattr(compiling, "_make_constant", Constant())
    found = compile_lowered(cast(Any, Lowered()), dense=False)
    assert found == ({"xla_gpu_enable_command_buffer"} if expected else set())
    assert compile_lowered(cast(Any, Lowered()), dense=True) == set()


def test_an_option_that_xla_does_not_know_is_not_used(pretend, monkeypatch):
    pretend("AVX2")
    monkeypatch.setattr(compiling, "_NO_YNNPACK", {"xla_cpu_no_such_option": ""})
    assert compile_lowered(cast(Any, Lowered()), dense=False) == set()
    assert float(jit(lambda x: x + 1)(1.0)) == 2.0


@pytest.mark.parametrize("compiled", [jit, jit_once])
def test_a_compiled_function_can_be_part_of_any_program(pretend, compiled):
    pretend("AVX2")
    double = compiled(lambda x: 2 * x)
    x = jnp.float32(3)
    assert double(x) == 6
    assert jax.jit(lambda y: double(x) + y)(1.0) == 7  # constants alone
    assert jax.jit(double)(x) == 6
    assert jax.grad(double)(x) == 2
    assert jax.vmap(double)(jnp.ones(2)).tolist() == [2, 2]


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_a_model_with_convolutions_is_not_dense(network, key):
    model = genjax.VAE((8, 8, 1), 2, network, (2,), (4,))

    def init(key):
        return init_state(model, key, Training())

    expected = network == "mlp"
    assert init(key).is_dense == expected
    assert jax.vmap(init)(jax.random.split(key)).is_dense == expected  # of two runs
