"""Draw a run while it trains."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

import genjax
from genjax import plots
from genjax.data import Dataset
from genjax.distributed.seeds import unstack_seeds
from genjax.model import CanReconstruct, Params
from genjax.plots.run_figures import draw_reconstructions, draw_samples
from genjax.recipes import resampled
from genjax.runs import run_folder
from genjax.runs.npz import save_array
from genjax.training.callbacks import Callback

_FRAMES = 20  # about so many pictures show the progress of training
_SHOWN = 64  # images in a picture
_MOST_TIME = 0.03  # share of the time of training that drawing may take


class DrawWhileTraining(Callback):
    """Save and draw between two epochs what the model of the first seed makes.

    Samples of the same latents are saved about 20 times, for the progression, and the probabilities
    of a model that resamples its data after every epoch. Samples, curves and reconstructions are
    drawn after the first two epochs, and then as often as drawing takes at most 3% of the time.

    Args:
        out: the run's folder.
        epochs: the number of epochs of the run.
        train_set: the images that the model is trained on.
        test_set: the images that are reconstructed.
        key: the one of the samples.
    """

    def __init__(
        self, out: Path, epochs: int, train_set: Dataset, test_set: Dataset, key: jax.Array
    ):
        self._out, self._epochs, self._key = out, epochs, key
        self._train_set, self._test_set = train_set, test_set
        self._drawn = 0
        self._seconds = 0.0  # that the latest drawing took
        self._ended = time.monotonic()  # the latest drawing

    def on_start(self, epoch: int, params: Params, metrics: Sequence[Mapping[str, Any]]) -> None:
        if epoch == 0:
            self._save(0, unstack_seeds(params)[0])

    def on_epoch(self, epoch: int, params: Params, metrics: Mapping[str, Any]) -> None:
        seeds = unstack_seeds(params)
        self._save(epoch, seeds[0])
        is_cheap = self._seconds <= _MOST_TIME * (time.monotonic() - self._ended)
        if epoch < self._epochs and is_cheap:
            began = time.monotonic()
            self._draw(seeds)
            self._drawn, self._ended = self._drawn + 1, time.monotonic()
            # The first drawing also compiles, and says nothing about the time of the next.
            self._seconds = self._ended - began if self._drawn > 1 else 0.0

    def _save(self, epoch: int, params: Params) -> None:
        if epoch % max(1, self._epochs // _FRAMES) == 0 or epoch == self._epochs:
            frame = plots.to_uint8(genjax.sample(params, self._key, _SHOWN))
            save_array(self._out / "progress" / f"{epoch:06d}.npz", frame)
        resampled.save_probabilities(self._out, epoch / self._epochs, params, self._train_set)

    def _draw(self, seeds: list[Params]) -> None:
        figures = self._out / "figures"
        draw_samples(figures, seeds, self._key)
        plots.save_curves(
            figures / "curves.png", run_folder.read_metrics(self._out), model=seeds[0].model
        )
        if isinstance(seeds[0].model, CanReconstruct):
            draw_reconstructions(figures, seeds[0], self._test_set)
