"""The passes of `genjax.nn.conv` in forms that are fast inside a loop on a CPU.

Wide layers of 4×4 kernels and stride 2 take `genjax.nn.winograd`. The choice between the other
forms depends on the number of channels; docs/notes/convolutions.md has the measurements.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from genjax.nn import conv_native as native
from genjax.nn import conv_taps as taps
from genjax.nn import winograd

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
        return taps.forward(stride, x, w)
    return jnp.concatenate([native.forward(stride, half, w) for half in _halves(x, w.shape[2])])


def transposed(stride: int, size: native.Size, y: Array, w: Array) -> Array:
    if _fits_winograd(stride, w.shape, _WIDEST_TRANSPOSED):
        return winograd.transposed(size, y, w)
    form = taps.transposed if w.shape[2] < _WIDE else _transposed_phases
    return form(stride, size, y, w)


def _transposed_phases(stride: int, size: native.Size, y: Array, w: Array) -> Array:
    """Compute (2) as a convolution of stride 1 for each of the s×s phases of the output's pixels.

    Row u = si+a-p meets the taps a of one remainder, (u+p) mod s, only: the rows s apart share
    ⌈k/s⌉ taps. This computes nothing in vain, and gives the cores s² tasks.
    """
    laid, s = taps.lay_out(stride, w)[::-1, :, ::-1], stride
    (top, _), (left, _) = taps.find_padding(size, w.shape[0], s)

    def phase(u: int, v: int) -> Array:
        (i, a), (j, b) = divmod(u + top, s), divmod(v + left, s)
        edges = [(len(laid) - 1 - before, before) for before in (i, j)]
        tap = laid[:, a, :, b].swapaxes(2, 3)
        return lax.conv_general_dilated(y, tap, (1, 1), edges, dimension_numbers=native.NHWC)

    rows = [jnp.stack([phase(u, v) for v in range(s)], axis=3) for u in range(s)]
    n, h, _, _, _, c = (x := jnp.stack(rows, axis=2)).shape  # [N,h,s,w,s,C]
    return x.reshape(n, s * h, -1, c)[:, : size[0], : size[1]]


def kernel_gradient(stride: int, k: int, x: Array, y: Array) -> Array:
    if _fits_winograd(stride, (k, k, x.shape[-1], y.shape[-1]), _WIDEST):
        return winograd.kernel_gradient(x, y)
    form = taps.kernel_gradient if x.shape[-1] < _WIDE else _kernel_gradient_exchanged
    return form(stride, k, x, y)


def _kernel_gradient_exchanged(stride: int, k: int, x: Array, y: Array) -> Array:
    """Compute (3) as a convolution whose channels are the batch and whose batch is the channels.

    It sums over the pixels of y, which are `stride` apart in x: y is a dilated kernel. The
    transposes are explicit, because the layout that XLA chooses is slow.
    """
    sides = zip(taps.find_padding(x.shape[1:3], k, stride), x.shape[1:3], y.shape[1:3], strict=True)
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
