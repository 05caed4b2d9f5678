"""Draw the networks of a model: a block for every size of what flows through them."""

import itertools
from collections.abc import Sequence
from html import escape
from math import log2, prod
from typing import NamedTuple

from genjax.model import Layer, Model, summarize
from genjax.model.layers import Shape, format_shapes
from genjax.plots import html

_TALLEST = 110  # pixels of a block
_STEP = 112  # pixels from one block to the next
_TOP, _BOTTOM = 40, 42  # pixels for the texts above and below the blocks


class Block(NamedTuple):
    """Layers that follow each other and return arrays of one shape."""

    kinds: tuple[str, ...]
    outputs: tuple[Shape, ...]
    parameters: int


def draw_architecture(model: Model) -> str:
    """Return the networks of a model as HTML: a drawing of each, and a table of all layers.

    Args:
        model: a model that knows its `image_shape`.

    >>> import genjax
    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> draw_architecture(model).count("<svg")
    2
    """
    summary = summarize(model)
    parts = []
    for network, inputs in summary.inputs.items():
        layers = summary.of(network)
        blocks = [Block(("input",), inputs, 0), *group_layers(layers)]
        weights = sum(layer.parameters for layer in layers)
        caption = f"{network}: {weights:,} weights"
        title = f"<strong>{escape(network)}</strong>, {weights:,} weights"
        parts.append(
            f'<figure class="net"><figcaption>{title}</figcaption>'
            f'<div class="scroll">{_draw_blocks(blocks, caption)}</div></figure>'
        )
        rows = [["layer", "kind", "output", "weights"]] + [
            [layer.name, layer.kind, format_shapes(layer.outputs), _count(layer.parameters)]
            for layer in layers
        ]
        parts.append(
            f"<details><summary>All layers of the {escape(network)}</summary>"
            f"{html.make_table(rows)}</details>"
        )
    return "\n".join(parts)


def group_layers(layers: Sequence[Layer]) -> list[Block]:
    """Join the layers that follow each other and return arrays of one shape.

    >>> layers = [Layer("g", "a", "Dense", ((8,),), 72), Layer("g", "b", "BatchNorm", ((8,),), 16)]
    >>> group_layers(layers)
    [Block(kinds=('Dense', 'BatchNorm'), outputs=((8,),), parameters=88)]
    """
    blocks = []
    for outputs, same in itertools.groupby(layers, key=lambda layer: layer.outputs):
        joined = list(same)
        parameters = sum(layer.parameters for layer in joined)
        blocks.append(Block(tuple(layer.kind for layer in joined), outputs, parameters))
    return blocks


def _draw_blocks(blocks: Sequence[Block], caption: str) -> str:
    """Draw blocks from left to right: as high as the arrays, the wider the more channels."""
    largest = max(_measure(block)[0] for block in blocks)
    width, height = _STEP * len(blocks), _TOP + _TALLEST + _BOTTOM
    middle = _TOP + _TALLEST / 2
    parts = []
    for index, block in enumerate(blocks):
        side, channels = _measure(block)
        tall = max(6.0, _TALLEST * side / largest)
        wide = 6 + 5 * log2(channels + 1)
        centre = _STEP * (index + 0.5)
        if index:
            start = _STEP * (index - 0.5) + 34
            parts.append(
                f'<path d="M{start:.0f} {middle:.0f}H{centre - 34:.0f}"/>'
                f'<path d="M{centre - 39:.0f} {middle - 4:.0f}l5 4l-5 4"/>'
            )
        parts.append(
            f'<rect x="{centre - wide / 2:.1f}" y="{middle - tall / 2:.1f}" width="{wide:.1f}"'
            f' height="{tall:.1f}" rx="2"/>'
        )
        parts += _write(centre, 14, _name_kinds(block.kinds))
        below = [format_shapes(block.outputs), f"{block.parameters:,}" if block.parameters else ""]
        parts += _write(centre, height - 26, below)
    return (
        f'<svg role="img" aria-label="{escape(caption)}" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">{"".join(parts)}</svg>'
    )


def _measure(block: Block) -> tuple[float, int]:
    """Return the height of the first array and its number of channels; a vector has a small one."""
    shape = block.outputs[0] if block.outputs else ()
    if len(shape) == 3:
        return float(shape[0]), shape[2]
    return 4 + log2(prod(shape)) if shape else 1.0, 1


def _name_kinds(kinds: Sequence[str]) -> list[str]:
    """Return up to two lines that name the layers of a block."""
    counted = [(kind, len(list(same))) for kind, same in itertools.groupby(kinds)]
    names = [f"{kind} ×{count}" if count > 1 else kind for kind, count in counted]
    return names if len(names) < 3 else [names[0], f"+ {len(names) - 1} more"]


def _write(x: float, y: float, lines: Sequence[str]) -> list[str]:
    return [
        f'<text x="{x:.0f}" y="{y + 15 * number}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    ]


def _count(number: int) -> str:
    return f"{number:,}" if number else "–"
