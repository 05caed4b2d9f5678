"""Explore the latent space of a trained run: `python -m genjax.cli.explore NAME [--run PATH]`."""

import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import tyro

from genjax.cli.command import exit_code
from genjax.plots.exploration.explored import Explored
from genjax.plots.exploration.page import write_exploration
from genjax.recipes import RECIPES, trained
from genjax.runs import run_folder
from genjax.runs.files import enable_compilation_cache


def explore(place: Path, dataset: str | None = None) -> Path:
    """Draw every panel that the model allows, and write the page; return its path.

    Args:
        place: the run's folder, or a file of weights in it.
        dataset: the folder of images that the run was trained on, if it was.

    Raises:
        UserError: where there is no run with weights in it, or its data cannot be found.
    """
    enable_compilation_cache()
    folder = place if place.is_dir() else place.parent
    params = trained.load_best(place)
    train_set, test_set = trained.find_data(place, dataset)
    metrics = run_folder.read_metrics(folder)
    explored = Explored(params, train_set, test_set, jax.random.key(0), metrics)
    return write_exploration(folder, explored, trained.find_weights(place), dataset)


@dataclass(frozen=True)
class Options:
    """Which run."""

    run: Path | None = None
    """The run's folder; runs/NAME by default."""
    dataset: str | None = None
    """The folder of images that the run was trained on, if it was."""


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        names = ", ".join(RECIPES)
        print(f"usage: python -m experiments.explore NAME [options]\n\nnames: {names}")
        return 0 if arguments[:1] in ([], ["-h"], ["--help"]) else 2
    name, *rest = arguments
    options = tyro.cli(Options, args=rest, prog=f"make explore-{name}")

    def work() -> None:
        page = explore(trained.find_run(name, options.run), options.dataset)
        print(f"open in a browser: {page}")

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
