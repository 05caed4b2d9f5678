"""`python -m experiments.compare mnist [options]`, or `... RUN RUN ... [options]`.

The first trains the models of `match_models` with several seeds, then writes the report; stopped, the
same command goes on. The second writes a report of runs that exist.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from genjax import metrics
from genjax.cli.command import exit_code
from genjax.errors import UserError
from genjax.plots.comparison import report
from genjax.recipes import budget, contenders
from genjax.recipes.matched import SETTINGS, match_models
from genjax.recipes.series import run_path, run_series
from genjax.runs.files import enable_compilation_cache


@dataclass(frozen=True)
class Options:
    """Which budget, how often, and where to."""

    out: Path
    """The folder of the runs, of table.md and of the pictures."""
    seeds: int = 1
    """Number of seeds, from 0 on, that everything is trained with."""
    epochs: int = 0
    """Passes over the training images, of every model; 0 for the data set's own number."""
    budget: str = ""
    """Instead: how long each model trains, over all its seeds, such as 60s, 5m, 1h."""


@dataclass(frozen=True)
class OfRuns:
    """Which runs, and where to."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of finished runs on the same data; those that differ in the seed alone are one."""
    out: Path = Path("runs/compare")
    """The folder of the report."""
    dataset: str | None = None
    """The folder of images that the runs were trained on, if they were."""


def compare(name: str, options: Options) -> Path:
    """Trains what is missing of the comparison on the data set `name`; the report's path.

    Raises:
        UserError: on a bad option, or where the folder holds runs of another configuration.
    """
    if options.epochs < 0:
        raise UserError(f"--epochs is {options.epochs}, but must be at least 0.")
    if options.epochs and options.budget:
        raise UserError("--epochs and --budget both say how long to train: give one of them.")
    setting = SETTINGS[name]
    experiments = match_models(replace(setting, epochs=options.epochs or setting.epochs))
    if options.budget:
        seconds = budget.parse_duration(options.budget) / max(1, options.seeds)
        experiments = budget.fit_to_budget(experiments, seconds, options.out)
    found = run_series(experiments, options.out, options.seeds)
    compared = [
        contenders.make_contender(
            model,
            [run_path(options.out, model, seed) for seed in range(options.seeds)],
            found[model],
        )
        for model in experiments
    ]
    first = next(iter(experiments.values()))
    classifier = metrics.get_classifier(*replace(first, num_train=0).load_resident())
    return report.write_report(options.out, compared, *first.load_resident(), classifier)


def compare_runs(options: OfRuns) -> Path:
    """The report on runs that exist; its path. Raises `UserError` where they cannot be compared."""
    if not options.runs:
        raise UserError('which runs? As in make compare ARGS="runs/vae-mnist runs/dcgan-mnist".')
    return report.write_report(options.out, *contenders.measure_runs(options.runs, options.dataset))


def main(arguments: list[str]) -> int:
    enable_compilation_cache()
    name = arguments[0] if arguments else ""
    if name in SETTINGS:
        default = Options(Path("runs") / f"compare-{name}", seeds=3)
        options = tyro.cli(
            Options, default=default, args=arguments[1:], prog=f"make compare-{name}"
        )
        return exit_code(
            lambda: print(f"open in a browser: {compare(name, options)}"),
            "stopped. The same command goes on where it was.",
        )
    of_runs = tyro.cli(OfRuns, args=arguments, prog="make compare")
    return exit_code(lambda: print(f"open in a browser: {compare_runs(of_runs)}"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
