"""Programs that run once, such as those that draw the first weights."""

from collections.abc import Callable
from typing import Any

import jax


def jit_once(function: Callable[..., Any], static_argnums: int | tuple[int, ...]) -> Callable:
    """Compile a function that runs once, on a CPU in a third of the time, and with the same bits.

    Within a program that is being traced it is compiled as that program is.

    >>> float(jit_once(lambda power, x: x**power, static_argnums=0)(2, 3.0))
    9.0
    """
    whole = jax.jit(function, static_argnums=static_argnums)
    options = {"xla_backend_optimization_level": 1}
    quick = jax.jit(function, static_argnums=static_argnums, compiler_options=options)

    def run(*args: Any) -> Any:
        traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(args))
        return (whole if traced or jax.default_backend() != "cpu" else quick)(*args)

    return run
