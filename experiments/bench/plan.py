"""What the benchmark measures, in which order, and about how long it takes."""

import importlib.util
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from experiments.bench.cases import CASES
from experiments.bench.measure import FLAX, PYTORCH_PROGRAMS
from experiments.results.record import BENCHMARKS
from genjax.errors import UserError, check_integer
from genjax.runs.files import read_json

GENJAX, CEILING = "genjax", "ceiling"
CONTENDERS = (GENJAX, FLAX, *PYTORCH_PROGRAMS, CEILING)
_COMPILED = tuple(name for name, (compiled, _) in PYTORCH_PROGRAMS.items() if compiled)
_HALF = tuple(name for name, (_, bfloat16) in PYTORCH_PROGRAMS.items() if bfloat16)
_CPUINFO = Path("/proc/cpuinfo")  # of Linux
_START_SECONDS = 5  # of a process, before it compiles
_COMPILING_SECONDS = 60  # of PyTorch
_WHOLE = 60_000  # images
_UNKNOWN = {"images_per_second": 1000.0, "cold_start_seconds": 15.0, "steps": 0}


@dataclass(frozen=True)
class Options:
    """What is measured, and how often."""

    rounds: int = 1
    """Number of processes per contender. The rounds alternate, so that a machine that slows down
    slows all contenders."""
    epochs: int = 2
    """Number of timed epochs per process, after a first one."""
    steps: int = 30
    """Number of steps per epoch; 0: the whole data set once."""
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


def list_measurements(options: Options, device: str = "cpu") -> list[Measurement]:
    """List what the options choose on the device, in order."""
    torch = importlib.util.find_spec("torch")
    usual = [name for name in CONTENDERS if torch or name not in PYTORCH_PROGRAMS]
    slow = {*_COMPILED, *(_HALF if device == "cpu" and not _has_half_products() else ())}
    chosen = options.contender or [name for name in usual if name not in slow]
    return [
        Measurement(number, model, contender)
        for number in range(1, options.rounds + 1)
        for model in CASES
        if model in (options.only or CASES)
        for contender in CONTENDERS
        if contender in chosen
    ]


def _has_half_products() -> bool:
    """Tell whether the processor multiplies in bfloat16; true where it does not say."""
    if not _CPUINFO.exists():
        return True
    return bool({"avx512_bf16", "amx_bf16"} & set(_CPUINFO.read_text().split()))


def estimate_seconds(measurement: Measurement, options: Options) -> float:
    """Estimate how long a measurement takes, from the newest committed record of a CPU."""
    _, model, contender = measurement
    known = _read_speed(model)
    batch = CASES[model].batch
    steps = (1 + options.epochs) * (options.steps or _WHOLE // batch)
    images = max(0, steps - known["steps"]) * batch  # a cold start ends with the first epoch
    if contender == GENJAX:
        images *= options.seeds
    slower = known.get(f"ratio_{contender.replace('-', '_')}", 1.0)
    start = _START_SECONDS + (_COMPILING_SECONDS if contender in _COMPILED else 0)
    return start + known["cold_start_seconds"] + images * slower / known["images_per_second"]


def _read_speed(model: str) -> dict[str, float]:
    """Return what the newest record of a CPU says about a model."""
    records = sorted(map(read_json, BENCHMARKS.glob("*.json")), key=lambda record: record["date"])
    known = [
        record["results"][model] | {"steps": record["measured_with"]["steps"]}
        for record in records
        if record["device"] == "cpu" and model in record["results"]
    ]
    return known[-1] if known else _UNKNOWN
