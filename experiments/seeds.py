"""The figures of many seeds of an experiment, together."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any


def together(results: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """The figures of many runs, None standing for one that diverged; of one, its own.

    The mean of each number, its standard deviation as `..._sd`, and in `seeds` those of each run.
    """
    whole = [dict(result) for result in results if result is not None]
    if len(results) == 1:
        return whole[0]
    figures = {}
    for name, value in whole[0].items():
        if isinstance(value, int | float) and not name.endswith("_sem"):
            values = [float(result[name]) for result in whole if name in result]
            figures[name] = statistics.mean(values)
            if len(values) > 1:
                figures[f"{name}_sd"] = statistics.stdev(values)
    each = [result and {n: v for n, v in result.items() if n != "record"} for result in results]
    return figures | {"seeds": each, "record": whole[0].get("record")}
