"""`genjax evaluate RUN`: measure a trained model, or images that another program generated."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import tyro

import genjax
from genjax.cli.command import parse, run
from genjax.cli.metrics_table import print_metrics
from genjax.cli.user_code import find_function
from genjax.errors import UserError, check_integer
from genjax.metrics.result_metrics import describe_measurement
from genjax.model import CanReconstruct, require
from genjax.plots.grids import prepare_path
from genjax.recipes import trained
from genjax.recipes.classifier_training import get_classifier
from genjax.recipes.fitted import DensityKind, fit_and_measure
from genjax.recipes.scoring import evaluate_samples
from genjax.runs.files import enable_compilation_cache, write_json
from genjax.runs.weights import load_best

_FITTED = 2**31 - 5  # folded into the key, beside the numbers of `genjax.evaluate`


@dataclass(frozen=True)
class Options:
    """Measure a trained model on test images, or images that another program has generated."""

    run: Annotated[Path | None, tyro.conf.Positional] = None
    """A run's folder, its name in runs/, or a file of weights."""
    images: Path | None = None
    """In place of a run: a folder of generated images, or an .npy or .npz file of them."""
    sampler: str | None = None
    """In place of a run: a function (key, num) -> images or (seed, num) -> images, as in
    my_file.py:draw."""
    against: str | None = None
    """The name or the path of the data that --images or --sampler are compared with."""
    dataset: str | None = None
    """The name or the path of the data, if what the run recorded no longer leads to them."""
    num_samples: int = 500
    """Number of importance samples in the likelihood bound (IWAE)."""
    num_images: int = 0
    """Number of test images that the model encodes; 0 for all."""
    num_generated: int = 0
    """Number of samples that are measured, also by a classifier of the data's classes; 0 for none
    of a run, for all of --images, and for 10,000 of --sampler."""
    density: DensityKind = "none"
    """Fit a mixture, or a flow, to the codes of training images, and measure its samples too."""
    seed: int = 0
    """The random seed: the key is jax.random.key(seed)."""
    out: Path | None = None
    """A JSON file for the metrics, with a record of how they were measured."""


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax evaluate")

    def work() -> None:
        result = evaluate(options)
        print(f"measured on {describe_measurement(result)}")
        print_metrics(result)
        if options.out:
            write_json(prepare_path(options.out), result)

    return run(work, options)


def evaluate(options: Options) -> dict[str, Any]:
    """Return the metrics of the best weights, or of images, and how they were measured.

    Raises `UserError` where there is no run or no data, or on a bad option.
    """
    if sum(given is not None for given in (options.run, options.images, options.sampler)) != 1:
        raise UserError("what is to be measured? Give one of: a run, images=, or sampler=.")
    return evaluate_run(options) if options.run else evaluate_others(options)


def evaluate_others(options: Options) -> dict[str, Any]:
    """Return the metrics of images that another program generated."""
    if options.against is None:
        raise UserError("what are the images compared with? Give against=, such as cifar10.")
    if options.density != "none":
        raise UserError("density= is fitted to the codes of a run's model, and there is none.")
    check_integer(options.num_generated, "num_generated", least=0)
    check_integer(options.seed, "seed", least=0, most=2**32 - 1)
    sampler = find_function(options.sampler) if options.sampler else None
    return evaluate_samples(
        sampler or options.images,  # type: ignore[arg-type]
        options.against,
        num=options.num_generated or None,
        key=options.seed,
    )


def evaluate_run(options: Options) -> dict[str, Any]:
    """Return the metrics of the best weights of a run."""
    if options.against is not None:
        raise UserError("against= is for images= and sampler=; the data of a run are dataset=.")
    assert options.run is not None
    enable_compilation_cache()
    check_integer(options.num_samples, "num_samples", least=1)
    for name in ("num_images", "num_generated"):
        check_integer(getattr(options, name), name, least=0)
    check_integer(options.seed, "seed", least=0, most=2**32 - 1)
    place = trained.find_run(options.run)
    params = load_best(place)
    if options.density != "none":
        require(params.model, CanReconstruct)
        check_integer(options.num_generated, "num_generated", least=2)
    train_set, test_set = trained.find_data(place, options.dataset)
    has_classes = options.num_generated and len(train_set.label_names) > 1
    models = [params.model]
    classifier = get_classifier(train_set, test_set, models=models) if has_classes else None
    key = jax.random.key(options.seed)
    result = genjax.evaluate(
        params,
        test_set,
        key,
        num_samples=options.num_samples,
        num_images=options.num_images or None,
        num_generated=options.num_generated,
        train_set=train_set,
        classifier=classifier,
    )
    if options.density != "none":
        result |= fit_and_measure(
            params,
            jax.random.fold_in(key, _FITTED),
            options.density,
            options.num_generated,
            test_set,
            classifier,
            train_set,
        )
        result["record"]["density"] = options.density
    return result
