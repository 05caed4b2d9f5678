"""Checkpoints that can be trusted, and single files of weights.

A run's checkpoints are Orbax checkpoints, one folder an epoch, written under a temporary name and
renamed when whole. Into each goes, last, `checksums.json` with the SHA-256 of every file: a folder
without it was never finished, and one that does not agree with it is damaged and is not used.

`save_params` writes the parameters alone to one `.npz` file, with the model's specification in it.
"""

import hashlib
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.distributed import devices, hosts
from genjax.errors import UserError
from genjax.model import Model, Params, from_json, to_json
from genjax.runs import run_folder
from genjax.runs.files import replace_file, write_json
from genjax.training import seeds
from genjax.training.state import TrainState

SECONDS_BETWEEN = 15.0  # of training, from one checkpoint to the next
_KEPT = 2
_CHECKSUMS = "checksums.json"


class CheckpointError(UserError):
    """No whole checkpoint, or a file of weights that is damaged."""


def name_arrays(tree: Any) -> dict[str, np.ndarray]:
    """Every leaf by its path, such as "params.weights.encoder.Conv_0.kernel"; keys as numbers.

    Where leaves are split over hosts, all of them have to call this.
    """
    arrays = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        arrays[name] = np.asarray(devices.gather(leaf))
    return arrays


def fill_tree(target: Any, arrays: dict[str, np.ndarray], where: Path) -> Any:
    """`target` with its leaves (arrays or their shapes) replaced by those of `arrays`.

    Raises `CheckpointError` where one is missing or has another shape.
    """

    def fill(path: Any, leaf: Any) -> jax.Array:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        expected = jax.eval_shape(jax.random.key_data, leaf) if is_key else leaf
        array = arrays.get(name)
        if array is None or array.shape != expected.shape or array.dtype != expected.dtype:
            raise CheckpointError(
                f"{where} does not fit the model: {name} should be {expected.dtype}"
                f"{list(expected.shape)}, and is "
                + ("missing." if array is None else f"{array.dtype}{list(array.shape)}.")
            )
        # a copy on the device: training donates its state, and must never give away numpy's memory
        value = jnp.array(array, copy=True)
        return jax.random.wrap_key_data(value) if is_key else value

    return jax.tree_util.tree_map_with_path(fill, target)


def _checkpoints(folder: Path) -> list[Path]:
    """The finished checkpoints of a run, newest first."""
    finished = (folder / "checkpoints").glob(f"*/{_CHECKSUMS}")
    numbered = [path.parent for path in finished if path.parent.name.isdigit()]
    return sorted(numbered, key=lambda path: -int(path.name))


def find_newest(folder: Path) -> Path | None:
    """The newest finished checkpoint of the run in `folder`."""
    return next(iter(_checkpoints(folder)), None)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save(folder: Path, state: TrainState) -> None:
    """Adds the checkpoint of `state` to the run in `folder`; the two newest are kept.

    Of many hosts all call this, and host 0 writes.
    """
    arrays = name_arrays(state)
    if hosts.is_first():
        _write(folder, arrays)


def _checkpointer() -> Any:
    """Orbax's, of this process alone: it waits for no other host."""
    import orbax.checkpoint as ocp

    me = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=me, active_processes={me})
    handler = ocp.StandardCheckpointHandler(multiprocessing_options=alone)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _write(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    import orbax.checkpoint as ocp

    path = folder / "checkpoints" / str(arrays["epoch"].max())
    with _checkpointer() as checkpointer:
        checkpointer.save(path, args=ocp.args.StandardSave(arrays), force=True)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    sums = {file.relative_to(path).as_posix(): _sha256(file) for file in files}
    write_json(path / _CHECKSUMS, sums)
    for old in _checkpoints(folder)[_KEPT:]:
        (old / _CHECKSUMS).unlink()  # first: from here on it is unfinished, and ignored
        shutil.rmtree(old, ignore_errors=True)


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of one checkpoint. Raises `CheckpointError` naming the damaged file."""
    try:
        sums = json.loads((path / _CHECKSUMS).read_text())
    except ValueError:
        raise CheckpointError(f"{path / _CHECKSUMS} is damaged.") from None
    for name, expected in sums.items():
        file = path / name
        if not file.is_file():
            raise CheckpointError(f"the checkpoint's file {file} is missing.")
        if _sha256(file) != expected:
            raise CheckpointError(f"the checkpoint's file {file} is damaged: wrong checksum.")
    with _checkpointer() as checkpointer:
        restored = checkpointer.restore(path)
    return {name: np.asarray(array) for name, array in restored.items()}


def _newest_arrays(folder: Path) -> tuple[Path, dict[str, np.ndarray]] | None:
    """The newest whole checkpoint; a warning names what was passed over; None without any.

    Raises `CheckpointError` if there are checkpoints and all are damaged.
    """
    errors: list[str] = []
    for path in _checkpoints(folder):
        try:
            arrays = _read(path)
        except CheckpointError as error:
            errors.append(str(error))
            continue
        for text in errors:
            warnings.warn(f"{text} Using the checkpoint before it, {path}.", stacklevel=3)
        return path, arrays
    if errors:
        raise CheckpointError(
            " ".join(errors) + f" No whole checkpoint is left in {folder / 'checkpoints'}:"
            " train again (--overwrite)."
        )
    return None


def restore(folder: Path, fresh: TrainState) -> TrainState:
    """The newest whole checkpoint of the run in `folder`, or `fresh` where there is none.

    Of many hosts all call this, host 0 reads, and all get what it has.
    """
    return fill_tree(fresh, *hosts.run_on_first(lambda: _newest_or(name_arrays(fresh), folder)))


def _newest_or(fresh: dict[str, np.ndarray], folder: Path) -> tuple[dict[str, np.ndarray], Path]:
    """The arrays of the newest whole checkpoint, or `fresh`; all that is not whole is removed."""
    found = _newest_arrays(folder)
    whole = _checkpoints(folder)
    if found:  # what is newer than the one found is damaged, and will be written again
        whole = whole[whole.index(found[0]) :]
    for path in (folder / "checkpoints").glob("[0-9]*"):
        ours = path.name.isdigit() or ".orbax-checkpoint-tmp" in path.name
        if ours and path not in whole:  # or a process died while it wrote this one
            shutil.rmtree(path, ignore_errors=True)
    return (fresh, folder) if found is None else (found[1], found[0])


def save_params(path: str | Path, params: Params) -> None:
    """Writes `params` to the file `path` (".npz"), specification included."""
    path = Path(path)
    arrays = name_arrays(params)
    model = np.frombuffer(json.dumps(to_json(params.model)).encode(), np.uint8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda file: np.savez(file, allow_pickle=False, model=model, **arrays))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}") from None


def save_best(folder: Path, params: Params, is_best: np.ndarray) -> None:
    """Puts `params` into the run's file of the best weights: of many seeds, those that `is_best`,
    [S], says, beside those that are best of the others."""
    if not np.any(is_best):
        return
    if not np.all(is_best):
        chosen = jnp.asarray(is_best)
        params = jax.tree.map(
            lambda new, old: jnp.where(chosen.reshape(-1, *[1] * (new.ndim - 1)), new, old),
            params,
            load_params(folder / run_folder.BEST),
        )
    save_params(folder / run_folder.BEST, params)


def load_params(path: str | Path) -> Params:
    """What `save_params` wrote, or the newest parameters of a run's folder.

    Of many seeds, those of all: every array has a first axis [S].

    Raises `UserError` where there is neither, `CheckpointError` where it is damaged.
    """
    path = Path(path).absolute()
    if path.is_dir():
        model = run_folder.read_model(path)
        found = _newest_arrays(path)
        if found is None:
            raise CheckpointError(f"{path} holds no finished checkpoint yet.")
        return seeds.average_params(_state(model, *found))
    model, arrays = _read_npz(path)
    return fill_tree(_like(jax.eval_shape(model.init, jax.random.key(0)), arrays), arrays, path)


def _state(model: Model, where: Path, arrays: dict[str, np.ndarray]) -> TrainState:
    """The training state in a checkpoint's arrays, without that of the optimizers."""
    params = jax.eval_shape(model.init, jax.random.key(0))
    is_kept = any(name.startswith("ema.") for name in arrays)
    ema = {name: params.weights[name] for name in model.ema_networks} if is_kept else {}
    key, epoch = jax.eval_shape(lambda: (jax.random.key(0), jnp.int32(0)))
    return fill_tree(_like(TrainState(params, {}, ema, key, epoch), arrays), arrays, where)


def _like(target: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The shapes `target` with the first axis that the first of `arrays` has of many seeds."""
    path, leaf = jax.tree_util.tree_leaves_with_path(target)[0]
    first = arrays.get(jax.tree_util.keystr(path, simple=True, separator="."), leaf)
    many = first.shape[: first.ndim - leaf.ndim] if first.ndim > leaf.ndim else ()
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(many + leaf.shape, leaf.dtype), target)


def _read_npz(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        spec = json.loads(arrays.pop("model").tobytes())
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist: give a run's folder or a file of weights."
        ) from None
    except Exception as error:  # numpy, zipfile and zlib have each their own errors
        raise CheckpointError(f"{path} is no whole file of weights: {error}") from None
    return from_json(spec), arrays
