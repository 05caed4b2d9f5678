"""The pictures of a comparison: what the contenders make, side by side, drawn with one key."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from genjax.data import Dataset
from genjax.errors import UserError
from genjax.latents import interpolate, reconstruct, sample
from genjax.model import CanDecode, CanReconstruct, Params, require
from genjax.plots.chart import Axes, Figure, figure_of, make_saver, new_panels
from genjax.plots.comparison.family_tree import grow_tree
from genjax.plots.comparison.ranking import Contender, list_metrics
from genjax.plots.comparison.tree_drawing import save_tree
from genjax.plots.examples import draw_examples
from genjax.plots.grids import Images, save_grid
from genjax.plots.image_charts import save_strip
from genjax.plots.step_chart import save_steps

_NUM_SAMPLES = 64
_NUM_COLUMNS = 12  # reconstructions, steps of an interpolation
_NUM_INTERPOLATIONS = 2  # of every contender
_CHARTED = (
    "frechet_classifier",
    "recall",
    "sharpness",
    "reconstruction_sharpness",
    "reconstruction_error",
    "jacobian_variation",
    "label_agreement",
    "training_seconds",
)


def draw_pictures(folder: Path, contenders: Sequence[Contender], test_set: Dataset) -> None:
    """Draw into `folder` what the contenders can show.

    The files are samples.png, data.png, samples-NAME.png, progression-NAME.png,
    reconstructions.png, interpolations.png, metrics.png, steps-NAME.png and tree.png.
    """
    save_tree(folder / "tree.png", grow_tree(contenders))
    real = draw_examples(test_set, _NUM_SAMPLES).images
    params = {c.name: c.params for c in contenders}
    key_samples, key_ends = jax.random.split(jax.random.key(0))
    save_grid(folder / "data.png", real)
    samples = {name: sample(one, key_samples, _NUM_SAMPLES) for name, one in params.items()}
    _save_rows(folder / "samples.png", {"data": real, **samples})
    for name, images in samples.items():
        save_grid(folder / f"samples-{name}.png", images)
    for contender in contenders:
        progression = contender.folders[0] / "figures" / "progression.png"
        if progression.exists():
            shutil.copyfile(progression, folder / f"progression-{contender.name}.png")
        if measured := contender.results[0].get("steps"):
            save_steps(folder / f"steps-{contender.name}.png", measured)
    originals = real[:_NUM_COLUMNS]
    if rows := _show(params, CanReconstruct, lambda one: reconstruct(one, originals / 255.0)):
        _save_rows(folder / "reconstructions.png", {"data": originals, **rows})
    if found := _show(params, CanDecode, lambda one: _interpolate(one, key_ends)):
        _save_interpolations(folder / "interpolations.png", found)
    if any(metric.name in _CHARTED for metric in list_metrics(contenders)):
        save_metrics(folder / "metrics.png", contenders)


def _show(
    params: Mapping[str, Params], capability: type, show: Callable[[Params], jax.Array]
) -> dict[str, np.ndarray]:
    """Return what the models with the capability show, by name; those that refuse are left out."""
    found = {}
    for name, one in params.items():
        if isinstance(one.model, capability):
            try:
                found[name] = np.asarray(show(one))
            except UserError as error:
                print(f"{name} is left out of a picture: {error}")
    return found


def _save_rows(path: Path, rows: Mapping[str, Images]) -> None:
    save_strip(path, list(rows.values()), list(rows), _NUM_COLUMNS)


def _interpolate(params: Params, key: jax.Array) -> jax.Array:
    z = require(params.model, CanDecode).sample_latents(params, key, 2 * _NUM_INTERPOLATIONS)
    start, end = jnp.split(z, 2)
    return interpolate(params, start, end, _NUM_COLUMNS)


def _save_interpolations(path: Path, found: Mapping[str, np.ndarray]) -> None:
    rows = [row for images in found.values() for row in images]
    names = [name if not i else "" for name in found for i in range(_NUM_INTERPOLATIONS)]
    shares = [f"{share:.1f}" for share in np.linspace(0, 1, _NUM_COLUMNS)]
    save_strip(path, rows, names, _NUM_COLUMNS, shares)


def plot_metrics(contenders: Sequence[Contender], axes: Sequence[Axes] | None = None) -> Figure:
    """Plot the main metrics, a panel each: a dot per seed, a dashed line at the best value."""
    metrics = [m for m in list_metrics(contenders) if m.name in _CHARTED]
    columns = min(4, len(metrics))
    axes = axes or new_panels(len(metrics), columns, 3.2, 0.9 + 0.27 * len(contenders))
    for place, (axis, metric) in enumerate(zip(axes, metrics, strict=True)):
        for row, contender in enumerate(contenders):
            values = contender.values(metric.name)
            axis.plot(values, [row] * len(values), "o", alpha=0.6)
        if metric.best is not None and np.isfinite(metric.best):
            axis.axvline(metric.best, color="0.6", linestyle="--", linewidth=1)
        names = [c.name for c in contenders] if place % columns == 0 else [""] * len(contenders)
        axis.set_yticks(range(len(contenders)), names, fontsize=8)
        axis.set_ylim(len(contenders) - 0.5, -0.5)
        axis.set_title(f"{metric.title} {metric.aim}", fontsize=10)
        axis.set_xlabel(metric.unit, fontsize=8)
        axis.tick_params(axis="x", labelsize=8)
        axis.locator_params(axis="x", nbins=5)
        axis.grid(alpha=0.3, axis="x")
    return figure_of(axes[0])


save_metrics = make_saver(plot_metrics)
