"""Measure the speed of training on this machine: `make bench`.

Every contender trains the same model on the same data with the same optimizer, in a process of its
own, from weights drawn alike. They are:

genjax        the training loop of genjax: whole epochs compiled, data on the device; -bf16 with
              networks in bfloat16
flax          the program of a Flax tutorial: flax.linen's layers, one jitted step per batch from
              the host
pytorch       the usual PyTorch program, where torch is installed; -bf16 with bfloat16 products,
              -compiled with torch.compile, on a GPU with each step as one CUDA graph
ceiling       an upper bound: a step that does only its matrix products, at the speed of a large
              product

Each result is printed as it comes, and kept. After Ctrl-C the same command goes on. At the end
stands a table of medians over the rounds: images per second in training and in sampling, how many
times as fast genjax is (in bfloat16 as a program in bfloat16, where both were measured), seconds
from the start of compiling to the end of the first epoch with an empty and with a filled
compilation cache, peak memory, and the loss of the last epoch. The command fails where that of a
contender differs from genjax's by more than the model allows (`cases.Case.tolerance`).

`python -m experiments.results record runs/bench.json` makes a record of the file, which
docs/speed.md shows.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from experiments.bench.measure import measure_ceiling, measure_contender
from experiments.bench.plan import (
    CEILING,
    Measurement,
    Options,
    check_options,
    choose_steps,
    estimate_seconds,
    list_measurements,
)
from experiments.bench.rows import HEADING, Run, check_losses, format_row, make_rows
from experiments.bench.session import measure_apart, read_environment, read_runs, write_runs
from genjax.cli.command import parse, run
from genjax.errors import UserError
from genjax.recipes.environment import describe_environment


def main() -> None:
    """Run the command; with `--measure` or `--describe`, a process that it starts."""
    match sys.argv[1:]:
        case ["--measure", spec]:
            model, contender, *budget = json.loads(spec)
            found = (
                measure_ceiling(model)
                if contender == CEILING
                else measure_contender(model, contender, *budget)
            )
            print(json.dumps(found))
        case ["--describe"]:
            print(json.dumps(describe_environment()))
        case arguments:
            options = parse(Options, arguments, "python -m experiments.bench")
            stopped = f"stopped: {options.out} keeps the results; the same command goes on."
            sys.exit(run(lambda: bench(options), options, stopped))


def bench(options: Options) -> None:
    """Measure what is not measured yet, print the table, and compare the losses.

    Raises:
        UserError: on a bad option, where a contender fails, or where the losses differ.
    """
    check_options(options)
    environment = read_environment()
    runs = read_runs(options, environment)
    known = {(run["round"], run["model"], run["contender"]) for run in runs}
    chosen = list_measurements(options, environment)
    left = [measurement for measurement in chosen if measurement not in known]
    failed = _measure_all(left, options, environment, runs)
    rows = make_rows(runs)
    print("\n".join(["", HEADING, *map(format_row, rows)]))
    print(f"\nkept in {options.out}; remove it, or give another --out, to measure anew.")
    if failed:
        raise UserError(f"{'; '.join(failed)}. The other results are kept.")
    check_losses(rows)


def _measure_all(
    left: Sequence[Measurement], options: Options, environment: dict[str, Any], runs: list[Run]
) -> list[str]:
    """Measure, print and keep one after the other in `runs`; return what failed."""
    device = environment["device"]
    expected = [estimate_seconds(measurement, options, environment) for measurement in left]
    if left:
        where = "a CPU of 2 cores" if device == "cpu" else device
        print(f"{len(left)} measurements, about {_in_minutes(sum(expected))} on {where}.")
        print(f"Ctrl-C stops; the same command goes on.\n\n{HEADING}", flush=True)
    began, failed = time.monotonic(), list[str]()
    with tempfile.TemporaryDirectory() as cache:
        for index, measurement in enumerate(left):
            number, model, contender = measurement
            cold = measurement[1:] not in {other[1:] for other in left[:index]}
            try:
                steps = choose_steps(options, model, device)
                numbers = measure_apart(measurement, steps, options, cache)
            except UserError as error:
                failed.append(str(error))
                print(f"{model:14}{contender:23} failed", flush=True)
                continue
            names = {"round": number, "model": model, "contender": contender}
            runs.append(names | {"cold": cold, "numbers": numbers})
            write_runs(options, environment, runs)
            pace = (time.monotonic() - began) / sum(expected[: index + 1])
            time_left = _in_minutes(pace * sum(expected[index + 1 :]))
            print(f"{_format_newest(runs)}   {time_left} left", flush=True)
    return failed


def _format_newest(runs: Sequence[Run]) -> str:
    newest = runs[-1]["model"], runs[-1]["contender"]
    ours = [run for run in runs if run["round"] == runs[-1]["round"]]
    row = next(row for row in make_rows(ours) if (row["model"], row["contender"]) == newest)
    return format_row(row)


def _in_minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


if __name__ == "__main__":
    main()
