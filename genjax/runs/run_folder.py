"""A run's folder: its files, and how they are read and written.

config.json     model, training, data set and key; the software that ran it; how the run ended early
metrics.jsonl   one object an epoch; of many seeds, means, with "spread" and "seeds" beside them
checkpoints/    see `genjax.runs.checkpoints`
best.npz        the weights whose samples were nearest to the data, where that was measured
result.json     the results of the last measurement; written last, so that it means "finished"
compared.json   what `compare` measured of a run that was not trained for it
steps.json      the quality of samples in fewer steps, of a model that samples in steps
report.html     the page about the run, with the pictures and the results
figures/        the pictures
explore/        the page of `explore`
logs/           those of --log: for TensorBoard, Weights & Biases, MLflow
progress/       samples of the same latents after chosen epochs
resampling/     of a debiasing VAE, the probabilities of all training images in every epoch
"""

import contextlib
import json
import shutil
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from genjax.errors import UserError
from genjax.model import Model, from_json
from genjax.runs.files import (
    explain_write_errors,
    read_json,
    replace_file,
    seal,
    unseal,
    write_json,
)

CONFIG, METRICS, RESULT, BEST = "config.json", "metrics.jsonl", "result.json", "best.npz"
REPORT, COMPARED, STEPS = "report.html", "compared.json", "steps.json"
TIMES = ("seconds", "cpu_seconds", "images_per_second")  # in a line of metrics
_FOLDERS = ("checkpoints", "explore", "figures", "logs", "progress", "resampling")
_PARTS = ("model", "training", "dataset", "key")


def read_config(folder: Path) -> dict[str, Any]:
    """Read `config.json`. Raises `UserError` where it is missing, damaged, or of something else."""
    config = read_json(folder / CONFIG)
    for part in ("model", "training", "dataset"):
        if not isinstance(config.get(part), dict):
            raise UserError(
                f"{folder / CONFIG} is no configuration of a run: its {part!r} is no JSON object."
            )
    return config


def read_model(folder: Path) -> Model:
    """Return the model of the run in `folder`. Raises `UserError` where there is none."""
    specification = read_config(folder)["model"]
    try:
        model = from_json(specification)
        model.check()
    except (UserError, TypeError, ValueError) as error:
        raise UserError(f"{folder / CONFIG} describes no model: {error}") from None
    return model


def read_label_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the classes that the run in `folder` was trained on, if it says so."""
    names = read_config(folder)["dataset"].get("label_names")
    return tuple(map(str, names)) if isinstance(names, list) else ()


def find_end(folder: Path) -> int:
    """Return the number of the epoch that ends the run: the last of the budget, or an early one.

    Raises:
        UserError: where `config.json` does not say.
    """
    config = read_config(folder)
    ended, epochs = config.get("ended_early"), config["training"].get("epochs")
    found = ended.get("epoch") if isinstance(ended, dict) else epochs
    if not isinstance(found, int):
        raise UserError(f"{folder / CONFIG} does not say how many epochs the run has.")
    return found


def check_finished(folder: Path, otherwise: str = "") -> None:
    """Raise `UserError` where a run is not at its end; `otherwise` is what else can be done."""
    end = find_end(folder)
    done = max((line["epoch"] for line in read_metrics(folder)), default=0)
    if done != end:
        raise UserError(
            f"{folder} is not finished: epoch {done} of {end}. Train it to its end, with the"
            f" command that began it{otherwise}."
        )


def note_early_end(folder: Path, epoch: int, reason: str) -> None:
    """Note in `config.json` that the run has ended after `epoch`, and why."""
    config = read_config(folder) | {"ended_early": {"epoch": epoch, "reason": reason}}
    write_config(folder, config)


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Replace `config.json`, sealed. Raises `FileError` where it cannot be written."""
    write_json(folder / CONFIG, seal(config, CONFIG))


def is_run(folder: Path) -> bool:
    """Tell whether a run lies there, by its configuration or, if that is damaged, its files."""
    with contextlib.suppress(UserError):
        if read_json(folder / CONFIG).keys() >= set(_PARTS):
            return True
    return (folder / METRICS).exists() and (folder / "checkpoints").is_dir()


def check_ours(folder: Path) -> None:
    """Raise `UserError` where `folder` holds something, and that is no run."""
    try:
        strange = folder.exists() and (
            not folder.is_dir() or any(not file.name.startswith(".") for file in folder.iterdir())
        )
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}.") from None
    if strange and not is_run(folder):
        raise UserError(f"{folder} holds files that are no run of genjax: choose another folder.")


def clear_run(folder: Path) -> None:
    """Remove what a run left in `folder`, but for its configuration."""
    for name in (RESULT, METRICS, BEST, REPORT, COMPARED, STEPS):
        (folder / name).unlink(missing_ok=True)
    for name in _FOLDERS:
        if (folder / name).exists():
            shutil.rmtree(folder / name)


def append_metrics(folder: Path, line: Mapping[str, Any]) -> None:
    """Add a line to `metrics.jsonl`. Raises `FileError` where it cannot be written."""
    path = folder / METRICS
    with explain_write_errors(path), path.open("a") as file:
        file.write(_to_line(line))


def _to_line(line: Mapping[str, Any]) -> str:
    return json.dumps(seal(line, METRICS), allow_nan=False) + "\n"


def sum_times(lines: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Sum the times of epochs, as a result names them; CPU time only where all lines have it.

    >>> sum_times([{"seconds": 1.0, "cpu_seconds": 2.0}, {"seconds": 2.0, "cpu_seconds": 3.0}])
    {'training_seconds': 3.0, 'training_cpu_seconds': 5.0}
    """
    lines = list(lines)
    cpu = [line["cpu_seconds"] for line in lines if "cpu_seconds" in line]
    total = {"training_seconds": sum(line.get("seconds", 0.0) for line in lines)}
    return total | ({"training_cpu_seconds": sum(cpu)} if len(cpu) == len(lines) else {})


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of `metrics.jsonl`. Those that are damaged are left out, with a warning."""
    lines, damaged = _scan_metrics(folder)
    if damaged:
        warnings.warn(
            f"{folder / METRICS} is damaged: its lines {_shorten(damaged)} are left out.",
            stacklevel=3,
        )
    return [line for line, _ in lines]


def _scan_metrics(folder: Path) -> tuple[list[tuple[dict[str, Any], str]], list[int]]:
    """Return every whole line with its text, and the numbers, from 1 on, of the damaged ones."""
    path, lines, damaged = folder / METRICS, [], []
    texts = path.read_text(errors="replace").split("\n") if path.exists() else []
    for number, text in enumerate(texts, 1):
        try:
            line = unseal(json.loads(text))
            if type(line["epoch"]) is not int:
                raise ValueError
            lines.append((line, text + "\n"))
        except (ValueError, KeyError, AttributeError, RecursionError):
            if text:
                damaged.append(number)
    return lines, damaged


def _shorten(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")


def truncate_metrics(folder: Path, epochs: int) -> list[dict[str, Any]]:
    """Drop the lines after so many epochs, which a resumed run will write again; return the rest.

    Warns of epochs whose lines are damaged or missing, and where nothing is left of a longer run.
    """
    path, (had, _) = folder / METRICS, _scan_metrics(folder)
    kept = {line["epoch"]: (line, text) for line, text in had if 1 <= line["epoch"] <= epochs}
    if lost := [epoch for epoch in range(1, epochs + 1) if epoch not in kept]:
        warnings.warn(
            f"{path} has no whole line for the epochs {_shorten(lost)}: it is damaged. Weights and"
            " checkpoints are not; the curves lack those epochs.",
            stacklevel=6,
        )
    if had and not epochs:
        warnings.warn(
            f"{folder} holds metrics up to epoch {had[-1][0]['epoch']}, but no checkpoint: training"
            " begins anew.",
            stacklevel=6,
        )
    content = "".join(kept[epoch][1] for epoch in sorted(kept)).encode()
    if not path.exists() or path.read_bytes() != content:
        replace_file(path, lambda file: file.write(content))
    return [kept[epoch][0] for epoch in sorted(kept)]


def find_nearest_epoch(folder: Path) -> Int[np.ndarray, "*seeds"]:
    """Return the epoch whose samples were nearest to the data, of each seed.

    Raises:
        ValueError: where the metrics hold no distance.
    """
    measured = [line for line in read_metrics(folder) if "distance" in line]
    distances = np.array([line.get("seeds", line)["distance"] for line in measured], np.float64)
    nearest = np.argmin(np.nan_to_num(distances, nan=np.inf), axis=0)
    return np.asarray(np.array([line["epoch"] for line in measured])[nearest])


def read_lasting_warnings(folder: Path) -> dict[str, int]:
    """Return the warnings of the last epoch with the number of epochs in a row of each."""
    lasting: dict[str, int] = {}
    for line in read_metrics(folder):
        lasting = count_lasting(lasting, line.get("warnings", []))
    return lasting


def count_lasting(lasting: Mapping[str, int], found: Iterable[str]) -> dict[str, int]:
    """Return the number of epochs in a row of each warning that was `found` in this epoch too.

    >>> count_lasting({"samples collapse": 2, "saturated": 1}, ["samples collapse"])
    {'samples collapse': 3}
    """
    return {name: lasting.get(name, 0) + 1 for name in found}
