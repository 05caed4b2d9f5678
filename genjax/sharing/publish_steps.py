"""Write operations of jax as steps of a page's program (`genjax.sharing.publish_program`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from genjax.errors import UserError
from genjax.sharing.publish_program import RULES, Item, Program, Rule, Value, rule

_UNARY = (
    "abs", "ceil", "cos", "erf", "exp", "exp2", "expm1", "floor", "is_finite", "log", "log1p",
    "logistic", "neg", "not", "rsqrt", "sign", "sin", "sqrt", "square", "tanh",
)  # fmt: skip
_BINARY = (
    "add", "and", "atan2", "div", "eq", "ge", "gt", "le", "lt", "max", "min", "mul", "ne", "or",
    "pow", "rem", "sub",
)  # fmt: skip
_COMPARING = ("eq", "ge", "gt", "is_finite", "le", "lt", "ne")
_REDUCING = {
    "reduce_sum": "add", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "mul",
    "reduce_and": "and", "reduce_or": "or",
}  # fmt: skip


def find_strides(shape: Sequence[int]) -> list[int]:
    """Return how far apart neighbours along each axis lie in a flat array.

    >>> find_strides((2, 3, 4))
    [12, 4, 1]
    """
    return [int(np.prod(shape[d + 1 :])) for d in range(len(shape))]


def reshape(item: Item, shape: Sequence[int]) -> Item:
    """Give the same numbers another shape."""
    if isinstance(item, Value):
        return Value(item.number, tuple(shape), item.dtype, item.fixed)
    return item.reshape(tuple(shape))


def _view(
    program: Program, item: Item, shape: Sequence[int], strides: Sequence[int], offset: int = 0
) -> Item:  # (1)
    """Add a view; of an array that it does not enlarge, compute it."""
    if list(shape) == list(item.shape) and list(strides) == find_strides(shape) and not offset:
        return item
    if isinstance(item, np.ndarray) and np.prod(shape) <= item.size:
        index = np.full(tuple(shape), offset)
        for d, stride in enumerate(strides):
            index += stride * np.arange(shape[d]).reshape(-1, *[1] * (len(shape) - d - 1))
        return np.asarray(item.reshape(-1)[index])
    options = {"sizes": list(shape), "strides": list(strides), "offset": offset}
    return program.add_step("view", [item], shape, item.dtype, **options)


def transpose(program: Program, item: Item, order: Sequence[int]) -> Item:
    """Put the axes into another order."""
    strides = find_strides(item.shape)
    return _view(program, item, [item.shape[d] for d in order], [strides[d] for d in order])


@rule("reshape", "squeeze", "expand_dims", "stop_gradient", "copy", "reduce_precision")
def _lower_reshape(program: Program, inputs: list[Item], **params: Any) -> list[Item]:
    (item,) = inputs
    if "new_sizes" in params:
        return [reshape(item, params["new_sizes"])]
    if "dimensions" in params:  # squeeze
        kept = [n for d, n in enumerate(item.shape) if d not in params["dimensions"]]
        return [reshape(item, kept)]
    return [item]


@rule("broadcast_in_dim")
def _lower_broadcast(
    program: Program, inputs: list[Item], shape: Any, broadcast_dimensions: Any, **_: Any
) -> list[Item]:
    (item,) = inputs
    strides = [0] * len(shape)
    for d, stride, size in zip(
        broadcast_dimensions, find_strides(item.shape), item.shape, strict=True
    ):
        strides[d] = stride if size > 1 else 0
    if item.shape and np.prod(shape) == np.prod(item.shape):  # only axes of size 1 are new
        return [reshape(item, shape)]
    return [_view(program, item, shape, strides)]


@rule("transpose")
def _lower_transpose(program: Program, inputs: list[Item], permutation: Any) -> list[Item]:
    return [transpose(program, inputs[0], permutation)]


@rule("rev")
def _lower_reverse(program: Program, inputs: list[Item], dimensions: Any) -> list[Item]:
    (item,) = inputs
    strides, offset = find_strides(item.shape), 0
    for d in dimensions:
        offset += (item.shape[d] - 1) * strides[d]
        strides[d] = -strides[d]
    return [_view(program, item, item.shape, strides, offset)]


@rule("slice")
def _lower_slice(
    program: Program, inputs: list[Item], start_indices: Any, limit_indices: Any, strides: Any
) -> list[Item]:
    (item,) = inputs
    steps, own = strides or [1] * len(item.shape), find_strides(item.shape)
    shape = [
        -(-(limit - start) // step)
        for start, limit, step in zip(start_indices, limit_indices, steps, strict=True)
    ]
    offset = sum(start * stride for start, stride in zip(start_indices, own, strict=True))
    strides = [step * stride for step, stride in zip(steps, own, strict=True)]
    return [_view(program, item, shape, strides, offset)]


def slice_axis(program: Program, item: Item, axis: int, start: int, size: int) -> Item:
    """Take `size` places of an axis, from `start` on."""
    strides = find_strides(item.shape)
    shape = [*item.shape[:axis], size, *item.shape[axis + 1 :]]
    return _view(program, item, shape, strides, start * strides[axis])


@rule("split")
def _lower_split(program: Program, inputs: list[Item], sizes: Any, axis: int) -> list[Item]:
    (item,) = inputs
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    pairs = zip(starts, sizes, strict=True)
    return [slice_axis(program, item, axis, start, size) for start, size in pairs]


def concatenate(program: Program, inputs: Sequence[Item], axis: int) -> Value:  # (2)
    """Put arrays one after the other along an axis."""
    shape, start, places = list(inputs[0].shape), 0, []
    shape[axis] = sum(item.shape[axis] for item in inputs)
    strides = find_strides(shape)
    for item in inputs:
        place = {"shape": list(item.shape), "strides": strides, "offset": start * strides[axis]}
        places.append(place)
        start += item.shape[axis]
    return program.add_step("place", inputs, shape, inputs[0].dtype, places=places, fill=0)


@rule("concatenate")
def _lower_concatenate(program: Program, inputs: list[Item], dimension: int) -> list[Item]:
    return [concatenate(program, inputs, dimension)]


@rule("stack")
def _lower_stack(program: Program, inputs: list[Item], axis: int, **_: Any) -> list[Item]:
    rows = [reshape(item, [*item.shape[:axis], 1, *item.shape[axis:]]) for item in inputs]
    return [concatenate(program, rows, axis)]


@rule("pad")
def _lower_pad(program: Program, inputs: list[Item], padding_config: Any) -> list[Item]:  # (2)
    item, fill = inputs
    if not isinstance(fill, np.ndarray) or any(
        min(low, high) < 0 for low, high, _ in padding_config
    ):
        raise UserError("the decoder cannot be published: it cuts, or pads with what it computes.")
    shape = [
        low + high + n + max(n - 1, 0) * inner
        for n, (low, high, inner) in zip(item.shape, padding_config, strict=True)
    ]
    own = find_strides(shape)
    place = {
        "shape": list(item.shape),
        "strides": [s * (inner + 1) for s, (_, _, inner) in zip(own, padding_config, strict=True)],
        "offset": sum(s * low for s, (low, _, _) in zip(own, padding_config, strict=True)),
    }
    options = {"places": [place], "fill": float(fill)}
    return [program.add_step("place", [item], shape, item.dtype, **options)]


def _map(program: Program, name: str, inputs: list[Item], dtype: Any, **options: Any) -> list[Item]:
    shape = np.broadcast_shapes(*(item.shape for item in inputs))
    items = [_spread(program, item, shape) for item in inputs]
    return [program.add_step("map", items, shape, dtype, f=name, **options)]  # (3)


def _spread(program: Program, item: Item, shape: Sequence[int]) -> Item:
    """Repeat an array along its axes of size 1, and leave a single number as it is."""
    if np.prod(item.shape) in (1, np.prod(shape)):
        return item
    strides = [
        stride if size > 1 else 0
        for stride, size in zip(find_strides(item.shape), item.shape, strict=True)
    ]
    return _view(program, item, shape, [0] * (len(shape) - len(strides)) + strides)


def _lower_map(name: str) -> Rule:
    def lower(program: Program, inputs: list[Item], **_: Any) -> list[Item]:
        return _map(program, name, inputs, bool if name in _COMPARING else inputs[0].dtype)

    return lower


RULES.update({name: _lower_map(name) for name in (*_UNARY, *_BINARY)})
RULES["add_any"] = _lower_map("add")


@rule("convert_element_type")
def _lower_convert(program: Program, inputs: list[Item], new_dtype: Any, **_: Any) -> list[Item]:
    if isinstance(inputs[0], Value) and inputs[0].dtype == new_dtype:
        return inputs
    return _map(program, "convert", inputs, new_dtype)


@rule("integer_pow")
def _lower_power(program: Program, inputs: list[Item], y: int) -> list[Item]:
    return _map(program, "pow", [inputs[0], np.array(y, np.float32)], inputs[0].dtype)


@rule("select_n")
def _lower_select(program: Program, inputs: list[Item]) -> list[Item]:
    if len(inputs) != 3:
        raise UserError("the decoder cannot be published: it selects among more than two arrays.")
    return _map(program, "select", inputs, inputs[1].dtype)


@rule("clamp")
def _lower_clamp(program: Program, inputs: list[Item]) -> list[Item]:
    return _map(program, "clamp", inputs, inputs[1].dtype)


def _reduce(
    program: Program, item: Item, axes: Sequence[int], dtype: Any, name: str
) -> list[Item]:  # (4)
    kept = [d for d in range(len(item.shape)) if d not in axes]
    rows = transpose(program, item, [*kept, *axes])
    shape = [item.shape[d] for d in kept]
    length = int(np.prod([item.shape[d] for d in axes]))
    return [program.add_step("reduce", [rows], shape, dtype, f=name, length=length)]


def _lower_reduce(name: str) -> Rule:
    def lower(program: Program, inputs: list[Item], axes: Any, **_: Any) -> list[Item]:
        return _reduce(program, inputs[0], axes, inputs[0].dtype, name)

    return lower


RULES.update({name: _lower_reduce(f) for name, f in _REDUCING.items()})


def _lower_arg(name: str) -> Rule:
    def lower(program: Program, inputs: list[Item], axes: Any, index_dtype: Any) -> list[Item]:
        return _reduce(program, inputs[0], axes, index_dtype, name)

    return lower


RULES.update({name: _lower_arg(name) for name in ("argmax", "argmin")})
