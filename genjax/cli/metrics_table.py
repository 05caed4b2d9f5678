"""Print the metrics of a result, a line each, in the groups and under the names of all tables."""

from collections.abc import Mapping
from typing import Any

from genjax.metrics.catalogue import Metric
from genjax.metrics.result_metrics import format_value, list_metrics

WIDTH = 32  # of a name
_SPREAD = 10  # width of a standard error


def print_metrics(result: Mapping[str, Any]) -> None:
    """Print the numbers of a `result.json`, with those of the best weights beside them.

    Numbers that no table names, such as a user's own, follow the others.

    >>> print_metrics({"nll": 86.512, "nll_sem": 0.25, "parameters": 1234, "accuracy_group_1": 0.2})
    Reconstruction and likelihood
      NLL (nats per image)                  86.51 ± 0.25
    Classification
      accuracy, group 1                       0.2
    Cost
      weights                               1,234
    """
    best = result.get("best", {})
    if best:
        print(f"{'':{WIDTH}} {'last':>12}{'':{_SPREAD}} {'best: epoch ' + str(best['epoch']):>16}")
    heading = ""
    for metric in list_metrics(result):
        if metric.name == "seconds":  # the last lines of a command say it
            continue
        if metric.group != heading:
            heading = metric.group
            print(heading)
        print(_format_line(metric, result, best))


def _format_line(metric: Metric, result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    value, *spread = format_value(metric.name, result).partition(" ± ")
    line = f"  {metric.label:{WIDTH - 2}} {value:>12}{''.join(spread)}"
    if metric.name not in best:
        return line
    of_best = format_value(metric.name, best).partition(" ± ")[0]
    return f"{line:{WIDTH + 13 + _SPREAD}} {of_best:>16}"
