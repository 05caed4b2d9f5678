"""`genjax explore RUN [options]`: write a page on the latent space of a trained model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import jax
import tyro

from genjax.cli.command import parse, run
from genjax.plots.exploration.explore_page import write_exploration
from genjax.plots.exploration.explored import Explored
from genjax.recipes import trained
from genjax.runs import run_folder
from genjax.runs.files import enable_compilation_cache
from genjax.runs.weights import find_weights, load_best


@dataclass(frozen=True)
class Options:
    """Write a page on the latent space of a trained model, with a figure for each of its parts."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """A run's folder, its name in runs/, or a file of weights."""
    run: Path | None = None
    """The run's folder or the file of weights, where it has another name."""
    dataset: str | None = None
    """The name or the path of the data, if what the run recorded no longer leads to them."""
    density: Literal["mixture", "flow"] = "mixture"
    """What is fitted to the latents of training images, for samples beside those of the prior."""


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax explore")

    def work() -> None:
        place = trained.find_run(options.run or options.name)
        page = explore(place, options.dataset, options.density)
        print(f"open in a browser: {page}")

    return run(work, options)


def explore(place: Path, dataset: str | None = None, density: str = "mixture") -> Path:
    """Draw every panel that the model allows, and write the page; return its path.

    Args:
        place: the run's folder, or a file of weights in it.
        dataset: the name or the path of the data, if what the run recorded no longer leads to them.
        density: what is fitted to the latents: mixture or flow.

    Raises:
        UserError: where there is no run with weights in it, or its data cannot be found.
    """
    enable_compilation_cache()
    folder = place if place.is_dir() else place.parent
    params = load_best(place)
    train_set, test_set = trained.find_data(place, dataset)
    metrics = run_folder.read_metrics(folder)
    explored = Explored(params, train_set, test_set, jax.random.key(0), metrics, density)
    return write_exploration(folder, explored, find_weights(place), dataset)
