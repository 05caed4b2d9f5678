"""The errors of genjax, and the checks of values that raise them."""

import dataclasses
import math
import typing
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

_TOLERANCE = 1e-4  # of rounding, beyond [0, 1]


class UserError(Exception):
    """The user gave something that cannot be used. The message says what, where, and what to do."""


class MissingCapability(UserError, TypeError):
    """A model has no method for what was asked of it."""


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
    least, most = np.min(values, initial=0), np.max(values, initial=0)
    if least < 0 or most >= num_classes:
        raise UserError(
            f"the {name} are from {least} to {most}, but the model's num_classes is {num_classes}:"
            f" they must be from 0 to {num_classes - 1}. One for all of them has num_classes"
            f" {max(most + 1, 2)}."
        )


def check_fields(spec: Any, name: str) -> None:
    """Raise `UserError` where a field of the dataclass `spec` is not of its type.

    Whole numbers must be at least 1, or what the field's metadata states as "least", and others
    finite; a choice must be one of its names.
    """
    kinds = typing.get_type_hints(type(spec))
    for field in dataclasses.fields(spec):
        kind, value = kinds[field.name], getattr(spec, field.name)
        if field.name == "image_shape":
            continue
        if typing.get_origin(kind) is Literal:
            good, must = value in typing.get_args(kind), f"one of {typing.get_args(kind)}"
        elif kind is int or kind == tuple[int, ...]:
            least = field.metadata.get("least", 1)
            numbers = value if isinstance(value, tuple) else (value,)
            whole = all(isinstance(n, int) and not isinstance(n, bool) for n in numbers)
            good = whole and all(n >= least for n in numbers)
            must = f"a whole number of at least {least}" + ("" if kind is int else ", or several")
        elif kind in (float, float | tuple[float, ...]):
            several = value if isinstance(value, tuple) and kind is not float else (value,)
            good = all(isinstance(n, int | float) and math.isfinite(n) for n in several)
            must = "a finite number" + ("" if kind is float else ", or a tuple of them")
        else:
            continue
        if not good:
            raise UserError(f"{name}: {field.name} is {value!r}, but must be {must}.")


def to_tuples(value: Any) -> Any:
    """Turn JSON's lists back into tuples: fields must be hashable."""
    return tuple(map(to_tuples, value)) if isinstance(value, list | tuple) else value
