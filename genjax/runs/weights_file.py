"""A file of weights, ".npz": parameters with their model's specification and its classes' names.

A file may come from elsewhere: nothing in it is unpickled, and only the arrays that its model needs
are read, after their sizes are checked.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax.errors import CheckpointError, UserError
from genjax.model import Model, Params, from_json, to_json
from genjax.runs import checkpoints, npz
from genjax.runs.files import check_file, explain_write_errors, replace_file, to_jsonable

_SPECIFICATION = 2**20  # bytes, at most, of a model's specification, with the names of its classes
_LABEL_NAMES = "label names"  # their key beside the model's fields, none of which can be called so


def write_weights(path: Path, params: Params, **more: Any) -> None:
    """Write parameters, and arrays beside them. Raises `FileError` where they cannot be written."""
    arrays = checkpoints.name_as_float32(params)
    about = to_json(params.model) | {_LABEL_NAMES: params.label_names}
    text = json.dumps(to_jsonable(about, "model"), allow_nan=False)
    model = np.frombuffer(text.encode(), np.uint8)
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(
            path, lambda file: np.savez(file, allow_pickle=False, model=model, **arrays, **more)
        )


def read_weights(path: Path) -> Params:
    """Read parameters, of many seeds with a first axis [S].

    Raises:
        UserError: where there is no file, or its model is not known.
        CheckpointError: where it is damaged.
    """
    check_file(path)
    try:
        with zipfile.ZipFile(path) as file:
            model, label_names = _read_specification(file)
            shapes = jax.eval_shape(model.init, jax.random.key(0))
            shapes = shapes.replace(label_names=label_names)
            return checkpoints.fill_tree(*_read_arrays(file, shapes), path)
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist: give a run's folder or a file of weights."
        ) from None
    except UserError as error:
        if isinstance(error, CheckpointError):
            raise
        raise UserError(f"{path}: {error}") from None
    except Exception as error:  # numpy, zipfile and zlib have each their own errors
        raise CheckpointError(f"{path} is no whole file of weights: {error}") from None


def _read_specification(file: zipfile.ZipFile) -> tuple[Model, tuple[str, ...]]:
    """Return the model and the names of its classes, which a file of version 0.1 lacks.

    The model's number of layers must fit that of the arrays.
    """
    text = npz.read_array(file, "model", _SPECIFICATION).tobytes()
    specification = json.loads(text)
    label_names = tuple(map(str, specification.pop(_LABEL_NAMES, ())))
    model = from_json(specification)
    longest = max(len(v) for v in specification.values() if isinstance(v, list | str))
    if longest > len(file.namelist()) + 64:
        raise ValueError(f"its model has {longest} layers, and the file fewer arrays")
    return model, label_names


def _read_arrays(file: zipfile.ZipFile, shapes: Params) -> tuple[Params, dict[str, np.ndarray]]:
    """Return the shapes of the parameters, with an axis of seeds if the file has one, and its
    arrays."""
    names = set(file.namelist())
    first, like = next(iter(checkpoints.expected_arrays(shapes).items()))
    many: tuple[int, ...] = ()
    if f"{first}.npy" in names:
        shape = npz.read_shape(file, first)
        many = shape[: len(shape) - like.ndim]
    shapes = stack_shapes(shapes, many)
    return shapes, {
        name: npz.read_array(file, name, like.size * like.dtype.itemsize)
        for name, like in checkpoints.expected_arrays(shapes).items()
        if f"{name}.npy" in names
    }


def stack_shapes(target: Any, many: tuple[int, ...]) -> Any:
    """Return the shapes `target` with the first axis, (S,) or (), of many seeds."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(many + leaf.shape, leaf.dtype), target)
