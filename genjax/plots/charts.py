"""Charts of latents: points on a plane, and how much each carries; scores."""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float, Integer

from genjax.errors import UserError
from genjax.latents import LatentUse
from genjax.plots.chart import Axes, Figure, figure_of, make_saver, new_axes


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
    if classes.ndim != 1 or (classes.size and classes.dtype.kind not in "iu"):
        raise UserError(f"labels are {classes.dtype}{list(classes.shape)}, not whole numbers [N].")
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


def plot_scores(
    real: Float[jax.Array | np.ndarray, " n"],
    samples: Float[jax.Array | np.ndarray, " m"],
    axes: Axes | None = None,
) -> Figure:
    """Plot how a discriminator's scores (`genjax.score`) of real images and of samples spread.

    The less the two histograms overlap, the better it tells them apart.

    >>> plot_scores(np.ones(5), np.zeros(9)).axes[0].get_legend().texts[0].get_text()
    'real images, mean 1.00'
    """
    axes = axes or new_axes(8, 3)
    both = {"real images": np.asarray(real), "samples": np.asarray(samples)}
    edges = np.histogram_bin_edges(np.concatenate(list(both.values())), bins=40)
    for (name, scores), colour in zip(both.items(), ("tab:blue", "tab:orange"), strict=True):
        label = f"{name}, mean {scores.mean():.2f}"
        weights = np.full(len(scores), 100 / len(scores))
        axes.hist(scores, edges.tolist(), weights=weights, color=colour, alpha=0.6, label=label)
    axes.set(xlabel="score of the discriminator", ylabel="% of the images")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure_of(axes)


save_latent_scatter = make_saver(plot_latent_scatter)
save_latent_use = make_saver(plot_latent_use)
save_scores = make_saver(plot_scores)
