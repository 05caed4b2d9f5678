"""How genjax compiles its programs: docs/notes/convolutions.md has the measurements."""

import os
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import jax

from genjax.model.processor import read_processor

P = ParamSpec("P")
T = TypeVar("T")

# of XLA: for a program of dense layers, and for one that runs once
_DENSE: Any = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 2}
_ONCE: Any = {"xla_backend_optimization_level": 1}
# for convolutions on all cores: where vectors have 256 bits, YNNPACK's keep to one
_NO_YNNPACK: Any = {"xla_cpu_experimental_ynn_fusion_type": ""}
# for convolutions on an NVIDIA GPU: an epoch as one CUDA graph. The last two are not in XLA's list,
# so that every convolution would be launched by itself.
_GRAPH: Any = {
    "xla_gpu_enable_command_buffer": "CONDITIONAL,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,"
    "DYNAMIC_SLICE_FUSION,FUSION,CONVOLUTION,WHILE"
}


def compile_lowered(lowered: jax.stages.Lowered, *, dense: bool) -> jax.stages.Compiled:
    """Compile a lowered program of many steps, with the options that suit it and the device.

    On a CPU one of dense layers takes about 60% of the usual time. One with convolutions would
    compile in as short a time, but run a few percent slower; it is compiled as `jit` does. On an
    NVIDIA GPU one with convolutions runs as a CUDA graph. Options in the environment variable
    XLA_FLAGS are kept.

    >>> double = jax.jit(lambda x: 2 * x).lower(1.0)
    >>> float(compile_lowered(double, dense=True)(3.0))
    6.0
    """
    if dense:
        return lowered.compile(_DENSE if _is_free("cpu", _DENSE) else None)
    return lowered.compile(_choose_convolutions())


def jit(function: Callable[P, T], **static: Any) -> Callable[P, T]:
    """Compile a function as `jax.jit` does, with other convolutions on a CPU with AVX2 and no more.

    They run on all cores there, up to twice as fast. Within a program that is being traced the
    function is compiled as that program is. `static` are options of `jax.jit`.

    >>> float(jit(lambda power, x: x**power, static_argnums=0)(2, 3.0))
    9.0
    """
    return _jit(function, _choose_convolutions, static)


def jit_once(function: Callable[P, T], **static: Any) -> Callable[P, T]:
    """Compile a function that runs once, on a CPU in a third of the time, and with the same bits.

    Otherwise as `jit`.

    >>> float(jit_once(lambda power, x: x**power, static_argnums=0)(2, 3.0))
    9.0
    """
    return _jit(function, lambda: _ONCE, static)


def _jit(
    function: Callable[P, T], find_options: Callable[[], Any], static: dict[str, Any]
) -> Callable[P, T]:
    """Compile a function with these options on a CPU, and without them within another program."""
    within: Any = jax.jit(function, **static)

    @cache
    def alone() -> Any:
        return jax.jit(function, compiler_options=find_options(), **static)

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        on_cpu = jax.default_backend() == "cpu"
        return (alone() if on_cpu and not _is_traced(args, kwargs) else within)(*args, **kwargs)

    return run


_make_constant = jax.jit(lambda: 0)


def _is_traced(*arguments: Any) -> bool:
    """Return whether a program is being traced: all arguments may still be constants of it."""
    leaves = [*jax.tree.leaves(arguments), _make_constant()]
    return any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)


def _is_free(backend: str, options: dict[str, Any]) -> bool:
    """Return whether options are for this backend, and the environment chooses none of them."""
    flags = os.environ.get("XLA_FLAGS", "")
    return jax.default_backend() == backend and not any(name in flags for name in options)


@cache
def _choose_convolutions() -> Any:
    """Return `_NO_YNNPACK` on a processor with AVX2 and no more, `_GRAPH` on an NVIDIA GPU.

    None elsewhere, and where XLA does not know them.
    """
    if read_processor()[1] == "AVX2" and _is_free("cpu", _NO_YNNPACK):
        options = _NO_YNNPACK
    elif jax.local_devices()[0].device_kind.startswith("NVIDIA") and _is_free("gpu", _GRAPH):
        options = _GRAPH
    else:
        return None
    try:
        _make_constant.lower().compile(options)
    except jax.errors.JaxRuntimeError:  # another version of XLA
        return None
    return options
