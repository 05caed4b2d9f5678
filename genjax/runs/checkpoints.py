"""Checkpoints that can be trusted: any pytree of arrays, saved and restored by names.

They are Orbax checkpoints, one folder an epoch, written under a temporary name and renamed when
whole. `checksums.json`, with the SHA-256 of every file, is written last: a folder without it was
never finished, and one that does not agree with it is damaged and is not used.
"""

import contextlib
import errno
import logging
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.distributed import devices, hosts
from genjax.errors import CheckpointError, FileError, UserError
from genjax.runs.files import explain_write_errors, hash_file, read_json, seal, write_json

SECONDS_BETWEEN = 15.0  # of training, from one checkpoint to the next
_KEPT = 2
_OVERHEAD = 2**18  # bytes of a checkpoint, beside its arrays
_CHECKSUMS = "checksums.json"


def name_arrays(tree: Any) -> dict[str, np.ndarray]:
    """Return every leaf by its path, such as "params.weights.encoder.Conv_0.kernel".

    Keys become numbers. Where leaves are split over hosts, all of them have to call this.
    """
    arrays = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if _is_key(leaf):
            leaf = jax.random.key_data(leaf)
        arrays[_name(path)] = np.asarray(devices.gather(leaf))
    return arrays


def name_as_float32(params: Any) -> dict[str, np.ndarray]:
    """Return the arrays of `params` by name, those of double precision as float32."""
    return {
        name: array.astype(np.float32) if array.dtype == np.float64 else array
        for name, array in name_arrays(params).items()
    }


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def name_shapes(target: Any) -> dict[str, jax.ShapeDtypeStruct]:
    """Return the shape and type, by name, of what `name_arrays` gives for such a tree."""
    return {
        _name(path): jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(target)
    }


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def fill_tree(target: Any, arrays: dict[str, np.ndarray], where: Path | str) -> Any:
    """Replace the leaves of `target`, arrays or their shapes, by the `arrays` of their names.

    `where` says in an error where the arrays are from.

    Raises:
        CheckpointError: where one is missing or has another shape.
    """
    expected = name_shapes(target)

    def fill(path: Any, leaf: Any) -> jax.Array:
        name = _name(path)
        array, like = arrays.get(name), expected[name]
        if array is None or array.shape != like.shape or array.dtype != like.dtype:
            raise CheckpointError(
                f"{where} does not fit the model: {name} should be {like.dtype}"
                f"{list(like.shape)}, and is "
                + ("missing." if array is None else f"{array.dtype}{list(array.shape)}.")
            )
        # a copy on the device: training donates its state, and must never give away numpy's memory
        value = jnp.array(array, copy=True)
        return jax.random.wrap_key_data(value) if _is_key(leaf) else value

    return jax.tree_util.tree_map_with_path(fill, target)


def _list_finished(folder: Path) -> list[Path]:
    """Return the finished checkpoints of a run, newest first."""
    finished = (folder / "checkpoints").glob(f"*/{_CHECKSUMS}")
    numbered = [path.parent for path in finished if path.parent.name.isdecimal()]
    return sorted(numbered, key=lambda path: -int(path.name))


def find_newest(folder: Path) -> Path | None:
    """Return the newest finished checkpoint of the run in `folder`."""
    return next(iter(_list_finished(folder)), None)


def find_whole(folder: Path) -> Path | None:
    """Return the newest checkpoint of the run whose files all fit their checksums."""
    for path in _list_finished(folder):
        with contextlib.suppress(CheckpointError):
            _check_files(path)
            return path
    return None


def save(folder: Path, tree: Any) -> None:
    """Add the checkpoint of `tree`, named by its leaf "epoch", to the run in `folder`.

    The two newest are kept. Of many hosts all call this, and host 0 writes.

    Raises:
        FileError: where it cannot be written.
    """
    arrays = name_arrays(tree)
    if hosts.is_first():
        _write(folder, arrays)


@contextlib.contextmanager
def _make_checkpointer() -> Iterator[Any]:
    """Give a checkpointer of this process alone, which waits for no other host.

    Orbax's threads log the tracebacks of errors that it raises too: those are left out.
    """
    import orbax.checkpoint as ocp

    me = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=me, active_processes={me})
    handler = ocp.StandardCheckpointHandler(multiprocessing_options=alone)
    logger = logging.getLogger("absl")
    usual = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with ocp.Checkpointer(handler, multiprocessing_options=alone) as checkpointer:
            yield checkpointer
    finally:
        logger.setLevel(usual)


def _write(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    import orbax.checkpoint as ocp

    path = folder / "checkpoints" / str(arrays["epoch"].max())
    with explain_write_errors(path):
        _check_room(folder, sum(array.nbytes for array in arrays.values()))
        try:
            with _make_checkpointer() as checkpointer:
                checkpointer.save(path, args=ocp.args.StandardSave(arrays), force=True)
        except OSError:
            raise
        except Exception as error:  # tensorstore has errors of its own
            reason = _take_first_line(error)
            raise FileError(f"the checkpoint {path} cannot be written: {reason}") from error
        sums = {name: hash_file(path / name) for name in _list_files(path)}
        write_json(path / _CHECKSUMS, seal(sums))
    for old in _list_finished(folder)[_KEPT:]:
        (old / _CHECKSUMS).unlink()  # first: from here on it is unfinished, and ignored
        shutil.rmtree(old, ignore_errors=True)


def _check_room(folder: Path, size: int) -> None:
    """Raise the system's error for a full disk: Orbax leaves threads behind that end in others."""
    if shutil.disk_usage(folder).free < size + _OVERHEAD:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _list_files(path: Path) -> list[str]:
    """Return the files of a checkpoint, without hidden ones and the checksums themselves."""
    files = (file.relative_to(path) for file in path.rglob("*") if file.is_file())
    return sorted(
        file.as_posix() for file in files if file.name[0] != "." and file.name != _CHECKSUMS
    )


def _take_first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of one checkpoint. Raises `CheckpointError`, naming the damaged file."""
    _check_files(path)
    try:
        with _make_checkpointer() as checkpointer:
            restored = checkpointer.restore(path)
        return {name: np.asarray(array) for name, array in restored.items()}
    except Exception as error:  # orbax and tensorstore have errors of their own
        reason = _take_first_line(error)
        raise CheckpointError(f"the checkpoint {path} cannot be read: {reason}") from None


def _check_files(path: Path) -> None:
    """Raise `CheckpointError` unless the files of a checkpoint are those of its checksums."""
    try:
        sums = read_json(path / _CHECKSUMS)
    except UserError as error:
        raise CheckpointError(f"{path / _CHECKSUMS} is damaged: {error}") from None
    found = _list_files(path)
    for name in sorted(sums.keys() | set(found)):
        if name not in found:
            raise CheckpointError(f"the checkpoint's file {path / name} is missing.")
        try:
            whole = hash_file(path / name) == sums.get(name)
        except OSError as error:
            raise CheckpointError(f"{path / name} cannot be read: {error.strerror}.") from None
        if not whole:
            raise CheckpointError(f"the checkpoint's file {path / name} is damaged.")
    if not sums:
        raise CheckpointError(f"{path / _CHECKSUMS} is damaged: it names no file.")


def read_newest(folder: Path) -> tuple[Path, dict[str, np.ndarray]] | None:
    """Return the newest whole checkpoint and its arrays; None where the run has none.

    A warning names what was passed over.

    Raises:
        CheckpointError: if there are checkpoints and all are damaged.
    """
    errors: list[str] = []
    for path in _list_finished(folder):
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
            " train again, with overwrite=True."
        )
    return None


def restore(folder: Path, fresh: Any) -> Any:
    """Return the newest whole checkpoint of the run in `folder`, or `fresh` where it has none.

    Of many hosts all call this, host 0 reads, and all get what it has.
    """
    arrays = name_arrays(fresh)
    found = hosts.share_arrays(lambda: _read_and_clean(folder) or arrays)
    return fill_tree(fresh, found, folder / "checkpoints")


def _read_and_clean(folder: Path) -> dict[str, np.ndarray] | None:
    """Return the arrays of the newest whole checkpoint, and remove all that is not whole."""
    found = read_newest(folder)
    whole = _list_finished(folder)
    if found:  # what is newer than the one found is damaged, and will be written again
        whole = whole[whole.index(found[0]) :]
    for path in (folder / "checkpoints").glob("[0-9]*"):
        ours = path.name.isdecimal() or ".orbax-checkpoint-tmp" in path.name
        if ours and path not in whole:  # or a process died while it wrote this one
            shutil.rmtree(path, ignore_errors=True)
    return found[1] if found else None
