"""Make and save matplotlib figures without pyplot, so that no chart depends on the user's backend.

Each `plot_*` function draws on the axes that it is given, or on those of a new figure, and returns
the figure. `make_saver` turns it into the `save_*` function that writes the figure to a file.
"""

# ruff: noqa: E402
import contextlib
import inspect
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from genjax.errors import UserError
from genjax.plots.grids import prepare_path
from genjax.runs.files import replace_file

__all__ = [
    "Axes",
    "Figure",
    "check_names",
    "figure_of",
    "make_saver",
    "new_axes",
    "new_panels",
    "save_figure",
]

# matplotlib cannot be imported where MPLBACKEND names no backend. Charts need none: import without.
_backend = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

if _backend is not None:
    os.environ["MPLBACKEND"] = _backend
    with contextlib.suppress(ValueError):
        matplotlib.rcParams["backend"] = _backend

P = ParamSpec("P")


class Chart(Figure):
    """A figure that notebooks show as it is, whatever backend is chosen."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=120, bbox_inches="tight")
        return file.getvalue()


def new_axes(width: float, height: float) -> Axes:
    """Return the axes of a new figure of that size in inches."""
    return Chart(figsize=(width, height), layout="constrained").subplots()


def new_panels(num: int, columns: int, width: float, height: float, **options: Any) -> list[Axes]:
    """Return `num` axes of a new figure, row by row, each of that size in inches.

    `options` are those of matplotlib's `subplots`, such as sharey=True.
    """
    columns = max(1, min(columns, num))
    rows = max(1, -(-num // columns))
    figure = Chart(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options).ravel().tolist()
    for empty in axes[num:]:
        empty.axis("off")
    return axes[:num]


def figure_of(axes: Axes) -> Figure:
    """Return the figure that the axes lie in."""
    figure = axes.get_figure()
    if isinstance(figure, SubFigure):
        figure = figure.figure
    assert isinstance(figure, Figure)
    return figure


def check_names(things: Sequence[Any], names: Sequence[str], what: str) -> None:
    """Raise `UserError` where there is nothing to draw, or not one name for each of it."""
    if not len(things) or len(things) != len(names):
        raise UserError(f"there are {len(things)} {what} and {len(names)} names for them.")


def save_figure(path: str | Path, figure: Figure) -> None:
    """Write a figure as a PNG with 120 pixels an inch."""
    replace_file(
        prepare_path(path),
        lambda file: figure.savefig(file, format="png", dpi=120, bbox_inches="tight"),
    )


def make_saver(plot: Callable[P, Figure]) -> Callable[Concatenate[str | Path, P], None]:
    """Return the function that draws with `plot` and writes the figure as a PNG.

    It takes the path of the file, then the arguments of `plot`.
    """

    def save(path, *args, **options):
        save_figure(path, plot(*args, **options))

    save.__name__ = save.__qualname__ = plot.__name__.replace("plot", "save", 1)
    save.__module__ = plot.__module__
    save.__doc__ = f"Write the chart of `{plot.__name__}` as a PNG to `path`, a text or a Path."
    path = inspect.Parameter("path", inspect.Parameter.POSITIONAL_ONLY, annotation=str | Path)
    parameters = inspect.signature(plot).parameters.values()
    save.__signature__ = inspect.Signature([path, *parameters])  # type: ignore[attr-defined]
    return save
