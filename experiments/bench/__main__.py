"""The speed of training on this machine: `make bench`.

Every contender trains the same model on the same data with the same optimizer, in a process of its
own; the rounds alternate, so that a machine that slows down slows all of them. Contenders:

genjax   the real loop: whole epochs compiled, data on the device
flax     the idiomatic Flax program: flax.linen's layers, one jitted step a batch from the host
pytorch  the idiomatic PyTorch program where the package torch is installed: eager and compiled,
         with float32 and with bfloat16 products
ceiling  a step that were nothing but its products, at the speed of a product of large matrices

Printed are medians over the rounds: images a second while training and while sampling, how many
times as fast genjax is, the seconds from the start of compiling to the first result with an empty
and with a filled compilation cache, the largest memory, and the loss, which shows that the work is
the same (a GAN's moves with chance, and here with one thing more: the usual programs update the
generator after the discriminator, at the cost of another pass through it, and genjax both at once).
The numbers also go to bench.json.
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

import tyro

from experiments.bench.cases import cases
from experiments.bench.measure import FLAX, OF_PYTORCH, measure, measure_ceiling
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
    """Processes a contender."""
    epochs: int = 2
    """Timed epochs a process, after a first one."""
    steps: int = 60
    """Steps an epoch; 0: all, the whole data set once."""
    seeds: int = 1
    """Seeds that genjax trains at once; the images a second are those of all."""
    only: str = ""
    """Only the models whose name contains this."""
    contender: str = ""
    """Only the contenders whose name contains this."""
    out: Path = Path("runs/bench.json")
    """Where the numbers go."""


def contenders(options: Options) -> list[tuple[str, str]]:
    """Every case that is chosen, with every program that there is for it."""
    names = ["genjax", FLAX, CEILING]
    if importlib.util.find_spec("torch"):
        names[2:2] = OF_PYTORCH
    return [
        (model, name)
        for model in cases()
        if options.only in model
        for name in names
        if options.contender in name
    ]


def run_in_process(model: str, contender: str, options: Options, cache: str) -> dict[str, float]:
    spec = json.dumps([model, contender, options.epochs, options.steps, options.seeds])
    caches = {"JAX_COMPILATION_CACHE_DIR": cache, "TORCHINDUCTOR_CACHE_DIR": f"{cache}/torch"}
    command = [sys.executable, "-m", "experiments.bench", "--measure", spec]
    out = subprocess.run(
        command, env=os.environ | caches, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(out.stdout.splitlines()[-1])


def row_of(model: str, contender: str, runs: list[dict[str, float]]) -> dict[str, Any]:
    """The medians of a contender's runs; of the seconds to the start, the first is the cold one."""
    median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    row: dict[str, Any] = {"model": model, "contender": contender, **median}
    if "start_seconds" in row:
        warm = [run["start_seconds"] for run in runs[1:]]
        row["cold_start_seconds"] = runs[0]["start_seconds"]
        row["warm_start_seconds"] = statistics.median(warm) if warm else None
        del row["start_seconds"]
    return row


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each row with how many times as fast genjax is at the same model."""
    ours = {row["model"]: row for row in rows if row["contender"] == "genjax"}

    def compared(row: dict[str, Any]) -> dict[str, Any]:
        mine, ratios = ours.get(row["model"], {}), {}
        for ratio, speed in (
            ("ratio", "images_per_second"),
            ("sampling_ratio", "samples_per_second"),
        ):
            if speed in mine and speed in row and row is not mine:
                ratios[ratio] = mine[speed] / row[speed]
        return row | ratios

    return [compared(row) for row in rows]


def table(rows: list[dict[str, Any]]) -> str:
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
    if sys.argv[1:2] == ["--measure"]:
        model, contender, *budget = json.loads(sys.argv[2])
        found = (
            measure_ceiling(model) if contender == CEILING else measure(model, contender, *budget)
        )
        print(json.dumps(found))
        return
    options = tyro.cli(Options, prog="make bench")
    results: dict[tuple[str, str], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as cache:
        for number in range(options.rounds):
            for model, contender in contenders(options):
                print(f"round {number + 1} of {options.rounds}: {model}, {contender}", flush=True)
                figures = run_in_process(model, contender, options, cache)
                results.setdefault((model, contender), []).append(figures)
    rows = with_ratios([row_of(*names, runs) for names, runs in results.items()])
    print(f"\n{table(rows)}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    plain = {name: str(value) for name, value in dataclasses.asdict(options).items()}
    record = {"options": plain, "environment": describe_environment(), "rows": rows}
    options.out.write_text(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
