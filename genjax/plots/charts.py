"""Charts of numbers: training curves, latents on a plane, how each latent is used."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Integer

from genjax.errors import UserError
from genjax.latents import LatentUse
from genjax.plots.chart import Axes, Figure, figure_of, make_saver, new_axes, new_panels

_NO_TERMS = ("epoch", "seconds", "images_per_second", "warnings", "spread", "seeds")
_HELD_OUT = "validation_"  # begins the names of terms that are measured on held-out images
_LONG = 5  # epochs, beyond which the first is left out
_DOTTED = 30  # epochs, below which each is marked by a dot


@dataclass(frozen=True)
class Panel:
    """Terms of the training that share one pair of axes, and what to write on them."""

    title: str
    terms: tuple[str, ...]
    label: str = ""


PANELS = (
    Panel("losses of generator and discriminator", ("generator_loss", "discriminator_loss")),
    Panel("discriminator on data and on samples", ("D(x)", "D(G(z))"), "mean output"),
    Panel("distortion and rate", ("distortion", "rate"), "nats per image"),
    Panel("Fréchet distance of samples", ("distance",), "in random features"),
)


def plot_curves(metrics: Sequence[Mapping[str, Any]], axes: Sequence[Axes] | None = None) -> Figure:
    """Plot every term of the training over the epochs.

    Of many seeds, each curve is the mean, in a band of one standard deviation. In runs of more than
    5 epochs the first epoch is left out, since the others would look flat beside it.

    Args:
        metrics: one dictionary per epoch, as in the lines of `metrics.jsonl`.
        axes: one for each panel; by default those of a new figure.

    Raises:
        UserError: where no epoch is given.

    >>> lines = [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0}]
    >>> plot_curves(lines).axes[0].lines[0].get_ydata().tolist()
    [3.0, 2.0]
    """
    if not metrics:
        raise UserError("there are no curves to plot: no epoch has ended.")
    shown = metrics[1:] if len(metrics) > _LONG else metrics
    panels = list(_find_panels(shown))
    axes = axes or new_panels(len(panels), 4, 4, 3)
    for axis, panel in zip(axes, panels, strict=True):
        for term in panel.terms:
            _plot_term(axis, term, shown)
        since = f"epoch (from {shown[0]['epoch']} on)" if len(metrics) > _LONG else "epoch"
        axis.set(title=panel.title, xlabel=since, ylabel=panel.label)
        axis.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
        axis.grid(alpha=0.3)
        if len(panel.terms) > 1:
            axis.legend(fontsize=8)
    return figure_of(axes[0])


def _find_panels(metrics: Sequence[Mapping[str, Any]]) -> Iterator[Panel]:
    """Group the terms of the metrics into panels; a term of no group has a panel of its own.

    A term of held-out images shares the panel of the same term in training.
    """
    terms = dict.fromkeys(name for line in metrics for name in line if name not in _NO_TERMS)
    panel_of = {term: panel for panel in PANELS for term in panel.terms}
    trained = dict.fromkeys(term.removeprefix(_HELD_OUT) for term in terms)
    for panel in dict.fromkeys(panel_of.get(term, Panel(term, (term,))) for term in trained):
        both = [name for term in panel.terms for name in (term, _HELD_OUT + term)]
        yield Panel(panel.title, tuple(name for name in both if name in terms), panel.label)


def _plot_term(axis: Axes, term: str, metrics: Sequence[Mapping[str, Any]]) -> None:
    """Draw one curve, through the epochs in which the term was measured."""
    measured = [line for line in metrics if term in line]
    epochs = np.array([line["epoch"] for line in measured])
    means = np.array([line[term] for line in measured], float)
    spread = np.array([line.get("spread", {}).get(term, np.nan) for line in measured], float)
    marker = "o" if len(measured) < _DOTTED else None
    held_out = term.startswith(_HELD_OUT)
    label = f"{term.removeprefix(_HELD_OUT)}, held-out images" if held_out else term
    style = "--" if held_out else "-"
    (line,) = axis.plot(epochs, means, style, label=label, marker=marker, markersize=3)
    axis.fill_between(epochs, means - spread, means + spread, alpha=0.3, color=line.get_color())


def plot_latent_scatter(
    z: Float[jax.Array | np.ndarray, "n 2"],
    labels: Integer[jax.Array | np.ndarray, " n"],
    label_names: Sequence[str] = (),
    axis_names: tuple[str, str] = ("z[0]", "z[1]"),
    axes: Axes | None = None,
) -> Figure:
    """Plot points on a plane, coloured by their labels.

    Args:
        z: two latents, or a projection of more on a plane.
        labels: the class of each point.
        label_names: the name of each class; without them the plot has no legend.
        axis_names: empty where the axes mean nothing: then they have no numbers either.
        axes: where to draw; by default the axes of a new figure.

    >>> plot_latent_scatter(np.zeros((3, 2)), np.arange(3), ["a", "b", "c"]).axes[0].get_xlabel()
    'z[0]'
    """
    points, classes = np.asarray(z), np.asarray(labels)
    if points.shape != (len(classes), 2):
        raise UserError(f"points are [N, 2] with N labels, not {points.shape} and {len(classes)}.")
    if label_names and not set(np.unique(classes)) <= set(range(len(label_names))):
        raise UserError(
            f"labels are from {classes.min()} to {classes.max()}, but {len(label_names)} classes"
            " have names."
        )
    axes = axes or new_axes(7, 6)
    from matplotlib import colormaps

    colours = colormaps["tab10" if len(label_names) <= 10 else "tab20"]
    for label in np.unique(classes):
        chosen = points[classes == label]
        name = label_names[label] if label_names else None
        colour = colours(label % colours.N)
        axes.scatter(chosen[:, 0], chosen[:, 1], s=3, color=colour, label=name, alpha=0.6)
        if name:  # in the middle of its points, so that nobody has to match colours
            text = axes.annotate(name, np.median(chosen, axis=0), ha="center")
            text.set_bbox({"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1})
    if label_names:
        axes.legend(markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1], aspect="equal")
    if not any(axis_names):
        axes.set(xticks=[], yticks=[])
    return figure_of(axes)


def plot_latent_use(use: LatentUse, axes: Axes | None = None) -> Figure:
    """Plot a bar for every latent of `genjax.latent_use`, the one that carries most first.

    Bars of inactive latents are grey.

    >>> use = LatentUse(jnp.ones(2), jnp.array([True, False]), jnp.zeros(2), jnp.ones(2), "rate")
    >>> plot_latent_use(use).axes[0].get_title()
    '1 of 2 latents are active'
    """
    order = np.asarray(use.order)
    active, amounts = np.asarray(use.active)[order], np.asarray(use.amount)[order]
    axes = axes or new_axes(max(4, min(14, 0.28 * len(order))), 3)
    colours = np.where(active, "tab:blue", "0.7").tolist()
    axes.bar(np.arange(len(order)), amounts, color=colours)
    axes.set_xticks(np.arange(len(order)), [f"z[{d}]" for d in order], rotation=90, fontsize=7)
    for text, is_active in zip(axes.get_xticklabels(), active, strict=True):
        text.set_color("black" if is_active else "0.7")
    title = f"{active.sum()} of {len(order)} latents are active"
    axes.set(xlabel="latent", ylabel=use.measure, title=title)
    axes.margins(x=0.01)
    axes.grid(alpha=0.3, axis="y")
    return figure_of(axes)


save_curves = make_saver(plot_curves)
save_latent_scatter = make_saver(plot_latent_scatter)
save_latent_use = make_saver(plot_latent_use)
