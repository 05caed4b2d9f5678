"""Print the metrics of a result, a line each."""

from collections.abc import Mapping
from typing import Any

WIDTH = 26  # of a name


def print_metrics(result: Mapping[str, Any]) -> None:
    """Print the numbers of a `result.json`, with those of the best weights beside them."""
    best = result.get("best", {})
    if best:
        print(f"{'':{WIDTH}} {'last':>12} {'best: epoch ' + str(best['epoch']):>16}")
    for metric, value in result.items():
        if not isinstance(value, float | int) or metric.endswith(("_sem", "_sd", "seconds")):
            continue
        width = result.get(metric + "_sd", result.get(metric + "_sem"))
        plus_minus = "" if width is None else f" ± {width:.2g}"
        of_best = f" {best[metric]:16.4g}" if metric in best else ""
        print(f"{metric:{WIDTH}} {value:12.4g}{plus_minus}{of_best}")
