"""Cut the recipes of a comparison to an equal time of training on this machine."""

import contextlib
import math
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from genjax.data import Dataset
from genjax.errors import UserError
from genjax.recipes.recipe import Recipe
from genjax.runs.files import read_json, seal, write_json
from genjax.training.loop import compile_epoch
from genjax.training.state import init_state
from genjax.training.step import count_batches

_TRIAL_SECONDS, _TRIAL_STEPS = 1.0, 20
_MOST_SECONDS = 365 * 24 * 3600
_KEPT = "budget.json"
_UNITS = {"s": 1, "m": 60, "h": 3600}
_MEASURED_QUICKLY: dict[str, Any] = {"num_samples": 20, "num_images": 200, "num_generated": 2_000}


def parse_duration(text: str) -> float:
    """Return the seconds in "60s", "5m", "1h", or "90". Raises `UserError` on anything else.

    >>> parse_duration("1.5m")
    90.0
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if not 0 < seconds <= _MOST_SECONDS:
        raise UserError(
            f"budget is {text[:50]!r}, but must be a time such as 60s, 5m, or 1h, at most a year."
        )
    return seconds


def measure_speed(recipe: Recipe, train_set: Dataset) -> float:
    """Measure how many images a second the recipe trains on here, once it is compiled.

    A few steps tell how many take about a second; these are then timed. Two programs are compiled.
    """
    model = recipe.model.for_images(train_set.image_shape)
    training = recipe.training
    state = init_state(model, jax.random.key(0), training)
    images_a_step = count_batches(model) * training.batch_size
    steps, seconds = _TRIAL_STEPS, 0.0
    while seconds < _TRIAL_SECONDS / 2:
        if seconds:
            steps = math.ceil(steps * _TRIAL_SECONDS / seconds)
        state, data, compiled = compile_epoch(state, train_set, training, steps)
        for _ in range(2):  # the first time is slower
            began = time.perf_counter()
            state, terms = compiled(state, *data)
            jax.block_until_ready(terms)
            seconds = time.perf_counter() - began
    return steps * images_a_step / seconds


def fit_to_budget(recipes: Mapping[str, Recipe], seconds: float, out: Path) -> dict[str, Recipe]:
    """Return the recipes with as many whole epochs as they can train in `seconds` on this machine.

    If the slowest model cannot see all images once, all models are trained on as many images as it
    can see. The measured speeds are kept in `out`/budget.json, so that the same command continues
    with the same budget.
    """
    found = _read_speeds(out / _KEPT, recipes) or _measure_speeds(recipes)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / _KEPT, seal(found, _KEPT))
    num_images = {name: seconds * found["images_a_second"][name] for name in recipes}
    num_train = max(1, min(found["num_train"], *map(int, num_images.values())))
    return {
        name: replace(
            recipe,
            num_train=num_train,
            training=replace(recipe.training, epochs=max(1, round(num_images[name] / num_train))),
            **_MEASURED_QUICKLY,
        )
        for name, recipe in recipes.items()
    }


def _measure_speeds(recipes: Mapping[str, Recipe]) -> dict[str, Any]:
    train_set, _ = next(iter(recipes.values())).load_resident()
    speeds = {name: measure_speed(recipe, train_set) for name, recipe in recipes.items()}
    return {"images_a_second": speeds, "num_train": len(train_set)}


def _read_speeds(path: Path, recipes: Mapping[str, Recipe]) -> dict[str, Any] | None:
    """Read what was measured before; None where that is missing, damaged, or of other recipes."""
    with contextlib.suppress(UserError):
        found = read_json(path)
        speeds = found.get("images_a_second")
        if isinstance(speeds, dict) and isinstance(found.get("num_train"), int):
            numbers = [speeds.get(name) for name in recipes]
            if all(isinstance(speed, int | float) and speed > 0 for speed in numbers):
                return found
    return None
