"""What the tests check annotations with: beartype, to which an int is a float too."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check the annotations of a function; but a pytree, once mapped over, may hold anything."""
    return function if function.__name__ == "__init__" else _check(function)
