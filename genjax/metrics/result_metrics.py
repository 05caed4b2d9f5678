"""Read the metrics of a `result.json`: their names and order, and how they were measured."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from genjax.metrics.catalogue import METRICS, Metric

# Metrics of which there are several: a pattern of the name, the title with the number, and more.
_FAMILIES: Sequence[tuple[str, str, str, float | None, str]] = [
    (r"accuracy_group_(\d+)", "accuracy, group {}", "accuracy in one group", 1, "Classification"),
    *(
        (f"{key}_(?:group_)?(\\d+|rare)", f"group {{}} {where}", meaning, None, "Groups of images")
        for key, where, meaning in (
            ("data", "in the data", "its share of the training images"),
            ("seen", "as seen in training", "its share of the images as they were drawn"),
            ("subset", "in a balanced subset", "its share where images are drawn by rarity"),
        )
    ),
    (
        r"kernel_distance_std()",
        "KID, spread",
        "standard deviation over the subsets of its images",
        None,
        "Distance of the samples from the data",
    ),
    (r"collapse_rate()", "collapse rate", "share of seeds that collapsed or diverged", 0, "Seeds"),
    (r"seconds()", "time of the whole run", "with drawing and measuring, in s", None, "Cost"),
]

_QUALIFIED = ("nll", "bits_per_dim")
_KINDS = {  # of a likelihood, in the record of a result
    "exact": "computed exactly",
    "estimate": "the mean of estimates without bias",
    "bound": "the likelihood itself is at least as good",
}


def find_metric(name: str) -> Metric:
    """Return the metric of that name in `result.json`; one that nobody knows has its name as title.

    >>> find_metric("fitted_recall").title, find_metric("accuracy_group_2").title
    ('recall, fitted density', 'accuracy, group 2')
    """
    if name in METRICS:
        return METRICS[name]
    if name.startswith("fitted_"):
        metric = find_metric(name.removeprefix("fitted_"))
        title, of = f"{metric.title}, fitted density", "samples of a density fitted to the codes"
        explanation = f"{metric.explanation}; of {of}"
        return replace(metric, name=name, title=title, explanation=explanation)
    for pattern, title, explanation, best, group in _FAMILIES:
        if match := re.fullmatch(pattern, name):
            named = title.format(match[1]).replace("group rare", "rare groups")
            return Metric(name, named, explanation, best, group=group)
    return Metric(name, name.replace("_", " "), "", group="Others")


def list_metrics(result: Mapping[str, Any]) -> list[Metric]:
    """Return the metrics of a `result.json` that are numbers, in the order of their groups.

    Standard errors and deviations stand beside their metric, and are none of their own.

    >>> [metric.title for metric in list_metrics({"nll_sem": 0.1, "nll": 86.0, "copies": 0.0})]
    ['copies', 'NLL']
    >>> list_metrics({"nll": 86.0, "record": {"nll": "bound"}})[0].label
    'NLL, bound (nats per image)'
    """
    names = [
        name
        for name, value in result.items()
        if isinstance(value, float | int) and not name.endswith(("_sem", "_sd"))
    ]
    order, groups = list(METRICS), list(dict.fromkeys(m.group for m in METRICS.values()))
    kind = (result.get("record") or {}).get("nll") or ""
    found = [_qualify(find_metric(name), kind) for name in names]

    def key(metric: Metric) -> tuple[int, int, str]:
        known = order.index(metric.name) if metric.name in METRICS else len(order)
        place = groups.index(metric.group) if metric.group in groups else len(groups)
        return place, known, metric.name

    return sorted(found, key=key)


def _qualify(metric: Metric, kind: str) -> Metric:
    """Return the metric of a likelihood with its kind: exact, an estimate, or a bound."""
    if metric.name not in _QUALIFIED or kind not in _KINDS:
        return metric
    explanation = f"{metric.explanation}; {_KINDS[kind]}"
    return replace(metric, title=f"{metric.title}, {kind}", explanation=explanation)


def _is_of_images(metric: Metric) -> bool:
    """Tell whether a metric is measured on the images of the test set, one by one."""
    return metric.group in ("Reconstruction and likelihood", "Classification", "Others")


def describe_measurement(result: Mapping[str, Any]) -> str:
    """Say on how many images and with how many draws a result was measured.

    >>> dataset = {"num_images": 500, "images": "drawn at random, always the same"}
    >>> record = {"dataset": dataset, "num_samples": 50, "nll": "bound", "num_generated": 0}
    >>> describe_measurement({"nll": 86.5, "nll_sem": 0.1, "record": record})
    '500 test images, drawn at random; k = 50 importance samples'
    """
    record = result.get("record") or {}
    dataset, parts = record.get("dataset", {}), []
    if any(_is_of_images(metric) for metric in list_metrics(result)):
        which = "all" if dataset.get("images") == "all" else ""
        drawn = "" if which else ", drawn at random"
        parts.append(f"{which} {dataset.get('num_images', 0):,} test images{drawn}".strip())
    if record.get("nll") == "bound":
        parts.append(f"k = {record['num_samples']:,} importance samples")
    if record.get("num_generated"):
        parts.append(f"{record['num_generated']:,} generated samples, against all test images")
    return "; ".join(parts)


def format_value(name: str, result: Mapping[str, Any]) -> str:
    """Write a number of a result, with the deviation over its seeds, or else its standard error.

    >>> format_value("nll", {"nll": 86.512, "nll_sem": 0.25})
    '86.51 ± 0.25'
    >>> format_value("parameters", {"parameters": 1234.0, "parameters_sd": 0.0})
    '1,234'
    """
    value = result[name]
    width = result.get(f"{name}_sd", result.get(f"{name}_sem"))
    if isinstance(value, int) or (width == 0 and value == int(value)):
        return f"{int(value):,}"
    return f"{value:.4g}" + ("" if width is None else f" ± {width:.2g}")
