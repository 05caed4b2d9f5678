"""The file in which a benchmark keeps its runs, so that a stopped one goes on."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from experiments.bench.measure import PYTORCH_PROGRAMS
from experiments.bench.plan import Measurement, Options
from experiments.bench.rows import Run, make_rows
from genjax.errors import UserError
from genjax.runs.files import check_file, read_json, write_json

_BUDGET = ("epochs", "steps", "seeds")  # options that change what a run measures
COMMAND = [sys.executable, "-m", "experiments.bench"]


def read_environment() -> dict[str, Any]:
    """Describe the machine, in a process of its own: a TPU or GPU would else be taken here."""
    out = subprocess.run([*COMMAND, "--describe"], stdout=subprocess.PIPE, text=True, check=True)
    described = json.loads(out.stdout.splitlines()[-1])
    with contextlib.suppress(PackageNotFoundError):
        described["versions"]["torch"] = version("torch")
    return described


def read_runs(options: Options, environment: dict[str, Any]) -> list[Run]:
    """Return the runs that the file has.

    Raises:
        UserError: where they are of other options, another machine or another commit.
    """
    check_file(options.out)
    if not options.out.exists():
        return []
    kept = read_json(options.out)
    if "runs" not in kept:
        raise UserError(f"{options.out} is not a file of the benchmark: give another out.")
    here = {**_describe_options(options), **environment}
    there = {**kept["options"], **kept["environment"]}
    names = (*_BUDGET, *(name for name in environment if name != "date"))
    other = [f"{name} {there.get(name)}, now {here[name]}" for name in names
             if there.get(name) != here[name]]  # fmt: skip
    if other:
        raise UserError(
            f"{options.out} holds results of something else: {'; '.join(other)}. Remove it, or give"
            " another out."
        )
    return kept["runs"]


def write_runs(options: Options, environment: dict[str, Any], runs: Sequence[Run]) -> None:
    """Replace the file: all runs, and the rows made of them."""
    options.out.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "options": _describe_options(options),
        "environment": environment,
        "runs": list(runs),
        "rows": make_rows(runs),
    }
    write_json(options.out, content)


def _describe_options(options: Options) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(options).items() if name != "out"}


def measure_apart(
    measurement: Measurement, steps: int, options: Options, cache: str
) -> dict[str, float]:
    """Measure in a process of its own, with its compilation caches in the folder `cache`.

    Ctrl-C does not reach that process; it is killed when this one stops. Beside PyTorch jax keeps
    to the CPU, or it would take the device's memory.

    Raises:
        UserError: where it fails; it has said why.
    """
    _, model, contender = measurement
    spec = json.dumps([model, contender, options.epochs, steps, options.seeds])
    changes = {"JAX_COMPILATION_CACHE_DIR": cache, "TORCHINDUCTOR_CACHE_DIR": f"{cache}/torch"}
    if contender in PYTORCH_PROGRAMS:
        changes["JAX_PLATFORMS"] = "cpu"
    out = subprocess.run(
        [*COMMAND, "--measure", spec],
        env=os.environ | changes,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if out.returncode:
        raise UserError(f"{model}, {contender}: its process ended with {out.returncode}")
    return json.loads(out.stdout.splitlines()[-1])
