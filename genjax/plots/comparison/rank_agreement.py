"""Decide whether two metrics put the models of a comparison into the same order.

(1) rho = the correlation of the ranks, 1 being the best by either metric     Spearman 1904
    equal values share the mean of their ranks; rho = 1 where the orders agree, -1 where one is the
    reverse of the other

rho is computed for every seed; its spread over the seeds decides.
"""

import statistics
from collections.abc import Sequence

import numpy as np

from genjax.metrics.catalogue import METRICS
from genjax.plots.comparison.claims import AGREEMENT, Claim, Decision
from genjax.plots.comparison.ranking import Contender, Values, format_mean_std

_LEAST = 3  # models, of which an order says something
_IN_BITS = {"nll": "bits_per_dim"}  # the metric's form where it is of bytes
_TITLES = {"bytes": "of bytes", "binary": "of binary images", "floats": "of grey values"}


def decide_agreement(claim: Claim, contenders: Sequence[Contender]) -> Decision | None:
    """Decide for the models of each kind of likelihood; None where there are fewer than three."""
    measured, verdicts = [], {}
    for observed, title in _TITLES.items():
        metric = _IN_BITS.get(claim.metric, claim.metric) if observed == "bytes" else claim.metric
        able = [c for c in contenders if c.observed == observed]
        able = [c for c in able if c.values(metric) and c.values(claim.other)]
        if len(able) >= _LEAST:
            trained = [c for c in able if not c.undertrained]
            found = _correlate_seeds(trained, metric, claim.other)
            names = ", ".join(c.name for c in trained)
            measured.append(f"{title}: rank correlation {format_mean_std(found)} of {names}")
            verdicts[title] = _decide(found, [c.name for c in able if c.undertrained])
    return Decision(claim, "; ".join(measured), verdicts) if verdicts else None


def _correlate_seeds(contenders: Sequence[Contender], metric: str, other: str) -> Values:
    """Return (1) of every seed that all contenders have; nothing for fewer than three."""
    if len(contenders) < _LEAST:
        return ()
    misses = [
        [METRICS[name].misses(c.values(name)) for c in contenders] for name in (metric, other)
    ]
    return tuple(
        correlate_ranks(*pair)
        for pair in zip(*(zip(*of, strict=False) for of in misses), strict=False)
    )


def _decide(correlations: Values, undertrained: Sequence[str]) -> str:
    if not correlations:
        return f"not decided: {undertrained[0]} is undertrained"
    mean = statistics.mean(correlations)
    if len(correlations) == 1:
        which = "for" if mean < AGREEMENT else "against"
        return f"not decided: one seed, which speaks {which} it"
    if abs(mean - AGREEMENT) <= statistics.stdev(correlations):
        return "not decided: within the spread"
    return "holds" if mean < AGREEMENT else "refuted"


def correlate_ranks(left: Sequence[float], right: Sequence[float]) -> float:
    """Compute (1); 0 where all values of a side are equal.

    >>> correlate_ranks([1.0, 2.0, 3.0], [10.0, 30.0, 20.0])
    0.5
    """
    a, b = (_rank(np.asarray(values, np.float64)) for values in (left, right))
    spread = np.std(a) * np.std(b)
    if not spread:
        return 0.0
    return round(float(np.mean((a - a.mean()) * (b - b.mean())) / spread), 12)


def _rank(values: np.ndarray) -> np.ndarray:
    """Return the ranks, whose means equal values share."""
    below = (values[None] < values[:, None]).sum(axis=1)
    return below + (values[None] == values[:, None]).sum(axis=1) / 2
