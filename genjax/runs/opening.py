"""Opening a run's folder: one process has it from its first touch, and only for the same run.

A start looks, locks, looks again, and only then clears or writes. So one that is refused changes
nothing, neither in a folder of something else nor in one where another process is training.
"""

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from jaxtyping import Array, Key

from genjax.distributed import hosts
from genjax.errors import UserError
from genjax.model import Model, to_json
from genjax.runs import checkpoints
from genjax.runs.files import (
    explain_write_errors,
    remove_temporaries,
    resolve_path,
    software,
    to_jsonable,
)
from genjax.runs.run_folder import (
    RESULT,
    check_ours,
    clear_run,
    find_end,
    is_run,
    read_config,
    write_config,
)

_COMPARED = ("model", "training", "dataset", "key", "start")


@dataclass(frozen=True)
class Specification:
    """What makes a run the same run, ready for JSON; the fields are the parts of `config.json`.

    Attributes:
        model, training, dataset: fields and values.
        key: the numbers of the key, or of many keys.
        start: digest of the weights that training starts from; None where they are drawn.
        defaults: values of the fields of `model` and `training` that an older run does not record.
    """

    model: Mapping[str, Any]
    training: Mapping[str, Any]
    dataset: Mapping[str, Any]
    key: Any
    start: str | None
    defaults: Mapping[str, Mapping[str, Any]]

    @classmethod
    def create(
        cls,
        model: Model,
        training: Any,
        dataset: Mapping[str, Any],
        key: Key[Array, "*seeds"],
        start: str | None = None,
    ) -> "Specification":
        """Return the specification of a run. Raises `UserError` on what JSON cannot hold."""
        return cls(
            model=to_jsonable(to_json(model), "model"),
            training=to_jsonable(training.to_json(), "training"),
            dataset=to_jsonable(dataset, "dataset"),
            key=jax.random.key_data(key).tolist(),
            start=start,
            defaults=to_jsonable(
                {"model": to_json(type(model)()), "training": type(training)().to_json()}
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the content of `config.json`."""
        parts = {name: getattr(self, name) for name in _COMPARED}
        if self.start is None:
            del parts["start"]
        return parts | {"software": software()}


def open_run(out: str | Path, specification: Specification, overwrite: bool = False) -> Path:
    """Return the folder of a run, as `claim_run` leaves it, without keeping it."""
    with claim_run(out, specification, overwrite) as folder:
        return folder


@contextlib.contextmanager
def claim_run(
    out: str | Path, specification: Specification, overwrite: bool = False
) -> Iterator[Path]:
    """Keep a run's folder, with `config.json` in it, to this process: a context manager.

    Of many hosts all call this; host 0 alone touches the folder.

    Raises:
        UserError: where the folder holds a run of another specification or other files, another
            process trains in it, it cannot be written, or hosts have different specifications.
    """
    folder = resolve_path(out)
    same = specification.to_json()
    same["dataset"] = _without_place(specification.dataset)  # the place may differ between hosts
    hosts.check_same(json.dumps(same).encode(), "the model, training, data, key and software")
    with contextlib.ExitStack() as stack:
        hosts.run_on_first(lambda: _claim(folder, specification, overwrite, stack))
        yield folder


def _claim(
    folder: Path, specification: Specification, overwrite: bool, stack: contextlib.ExitStack
) -> None:
    _check_usable(folder, specification, overwrite)
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(lock_run(folder))
        _check_usable(folder, specification, overwrite)
        remove_temporaries(folder)
        if overwrite or not is_run(folder):
            clear_run(folder)
            write_config(folder, specification.to_json())
        else:
            _extend(folder, specification)


@contextlib.contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """Keep other processes from training in `folder`: they get a `UserError`. A context manager."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    with explain_write_errors(folder):
        file = (folder / ".lock").open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"another process is training in {folder}: wait for it, or choose another folder."
            ) from None
        yield


def _check_usable(folder: Path, specification: Specification, overwrite: bool) -> None:
    """Raise `UserError` where the folder holds something else than this run."""
    check_ours(folder)
    if overwrite or not is_run(folder):
        return
    held, ours = read_config(folder), specification.to_json()
    different = _find_differences(_fill_in(held, specification), _fill_in(ours, specification))
    more = different.get("training.epochs")
    if more and len(different) == 1 and more[1] > more[0] and is_finished(folder):
        return
    if different:
        lines = [
            f"  {name}: existing run: {left!r}; requested: {right!r}"
            for name, (left, right) in different.items()
        ]
        raise UserError(
            f"{folder} holds a run of another configuration:\n" + "\n".join(lines) + "\n"
            "Choose another folder with out=PATH, or discard that run with overwrite=True."
        )


def _fill_in(config: Mapping[str, Any], specification: Specification) -> dict[str, Any]:
    """Return the compared parts of a configuration, with the defaults of fields that it lacks."""
    parts: dict[str, Any] = {name: config.get(name) for name in _COMPARED}
    for name, defaults in specification.defaults.items():
        parts[name] = _merge(defaults, parts[name])
    names = specification.dataset.get("label_names", [])  # which version 0.1 did not record
    parts["dataset"] = {"label_names": names, **_without_place(parts["dataset"])}
    return parts


def _without_place(dataset: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in dataset.items() if name not in ("source", "path")}


def _merge(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {**defaults} | {
        name: _merge(defaults[name], value)
        if isinstance(value, dict) and isinstance(defaults.get(name), dict)
        else value
        for name, value in values.items()
    }


def _find_differences(held: Any, ours: Any, name: str = "") -> dict[str, tuple[Any, Any]]:
    """Return the two values of every field in which two configurations differ, by its full name."""
    if isinstance(held, dict) and isinstance(ours, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for key in sorted(held.keys() | ours.keys()):
            inner = f"{name}.{key}" if name else key
            found |= _find_differences(held.get(key), ours.get(key), inner)
        return found
    return {} if held == ours else {name: (held, ours)}


def is_finished(folder: Path) -> bool:
    """Tell whether the run in `folder` has a whole checkpoint of its last epoch."""
    newest = checkpoints.find_whole(folder)
    return newest is not None and int(newest.name) == find_end(folder)


def _extend(folder: Path, specification: Specification) -> None:
    """Note the larger number of epochs where a finished run is to go on."""
    config = read_config(folder)
    before, epochs = config["training"]["epochs"], specification.training["epochs"]
    if before == epochs:
        return
    config["extended_from"] = [*config.get("extended_from", []), before]
    config["training"] = {**config["training"], "epochs": epochs}
    config.pop("ended_early", None)
    if specification.training["optimizer"].get("schedule") != "constant":
        warnings.warn(
            f"the run in {folder} goes on from {before} to {epochs} epochs: its learning rate now"
            f" follows the schedule of {epochs} epochs, so it rises again, to where that schedule"
            f" is after {before}.",
            stacklevel=6,
        )
    (folder / RESULT).unlink(missing_ok=True)  # it measures the shorter run
    write_config(folder, config)
