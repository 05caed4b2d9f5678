"""How programs are compiled on a CPU, where that takes long: docs/notes/convolutions.md."""

import os
from collections.abc import Callable
from typing import Any

import jax

# of XLA: for a program of dense layers, and for one that runs once
_DENSE: Any = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 2}
_ONCE: Any = {"xla_backend_optimization_level": 1}


def compile_lowered(lowered: jax.stages.Lowered, *, dense: bool) -> jax.stages.Compiled:
    """Compile a lowered program; one of dense layers on a CPU in about 60% of the usual time.

    One with convolutions would compile in as short a time, but run a few percent slower. A level of
    optimisation in the environment variable XLA_FLAGS is kept.

    >>> double = jax.jit(lambda x: 2 * x).lower(1.0)
    >>> float(compile_lowered(double, dense=True)(3.0))
    6.0
    """
    is_chosen = "xla_backend_optimization_level" in os.environ.get("XLA_FLAGS", "")
    quick = dense and jax.default_backend() == "cpu" and not is_chosen
    return lowered.compile(_DENSE if quick else None)


def jit_once(function: Callable[..., Any], static_argnums: int | tuple[int, ...]) -> Callable:
    """Compile a function that runs once, on a CPU in a third of the time, and with the same bits.

    Within a program that is being traced it is compiled as that program is.

    >>> float(jit_once(lambda power, x: x**power, static_argnums=0)(2, 3.0))
    9.0
    """
    whole = jax.jit(function, static_argnums=static_argnums)
    quick = jax.jit(function, static_argnums=static_argnums, compiler_options=_ONCE)

    def run(*args: Any) -> Any:
        traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(args))
        return (whole if traced or jax.default_backend() != "cpu" else quick)(*args)

    return run
