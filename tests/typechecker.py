"""What the tests check annotations with: beartype, to which an int is a float too."""

from collections.abc import Callable
from typing import Any, get_args

import jax
import numpy as np
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check the annotations of a function; but a pytree, once mapped over, may hold anything."""
    return function if function.__name__ == "__init__" else _check(function)


def check_shapes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check the annotations of a function that have shapes, and no others.

    An argument that is no array may be anything: tests give wrong types to see what users are told.
    """
    function.__annotations__ = {
        name: _relax(hint, is_argument=name != "return")
        for name, hint in function.__annotations__.items()
    }
    return check(function)


class _NoArrayType(type):
    def __instancecheck__(cls, value: object) -> bool:
        return not isinstance(value, jax.Array | np.ndarray | tuple)


class _NoArray(metaclass=_NoArrayType):
    """Whatever is neither an array nor a tuple, which may hold arrays."""


def _relax(hint: Any, is_argument: bool) -> Any:
    if not _has_shape(hint):
        return Any
    return hint | _NoArray if is_argument else hint


def _has_shape(hint: Any) -> bool:
    is_array = isinstance(hint, type) and issubclass(hint, AbstractArray)
    return is_array or any(map(_has_shape, get_args(hint)))
