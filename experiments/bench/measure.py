"""Measure one contender on one case, in this process."""

import resource
import statistics
import sys
import time
from dataclasses import replace
from typing import Any

import jax

from experiments.bench.cases import CASES, NUM_SAMPLES, Case, Program
from genjax import data
from genjax.runs.files import enable_compilation_cache

GENJAX, GENJAX_BF16, FLAX, PYTORCH = "genjax", "genjax-bf16", "flax", "pytorch"
GENJAX_PROGRAMS = {GENJAX: "float32", GENJAX_BF16: "bfloat16"}  # name: compute_dtype
PYTORCH_PROGRAMS = {  # name: (compiled, bfloat16)
    PYTORCH: (False, False),
    f"{PYTORCH}-bf16": (False, True),
    f"{PYTORCH}-compiled": (True, False),
    f"{PYTORCH}-compiled-bf16": (True, True),
}
DRAWS, DRAW_SECONDS = 3, 0.5  # at least, after a first one


def measure_contender(
    name: str, contender: str, epochs: int, steps: int, seeds: int
) -> dict[str, float]:
    """Measure speed in training and in sampling, seconds to the first step, memory and loss.

    `steps` 0 stands for those of a whole epoch. The first step ends where the first epoch does,
    less what its other steps take.
    """
    enable_compilation_cache()
    case = CASES[name]
    dataset = data.load(case.dataset)
    whole = len(dataset) // case.batch
    steps = min(steps or whole, whole)
    began = time.perf_counter()
    program = _make_program(contender, case, dataset, steps, seeds)
    loss = program.train()
    whole_start = time.perf_counter() - began
    seconds = []
    for _ in range(epochs):
        began = time.perf_counter()
        loss = program.train()
        seconds.append(time.perf_counter() - began)
    images = steps * case.batch * (seeds if contender in GENJAX_PROGRAMS else 1)
    epoch = statistics.median(seconds)
    return {
        "images_per_second": images / epoch,
        "first_step_seconds": whole_start - (steps - 1) / steps * epoch,
        "peak_bytes": (program.count_peak_bytes or _peak_bytes)(),
        "samples_per_second": NUM_SAMPLES / _measure_sampling(program),
        "loss": loss,
        "steps": steps,
    }


def measure_ceiling(name: str) -> dict[str, float]:
    """Compute images per second of a step of products alone, at a large product's speed."""
    from experiments.bench.genjax_program import count_operations, measure_peak_speed

    an_image, a_second = count_operations(CASES[name]), measure_peak_speed("float32")
    found = {
        "images_per_second": a_second / an_image,
        "operations_an_image": an_image,
        "operations_per_second": a_second,
    }
    if jax.default_backend() != "cpu":
        found["operations_per_second_bf16"] = measure_peak_speed("bfloat16")
    return found


def _make_program(contender: str, case: Case, dataset: Any, steps: int, seeds: int) -> Program:
    if contender in GENJAX_PROGRAMS:
        from experiments.bench.genjax_program import make_program

        model = replace(case.model, compute_dtype=GENJAX_PROGRAMS[contender])
        return make_program(replace(case, model=model), dataset, jax.random.key(0), steps, seeds)
    if contender == FLAX:
        from experiments.bench import flax_programs

        return flax_programs.make_program(case, dataset, jax.random.key(0), steps)
    from experiments.bench import pytorch_programs

    compiled, half = PYTORCH_PROGRAMS[contender]
    return pytorch_programs.make_program(case, dataset, steps, compiled, half)


def _measure_sampling(program: Program) -> float:
    """Return the median seconds that it takes to draw the samples."""
    program.sample()
    seconds: list[float] = []
    while len(seconds) < DRAWS or sum(seconds) < DRAW_SECONDS:
        began = time.perf_counter()
        program.sample()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _peak_bytes() -> float:
    """Return the peak memory of the device where it is counted, or else of this process."""
    on_device = jax.local_devices()[0].memory_stats() or {}
    unit = 1 if sys.platform == "darwin" else 1024
    resident = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(on_device.get("peak_bytes_in_use", resident))
