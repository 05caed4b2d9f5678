"""Pictures: grids, reconstructions, progressions, loss curves, latent spaces.

Grids of images are written pixel by pixel with pillow; charts are drawn by matplotlib, which is
imported when the first one is drawn. Images are [N, H, W, C] in [0, 1].
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

_GAP = 2  # pixels of white between images
_LONG_SIDE = 1_000  # small grids are enlarged towards this many pixels, by whole numbers


def to_uint8(images: ArrayLike) -> np.ndarray:
    """[0, 1] -> 0..255, rounded; what lies outside is clipped."""
    return np.rint(np.clip(np.asarray(images, np.float32), 0.0, 1.0) * 255.0).astype(np.uint8)


def to_rgb(images: ArrayLike) -> np.ndarray:
    """Images [N, H, W, C] -> uint8 [N, H, W, 3].

    One channel is shown grey, three as red, green, blue; of any other number the first is shown.
    """
    pixels = to_uint8(images)
    channels = pixels.shape[-1]
    return np.broadcast_to(pixels[..., : 3 if channels == 3 else 1], (*pixels.shape[:-1], 3))


def grid(images: ArrayLike, columns: int | None = None) -> np.ndarray:
    """Images [N, H, W, C] -> one uint8 [height, width, 3], row by row, as square as it can be."""
    pixels = to_rgb(images)
    count, height, width, _ = pixels.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    canvas = np.full(
        (rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), 255, np.uint8
    )
    for index, image in enumerate(pixels):
        row, column = divmod(index, columns)
        top, left = _GAP + row * (height + _GAP), _GAP + column * (width + _GAP)
        canvas[top : top + height, left : left + width] = image
    return canvas


def enlarged(canvas: np.ndarray, times: int | None = None) -> Any:
    """uint8 [height, width, 3] as pillow's image, every pixel a square of that many a side."""
    from PIL import Image

    times = times or max(1, round(_LONG_SIDE / max(canvas.shape[:2])))
    return Image.fromarray(canvas.repeat(times, axis=0).repeat(times, axis=1))


def save_grid(path: Path, images: ArrayLike, columns: int | None = None) -> None:
    """Writes `grid` as a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    enlarged(grid(images, columns)).save(path)


def side_by_side(images: np.ndarray, others: np.ndarray, pairs_a_row: int = 8) -> np.ndarray:
    """Two sets [N, H, W, C] as one: rows of the first, each with its row of the second below.

    To be shown in `pairs_a_row` columns; a last row that is not full is filled up with white.
    """
    missing = -len(images) % pairs_a_row
    first, second = (
        np.pad(part, [(0, missing), (0, 0), (0, 0), (0, 0)], constant_values=1.0)
        for part in (images, others)
    )
    rows = [
        part[start : start + pairs_a_row]
        for start in range(0, len(first), pairs_a_row)
        for part in (first, second)
    ]
    return np.concatenate(rows)


def save_gif(
    path: Path, frames: Sequence[ArrayLike], beside: ArrayLike, seconds: float = 6.0
) -> None:
    """Frames, each [N, H, W, C], as grids of an endless GIF; the last one stays a while.

    To the right of every frame stands the grid of the images `beside`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    right = grid(beside)
    rows = [np.hstack(_equally_high(grid(frame), right)) for frame in frames]
    times = max(1, _LONG_SIDE // 2 // rows[0].shape[0])
    pictures = [enlarged(row, times) for row in rows]
    duration = [max(40, int(1000 * seconds / len(frames)))] * (len(frames) - 1) + [1500]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=duration, loop=0)


def _equally_high(left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    """Two canvases, the lower one filled up with white, and white between them."""
    height = max(len(left), len(right))
    gap = np.full((height, 4 * _GAP, 3), 255, np.uint8)
    left, right = (
        np.pad(c, [(0, height - len(c)), (0, 0), (0, 0)], constant_values=255)
        for c in (left, right)
    )
    return [left, gap, right]


def save_strip(
    path: Path,
    rows: Sequence[ArrayLike],
    names: Sequence[str],
    num: int = 8,
    columns: Sequence[str] = (),
    faint: Sequence[bool] = (),
) -> None:
    """The first `num` images of each row [N, H, W, C], with its name written beside it.

    `columns` are names for the columns, written above; where `faint` is true, the row is pale and
    its name grey. An image of nan is left white, as are the places of a shorter row.
    """
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    faint = faint or [False] * len(rows)
    images = np.ones((len(rows), num, *np.shape(rows[0])[1:]), np.float32)
    for place, row, dim in zip(images, rows, faint, strict=True):
        shown = np.nan_to_num(np.asarray(row, np.float32)[:num], nan=1.0)
        place[: len(shown)] = 0.6 + 0.4 * shown if dim else shown
    canvas = grid(images.reshape(-1, *images.shape[2:]), num)
    height, width = canvas.shape[:2]
    figure, axis = plt.subplots(figsize=(8, 8 * height / width))
    axis.imshow(canvas, interpolation="nearest")
    step_down, step_across = (height - _GAP) / len(rows), (width - _GAP) / num
    axis.set_yticks(_GAP / 2 + step_down * (np.arange(len(rows)) + 0.5), names)
    axis.set_xticks(_GAP / 2 + step_across * (np.arange(len(columns)) + 0.5), columns)
    axis.tick_params(length=0, labelsize=9, top=False, labeltop=True, labelbottom=False)
    axis.set_frame_on(False)
    for label, dim in zip(axis.get_yticklabels(), faint, strict=True):
        label.set_color("0.6" if dim else "black")
    finish(figure, path)


def save_panels(
    path: Path, panels: Sequence[ArrayLike], names: Sequence[str], columns: int
) -> None:
    """Several sets of images [N, H, W, C] side by side, each a grid with its name above it."""
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    canvases = [grid(images, columns) for images in panels]
    height, width = canvases[0].shape[:2]
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(5 * len(panels), 5 * height / width),
        squeeze=False,
        layout="constrained",
    )
    for axis, canvas, name in zip(axes[0], canvases, names, strict=True):
        axis.imshow(canvas, interpolation="nearest")
        axis.set_title(name)
        axis.axis("off")
    finish(figure, path)


def save_by_density(path: Path, images: ArrayLike, weights: ArrayLike, num: int = 64) -> None:
    """Of images [N, H, W, C] the `num` commonest, and the `num` rarest beside them.

    The rarer, the larger its weight [N] (`genjax.resampling_weights`).
    """
    order = np.argsort(np.asarray(weights), kind="stable")
    shown, columns = np.asarray(images), int(np.ceil(np.sqrt(num)))
    names = ("the commonest: homogeneous", "the rarest: diverse")
    save_panels(path, [shown[order[:num]], shown[order[::-1][:num]]], names, columns)


def save_curves(path: Path, metrics: Sequence[dict[str, Any]]) -> None:
    """Every term of the lines of `metrics.jsonl` over the epochs, a panel each; of many seeds the
    mean, in a band of one standard deviation.

    Of longer runs the first epoch is left out: next to it, the others would look like a flat line.
    """
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    if not metrics:
        return
    metrics = metrics[1:] if len(metrics) > 5 else metrics
    known = dict.fromkeys(name for line in metrics for name in line)
    no_terms = ("epoch", "seconds", "images_per_second", "warnings", "spread", "seeds")
    names = [name for name in known if name not in no_terms]
    rows, columns = -(-len(names) // 4), min(4, len(names))
    figure, axes = plt.subplots(
        rows, columns, figsize=(4 * columns, 3 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    for axis, name in zip(axes.flat, names, strict=False):
        measured = [line for line in metrics if name in line]
        epochs = [line["epoch"] for line in measured]
        means = np.array([line[name] for line in measured], float)
        spread = np.array([line.get("spread", {}).get(name) for line in measured], float)
        axis.fill_between(epochs, means - spread, means + spread, alpha=0.3)
        axis.plot(
            epochs,
            means,
            marker="o" if len(measured) < 30 else None,
            markersize=3,
        )
        axis.set(title=name, xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    finish(figure, path)


def save_latent_scatter(
    path: Path,
    z: ArrayLike,
    labels: ArrayLike,
    label_names: Sequence[str] = (),
    axis_names: tuple[str, str] = ("$z_1$", "$z_2$"),
) -> None:
    """Latents [N, 2], or others projected on a plane, as dots coloured by their labels [N].

    Axes without names have no numbers either.
    """
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    points, classes = np.asarray(z), np.asarray(labels)
    figure, axis = plt.subplots(figsize=(7, 6), layout="constrained")
    colours = plt.get_cmap("tab10" if len(label_names) <= 10 else "tab20")
    for number in np.unique(classes):
        chosen = points[classes == number]
        axis.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=3,
            color=colours(number % colours.N),
            label=label_names[number] if label_names else None,
            alpha=0.6,
        )
        if label_names:  # in the middle of its dots, so that nobody has to match colours
            text = axis.annotate(label_names[number], np.median(chosen, axis=0), ha="center")
            text.set_bbox({"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1})
    if label_names:
        axis.legend(markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    axis.set(xlabel=axis_names[0], ylabel=axis_names[1], aspect="equal")
    if not any(axis_names):
        axis.set(xticks=[], yticks=[])
    finish(figure, path)


def save_latent_use(path: Path, use: Any) -> None:
    """A bar for every latent of `genjax.latent_use`, in order; inactive ones are grey."""
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    order = np.asarray(use.order)
    active, amounts = np.asarray(use.active)[order], np.asarray(use.amount)[order]
    figure, axis = plt.subplots(figsize=(max(4, min(14, 0.28 * len(order))), 3))
    bars = axis.bar(np.arange(len(order)), amounts, color="tab:blue", label="active")
    for bar in (bar for bar, is_active in zip(bars, active, strict=True) if not is_active):
        bar.set_color("0.7")
    axis.set_xticks(np.arange(len(order)), order, rotation=90, fontsize=7)
    for label, is_active in zip(axis.get_xticklabels(), active, strict=True):
        label.set_color("black" if is_active else "0.7")
    axis.set(xlabel="latent", ylabel=use.measure, title=f"{active.sum()} of {len(order)} active")
    axis.margins(x=0.01)
    axis.grid(alpha=0.3, axis="y")
    finish(figure, path)


def finish(figure: Any, path: Path) -> None:
    """Writes a chart of matplotlib as a PNG, and forgets it."""
    import matplotlib.pyplot as plt

    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)
