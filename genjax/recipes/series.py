"""Run a series: recipes side by side, each with several seeds, and a table of their metrics."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from genjax.data import Dataset, Stream
from genjax.errors import UserError
from genjax.recipes.recipe import Recipe
from genjax.recipes.run import run_recipe
from genjax.runs.progress import prefix_bars

Results = dict[str, list[dict[str, Any]]]  # recipe's name -> `result.json` of every seed


def run_path(out: Path, name: str, seed: int = 0) -> Path:
    """Return the folder of one run of a series."""
    return out / f"{name}-{seed}"


def run_series(recipes: Mapping[str, Recipe], out: Path, num_seeds: int) -> Results:
    """Run every recipe with the seeds 0 to `num_seeds` - 1, each run in a folder of its own.

    A finished run is skipped, and an interrupted one continues.

    Raises:
        UserError: if `num_seeds` is below 1, or a folder holds a run of another configuration.
    """
    if num_seeds < 1:
        raise UserError(f"seeds is {num_seeds}, but must be at least 1.")
    results: Results = {name: [] for name in recipes}
    loaded: tuple[Any, tuple[Dataset | Stream, Dataset]] | None = None  # of the run before
    runs = [(name, seed) for seed in range(num_seeds) for name in recipes]
    for number, (name, seed) in enumerate(runs):
        where = f"run {number + 1} of {len(runs)}"
        print(f"{where}{_time_left(results, runs[number:])}: {name}, seed {seed}")
        recipe = replace(recipes[name], seed=seed)
        names = ("dataset", "image_size", "num_train", "num_validation", "stream")
        data = tuple(getattr(recipe, field) for field in names)
        with prefix_bars(f"{where}: "):
            if loaded is None or loaded[0] != data:
                loaded = None  # so that two are never held
                loaded = data, recipe.load()
            results[name].append(run_recipe(recipe, run_path(out, name, seed), sets=loaded[1]))
    return results


def _time_left(results: Results, runs: Sequence[tuple[str, int]]) -> str:
    """Say how long the remaining runs take, once every recipe has run."""
    known = [results[name][-1]["seconds"] for name, _ in runs if results[name]]
    return f", about {sum(known) / 60:.0f} min left" if len(known) == len(runs) else ""


def make_rows(
    results: Mapping[str, Sequence[Mapping[str, Any]]], columns: Mapping[str, str]
) -> list[list[str]]:
    """Return the mean and the standard deviation of every recipe's metrics, below a row of
    headings.

    Args:
        results: of every recipe, the content of its runs' `result.json`.
        columns: the metrics that are shown, and their headings.

    >>> make_rows({"vae": [{"nll": 86.0}, {"nll": 88.0}]}, {"nll": "NLL, nats"})
    [['model', 'NLL, nats'], ['vae', '87 ± 1.4']]
    """
    rows = [["model", *columns.values()]]
    for name, runs in results.items():
        values = ([run[metric] for run in runs if metric in run] for metric in columns)
        rows.append([name, *map(_format_mean, values)])
    return rows


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Format rows as a Markdown table; the first holds the headings.

    >>> print(format_table([["model", "NLL"], ["vae", "87"]]), end="")
    | model | NLL |
    | --- | --- |
    | vae | 87 |
    """
    first, *others = rows
    lines = [first, ["---"] * len(first), *others]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _format_mean(values: Sequence[float]) -> str:
    if not values:
        return "-"
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4g}{spread}"
