"""Write the decoder of a model as a program of few operations, which a page computes by itself.

jax traces the decoder, and calls are inlined. Each operation becomes steps over flat arrays, row by
row, of these kinds; those that depend on weights alone are computed only once:

(1) view      out[i_1..i_r] = x[offset + sum_d i_d stride_d]     broadcast, transpose, slice
(2) place     out[offset + sum_d i_d stride_d] = x[i_1..i_r]     concatenate, pad
(3) map       out[i] = f(x[i], y[i], ...)                        a single number stands for all i
(4) reduce    out[i] = f_j x[i,j]
(5) multiply  out[b,m,n] = sum_k x[b,m,k] y[b,n,k]
(6) convolve  of images [N,H,W,C] with a kernel [k,k,C,O]
(7) gather    out[g,o] = x[start_g + offset_o], and `scatter`, its inverse
(8) loop      a body of steps, once for every row of some arrays

`publish_steps` and `publish_products` write each operation of jax as such steps, and
`page/runtime.js` computes them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

from genjax.errors import UserError

Steps = list[dict[str, Any]]
_CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr")  # where jax's operations keep a function they call
_TYPES = {"float32": "f32", "bfloat16": "bf16", "int32": "i32", "uint32": "u32", "bool": "u8"}


@dataclass(frozen=True)
class Value:
    """An array that the page computes.

    Attributes:
        number: of the array; several values may be shapes of the same one.
        shape: as jax sees it.
        dtype: of numpy.
        fixed: whether it depends on weights alone, so that it is computed only once.
    """

    number: int
    shape: tuple[int, ...]
    dtype: Any
    fixed: bool


Item = Value | np.ndarray
Rule = Callable[..., list[Item]]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Decorate a function that writes the operations of these names: add it to `RULES`."""

    def add(lower: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, lower))
        return lower

    return add


class Program:
    """Steps that compute an image, and the constants in them.

    Attributes:
        types: of every array, its type and its size.
        constants: arrays that are known, by their number.
        once: steps that depend on weights alone.
        each: steps for every image.
    """

    def __init__(self) -> None:
        self.types: list[tuple[str, int]] = []
        self.constants: dict[int, np.ndarray] = {}
        self.once: Steps = []
        self.each: Steps = []
        self._numbers: dict[int, int] = {}  # of the constants, by their identity
        self._kept: list[np.ndarray] = []  # so that identities stay theirs

    def make_value(self, shape: Sequence[int], dtype: Any, fixed: bool = False) -> Value:
        """Return a new array."""
        name = np.dtype(dtype).name
        if name not in _TYPES:
            raise UserError(
                f"the decoder cannot be published: it computes with numbers of the type {name},"
                f" and a page knows {', '.join(_TYPES)}."
            )
        self.types.append((_TYPES[name], int(np.prod(shape))))
        return Value(len(self.types) - 1, tuple(shape), np.dtype(dtype), fixed)

    def find_number(self, item: Item) -> int:
        """Return the number of a value; of an array, which becomes a constant."""
        if isinstance(item, Value):
            return item.number
        if id(item) not in self._numbers:
            self._kept.append(item)
            number = self.make_value(item.shape, item.dtype, fixed=True).number
            self._numbers[id(item)], self.constants[number] = number, item
        return self._numbers[id(item)]

    def add_step(
        self, kind: str, inputs: Sequence[Item], shape: Sequence[int], dtype: Any, **options: Any
    ) -> Value:
        """Add a step of one of the kinds (1) to (7); return what it computes."""
        fixed = all(isinstance(item, np.ndarray) or item.fixed for item in inputs)
        out = self.make_value(shape, dtype, fixed)
        numbers = [self.find_number(item) for item in inputs]
        step = {"kind": kind, "in": numbers, "out": out.number, **options}
        (self.once if fixed else self.each).append(step)
        return out

    @contextmanager
    def collect_body(self) -> Iterator[Steps]:
        """Collect the steps that are added meanwhile, apart from the others."""
        outside, self.each = self.each, []
        try:
            yield self.each
        finally:
            self.each = outside


def follow(
    program: Program, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Item]
) -> list[Item]:
    """Add the steps of what jax has traced; return its outputs."""
    known: dict[Any, Item] = dict(
        zip(
            [*jaxpr.constvars, *jaxpr.invars],
            [*map(np.asarray, consts), *inputs],
            strict=True,
        )
    )

    def read(variable: Any) -> Item:
        if isinstance(variable, Literal):
            kind: Any = variable.aval
            return np.asarray(variable.val, kind.dtype)
        return known[variable]

    for equation in jaxpr.eqns:
        found = _lower(program, equation, [read(variable) for variable in equation.invars])
        known.update(zip(equation.outvars, found, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _lower(program: Program, equation: Any, inputs: list[Item]) -> list[Item]:
    name, params = equation.primitive.name, equation.params
    called = next((params[key] for key in _CALLS if key in params and name != "scan"), None)
    if called is not None:
        return follow(
            program, getattr(called, "jaxpr", called), getattr(called, "consts", ()), inputs
        )
    arrays = [item for item in inputs if isinstance(item, np.ndarray)]
    if len(arrays) == len(inputs) and (name not in RULES or name == "scan"):
        found = equation.primitive.bind(*map(jax.numpy.asarray, arrays), **params)
        outputs = found if equation.primitive.multiple_results else [found]
        return [np.asarray(output) for output in outputs]
    if name not in RULES:
        raise UserError(
            f"the decoder cannot be published: it computes {name!r}, which a page does not know."
            " `genjax export` writes it as a program for jax."
        )
    return RULES[name](program, inputs, **params)
