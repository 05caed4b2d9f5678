"""Training curves: what belongs together on one pair of axes, with the levels to read it by.

Losses of held-out images are dashed. A dotted line is the level of chance: the value where the
discriminator cannot tell samples from real images. A star is the best epoch, and epochs with a
warning have a red ground.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genjax.errors import UserError
from genjax.model import HasChanceLevels, Model
from genjax.plots.chart import Axes, Figure, figure_of, make_saver, new_panels
from genjax.plots.curve_panels import (
    HELD_OUT,
    SELECTS,
    Line,
    Panel,
    find_best_epoch,
    find_panels,
    is_held_out,
)

_SMOOTHED = 30  # epochs, from which curves are smoothed and their points no longer marked
_WINDOW = 10  # of so many parts of a run, one is averaged over
_FAR = 3  # times the range of the other epochs, beyond which the first one is only named
_COLOURS = {"generator": "tab:orange", "discriminator": "tab:blue"}


def plot_curves(
    metrics: Sequence[Line], axes: Sequence[Axes] | None = None, model: Model | None = None
) -> Figure:
    """Plot the terms of the training over the epochs, those that belong together in one panel.

    From 30 epochs on, a pale line is what was measured, and a strong one its mean over a tenth of
    the run. Of many seeds, each curve is the mean, in a band of one standard deviation. Where the
    first epoch lies far from the others, an arrow gives its value.

    Args:
        metrics: one dictionary per epoch, as in the lines of `metrics.jsonl`.
        axes: one for each panel; by default those of a new figure.
        model: the trained model, whose levels of chance are drawn too.

    Raises:
        UserError: where no epoch is given, or not one pair of axes for each panel.

    >>> lines = [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0}]
    >>> plot_curves(lines).axes[0].lines[0].get_ydata().tolist()
    [3.0, 2.0]
    """
    if not metrics:
        raise UserError("there are no curves to plot: no epoch has ended.")
    panels = list(find_panels(metrics))
    axes = axes or new_panels(len(panels), 2, 4.8, 3.2)
    if len(axes) != len(panels):
        names = ", ".join(panel.title for panel in panels)
        raise UserError(f"there are {len(axes)} axes for {len(panels)} panels: {names}.")
    levels: Mapping[str, float] = (
        model.chance_levels() if isinstance(model, HasChanceLevels) else {}
    )
    best = find_best_epoch(metrics)
    for axis, panel in zip(axes, panels, strict=True):
        if panel.stacked:
            _plot_stack(axis, panel, metrics)
        else:
            _plot_terms(axis, panel, metrics, levels)
        _mark_epochs(axis, metrics, best)
        axis.set(title=panel.title, xlabel=_name_epochs(metrics), ylabel=panel.label)
        axis.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    return figure_of(axes[0])


def _name_term(term: str) -> str:
    name = term.removeprefix(HELD_OUT)
    for ending in ("_loss", "_gradient_norm"):
        name = name.removesuffix(ending)
    return f"{name}, held-out images" if is_held_out(term) else name


def _name_epochs(metrics: Sequence[Line]) -> str:
    """Return the name of the horizontal axis, with the number of images that an epoch shows."""
    last = metrics[-1]
    if not {"seconds", "images_per_second"} <= last.keys():
        return "epoch"
    runs = max((len(values) for values in last.get("seeds", {}).values()), default=1)
    return f"epoch ({round(last['seconds'] * last['images_per_second'] / runs):,} images each)"


def _read_term(term: str, metrics: Sequence[Line]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the epochs in which a term was measured, its values and their spread over seeds."""
    measured = [line for line in metrics if line.get(term) is not None]
    epochs = np.array([line["epoch"] for line in measured])
    values = np.array([line[term] for line in measured], float)
    spread = np.array([line.get("spread", {}).get(term) for line in measured], float)
    return epochs, values, spread


def smooth(values: np.ndarray) -> np.ndarray:
    """Average over a tenth of the run around each epoch; the ends stay as they are.

    >>> smooth(np.array([9.0, 0.0, 6.0] * 10))[[0, 1, 29]].tolist()
    [9.0, 5.0, 6.0]
    """
    last = len(values) - 1
    half = len(values) // _WINDOW // 2
    reach = [min(half, i, last - i) for i in range(len(values))]
    return np.array([values[i - r : i + r + 1].mean() for i, r in enumerate(reach)])


def _plot_terms(
    axis: Axes, panel: Panel, metrics: Sequence[Line], levels: Mapping[str, float]
) -> None:
    """Draw the curves of a panel and the levels to compare them with."""
    colours: dict[str, str] = {}
    for term in panel.terms:
        name = term.removeprefix(HELD_OUT)
        default = _COLOURS.get(_name_term(name), f"C{len(colours)}")
        colours.setdefault(name, default)
        _plot_term(axis, term, metrics, colours[name])
    shown = {levels[term]: colours[term] for term in panel.terms if term in levels}
    for level, colour in shown.items():
        colour = "0.3" if len(shown) == 1 else colour
        axis.axhline(level, color=colour, linestyle=":", label=f"chance: {_name_level(level)}")
    if panel.level:
        axis.axhline(panel.level[1], color="0.3", linestyle=":", label=panel.level[0])
    if panel.log:
        axis.set_yscale("log")
    else:
        _name_far_start(axis, panel, metrics)


def _plot_term(axis: Axes, term: str, metrics: Sequence[Line], colour: str) -> None:
    """Draw one curve, through the epochs in which the term was measured."""
    epochs, values, spread = _read_term(term, metrics)
    options: dict[str, Any] = {"color": colour, "linestyle": "--" if is_held_out(term) else "-"}
    if len(epochs) < _SMOOTHED:
        axis.plot(epochs, values, label=_name_term(term), marker="o", markersize=3, **options)
    else:
        axis.plot(epochs, values, alpha=0.3, linewidth=0.8, **options)
        axis.plot(epochs, smooth(values), label=_name_term(term), **options)
    axis.fill_between(epochs, values - spread, values + spread, alpha=0.2, color=colour)
    if term in SELECTS and len(epochs) > 1:
        best = int(np.argmin(values))
        axis.plot(
            epochs[best], values[best], "*", color=colour, markersize=12, markeredgecolor="black",
            label=f"lowest: {values[best]:.4g}, epoch {epochs[best]}",
        )  # fmt: skip


def _name_level(level: float) -> str:
    for name, value in {"log 2": np.log(2), "2 log 2": 2 * np.log(2)}.items():
        if np.isclose(level, value):
            return f"{name} = {level:.2f}"
    return f"{level + 0.0:g}"  # never -0


def _name_far_start(axis: Axes, panel: Panel, metrics: Sequence[Line]) -> None:
    """Fit the axis to the later epochs where the first lies far away, and write down its value."""
    read = [(term, *_read_term(term, metrics)[:2]) for term in panel.terms]
    later = np.concatenate([values[epochs > metrics[0]["epoch"]] for _, epochs, values in read])
    if len(metrics) < 4 or len(later) < 2:  # too few to look at without the first
        return
    low, high = later.min(), later.max()
    if (reach := high - low) <= 1e-6 * abs(high):
        return
    for term, epochs, values in read:
        first = values[0]
        if epochs[0] == metrics[0]["epoch"] and not -_FAR < (first - low) / reach < 1 + _FAR:
            axis.set_ylim(low - 0.08 * reach, high + 0.25 * reach)
            arrow = "↑" if first > high else "↓"
            text = f"{arrow} epoch {epochs[0]}: {first:.4g}"
            held_out = " (held-out images)" if is_held_out(term) else ""
            place = 0.96 - 0.09 * len(axis.texts)
            axis.text(0.02, place, text + held_out, transform=axis.transAxes, va="top", fontsize=8)


def _plot_stack(axis: Axes, panel: Panel, metrics: Sequence[Line]) -> None:
    """Draw terms as areas on each other, with their sum, and that of held-out images."""
    names = [term for term in panel.terms if not is_held_out(term)]
    epochs = _read_term(names[0], metrics)[0]
    base = np.zeros(len(epochs))
    for name, colour in zip(names, ("tab:blue", "tab:orange"), strict=True):
        top = base + _read_term(name, metrics)[1]
        axis.fill_between(epochs, base, top, alpha=0.5, color=colour, linewidth=0, label=name)
        base = top
    marker = "o" if len(epochs) < _SMOOTHED else None
    axis.plot(epochs, base, color="black", marker=marker, markersize=3, label="−ELBO")
    held_out = [_read_term(HELD_OUT + name, metrics)[:2] for name in names]
    if all(len(epochs) for epochs, _ in held_out):
        total = sum(values for _, values in held_out)
        axis.plot(held_out[0][0], total, "--", color="tab:red", label="−ELBO, held-out images")


def _mark_epochs(axis: Axes, metrics: Sequence[Line], best: tuple[str, int] | None) -> None:
    """Draw a line at the best epoch, and red ground under epochs with a warning."""
    if best and len(metrics) > 1:
        label = (
            None
            if any(line.get_marker() == "*" for line in axis.lines)
            else f"best: epoch {best[1]}"
        )
        axis.axvline(best[1], color="0.5", linestyle="-.", linewidth=0.8, zorder=0, label=label)
    warned = [line for line in metrics if line.get("warnings")]
    names = dict.fromkeys(n.split(": ")[-1] for line in warned for n in line["warnings"])
    for line in warned:
        label = f"warning: {', '.join(names)}" if line is warned[0] else None
        epoch = line["epoch"]
        axis.axvspan(epoch - 0.5, epoch + 0.5, color="tab:red", alpha=0.12, lw=0, label=label)


save_curves = make_saver(plot_curves)
