"""Weights: those in a file (`genjax.runs.weights_file`), the newest of a run, and its best."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from genjax.distributed import seeds
from genjax.errors import CheckpointError, UserError
from genjax.model import Params, Weights, get_model
from genjax.nn.precision import single_precision
from genjax.runs import checkpoints, hub_files, run_folder
from genjax.runs.files import resolve_path
from genjax.runs.keys import Purpose, derive_key
from genjax.runs.tensor_file import SUFFIX
from genjax.runs.weights_file import (
    read_weights,
    stack_shapes,
    write_safetensors,
    write_weights,
)


def average_params(params: Params, ema: Weights, key: Key[Array, "*seeds"]) -> Params:
    """Return the parameters to sample and measure with: the moving average where one is kept.

    `key` is that of the run or, of many seeds, those of all. `Model.recompute_stats` may take a few
    thousand passes of a generator.
    """
    if key.ndim:
        return jax.vmap(average_params)(params, ema, key)
    params = params.replace(weights=params.weights | ema)
    return params.model.recompute_stats(params, derive_key(key, Purpose.SETTLE))


def save_params(path: str | Path, params: Params) -> None:
    """Write parameters to a file, with the model's specification.

    Args:
        path: a file that ends in ".safetensors" has that format, which other programs and the Hub
            read too; any other is an ".npz" file of numpy.
        params: of a registered model.

    Raises:
        FileError: where it cannot be written.
        UserError: where the model is not registered, or holds what JSON cannot.
    """
    get_model(params)
    file = resolve_path(path)
    (write_safetensors if file.suffix == SUFFIX else write_weights)(file, params)


def load_params(path: str | Path) -> Params:
    """Load what `save_params` wrote, or the newest parameters of a run's folder.

    For a run of many seeds every array has a first axis [S].

    Args:
        path: a file, a folder, or "hf://owner/name", which is downloaded from the Hugging Face Hub
            (the extra `hub`).

    Raises:
        UserError: where there is neither.
        CheckpointError: where it is damaged.
    """
    path = hub_files.download_weights(path) if hub_files.is_address(path) else resolve_path(path)
    with single_precision():
        return _load_run(path) if path.is_dir() else read_weights(path)


def _load_run(folder: Path) -> Params:
    model = run_folder.read_model(folder)
    found = checkpoints.read_newest(folder)
    if found is None:
        raise CheckpointError(f"{folder} holds no finished checkpoint yet.")
    where, arrays = found
    params = jax.eval_shape(model.init, jax.random.key(0)).replace(
        label_names=run_folder.read_label_names(folder)
    )
    is_kept = any(name.startswith("ema.") for name in arrays)
    ema = {name: params.weights[name] for name in model.ema_networks} if is_kept else {}
    target = {"params": params, "ema": ema, "key": jax.eval_shape(jax.random.key, 0)}
    first = next(iter(checkpoints.name_shapes(target)))
    state = checkpoints.fill_tree(
        stack_shapes(target, _find_seeds(target, arrays, first)), arrays, where
    )
    return average_params(**state)


def _find_seeds(target: Any, arrays: dict[str, np.ndarray], name: str) -> tuple[int, ...]:
    """Return (S,) where the array of that name has a first axis of seeds, else ()."""
    like = checkpoints.name_shapes(target)[name]
    shape = arrays[name].shape if name in arrays else like.shape
    return shape[: len(shape) - len(like.shape)]


@dataclass(frozen=True)
class Best:
    """The epoch of a run's best weights so far, and their distance to the data; of each seed."""

    epoch: Int[np.ndarray, "*seeds"]
    distance: Float[np.ndarray, "*seeds"]


def read_best(folder: Path) -> Best | None:
    """Read epoch and distance from the run's file of the best weights; None where there is none.

    A file of version 0.1 does not hold them: then they come from the metrics.

    Raises:
        CheckpointError: where the file is damaged.
    """
    path = folder / run_folder.BEST
    if not path.exists():
        return None
    try:
        load_params(path)
        with np.load(path, allow_pickle=False) as file:
            if "best_epoch" in file:
                return Best(file["best_epoch"], file["best_distance"])
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path} is no whole file of weights: {error}") from None
    return _read_best_from_metrics(folder)


def find_best_epoch(folder: Path) -> Int[np.ndarray, "*seeds"]:
    """Return the epoch of the run's best weights, of each seed.

    Raises:
        UserError: where the run has none.
    """
    best = read_best(folder)
    if best is None:
        raise UserError(f"{folder} holds no {run_folder.BEST}.")
    return best.epoch


def _read_best_from_metrics(folder: Path) -> Best | None:
    try:
        epoch = run_folder.find_nearest_epoch(folder)
    except ValueError:
        return None
    lines = {line["epoch"]: line for line in run_folder.read_metrics(folder)}
    if not epoch.ndim:
        return Best(epoch, np.asarray(lines[int(epoch)]["distance"], np.float64))
    each = [lines[one]["seeds"]["distance"][i] for i, one in enumerate(epoch.tolist())]
    return Best(epoch, np.asarray(each, np.float64))


def save_best(
    folder: Path,
    params: Params,
    epoch: int,
    distance: Float[np.ndarray, "*seeds"],
    best: Best | None,
) -> Best:
    """Keep the parameters of `epoch` where their `distance` is the least so far.

    Of many seeds, each keeps its own best. Returns what the file says afterwards.
    """
    distance = np.asarray(np.nan_to_num(distance, nan=np.inf))
    if best is None:
        best = Best(np.full(distance.shape, epoch), distance)
    else:
        is_better = (distance < best.distance) | (best.epoch == epoch)
        if not np.any(is_better):
            return best
        best = Best(
            np.where(is_better, epoch, best.epoch), np.where(is_better, distance, best.distance)
        )
        if not np.all(is_better):
            params = _merge_seeds(is_better, params, load_params(folder / run_folder.BEST))
    write_weights(
        folder / run_folder.BEST, params, best_epoch=best.epoch, best_distance=best.distance
    )
    return best


def _merge_seeds(chosen: Bool[np.ndarray, " seeds"], new: Params, old: Params) -> Params:
    """Return the parameters of `new` for the seeds that are `chosen`, of `old` for the others."""
    return jax.tree.map(
        lambda one, other: jnp.where(chosen.reshape(-1, *[1] * (one.ndim - 1)), one, other),
        new,
        old.replace(label_names=new.label_names),
    )


def digest_params(params: Params) -> str:
    """Return the sha256 over the names, shapes and numbers of all arrays."""
    sha256 = hashlib.sha256()
    for name, array in sorted(checkpoints.name_as_float32(params).items()):
        sha256.update(f"{name} {array.dtype} {array.shape}".encode())
        sha256.update(np.ascontiguousarray(array).data)
    return sha256.hexdigest()


def find_weights(path: Path) -> Path:
    """Return where the best weights lie: best.npz of a run that has one, else `path` itself."""
    best = path / run_folder.BEST
    return best if best.exists() else path


def load_best(path: str | Path) -> Params:
    """Load the best weights of a run, or a file of weights; of many seeds, those of the first.

    Raises:
        UserError: where they are damaged or not there yet.
    """
    if not hub_files.is_address(path):
        path = find_weights(resolve_path(path))
    return seeds.unstack_seeds(load_params(path))[0]
