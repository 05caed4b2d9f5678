"""The passes of `genjax.nn.conv` in forms that are fast inside a loop on a CPU.

Wide layers of 4×4 kernels and stride 2 take `genjax.nn.winograd`. The choice between the other
forms depends on the number of channels; docs/notes/convolutions.md has the measurements.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from genjax.nn import conv_native as native
from genjax.nn import winograd
from genjax.nn.blocks import from_blocks, to_blocks

_NARROW = 32  # channels up to which XLA's convolution in a loop keeps to one core
_WIDE = 16  # channels from which each phase of a transposed convolution is worth its own call
_WIDEST = 64 * 64  # C·O from which fewer products are worth more sums
_WIDEST_TRANSPOSED = 32 * 64  # the same for a transposed convolution


def _halves(batch: Array, channels: int) -> list[Array]:
    """Split a narrow layer's batch into two independent halves, which XLA runs on two cores.

    Over several devices the batch stays whole, as a half of it would travel between them.
    """
    middle = len(batch) // 2 if jax.device_count() == 1 else 0
    return [batch[:middle], batch[middle:]] if middle and channels <= _NARROW else [batch]


def _fits_winograd(stride: int, w_shape: native.Size, least: int) -> bool:
    k, _, channels, features = w_shape
    fits = (k, stride) == (winograd.KERNEL, winograd.STRIDE)
    return fits and channels * features >= least


def forward(stride: int, x: Array, w: Array) -> Array:
    if _fits_winograd(stride, w.shape, _WIDEST):
        return winograd.forward(x, w)
    if stride > 1 and w.shape[2] < _WIDE:
        return _forward_patches(stride, x, w)
    return jnp.concatenate([native.forward(stride, half, w) for half in _halves(x, w.shape[2])])


def _forward_patches(stride: int, x: Array, w: Array) -> Array:
    """Compute (1) as one product of patches of x, the ⌈k/s⌉² taps of `_slice_taps` side by side."""
    patches = jnp.concatenate(_slice_taps(stride, w.shape[0], x), axis=3)
    return patches @ _taps(stride, w).swapaxes(1, 2).reshape(-1, w.shape[3])


def transposed(stride: int, size: native.Size, y: Array, w: Array) -> Array:
    if _fits_winograd(stride, w.shape, _WIDEST_TRANSPOSED):
        return winograd.transposed(size, y, w)
    form = _transposed_blocks if w.shape[2] < _WIDE else _transposed_phases
    return form(stride, size, y, w)


def _transposed_phases(stride: int, size: native.Size, y: Array, w: Array) -> Array:
    """Compute (2) as a convolution of stride 1 for each of the s×s phases of the output's pixels.

    Row u = si+a-p meets the taps a of one remainder, (u+p) mod s, only: the rows s apart share
    ⌈k/s⌉ taps. This computes nothing in vain, and gives the cores s² tasks.
    """
    taps, s = _taps(stride, w)[::-1, :, ::-1], stride
    (top, _), (left, _) = _same_padding(size, w.shape[0], s)

    def phase(u: int, v: int) -> Array:
        (i, a), (j, b) = divmod(u + top, s), divmod(v + left, s)
        edges = [(len(taps) - 1 - before, before) for before in (i, j)]
        tap = taps[:, a, :, b].swapaxes(2, 3)
        return lax.conv_general_dilated(y, tap, (1, 1), edges, dimension_numbers=native.NHWC)

    rows = [jnp.stack([phase(u, v) for v in range(s)], axis=3) for u in range(s)]
    n, h, _, _, _, c = (x := jnp.stack(rows, axis=2)).shape  # [N,h,s,w,s,C]
    return x.reshape(n, s * h, -1, c)[:, : size[0], : size[1]]


def _transposed_blocks(stride: int, size: native.Size, y: Array, w: Array) -> Array:
    """Compute (2) as a convolution of stride 1 whose channels are the s×s pixels of a block.

    Row u = si+a-p of the output lies in block i+d at row r, where a = sd+r (columns alike), so a
    block sums ⌈k/s⌉² taps (d, e) of y, and the blocks are then laid out side by side.
    """
    k, _, c, o = w.shape
    taps, s = _taps(stride, w)[::-1, :, ::-1], stride
    q = len(taps)
    edge = (q - 1, q - 1)
    taps = taps.transpose(0, 2, 5, 1, 3, 4).reshape(q, q, o, s * s * c)
    blocks = lax.conv_general_dilated(y, taps, (1, 1), [edge, edge], dimension_numbers=native.NHWC)
    x = from_blocks(blocks, s)
    (top, _), (left, _) = _same_padding(size, k, s)
    return x[:, top : top + size[0], left : left + size[1]]


def _taps(stride: int, w: Array) -> Array:
    """Lay w[a,b] out at [d, r, e, r'] of [q,s,q,s,C,O], where a = sd+r, b = se+r', q = ⌈k/s⌉."""
    k, _, c, o = w.shape
    s, q = stride, -(-k // stride)
    more = (0, q * s - k)
    w = jnp.pad(w, [more, more, (0, 0), (0, 0)])
    return w.reshape(q, s, q, s, c, o)


def kernel_gradient(stride: int, k: int, x: Array, y: Array) -> Array:
    if _fits_winograd(stride, (k, k, x.shape[-1], y.shape[-1]), _WIDEST):
        return winograd.kernel_gradient(x, y)
    form = _kernel_gradient_taps if x.shape[-1] < _WIDE else _kernel_gradient_exchanged
    return form(stride, k, x, y)


def _kernel_gradient_taps(stride: int, k: int, x: Array, y: Array) -> Array:
    """Compute (3) as a product for each of the ⌈k/s⌉² taps on blocks of s×s pixels of x."""
    s, q, c, o = stride, -(-k // stride), x.shape[-1], y.shape[-1]
    taps = _slice_taps(s, k, x)
    w = jnp.stack([jnp.tensordot(tap, y, axes=[(0, 1, 2)] * 2) for tap in taps])
    w = w.reshape(q, q, s, s, c, o).swapaxes(1, 2).reshape(q * s, q * s, c, o)
    return w[:k, :k]


def _slice_taps(stride: int, k: int, x: Array) -> list[Array]:
    """List what each of the ⌈k/s⌉² taps of blocks of s×s pixels meets in x: arrays [N,h,w,s²C]."""
    s, q = stride, -(-k // stride)
    h, v = (-(-n // s) for n in x.shape[1:3])
    (top, _), (left, _) = _same_padding(x.shape[1:3], k, s)
    below, right = s * (h + q - 1) - x.shape[1] - top, s * (v + q - 1) - x.shape[2] - left
    x = to_blocks(jnp.pad(x, [(0, 0), (top, below), (left, right), (0, 0)]), s)
    return [x[:, a : a + h, b : b + v] for a in range(q) for b in range(q)]


def _kernel_gradient_exchanged(stride: int, k: int, x: Array, y: Array) -> Array:
    """Compute (3) as a convolution whose channels are the batch and whose batch is the channels.

    It sums over the pixels of y, which are `stride` apart in x: y is a dilated kernel. The
    transposes are explicit, because the layout that XLA chooses is slow.
    """
    sides = zip(_same_padding(x.shape[1:3], k, stride), x.shape[1:3], y.shape[1:3], strict=True)
    pads = [(lo, k + (h - 1) * stride - full - lo) for (lo, _), full, h in sides]

    def gradient(x: Array, y: Array) -> Array:
        x, y = x.transpose(3, 1, 2, 0), y.transpose(1, 2, 0, 3)  # [C,H,W,N], [h,w,N,O]
        return lax.conv_general_dilated(
            x, y, (1, 1), pads, rhs_dilation=(stride, stride), dimension_numbers=native.NHWC
        )

    channels = x.shape[-1]
    halves = zip(_halves(x, channels), _halves(y, channels), strict=True)
    total = sum((gradient(*half) for half in halves), start=jnp.zeros((), y.dtype))
    return total.transpose(1, 2, 0, 3)  # [C,k,k,O] → [k,k,C,O]


def _same_padding(size: native.Size, k: int, stride: int) -> list[tuple[int, int]]:
    pads = lax.padtype_to_pads(size, (k, k), (stride, stride), "SAME")
    return [(int(before), int(after)) for before, after in pads]  # numpy's in older jax
