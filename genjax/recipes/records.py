"""Read the committed results of the named recipes.

Each result stands once, in results/NAME.json beside this file: `python -m experiments.results
record RUN` writes it from a finished run. `genjax list`, the end of a run and the tables of docs/
show it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from genjax.metrics.catalogue import METRICS
from genjax.recipes.recipe import MEASURING, RECIPES, Recipe
from genjax.runs.files import read_json

FOLDER = Path(__file__).parent / "results"


def read_record(name: str) -> dict[str, Any] | None:
    """Return the record of a named recipe's result; None where there is none.

    >>> round(read_record("vae-mnist")["metrics"]["negative_elbo"], 1)
    90.8
    """
    path = FOLDER / f"{name}.json"
    return read_json(path) if path.exists() else None


def find_name(recipe: Recipe) -> str | None:
    """Return the name of the registered recipe that trains as `recipe` does but for its seed.

    >>> from genjax.recipes import RECIPES
    >>> find_name(RECIPES["vae-mnist"])
    'vae-mnist'
    """
    for name, registered in RECIPES.items():
        if recipe == replace(registered, **{n: getattr(recipe, n) for n in _FREE}):
            return name
    return None


_FREE = ("seed", "seeds", "stream", *MEASURING, "description", "headline")  # trained alike


def is_fully_measured(name: str, record: Mapping[str, Any]) -> bool:
    """Tell whether a run was measured as the named recipe asks, by the `record` of its result.

    >>> is_fully_measured("vae-mnist", {"num_samples": 50, "dataset": {"num_images": 500}})
    False
    """
    recipe, dataset = RECIPES[name], record.get("dataset", {})
    all_images = dataset.get("images") == "all"
    return (
        record.get("num_samples", 0) >= recipe.num_samples
        and record.get("num_generated", 0) >= recipe.num_generated
        and (all_images or 0 < recipe.num_images <= dataset.get("num_images", 0))
    )


def summarize_record(name: str) -> str:
    """Return one line on a named recipe's result and training time; "" where none is recorded.

    Where it was not trained on a CPU, the device takes the place of the time.

    >>> summarize_record("vae-mnist")
    '-ELBO 90.79, NLL 86.47; 5.9 minutes'
    """
    record = read_record(name)
    if record is None:
        return ""
    line = ", ".join(format_metrics(record["metrics"], RECIPES[name].headline))
    if device := name_accelerator(record):
        return f"{line}; on an {device}"
    seconds = find_training_seconds(record["metrics"])
    return line + (f"; {float(f'{seconds / 60:.2g}'):g} minutes" if seconds else "")


def find_training_seconds(metrics: Mapping[str, Any]) -> float | None:
    """Return the seconds that training takes where nothing else runs; None where unknown.

    A run that shared its cores with others took less time of the CPU than by the clock. A record
    that was taken over from an old table has one time, `seconds`.

    >>> find_training_seconds({"training_seconds": 90.0, "training_cpu_seconds": 60.0})
    60.0
    """
    if "training_seconds" not in metrics:
        return metrics.get("seconds")
    return min(metrics["training_seconds"], metrics["training_cpu_seconds"])


def name_accelerator(record: Mapping[str, Any]) -> str:
    """Return maker and kind of the device of a record; "" for a CPU.

    >>> name_accelerator({"device": "NVIDIA H100 80GB HBM3"})
    'NVIDIA H100'
    """
    device = record.get("device", "cpu")
    return "" if device == "cpu" else " ".join(device.split()[:2])


def describe_reference(result: Mapping[str, Any]) -> str:
    """Say what the recipe of a result reaches by its record, and how that was measured.

    Returns "" where the result is not that of a recipe with its own settings and data, or was not
    measured.

    >>> quick = {"recipe": "vae-mnist", "record": {"num_samples": 50}}
    >>> describe_reference(quick)
    '(full measuring) -ELBO 90.79, NLL 86.47; 5.9 minutes'
    """
    name, record = result.get("recipe"), result.get("record")
    if not name or not record or name not in RECIPES:
        return ""
    measured = "" if is_fully_measured(name, record) else "(full measuring) "
    return measured + summarize_record(name) if summarize_record(name) else ""


def format_metrics(metrics: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    """Return the titles and values of those of the named metrics that are there."""
    return [f"{METRICS[name].title} {metrics[name]:.4g}" for name in names if name in metrics]
