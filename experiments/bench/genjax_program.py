"""The training loop of genjax: whole epochs compiled, data on the device; and its upper bound."""

import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

import genjax
from experiments.bench.cases import NUM_SAMPLES, Case, Program
from experiments.device_programs import list_programs
from genjax.distributed.seeds import select_seed
from genjax.nn.conv import native_convolutions
from genjax.training.configuration import Training
from genjax.training.loop import compile_epoch
from genjax.training.state import init_state


def make_program(case: Case, dataset: Any, key: Any, steps: int, seeds: int = 1) -> Program:
    """Make the program; with several seeds it trains all at once, and samples the first."""
    training = Training(batch_size=case.batch, optimizer=case.optimizer)
    start = partial(init_state, case.model, training=training)
    if seeds > 1:
        start, key = jax.vmap(start), jax.random.split(key, seeds)
    state, arrays, compiled = compile_epoch(start(key), dataset, training, steps)

    def train() -> float:
        nonlocal state
        state, terms = compiled(state, *arrays)
        return float(jnp.mean(terms["loss" if "loss" in terms else "discriminator_loss"]))

    def sample() -> None:
        params = state.params if seeds == 1 else select_seed(state.params, 0)
        genjax.sample(params, jax.random.key(1), NUM_SAMPLES).block_until_ready()

    return Program(train, sample)


def count_operations(case: Case) -> float:
    """Count the floating-point operations of a step per image.

    The compiler counts them, with native convolutions; passes that players share count once. It is
    that of a CPU: a GPU's does not look into the libraries that it calls.
    """
    training = Training(batch_size=case.batch, optimizer=case.optimizer)
    step, *_ = list_programs(case.model, training, case.batch, NUM_SAMPLES)
    with native_convolutions(), jax.default_device(jax.local_devices(backend="cpu")[0]):
        cost: Any = step.function.lower(*step.arguments).compile().cost_analysis()
    return cost["flops"] / case.batch


def measure_peak_speed(dtype: str, times: int = 10) -> float:
    """Measure operations per second of a large matrix product, the fastest of several."""
    size = 2048 if jax.default_backend() == "cpu" else 8192
    a = jax.random.normal(jax.random.key(0), (size, size), dtype)
    multiply = jax.jit(jnp.matmul)
    multiply(a, a).block_until_ready()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        multiply(a, a).block_until_ready()
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / min(seconds)
