"""Write products, convolutions, look-ups and loops of jax as steps of a page's program."""

from typing import Any

import numpy as np
from jax import lax

from genjax.errors import UserError
from genjax.sharing.publish_program import Item, Program, follow, rule
from genjax.sharing.publish_steps import (
    concatenate,
    find_strides,
    slice_axis,
    transpose,
)


def _count(shape: Any) -> int:
    return int(np.prod(shape))


@rule("dot_general")
def _lower_product(
    program: Program, inputs: list[Item], dimension_numbers: Any, **_: Any
) -> list[Item]:  # (5)
    (summed, batched), shapes, rows = dimension_numbers, [], []
    for item, over, along in zip(inputs, summed, batched, strict=True):
        free = [d for d in range(len(item.shape)) if d not in (*over, *along)]
        rows.append(transpose(program, item, [*along, *free, *over]))
        shapes.append([item.shape[d] for d in free])
    left = inputs[0]
    batch = [left.shape[d] for d in batched[0]]
    sizes = {
        "b": _count(batch), "m": _count(shapes[0]), "n": _count(shapes[1]),
        "k": _count([left.shape[d] for d in summed[0]]),
    }  # fmt: skip
    shape = [*batch, *shapes[0], *shapes[1]]
    return [program.add_step("multiply", rows, shape, left.dtype, **sizes)]


@rule("conv_general_dilated")
def _lower_convolution(
    program: Program,
    inputs: list[Item],
    window_strides: Any,
    padding: Any,
    lhs_dilation: Any,
    rhs_dilation: Any,
    dimension_numbers: Any,
    feature_group_count: int,
    batch_group_count: int,
    **_: Any,
) -> list[Item]:  # (6)
    if len(window_strides) != 2 or batch_group_count != 1:
        raise UserError("the decoder cannot be published: a page convolves only images.")
    x_axes, w_axes, out_axes = dimension_numbers
    x = transpose(program, inputs[0], [x_axes[d] for d in (0, 2, 3, 1)])  # [N,H,W,C]
    w = transpose(program, inputs[1], [w_axes[d] for d in (2, 3, 1, 0)])  # [k,k,C,O]
    options = {
        "stride": list(window_strides), "pad": [low for low, _ in padding],
        "spread": list(lhs_dilation), "dilation": list(rhs_dilation),
    }  # fmt: skip
    size = [
        _count_places(n, k, *pair)
        for n, k, *pair in zip(
            x.shape[1:3], w.shape[:2], window_strides, padding, lhs_dilation, rhs_dilation,
            strict=True,
        )
    ]  # fmt: skip
    groups = []
    for g in range(feature_group_count):
        part, kernel = x, w
        if feature_group_count > 1:
            part = slice_axis(program, x, 3, g * w.shape[2], w.shape[2])
            features = w.shape[3] // feature_group_count
            kernel = slice_axis(program, w, 3, g * features, features)
        shape = [x.shape[0], *size, kernel.shape[3]]
        shapes = {"x": list(part.shape), "w": list(kernel.shape), "sizes": shape}
        fixed = isinstance(kernel, np.ndarray) or kernel.fixed
        step = program.add_step(
            "convolve", [part, kernel], shape, x.dtype, fixed=fixed, **shapes, **options
        )
        groups.append(step)
    out = groups[0] if len(groups) == 1 else concatenate(program, groups, 3)
    order = np.argsort([out_axes[d] for d in (0, 2, 3, 1)]).tolist()
    return [transpose(program, out, order)]


def _count_places(
    n: int, k: int, stride: int, padding: tuple[int, int], spread: int, dilation: int
) -> int:
    """Return how many places a kernel takes along an axis."""
    whole = (n - 1) * spread + 1 + sum(padding)
    return (whole - (k - 1) * dilation - 1) // stride + 1


def _describe_window(shape: Any, strides: list[int], left_out: Any, starts: Any) -> dict[str, Any]:
    """Return what (7) needs: where a window of an array may start, and what lies in it."""
    kept = [d for d in range(len(strides)) if d not in left_out]
    return {
        "strides": [strides[d] for d in starts],
        "window": [shape[d] for d in kept],
        "steps": [strides[d] for d in kept],
    }


def _check_window(numbers: Any, mode: Any) -> None:
    if numbers.operand_batching_dims or mode not in (
        lax.GatherScatterMode.CLIP,
        lax.GatherScatterMode.FILL_OR_DROP,
        lax.GatherScatterMode.PROMISE_IN_BOUNDS,
    ):
        raise UserError("the decoder cannot be published: it looks numbers up in batches.")


@rule("gather")
def _lower_gather(
    program: Program,
    inputs: list[Item],
    dimension_numbers: Any,
    slice_sizes: Any,
    mode: Any,
    fill_value: Any,
    **_: Any,
) -> list[Item]:  # (7)
    item, starts = inputs
    _check_window(dimension_numbers, mode)
    strides, named = find_strides(item.shape), dimension_numbers.start_index_map
    window = _describe_window(slice_sizes, strides, dimension_numbers.collapsed_slice_dims, named)
    limits = [item.shape[d] - slice_sizes[d] for d in named]
    places = list(starts.shape[:-1])
    fills = mode == lax.GatherScatterMode.FILL_OR_DROP
    options = {"count": _count(places), "limits": limits, "fills": fills, **window}
    if fills:
        default = np.nan if np.issubdtype(item.dtype, np.floating) else 0
        options["fill"] = None if fill_value is None and default else float(fill_value or 0)
    shape = [*places, *window["window"]]
    out = program.add_step("gather", [item, starts], shape, item.dtype, **options)
    inside = dimension_numbers.offset_dims
    outside = [d for d in range(len(shape)) if d not in inside]
    return [transpose(program, out, np.argsort([*outside, *inside]).tolist())]


@rule("scatter")
def _lower_scatter(
    program: Program,
    inputs: list[Item],
    dimension_numbers: Any,
    mode: Any,
    **_: Any,
) -> list[Item]:  # (7)
    item, starts, updates = inputs
    _check_window(dimension_numbers, mode)
    named = dimension_numbers.scatter_dims_to_operand_dims
    inside, left_out = dimension_numbers.update_window_dims, dimension_numbers.inserted_window_dims
    outside = [d for d in range(len(updates.shape)) if d not in inside]
    kept = [d for d in range(len(item.shape)) if d not in left_out]
    sizes = [1] * len(item.shape)
    for d, own in zip(kept, inside, strict=True):
        sizes[d] = updates.shape[own]
    window = _describe_window(sizes, find_strides(item.shape), left_out, named)
    rows = transpose(program, updates, [*outside, *inside])
    options = {
        "count": _count(starts.shape[:-1]),
        "limits": [item.shape[d] - sizes[d] for d in named],
        **window,
    }
    return [program.add_step("scatter", [item, starts, rows], item.shape, item.dtype, **options)]


@rule("scan")
def _lower_loop(
    program: Program,
    inputs: list[Item],
    jaxpr: Any,
    length: int,
    reverse: bool,
    num_consts: int,
    num_carry: int,
    **_: Any,
) -> list[Item]:  # (8)
    consts, rows = inputs[:num_consts], inputs[num_consts + num_carry :]
    carry = inputs[num_consts : num_consts + num_carry]
    states = [program.make_value(item.shape, item.dtype) for item in carry]
    parts = [program.make_value(item.shape[1:], item.dtype) for item in rows]
    with program.collect_body() as body:
        results = follow(program, jaxpr.jaxpr, jaxpr.consts, [*consts, *states, *parts])
    stacked = [
        program.make_value((length, *item.shape), item.dtype) for item in results[num_carry:]
    ]
    outs = [program.make_value(item.shape, item.dtype) for item in states]
    numbers = [*outs, *stacked]
    step = {
        "kind": "loop", "in": [program.find_number(item) for item in [*carry, *rows]],
        "out": -1, "outs": [item.number for item in numbers], "length": length,
        "reverse": reverse, "states": [item.number for item in states],
        "parts": [item.number for item in parts], "body": body,
        "results": [program.find_number(item) for item in results],
    }  # fmt: skip
    program.each.append(step)
    return list(numbers)
