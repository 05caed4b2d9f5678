"""The errors of genjax, and the checks of values that raise them."""

import dataclasses
import json
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

_TOLERANCE = 1e-4  # of rounding, beyond [0, 1]
_LARGEST_IMAGE = 2**14  # height, width and channels
_MOST_LAYERS = 256  # numbers in a field, each of which is a layer


class UserError(Exception):
    """The user gave something that cannot be used. The message says what, where, and what to do."""


class MissingCapability(UserError, TypeError):
    """A model has no method for what was asked of it."""


class FileError(UserError, OSError):
    """A file or folder cannot be read or written: no room, no right, or no such place."""


class CheckpointError(UserError):
    """A run has no whole checkpoint, or a file of weights is damaged."""


class TrainingDiverged(UserError):
    """A loss or a weight is no longer a finite number."""


class HostLost(UserError):
    """Another host of the run has ended or never come, so that this one cannot go on."""


def check_images(
    images: Any, image_shape: tuple[int, ...] = (), name: str = "images"
) -> Float[Array, "n h w c"]:
    """Return images as float32 in [0, 1]. Every public function that takes images calls this.

    Bytes (uint8) are divided by 255, truth values become 0 and 1, and floats must lie in [0, 1].
    Under `jit` and `vmap` the values are unknown: then only type and shape are checked.

    Args:
        images: [N, H, W, C], an array of jax or numpy, or nested lists of numbers.
        image_shape: (H, W, C) that the images must have; any, if left out.
        name: what the message calls them.

    Raises:
        UserError: where shape, type or values are others.

    >>> check_images(np.full((1, 8, 8, 1), 255, np.uint8)).max()
    Array(1., dtype=float32)
    """
    array = images if isinstance(images, jax.Array) else _as_numpy(images, name)
    shape = array.shape
    wanted = f"[N, {', '.join(map(str, image_shape))}]" if image_shape else "[N, H, W, C]"
    if len(shape) != 4 or image_shape not in ((), shape[1:]):
        hint = (
            " A single image is images[None]; images without channels are images[..., None]."
            if len(shape) == 3
            else ""
        )
        raise UserError(
            f"{name} have the shape {tuple(shape)}, but must be {wanted}: number, height, width,"
            f" channels.{hint}"
        )
    if array.dtype == np.uint8:
        return jnp.asarray(array.astype(np.float32) / np.float32(255))
    if array.dtype != np.bool_ and not jnp.issubdtype(array.dtype, jnp.floating):
        raise UserError(
            f"{name} are {array.dtype}, whose range is not known: give bytes (uint8) from 0 to 255,"
            " or floats from 0 to 1."
        )
    if array.size and not isinstance(array, jax.core.Tracer):
        with jax.ensure_compile_time_eval():  # a constant within `jit`
            low, high = float(array.min()), float(array.max())
        if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):  # nan compares as false
            raise UserError(
                f"{name} are floats from {low:.4g} to {high:.4g}, but floats must lie in [0, 1]:"
                " divide by their largest possible value, or give bytes (uint8)."
            )
    return jnp.asarray(array, jnp.float32)


def _as_numpy(values: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError:  # lists of several lengths
        raise UserError(f"{name} are not all of one shape.") from None


def check_integer(value: Any, name: str, least: int = 1, most: int | None = None) -> int:
    """Return a whole number, python's or numpy's, as an int.

    Raises:
        UserError: where it is none, or below `least`, or above `most`.

    >>> check_integer(np.int64(3), "num")
    3
    """
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if is_whole and least <= value and (most is None or value <= most):
        return int(value)
    bound = f"at least {least}" if most is None else f"from {least} to {most}"
    raise UserError(f"{name} is {value!r}, but must be a whole number, {bound}.")


def check_labels(labels: ArrayLike, num_classes: int, name: str = "labels") -> None:
    """Raise `UserError` where not all labels, int [N], are at least 0 and below `num_classes`.

    Under `jit` and `vmap` the values are unknown: then only the type is checked.

    >>> check_labels([0, 2, 1], num_classes=3)
    """
    values: Any = labels if isinstance(labels, jax.Array) else _as_numpy(labels, name)
    if values.size and not jnp.issubdtype(values.dtype, jnp.integer):
        raise UserError(f"{name} are {values.dtype}, but must be whole numbers.")
    if isinstance(values, jax.core.Tracer):
        return
    values = np.asarray(values)
    least, most = values.min(initial=0), values.max(initial=0)
    if least < 0 or most >= num_classes:
        raise UserError(
            f"the {name} are from {least} to {most}, but the model's num_classes is {num_classes}:"
            f" they must be from 0 to {num_classes - 1}. One for all of them has num_classes"
            f" {max(most + 1, 2)}."
        )


@dataclass(frozen=True, eq=False, repr=False)  # hashable, whatever the registry
class OneOf:
    """The type of a field that holds a name in a registry: `Annotated[str, OneOf(REGISTRY)]`."""

    registry: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"OneOf({', '.join(map(repr, self.registry))})"


def check_fields(spec: Any, name: str, most: int = 2**31 - 1) -> None:
    """Raise `UserError` where a field of the dataclass `spec` is not of its type.

    Whole numbers must be from 1, or the field's metadata "least", to `most`, and other numbers
    finite; a choice must be one of its names. `name` is that of `spec` in the message.
    """
    kinds = typing.get_type_hints(type(spec), include_extras=True)
    for field in dataclasses.fields(spec):
        if field.name == "image_shape":  # see `check_image_shape`
            continue
        value, least = getattr(spec, field.name), field.metadata.get("least", 1)
        if must := _requirement(kinds[field.name], value, least, most):
            raise UserError(f"{name}: {field.name} is {value!r}, but must be {must}.")


def _requirement(kind: Any, value: Any, least: int, most: int) -> str:
    """Return what a field of that type must be, or "" if `value` is that."""
    registries = [
        extra.registry for extra in getattr(kind, "__metadata__", ()) if _is_choice(extra)
    ]
    choices = typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
    if registries or choices:
        choices = choices or tuple(registries[0])
        return "" if value in choices else f"one of {', '.join(map(repr, choices))}"
    if kind is bool:
        return "" if isinstance(value, bool) else "True or False"
    if kind is str:
        return "" if isinstance(value, str) else "a text"
    if kind is int:
        good = _is_whole(value, least, most)
        return "" if good else f"a whole number of at least {least}" + _bound(value, most)
    if kind == tuple[int, ...]:
        good = isinstance(value, tuple) and all(_is_whole(n, least, most) for n in value)
        if good and len(value) > _MOST_LAYERS:
            return f"at most {_MOST_LAYERS} numbers"
        return "" if good else f"a tuple of whole numbers of at least {least}, such as (8, 16)"
    if kind in (float, float | tuple[float, ...]):
        numbers = value if isinstance(value, tuple) and kind is not float else (value,)
        good = all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers)
        must = "a finite number" + ("" if kind is float else ", or a tuple of them")
        return "" if good and all(map(math.isfinite, numbers)) else must
    return ""


def _is_choice(extra: Any) -> bool:
    return isinstance(extra, OneOf)


def _is_whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _bound(value: Any, most: int) -> str:
    return f" and at most {most}" if type(value) is int and value > most else ""


def check_image_shape(shape: Any, smallest: int, name: str) -> None:
    """Raise `UserError` where `shape` is not a usable (height, width, channels)."""
    is_shape = isinstance(shape, tuple) and len(shape) == 3
    if not is_shape or not all(type(size) is int for size in shape):
        raise UserError(
            f"{name}: image_shape is {shape}, but must be (height, width, channels), whole numbers."
            " Give it to the model, as in image_shape=(28, 28, 1), or let genjax.fit take it from"
            " the data set."
        )
    if min(shape[:2]) < smallest or shape[2] < 1 or max(shape) > _LARGEST_IMAGE:
        raise UserError(
            f"{name}: image_shape is {shape}, but images must be at least {smallest}x{smallest}"
            f" with one channel, and at most {_LARGEST_IMAGE} a side."
        )


def check_serialisable(spec: Any, name: str) -> None:
    """Raise `UserError` where a field of the dataclass `spec` cannot be hashed or become JSON."""
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        try:
            hash(value)
            json.dumps(value)
        except (TypeError, ValueError):
            raise UserError(
                f"{name}: {field.name} is {value!r}, which cannot be written to a file. A field is"
                " a number, a text, True or False, or a tuple of those. Register a function under a"
                " name (register_activation, register_loss, register_likelihood), or make it a"
                " method of the model."
            ) from None


def to_tuples(value: Any) -> Any:
    """Turn lists and arrays into tuples, and numpy's numbers into python's.

    So fields are hashable, and can be written to JSON and read back.

    >>> to_tuples([np.int64(3), np.array([1.5, 2.0])])
    (3, (1.5, 2.0))
    """
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        value = np.asarray(value).tolist()
    return tuple(map(to_tuples, value)) if isinstance(value, list | tuple) else value
