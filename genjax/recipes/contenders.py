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
from genjax.model import CanEncode, SamplesInSteps, from_json, require
from genjax.plots.comparison.ranking import Contender, explain_undertraining
from genjax.recipes import trained
from genjax.recipes.classifier_training import get_classifier
from genjax.recipes.fitted import DensityKind, fit_and_measure
from genjax.runs import checkpoints, run_folder
from genjax.runs.files import read_json, seal, write_json
from genjax.runs.weights import find_best_epoch, load_best

_NUM_IN_STEPS = 2_000  # samples for each number of steps
_TIMES = ("seconds", "training_seconds", "training_cpu_seconds", "sampling_seconds")
MEASURED: dict[str, Any] = {"num_samples": 100, "num_images": 1_000, "num_generated": 10_000}


def make_contender(
    name: str,
    folders: Sequence[Path],
    results: Sequence[Mapping[str, Any]],
    test_set: Dataset,
    classifier: metrics.Classifier | None,
) -> Contender:
    """Make the contender of runs that differ only in their seed.

    Args:
        name: what the report calls it.
        folders: of the runs.
        results: the contents of their `result.json`.
        test_set: the images that samples in fewer steps are compared with.
        classifier: the one that compares them.
    """
    params = load_best(folders[0])
    found = [_add_last_to_best(result) for result in drop_other_times(results)]
    if classifier and isinstance(params.model, SamplesInSteps):
        in_steps = (_measure_steps(place, test_set, classifier) for place in folders)
        found = [{**result, **steps} for result, steps in zip(found, in_steps, strict=True)]
    return Contender(
        name,
        params,
        tuple(folders),
        tuple(found),
        explain_undertraining(run_folder.read_metrics(folders[0])),
    )


def drop_other_times(results: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Drop the times of results that were computed on another device than the first.

    >>> gpu = {"environment": {"device": "NVIDIA H100"}, "nll": 90.0, "sampling_seconds": 0.1}
    >>> drop_other_times([{"environment": {"device": "cpu"}, "nll": 91.0}, gpu])[1]
    {'environment': {'device': 'NVIDIA H100'}, 'nll': 90.0}
    """
    devices = [result.get("environment", {}).get("device") for result in results]
    return [
        result if device == devices[0] else {n: v for n, v in result.items() if n not in _TIMES}
        for device, result in zip(devices, results, strict=True)
    ]


def _measure_steps(
    place: Path, test_set: Dataset, classifier: metrics.Classifier
) -> dict[str, Any]:
    """Measure the FCD in fewer steps than the model's own, and keep it in the run's folder."""
    params = unstack_seeds(load_best(place))[0]
    steps = require(params.model, SamplesInSteps).num_steps
    counts = sorted({2**power for power in range(steps.bit_length()) if 2**power < steps} | {steps})
    how = {
        "num_steps": counts,
        "num_generated": _NUM_IN_STEPS,
        "classifier": classifier.digest,
        "epochs": len(run_folder.read_metrics(place)),
    }
    kept = place / run_folder.STEPS
    with contextlib.suppress(UserError):  # not there yet, or damaged
        if (found := read_json(kept)).get("how") == how:
            return found["metrics"]
    print(f"measuring {place} in {', '.join(map(str, counts))} steps")
    measured = metrics.measure_steps(
        params, test_set, classifier, jax.random.key(0), _NUM_IN_STEPS, counts
    )
    found = {"steps": measured, **_compare_steps(measured)}
    write_json(kept, seal({"metrics": found, "how": how}, run_folder.STEPS))
    return found


def _compare_steps(measured: Mapping[str, Any]) -> dict[str, float]:
    """Return how many times the FCD in fewer steps is that in all of them."""
    distances = dict(zip(measured["num_steps"], measured["frechet_classifier"], strict=True))
    steps = max(distances)
    fewer = {"one_step": 1, "quarter_steps": steps // 4, "half_steps": steps // 2}
    return {
        f"{name}_ratio": distances[count] / distances[steps]
        for name, count in fewer.items()
        if count in distances and count < steps
    }


def _add_last_to_best(result: Mapping[str, Any]) -> dict[str, Any]:
    """Add how many times the FCD of the last weights is that of the best."""
    best = result.get("best", {}).get("frechet_classifier")
    more = {"last_to_best": result["frechet_classifier"] / best} if best else {}
    return {**result, **more}


def are_judged_alike(
    results: Iterable[Sequence[Mapping[str, Any]]], classifier: metrics.Classifier
) -> bool:
    """Tell whether this classifier judged the samples of all results.

    It did not judge all where some model learns from the classifier of the data: that one then
    judges the other models alone.
    """
    records = [result.get("record", {}).get("classifier") for group in results for result in group]
    return all(record is None or record["digest"] == classifier.digest for record in records)


def measure_runs(
    folders: Iterable[Path], dataset: str | None = None, density: DensityKind = "none"
) -> tuple[list[Contender], Dataset, Dataset, metrics.Classifier | None]:
    """Measure runs that exist, all alike, and make contenders of them.

    Runs that differ only in their key are one contender with several seeds, named after the first
    folder.

    Args:
        folders: the runs' folders.
        dataset: the name or the path of the data, if what the runs recorded no longer leads there.
        density: what is fitted to the codes of models that encode.

    Returns:
        The contenders, their training and test set, and the classifier of their samples.

    Raises:
        UserError: where there is no finished run in a folder, or the runs' data differ.
    """
    places = [trained.find_run(folder) for folder in dict.fromkeys(folders)]
    configs = {place: _finished_config(place) for place in places}
    _check_same_data(configs)
    train_set, test_set = trained.find_data(places[0], dataset)
    models = [from_json(config["model"]) for config in configs.values()]
    has_classes = len(train_set.label_names) > 1
    classifier = get_classifier(train_set, test_set, models=models) if has_classes else None
    groups: dict[str, list[Path]] = {}
    for place, config in configs.items():
        groups.setdefault(str((config["model"], config["training"])), []).append(place)
    contenders = [
        make_contender(
            group[0].name,
            group,
            [_measure_run(place, train_set, test_set, classifier, density) for place in group],
            test_set,
            classifier,
        )
        for group in groups.values()
    ]
    return contenders, train_set, test_set, classifier


def _finished_config(place: Path) -> dict[str, Any]:
    if not place.is_dir():
        raise UserError(f"{place} is a file of weights: give the folders of runs.")
    run_folder.check_finished(place)
    if checkpoints.find_newest(place) is None:
        raise UserError(f"{place} has lost its checkpoints: train it again.")
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
    place: Path,
    train_set: Dataset,
    test_set: Dataset,
    classifier: metrics.Classifier | None,
    density: DensityKind,
) -> dict[str, Any]:
    """Measure the run's last weights, and its best where there are any; keep both in its folder.

    Of a run of several seeds the first is measured.
    """
    epochs = len(run_folder.read_metrics(place))
    digest = classifier.digest if classifier else None
    how = {**MEASURED, "classifier": digest, "epochs": epochs, "density": density}
    kept = place / run_folder.COMPARED
    with contextlib.suppress(UserError):  # not there yet, or damaged
        if _measured_how(result := read_json(kept)) == how:
            return result

    def measure(weights: Path) -> dict[str, Any]:
        params, key = unstack_seeds(genjax.load(weights))[0], jax.random.key(0)
        found = genjax.evaluate(
            params, test_set, key, classifier=classifier, train_set=train_set, **MEASURED
        )
        if density == "none" or not isinstance(params.model, CanEncode):
            return found
        num, images = MEASURED["num_generated"], (test_set, classifier, train_set)
        return found | fit_and_measure(params, jax.random.key(1), density, num, *images)

    print(f"measuring {place}")
    result = measure(place)
    if (place / run_folder.BEST).exists():
        best = measure(place / run_folder.BEST)
        result["best"] = best | {"epoch": int(np.ravel(find_best_epoch(place))[0])}
    result |= run_folder.sum_times(run_folder.read_metrics(place)) | {"how": how}
    write_json(kept, seal(result, run_folder.COMPARED))
    return result


def _measured_how(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a kept result was measured; version 0.1 called the classifier "judge"."""
    how = {"density": "none", **result.get("how", {})}
    return how | ({"classifier": how.pop("judge")} if "judge" in how else {})
