"""Draw the figures of a trained run into its folder `figures`."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import genjax
from genjax import plots
from genjax.data import Dataset
from genjax.model import CanDecode, CanReconstruct, Params, is_class_conditional
from genjax.runs import run_folder
from genjax.training import seeds

_SHOWN = 64  # images in a grid
_SHOWN_OF_EACH = 16  # samples of each of several seeds


def draw_run(out: Path, params: Params, test_set: Dataset, key: jax.Array) -> None:
    """Draw every picture that the model's parts allow into the folder of the run `out`.

    Of several seeds the first is drawn, and samples of each.
    """
    figures = out / "figures"
    model: Any = params.model
    params, *others = seeds.unstack_seeds(params)
    real = test_set.images[:_SHOWN] / 255.0
    plots.save_grid(figures / "samples.png", genjax.sample(params, key, _SHOWN))
    if others:
        rows = [genjax.sample(one, key, _SHOWN_OF_EACH) for one in (params, *others)]
        plots.save_grid(figures / "samples-seeds.png", np.concatenate(rows), _SHOWN_OF_EACH)
    if (out / run_folder.BEST).exists():
        best = seeds.unstack_seeds(genjax.load(out / run_folder.BEST))[0]
        plots.save_grid(figures / "samples-best.png", genjax.sample(best, key, _SHOWN))
    plots.save_grid(figures / "real.png", real)
    plots.save_curves(figures / "curves.png", run_folder.read_metrics(out))
    paths = sorted((out / "progress").glob("*.npy"))
    frames = [np.load(path) / 255.0 for path in paths]
    plots.save_gif(figures / "progression.gif", frames, real)
    chosen = np.unique(np.linspace(0, len(frames) - 1, 8).round().astype(int))
    plots.save_strip(
        figures / "progression.png",
        [*(frames[i] for i in chosen), real],
        [*(f"epoch {int(paths[i].stem)}" for i in chosen), "data"],
    )
    if isinstance(model, CanDecode):
        start, end = jnp.split(model.sample_latents(params, jax.random.fold_in(key, 1), 16), 2)
        ways = genjax.interpolate(params, start, end, num=10)
        plots.save_grid(figures / "interpolation.png", ways.reshape(-1, *model.image_shape), 10)
    if is_class_conditional(model):  # a row shows the same noise as every class
        asked = np.tile(np.arange(model.num_classes), 8)
        z = jnp.repeat(
            model.sample_latents(params, jax.random.fold_in(key, 2), 8), model.num_classes, axis=0
        )
        condition_latents = genjax.decode(params, model.condition_latents(z, asked))
        plots.save_grid(figures / "classes.png", condition_latents, model.num_classes)
    if isinstance(model, CanReconstruct):
        originals = np.asarray(real[:32])
        pairs = plots.side_by_side(originals, np.asarray(genjax.reconstruct(params, originals)))
        plots.save_grid(figures / "reconstructions.png", pairs, columns=8)
    if isinstance(model, CanReconstruct) and model.latent_dim == 2:
        plane = genjax.manifold(params, 20)
        plots.save_grid(figures / "manifold.png", plane.reshape(-1, *model.image_shape), 20)
        z = genjax.encode(params, test_set.images / 255.0)
        plots.save_latent_scatter(figures / "latents.png", z, test_set.labels, test_set.label_names)
