"""A series: experiments side by side, each under several seeds, and a table of their figures."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from genjax.cli.command import exit_code
from genjax.cli.train import train
from genjax.data import Dataset, Stream
from genjax.errors import UserError
from genjax.recipes.recipe import Recipe
from genjax.runs.files import replace_file
from genjax.runs.progress import within

Figures = Mapping[str, str]  # of result.json, and what the table calls them
Draw = Callable[[Path, Mapping[str, Recipe]], None]


@dataclass(frozen=True)
class Options:
    """How often, and where to."""

    out: Path
    """The folder of the runs, of table.md and of the pictures."""
    seeds: int = 1
    """Runs of everything, with the seeds from 0 on."""


def run_of(out: Path, name: str, seed: int = 0) -> Path:
    return out / f"{name}-{seed}"


def train_all(
    experiments: Mapping[str, Recipe], options: Options
) -> dict[str, list[dict[str, Any]]]:
    """Trains the experiments, each seed in a folder of its own; what is finished is skipped, and
    what was stopped goes on. The `result.json` of every run.

    Raises:
        UserError: if `seeds` is below 1, or a folder holds a run of another configuration.
    """
    if options.seeds < 1:
        raise UserError(f"--seeds is {options.seeds}, but must be at least 1.")
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in experiments}
    sets: dict[Any, tuple[Dataset | Stream, Dataset]] = {}  # each is loaded once
    runs = [(name, seed) for seed in range(options.seeds) for name in experiments]
    for number, (name, seed) in enumerate(runs):
        where = f"run {number + 1} of {len(runs)}"
        known = [results[later][-1]["seconds"] for later, _ in runs[number:] if results[later]]
        if len(known) == len(runs) - number:
            where += f", about {sum(known) / 60:.0f} min left"
        print(f"{where}: {name}, seed {seed}")
        with within(f"{where}: "):
            recipe = replace(experiments[name], seed=seed)
            data = (
                recipe.dataset,
                recipe.image_size,
                recipe.num_train,
                recipe.stream,
            )
            sets[data] = sets.get(data) or recipe.load()
            folder = run_of(options.out, name, seed)
            results[name].append(train(recipe, folder, sets=sets[data]))
    return results


def table(results: Mapping[str, Sequence[Mapping[str, Any]]], figures: Figures) -> str:
    """Markdown: of the results of every recipe the mean and the standard deviation."""
    lines = [["model", *figures.values()], ["---"] * (1 + len(figures))]
    for name, runs in results.items():
        values = ([run[figure] for run in runs if figure in run] for figure in figures)
        lines.append([name, *map(_summary, values)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _summary(values: Sequence[float]) -> str:
    if not values:
        return "-"
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4g}{spread}"


def main(
    arguments: list[str],
    command: str,
    experiments: Mapping[str, Recipe],
    default: Options,
    figures: Figures,
    draw: Draw,
) -> int:
    """`make COMMAND`: compares, prints the table, and draws into the folder of the runs."""
    options = tyro.cli(Options, default=default, args=arguments, prog=f"make {command}")

    def work() -> None:
        text = table(train_all(experiments, options), figures)
        replace_file(options.out / "table.md", lambda file: file.write(text.encode()))
        draw(options.out, experiments)
        print(f"\n{text}\nmean ± standard deviation of {options.seeds}; pictures in {options.out}")

    return exit_code(work, "stopped. The same command goes on where it was.")
