"""The contenders of a comparison, and when one is better than another by a metric.

Of two models one is better only where their means differ by more than the sum of their standard
deviations over the seeds. With one seed that spread is unknown, and neither model is better; of the
two runs one is, where they differ by more than twice the standard error of the measurement. A
contender that was not trained to its end is never the best.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from genjax.metrics.catalogue import METRICS, Metric
from genjax.metrics.result_metrics import find_metric
from genjax.model import Params, name_likelihood, name_observed

Values = tuple[float, ...]

_FEW = 5  # epochs, below which a model counts as undertrained
_GAIN = 0.1  # of the whole improvement, which the last quarter of the epochs should not exceed
_SHARES = ("precision", "recall", "coverage", "class_agreement", "nearer_to_train", "copies")
ERRORS = 2  # standard errors, by which two single runs must differ
LIKELIHOODS = ("nll", "bits_per_dim")
_NATS = ("nll", "nll_noise", "negative_elbo", "distortion", "rate")  # of what a model observes
_SIGNS = {"bound": "≤ ", "estimate": "≈ "}  # of a likelihood
_OTHER = "The model's own metrics"  # the group of those that the catalogue does not know


@dataclass(frozen=True)
class Contender:
    """A model of a comparison: its runs, which differ in the seed alone, and their results.

    Attributes:
        name: what the report calls it.
        params: the best weights of the first run.
        folders: of the runs.
        results: the content of each run's `result.json`.
        undertrained: why the training counts as too short; empty where it does not.
    """

    name: str
    params: Params
    folders: tuple[Path, ...]
    results: tuple[Mapping[str, Any], ...]
    undertrained: str = ""

    def values(self, metric: str) -> Values:
        """Return the metric of every run; nothing where a run lacks it. `a.b` is b within a."""

        def look(result: Any, part: str) -> Any:
            return result.get(part) if isinstance(result, Mapping) else None

        found: Any = tuple(reduce(look, metric.split("."), result) for result in self.results)
        return () if None in found else found

    def measurement_error(self, metric: str) -> float | None:
        """Return the standard error of a metric of one run, from the number of images measured.

        It is the one in the result, of a share of N samples sqrt(p (1 - p) / N). None where it is
        unknown, and for many runs, whose spread says more.
        """
        if len(self.results) != 1 or not self.values(metric):
            return None
        recorded = self.values(f"{metric}_sem")
        num = self.values("record.num_generated")
        if recorded or metric not in _SHARES or not (num and num[0]):
            return recorded[0] if recorded else None
        share = self.values(metric)[0]
        return (max(0.0, share * (1 - share)) / num[0]) ** 0.5

    def format_metric(self, metric: str) -> str:
        """Return the mean of a metric ± its deviation over the seeds, or ± its standard error.

        A likelihood that is a bound begins with ≤, one that is an estimate with ≈.
        """
        values, error = self.values(metric), self.measurement_error(metric)
        text = format_with_error(values[0], error) if error else format_mean_std(values)
        is_signed = metric in LIKELIHOODS and values
        return _SIGNS.get(self.likelihood or "", "") + text if is_signed else text

    @property
    def likelihood(self) -> str | None:
        """How the model knows its likelihood: exact, bound, estimate; None for not at all."""
        return name_likelihood(self.params.model)

    @property
    def observed(self) -> str | None:
        """What images its likelihood is of: bytes, binary or floats."""
        return name_observed(self.params.model)


def list_metrics(contenders: Sequence[Contender]) -> list[Metric]:
    """List the metrics that at least one contender has, in the order of the catalogue.

    Numbers that the catalogue does not know, such as those of a user's own model, come last.
    """
    known = [m for m in METRICS.values() if any(c.values(m.name) for c in contenders)]
    others = dict.fromkeys(
        name
        for contender in contenders
        for result in contender.results
        for name, value in result.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name not in METRICS
        if name != "seconds"
        and not name.endswith(("_sem", "_sd", "_std"))
        and contender.values(name)
    )
    found = [find_metric(name) for name in others]
    return known + [m if m.name.startswith("fitted_") else replace(m, group=_OTHER) for m in found]


def explain_undertraining(lines: Sequence[Mapping[str, Any]]) -> str:
    """Say why a training with these lines of metrics was too short; empty where it was not.

    It was where it had fewer than 5 epochs, or where the last quarter of the epochs still brought
    more than a tenth of the whole improvement: of the distance of the samples where it was
    measured, else of the loss.

    >>> explain_undertraining([{"loss": 3.0}, {"loss": 2.0}])
    '2 epochs'
    >>> explain_undertraining([{"loss": value} for value in (9.0, 3.0, 2.2, 2.1, 2.0, 2.0)])
    ''
    """
    if len(lines) < _FEW:
        return f"{len(lines)} epoch{'s' * (len(lines) != 1)}"
    for term in ("distance", "loss"):
        values = [line[term] for line in lines if isinstance(line.get(term), int | float)]
        if len(values) >= _FEW:
            first, late, last = values[0], values[round(0.75 * (len(values) - 1))], min(values)
            gain = (late - last) / (first - last) if first > last else 0.0
            return f"its {term} was still falling" if gain > _GAIN else ""
    return ""


def is_better(metric: Metric, left: Values, right: Values) -> bool | None:
    """Tell whether `left` is better than `right`; None where the spread does not decide."""
    if min(len(left), len(right)) < 2 or metric.best is None:
        return None
    ours, theirs = metric.misses(left), metric.misses(right)
    difference = statistics.mean(theirs) - statistics.mean(ours)
    spread = statistics.stdev(ours) + statistics.stdev(theirs)
    return None if abs(difference) <= spread else difference > 0


def is_run_better(metric: Metric, left: Contender, right: Contender) -> bool | None:
    """Tell whether the run of `left` is better than that of `right`, whatever other seeds give.

    None where the error of the measurement does not decide, or is not known.
    """
    both = [c.measurement_error(metric.name) for c in (left, right)]
    errors = [error for error in both if error is not None]
    if len(errors) < 2 or metric.best is None:
        return None
    ours, theirs = (metric.misses(c.values(metric.name))[0] for c in (left, right))
    difference, error = theirs - ours, sum(error**2 for error in errors) ** 0.5
    return None if abs(difference) <= ERRORS * error else difference > 0


def find_winner(metric: Metric, contenders: Sequence[Contender]) -> Contender | None:
    """Return the contender that is better than every other one, if there is one.

    Only contenders count that have the metric and are not undertrained, of which two are needed.
    Nats of likelihoods are not compared where these are of different things.
    """
    able = [c for c in contenders if c.values(metric.name) and not c.undertrained]
    if metric.name in _NATS and len({c.observed for c in able}) > 1:
        return None
    for one in able if len(able) > 1 else []:
        others = [other for other in able if other is not one]
        if all(is_better(metric, one.values(metric.name), o.values(metric.name)) for o in others):
            return one
    return None


def format_mean_std(values: Sequence[float]) -> str:
    """Format mean ± standard deviation, with the digits that the deviation leaves meaningful.

    >>> format_mean_std([0.8, 1.0, 1.2])
    '1.00 ± 0.20'
    """
    if not values:
        return "-"
    mean = statistics.mean(values)
    if len(values) == 1 or not (spread := statistics.stdev(values)):
        return _format_number(mean, 3)
    return format_with_error(mean, spread)


def format_with_error(mean: float, error: float) -> str:
    """Format mean ± error, with the digits that the error leaves meaningful.

    >>> format_with_error(90.217, 1.53)
    '90.2 ± 1.5'
    """
    places = max(0, 1 - int(np.floor(np.log10(error))))
    if abs(mean) >= 100:
        places = 0 if error >= 1 else 1
    return f"{mean:,.{places}f} ± {error:,.{places}f}"


def _format_number(value: float, digits: int) -> str:
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"
