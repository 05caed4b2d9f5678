"""Compile every model for TPUs, on a machine that has none: `make check-tpu`.

The package libtpu (`pip install libtpu`) compiles for a TPU v5e. Compiled are a step, an epoch,
sampling and decoding, for one chip and (but for the step) for four, in float32 and in bfloat16; and
beside it the step of the benchmark's Flax program, for one chip in float32. Of every program the
command prints the CPU-seconds of compiling, the operations, memory, and the sums over chips
(all-reduces); of a step also the operations that the algebra needs. The compiler counts the body of
a loop once, so that the operations of an epoch are those of one of its steps, and what it does once
beside.

Nothing is run. What a chip would reach is an estimate from the peak of its matrix units and from
its memory bandwidth (S and B below), for b images of F operations and A bytes each, and W bytes
that a step moves whatever b is:

(1) t(b) = max(b F / S, (W + b A) / B)           seconds of a step
(2) images a second: b / t(b); at most 1 / max(F / S, A / B)
(3) the batch that fills a chip: the smallest power of 2 that comes to 90% of that

W is 32 bytes a weight: Adam reads weight, gradient and two averages, and writes as many. A is the
rest of the bytes that the compiler counts, divided by the images.

Results are kept in a file as they come. After Ctrl-C the same command goes on.
"""

import math
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding

from experiments.bench.cases import CASES, NUM_SAMPLES, Case
from experiments.bench.flax_programs import make_step
from experiments.bench.genjax_program import count_operations
from experiments.bench.plan import check_names
from experiments.device_programs import DeviceProgram, list_programs
from genjax.cli.command import parse, run
from genjax.distributed.devices import AXIS
from genjax.errors import UserError
from genjax.model import MODELS, Model
from genjax.nn.precision import ComputeDtype
from genjax.recipes import RECIPES, Recipe
from genjax.recipes.environment import describe_environment
from genjax.runs.files import read_json, write_json
from genjax.training.configuration import Training

CHIP = "v5e:2x2"  # four chips; one of them stands for a single chip
PEAK, BANDWIDTH = 197e12, 819e9  # S, B: operations in bfloat16 and bytes a second, TPU v5e
_MOVED = 32  # bytes a weight, of W
_SHAPES = {  # of the images of a data set, and how many there are
    "mnist": ((28, 28, 1), 60_000),
    "fashion_mnist": ((28, 28, 1), 60_000),
    "cifar10": ((32, 32, 3), 50_000),
    "stacked_mnist": ((32, 32, 3), 60_000),
    "sprites": ((32, 32, 1), 60_000),
}
_BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f32": 4, "s32": 4, "u32": 4}
_ALL_REDUCE = re.compile(r"= (.+?) all-reduce(?:-start)?\(")
_ARRAY = re.compile(r"\b(\w+)\[([\d,]*)\]")


@dataclass(frozen=True)
class Options:
    """What is compiled."""

    only: tuple[str, ...] = ()
    """Compile these models alone, by the benchmark's name or the registered one; else all."""
    program: tuple[str, ...] = ()
    """Compile these programs alone: step, flax-step, epoch, sample, decode; else all five."""
    chips: tuple[int, ...] = (1, 4)
    """Numbers of chips."""
    dtype: tuple[ComputeDtype, ...] = ("float32", "bfloat16")
    """Precisions of the networks' arithmetic."""
    out: Path = Path("runs/tpu.json")
    """The file of the results."""


def list_cases() -> dict[str, Case]:
    """List the models of the benchmark, and the other registered ones as their recipes are.

    One without a recipe of known images is its default, on MNIST.
    """
    found, known = dict(CASES), {type(case.model) for case in CASES.values()}
    recipes = [recipe for recipe in RECIPES.values() if recipe.dataset in _SHAPES]
    for name, cls in sorted(MODELS.items()):
        if cls not in known:
            mine = [recipe for recipe in recipes if type(recipe.model) is cls]
            recipe = (mine or [Recipe("mnist", cls())])[0]
            budget = recipe.training
            found[name] = Case(recipe.model, budget.optimizer, recipe.dataset, budget.batch_size)
    return found


def compile_program(program: DeviceProgram, mesh: Mesh | None, device: Any) -> dict[str, float]:
    """Compile for `mesh` or for one device, and return what the compiler says."""
    place = NamedSharding(mesh, PartitionSpec()) if mesh else SingleDeviceSharding(device)
    arguments = jax.tree.map(
        lambda one: jax.ShapeDtypeStruct(one.shape, one.dtype, sharding=place), program.arguments
    )
    began = time.process_time()
    compiled = program.function.trace(*arguments, **program.options).lower().compile()
    seconds = time.process_time() - began
    cost, memory = compiled.cost_analysis(), compiled.memory_analysis()
    count, size = count_all_reduces(compiled.as_text())
    return {
        "compile_cpu_seconds": seconds,
        "operations": cost["flops"],
        "bytes": cost["bytes accessed"],
        "memory_bytes": memory.argument_size_in_bytes + memory.temp_size_in_bytes,
        "all_reduces": count,
        "all_reduce_bytes": size,
    }


def count_all_reduces(text: str) -> tuple[int, int]:
    """Count the sums over devices in a compiled program, and their bytes."""
    types = _ALL_REDUCE.findall(text)
    arrays = [array for one in types for array in _ARRAY.findall(one)]
    sizes = [
        _BYTES[dtype] * math.prod(int(n) for n in shape.split(",") if n)
        for dtype, shape in arrays
        if dtype in _BYTES
    ]
    return len(types), sum(sizes)


def estimate_speed(found: dict[str, float], weights: int, batch: int) -> dict[str, float]:
    """Compute (2) and (3) from a compiled step on one chip."""
    fixed = min(_MOVED * weights, found["bytes"])
    compute = found["operations"] / batch / PEAK
    memory = (found["bytes"] - fixed) / batch / BANDWIDTH

    def speed(b: int) -> float:  # (1), (2)
        return b / max(b * compute, fixed / BANDWIDTH + b * memory)

    limit = 1 / max(compute, memory)
    full = next(2**n for n in range(40) if speed(2**n) >= 0.9 * limit)  # (3)
    return {"images_per_second": speed(batch), "limit": limit, "filling_batch": full}


def measure_model(
    name: str, case: Case, options: Options, devices: Any, known: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Compile what is not known yet of a model; yield each program's key and what was found."""
    shape, num_images = _SHAPES[case.dataset]
    model: Model = replace(case.model, image_shape=()).for_images(shape)
    training = Training(batch_size=case.batch, optimizer=case.optimizer)
    for dtype in options.dtype:
        for chips in options.chips:
            mesh = Mesh(np.array(devices[:chips]), (AXIS,)) if chips > 1 else None
            cast = replace(model, compute_dtype=dtype)
            programs = list_programs(cast, training, num_images, NUM_SAMPLES, mesh)

            def is_due(program: str, chips: int = chips, dtype: str = dtype) -> bool:
                chosen = program in (options.program or (program,))
                return chosen and f"{name}, {program}, {chips}, {dtype}" not in known

            has_twin = name in CASES and chips == 1 and dtype == "float32"
            if has_twin and is_due("flax-step"):
                programs.append(make_flax_step(case))
            for program in programs:
                key = f"{name}, {program.name}, {chips}, {dtype}"
                if is_due(program.name) and (chips == 1 or program.name != "step"):
                    found: dict[str, Any] = {"batch": case.batch}
                    found |= compile_program(program, mesh, devices[0])
                    if program.name == "step":
                        weights = _count_weights(program.arguments[0].params)
                        found |= {"weights": weights} | estimate_speed(found, weights, case.batch)
                        needed = count_operations(replace(case, model=model))
                        found["operations_needed"] = case.batch * needed
                    yield key, found


def make_flax_step(case: Case) -> DeviceProgram:
    """Return the step of the benchmark's Flax program, which takes a batch of images in [0, 1]."""
    key = jax.random.key(0)
    state, step, _ = make_step(case, key)
    x = jax.ShapeDtypeStruct((case.batch, *case.model.image_shape), jnp.float32)
    return DeviceProgram("flax-step", step, (state, x, key), {})


def _count_weights(params: Any) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params.weights))


def check(options: Options) -> None:
    """Compile what the options choose, print each result, and keep it.

    Raises:
        UserError: on a name that there is not, or without libtpu.
    """
    cases = list_cases()
    check_names("model", options.only, cases)
    jax.config.update("jax_enable_compilation_cache", False)
    record = read_json(options.out) if options.out.exists() else {"results": {}}
    record |= {"study": "tpu", "chip": CHIP, **describe_environment()}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    devices = find_devices()
    print(f"{'model, program, chips, precision':44}{'CPU s':>8}{'GFLOP':>10}{'MB':>9}  all-reduces")
    for name in options.only or cases:
        known = set(record["results"])
        for key, found in measure_model(name, cases[name], options, devices, known):
            record["results"][key] = found
            write_json(options.out, record)
            print(format_line(key, found), flush=True)
    print(f"kept in {options.out}; remove it to compile anew.")


def find_devices() -> Any:
    """Return the four chips that libtpu describes. Raises `UserError` without it."""
    try:
        return topologies.get_topology_desc(platform="tpu", topology_name=CHIP).devices
    except Exception as error:  # whatever the plug-in raises
        raise UserError(
            f"no TPU can be compiled for: pip install libtpu, in the version that suits jax"
            f" {jax.__version__}, and set JAX_PLATFORMS=cpu TPU_SKIP_MDS_QUERY=1. ({error})"
        ) from None


def format_line(key: str, found: dict[str, Any]) -> str:
    """Return a result as a line of the table that the command prints."""
    sums = f"{found['all_reduces']} of {found['all_reduce_bytes'] / 1e6:.1f} MB"
    speed = f", about {found['limit']:,.0f} images/s" if "limit" in found else ""
    return (
        f"{key:44}{found['compile_cpu_seconds']:8.1f}{found['operations'] / 1e9:10.3f}"
        f"{found['memory_bytes'] / 1e6:9.1f}  {sums if found['all_reduces'] else '-'}{speed}"
    )


if __name__ == "__main__":
    chosen = parse(Options, sys.argv[1:], "python -m experiments.tpu")
    sys.exit(run(lambda: check(chosen), chosen, f"stopped: {chosen.out} keeps the results."))
