"""A chart of the quality of samples against the number of steps."""

from collections.abc import Mapping
from typing import Any

from genjax.errors import UserError
from genjax.plots.chart import Axes, Figure, figure_of, make_saver, new_axes


def plot_steps(measured: Mapping[str, Any], axes: Axes | None = None) -> Figure:
    """Plot the FCD over the number of steps, both on logarithmic scales.

    Args:
        measured: what `genjax.metrics.measure_steps` returned.
        axes: where to draw; by default the axes of a new figure.

    >>> plot_steps({"num_steps": [1, 2], "frechet_classifier": [90.0, 9.0]}).axes[0].get_xlabel()
    'steps'
    """
    steps, distances = measured["num_steps"], measured["frechet_classifier"]
    if not steps:
        raise UserError("there is no number of steps to plot: give at least one.")
    axes = axes or new_axes(6, 4)
    axes.loglog(steps, distances, "o-")
    axes.set_xticks(steps, [str(count) for count in steps])
    axes.minorticks_off()
    for count, distance in zip(steps, distances, strict=True):
        axes.annotate(f"{distance:.3g}", (count, distance), (4, 6), textcoords="offset points")
    title = f"{measured['num_generated']:,} samples" if "num_generated" in measured else ""
    axes.set(xlabel="steps", ylabel="FCD", title=title)
    axes.grid(alpha=0.3)
    return figure_of(axes)


save_steps = make_saver(plot_steps)
