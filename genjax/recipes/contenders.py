"""Make the contenders of a comparison from the folders of their runs."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

import genjax
from genjax import metrics
from genjax.data import Dataset
from genjax.distributed.seeds import unstack_seeds
from genjax.errors import UserError
from genjax.plots.comparison.ranking import Contender, explain_undertraining
from genjax.recipes import trained
from genjax.recipes.classifier_training import get_classifier
from genjax.runs import checkpoints, run_folder
from genjax.runs.files import read_json, seal, write_json
from genjax.runs.weights import find_best_epoch, load_best

_KEPT = "compared.json"  # in the folder of a run that was not trained to be compared
MEASURED: dict[str, Any] = {"num_samples": 100, "num_images": 1_000, "num_generated": 10_000}


def make_contender(
    name: str, folders: Sequence[Path], results: Sequence[Mapping[str, Any]]
) -> Contender:
    """Make the contender of runs that differ only in their seed.

    `results` are the contents of their `result.json`.
    """
    return Contender(
        name,
        load_best(folders[0]),
        tuple(folders),
        tuple(map(_add_last_to_best, results)),
        explain_undertraining(run_folder.read_metrics(folders[0])),
    )


def _add_last_to_best(result: Mapping[str, Any]) -> dict[str, Any]:
    """Add how many times the FCD of the last weights is that of the best."""
    best = result.get("best", {}).get("frechet_classifier")
    more = {"last_to_best": result["frechet_classifier"] / best} if best else {}
    return {**result, **more}


def measure_runs(
    folders: Iterable[Path], dataset: str | None = None
) -> tuple[list[Contender], Dataset, Dataset, metrics.Classifier | None]:
    """Measure runs that exist, all alike, and make contenders of them.

    Runs that differ only in their key are one contender with several seeds, named after the first
    folder.

    Args:
        folders: the runs' folders.
        dataset: the name or the path of the data, if what the runs recorded no longer leads there.

    Returns:
        The contenders, their training and test set, and the classifier of their samples.

    Raises:
        UserError: where there is no finished run in a folder, or the runs' data differ.
    """
    places = [trained.find_run(folder) for folder in dict.fromkeys(folders)]
    configs = {place: _finished_config(place) for place in places}
    _check_same_data(configs)
    train_set, test_set = trained.find_data(places[0], dataset)
    classifier = get_classifier(train_set, test_set) if len(train_set.label_names) > 1 else None
    groups: dict[str, list[Path]] = {}
    for place, config in configs.items():
        groups.setdefault(str((config["model"], config["training"])), []).append(place)
    contenders = [
        make_contender(
            group[0].name,
            group,
            [_measure_run(place, train_set, test_set, classifier) for place in group],
        )
        for group in groups.values()
    ]
    return contenders, train_set, test_set, classifier


def _finished_config(place: Path) -> dict[str, Any]:
    if not place.is_dir():
        raise UserError(f"{place} is a file of weights: give the folders of runs.")
    end, newest = run_folder.find_end(place), checkpoints.find_newest(place)
    done = [line["epoch"] for line in run_folder.read_metrics(place)][-1:]
    if done != [end] or newest is None:
        raise UserError(
            f"{place} is not finished: epoch {sum(done)} of {end}. Train it to its end, with the"
            " command that began it."
        )
    return run_folder.read_config(place)


def _check_same_data(configs: Mapping[Path, Mapping[str, Any]]) -> None:
    (first, expected), *others = ((place, config["dataset"]) for place, config in configs.items())
    for place, dataset in others:
        if dataset.get("checksum") != expected.get("checksum"):
            raise UserError(
                f"{place} was trained on {_name_data(dataset)}, but {first} on"
                f" {_name_data(expected)}: only runs on the same training images can be compared."
            )


def _name_data(dataset: Mapping[str, Any]) -> str:
    return f"{dataset.get('name')} ({dataset.get('num_images')} images)"


def _measure_run(
    place: Path, train_set: Dataset, test_set: Dataset, classifier: metrics.Classifier | None
) -> dict[str, Any]:
    """Measure the run's last weights, and its best where there are any; keep both in its folder.

    Of a run of several seeds the first is measured.
    """
    epochs = len(run_folder.read_metrics(place))
    how = {**MEASURED, "classifier": classifier.digest if classifier else None, "epochs": epochs}
    kept = place / _KEPT
    with contextlib.suppress(UserError):  # not there yet, or damaged
        if _measured_how(result := read_json(kept)) == how:
            return result

    def measure(weights: Path) -> dict[str, Any]:
        return genjax.evaluate(
            unstack_seeds(genjax.load(weights))[0],
            test_set,
            jax.random.key(0),
            classifier=classifier,
            train_set=train_set,
            **MEASURED,
        )

    print(f"measuring {place}")
    result = measure(place)
    if (place / run_folder.BEST).exists():
        best = measure(place / run_folder.BEST)
        result["best"] = best | {"epoch": int(np.ravel(find_best_epoch(place))[0])}
    result |= run_folder.sum_times(run_folder.read_metrics(place)) | {"how": how}
    write_json(kept, seal(result, _KEPT))
    return result


def _measured_how(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a kept result was measured; version 0.1 called the classifier "judge"."""
    how = dict(result.get("how", {}))
    return how | ({"classifier": how.pop("judge")} if "judge" in how else {})
