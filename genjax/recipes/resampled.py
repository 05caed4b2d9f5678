"""Record how a debiasing VAE resamples its data: what it saw, and what it would choose."""

import warnings
from pathlib import Path

import jax
import numpy as np

import genjax
from genjax.data import Dataset
from genjax.data.made.biased import GROUP
from genjax.errors import CheckpointError
from genjax.metrics.groups import group_shares
from genjax.model import Params, Resamples, require
from genjax.model.compiling import jit
from genjax.runs.npz import load_array, save_array

_SUBSET = 0.1  # share of the training images in a balanced subset


def save_probabilities(out: Path, progress: float, params: Params, train_set: Dataset) -> None:
    """Save the sampling probabilities of the coming epoch, float32 [N], in the run's folder.

    Does nothing for a model that does not resample. `progress` is the share of the training that
    is done.
    """
    if progress == 1 or not isinstance(params.model, Resamples):
        return
    p = _probabilities(params, train_set.images, train_set.labels, progress)
    save_array(out / "resampling" / f"{round(progress * 10**6):06d}.npz", np.asarray(p))


@jit
def _probabilities(
    params: Params, images: jax.Array, labels: jax.Array, progress: float
) -> jax.Array:
    return require(params.model, Resamples).probabilities(params, images, labels, progress)


def weighting_options(params: Params) -> dict:
    """Return the options with which `genjax.resampling_weights` weighs images as the model does.

    For a model that does not resample, the form is "max".
    """
    model = params.model
    assert isinstance(model, genjax.DebiasingVAE)
    form = "max" if model.resampling == "none" else model.resampling
    return {"form": form, "alpha": model.alpha, "bins": model.bins}


def measure_group_shares(
    out: Path, params: Params, train_set: Dataset, key: jax.Array
) -> dict[str, float]:
    """Measure the share of every group in the data, in what the model saw, and in a balanced
    subset.

    The largest group is the common one; `..._rare` is the share of all others. Returns {} where
    groups are not known or the model does not resample.
    """
    groups = train_set.attributes.get(GROUP)
    if groups is None or not isinstance(params.model, Resamples):
        return {}
    num = round(_SUBSET * len(train_set))
    subset = genjax.balanced_subset(params, train_set, num, key, **weighting_options(params))
    saved = [
        p
        for path in sorted((out / "resampling").glob("*.np[yz]"))
        if (p := _load(path)) is not None
    ]
    chosen = np.bincount(subset.attributes[GROUP], minlength=groups.max() + 1)
    found = {
        "data": np.bincount(groups) / len(groups),
        **({"seen": group_shares(np.mean(saved, axis=0), groups)} if saved else {}),
        "subset": chosen / num,
    }
    common = int(np.argmax(found["data"]))
    each = {f"{k}_group_{g}": float(s) for k, part in found.items() for g, s in enumerate(part)}
    return each | {f"{k}_rare": float(1 - part[common]) for k, part in found.items()}


def _load(path: Path) -> np.ndarray | None:
    """Load the probabilities of an epoch; None, with a warning, where the file is damaged."""
    try:
        return load_array(path)
    except CheckpointError:
        warnings.warn(f"{path} is damaged: the groups seen leave out its epoch.", stacklevel=2)
        return None
