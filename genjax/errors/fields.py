"""Check the fields of configurations: of models, of trainings, of optimizers."""

import dataclasses
import json
import math
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np

from genjax.errors.family import UserError

_LARGEST_IMAGE = 2**14  # height, width and channels
_MOST_LAYERS = 256  # numbers in a field, each of which is a layer


@dataclass(frozen=True, eq=False, repr=False)  # hashable, whatever the registry
class OneOf:
    """The type of a field that holds a name in a registry: `Annotated[str, OneOf(REGISTRY)]`."""

    registry: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"OneOf({', '.join(map(repr, self.registry))})"


def check_new_name(name: str, shipped: Collection[str], what: str) -> None:
    """Raise `UserError` where a user's loss or another part takes the name of one of genjax's.

    Files record the name alone, so that they would mean something else from then on.

    Args:
        name: what the user calls it.
        shipped: the names of genjax's own.
        what: such as "a likelihood".
    """
    if not isinstance(name, str) or not name:
        raise UserError(f"{name!r} cannot name {what}: give a text.")
    if name in shipped:
        raise UserError(
            f"{name!r} is {what} of genjax, and files record the name alone: choose another name."
        )


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
    if (names := _choices_of_tuple(kind)) and not (isinstance(value, tuple) and {*value} <= names):
        return f"a tuple of {', '.join(map(repr, sorted(names)))}"
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


def _choices_of_tuple(kind: Any) -> set[Any]:
    """Return the names that a tuple of any length holds, of the type tuple[Literal[...], ...]."""
    inner = typing.get_args(kind)[:1] if typing.get_origin(kind) is tuple else ()
    return {
        name for one in inner if typing.get_origin(one) is Literal for name in typing.get_args(one)
    }


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
