"""What is measured of a trained run, of one seed or of many, for its result.json."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import genjax
from genjax import metrics
from genjax.data import Dataset
from genjax.errors import UserError
from genjax.model import CanEncode, Params
from genjax.recipes.recipe import Recipe
from genjax.runs import run_folder
from genjax.training import seeds

_FITTED = 10_000  # training images whose codes a density is fitted to


class Keys(NamedTuple):
    """Those of one seed."""

    run: jax.Array
    show: jax.Array
    test: jax.Array
    fit: jax.Array


def keys_of(recipe: Recipe) -> list[Keys]:
    """Those of each of its seeds."""
    numbers = range(recipe.seed, recipe.seed + recipe.seeds)
    return [Keys(*jax.random.split(jax.random.key(number), 4)) for number in numbers]


def choose_classifier(
    recipe: Recipe, train_set: Dataset, test_set: Dataset
) -> metrics.Classifier | None:
    """The classifier that samples are shown to, where there are any and the data has classes.

    It is that of all images, also where the model is trained on some.
    """
    if not recipe.num_generated or len(train_set.label_names) < 2:
        return None
    whole = replace(recipe, num_train=0).load_resident()[0] if recipe.num_train else train_set
    return metrics.get_classifier(whole, test_set)


@dataclass(frozen=True)
class Measurement:
    """Of the runs of an recipe. Raises `UserError` where there is too little data for it."""

    recipe: Recipe
    train_set: Dataset
    test_set: Dataset
    classifier: metrics.Classifier | None

    def __post_init__(self) -> None:
        most = min(_FITTED, len(self.train_set))
        if self.recipe.num_components > most:
            raise UserError(
                f"--num-components is {self.recipe.num_components}, but a density is fitted to"
                f" {most:,} images."
            )

    def is_done(self, result: Mapping[str, Any]) -> bool:
        """Whether `result` holds it: of the likelihood, of samples, by this classifier.

        Where it does not say, it is older than the choice.
        """
        asked, record = self.recipe, result.get("record", {})
        whole = len(self.test_set)
        measured = record.get("dataset", {}).get("num_images", whole)
        classifier = (record.get("classifier") or {}).get("digest")
        return (
            record.get("num_samples", 0) == asked.num_samples
            and measured == min(asked.num_images or whole, whole)
            and record.get("num_generated", 0) == asked.num_generated
            and record.get("num_components", 0) == asked.num_components
            and classifier == (self.classifier.digest if self.classifier else None)
        )

    def of_each(self, params: Params, keys: Sequence[Keys]) -> list[dict[str, Any] | None]:
        """The figures of every seed; None where it has diverged."""
        return [
            self.of(one, own) for one, own in zip(seeds.unstack_seeds(params), keys, strict=True)
        ]

    def of(self, params: Params, keys: Keys) -> dict[str, Any] | None:
        if not all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(params)):
            return None
        asked = self.recipe
        figures = genjax.evaluate(
            params,
            self.test_set,
            keys.test,
            num_samples=asked.num_samples,
            num_images=asked.num_images or None,
            num_generated=asked.num_generated,
            train_set=self.train_set,
            classifier=self.classifier,
        )
        if asked.num_components and isinstance(params.model, CanEncode):
            figures |= self._fitted(params, keys.fit)
        figures["record"]["num_components"] = asked.num_components
        return figures

    def _fitted(self, params: Params, key: jax.Array) -> dict[str, Any]:
        """The figures of samples of a mixture fitted to the codes: `fitted_...`."""
        key_fit, key_samples = jax.random.split(key)
        images = self.train_set.images[:_FITTED] / jnp.float32(255)
        density = genjax.fit_density(params, images, key_fit, self.recipe.num_components)
        num = self.recipe.num_generated
        samples = metrics.generate_samples(params, key_samples, num, density=density)
        figures = metrics.measure_samples(samples, self.test_set, self.classifier, self.train_set)
        return {f"fitted_{name}": value for name, value in figures.items()}

    def of_best(
        self, out: Path, keys: Sequence[Keys], last: Sequence[dict[str, Any] | None]
    ) -> dict[str, Any]:
        """The figures of the best weights in `out`, and their `epoch`; a list for many seeds.

        `last` are the figures of the last weights, which may be the best.
        """
        found = run_folder.find_best_epoch(out).tolist()
        epochs = found if isinstance(found, list) else [found]
        best = seeds.unstack_seeds(genjax.load(out / run_folder.BEST))
        figures = together(
            [
                of_last if epoch == self.recipe.training.epochs else self.of(one, own)
                for of_last, epoch, one, own in zip(last, epochs, best, keys, strict=True)
            ]
        )
        return {"epoch": found} | {n: value for n, value in figures.items() if n != "record"}


def together(results: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """The figures of many runs, None standing for one that diverged; of one, its own.

    The mean of each number, its standard deviation as `..._sd`, and in `seeds` those of each run.
    """
    whole = [dict(result) for result in results if result is not None]
    if len(results) == 1:
        return whole[0]
    figures = {}
    for name, value in whole[0].items():
        if isinstance(value, int | float) and not name.endswith("_sem"):
            values = [float(result[name]) for result in whole if name in result]
            figures[name] = statistics.mean(values)
            if len(values) > 1:
                figures[f"{name}_sd"] = statistics.stdev(values)
    each = [result and {n: v for n, v in result.items() if n != "record"} for result in results]
    return figures | {"seeds": each, "record": whole[0].get("record")}
