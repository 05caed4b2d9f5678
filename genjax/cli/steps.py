"""`genjax steps RUN`: measure samples against the number of steps that they are drawn in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import tyro

import genjax
from genjax.cli.command import parse, run
from genjax.errors import UserError, check_integer
from genjax.metrics.step_quality import STEPS, measure_steps, with_steps
from genjax.plots.image_charts import save_strip
from genjax.plots.step_chart import save_steps
from genjax.recipes import trained
from genjax.recipes.classifier_training import get_classifier
from genjax.runs.files import enable_compilation_cache, write_json
from genjax.runs.progress import progress
from genjax.runs.weights import load_best

_SHOWN = 12  # samples in a row of the picture


@dataclass(frozen=True)
class Options:
    """Measure the samples of a model such as flow matching against the number of steps.

    Writes steps.json and, in figures/, steps.png and samples-steps.png into the run's folder.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A run's folder, its name in runs/, or a file of weights."""
    steps: tuple[int, ...] = STEPS
    """The numbers of steps."""
    num_generated: int = 2_000
    """Number of samples that are drawn for each number of steps."""
    dataset: str | None = None
    """The data set, or the folder of images that the run was trained on, if it was."""
    seed: int = 0
    """The random seed: the key is jax.random.key(seed)."""


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax steps")

    def work() -> None:
        measured = write_steps(options)
        for count, distance in zip(
            measured["num_steps"], measured["frechet_classifier"], strict=True
        ):
            print(f"{count:4} steps   FCD {distance:.4g}")

    return run(work, options)


def write_steps(options: Options) -> dict[str, Any]:
    """Measure, write the record and draw both pictures; return the record.

    Raises `UserError` where the model does not sample in steps, or the data has no classes.
    """
    check_integer(options.num_generated, "num_generated", least=2)
    check_integer(options.seed, "seed", least=0, most=2**32 - 1)
    if not options.steps:
        raise UserError("steps is (), but must hold at least one number of steps.")
    for count in options.steps:
        check_integer(count, "steps", most=10_000)
    enable_compilation_cache()
    place = trained.find_run(options.run)
    folder = place if place.is_dir() else place.parent
    params, key = load_best(place), jax.random.key(options.seed)
    with_steps(params, 1)  # refuses a model that does not sample in steps
    train_set, test_set = trained.find_data(place, options.dataset)
    if len(train_set.label_names) < 2:
        raise UserError("the data has no classes, by which samples are measured.")
    rows = [genjax.sample(with_steps(params, count), key, _SHOWN) for count in options.steps]
    names = [f"{count} step{'s' if count > 1 else ''}" for count in options.steps]
    save_strip(folder / "figures" / "samples-steps.png", rows, names, _SHOWN)
    classifier = get_classifier(train_set, test_set)
    total = len(options.steps) * options.num_generated
    with progress(total=total, desc="sampling") as bar:
        measured = measure_steps(
            params, test_set, classifier, key, options.num_generated, options.steps, bar.update
        )
    write_json(folder / "steps.json", measured)
    save_steps(folder / "figures" / "steps.png", measured)
    return measured
