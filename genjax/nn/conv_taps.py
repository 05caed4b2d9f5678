"""The passes of `genjax.nn.conv` as products of taps: blocks of s×s pixels of x, shifted.

A kernel k×k of stride s has q×q of them, q = ⌈k/s⌉. They serve layers of few channels, whose
convolutions leave most of a processor idle (docs/notes/convolutions.md).
"""

import jax.numpy as jnp
from jax import Array, lax

from genjax.nn.blocks import from_blocks, to_blocks
from genjax.nn.conv_native import NHWC, Size


def forward(stride: int, x: Array, w: Array) -> Array:
    """Compute (1) as one product of patches of x."""
    kernel = lay_out(stride, w).swapaxes(1, 2).reshape(-1, w.shape[3])
    return _make_patches(stride, w.shape[0], x) @ kernel


def transposed(stride: int, size: Size, y: Array, w: Array) -> Array:
    """Compute (2) as a convolution of stride 1 whose channels are the s×s pixels of a block.

    Row u = si+a-p of the output lies in block i+d at row r, where a = sd+r (columns alike), so a
    block sums q² taps (d, e) of y, and the blocks are then laid out side by side.
    """
    k, _, c, o = w.shape
    taps, s = lay_out(stride, w)[::-1, :, ::-1], stride
    q = len(taps)
    edge = (q - 1, q - 1)
    taps = taps.transpose(0, 2, 5, 1, 3, 4).reshape(q, q, o, s * s * c)
    blocks = lax.conv_general_dilated(y, taps, (1, 1), [edge, edge], dimension_numbers=NHWC)
    x = from_blocks(blocks, s)
    (top, _), (left, _) = find_padding(size, k, s)
    return x[:, top : top + size[0], left : left + size[1]]


def kernel_gradient(stride: int, k: int, x: Array, y: Array) -> Array:
    """Compute (3) as one product with the patches of `forward`."""
    s, q, c, o = stride, -(-k // stride), x.shape[-1], y.shape[-1]
    w = jnp.tensordot(_make_patches(s, k, x), y, axes=[(0, 1, 2)] * 2)
    w = w.reshape(q, q, s, s, c, o).swapaxes(1, 2).reshape(q * s, q * s, c, o)
    return w[:k, :k]


def _make_patches(stride: int, k: int, x: Array) -> Array:
    """Lay what the q² taps of blocks of s×s pixels meet in x side by side: [N,h,w,q²s²C]."""
    s, q = stride, -(-k // stride)
    h, v = (-(-n // s) for n in x.shape[1:3])
    (top, _), (left, _) = find_padding(x.shape[1:3], k, s)
    below, right = s * (h + q - 1) - x.shape[1] - top, s * (v + q - 1) - x.shape[2] - left
    x = to_blocks(jnp.pad(x, [(0, 0), (top, below), (left, right), (0, 0)]), s)
    taps = [x[:, a : a + h, b : b + v] for a in range(q) for b in range(q)]
    return jnp.concatenate(taps, axis=3)


def lay_out(stride: int, w: Array) -> Array:
    """Lay w[a,b] out at [d, r, e, r'] of [q,s,q,s,C,O], where a = sd+r and b = se+r'."""
    k, _, c, o = w.shape
    s, q = stride, -(-k // stride)
    more = (0, q * s - k)
    w = jnp.pad(w, [more, more, (0, 0), (0, 0)])
    return w.reshape(q, s, q, s, c, o)


def find_padding(size: Size, k: int, stride: int) -> list[tuple[int, int]]:
    """Return how many rows "SAME" padding sets before and after, and how many columns."""
    pads = lax.padtype_to_pads(size, (k, k), (stride, stride), "SAME")
    return [(int(before), int(after)) for before, after in pads]  # numpy's in older jax
