"""Print the metrics of a result, a line each, in the groups and under the names of all tables."""

from collections.abc import Mapping
from typing import Any

from genjax.metrics.catalogue import Metric, list_metrics

WIDTH = 32  # of a name


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
        print(f"{'':{WIDTH}} {'last':>12} {'best: epoch ' + str(best['epoch']):>16}")
    heading = ""
    for metric in list_metrics(result):
        if metric.name == "seconds":  # the last lines of a command say it
            continue
        if metric.group != heading:
            heading = metric.group
            print(heading)
        print(_format_line(metric, result, best))


def _format_line(metric: Metric, result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    name = metric.name
    width = result.get(name + "_sd", result.get(name + "_sem"))
    spread = "" if width is None else f" ± {width:.2g}"
    of_best = f" {_format_number(best[name]):>16}" if name in best else ""
    number = _format_number(result[name])
    return f"  {metric.label:{WIDTH - 2}} {number:>12}{spread}{of_best}"


def _format_number(value: float | int) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
