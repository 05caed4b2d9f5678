"""Callbacks: what a user's program does between two epochs, and how it ends a run early."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genjax.errors import UserError, check_integer, check_number, check_type
from genjax.model import Params


class StopTraining(Exception):
    """Raised by a callback to end the run after this epoch, for the reason in its message.

    The run counts as finished: its last epoch has a checkpoint, and `config.json` says why it
    ended.
    """


class Callback:
    """Base of callbacks: override what you need. Of many hosts, host 0 alone calls them."""

    def on_start(self, epoch: int, params: Params, metrics: Sequence[Mapping[str, Any]]) -> None:
        """Do something before the first epoch of this process.

        Where a run goes on, `epoch` epochs are done already, and `metrics` are their lines: a
        callback with a memory rebuilds it from them.
        """

    def on_epoch(self, epoch: int, params: Params, metrics: Mapping[str, Any]) -> None:
        """Do something after an epoch, when its metrics are written; may raise `StopTraining`.

        `epoch` is the number of epochs done; `params` are the parameters to sample and measure
        with, for many seeds with a first axis [S]; `metrics` is the epoch's line of metrics.jsonl.
        """

    def on_end(self) -> None:
        """Do something after the last epoch of this process, such as closing a file.

        It is also called where the run was stopped or failed.
        """


class EpochFunction(Callback):
    """Call a function of the epoch and the parameters, before the first epoch too."""

    def __init__(self, function: Callable[[int, Params], None]):
        self.function = function

    def on_start(self, epoch: int, params: Params, metrics: Sequence[Mapping[str, Any]]) -> None:
        if epoch == 0:
            self.function(0, params)

    def on_epoch(self, epoch: int, params: Params, metrics: Mapping[str, Any]) -> None:
        self.function(epoch, params)


class EarlyStopping(Callback):
    """End the run when a metric has not improved for `patience` epochs.

    Args:
        metric: a name in metrics.jsonl, such as "validation_loss". Smaller is better.
        patience: epochs without improvement after which the run ends.
        min_delta: how much smaller than the best so far the metric must be to count as improved.

    >>> EarlyStopping("validation_loss", patience=5).patience
    5
    """

    def __init__(self, metric: str, patience: int = 10, min_delta: float = 0.0):
        check_type(metric, str, "metric", "the name of a metric, such as 'validation_loss'")
        self.metric, self.patience = metric, check_integer(patience, "patience")
        self.min_delta = check_number(min_delta, "min_delta", least=0)
        self.best, self.best_epoch = float("inf"), 0

    def on_start(self, epoch: int, params: Params, metrics: Sequence[Mapping[str, Any]]) -> None:
        self.best, self.best_epoch = float("inf"), 0
        for line in metrics:
            self._note(line["epoch"], line)

    def on_epoch(self, epoch: int, params: Params, metrics: Mapping[str, Any]) -> None:
        if self.metric not in metrics:
            raise UserError(
                f"early stopping watches {self.metric!r}, but the metrics of an epoch are:"
                f" {', '.join(metrics)}."
                + (" Give fit a validation set." if self.metric.startswith("validation") else "")
            )
        self._note(epoch, metrics)
        if epoch - self.best_epoch >= self.patience:
            raise StopTraining(
                f"{self.metric} has not improved on {self.best:.6g} since epoch {self.best_epoch}"
            )

    def _note(self, epoch: int, metrics: Mapping[str, Any]) -> None:
        value = metrics.get(self.metric)
        if value is not None and value < self.best - self.min_delta:
            self.best, self.best_epoch = value, epoch
