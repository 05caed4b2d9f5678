"""Images with names and axes: rows of images, sets side by side, the latent plane."""

from collections.abc import Sequence
from statistics import NormalDist

import jax
import numpy as np
from jaxtyping import Float, Shaped

from genjax.errors import UserError
from genjax.plots.chart import (
    Axes,
    Figure,
    check_names,
    figure_of,
    make_saver,
    new_axes,
    new_panels,
)
from genjax.plots.grids import Images, cell_centres, make_grid, to_uint8

_INCHES = 8  # the width of rows of images
_PLANE = 7  # the side of a latent plane


def plot_strip(
    rows: Sequence[Images],
    names: Sequence[str],
    num: int = 8,
    columns: Sequence[str] = (),
    faint: Sequence[bool] = (),
    axes: Axes | None = None,
) -> Figure:
    """Plot rows of images, each with its name beside it.

    Args:
        rows: the images of each row; a place without an image, or with one of NaN, is left white.
        names: one for each row.
        num: how many images of each row are shown.
        columns: names above the columns.
        faint: which rows are pale, and their names grey.
        axes: where to draw; by default the axes of a new figure.

    >>> plot_strip([np.zeros((3, 8, 8, 1))], ["black"], 3).axes[0].get_yticklabels()[0].get_text()
    'black'
    """
    check_names(rows, names, "rows")
    faint = faint or [False] * len(rows)
    cells = [_prepare_row(row, num, pale) for row, pale in zip(rows, faint, strict=True)]
    canvas = make_grid(np.concatenate(cells), num)
    height, width = canvas.shape[:2]
    axes = axes or new_axes(_INCHES, max(1.0, _INCHES * height / width))
    axes.imshow(canvas, interpolation="nearest")
    axes.set_yticks(cell_centres(height, len(rows)), names)
    axes.set_xticks(cell_centres(width, num)[: len(columns)], columns)
    axes.tick_params(length=0, labelsize=9, top=False, labeltop=True, labelbottom=False)
    axes.set_frame_on(False)
    for label, pale in zip(axes.get_yticklabels(), faint, strict=True):
        label.set_color("0.6" if pale else "black")
    return figure_of(axes)


def _prepare_row(images: Images, num: int, pale: bool) -> np.ndarray:
    """Return `num` places, uint8 [num, H, W, C], with the images in the first of them."""
    shown = to_uint8(np.asarray(images)[:num])
    if pale:
        shown = (153 + 0.4 * shown).round().astype(np.uint8)
    missing = [(0, num - len(shown)), (0, 0), (0, 0), (0, 0)]
    return np.pad(shown, missing, constant_values=255)


def plot_reconstructions(
    images: Images, made: Images, columns: int = 8, axes: Axes | None = None
) -> Figure:
    """Plot images (`genjax.reconstruct`), and below each its reconstruction.

    >>> axes = plot_reconstructions(np.zeros((3, 8, 8, 1)), np.ones((3, 8, 8, 1)), 2).axes[0]
    >>> [label.get_text() for label in axes.get_yticklabels()]
    ['image', 'decoded', 'image', 'decoded']
    """
    if len(images) != len(made):
        raise UserError(f"there are {len(images)} images and {len(made)} reconstructions.")
    starts = range(0, len(images), columns)
    rows = [part[start : start + columns] for start in starts for part in (images, made)]
    return plot_strip(rows, ["image", "decoded"] * len(starts), columns, axes=axes)


def plot_interpolations(
    images: Shaped[jax.Array | np.ndarray, "n num h w c"], axes: Axes | None = None
) -> Figure:
    """Plot interpolations between latents (`genjax.interpolate`), one in each row.

    Above the columns stands how far each one lies between the two ends, from 0 to 1.
    """
    num = images.shape[1]
    columns = [f"{share:.2f}" for share in np.linspace(0, 1, num)]
    figure = plot_strip(list(images), [""] * len(images), num, columns, axes=axes)
    (axes or figure.axes[0]).set_title("share of the way from the first latent to the second")
    return figure


def plot_manifold(
    images: Shaped[jax.Array | np.ndarray, "num num h w c"], axes: Axes | None = None
) -> Figure:
    """Plot `genjax.manifold`: the images decoded from a grid over the plane of two latents.

    Along both axes, the cells lie at equally spaced quantiles of N(0, 1).

    >>> plot_manifold(np.zeros((3, 3, 8, 8, 1))).axes[0].get_xticklabels()[0].get_text()
    '-0.97'
    """
    num = len(images)
    canvas = make_grid(np.asarray(images).reshape(-1, *images.shape[2:]), num)
    height, width = canvas.shape[:2]
    axes = axes or new_axes(_PLANE, _PLANE * height / width)
    axes.imshow(canvas, interpolation="nearest")
    shown = np.arange(0, num, max(1, num // 7))
    texts = [f"{NormalDist().inv_cdf((i + 0.5) / num):.2f}" for i in shown]
    axes.set_xticks(cell_centres(width, num)[shown], texts)
    axes.set_yticks(cell_centres(height, num)[num - 1 - shown], texts)
    axes.set(xlabel="z[0]", ylabel="z[1]")
    return figure_of(axes)


def plot_panels(
    panels: Sequence[Images],
    names: Sequence[str],
    columns: int,
    axes: Sequence[Axes] | None = None,
) -> Figure:
    """Plot sets of images side by side, each as a grid of `columns` columns below its name.

    >>> figure = plot_panels([np.zeros((4, 8, 8, 1))] * 2, ["one", "two"], columns=2)
    >>> [axes.get_title() for axes in figure.axes]
    ['one', 'two']
    """
    check_names(panels, names, "sets of images")
    canvases = [make_grid(images, columns) for images in panels]
    height, width = canvases[0].shape[:2]
    axes = axes or new_panels(len(panels), len(panels), 5, 5 * height / width)
    for axis, canvas, name in zip(axes, canvases, names, strict=True):
        axis.imshow(canvas, interpolation="nearest")
        axis.set_title(name)
        axis.axis("off")
    return figure_of(axes[0])


def plot_by_density(
    images: Images,
    weights: Float[jax.Array | np.ndarray, " n"],
    num: int = 64,
    axes: Sequence[Axes] | None = None,
) -> Figure:
    """Plot the `num` most common images, and the `num` rarest beside them.

    An image is rarer the larger its weight is (`genjax.resampling_weights`).
    """
    order = np.argsort(np.asarray(weights), kind="stable")
    shown, columns = np.asarray(images), int(np.ceil(np.sqrt(num)))
    names = ("the most common: homogeneous", "the rarest: diverse")
    return plot_panels([shown[order[:num]], shown[order[::-1][:num]]], names, columns, axes)


save_strip = make_saver(plot_strip)
save_reconstructions = make_saver(plot_reconstructions)
save_interpolations = make_saver(plot_interpolations)
save_manifold = make_saver(plot_manifold)
save_panels = make_saver(plot_panels)
save_by_density = make_saver(plot_by_density)
