"""The pictures of a run: samples, curves, progression, and what else its model can show."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from genjax.data import Dataset
from genjax.distributed.seeds import unstack_seeds
from genjax.errors import CheckpointError, UserError
from genjax.latents import decode, encode, interpolate, manifold, reconstruct, sample
from genjax.model import (
    CanDecode,
    CanReconstruct,
    Params,
    count_classes,
    require,
    takes_labels,
)
from genjax.plots.charts import save_latent_scatter
from genjax.plots.curves import save_curves
from genjax.plots.examples import draw_examples
from genjax.plots.grids import save_gif, save_grid
from genjax.plots.image_charts import (
    save_interpolations,
    save_manifold,
    save_reconstructions,
    save_strip,
)
from genjax.runs import run_folder
from genjax.runs.npz import load_array
from genjax.runs.weights import load_best

_NUM = 64  # images in a grid
_NUM_PER_SEED = 16  # samples of each of many seeds
_NUM_RECONSTRUCTED = 32
_NUM_STAGES = 8  # rows of the progression
_NUM_INTERPOLATIONS, _NUM_STEPS = 8, 10
_NUM_LATENTS = 8  # rows that show every class
_MOST_NAMED = 10  # classes whose names fit above their columns


def draw_run(run: Path, params: Params, test_set: Dataset, key: jax.Array) -> None:
    """Draw every picture that the model allows into the folder `figures` of a run.

    Args:
        run: the folder of the run.
        params: those of the last epoch; of many seeds all but the samples are drawn with the first.
        test_set: the data set that real images are taken from.
        key: the one of the samples in the progression.
    """
    figures, seeds = run / "figures", unstack_seeds(params)
    params, real = seeds[0], draw_examples(test_set, _NUM).images
    draw_samples(figures, seeds, key)
    if (run / run_folder.BEST).exists():
        best = load_best(run / run_folder.BEST)
        save_grid(figures / "samples-best.png", sample(best, key, _NUM))
    save_grid(figures / "real.png", real)
    if metrics := run_folder.read_metrics(run):
        save_curves(figures / "curves.png", metrics, model=params.model)
    draw_progression(run, real)
    if isinstance(params.model, CanDecode):
        with _warn_of_refusal("interpolation.png"):
            draw_interpolations(figures, params, key)
    if count_classes(params.model):
        draw_classes(figures, params, key, test_set.label_names)
    if isinstance(params.model, CanReconstruct):
        with _warn_of_refusal("reconstructions.png"):
            draw_reconstructions(figures, params, test_set)


@contextlib.contextmanager
def _warn_of_refusal(figure: str) -> Iterator[None]:
    """Leave out a figure that the model refuses, as one that cannot decode without labels."""
    try:
        yield
    except UserError as error:
        warnings.warn(f"{figure} is left out: {error}", stacklevel=3)


def draw_samples(figures: Path, seeds: list[Params], key: jax.Array) -> None:
    """Draw samples.png with the first seed, and samples-seeds.png: a row for each of many seeds."""
    save_grid(figures / "samples.png", sample(seeds[0], key, _NUM))
    if len(seeds) > 1:
        rows = [sample(params, key, _NUM_PER_SEED) for params in seeds]
        save_grid(figures / "samples-seeds.png", np.concatenate(rows), _NUM_PER_SEED)


def read_progression(run: Path) -> dict[int, np.ndarray]:
    """Read the samples of the same latents that a run kept, uint8 [N, H, W, C], by epoch.

    A file that cannot be read is left out, with a warning.
    """
    frames: dict[int, np.ndarray] = {}
    for path in sorted((run / "progress").glob("*.np[yz]")):
        try:
            frames[int(path.stem)] = load_array(path)
        except CheckpointError as error:
            warnings.warn(f"{error} It is not drawn.", stacklevel=3)
    return frames


def draw_progression(run: Path, real: jax.Array) -> None:
    """Draw progression.gif and progression.png: samples of the same latents, epoch by epoch."""
    frames = read_progression(run)
    if not frames:
        return
    epochs = list(frames)
    save_gif(run / "figures" / "progression.gif", list(frames.values()), real)
    chosen = np.unique(np.linspace(0, len(epochs) - 1, _NUM_STAGES).round().astype(int))
    shown = [epochs[i] for i in chosen]
    names = [f"epoch {epoch}" for epoch in shown]
    rows = [*(frames[epoch] for epoch in shown), np.asarray(real)]
    save_strip(run / "figures" / "progression.png", rows, [*names, "data"])


def draw_interpolations(figures: Path, params: Params, key: jax.Array) -> None:
    """Draw interpolation.png: spherical interpolations between draws from the prior."""
    model = require(params.model, CanDecode)
    z = model.sample_latents(params, jax.random.fold_in(key, 1), 2 * _NUM_INTERPOLATIONS)
    start, end = jnp.split(z, 2)
    images = interpolate(params, start, end, num=_NUM_STEPS)
    save_interpolations(figures / "interpolation.png", images)


def draw_classes(
    figures: Path, params: Params, key: jax.Array, label_names: Sequence[str] = ()
) -> None:
    """Draw classes.png: every column a class, every row the same latents."""
    num = count_classes(params.model)
    labels = jnp.tile(jnp.arange(num), _NUM_LATENTS)
    model = require(params.model, CanDecode)
    z = model.sample_latents(params, jax.random.fold_in(key, 2), _NUM_LATENTS)
    images = decode(params, jnp.repeat(z, num, axis=0), labels)
    rows = np.split(np.asarray(images), _NUM_LATENTS)
    names = label_names[:num] if num <= _MOST_NAMED else ()
    save_strip(figures / "classes.png", rows, [""] * len(rows), num, names)


def draw_reconstructions(figures: Path, params: Params, test_set: Dataset) -> None:
    """Draw reconstructions.png; of two latents also manifold.png and latents.png."""
    model, shown = (
        require(params.model, CanReconstruct),
        draw_examples(test_set, _NUM_RECONSTRUCTED),
    )
    labels = shown.labels if takes_labels(model.encode) or takes_labels(model.decode) else None
    made = reconstruct(params, shown.images, labels)
    save_reconstructions(figures / "reconstructions.png", shown.images, made)
    if model.latent_dim == 2:
        save_manifold(figures / "manifold.png", manifold(params, 20))
        z = encode(params, test_set.images, test_set.labels if takes_labels(model.encode) else None)
        save_latent_scatter(figures / "latents.png", z, test_set.labels, test_set.label_names)
