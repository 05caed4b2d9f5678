"""The tables of a comparison: metrics, claims and runs."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genjax.metrics.catalogue import METRICS, Metric
from genjax.plots.comparison.claims import Decision
from genjax.plots.comparison.ranking import (
    Contender,
    find_winner,
    format_mean_std,
    list_metrics,
)
from genjax.plots.document import Table
from genjax.runs import run_folder

_DEAR = 3  # times the cost of the median model
FLOOR = "data"  # the column of what real images reach


def tabulate_metrics(contenders: Sequence[Contender], floor: Mapping[str, Any]) -> Table:
    """Return the metrics in groups, a column for each contender."""
    rows, group, listed = [["metric", FLOOR, *(c.name for c in contenders)]], "", []
    for metric in list_metrics(contenders):
        if metric.group != group:
            group = metric.group
            rows.append([f"**{group}**", *[""] * (len(contenders) + 1)])
        best = find_winner(metric, contenders)
        cells = [c.format_metric(metric.name) for c in contenders]
        cells = [f"**{x}**" if c is best else x for c, x in zip(contenders, cells, strict=True)]
        data = format_mean_std((floor[metric.name],)) if metric.name in floor else "-"
        rows.append([_label(metric), data, *cells])
        listed.append(metric)
    return Table(rows, {_label(m): m.tooltip for m in listed})


def _label(metric: Metric) -> str:
    return f"{metric.label} {metric.aim}".strip()


def tabulate_claims(decisions: Sequence[Decision]) -> Table:
    """Return a row for each claim, with its verdict and what was measured."""
    rows = [["claim", "verdict", "metric", "measured", "refuted if", "why it may be so"]]
    topic, terms = "", {}
    for decision in decisions:
        claim, metric = decision.claim, METRICS[decision.claim.metric]
        if claim.topic != topic:
            topic = claim.topic
            rows.append([f"**{topic}**", *[""] * 5])
        what = [decision.verdict, metric.label, decision.measured]
        rows.append([claim.sentence, *what, claim.refutation, claim.reason])
        terms[metric.label] = metric.tooltip
    return Table(rows, terms)


def describe_costs(contenders: Sequence[Contender]) -> list[str]:
    """Say which models are much dearer than the others, by the CPU time of an image in training."""
    costs = {c.name: _compute_cost(c) for c in contenders if c.values("training_cpu_seconds")}
    middle = statistics.median(costs.values()) if len(costs) > 2 else 0.0
    dear = {name: cost / middle for name, cost in costs.items() if cost > _DEAR * middle > 0}
    if not dear:
        return []
    named = ", ".join(f"{name} {ratio:.0f} times" for name, ratio in dear.items())
    return [
        f"All saw as many images, but an image costs some much more CPU time than the median model,"
        f" {1000 * middle:.2g} ms: {named} as much."
    ]


def _compute_cost(contender: Contender) -> float:
    """Return the CPU seconds of training for each image shown."""
    lines = run_folder.read_metrics(contender.folders[0])
    shown = sum(line["images_per_second"] * line["seconds"] for line in lines)
    return contender.values("training_cpu_seconds")[0] / shown


def tabulate_runs(contenders: Sequence[Contender]) -> Table:
    """Return a row for every run: its length, speed and warnings."""
    head = ["model", "run", "epochs", "weights", "images/s", "minutes", "CPU seconds"]
    rows = [[*head, "best epoch", "warnings"]]
    for contender in contenders:
        for folder, result in zip(contender.folders, contender.results, strict=True):
            rows.append([contender.name, folder.name, *_describe_run(folder, result)])
    return Table(rows)


def _describe_run(folder: Path, result: Mapping[str, Any]) -> list[str]:
    lines = run_folder.read_metrics(folder)
    warned = dict.fromkeys(name for line in lines for name in line.get("warnings", []))
    return [
        f"{len(lines)}",
        f"{result.get('parameters', 0):,}",
        f"{np.median([line['images_per_second'] for line in lines]):,.0f}",
        f"{result['training_seconds'] / 60:.1f}",
        f"{result['training_cpu_seconds']:,.0f}" if "training_cpu_seconds" in result else "-",
        str(result["best"]["epoch"]) if "best" in result else "-",
        ", ".join(name.replace("_", " ") for name in warned) or "-",
    ]
