"""Run a recipe: train its model, draw it, measure it, and write `result.json`."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

import genjax
from genjax import metrics
from genjax.data import Dataset, Stream, as_dataset
from genjax.data.published.offline_sample import is_sample
from genjax.distributed import hosts
from genjax.distributed.seeds import unstack_seeds
from genjax.errors import UserError
from genjax.metrics.classifier_files import load_second
from genjax.metrics.classifiers import first_digits, restore_classifier
from genjax.model import CanScore, HasFrozenFeatures, Model, Params, registered_name
from genjax.plots.run_figures import draw_run
from genjax.plots.run_page import write_run_page
from genjax.recipes import resampled
from genjax.recipes.drawing import DrawWhileTraining
from genjax.recipes.environment import describe_command, describe_environment
from genjax.recipes.measurement import (
    Measurement,
    RunKeys,
    average_results,
    find_collapsed,
    make_keys,
)
from genjax.recipes.recipe import Recipe
from genjax.recipes.records import describe_reference, find_name
from genjax.runs import run_folder
from genjax.runs.files import read_json, resolve_path, seal, write_json
from genjax.runs.opening import Specification, is_finished, open_run
from genjax.training.callbacks import Callback
from genjax.training.step import count_batches
from genjax.training.validation import choose_held_out

FEW_STEPS = 3_000  # of a GAN's training


def run_recipe(
    recipe: Recipe,
    out: str | Path,
    overwrite: bool = False,
    sets: tuple[Dataset | Stream, Dataset] | None = None,
    measure: bool = True,
    loggers: Sequence[Callback] = (),
) -> dict[str, Any]:
    """Train, draw and measure `recipe` in the folder `out`; return the content of `result.json`.

    An interrupted run continues where it stopped, and a finished one is left as it is. With several
    hosts, each calls this; the first one alone draws and measures.

    Args:
        recipe: what is trained.
        out: the run's folder.
        overwrite: delete the run that `out` holds, and start anew.
        sets: the training and the test set, where they are loaded already.
        measure: measure the trained model, as the recipe says; otherwise it is drawn only.
        loggers: called after every epoch, as the recipe's callbacks are, but no part of it: they
            log the run, and do not change it.

    Raises:
        UserError: on a bad recipe, on data that does not fit its model, or where `out` holds a run
            of another configuration.
    """
    began, out = time.monotonic(), resolve_path(out)
    recipe.check()
    train_set, test_set = sets or recipe.load()
    if recipe.num_train and not overwrite:
        train_set = _match_old_subset(recipe, train_set, out)
    images = as_dataset(train_set)
    recipe.check_density(len(images))
    measurement = Measurement(recipe, images, test_set, measure)
    keys = make_keys(recipe)
    _announce(recipe, train_set)
    if not overwrite and (finished := _find_finished(out, train_set, measurement, keys)):
        print(f"{out} is finished already. More epochs continue it; overwriting trains it anew.")
        return finished
    held_out = recipe.load_validation()
    if not (held_out or recipe.callbacks):  # which could end the run by what they see of them
        held_out = choose_held_out(recipe.model, test_set)
    params = _train(out, overwrite, train_set, held_out, measurement, keys, loggers)
    finish = partial(_finish, out, params, measurement, keys, began)
    return hosts.run_on_first(finish)


def _match_old_subset(recipe: Recipe, train_set: Dataset | Stream, out: Path) -> Dataset | Stream:
    """Return the first images instead of drawn ones where the run in `out` was trained on them.

    Version 0.1 did so; such a run still continues and counts as finished.
    """
    if not (out / run_folder.CONFIG).exists():
        return train_set
    recorded = run_folder.read_config(out)["dataset"].get("checksum")
    if recorded == train_set.checksum:
        return train_set
    first = replace(recipe, num_train=0).load()[0].take(recipe.num_train)
    return first if first.checksum == recorded else train_set


def _announce(recipe: Recipe, train_set: Dataset | Stream) -> None:
    streamed = ", streamed" if isinstance(train_set, Stream) else ""
    name, training = registered_name(recipe.model), recipe.training
    print(f"{name} on {train_set.name}: {train_set.source}{streamed}")
    steps = training.epochs * training.count_steps(len(train_set), count_batches(recipe.model))
    if isinstance(recipe.model, CanScore) and steps < FEW_STEPS:
        print(
            f"{steps:,} steps of {training.batch_size} images are few for a GAN, which needs"
            f" {FEW_STEPS:,} or more for pictures that show something: --epochs, or --epoch-steps"
            " for data sets so small that an epoch is only a few."
        )


def _run_key(keys: list[RunKeys]) -> jax.Array:
    """Return the key of the run, or the keys [S] of the runs of S seeds."""
    return jnp.stack([own.train for own in keys]) if len(keys) > 1 else keys[0].train


def _find_finished(
    out: Path, train_set: Dataset | Stream, measurement: Measurement, keys: list[RunKeys]
) -> dict[str, Any] | None:
    """Return the content of `result.json` where it holds all that is to be measured.

    Raises `UserError` where it is that of another configuration.
    """
    if not hosts.run_on_first((out / run_folder.RESULT).exists):
        return None
    recipe = measurement.recipe
    model = recipe.model.for_images(train_set.image_shape)
    run = Specification.create(model, recipe.training, train_set.record(), _run_key(keys))
    open_run(out, run)

    return hosts.run_on_first(partial(_read_result, out, measurement))


def _read_result(out: Path, measurement: Measurement) -> dict[str, Any] | None:
    """Return the result of a run that is whole, where it holds the measurement.

    It is gone where the run goes on for more epochs; a damaged one is measured again.
    """
    path = out / run_folder.RESULT
    if not path.exists() or not is_finished(out):
        return None
    try:
        result = read_json(path)
    except UserError as error:
        warnings.warn(f"{error} The run is measured again.", stacklevel=2)
        return None
    return result if measurement.is_done(result) else None


def _train(
    out: Path,
    overwrite: bool,
    train_set: Dataset | Stream,
    held_out: Dataset | None,
    measurement: Measurement,
    keys: list[RunKeys],
    loggers: Sequence[Callback],
) -> Params:
    recipe, images = measurement.recipe, measurement.train_set
    epochs, test_set = recipe.training.epochs, measurement.test_set
    draw = DrawWhileTraining(out, epochs, images, test_set, keys[0].draw)
    return genjax.fit(
        recipe.model,
        train_set,
        _run_key(keys),
        recipe.training,
        out=out,
        overwrite=overwrite,
        distance=_make_distance(recipe.model, images),
        validation=held_out,
        callbacks=(draw, *recipe.callbacks, *loggers),
    )


def _make_distance(model: Model, images: Dataset) -> Any:
    """Return the distance that chooses the best weights, of models that have a discriminator.

    It is measured in the features of the second classifier that is shipped for the data, which does
    not judge the samples in the end; else in random ones. docs/notes/gans.md says how well both
    agree with the judge.
    """
    if not isinstance(model, CanScore):
        return None
    if isinstance(model, HasFrozenFeatures):  # whose features are measured in instead
        return metrics.make_distance(images, model=model)
    second = load_second(first_digits(images))
    features = restore_classifier(second, images.label_names).features if second else None
    return metrics.make_distance(images, features=features)


def _finish(
    out: Path, params: Params, measurement: Measurement, keys: list[RunKeys], began: float
) -> dict[str, Any]:
    """Draw and measure the trained `params`; return what it writes to `result.json`."""
    draw_run(out, params, measurement.test_set, keys[0].draw)
    facts = _describe(out, measurement, keys)
    page = write_run_page(out, facts)
    print(f"trained and drawn: {page}")
    result = _measure(out, params, measurement, keys) if measurement.is_asked else {}
    result |= facts
    result["seconds"] = time.monotonic() - began  # of this process, which may have resumed the run
    write_json(out / run_folder.RESULT, seal(result, run_folder.RESULT))
    result = read_json(out / run_folder.RESULT)
    write_run_page(out, result, describe_reference(result))
    return result


def _describe(out: Path, measurement: Measurement, keys: list[RunKeys]) -> dict[str, Any]:
    """Return what is known of a run before it is measured."""
    recipe, source = measurement.recipe, measurement.test_set.source
    return {
        **run_folder.sum_times(run_folder.read_metrics(out)),
        "recipe": None if is_sample(source) else find_name(recipe),
        "seed_numbers": [recipe.seed + index for index in range(len(keys))],
        "environment": describe_environment(),
        "command": describe_command(),
    }


def _measure(
    out: Path, params: Params, measurement: Measurement, keys: list[RunKeys]
) -> dict[str, Any]:
    """Measure the last weights of every seed, and the best ones where they were kept."""
    last = measurement.measure_seeds(params, keys)
    result = average_results(last)
    first = unstack_seeds(params)[0]
    result |= resampled.measure_group_shares(out, first, measurement.train_set, keys[0].draw)
    if len(keys) > 1:
        line = run_folder.read_metrics(out)[-1]
        result["warnings"] = line.get("warnings", [])
        result["collapse_rate"] = max(line.get("collapse_rate", 0.0), find_collapsed(last))
    if (out / run_folder.BEST).exists():
        result["best"] = measurement.measure_best(out, keys, last)
    return result
