"""What host 0 does between two epochs: measure, warn, write metrics, keep the best, call back."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from genjax.errors import CheckpointError
from genjax.model import Params
from genjax.runs import run_folder
from genjax.runs.progress import TrainingProgress
from genjax.runs.weights import Best, read_best, save_best
from genjax.training import epoch_terms
from genjax.training.callbacks import Callback, StopTraining
from genjax.training.epoch_terms import Distance
from genjax.training.state import TrainState
from genjax.training.validation import Validation

_DISTANCES = 20  # measured in a run, about


@dataclass(frozen=True)
class Hooks:
    """What is measured and called after every epoch."""

    callbacks: Sequence[Callback] = ()
    distance: Distance | None = None
    validation: Validation | None = None
    progress: bool = True

    @property
    def need_params(self) -> bool:
        """Whether any of them takes the parameters."""
        return bool(self.callbacks or self.distance or self.validation)


class Recorder:
    """The record of a run that has done `done` epochs, and ends with the epoch `end`.

    Of a run in a folder, the metrics are cut to the epochs that are done.
    """

    def __init__(self, done: int, end: int, folder: Path | None, hooks: Hooks):
        self._folder, self._hooks, self._end = folder, hooks, end
        self._lasting: dict[str, int] = {}
        self._best: Best | None = None
        self._lines = run_folder.truncate_metrics(folder, done) if folder else []
        if folder:
            self._lasting = run_folder.read_lasting_warnings(folder)
            if hooks.distance:
                self._best = _find_best(folder, self._lines)

    def start(self, done: int, state: TrainState) -> None:
        """Call back before the first epoch of this process."""
        if self._hooks.callbacks:
            params = _copy(state.average_params())
            for callback in self._hooks.callbacks:
                callback.on_start(done, params, self._lines)

    def close(self) -> None:
        """Tell the callbacks that this process trains no more."""
        for callback in self._hooks.callbacks:
            callback.on_end()

    def record(
        self,
        epoch: int,
        state: TrainState,
        terms: dict[str, Float[np.ndarray, "*seeds"]],
        alive: Bool[np.ndarray, "*seeds"],
        speed: dict[str, float],
        bar: TrainingProgress,
    ) -> tuple[Params, dict[str, Any]]:
        """Record an epoch, and return its parameters and its line of metrics.

        `state` lies on this host's first device, if `Hooks.need_params`. `speed` goes into the
        metrics alone.
        """
        params = state.average_params() if self._hooks.need_params else state.params
        terms = terms | self._measure(epoch, params, state, alive)
        derived = params.model.derive_terms(terms)
        terms |= {name: np.asarray(value, np.float64) for name, value in derived.items()}
        by_seed = epoch_terms.find_warnings(params.model, terms, alive)
        found = epoch_terms.name_seeds(by_seed)
        self._lasting = run_folder.count_lasting(self._lasting, [w.name for w in found])
        epoch_terms.warn_of_lasting(found, self._lasting, epoch)
        line: dict[str, Any] = {"epoch": epoch, **epoch_terms.summarize_seeds(terms, alive)}
        if alive.ndim:
            line["collapse_rate"] = epoch_terms.compute_collapse_rate(by_seed)
        bar.epoch_done(epoch, {n: line[n] for n in terms if line[n] is not None and _is_shown(n)})
        line |= speed | ({"warnings": [w.name for w in found]} if found else {})
        if self._folder:
            run_folder.append_metrics(self._folder, line)
            if "distance" in terms:
                self._best = save_best(self._folder, params, epoch, terms["distance"], self._best)
        return params, line

    def _measure(
        self, epoch: int, params: Params, state: TrainState, alive: Bool[np.ndarray, "*seeds"]
    ) -> dict[str, Float[np.ndarray, "*seeds"]]:
        """Measure what no epoch measures itself."""
        terms: dict[str, Float[np.ndarray, "*seeds"]] = {}
        if self._hooks.validation:
            terms = self._hooks.validation.measure(params, state)
        is_due = epoch == self._end or epoch % max(1, self._end // _DISTANCES) == 0
        if self._hooks.distance and is_due:
            terms["distance"] = epoch_terms.measure_distance(
                self._hooks.distance, params, state, alive
            )
        return terms

    def call_back(self, epoch: int, params: Params, line: dict[str, Any]) -> str | None:
        """Call every callback; return why one of them ends the run, if one does."""
        reason = None
        if self._hooks.callbacks:
            params = _copy(params)
        for callback in self._hooks.callbacks:
            try:
                callback.on_epoch(epoch, params, line)
            except StopTraining as stop:
                reason = reason or str(stop) or type(callback).__name__
        return reason


def _is_shown(term: str) -> bool:
    """Tell whether the progress bar shows a term: of held-out images the losses alone."""
    return not term.startswith("validation_") or term.endswith("loss")


def _copy(params: Params) -> Params:
    """Copy the parameters, because the next epoch donates the state's buffers."""
    return jax.tree.map(jnp.copy, params)


def _find_best(folder: Path, lines: list[dict[str, Any]]) -> Best | None:
    """Return the best weights so far. Warns where they should be there, and are not."""
    try:
        found, why = read_best(folder), "is missing"
    except CheckpointError:
        found, why = None, "is damaged"
    if found is None and (why == "is damaged" or any("distance" in line for line in lines)):
        warnings.warn(
            f"{folder / run_folder.BEST} {why}: the best weights are those of the epochs to come.",
            stacklevel=5,
        )
    return found
