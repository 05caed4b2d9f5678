"""Make the record of a finished run, of a study, or of the benchmark."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.bench.measure import GENJAX, GENJAX_PROGRAMS
from genjax.errors import UserError
from genjax.recipes import RECIPES, records
from genjax.recipes.contenders import drop_other_times
from genjax.recipes.measurement import average_results
from genjax.runs.files import read_json, write_json

FOLDER = Path(__file__).parent
BENCHMARKS = FOLDER / "bench"  # a record for each processor and date
PICTURES = FOLDER.parent / "pictures"
_ENVIRONMENT = "environment"  # of `result.json`
_SPEEDS = ("images_per_second", "samples_per_second")
_MEASURED_WITH = ("num_samples", "num_generated", "num_components", "density", "classifier")


def write_record(place: Path) -> Path:
    """Write the record of the runs in `place` to its place in the repository; return its path.

    A folder named after a recipe may hold runs of several seeds, RECIPE-SEED.

    Raises `UserError` where nothing there is finished, a run is not that of a named recipe, or
    a JSON is no benchmark.
    """
    place = place.absolute()
    if place.suffix == ".json":
        record = _record_benchmark(place)
        path = BENCHMARKS / f"{name_machine(record)}.json"
    elif (place / "result.json").exists():
        record = _record_run(place)
        path = records.FOLDER / f"{record['recipe']}.json"
    elif place.name in RECIPES:
        record = _record_seeds(place)
        path = records.FOLDER / f"{place.name}.json"
    else:
        record = _record_study(place)
        path = FOLDER / f"{place.name}.json"
        _keep_pictures(place)
    write_json(path, record)
    return path


def _keep_pictures(folder: Path) -> None:
    """Copy the pictures of a comparison that the pages show."""
    for name, kept in (("samples", folder.name), ("tree", f"{folder.name}-tree")):
        picture = folder / "pictures" / f"{name}.png"
        if picture.exists():
            shutil.copyfile(picture, PICTURES / f"{kept}.png")


def check_is_recorded(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Return a run's result. Raise `UserError` unless it is a named recipe's, fully measured."""
    if not result.get("recipe"):
        raise UserError(
            f"{folder} is not the run of a named recipe with its own options: it has no record."
        )
    if not records.is_fully_measured(result["recipe"], result.get("record") or {}):
        raise UserError(
            f"{folder} was measured on few images or samples, for a first look: measure it in full,"
            f" with the same command and --measure full."
        )
    return result


def _record_run(folder: Path) -> dict[str, Any]:
    result = check_is_recorded(folder, read_json(folder / "result.json"))
    return {
        "recipe": result["recipe"],
        **_describe(result),
        "seeds": result["seed_numbers"],
        "metrics": _keep_numbers(result),
    }


def _record_seeds(folder: Path) -> dict[str, Any]:
    """Average the runs RECIPE-SEED in the folder RECIPE, trained one by one, over their seeds."""
    for path in folder.glob("*/result.json"):
        found = check_is_recorded(path.parent, read_json(path))["recipe"]
        if found != folder.name:
            raise UserError(f"{path.parent} is a run of {found}, but stands among {folder.name}'s.")
        if not re.fullmatch(rf"{re.escape(found)}-\d+", path.parent.name):
            raise UserError(f"{path.parent} must be called {found}-SEED, after the run's seed.")
    record = _record_study(folder)
    metrics = record.pop("results")[folder.name]
    return {"recipe": record.pop("study"), **record, "metrics": metrics}


def _record_study(folder: Path) -> dict[str, Any]:
    """Average the finished runs NAME-SEED in `folder` over their seeds."""
    runs: dict[str, dict[int, dict[str, Any]]] = {}
    for path in folder.glob("*/result.json"):
        if match := re.fullmatch(r"(.+)-(\d+)", path.parent.name):
            runs.setdefault(match[1], {})[int(match[2])] = read_json(path)
    if not runs:
        raise UserError(f"{folder} holds no finished run, nor folders of finished runs.")
    seeds = sorted({seed for found in runs.values() for seed in found})
    first = min(runs.items())[1]
    devices = {seed: first[seed].get(_ENVIRONMENT, {}).get("device") for seed in sorted(first)}
    others = {seed: device for seed, device in devices.items() if device != devices[min(first)]}
    averages = {name: _average(found) for name, found in sorted(runs.items())}
    return {
        "study": folder.name,
        **_describe(first[min(first)]),
        **({"devices_of_other_seeds": others} if others else {}),
        "seeds": seeds,
        "results": averages,
    }


def _average(found: dict[int, dict[str, Any]]) -> dict[str, float]:
    """Average the numbers over the seeds; times over those of the first seed's device."""
    results = drop_other_times([found[seed] for seed in sorted(found)])
    return _keep_numbers(average_results([_keep_numbers(result) for result in results]))


def _record_benchmark(path: Path) -> dict[str, Any]:
    """Keep of every model the speed of genjax, and how many times as fast it is as the others."""
    found = read_json(path)
    if "rows" not in found:
        raise UserError(f"{path} is not a file that `make bench` writes; record that, or a run.")
    results: dict[str, dict[str, Any]] = {}
    for row in found["rows"]:
        kept = results.setdefault(row["model"], {})
        contender = row["contender"].replace("-", "_")
        if row["contender"] == GENJAX:
            kept |= _keep_numbers(row)
        elif row["contender"] in GENJAX_PROGRAMS:
            kept |= {f"{name}_bf16": row[name] for name in _SPEEDS}
        else:
            kept |= {f"{n}_{contender}": row[n] for n in ("ratio", "sampling_ratio") if n in row}
            kept |= {name: value for name, value in row.items() if name.startswith("operations_")}
    for kept in results.values():
        speed, peak = (kept.get(f"{n}_bf16") for n in (_SPEEDS[0], "operations_per_second"))
        if speed and peak:
            kept["ratio_ceiling_bf16"] = speed / (peak / kept["operations_an_image"])
    return {
        "study": "bench",
        **found.get(_ENVIRONMENT, {}),
        "measured_with": found["options"],
        "results": results,
    }


def name_machine(record: dict[str, Any]) -> str:
    """Return processor or accelerator, and the date, as the name of a file."""
    machine = record["processor"] if record["device"] == "cpu" else record["device"]
    return re.sub("[^a-z0-9]+", "-", f"{machine} {record['date']}".lower()).strip("-")


def _describe(result: dict[str, Any]) -> dict[str, Any]:
    """Return where `result` was computed, and how it was measured."""
    record = result.get("record") or {}
    unused = (0, None, "none")
    how = {name: record[name] for name in _MEASURED_WITH if record.get(name) not in unused}
    return {**result.get(_ENVIRONMENT, {}), "measured_with": how}


def _keep_numbers(result: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: value
        for name, value in result.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
