"""`genjax train RECIPE [options]`: train a recipe, draw its samples and measure it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tyro

from genjax.cli import listing
from genjax.cli.command import parse, run
from genjax.cli.metrics_table import WIDTH, print_metrics
from genjax.cli.recipe_options import apply_options, make_options
from genjax.cli.user_code import find_recipe
from genjax.distributed import hosts
from genjax.errors import HostLost
from genjax.metrics.result_metrics import describe_measurement
from genjax.model import to_json
from genjax.recipes import RECIPES, Recipe, run_recipe
from genjax.recipes.recipe import limit_measuring, restore_measuring
from genjax.recipes.records import describe_reference, summarize_record
from genjax.runs import run_folder
from genjax.runs.files import resolve_path
from genjax.training.loggers import LOGGERS, Logger

_PICTURES = 20  # of samples in a log, about
_USAGE = """\
usage: genjax train RECIPE [options]

RECIPE is one of those below, my_file.py:recipe, or a file of yours that has one recipe.

Train a recipe, draw its samples and measure it. An interrupted run continues where it stopped, a
finished one where --epochs asks for more; else it is left as it is.

{recipes}

`genjax train RECIPE --help` explains the options of a recipe."""


@dataclasses.dataclass(frozen=True)
class Hosts:
    """A run on several machines: start the same command on each."""

    hosts: int | Literal["auto"] = 1
    """Number of machines; auto on TPU pods and under Slurm and Open MPI."""
    host: int = 0
    """The number of this machine, from 0 on. Host 0 has the run's folder."""
    coordinator: str = ""
    """The address of host 0 and a free port of it, such as 10.0.0.1:1234."""


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of every recipe, beside those of its fields."""

    out: Path | None = None
    """The run's folder; by default runs/RECIPE."""
    overwrite: bool = False
    """Delete the run that the folder holds, and start anew."""
    measure: Literal["quick", "full", "none"] = "quick"
    """How much is measured at the end: quick, with the numbers under "measuring"; full, with those
    of the recipe, as for the README's tables; or none."""
    log: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ()
    """Logs of the run, in its folder logs/: metrics, samples and configuration. Each needs the
    extra of its name. One that fails does not stop the run."""
    many_hosts: tyro.conf.OmitArgPrefixes[Hosts] = Hosts()


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        print(_USAGE.format(recipes=listing.format_recipes()))
        return 0 if arguments[:1] in ([], ["-h"], ["--help"]) else 2
    named, *rest = arguments
    found: list[tuple[str, Recipe]] = []
    if run(lambda: found.append(find_recipe(named))):
        return 2
    name, recipe = found[0]
    reference = summarize_record(name) if recipe == RECIPES.get(name) else ""
    about = f"{recipe.description}." + (f"\n\nReference result: {reference}." if reference else "")
    quick = limit_measuring(recipe)
    options: Any = parse(make_options(quick, Options(), about), rest, f"genjax train {named}")
    chosen = apply_options(quick, options)
    if options.measure == "full":
        chosen = restore_measuring(chosen, recipe)
    return train(name, chosen, options)


def train(name: str, recipe: Recipe, options: Any) -> int:
    """Train the recipe and print its metrics; return the exit code."""
    out = options.out or Path("runs") / name

    def work() -> None:
        machines = options.many_hosts
        hosts.join(machines.hosts, machines.host, machines.coordinator)
        result = run_recipe(
            recipe,
            out,
            options.overwrite,
            measure=options.measure != "none",
            loggers=make_loggers(options.log, recipe, out),
        )
        if hosts.is_first():
            report(result, resolve_path(out), options.measure == "quick")

    def leave(code: int, error: BaseException) -> int:
        alone = isinstance(error, Exception) and not isinstance(error, HostLost)
        return code if alone else hosts.leave(code)

    less = ", without --overwrite," if options.overwrite else ""
    stopped = f"stopped. The same command{less} continues the run in {out}."
    return run(work, options, stopped, leave=leave)


def make_loggers(names: Sequence[str], recipe: Recipe, out: Path) -> list[Logger]:
    """Return loggers by name, which draw about 20 pictures of samples in a run."""
    config = {
        "dataset": recipe.dataset,
        "model": to_json(recipe.model),
        "training": recipe.training.to_json(),
        "seed": recipe.seed,
        "seeds": recipe.seeds,
    }
    every = max(1, recipe.training.epochs // _PICTURES)
    return [LOGGERS[name](out / "logs" / name, config, every) for name in names]


def report(result: Mapping[str, Any], out: Path, is_quick: bool) -> None:
    """Print the metrics of a run; beside those of a recipe as it is, the reference result."""
    if measured := describe_measurement(result):
        print(f"measured on {measured}" + ("; --measure full takes more" if is_quick else ""))
    print_metrics(result)
    if reference := describe_reference(result):
        print(f"{'reference result':{WIDTH}} {reference}")
    print(f"{'seconds':{WIDTH}} {result['seconds']:.0f}")
    print(f"{'figures':{WIDTH}} {out / 'figures'}")
    print(out / run_folder.REPORT)
