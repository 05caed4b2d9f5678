"""A file of weights: parameters with their model's specification and its classes' names.

There are two formats, ".npz" and ".safetensors" (`genjax.runs.tensor_file`). A file may come from
elsewhere: nothing in it is unpickled, and only the arrays that its model needs are read, after
their sizes are checked.
"""

import contextlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from genjax.errors import CheckpointError, UserError
from genjax.model import Model, Params, from_json, to_json
from genjax.runs import checkpoints
from genjax.runs.files import check_file, explain_write_errors, replace_file, to_jsonable
from genjax.runs.npz import NpzFile
from genjax.runs.tensor_file import SUFFIX, TensorFile, read_tensors, write_tensors

_SPECIFICATION = 2**20  # bytes, at most, of a model's specification, with the names of its classes
_MODEL = "model"  # the name of the specification in a file
_LABEL_NAMES = "label names"  # their key beside the model's fields, none of which can be called so


def write_weights(path: Path, params: Params, **more: Any) -> None:
    """Write parameters as an ".npz" file, with the arrays `more` beside them.

    Raises:
        FileError: where they cannot be written.
    """
    arrays, text = checkpoints.name_as_float32(params), _write_specification(params)
    model = np.frombuffer(text.encode(), np.uint8)
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(
            path, lambda file: np.savez(file, allow_pickle=False, model=model, **arrays, **more)
        )


def write_safetensors(
    path: Path, params: Params, texts: Mapping[str, str] = MappingProxyType({}), half: bool = False
) -> None:
    """Write parameters as a ".safetensors" file, with `texts` beside them; with `half` as float16.

    Raises:
        FileError: where they cannot be written.
    """
    arrays = checkpoints.name_as_float32(params)
    if half:
        arrays = {
            name: array.astype(np.float16) if array.dtype == np.float32 else array
            for name, array in arrays.items()
        }
    texts = {**texts, _MODEL: _write_specification(params)}
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(path, arrays, texts)


def read_weights(path: Path) -> Params:
    """Read parameters, of many seeds with a first axis [S], from a file of either format.

    Raises:
        UserError: where there is no file, or its model is not known.
        CheckpointError: where it is damaged.
    """
    with explain_read_errors(path), _open(path) as (file, text):
        model, label_names = _read_specification(text, len(file.names))
        shapes = jax.eval_shape(model.init, jax.random.key(0))
        shapes = shapes.replace(label_names=label_names)
        return checkpoints.fill_tree(*_read_arrays(file, shapes), path)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[tuple[NpzFile | TensorFile, str]]:
    """Open a file, and give its arrays and the text of its specification."""
    if path.suffix == SUFFIX:
        tensors = read_tensors(path)
        yield tensors, tensors.texts[_MODEL]
    else:
        with zipfile.ZipFile(path) as file:
            arrays = NpzFile(file)
            yield arrays, arrays.read_array(_MODEL, _SPECIFICATION).tobytes().decode()


@contextlib.contextmanager
def explain_read_errors(path: Path) -> Iterator[None]:
    """Turn every error of reading a file of weights into a `UserError` of one sentence."""
    check_file(path)
    try:
        yield
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


def _write_specification(params: Params) -> str:
    about = to_json(params.model) | {_LABEL_NAMES: params.label_names}
    return json.dumps(to_jsonable(about, "model"), allow_nan=False)


def _read_specification(text: str, num_arrays: int) -> tuple[Model, tuple[str, ...]]:
    """Return the model and the names of its classes, which a file of version 0.1 lacks.

    The model's number of layers must fit that of the arrays.
    """
    specification = json.loads(text)
    label_names = tuple(map(str, specification.pop(_LABEL_NAMES, ())))
    model = from_json(specification)
    longest = max(len(v) for v in specification.values() if isinstance(v, list | str))
    if longest > num_arrays + 64:
        raise ValueError(f"its model has {longest} layers, and the file fewer arrays")
    return model, label_names


def _read_arrays(
    file: NpzFile | TensorFile, shapes: Params
) -> tuple[Params, dict[str, np.ndarray]]:
    """Return the shapes of the parameters, [S, ...] for many seeds, and the file's arrays."""
    first, like = next(iter(checkpoints.name_shapes(shapes).items()))
    many: tuple[int, ...] = ()
    if first in file.names:
        shape = file.read_shape(first)
        many = shape[: len(shape) - like.ndim]
    shapes = stack_shapes(shapes, many)
    return shapes, {
        name: file.read_array(name, like.size * like.dtype.itemsize)
        for name, like in checkpoints.name_shapes(shapes).items()
        if name in file.names
    }


def stack_shapes(target: Any, many: tuple[int, ...]) -> Any:
    """Return the shapes `target` with the first axis, (S,) or (), of many seeds."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(many + leaf.shape, leaf.dtype), target)
