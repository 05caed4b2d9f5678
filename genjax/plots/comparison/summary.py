"""The sentences at the top of a comparison: who is best at what, if anybody is."""

import statistics
from collections.abc import Sequence

from genjax.metrics.catalogue import METRICS, Metric
from genjax.plots.comparison.ranking import Contender, find_winner, is_run_better

_EQUAL_TIMES = 1.25  # ratio of training times that counts as one budget
_PRECISION = 0.1  # below which the sharpness of samples is that of noise

_QUESTIONS = {
    "frechet_classifier": "Samples nearest to the data (FCD)",
    "recall": "Most of the data covered (recall)",
    "sharpness": "Sharpness of samples nearest to the data's",
    "reconstruction_error": "Best reconstructions by pixels",
    "reconstruction_feature_error": "Best reconstructions by features",
    "jacobian_variation": "Most even latent space",
    "training_seconds": "Fastest to train",
}
_LIKELIHOODS = {  # what they are of -> the metric, and the question
    "binary": ("nll", "Best likelihood of binary images (NLL)"),
    "bytes": ("bits_per_dim", "Best likelihood of bytes (bits per dimension)"),
    "floats": ("nll", "Best density of grey values (NLL)"),
}


def summarize(contenders: Sequence[Contender]) -> list[str]:
    """Return a sentence for each of the main metrics that two contenders or more have.

    Undertrained contenders are left out, and so are contenders whose samples are noise where
    sharpness is compared, and training times that were given as a budget.
    """
    lines = []
    for name, question in _QUESTIONS.items():
        able = [c for c in contenders if c.values(name) and not c.undertrained]
        if name == "sharpness":
            able = [c for c in able if _resembles_data(c)]
        if len(able) > 1 and not (name == "training_seconds" and _is_budget(able)):
            lines.append(f"{question}: {_compare(METRICS[name], able)}.")
    return lines + _compare_likelihoods(contenders)


def _compare_likelihoods(contenders: Sequence[Contender]) -> list[str]:
    """Compare the likelihoods of models that have one of the same images."""
    lines = []
    for observed, (name, question) in _LIKELIHOODS.items():
        same = [c for c in contenders if c.values(name) and not c.undertrained]
        same = [c for c in same if c.observed == observed]
        if len(same) > 1:
            lines.append(f"{question}: {_compare(METRICS[name], same)}.")
    return lines


def _resembles_data(contender: Contender) -> bool:
    """Tell whether samples are more than noise, as far as precision was measured."""
    precision = contender.values("precision")
    return not precision or statistics.mean(precision) >= _PRECISION


def _is_budget(contenders: Sequence[Contender]) -> bool:
    """Tell whether all trained for about the same time, so that none is faster."""
    times = [statistics.mean(c.values("training_seconds")) for c in contenders]
    return max(times) <= _EQUAL_TIMES * min(times)


def _compare(metric: Metric, contenders: Sequence[Contender]) -> str:
    """Say who is best by the metric, or that the numbers do not decide it."""
    ranked = sorted(contenders, key=lambda c: statistics.mean(metric.misses(c.values(metric.name))))
    first, second = ranked[:2]
    ours, theirs = (c.format_metric(metric.name) for c in (first, second))
    if find_winner(metric, contenders) is first:
        return f"**{first.name}**, {ours}; then {second.name}, {theirs}"
    if sorted(first.values(metric.name)) == sorted(second.values(metric.name)):
        equal = [c.name for c in ranked if c.values(metric.name) == first.values(metric.name)]
        return f"a tie of {' and '.join(equal)}, {ours}"
    if is_run_better(metric, first, second):
        return f"{first.name}, {ours}, for this seed; then {second.name}, {theirs}"
    both = f"{first.name}, {ours}, and {second.name}, {theirs}"
    if min(len(c.results) for c in (first, second)) == 1:
        return f"not decided, since one seed shows no spread; the first two are {both}"
    return f"not decided; within the spread are {both}"
