"""Write a function of jax as a program for a page: its steps as JSON, its constants as bytes."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from genjax.sharing import publish_products, publish_steps  # noqa: F401  (which fill RULES)
from genjax.sharing.publish_program import Program, follow


def write_program(
    compute: Callable[..., jax.Array], params: Any, inputs: dict[str, jax.ShapeDtypeStruct]
) -> tuple[dict[str, Any], bytes]:
    """Return the program of a function as what JSON can hold, and its constants as bytes.

    Args:
        compute: from parameters and the inputs to an array.
        params: a pytree of arrays, which become constants.
        inputs: name -> shape and type.

    Raises:
        UserError: where the function has an operation that a page does not know.

    >>> double = lambda weight, x: weight * x
    >>> row = jax.ShapeDtypeStruct((3,), np.float32)
    >>> program, constants = write_program(double, np.float32(2), {"x": row})
    >>> [step["f"] for step in program["each"]], np.frombuffer(constants, np.float32)
    (['mul'], array([2.], dtype=float32))
    """
    leaves, structure = jax.tree.flatten(params)

    def call(leaves: list[Any], *arguments: Any) -> jax.Array:
        return compute(jax.tree.unflatten(structure, leaves), *arguments)

    traced = jax.make_jaxpr(call)(leaves, *inputs.values())
    program = Program()
    entered = [program.make_value(one.shape, one.dtype) for one in inputs.values()]
    weights = [np.asarray(leaf) for leaf in leaves]
    (out,) = follow(program, traced.jaxpr, traced.consts, [*weights, *entered])
    output = program.find_number(out)
    _drop_unused(program, output)
    constants, places = _pack_constants(program)
    return {
        "types": program.types,
        "constants": places,
        "inputs": {name: value.number for name, value in zip(inputs, entered, strict=True)},
        "output": output,
        "once": program.once,
        "each": program.each,
    }, constants


def _drop_unused(program: Program, output: int) -> None:
    """Drop steps and constants on which the output does not depend."""
    needed = {output}
    for steps in (program.each, program.once):
        kept = []
        for step in reversed(steps):
            if needed & {step["out"], *step.get("outs", ())}:
                needed.update(_list_inputs(step))
                kept.append(step)
        steps[:] = kept[::-1]
    for number in [number for number in program.constants if number not in needed]:
        del program.constants[number]


def _list_inputs(step: dict[str, Any]) -> set[int]:
    """Return the arrays that a step reads, also within its body."""
    inner = (_list_inputs(one) for one in step.get("body", ()))
    return set(step["in"]).union(*inner) | set(step.get("results", ()))


def _pack_constants(program: Program) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the constants one after the other, four bytes a number, and where each begins."""
    parts, places, offset = [], [], 0
    for number, array in program.constants.items():
        wide = array.astype(np.float32 if program.types[number][0] in ("f32", "bf16") else np.int32)
        places.append((number, offset))
        parts.append(np.ascontiguousarray(wide).tobytes())
        offset += wide.size
    return b"".join(parts), places
