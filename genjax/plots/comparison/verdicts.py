"""Decide the claims about kinds of models by what was measured.

The spread over the seeds decides what holds; of single runs, the error of the measurement.
"""

import statistics
from collections.abc import Sequence

from genjax.metrics.catalogue import METRICS, Metric
from genjax.plots.comparison.claims import CLAIMS, KINDS, UNSTEADIER, Claim, Decision
from genjax.plots.comparison.rank_agreement import decide_agreement
from genjax.plots.comparison.ranking import (
    ERRORS,
    Contender,
    Values,
    is_better,
    is_run_better,
)


def decide_claims(contenders: Sequence[Contender]) -> list[Decision]:
    """Decide the claims for which these contenders have the kinds and the metrics."""
    found = (_decide_claim(claim, contenders) for claim in CLAIMS)
    return [decision for decision in found if decision]


def _decide_claim(claim: Claim, contenders: Sequence[Contender]) -> Decision | None:
    """Decide one claim for every pair of contenders that it is about, or for all together."""
    if claim.relation == "disagrees":
        return decide_agreement(claim, _of_kind(claim.subject, contenders))
    is_number = claim.relation in ("above", "below")
    lacks = claim.relation == "lacks"
    subjects = [c for c in _of_kind(claim.subject, contenders) if lacks or c.values(claim.metric)]
    others = [] if is_number else _of_kind(claim.other, contenders)
    others = [c for c in others if c.values(claim.metric)]
    if not subjects or not (others or is_number):
        return None
    verdicts = {}
    opponents: list[Contender | None] = [None] if is_number else [*others]
    for subject in subjects:
        for other in opponents:
            pair = f"{subject.name} and {other.name}" if other else subject.name
            verdicts[pair] = _give_verdict(claim, subject, other)
    shown = [f"{c.name} {c.format_metric(claim.metric)}" for c in (*subjects, *others)]
    bound = f", bound {claim.other}" if is_number else ""
    return Decision(claim, f"{', '.join(shown)}{bound}", verdicts)


def _of_kind(kind: str, contenders: Sequence[Contender]) -> list[Contender]:
    return [c for c in contenders if KINDS[kind](c.params.model)]


def _give_verdict(claim: Claim, subject: Contender, other: Contender | None) -> str:
    for contender in (subject, other):
        if contender and contender.undertrained and claim.relation != "lacks":
            return f"not decided: {contender.name} is undertrained"
    ours = subject.values(claim.metric)
    theirs = other.values(claim.metric) if other else ()
    holds = _decide(claim, METRICS[claim.metric], ours, theirs)
    if holds is not None:
        return "holds" if holds else "refuted"
    if 1 not in (len(ours), len(theirs)):
        return "not decided: within the spread"
    if claim.relation == "unsteadier":
        return "not decided: it takes three seeds"
    of_runs = _decide_run(claim, METRICS[claim.metric], subject, other)
    if of_runs is not None:
        return f"{'holds' if of_runs else 'refuted'} for this seed"
    known = [c.measurement_error(claim.metric) is not None for c in (subject, other) if c]
    if claim.relation != "lacks" and all(known):
        return "not decided: within the error of the measurement"
    return f"not decided: one seed{_compare_means(claim, METRICS[claim.metric], ours, theirs)}"


def _decide(claim: Claim, metric: Metric, ours: Values, theirs: Values) -> bool | None:
    """Tell whether the claim holds; None where the spread over the seeds does not decide."""
    match claim.relation:
        case "lacks":
            return not ours
        case "better":
            return is_better(metric, ours, theirs)
        case "worse":
            return is_better(metric, theirs, ours)
        case "unsteadier":
            return _is_unsteadier(ours, theirs)
    difference = statistics.mean(ours) - float(claim.other)
    if len(ours) < 2 or abs(difference) <= statistics.stdev(ours):
        return None
    return (difference > 0) == (claim.relation == "above")


def _decide_run(
    claim: Claim, metric: Metric, subject: Contender, other: Contender | None
) -> bool | None:
    """Tell whether the claim holds for these runs; None where the measurement does not decide."""
    if other:
        better = is_run_better(metric, subject, other)
        return None if better is None else better == (claim.relation == "better")
    error = subject.measurement_error(metric.name)
    difference = statistics.mean(subject.values(metric.name)) - float(claim.other)
    if error is None or abs(difference) <= ERRORS * error:
        return None
    return (difference > 0) == (claim.relation == "above")


def _compare_means(claim: Claim, metric: Metric, ours: Values, theirs: Values) -> str:
    """Say which way the means point, where there is no spread to decide by."""
    if claim.relation in ("above", "below"):
        difference = statistics.mean(ours) - float(claim.other)
        for_it = difference if claim.relation == "above" else -difference
    else:
        left, right = (statistics.mean(metric.misses(v)) for v in (ours, theirs))
        for_it = right - left if claim.relation == "better" else left - right
    return ", which speaks for it" if for_it > 0 else ", which speaks against it" if for_it else ""


def _is_unsteadier(ours: Values, theirs: Values) -> bool | None:
    if min(len(ours), len(theirs)) < 3 or not (statistics.mean(ours) and statistics.mean(theirs)):
        return None
    left, right = (statistics.stdev(v) / abs(statistics.mean(v)) for v in (ours, theirs))
    if left > UNSTEADIER * right:
        return True
    return False if right > UNSTEADIER * left else None
