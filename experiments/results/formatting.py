"""Format metrics as the rows of a Markdown table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genjax.metrics.catalogue import METRICS
from genjax.recipes.series import format_table

Metrics = Mapping[str, Any]
Rows = list[
    tuple[tuple[str, ...], Metrics]
]  # the first cells of a row, and the metrics of the rest


@dataclass(frozen=True)
class Column:
    """Metrics that a column shows, separated by commas.

    Attributes:
        heading: above the column.
        metrics: their names in a record.
        decimals: digits after the point, at most.
        factor: what the value is multiplied by: 100 for percent.
    """

    heading: str
    metrics: tuple[str, ...]
    decimals: int = 2
    factor: float = 1.0

    def format(self, metrics: Metrics) -> str:
        """Return the cell: values with their standard deviations; a dash where none is known."""
        return ", ".join(self._format(metrics, n) for n in self.metrics if n in metrics) or "–"

    def _format(self, metrics: Metrics, name: str) -> str:
        value = self._format_number(metrics[name])
        spread = metrics.get(f"{name}_sd")
        return value if spread is None else f"{value} ± {self._format_number(spread)}"

    def _format_number(self, value: float) -> str:
        text = f"{self.factor * value:,.{self.decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return text.replace("-", "−")


def format_rows(
    headings: Sequence[str],
    rows: Rows,
    columns: Sequence[Column],
    transposed: bool = False,
    mark_best: bool = False,
) -> str:
    """Format rows as a Markdown table.

    Transposed, every column becomes a row. `mark_best` shows the best value of a column in bold,
    where it is better than all others by more than the sum of their standard deviations.
    """
    table = [[*headings, *(column.heading for column in columns)]]
    table += [[*cells, *(column.format(metrics) for column in columns)] for cells, metrics in rows]
    for index, column in enumerate(columns if mark_best else ()):
        best = _find_best([metrics for _, metrics in rows], column)
        if best is not None:
            line, cell = table[1 + best], len(headings) + index
            line[cell] = f"**{line[cell]}**"
    if transposed:
        table = [list(line) for line in zip(*table, strict=True)]
    return format_table(table)


def _find_best(results: Sequence[Metrics], column: Column) -> int | None:
    """Return the index of the result that is clearly the best in the column; None without one."""
    name, *others = column.metrics
    known = [(index, metrics) for index, metrics in enumerate(results) if name in metrics]
    misses = METRICS[name.removeprefix("fitted_")].misses([metrics[name] for _, metrics in known])
    if others or len(misses) < 2:
        return None
    spreads = [metrics.get(f"{name}_sd", 0.0) for _, metrics in known]
    (least, spread, best), *rest = sorted(
        zip(misses, spreads, [index for index, _ in known], strict=True)
    )
    clear = all(miss - least > spread + other for miss, other, _ in rest)
    return best if clear else None
