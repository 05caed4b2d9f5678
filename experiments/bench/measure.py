"""One contender at one case, measured in the process that this runs in."""

import resource
import statistics
import sys
import time
from typing import Any

import jax

from experiments.bench.cases import SAMPLES, Case, Program, cases
from genjax import data
from genjax.runs.files import enable_compilation_cache

FLAX, PYTORCH = "flax", "pytorch"
OF_PYTORCH = {  # name: compiled, bfloat16
    PYTORCH: (False, False),
    f"{PYTORCH} bf16": (False, True),
    f"{PYTORCH} compiled": (True, False),
    f"{PYTORCH} compiled bf16": (True, True),
}
_DRAWS = 5


def measure(name: str, contender: str, epochs: int, steps: int, seeds: int) -> dict[str, float]:
    """Images a second in training and in sampling, seconds to the first result, peak memory, the
    last loss. `steps` 0: those of a whole epoch."""
    enable_compilation_cache()
    case = cases()[name]
    dataset = data.load(case.dataset)
    whole = len(dataset) // case.batch
    steps = min(steps or whole, whole)
    began = time.perf_counter()
    program = _program(contender, case, dataset, steps, seeds)
    loss = program.train()
    first = time.perf_counter() - began
    seconds = []
    for _ in range(epochs):
        began = time.perf_counter()
        loss = program.train()
        seconds.append(time.perf_counter() - began)
    images = steps * case.batch * (seeds if contender == "genjax" else 1)
    return {
        "images_per_second": images / statistics.median(seconds),
        "start_seconds": first,
        "peak_bytes": _peak_bytes(),
        "samples_per_second": SAMPLES / _seconds_to_sample(program),
        "loss": loss,
    }


def measure_ceiling(name: str) -> dict[str, float]:
    """Images a second, if a step were nothing but products at the speed of a large one."""
    from experiments.bench.genjax_program import operations, operations_a_second

    an_image, a_second = operations(cases()[name]), operations_a_second()
    return {
        "images_per_second": a_second / an_image,
        "operations_an_image": an_image,
        "operations_per_second": a_second,
    }


def _program(contender: str, case: Case, dataset: Any, steps: int, seeds: int) -> Program:
    if contender == "genjax":
        from experiments.bench.genjax_program import program

        return program(case, dataset, jax.random.key(0), steps, seeds)
    if contender == FLAX:
        from experiments.bench import flax_programs

        return flax_programs.program(case, dataset, jax.random.key(0), steps)
    from experiments.bench import pytorch_programs

    compiled, half = OF_PYTORCH[contender]
    return pytorch_programs.program(case, dataset, steps, compiled, half)


def _seconds_to_sample(program: Program) -> float:
    program.sample()
    seconds = []
    for _ in range(_DRAWS):
        began = time.perf_counter()
        program.sample()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _peak_bytes() -> float:
    """Of the device where it counts them, else of this process."""
    on_device = jax.local_devices()[0].memory_stats() or {}
    unit = 1 if sys.platform == "darwin" else 1024
    resident = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(on_device.get("peak_bytes_in_use", resident))
