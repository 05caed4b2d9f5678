"""Check the values that enter public functions: images, numbers, labels."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from genjax.errors.family import UserError

_TOLERANCE = 1e-4  # of rounding, beyond [0, 1]
_LARGEST_INTEGER = 2**31 - 1  # of a number of things, where no bound is given


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
    array = images if isinstance(images, jax.Array) else as_numpy(images, name)
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


def as_numpy(values: Any, name: str) -> np.ndarray:
    """Return nested lists of one shape, or anything else, as numpy's array."""
    try:
        return np.asarray(values)
    except ValueError:  # lists of several lengths
        raise UserError(f"{name} are not all of one shape.") from None


def check_numbers(values: Any, name: str) -> Float[Array, "..."]:
    """Return real, finite numbers of any shape as float32.

    Under `jit` and `vmap` the values are unknown: then only the type is checked.

    Raises:
        UserError: where they are no numbers, or one is infinite or not a number.

    >>> check_numbers([1, 2.5], "extent")
    Array([1. , 2.5], dtype=float32)
    """
    array = values if isinstance(values, jax.Array) else as_numpy(values, name)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in (jnp.floating, jnp.integer, np.bool_)):
        raise UserError(f"{name} must be real numbers, but are {_describe(values, array)}.")
    if isinstance(array, jax.core.Tracer):
        return jnp.asarray(array, jnp.float32)
    with jax.ensure_compile_time_eval(), np.errstate(over="ignore"):  # constant within `jit`
        numbers = jnp.asarray(array, jnp.float32)
        finite = bool(jnp.all(jnp.isfinite(numbers)))
    if not finite:
        raise UserError(f"{name} must be finite, but hold infinite numbers or NaN.")
    return numbers


def _describe(values: Any, array: Any) -> str:
    return f"{array.dtype}{list(array.shape)}" if array.ndim else repr(values)[:100]


def check_number(
    value: Any,
    name: str,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
) -> Any:
    """Return a finite number, python's or numpy's, as a float, and one of jax as it is.

    Raises:
        UserError: where it is none, below `least`, not above `above`, or above `most`.

    >>> check_number(np.float32(0.5), "temperature", least=0)
    0.5
    """
    if isinstance(value, jax.Array) and value.ndim == 0 and isinstance(value, jax.core.Tracer):
        return check_numbers(value, name)
    is_number = isinstance(value, int | float | np.number | jax.Array | np.ndarray)
    if is_number and not isinstance(value, bool) and np.ndim(value) == 0 and np.isreal(value):
        number = _to_float(value)
        if math.isfinite(number) and least <= number <= most and number > above:
            return value if isinstance(value, jax.Array) else number
    bounds = {"at least": least, "above": above, "at most": most}
    given = [f"{word} {bound:g}" for word, bound in bounds.items() if math.isfinite(bound)]
    must = "a finite number" + (f", {' and '.join(given)}" if given else "")
    raise UserError(f"{name} is {repr(value)[:100]}, but must be {must}.")


def _to_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond the largest float
        return math.inf


def check_type(value: Any, kinds: type | tuple[type, ...], name: str, must: str) -> None:
    """Raise `UserError` where a value is of none of these types; `must` says what it must be.

    >>> check_type(False, bool, "overwrite", "True or False")
    """
    if not isinstance(value, kinds):
        raise UserError(f"{name} is {value!r:.100}, but must be {must}.")


def check_integer(value: Any, name: str, least: int = 1, most: int | None = None) -> int:
    """Return a whole number, python's or numpy's, as an int; without `most` it is below 2^31.

    Raises:
        UserError: where it is none, or below `least`, or above `most`.

    >>> check_integer(np.int64(3), "num")
    3
    """
    largest = _LARGEST_INTEGER if most is None else most
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if is_whole and least <= value <= largest:
        return int(value)
    is_open = most is None and not (is_whole and value > largest)
    bound = f"at least {least}" if is_open else f"from {least} to {largest}"
    raise UserError(f"{name} is {repr(value)[:100]}, but must be a whole number, {bound}.")


def check_labels(labels: ArrayLike, num_classes: int, name: str = "labels") -> None:
    """Raise `UserError` where not all labels, int [N], are at least 0 and below `num_classes`.

    Under `jit` and `vmap` the values are unknown: then only the type is checked.

    >>> check_labels([0, 2, 1], num_classes=3)
    """
    values: Any = labels if isinstance(labels, jax.Array) else as_numpy(labels, name)
    if (values.size or values.ndim > 1) and not jnp.issubdtype(values.dtype, jnp.integer):
        raise UserError(f"{name} are {values.dtype}, but must be whole numbers.")
    if values.ndim > 1:
        raise UserError(f"{name} have the shape {values.shape}, but must be [N], or one number.")
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
