"""What the benchmark measures, in which order, and about how long it takes."""

import importlib.util
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from experiments.bench.cases import CASES, NUM_SAMPLES
from experiments.bench.measure import DRAW_SECONDS, DRAWS, FLAX, PYTORCH_PROGRAMS
from experiments.results.record import BENCHMARKS
from genjax.errors import UserError, check_integer
from genjax.runs.files import read_json

GENJAX, CEILING = "genjax", "ceiling"
CONTENDERS = (GENJAX, FLAX, *PYTORCH_PROGRAMS, CEILING)
_COMPILED = tuple(name for name, (compiled, _) in PYTORCH_PROGRAMS.items() if compiled)
_HALF = tuple(name for name, (_, bfloat16) in PYTORCH_PROGRAMS.items() if bfloat16)
_NO_HALF = ("AVX2", "AVX-512")  # processors without products in bfloat16 end so
_ROUNDS_OF_GENJAX = 2  # at least: the second one starts with a filled compilation cache
_START_SECONDS = 5  # of a process, before it compiles
_COMPILING_SECONDS = 60  # of PyTorch
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
    """Number of steps per epoch, by default as many as take seconds on two cores; 0: the
    whole data set once."""
    seeds: int = 1
    """Number of seeds that genjax trains at once; its images per second count all of them."""
    only: tuple[str, ...] = ()
    """Measure these models alone: mlp-vae, mlp-vae-grey, conv-vae, gan, dcgan, vae-gan."""
    contender: tuple[str, ...] = ()
    """Measure these contenders alone: genjax, flax, pytorch, pytorch-bf16, pytorch-compiled,
    pytorch-compiled-bf16, ceiling. By default all but the compiled ones, which take a minute each
    to start, and those in bfloat16 on a CPU that has no such products, where they take 10 to 20
    times as long."""
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
    no_half = environment["device"] == "cpu" and environment["processor"].endswith(_NO_HALF)
    slow = {*_COMPILED, *(_HALF if no_half else ())}
    chosen = options.contender or [name for name in usual if name not in slow]
    return [
        Measurement(number, model, contender)
        for number in range(1, max(options.rounds, _ROUNDS_OF_GENJAX) + 1)
        for model in CASES
        if model in (options.only or CASES)
        for contender in CONTENDERS
        if contender in chosen and (number <= options.rounds or contender == GENJAX)
    ]


def choose_steps(options: Options, model: str) -> int:
    """Return the number of steps per epoch of a model; 0: the whole data set."""
    return CASES[model].steps if options.steps is None else options.steps


def estimate_seconds(measurement: Measurement, options: Options, processor: str) -> float:
    """Estimate how long a measurement takes, from the newest committed record of the processor.

    Where there is none, from that of another one.
    """
    number, model, contender = measurement
    known = _read_speed(model, processor)
    name = contender.replace("-", "_")
    batch = CASES[model].batch
    steps = (1 + options.epochs) * (choose_steps(options, model) or _WHOLE // batch)
    images = steps * batch * (options.seeds if contender == GENJAX else 1)
    speed = known["images_per_second"] / known.get(f"ratio_{name}", 1.0)
    seconds = _START_SECONDS + images / speed
    if contender in _COMPILED:
        seconds += _COMPILING_SECONDS
    if contender != CEILING:
        sampling = known["samples_per_second"] / known.get(f"sampling_ratio_{name}", 1.0)
        draw = NUM_SAMPLES / sampling
        seconds += draw + max(DRAWS * draw, DRAW_SECONDS)
        seconds += known["warm_first_step_seconds" if number > 1 else "cold_first_step_seconds"]
    return seconds


def _read_speed(model: str, processor: str) -> dict[str, float]:
    """Return what the newest record says about a model, on this processor rather than another."""
    records = [read_json(path) for path in BENCHMARKS.glob("*.json")]
    known = [record for record in records if record["device"] == "cpu"]
    known.sort(key=lambda record: (record["processor"] == processor, record["date"]))
    for record in reversed(known):
        if model in record["results"]:
            return _UNKNOWN | record["results"][model]
    return _UNKNOWN
