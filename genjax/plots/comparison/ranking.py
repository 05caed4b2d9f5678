"""The figures of a comparison, and when one model is better than another by one of them.

A figure is read off the results of every seed. Of two models the better one is marked only where
their means differ by more than the sum of their standard deviations over the seeds; with one seed
there is no spread, and nothing is marked.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from genjax.metrics.catalogue import Metric

Values = tuple[float, ...]


@dataclass(frozen=True)
class Contender:
    """A model of a comparison: its runs, which differ in the seed alone, and their results.

    `kind` is the registered name of the model, or "beta-vae".
    """

    name: str
    kind: str
    folders: tuple[Path, ...]
    results: tuple[Mapping[str, Any], ...]

    def values(self, figure: str) -> Values:
        """One of every run; none at all where a run lacks the figure. `a.b` is b within a."""

        def look(result: Any, part: str) -> Any:
            return result.get(part) if isinstance(result, Mapping) else None

        found: Any = tuple(reduce(look, figure.split("."), result) for result in self.results)
        return () if None in found else found


def better(figure: Metric, left: Values, right: Values) -> bool | None:
    """Whether `left` is better than `right`; None where the spread does not tell, or is unknown."""
    if min(len(left), len(right)) < 2 or figure.best is None:
        return None
    ours, theirs = figure.misses(left), figure.misses(right)
    difference = statistics.mean(theirs) - statistics.mean(ours)
    spread = statistics.stdev(ours) + statistics.stdev(theirs)
    return None if abs(difference) <= spread else difference > 0


def winner(figure: Metric, contenders: Sequence[Contender]) -> Contender | None:
    """The contender that is better than every other one that has the figure, of at least two."""
    have = [c for c in contenders if c.values(figure.name)]
    for one in have if len(have) > 1 else []:
        others = [other for other in have if other is not one]
        if all(better(figure, one.values(figure.name), o.values(figure.name)) for o in others):
            return one
    return None


def shown(values: Sequence[float]) -> str:
    """mean ± standard deviation, as many digits as the spread leaves meaning to."""
    if not values:
        return "-"
    mean = statistics.mean(values)
    if len(values) == 1 or not (spread := statistics.stdev(values)):
        return _number(mean, 3)
    places = max(0, 1 - int(np.floor(np.log10(spread))))
    if abs(mean) >= 100:
        places = 0
    return f"{mean:,.{places}f} ± {spread:,.{places}f}"


def _number(value: float, digits: int) -> str:
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"
