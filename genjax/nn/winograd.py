"""The passes of a wide 4×4 convolution of stride 2, with 9 products instead of 16 (Winograd 1980;
Lavin & Gray 2016, arXiv:1509.09308).

Space to depth makes it a 2×2 convolution of stride 1 over 4·C channels. In one dimension, two
neighbouring outputs of two taps need three products instead of four:

(1) y0 = x0 w0 + x1 w1 = m0 + m1        m0 = (x0 - x1) w0
    y1 = x1 w0 + x2 w1 = m1 + m2        m1 = x1 (w0 + w1)
                                        m2 = (x2 - x1) w1

that is y = A[(B x)·(G w)] with small matrices B, G and A = Gᵀ. Along both sides of an image, a tile
of 2×2 outputs comes from 3×3 inputs and 9 products, one for each place p. With B, G and A applied
to whole arrays, and B*, G*, A* their adjoints, the three passes of `genjax.nn.conv` are products of
the same three transforms:

(2) x̂ = B x, ŵ = G w, ŷ = A* y     [9, tiles, 4C], [9, 4C, O], [9, tiles, O]
(3) F = A [x̂_p ŵ_p]
(4) T = B*[ŷ_p ŵ_pᵀ]
(5) K = G*[x̂_pᵀ ŷ_p]

In a gradient, where F, T and K of the same arrays meet, the compiler transforms each array once.
All coefficients are 0 and ±1, so that rounding loses little. G and A of both sides are one matrix
each, and applied as a product: sums of slices take XLA longer to compile, and run no faster.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from genjax.nn.blocks import from_blocks, to_blocks

Size = tuple[int, ...]  # (H, W)
KERNEL, STRIDE = 4, 2
_SIDE = np.array([[1, 0], [1, 1], [0, 1]])
_G = np.kron(_SIDE, _SIDE)  # G of (1) along both sides, [9 places, 2·2]; A is its transpose


def forward(x: Array, w: Array) -> Array:
    """Compute (3): [N,H,W,C] * [4,4,C,O] → [N,⌈H/2⌉,⌈W/2⌉,O]."""
    h, v = (-(-n // STRIDE) for n in x.shape[1:3])
    products = _product(_transform_images(x), _transform_kernel(w), 2, 1)
    y = _apply(_G.T, products).reshape(2, 2, len(x), _tiles(h), _tiles(v), -1)
    y = y.transpose(2, 3, 0, 4, 1, 5).reshape(len(x), 2 * _tiles(h), 2 * _tiles(v), -1)
    return y[:, :h, :v].astype(x.dtype)


def transposed(size: Size, y: Array, w: Array) -> Array:
    """Compute (4): [N,h,w,O] * [4,4,C,O] → [N,H,W,C], where size = (H, W)."""
    c, tiles = w.shape[2], map(_tiles, y.shape[1:3])
    products = _product(_transform_outputs(y), _transform_kernel(w), 2, 2)
    products = products.reshape(3, 3, len(y), *tiles, 4 * c)
    blocks = _overlap([_overlap(row, 2) for row in products], 1)
    x = from_blocks(blocks, STRIDE)
    (top, _), (left, _) = _edges(size)
    return x[:, top : top + size[0], left : left + size[1]].astype(y.dtype)


def kernel_gradient(x: Array, y: Array) -> Array:
    """Compute (5): [N,H,W,C], [N,h,w,O] → [4,4,C,O]."""
    c, o = x.shape[-1], y.shape[-1]
    products = _product(_transform_images(x), _transform_outputs(y), 1, 1)  # [9, 4C, O]
    taps = _exchange_taps(_apply(_G.T, products).reshape(4, 4, c, o))
    return taps.reshape(4, 4, c, o).astype(x.dtype)


def _product(a: Array, b: Array, axis_a: int, axis_b: int) -> Array:
    """Multiply at each place, contracting these axes, to float32 from any precision."""
    over = (((axis_a,), (axis_b,)), ((0,), (0,)))
    return lax.dot_general(a, b, over, preferred_element_type=jnp.float32)


def _transform_images(x: Array) -> Array:
    """Compute x̂ of (2) from [N,H,W,C]."""
    _, *size, c = x.shape
    blocks = to_blocks(jnp.pad(x, [(0, 0), *_edges(size), (0, 0)]), STRIDE)
    rows = _differences(blocks, 1)
    return jnp.stack(_differences(jnp.stack(rows), 3), 1).reshape(9, -1, 4 * c)


def _transform_kernel(w: Array) -> Array:
    """Compute ŵ of (2) from [4,4,C,O]."""
    _, _, c, o = w.shape
    return _apply(_G, _exchange_taps(w)).reshape(9, 4 * c, o)


def _transform_outputs(y: Array) -> Array:
    """Compute ŷ of (2) from [N,h,w,O]."""
    n, h, v, o = y.shape
    y = jnp.pad(y, [(0, 0), (0, h % 2), (0, v % 2), (0, 0)])
    y = y.reshape(n, _tiles(h), 2, _tiles(v), 2, o).transpose(2, 4, 0, 1, 3, 5)
    return _apply(_G, y).reshape(9, -1, o)


def _apply(matrix: np.ndarray, arrays: Array) -> Array:
    """Multiply a matrix [P, Q] by Q arrays, the first axes of `arrays`: → [P, ...]."""
    rows = arrays.reshape(matrix.shape[1], -1)
    return jnp.matmul(matrix.astype(arrays.dtype), rows, precision="highest")


def _exchange_taps(w: Array) -> Array:
    """Lay out w[2d+r,2e+r',C,O] at [d,e,r,r',C,O], and what is laid out so at [d,r,e,r',C,O]."""
    return w.reshape(2, 2, 2, 2, *w.shape[2:]).swapaxes(1, 2)


def _differences(x: Array, axis: int) -> tuple[Array, Array, Array]:
    """Apply B of (1) to tiles of three elements, 2 from one to the next."""
    last = x.shape[axis] - 1
    a, b, c = (lax.slice_in_dim(x, i, last - 1 + i, 2, axis) for i in range(3))
    return a - b, b, c - b


def _overlap(tiles: Sequence[Array] | Array, axis: int) -> Array:
    """Apply B*: add what falls on the same element."""
    a, b, c = tiles
    late = [(int(i == axis), 0) for i in range(a.ndim)]
    early = [(end, begin) for begin, end in late]
    even, odd = jnp.pad(a, early) + jnp.pad(c, late), jnp.pad(b - a - c, early)
    x = _interleave([even, odd], axis)
    return lax.slice_in_dim(x, 0, x.shape[axis] - 1, 1, axis)


def _interleave(arrays: Sequence[Array], axis: int) -> Array:
    """Make two arrays the even and the odd elements of one."""
    x = jnp.stack(arrays, axis + 1)
    return x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])


def _tiles(length: int) -> int:
    """Count the tiles of 2 outputs."""
    return -(-length // 2)


def _edges(size: Sequence[int]) -> list[tuple[int, int]]:
    """Pad as "SAME" does, and further up to whole tiles."""
    pads = lax.padtype_to_pads(size, (KERNEL, KERNEL), (STRIDE, STRIDE), "SAME")
    full = [4 * _tiles(-(-n // STRIDE)) + 2 for n in size]
    befores = [int(before) for before, _ in pads]  # numpy's in older jax
    return [(b, f - n - b) for b, n, f in zip(befores, size, full, strict=True)]
