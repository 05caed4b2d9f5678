"""Make a file of weights that genjax ships of a finished run: `... ship RUN`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

import genjax
from experiments.results.record import check_is_recorded
from genjax.errors import UserError
from genjax.model import Params
from genjax.recipes import trained
from genjax.recipes.classifier_training import get_classifier
from genjax.runs.files import read_json, replace_file
from genjax.runs.tensor_file import SUFFIX
from genjax.runs.weights import load_best
from genjax.runs.weights_file import write_safetensors
from genjax.sharing import pretrained
from genjax.sharing.card import describe_run, write_card

_QUICK: dict[str, Any] = {"num_samples": 20, "num_images": 500, "num_generated": 1_000}

Measure = Callable[[Params], dict[str, Any]]


def ship(run: Path) -> Path:
    """Write the best weights of a run, and their card, to genjax/sharing/weights/.

    They are float16 where that moves no metric by more than its standard error.

    Raises `UserError` where the run is not a finished one of a named recipe, fully measured, or
    where all files together would be too large.
    """
    result = check_is_recorded(run, read_json(run / "result.json"))
    params, name = load_best(run), result["recipe"]
    about = describe_run(run)
    about["half"] = is_enough(params, _measure_quickly(run))
    path = pretrained.FOLDER / f"{name}{SUFFIX}"
    write_safetensors(path, params, {pretrained.ABOUT: json.dumps(about)}, half=about["half"])
    _check_room(path)
    card = write_card(name, params, about, f'genjax.pretrained("{name}")')
    replace_file(path.with_suffix(".md"), lambda file: file.write(card.encode()))
    return path


def is_enough(params: Params, measure: Measure) -> bool:
    """Tell whether float16 moves no metric by more than its standard error."""
    full, half = measure(params), measure(round_to_half(params))
    errors = {n: full[f"{n}_sem"] for n in full if f"{n}_sem" in full}
    return all(abs(full[name] - half[name]) <= error for name, error in errors.items())


def round_to_half(params: Params) -> Params:
    """Round every float to the nearest that float16 holds."""

    def convert(leaf: jax.Array) -> jax.Array:
        return leaf.astype(np.float16).astype(leaf.dtype) if leaf.dtype == np.float32 else leaf

    return jax.tree.map(convert, params)


def _measure_quickly(run: Path) -> Measure:
    train_set, test_set = trained.find_data(run)
    has_classes = len(train_set.label_names) > 1
    classifier = get_classifier(train_set, test_set) if has_classes else None

    def measure(params: Params) -> dict[str, Any]:
        return genjax.evaluate(params, test_set, 0, classifier=classifier, **_QUICK)

    return measure


def _check_room(path: Path) -> None:
    """Remove the file, and raise `UserError`, where all together are too large."""
    files = pretrained.FOLDER.glob(f"*{SUFFIX}")
    total, most = sum(file.stat().st_size for file in files), pretrained.MOST_BYTES
    if total > most:
        size = path.stat().st_size
        path.unlink()
        raise UserError(
            f"{path.name} has {size / 2**20:.1f} MB, and all shipped files together would have"
            f" {total / 2**20:.1f}, but may have {most / 2**20:.0f}: ship fewer, or a"
            " smaller model."
        )
