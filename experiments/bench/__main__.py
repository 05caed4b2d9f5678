"""Measure the speed of training on this machine: `make bench`.

Every contender trains the same model on the same data with the same optimizer, in a process of its
own. The rounds alternate, so that a machine that slows down slows all contenders. They are:

genjax   the training loop of genjax: whole epochs compiled, data on the device
flax     the program of a Flax tutorial: flax.linen's layers, one jitted step per batch from the
host pytorch  the usual PyTorch program, where torch is installed: eager and compiled, with float32
and
         with bfloat16 products
ceiling  an upper bound: a step that does only its matrix products, at the speed of a large product

It prints medians over the rounds: images per second in training and in sampling, how many times as
fast genjax is, seconds from the start of compiling to the first result with an empty and with a
filled compilation cache, peak memory, and the loss, which shows that the work is the same. (The
loss of a GAN also differs because the usual programs update the generator after the discriminator,
at the cost of another pass through it, and genjax updates both at once.)

The numbers go to bench.json; `python -m experiments.results record runs/bench.json` makes them the
README's.
"""

import dataclasses
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.bench.cases import CASES
from experiments.bench.measure import FLAX, PYTORCH_PROGRAMS, measure_ceiling, measure_contender
from genjax.cli.command import parse, run
from genjax.errors import UserError, check_integer
from genjax.recipes.environment import describe_environment

CEILING = "ceiling"
_COLUMNS = {  # key: heading, width, how it is written
    "images_per_second": ("images/s", 10, "{:,.0f}"),
    "ratio": ("genjax", 8, "{:.2f}x"),
    "samples_per_second": ("samples/s", 11, "{:,.0f}"),
    "sampling_ratio": ("genjax", 8, "{:.2f}x"),
    "cold_start_seconds": ("cold s", 8, "{:.1f}"),
    "warm_start_seconds": ("warm s", 8, "{:.1f}"),
    "peak_bytes": ("GB", 7, "{:.2f}"),
    "loss": ("loss", 9, "{:.4g}"),
}


@dataclass(frozen=True)
class Options:
    """What is measured, and how often."""

    rounds: int = 3
    """Number of processes per contender."""
    epochs: int = 2
    """Number of timed epochs per process, after a first one."""
    steps: int = 60
    """Number of steps per epoch; 0: the whole data set once."""
    seeds: int = 1
    """Number of seeds that genjax trains at once; its images per second count all of them."""
    only: str = ""
    """Measure only models whose name contains this."""
    contender: str = ""
    """Measure only contenders whose name contains this."""
    out: Path = Path("runs/bench.json")
    """The file of the numbers."""


def choose_contenders(options: Options) -> list[tuple[str, str]]:
    """Return the pairs of a model and a contender that the options choose."""
    names = ["genjax", FLAX, CEILING]
    if importlib.util.find_spec("torch"):
        names[2:2] = PYTORCH_PROGRAMS
    return [
        (model, name)
        for model in CASES
        if options.only in model
        for name in names
        if options.contender in name
    ]


def run_in_process(model: str, contender: str, options: Options, cache: str) -> dict[str, float]:
    """Measure a contender in a process of its own, with its compilation caches in `cache`."""
    spec = json.dumps([model, contender, options.epochs, options.steps, options.seeds])
    caches = {"JAX_COMPILATION_CACHE_DIR": cache, "TORCHINDUCTOR_CACHE_DIR": f"{cache}/torch"}
    command = [sys.executable, "-m", "experiments.bench", "--measure", spec]
    out = subprocess.run(
        command, env=os.environ | caches, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(out.stdout.splitlines()[-1])


def make_row(model: str, contender: str, runs: list[dict[str, float]]) -> dict[str, Any]:
    """Take the medians of a contender's runs; the first run starts with an empty cache."""
    median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    row: dict[str, Any] = {"model": model, "contender": contender, **median}
    if "start_seconds" in row:
        warm = [run["start_seconds"] for run in runs[1:]]
        row["cold_start_seconds"] = runs[0]["start_seconds"]
        row["warm_start_seconds"] = statistics.median(warm) if warm else None
        del row["start_seconds"]
    return row


def add_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to each row how many times as fast genjax is on the same model."""
    ours = {row["model"]: row for row in rows if row["contender"] == "genjax"}

    def add_ratio(row: dict[str, Any]) -> dict[str, Any]:
        mine, ratios = ours.get(row["model"], {}), {}
        for ratio, speed in (
            ("ratio", "images_per_second"),
            ("sampling_ratio", "samples_per_second"),
        ):
            if speed in mine and speed in row and row is not mine:
                ratios[ratio] = mine[speed] / row[speed]
        return row | ratios

    return [add_ratio(row) for row in rows]


def align_rows(rows: list[dict[str, Any]]) -> str:
    """Return the rows as text in columns."""
    heading = "".join(f"{name:>{width}}" for name, width, _ in _COLUMNS.values())
    lines = [f"{'model':26}{'contender':24}{heading}"]
    for row in rows:
        scaled = row | ({"peak_bytes": row["peak_bytes"] / 1e9} if "peak_bytes" in row else {})
        cells = [
            f"{form.format(scaled[key]) if scaled.get(key) is not None else '-':>{width}}"
            for key, (_, width, form) in _COLUMNS.items()
        ]
        lines.append(f"{row['model']:26}{row['contender']:24}{''.join(cells)}")
    return "\n".join(lines)


def main() -> None:
    """Run the command; with `--measure`, the process of one contender."""
    if sys.argv[1:2] == ["--measure"]:
        model, contender, *budget = json.loads(sys.argv[2])
        found = (
            measure_ceiling(model)
            if contender == CEILING
            else measure_contender(model, contender, *budget)
        )
        print(json.dumps(found))
        return
    options = parse(Options, sys.argv[1:], "python -m experiments.bench")
    sys.exit(run(lambda: bench(options), options))


def bench(options: Options) -> None:
    """Measure all contenders in turn, print the table, and write the numbers.

    Raises `UserError` on a bad option, or where nothing is chosen.
    """
    for name, least in (("rounds", 1), ("epochs", 1), ("steps", 0), ("seeds", 1)):
        check_integer(getattr(options, name), name, least)
    contenders = choose_contenders(options)
    if not contenders:
        raise UserError(f"nothing is named so: the models are {', '.join(CASES)}.")
    results: dict[tuple[str, str], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as cache:
        for number in range(options.rounds):
            for model, contender in contenders:
                print(f"round {number + 1} of {options.rounds}: {model}, {contender}", flush=True)
                measured = run_in_process(model, contender, options, cache)
                results.setdefault((model, contender), []).append(measured)
    rows = add_ratios([make_row(*names, runs) for names, runs in results.items()])
    print(f"\n{align_rows(rows)}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    plain = {name: str(value) for name, value in dataclasses.asdict(options).items()}
    record = {"options": plain, "environment": describe_environment(), "rows": rows}
    options.out.write_text(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
