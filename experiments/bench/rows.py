"""The rows of the benchmark: one for each contender on each model, with a loss that must agree."""

import statistics
from collections.abc import Sequence
from typing import Any

from experiments.bench.cases import CASES
from experiments.bench.measure import GENJAX, GENJAX_BF16, PYTORCH_PROGRAMS
from experiments.bench.plan import CONTENDERS
from genjax.errors import UserError

Run = dict[str, Any]  # a measurement, whether its compilation caches were empty, and its "numbers"
Row = dict[str, Any]

_FIRST = "first_step_seconds"
_COLUMNS = {  # key: heading, width, how it is written
    "images_per_second": ("images/s", 10, "{:,.0f}"),
    "ratio": ("genjax", 8, "{:.2f}x"),
    "samples_per_second": ("samples/s", 11, "{:,.0f}"),
    "sampling_ratio": ("genjax", 8, "{:.2f}x"),
    "cold_first_step_seconds": ("cold s", 8, "{:.1f}"),
    "warm_first_step_seconds": ("warm s", 8, "{:.1f}"),
    "peak_bytes": ("GB", 7, "{:.2f}"),
    "loss": ("loss", 9, "{:.4g}"),
}
HEADING = f"{'model':14}{'contender':23}" + "".join(
    f"{name:>{width}}" for name, width, _ in _COLUMNS.values()
)


def make_rows(runs: Sequence[Run]) -> list[Row]:
    """Return the rows of all runs, with how many times as fast genjax is on the same model.

    A program in bfloat16 is compared with genjax in bfloat16, where that was measured.
    """
    names = [(model, contender) for model in CASES for contender in CONTENDERS]
    found = {
        name: [run for run in runs if (run["model"], run["contender"]) == name] for name in names
    }
    rows = {name: _take_medians(*name, several) for name, several in found.items() if several}
    return [row | _compare_speed(_find_ours(rows, row), row) for row in rows.values()]


def _find_ours(rows: dict[tuple[str, str], Row], row: Row) -> Row:
    plain = rows.get((row["model"], GENJAX), {})
    _, half = PYTORCH_PROGRAMS.get(row["contender"], (False, False))
    return rows.get((row["model"], GENJAX_BF16), plain) if half else plain


def _take_medians(model: str, contender: str, runs: Sequence[Run]) -> Row:
    median = {
        name: statistics.median(run["numbers"][name] for run in runs) for name in runs[0]["numbers"]
    }
    row: Row = {"model": model, "contender": contender, **median}
    if _FIRST in row:
        del row[_FIRST]
        for name, cold in ((f"cold_{_FIRST}", True), (f"warm_{_FIRST}", False)):
            seconds = [run["numbers"][_FIRST] for run in runs if run["cold"] == cold]
            row[name] = statistics.median(seconds) if seconds else None
    return row


def _compare_speed(ours: Row, row: Row) -> dict[str, float]:
    speeds = {"ratio": "images_per_second", "sampling_ratio": "samples_per_second"}
    return {
        ratio: ours[speed] / row[speed]
        for ratio, speed in speeds.items()
        if speed in ours and speed in row and row["contender"] != GENJAX
    }


def format_row(row: Row) -> str:
    """Return a row as text in the columns of `HEADING`."""
    scaled = row | ({"peak_bytes": row["peak_bytes"] / 1e9} if "peak_bytes" in row else {})
    cells = [
        f"{form.format(scaled[key]) if scaled.get(key) is not None else '-':>{width}}"
        for key, (_, width, form) in _COLUMNS.items()
    ]
    return f"{row['model']:14}{row['contender']:23}{''.join(cells)}"


def check_losses(rows: Sequence[Row]) -> None:
    """Raise `UserError` where a contender's loss differs too much from genjax's on the same model.

    How much it may differ follows from the model's `Case.tolerance`.
    """
    ours = {row["model"]: row["loss"] for row in rows if row["contender"] == GENJAX}
    wrong = []
    for row in rows:
        expected, loss = ours.get(row["model"]), row.get("loss")
        if expected is None or loss is None:
            continue
        allowed = CASES[row["model"]].allow_difference(expected)
        if not abs(loss - expected) <= allowed:
            wrong.append(
                f"{row['model']}: {row['contender']} {loss:.4g}, genjax {expected:.4g}"
                f" (allowed: ±{allowed:.3g})"
            )
    if wrong:
        raise UserError(
            "the losses differ, so that the programs do not do the same work, and their speeds do"
            f" not compare. {'; '.join(wrong)}."
        )
