"""The pictures of a report: what the contenders of a comparison make, side by side.

Of every contender the first run's weights are shown, the best of a game's; all draw with one key.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import genjax
from genjax import plots
from genjax.data import Dataset
from genjax.metrics.catalogue import METRICS
from genjax.model import CanDecode, CanReconstruct, Params, require
from genjax.plots.chart import figure_of, new_panels, save_figure
from genjax.plots.comparison.ranking import Contender
from genjax.recipes import trained

_SHOWN = 64  # samples
_IN_A_ROW = 12  # reconstructions, steps of a way
_WAYS = 2  # of every contender
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


def draw(folder: Path, contenders: Sequence[Contender], test_set: Dataset) -> None:
    """Draws into `folder`: samples.png, data.png, samples-NAME.png, progression-NAME.png,
    reconstructions.png, ways.png, figures.png; of each what the contenders have."""
    real = test_set.images[:_SHOWN] / np.float32(255)
    plots.save_grid(folder / "data.png", real)
    params = {c.name: trained.load_best(c.folders[0]) for c in contenders}
    key_samples, key_ways = jax.random.split(jax.random.key(0))
    samples = {n: genjax.sample(one, key_samples, _SHOWN) for n, one in params.items()}
    _strip(folder / "samples.png", {"data": real, **samples})
    for name, images in samples.items():
        plots.save_grid(folder / f"samples-{name}.png", images)
    for c in contenders:
        progression = c.folders[0] / "figures" / "progression.png"
        if progression.exists():
            shutil.copyfile(progression, folder / f"progression-{c.name}.png")
    originals = real[:_IN_A_ROW]
    if rows := _rows(params, CanReconstruct, lambda one: genjax.reconstruct(one, originals)):
        _strip(folder / "reconstructions.png", {"data": originals, **rows})
    if rows := _rows(params, CanDecode, lambda one: _ways(one, key_ways)):
        every = [way for ways in rows.values() for way in ways]
        names = [name if not n else "" for name in rows for n in range(_WAYS)]
        plots.save_strip(folder / "ways.png", every, names, _IN_A_ROW)
    chart(folder / "figures.png", contenders)


def _strip(path: Path, rows: Mapping[str, jax.Array | np.ndarray]) -> None:
    plots.save_strip(path, [*rows.values()], [*rows], _IN_A_ROW)


def _rows(
    params: Mapping[str, Params], capability: type, show: Callable[[Params], jax.Array]
) -> dict[str, np.ndarray]:
    """Return what the models with the capability show, by name."""
    return {
        name: np.asarray(show(one))
        for name, one in params.items()
        if isinstance(one.model, capability)
    }


def _ways(params: Params, key: jax.Array) -> jax.Array:
    z = require(params.model, CanDecode).sample_latents(params, key, 2 * _WAYS)
    start, end = jnp.split(z, 2)
    return genjax.interpolate(params, start, end, _IN_A_ROW)


def chart(path: Path, contenders: Sequence[Contender]) -> None:
    """A panel for each of some figures: a dot for every seed, a dashed line at the best value."""
    known = [
        f
        for f in METRICS.values()
        if f.name in _CHARTED and any(c.values(f.name) for c in contenders)
    ]
    columns = min(4, len(known))
    axes = new_panels(len(known), columns, 3.2, 0.9 + 0.27 * len(contenders))
    for axis, figure in zip(axes, known, strict=True):
        for place, one in enumerate(contenders):
            values = one.values(figure.name)
            axis.plot(values, [place] * len(values), "o", alpha=0.6)
        if figure.best is not None and np.isfinite(figure.best):
            axis.axvline(figure.best, color="0.6", linestyle="--", linewidth=1)
        axis.set_yticks(range(len(contenders)), [c.name for c in contenders], fontsize=8)
        axis.set_ylim(len(contenders) - 0.5, -0.5)
        axis.set_title(f"{figure.title} {figure.aim}", fontsize=10)
        axis.tick_params(axis="x", labelsize=8)
        axis.locator_params(axis="x", nbins=5)
        axis.grid(alpha=0.3, axis="x")
    for place, axis in enumerate(axes):
        if place % columns:
            axis.set_yticklabels([])
    save_figure(path, figure_of(axes[0]))
