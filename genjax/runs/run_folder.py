"""A run's folder: what lies in it, and how it gets there without ever being half written.

config.json     the specification: model, training, data set, key, and the software that ran it
metrics.jsonl   one object an epoch; of many seeds, means, with "spread" and "seeds" beside them
checkpoints/    see `checkpoint`
best.npz        the weights whose samples were nearest to the data, where that was measured
result.json     the final figures; written last, so that its presence means "finished"
figures/        the pictures
explore/        the page of `make explore-...`
progress/       samples of the same latents after chosen epochs
resampling/     of a debiasing VAE, the probabilities of all training images in every epoch
"""

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax.distributed import hosts
from genjax.errors import UserError
from genjax.model import Model, from_json, to_json
from genjax.runs.files import read_json, replace_file, software, write_json

BEST = "best.npz"
_SPECIFICATION = ("model", "training", "dataset", "key")


def open_run(
    out: str | Path,
    model: Model,
    training: Any,
    dataset: Mapping[str, Any],
    key: jax.Array,
    overwrite: bool = False,
) -> Path:
    """The folder of a run of this specification, with `config.json` in it.

    Of many hosts all call this. Raises `UserError` if the folder holds a run of another
    specification, or other files, or if a host has another specification than host 0.
    """
    folder = Path(out).absolute()
    config = {
        "model": to_json(model),
        "training": dataclasses.asdict(training),
        "dataset": dict(dataset),
        "key": jax.random.key_data(key).tolist(),
        "software": software(),
    }
    defaults = {
        "model": to_json(type(model)()),
        "training": dataclasses.asdict(type(training)()),
    }
    same = config | {"dataset": {**dataset, "source": ""}}  # hosts may have it from elsewhere
    hosts.check_same(json.dumps(same).encode(), "the model, training, data, key and software")
    hosts.run_on_first(lambda: _prepare(folder, config, defaults, overwrite))
    return folder


def _prepare(
    folder: Path,
    config: Mapping[str, Any],
    defaults: Mapping[str, Mapping[str, Any]],
    overwrite: bool,
) -> None:
    if _is_run(folder) and not overwrite:
        return _check_same(folder, config, defaults)
    try:
        clear_run(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "config.json", config)
    except OSError as error:
        raise UserError(f"the run's folder {folder} cannot be written: {error}") from None


def clear_run(folder: Path) -> None:
    """Removes what a run left in `folder`. Raises `UserError` if that is not a run's folder."""
    if not folder.exists():
        return
    strange = not folder.is_dir() or any(not f.name.startswith(".") for f in folder.iterdir())
    if strange and not _is_run(folder):
        raise UserError(f"{folder} holds files that are no run of genjax: choose another folder.")
    for name in ("result.json", "metrics.jsonl", BEST):
        (folder / name).unlink(missing_ok=True)
    for name in ("checkpoints", "explore", "figures", "progress", "resampling"):
        if (folder / name).exists():
            shutil.rmtree(folder / name)


def _is_run(folder: Path) -> bool:
    """Whether a run lies there: its configuration, or, if that is damaged, what it left."""
    with contextlib.suppress(UserError):
        if read_json(folder / "config.json").keys() >= set(_SPECIFICATION):
            return True
    return (folder / "metrics.jsonl").exists() and (folder / "checkpoints").is_dir()


@contextlib.contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """Keeps other runs from training in `folder`: they get a `UserError`. All hosts call this."""
    with contextlib.ExitStack() as stack:
        hosts.run_on_first(lambda: _lock(folder, stack))
        yield


def _lock(folder: Path, stack: contextlib.ExitStack) -> None:
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    file = stack.enter_context((folder / ".lock").open("w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UserError(
            f"another process is training in {folder}: wait for it, or choose another folder."
        ) from None


def _check_same(
    folder: Path, config: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]]
) -> None:
    held = read_json(folder / "config.json")
    ours = json.loads(json.dumps(config))
    for part, values in defaults.items():  # of fields that did not exist when the run began
        held[part] = _completed(held.get(part), values)
    different = [
        f"  {part}.{name}: {left.get(name)!r} there, {right.get(name)!r} here"
        for part in _SPECIFICATION
        for left, right in [(_fields(held.get(part)), _fields(ours[part]))]
        for name in sorted(left.keys() | right.keys())
        if left.get(name) != right.get(name) and (part, name) != ("dataset", "source")
    ]
    if different:
        raise UserError(
            f"{folder} holds a run of another configuration:\n" + "\n".join(different) + "\n"
            "Choose another folder (--out), or throw that run away (--overwrite)."
        )


def _completed(held: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    held = _fields(held)
    return json.loads(json.dumps(defaults)) | {
        name: _completed(value, defaults[name]) if isinstance(defaults.get(name), dict) else value
        for name, value in held.items()
    }


def _fields(part: Any) -> dict[str, Any]:
    return part if isinstance(part, dict) else {"value": part}


def read_model(folder: Path) -> Model:
    """The model of the run in `folder`. Raises `UserError` if there is none."""
    return from_json(read_json(folder / "config.json").get("model", {}))


def append_metrics(folder: Path, line: Mapping[str, Any]) -> None:
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`, but for those that are damaged or were cut off."""
    path = folder / "metrics.jsonl"
    lines = []
    for text in path.read_text(errors="replace").splitlines() if path.exists() else []:
        with contextlib.suppress(ValueError):
            line = json.loads(text)
            if isinstance(line, dict) and isinstance(line.get("epoch"), int):
                lines.append(line)
    return lines


def truncate_metrics(folder: Path, epochs: int) -> None:
    """Drops the lines after so many epochs: those that a resumed run will write again."""
    kept = [line for line in read_metrics(folder) if line["epoch"] <= epochs]
    content = "".join(json.dumps(line) + "\n" for line in kept).encode()
    path = folder / "metrics.jsonl"
    if not path.exists() or path.read_bytes() != content:
        replace_file(path, lambda file: file.write(content))


def find_best_epoch(folder: Path) -> Any:
    """The epoch of the weights nearest to the data, of many runs that of each, an array [S].

    Raises `ValueError` if none was measured.
    """
    measured = [line for line in read_metrics(folder) if "distance" in line]
    distances = np.array([line.get("seeds", line)["distance"] for line in measured], np.float64)
    nearest = np.argmin(np.nan_to_num(distances, nan=np.inf), axis=0)
    return np.array([line["epoch"] for line in measured])[nearest]


def read_lasting_warnings(folder: Path) -> dict[str, int]:
    """The warnings of the last epoch, and in how many epochs in a row each has been true."""
    lasting: dict[str, int] = {}
    for line in read_metrics(folder):
        lasting = count_lasting(lasting, line.get("warnings", []))
    return lasting


def count_lasting(lasting: Mapping[str, int], found: Iterable[str]) -> dict[str, int]:
    """How many epochs in a row each warning has been true, with those `found` in one more."""
    return {name: lasting.get(name, 0) + 1 for name in found}
