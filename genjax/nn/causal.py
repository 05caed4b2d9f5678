"""The network of the gated PixelCNN, in which a pixel sees only the pixels before it.

Pixels have the order of reading: rows from the top, columns from the left, then channels.

The gated PixelCNN (van den Oord et al. 2016, arXiv:1606.05328, section 2) has two stacks, since one
alone has a blind spot to the right of the pixel (section 2.2, figure 1):

(1) a_l(r, c) = A v_{l-1}(r-k..r, c-k..c+k),  v_l = v_{l-1} + g(a_l)     vertical: the rows above
(2) h_l(r, c) = h_{l-1}(r, c) + C g(B h_{l-1}(r, c-k..c) + D a_l(r, c))  horizontal: the row, too
(3) g(s, t)   = tanh(s) sigmoid(t)                                       the gate, equation 2

The first layers see strictly above, and strictly to the left (mask A of the paper). The others see
their own position, too (mask B). Each look back is a product of shifted copies: nothing is masked.
The channels of one pixel come from `Head`s, each of which sees the values of the earlier channels.
"""

from collections.abc import Iterable
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from genjax.nn.dense import Dense


def look_back(x: Array, rows: Iterable[int], columns: Iterable[int]) -> Array:
    """Gather neighbours of each position: [N, H, W, F] -> [N, H, W, rows x columns x F].

    Offsets are relative to the position; those of rows are at most 0. Outside x are zeros.

    >>> look_back(jnp.arange(1.0, 4.0).reshape(1, 1, 3, 1), rows=[0], columns=[-1])[0, 0, :, 0]
    Array([0., 1., 2.], dtype=float32)
    """
    rows, columns, (height, width) = list(rows), list(columns), x.shape[1:3]
    top, left, right = -min(rows), max(0, -min(columns)), max(0, max(columns))
    padded = jnp.pad(x, ((0, 0), (top, 0), (left, right), (0, 0)))
    shifted = [
        padded[:, top + row : top + row + height, left + column : left + column + width]
        for row in rows
        for column in columns
    ]
    return jnp.concatenate(shifted, axis=-1)


def gate(x: Array) -> Array:
    """Compute (3) of the two halves of the last axis."""
    s, t = jnp.split(x, 2, axis=-1)
    return jnp.tanh(s) * nn.sigmoid(t)


class Pointwise(nn.Module):
    """Apply a dense layer at every position: [N, H, W, D] -> [N, H, W, features]."""

    features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        y = Dense(self.features)(x.reshape(-1, x.shape[-1]))
        return y.reshape(*x.shape[:-1], self.features)


class GatedLayer(nn.Module):
    """The products of (1) and (2) in one layer, over [N, H, W, width]."""

    width: int
    reach: int

    def setup(self) -> None:
        self.above = Pointwise(2 * self.width)  # A
        self.left = Pointwise(2 * self.width)  # B
        self.out = Pointwise(self.width)  # C
        self.from_above = Pointwise(2 * self.width)  # D

    def see_above(self, v: Array) -> Array:
        """Compute a_l, (1). Only the last row of `v` need be wanted."""
        return self.above(look_back(v, range(-self.reach, 1), range(-self.reach, self.reach + 1)))

    def advance(self, h: Array, above: Array) -> Array:
        """Compute h_l, (2), at the columns of `above`: the last ones of `h`."""
        width = above.shape[2]
        seen = look_back(h, [0], range(-self.reach, 1))[:, :, -width:]
        return h[:, :, -width:] + self.out(gate(self.left(seen) + self.from_above(above)))


class Head(nn.Module):
    """Give the logits of a channel's value from h, and from the earlier channels of the pixel."""

    width: int
    levels: int

    @nn.compact
    def __call__(self, h: Array, earlier: Array) -> Array:
        x = Pointwise(self.width)(nn.relu(h))
        if earlier.shape[-1]:
            x = x + Pointwise(self.width)(earlier)
        return Pointwise(self.levels)(nn.relu(x))


class Seen(NamedTuple):
    """The rows above a row, or the pixels left of a pixel: the inputs, and v or h of each layer."""

    inputs: Array
    layers: tuple[Array, ...]


class GatedPixelCNN(nn.Module):
    """Give the logits of the value of every pixel and channel, from those before it.

    The call takes values [N, H, W, C], and returns [N, H, W, C, levels]. Floats are taken as they
    are; whole numbers from 0 to levels - 1 are embedded, so that near ones need not be alike.

    `pass_row` and `pass_pixel` compute the same a pixel at a time, from the rows and the columns
    that they keep: drawing an image then costs about as much as one call (Ramachandran et al.
    2017, arXiv:1704.06001).

    Attributes:
        levels: number of values of a pixel.
        channels: C.
        width: channels of both stacks.
        depth: number of layers after the first.
        reach: k, how far a layer sees, in pixels.
        first_reach: how far the first layer sees.
    """

    levels: int
    channels: int
    width: int
    depth: int
    reach: int = 1
    first_reach: int = 3

    def setup(self) -> None:
        self.embed = nn.Embed(self.levels, self.width, param_dtype=jnp.float32)
        self.first_above = Pointwise(self.width)
        self.first_left = Pointwise(self.width)
        self.layers = [GatedLayer(self.width, self.reach) for _ in range(self.depth)]
        self.heads = [Head(self.width, self.levels) for _ in range(self.channels)]

    def __call__(self, x: Array) -> Array:
        inputs = self.represent(x)
        v, h = self._start_above(inputs), self._start_left(inputs)
        for layer in self.layers:
            above = layer.see_above(v)
            v, h = v + gate(above), layer.advance(h, above)
        return jnp.stack([self.read(h, x, channel) for channel in range(self.channels)], axis=-2)

    def represent(self, x: Array) -> Array:
        """Return the inputs for values [N, H, W, C], with a 1 by which they differ from a border.

        >>> GatedPixelCNN(2, 1, 4, 1).apply({}, jnp.zeros((1, 1, 1, 1)), method="represent")
        Array([[[[0., 1.]]]], dtype=float32)
        """
        values = self._embed(x)
        return jnp.concatenate([values, jnp.ones((*x.shape[:3], 1), values.dtype)], axis=-1)

    def read(self, h: Array, x: Array, channel: int) -> Array:
        """Return the logits [N, H, W, levels] of a channel; of `x` the earlier ones are seen."""
        return self.heads[channel](h, self._embed(x[..., :channel]))

    def see_nothing(self, x: Array, width: int) -> tuple[Seen, Seen]:
        """Return what the first row, of that width, and its first pixel see, before values `x`."""
        num, features = len(x), self.represent(x).shape[-1]
        rows = jnp.zeros((num, self.first_reach, width, features))
        columns = jnp.zeros((num, 1, self.first_reach, features))
        v = jnp.zeros((num, self.reach, width, self.width))
        h = jnp.zeros((num, 1, self.reach, self.width))
        return Seen(rows, (v,) * self.depth), Seen(columns, (h,) * self.depth)

    def pass_row(self, seen: Seen) -> tuple[Seen, tuple[Array, ...]]:
        """Return what the row below will see, but for the inputs, and a_l of this row."""
        here = jnp.zeros_like(seen.inputs[:, :1])
        v = self._start_above(jnp.concatenate([seen.inputs, here], axis=1))[:, -1:]
        kept, aboves = [], []
        for layer, rows in zip(self.layers, seen.layers, strict=True):
            window = jnp.concatenate([rows, v], axis=1)
            above = layer.see_above(window)[:, -1:]
            kept.append(window[:, 1:])
            aboves.append(above)
            v = v + gate(above)
        return Seen(seen.inputs, tuple(kept)), tuple(aboves)

    def pass_pixel(self, seen: Seen, aboves: tuple[Array, ...]) -> tuple[Seen, Array]:
        """Return what the pixel to the right will see, but for the inputs, and h of this pixel."""
        here = jnp.zeros_like(seen.inputs[:, :, :1])
        h = self._start_left(jnp.concatenate([seen.inputs, here], axis=2))[:, :, -1:]
        kept = []
        for layer, columns, above in zip(self.layers, seen.layers, aboves, strict=True):
            window = jnp.concatenate([columns, h], axis=2)
            kept.append(window[:, :, 1:])
            h = layer.advance(window, above)
        return Seen(seen.inputs, tuple(kept)), h

    def _embed(self, x: Array) -> Array:
        if jnp.issubdtype(x.dtype, jnp.floating):
            return x
        return self.embed(x).reshape(*x.shape[:3], -1)

    def _start_above(self, inputs: Array) -> Array:
        reach = self.first_reach
        return self.first_above(look_back(inputs, range(-reach, 0), range(-reach, reach + 1)))

    def _start_left(self, inputs: Array) -> Array:
        return self.first_left(look_back(inputs, [0], range(-self.first_reach, 0)))
