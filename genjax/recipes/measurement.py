"""Measure a trained run, of one seed or of several, for its `result.json`."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import genjax
from genjax import metrics
from genjax.data import Dataset
from genjax.distributed.seeds import unstack_seeds
from genjax.errors import TrainingDiverged
from genjax.model import CanEncode, Params
from genjax.recipes.classifier_training import get_classifier
from genjax.recipes.fitted import fit_and_measure
from genjax.recipes.recipe import Recipe
from genjax.runs import run_folder
from genjax.runs.weights import find_best_epoch

Result = dict[str, Any]


class RunKeys(NamedTuple):
    """The keys of one seed: for training, for pictures, for measuring, for fitting a density."""

    train: jax.Array
    draw: jax.Array
    measure: jax.Array
    fit_density: jax.Array


def make_keys(recipe: Recipe) -> list[RunKeys]:
    """Return the keys of every seed of `recipe`."""
    numbers = range(recipe.seed, recipe.seed + recipe.seeds)
    return [RunKeys(*jax.random.split(jax.random.key(number), 4)) for number in numbers]


@dataclass(frozen=True)
class Measurement:
    """What `recipe` asks to be measured, on these images; nothing unless it `is_asked`."""

    recipe: Recipe
    train_set: Dataset
    test_set: Dataset
    is_asked: bool = True

    @cached_property
    def classifier(self) -> metrics.Classifier | None:
        """The classifier of the samples, where there are samples and the data has classes.

        It was trained on all images, even where the model is trained on fewer.
        """
        if not self.recipe.num_generated or len(self.train_set.label_names) < 2:
            return None
        whole = self.train_set
        if self.recipe.num_train:
            whole, _ = replace(self.recipe, num_train=0).load_resident()
        return get_classifier(whole, self.test_set, models=[self.recipe.model])

    def is_done(self, result: Mapping[str, Any]) -> bool:
        """Return whether `result` holds this measurement, or one of more images and samples.

        A result that does not name a number was written before there was a choice.
        """
        if not self.is_asked:
            return True
        asked, record = self.recipe, result.get("record", {})
        num_test = len(self.test_set)
        num_images = record.get("dataset", {}).get("num_images", num_test)
        classifier = record.get("classifier") or record.get("judge") or {}  # its name in 0.1
        return (
            record.get("num_samples", 0) >= asked.num_samples
            and num_images >= min(asked.num_images or num_test, num_test)
            and record.get("num_generated", 0) >= asked.num_generated
            and record.get("num_components", 0) == asked.num_components
            and _read_density(record) == asked.fitted_density
            and (not self.classifier or classifier.get("digest") == self.classifier.digest)
        )

    def measure_seeds(self, params: Params, keys: Sequence[RunKeys]) -> list[Result | None]:
        """Return the metrics of every seed; None for one that has diverged."""
        each = zip(unstack_seeds(params), keys, strict=True)
        return [self.measure(one, own) for one, own in each]

    def measure(self, params: Params, keys: RunKeys) -> Result | None:
        """Return the metrics of one seed; None where a weight or a metric is not finite."""
        if not all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(params)):
            return None
        asked = self.recipe
        result = genjax.evaluate(
            params,
            self.test_set,
            keys.measure,
            num_samples=asked.num_samples,
            num_images=asked.num_images or None,
            num_generated=asked.num_generated,
            train_set=self.train_set,
            classifier=self.classifier,
        )
        if asked.fitted_density != "none" and isinstance(params.model, CanEncode):
            result |= self._measure_density(params, keys.fit_density)
        result["record"]["num_components"] = asked.num_components
        result["record"]["density"] = asked.fitted_density
        numbers = [value for value in result.values() if isinstance(value, float)]
        return result if all(map(math.isfinite, numbers)) else None

    def _measure_density(self, params: Params, key: jax.Array) -> Result:
        """Return the metrics of samples of a density fitted to the codes, named `fitted_...`."""
        asked = self.recipe
        return fit_and_measure(
            params,
            key,
            asked.fitted_density,
            asked.num_generated,
            self.test_set,
            self.classifier,
            self.train_set,
            asked.num_components,
        )

    def measure_best(
        self, out: Path, keys: Sequence[RunKeys], last: Sequence[Result | None]
    ) -> Result:
        """Return the metrics and the `epoch` of the best weights in `out`; lists for several seeds.

        `last` are the metrics of the last weights, which are not measured again where they are the
        best.
        """
        found = find_best_epoch(out).tolist()
        epochs = found if isinstance(found, list) else [found]
        best = unstack_seeds(genjax.load(out / run_folder.BEST))
        end = run_folder.find_end(out)
        results = [
            of_last if epoch == end else self.measure(one, own)
            for of_last, epoch, one, own in zip(last, epochs, best, keys, strict=True)
        ]
        average = average_results(results)
        return {"epoch": found} | {n: value for n, value in average.items() if n != "record"}


def _read_density(record: Mapping[str, Any]) -> str:
    """Return what was fitted to the codes; a record before there was a choice had mixtures."""
    return record.get("density", "mixture" if record.get("num_components") else "none")


def average_results(results: Sequence[Result | None]) -> Result:
    """Average the results of several seeds; one result alone is returned as it is.

    Returns the mean of every number, its standard deviation as `..._sd`, and the results themselves
    in `seeds`. None stands for a seed that diverged.

    Raises:
        TrainingDiverged: where all seeds diverged.

    >>> average_results([{"fcd": 1.0}, {"fcd": 3.0}, None])["fcd"]
    2.0
    """
    finite = [dict(result) for result in results if result is not None]
    if not finite:
        raise TrainingDiverged(
            "training has ended with weights for which no finite number can be measured. A smaller"
            " optimizer.learning_rate, optimizer.clip_norm 1, or warm-up steps may help."
        )
    if len(results) == 1:
        return finite[0]
    average: Result = {}
    for name, value in finite[0].items():
        if isinstance(value, int | float) and not name.endswith("_sem"):
            values = [float(result[name]) for result in finite if name in result]
            average[name] = statistics.mean(values)
            if len(values) > 1:
                average[f"{name}_sd"] = statistics.stdev(values)
    each = [result and {n: v for n, v in result.items() if n != "record"} for result in results]
    return average | {"seeds": each, "record": finite[0].get("record")}


def find_collapsed(results: Sequence[Result | None]) -> float:
    """Return the share of seeds that diverged, or whose samples are all of one class.

    >>> find_collapsed([{"modes": 1}, {"modes": 10}, None, {"nll": 90.0}])
    0.5
    """
    collapsed = [result is None or result.get("modes") == 1 for result in results]
    return sum(collapsed) / len(collapsed)
