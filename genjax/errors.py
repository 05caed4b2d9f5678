"""The errors of genjax, and the checks of values that raise them."""

import dataclasses
import math
import typing
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike


class UserError(Exception):
    """Something the user gave cannot be used. The message says what, where, and what to do."""


class MissingCapability(UserError, TypeError):
    """A model was asked for what it has no method for."""


def check_fields(spec: Any, name: str) -> None:
    """Raises `UserError` where a field of the dataclass `spec` is not of its type.

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


def check_labels(labels: ArrayLike, num_classes: int) -> None:
    """Raises `UserError` where not all labels, int [N], are from 0 to `num_classes`, exclusive."""
    labels = np.asarray(labels)
    least, most = labels.min(initial=0), labels.max(initial=0)
    if least < 0 or most >= num_classes:
        raise UserError(
            f"the labels are from {least} to {most}, but the model's num_classes is {num_classes}:"
            f" they must be from 0 to {num_classes - 1}. One for all of them has num_classes"
            f" {max(most + 1, 2)}."
        )


def to_tuples(value: Any) -> Any:
    """JSON's lists as the tuples that they were: fields must be hashable."""
    return tuple(map(to_tuples, value)) if isinstance(value, list | tuple) else value
