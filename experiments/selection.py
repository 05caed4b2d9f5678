"""Which distance should choose the best weights? `python -m experiments.selection RECIPE [OUT]`.

Trains a recipe, and measures after about twenty of its epochs the FCD of 10,000 samples, by the
classifier that judges, beside cheaper distances of 2,000 samples that could choose the epoch.
Prints for each of them its rank correlation with the FCD, and the FCD of the epoch that it chooses.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy.stats import spearmanr

import genjax
from genjax.data import Dataset, as_dataset
from genjax.metrics import make_distance
from genjax.metrics.classifier_files import find_stored
from genjax.metrics.classifiers import make_classifier
from genjax.model import HasFrozenFeatures, Model, Params
from genjax.recipes import RECIPES, run_recipe
from genjax.recipes.classifier_training import get_classifier

_MEASURED, _EPOCHS = 10_000, 20
Distance = Callable[[Params, jax.Array], float]


class Compare(genjax.Callback):
    """Measure all distances after an epoch, and append them to a file, a JSON object a line."""

    def __init__(self, file: Path, epochs: int, distances: Mapping[str, Distance]):
        self._file, self._every, self._distances = file, max(1, epochs // _EPOCHS), distances

    def on_epoch(self, epoch: int, params: Params, line: Mapping[str, Any]) -> None:
        if epoch % self._every:
            return
        key = jax.random.key(0)
        found = {name: distance(params, key) for name, distance in self._distances.items()}
        with self._file.open("a") as file:
            file.write(json.dumps({"epoch": epoch} | found) + "\n")


def list_distances(model: Model, train: Dataset, test: Dataset) -> dict[str, Distance]:
    """Return the FCD and the distances that could choose, by name."""
    judge = get_classifier(train, test, models=[model])
    second = find_stored(train, [judge.digest])
    distances = {
        "FCD": make_distance(test, _MEASURED, features=judge.features),
        "random features": make_distance(train),
    }
    if isinstance(model, HasFrozenFeatures):
        distances["features it learns from"] = make_distance(train, model=model)
    if second:
        other = make_classifier(second, test)
        distances["another classifier"] = make_distance(train, features=other.features)
    return distances


def summarize(lines: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return the agreement of each distance with the FCD over the epochs.

    >>> lines = [{"epoch": 1, "FCD": 3.0, "d": 1.0}, {"epoch": 2, "FCD": 2.0, "d": 0.5}]
    >>> summarize(lines)["d"]
    {'rank correlation': 1.0, 'FCD chosen': 2.0, 'lowest FCD': 2.0}
    """
    fcd = np.array([line["FCD"] for line in lines])
    found = {}
    for name in [name for name in lines[0] if name not in ("epoch", "FCD")]:
        values = np.array([line[name] for line in lines])
        found[name] = {
            "rank correlation": round(float(spearmanr(values, fcd)[0]), 3),
            "FCD chosen": float(fcd[values.argmin()]),
            "lowest FCD": float(fcd.min()),
        }
    return found


def main(name: str, out: str = "") -> None:
    folder = Path(out or f"runs/selection-{name}")
    recipe = RECIPES[name]
    train, test = recipe.load()
    model, file = recipe.model.for_images(train.image_shape), folder.with_suffix(".jsonl")
    distances = list_distances(model, as_dataset(train), test)
    compare = Compare(file, recipe.training.epochs, distances)
    file.parent.mkdir(parents=True, exist_ok=True)
    run_recipe(replace(recipe, callbacks=(compare,)), folder, measure=False, sets=(train, test))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    print(json.dumps(summarize(lines), indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
