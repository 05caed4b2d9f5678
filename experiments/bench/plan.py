"""What the benchmark measures, in which order, and about how long it takes."""

import importlib.util
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from experiments.bench.cases import CASES, NUM_SAMPLES
from experiments.bench.measure import (
    DRAW_SECONDS,
    DRAWS,
    FLAX,
    GENJAX,
    GENJAX_BF16,
    GENJAX_PROGRAMS,
    PYTORCH_PROGRAMS,
)
from experiments.results.record import BENCHMARKS
from genjax.errors import UserError, check_integer
from genjax.runs.files import read_json

CEILING = "ceiling"
CONTENDERS = (*GENJAX_PROGRAMS, FLAX, *PYTORCH_PROGRAMS, CEILING)
_COMPILED = tuple(name for name, (compiled, _) in PYTORCH_PROGRAMS.items() if compiled)
_HALF = tuple(name for name, (_, bfloat16) in PYTORCH_PROGRAMS.items() if bfloat16)
_EAGER = tuple(name for name in PYTORCH_PROGRAMS if name not in _COMPILED)
_NO_HALF = ("AVX2", "AVX-512")  # processors without products in bfloat16 end so
_ROUNDS_OF_GENJAX = 2  # at least: the second one starts with a filled compilation cache
_START_SECONDS = 5  # of a process, before it compiles
_COMPILING_SECONDS = 60  # of PyTorch
_CEILING_SECONDS = 3  # for some products, and to count those of a step
_WHOLE = 60_000  # images
_UNKNOWN = {
    "images_per_second": 1000.0,
    "samples_per_second": 5000.0,
    "cold_first_step_seconds": 15.0,
    "warm_first_step_seconds": 5.0,
}


@dataclass(frozen=True)
class Options:
    """What is measured, and how often."""

    rounds: int = 1
    """Number of processes per contender, of genjax at least two: the second finds its compilation
    cache filled. The rounds alternate, so that a machine that slows down slows all contenders."""
    epochs: int = 2
    """Number of timed epochs per process, after a first one."""
    steps: int | None = None
    """Number of steps per epoch, by default on a CPU as many as take seconds on two cores; 0, as by
    default on other devices: the whole data set once."""
    seeds: int = 1
    """Number of seeds that genjax trains at once; its images per second count all of them."""
    only: tuple[str, ...] = ()
    """Measure these models alone: mlp-vae, mlp-vae-grey, conv-vae, gan, dcgan, vae-gan."""
    contender: tuple[str, ...] = ()
    """Measure these contenders alone: genjax, genjax-bf16, flax, pytorch, pytorch-bf16,
    pytorch-compiled, pytorch-compiled-bf16, ceiling. By default all but the compiled ones, which
    take a minute each to start, genjax-bf16, and those in bfloat16 on a CPU that has no such
    products, where they take 10 to 20 times as long. On a GPU all but PyTorch's eager ones, on a
    TPU all but PyTorch's."""
    out: Path = Path("runs/bench.json")
    """The file of the results. Where it holds some of this command, the others are added."""


class Measurement(NamedTuple):
    """One process of the benchmark; `round` counts from 1."""

    round: int
    model: str
    contender: str


def check_options(options: Options) -> None:
    """Raise `UserError` on a number that is too small, or a name that there is not."""
    for name, least in (("rounds", 1), ("epochs", 1), ("steps", 0), ("seeds", 1)):
        if getattr(options, name) is not None:
            check_integer(getattr(options, name), name, least)
    check_names("model", options.only, CASES)
    check_names("contender", options.contender, CONTENDERS)
    if not importlib.util.find_spec("torch") and set(options.contender) & set(PYTORCH_PROGRAMS):
        raise UserError("PyTorch is not installed: pip install '.[bench]'.")


def check_names(what: str, names: Collection[str], choices: Collection[str]) -> None:
    """Raise `UserError` on a name that is not among the choices."""
    for name in names:
        if name not in choices:
            raise UserError(f"there is no {what} {name!r}: choose from {', '.join(choices)}.")


def list_measurements(options: Options, environment: Mapping[str, Any]) -> list[Measurement]:
    """List what the options choose on a machine, in order."""
    torch = importlib.util.find_spec("torch")
    usual = [name for name in CONTENDERS if torch or name not in PYTORCH_PROGRAMS]
    if environment["device"] == "cpu":
        no_half = environment["processor"].endswith(_NO_HALF)
        left_out = {GENJAX_BF16, *_COMPILED, *(_HALF if no_half else ())}
    else:
        left_out = {*PYTORCH_PROGRAMS} if "TPU" in environment["device"] else {*_EAGER}
    chosen = options.contender or [name for name in usual if name not in left_out]
    return [
        Measurement(number, model, contender)
        for number in range(1, max(options.rounds, _ROUNDS_OF_GENJAX) + 1)
        for model in CASES
        if model in (options.only or CASES)
        for contender in CONTENDERS
        if contender in chosen and (number <= options.rounds or contender == GENJAX)
    ]


def choose_steps(options: Options, model: str, device: str) -> int:
    """Return the number of steps per epoch of a model; 0: the whole data set."""
    if options.steps is not None:
        return options.steps
    return CASES[model].steps if device == "cpu" else 0


def estimate_seconds(
    measurement: Measurement, options: Options, environment: Mapping[str, Any]
) -> float:
    """Estimate how long a measurement takes, from the newest committed record of the machine.

    Where there is none, from that of another one.
    """
    number, model, contender = measurement
    if contender == CEILING:
        return _START_SECONDS + _CEILING_SECONDS
    known = _read_speed(model, environment)
    name = contender.replace("-", "_")
    batch = CASES[model].batch
    chosen = choose_steps(options, model, environment["device"])
    steps = (1 + options.epochs) * (chosen or _WHOLE // batch)
    images = steps * batch * (options.seeds if contender in GENJAX_PROGRAMS else 1)
    speed = known["images_per_second"] / known.get(f"ratio_{name}", 1.0)
    seconds = _START_SECONDS + images / speed
    if contender in _COMPILED:
        seconds += _COMPILING_SECONDS
    sampling = known["samples_per_second"] / known.get(f"sampling_ratio_{name}", 1.0)
    draw = NUM_SAMPLES / sampling
    seconds += draw + max(DRAWS * draw, DRAW_SECONDS)
    return seconds + known["warm_first_step_seconds" if number > 1 else "cold_first_step_seconds"]


def _read_speed(model: str, environment: Mapping[str, Any]) -> dict[str, float]:
    """Return what the newest record says about a model, on this machine rather than another.

    A CPU's speed says nothing of another device's. A model that no record has is taken for the
    slowest of them.
    """
    on_cpu = environment["device"] == "cpu"
    records = [read_json(path) for path in BENCHMARKS.glob("*.json")]
    known = [record for record in records if (record["device"] == "cpu") == on_cpu]
    which = "processor" if on_cpu else "device"
    known.sort(key=lambda record: (record[which] == environment[which], record["date"]))
    for record in reversed(known):
        if model in record["results"]:
            return _UNKNOWN | record["results"][model]
    speeds = [row for record in known for row in record["results"].values()]
    return _UNKNOWN | min(speeds, key=lambda row: row["images_per_second"], default={})
