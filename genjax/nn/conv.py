"""Convolutions that stay fast inside `lax.scan` on a CPU, whatever is differentiated.

A convolution of stride s with a k×k kernel w is bilinear. With "SAME" padding (p before the first
row; p' before the first column) it has three passes, and each is linear in two arrays:

(1) F(x, w)[n,i,j,o] = Σ_abc x[n, si+a-p, sj+b-p', c] w[a,b,c,o]     forward
(2) T(y, w)[n,u,v,c] = Σ_abo y[n,i,j,o] w[a,b,c,o],                  transposed: input gradient
                       over the i, j with si+a-p = u, sj+b-p' = v
(3) K(x, y)[a,b,c,o] = Σ_nij x[n, si+a-p, sj+b-p', c] y[n,i,j,o]     kernel gradient

All three come from one trilinear form, <F(x, w), y> = <x, T(y, w)> = <w, K(x, y)>, so the gradients
of each pass are the other two, and every derivative of every order is one of the three. (In reverse
mode, `jax.grad` and `jax.vjp` of any depth; JAX refuses `jax.jvp` of what has its own gradient.)

(4) F: dx = T(dy, w), dw = K(x, dy)
(5) T: dy = F(dx, w), dw = K(dx, y)
(6) K: dx = T(y, dw), dy = F(x, dw)

On a GPU or TPU the passes are XLA's convolution and its transposes. On a CPU those transposes are
up to 175 times slower in a loop than outside it (jax issue 12868), so T and K take other forms.

What was tried, milliseconds a pass in a scan (2 CPU cores, jax 0.10.2, float32, 4×4 kernels of
stride 2): A 28×28×1 → 32 and B 14×14×32 → 64 with batch 128, C 16×16×64 → 128 with batch 64.

| pass | form                                          | A    | B    | C    |
| F    | XLA's (used: nothing to copy)                 | 0.45 | 3.8  | 5.0  |
|      | patches, one product                          | 0.37 | 1.8  | 4.3  |
|      | space to depth, XLA's 2×2 convolution         | 0.76 | 6.6  | 7.7  |
| T    | XLA's to blocks of pixels (used: C < 16)      | 1.9  | 2.2  | 5.0  |
|      | XLA's to each phase of pixels (used: C ≥ 16)  | below              |
|      | one product, shifted sums                     | 0.50 | 2.9  | 9.3  |
|      | a product a tap and row, sums                 | 1.05 | 2.2  | 5.1  |
|      | XLA's, y explicitly dilated                   | 1.2  | 4.0  | 6.8  |
| K    | XLA's, batch and channels exchanged (C ≥ 16)  | 1.0  | 5.1  | 6.3  |
|      | patches, one product                          | 0.9  | 4.2  | 10.0 |
|      | patches with the batch last, one product      | 1.1  | 3.1  | 6.1  |

Whole training steps decide otherwise than single passes, because XLA fuses the layers around a pass
into every copy of its patches and sums: with patches for F and K a convolutional VAE ran at 3,200
images/s and a DCGAN at 390, with the forms used here at 4,000 and 450. Shifted sums for T train as
fast, but slow down what follows them: decoding and its log-density took 22 microseconds an image,
and take 18 with blocks of pixels. Narrow batches run in halves, a core each.

Blocks of pixels reach beyond the output: (h+1)(w+1) of them for h·w pixels of y, 1.27 times the
products where y is 8×8 and 1.56 where it is 4×4. Phases compute none in vain. Measured later, with
other work on the two cores, so that only ratios count, milliseconds of a T with blocks and with
phases: A 2.3 and 2.6, B 4.6 and 4.3, C 11.9 and 10.0, and 8×8×128 from 4×4×256 11.8 and 9.6. The
CPU time of a DCGAN's step fell by 7%, that of a VAE's by 1.5%.

Wide layers of 4×4 kernels take their passes from `genjax.nn.winograd`, which has 9 products for 16
and more sums. Whole training steps, images/s: the DCGAN 64-128-256 rose from 450 to 560 with all
three passes of its 64·128 and 128·256 channels in that form, the VAE with the T of its 32·64
channels from 3,590 to 4,060 (and decodes 1.3 times as fast), and with K of the layer next to the
image as a product a tap to 4,200. Not used, since whole steps became slower or no faster: F and T
without K, whose transforms they share (DCGAN, CPU time an image: 4,180 microseconds; with K 3,400,
without all 4,140); F and K of 32·64 channels (VAE: 3,640); K of more channels as a product a tap
(VAE: 3,400); 3×3 kernels of stride 1 with 16 products for 36 (R3GAN: CPU time 5,650 and 5,430, but
twice the time to compile).
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax import Array, lax

from genjax.nn import winograd
from genjax.nn.blocks import from_blocks, to_blocks
from genjax.nn.precision import biased

Initializer = Callable[..., Array]
Size = tuple[int, ...]  # (H, W)
Pass = Callable[..., Array]
NARROW = 32  # channels: up to here XLA's convolution in a loop keeps to one core
WIDE = 16  # channels: from here each phase of a transposed convolution is worth its own call
WIDEST = 64 * 64  # C·O: from here fewer products are worth more sums
WIDEST_T = 32 * 64  # of a transposed convolution
NHWC = ("NHWC", "HWIO", "NHWC")


def conv(x: Array, kernel: Array, stride: int = 1) -> Array:
    """Convolution with "SAME" padding: [N,H,W,C] * [k,k,C,O] → [N,⌈H/s⌉,⌈W/s⌉,O]."""
    _check("conv", x, kernel, stride, channels=2)
    return _forward(stride, *promote_dtype(x, kernel))


def conv_transpose(y: Array, kernel: Array, stride: int, size: tuple[int, int]) -> Array:
    """The adjoint of `conv` in x: [N,h,w,O] * [k,k,C,O] → [N,H,W,C], where size = (H, W)."""
    _check("conv_transpose", y, kernel, stride, channels=3)
    small = _out_size(size, stride)
    if y.shape[1:3] != small:
        raise ValueError(
            f"conv_transpose: stride {stride} takes size {tuple(size)} from {small}, "
            f"but y has size {y.shape[1:3]}"
        )
    return _transposed(stride, tuple(size), *promote_dtype(y, kernel))


class Conv(nn.Module):
    """`conv` with a kernel [k,k,C,features] and a bias: [N,H,W,C] → [N,⌈H/s⌉,⌈W/s⌉,features]."""

    features: int
    kernel_size: int
    stride: int = 1
    use_bias: bool = True
    # Each output sums k·k·C products: that is the fan-in of a kernel [k,k,C,O] in linen's reading.
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,)) if self.use_bias else 0
        x, kernel, bias = promote_dtype(x, kernel, bias)
        return biased(conv(x, kernel, self.stride), bias, x.dtype)


class ConvTranspose(nn.Module):
    """`conv_transpose` with a kernel [k,k,features,C] and a bias: [N,h,w,C] → [N,H,W,features]."""

    features: int
    kernel_size: int
    stride: int
    size: tuple[int, int]
    use_bias: bool = True
    kernel_init: Initializer | None = None

    @nn.compact
    def __call__(self, y: Array) -> Array:
        shape = (self.kernel_size, self.kernel_size, self.features, y.shape[-1])
        kernel = self.param("kernel", self.kernel_init or _transposed_init(self.stride), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,)) if self.use_bias else 0
        y, kernel, bias = promote_dtype(y, kernel, bias)
        return biased(conv_transpose(y, kernel, self.stride, self.size), bias, y.dtype)


def _transposed_init(stride: int) -> Initializer:
    """Lecun-normal: of the k·k·O products that (2) could sum, an output sums one in s²."""
    return nn.initializers.variance_scaling(
        stride**2, "fan_in", "truncated_normal", in_axis=-1, out_axis=-2
    )


# The three passes and their derivatives.


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _forward(stride: int, x: Array, w: Array) -> Array:  # (1)
    return _by_platform(_forward_cpu, _forward_native, stride)(x, w)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _transposed(stride: int, size: Size, y: Array, w: Array) -> Array:  # (2)
    return _by_platform(_transposed_cpu, _transposed_native, stride, size)(y, w)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _kernel_gradient(stride: int, k: int, x: Array, y: Array) -> Array:  # (3)
    return _by_platform(_kernel_gradient_cpu, _kernel_gradient_native, stride, k)(x, y)


def _forward_vjp(stride, arrays, dy):  # (4)
    x, w = arrays
    return (
        _transposed(stride, x.shape[1:3], dy, w),
        _kernel_gradient(stride, w.shape[0], x, dy),
    )


def _transposed_vjp(stride, size, arrays, dx):  # (5)
    y, w = arrays
    return _forward(stride, dx, w), _kernel_gradient(stride, w.shape[0], dx, y)


def _kernel_gradient_vjp(stride, k, arrays, dw):  # (6)
    x, y = arrays
    return _transposed(stride, x.shape[1:3], y, dw), _forward(stride, x, dw)


_forward.defvjp(lambda s, x, w: (_forward(s, x, w), (x, w)), _forward_vjp)
_transposed.defvjp(lambda s, z, y, w: (_transposed(s, z, y, w), (y, w)), _transposed_vjp)
_kernel_gradient.defvjp(
    lambda s, k, x, y: (_kernel_gradient(s, k, x, y), (x, y)), _kernel_gradient_vjp
)


def _by_platform(cpu: Pass, native: Pass, *static) -> Callable[[Array, Array], Array]:
    return lambda a, b: lax.platform_dependent(
        a, b, cpu=_one_at_a_time(partial(cpu, *static)), default=partial(native, *static)
    )


def _one_at_a_time(bilinear: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """Under a vmap over both arrays (many seeds) a loop: XLA's grouped convolutions are slow."""
    mapped = jax.custom_batching.custom_vmap(bilinear)

    @mapped.def_vmap
    def rule(size, batched, a, b):
        if all(batched):
            return lax.map(lambda pair: mapped(*pair), (a, b)), True
        return jax.vmap(bilinear, [0 if each else None for each in batched])(a, b), True

    return mapped


# On a GPU or TPU: XLA's convolution and its transposes.


def _forward_native(stride: int, x: Array, w: Array) -> Array:
    return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=NHWC)


def _transposed_native(stride: int, size: Size, y: Array, w: Array) -> Array:
    x = jax.ShapeDtypeStruct((y.shape[0], *size, w.shape[2]), y.dtype)
    return jax.linear_transpose(lambda x: _forward_native(stride, x, w), x)(y)[0]


def _kernel_gradient_native(stride: int, k: int, x: Array, y: Array) -> Array:
    w = jax.ShapeDtypeStruct((k, k, x.shape[-1], y.shape[-1]), y.dtype)
    return jax.linear_transpose(lambda w: _forward_native(stride, x, w), w)(y)[0]


# On a CPU: the forms that are fast in a loop.


def _halves(batch: Array, channels: int) -> list[Array]:
    """Two independent halves of a narrow layer's batch, which XLA runs on two cores at once.

    Not over several devices: a half of the whole batch would travel between them.
    """
    middle = len(batch) // 2 if jax.device_count() == 1 else 0
    return [batch[:middle], batch[middle:]] if middle and channels <= NARROW else [batch]


def _fits_winograd(stride: int, w_shape: Size, least: int) -> bool:
    k, _, channels, features = w_shape
    fits = (k, stride) == (winograd.KERNEL, winograd.STRIDE)
    return fits and channels * features >= least


def _forward_cpu(stride: int, x: Array, w: Array) -> Array:
    if _fits_winograd(stride, w.shape, WIDEST):
        return winograd.forward(x, w)
    return jnp.concatenate([_forward_native(stride, half, w) for half in _halves(x, w.shape[2])])


def _transposed_cpu(stride: int, size: Size, y: Array, w: Array) -> Array:
    if _fits_winograd(stride, w.shape, WIDEST_T):
        return winograd.transposed(size, y, w)
    form = _transposed_blocks if w.shape[2] < WIDE else _transposed_phases
    return form(stride, size, y, w)


def _transposed_phases(stride: int, size: Size, y: Array, w: Array) -> Array:
    """(2) as one convolution of stride 1 for each of the s×s phases of the output's pixels.

    Row u = si+a-p meets the taps a of one remainder, (u+p) mod s, only: the rows s apart share
    ⌈k/s⌉ taps. Nothing is computed that is not needed, and there are s² tasks for the cores.
    """
    taps, s = _taps(stride, w), stride
    (top, _), (left, _) = _same(size, w.shape[0], s)

    def phase(u: int, v: int) -> Array:
        (i, a), (j, b) = divmod(u + top, s), divmod(v + left, s)
        edges = [(len(taps) - 1 - before, before) for before in (i, j)]
        tap = taps[:, a, :, b].swapaxes(2, 3)
        return lax.conv_general_dilated(y, tap, (1, 1), edges, dimension_numbers=NHWC)

    rows = [jnp.stack([phase(u, v) for v in range(s)], axis=3) for u in range(s)]
    n, h, _, _, _, c = (x := jnp.stack(rows, axis=2)).shape  # [N,h,s,w,s,C]
    return x.reshape(n, s * h, -1, c)[:, : size[0], : size[1]]


def _transposed_blocks(stride: int, size: Size, y: Array, w: Array) -> Array:
    """(2) as a convolution of stride 1 whose channels are the s×s pixels of a block.

    Row u = si+a-p of the output lies in block i+d at row r, where a = sd+r (columns alike), so a
    block sums ⌈k/s⌉² taps (d, e) of y, and the blocks are then laid out side by side.
    """
    k, _, c, o = w.shape
    taps, s = _taps(stride, w), stride
    q = len(taps)
    edge = (q - 1, q - 1)
    taps = taps.transpose(0, 2, 5, 1, 3, 4).reshape(q, q, o, s * s * c)
    blocks = lax.conv_general_dilated(y, taps, (1, 1), [edge, edge], dimension_numbers=NHWC)
    x = from_blocks(blocks, s)
    (top, _), (left, _) = _same(size, k, s)
    return x[:, top : top + size[0], left : left + size[1]]


def _taps(stride: int, w: Array) -> Array:
    """w[a,b] at [q-1-d, r, q-1-e, r'] where a = sd+r, b = se+r', and q = ⌈k/s⌉."""
    k, _, c, o = w.shape
    s, q = stride, -(-k // stride)
    more = (0, q * s - k)
    w = jnp.pad(w, [more, more, (0, 0), (0, 0)])
    return w.reshape(q, s, q, s, c, o)[::-1, :, ::-1]


def _kernel_gradient_cpu(stride: int, k: int, x: Array, y: Array) -> Array:
    if _fits_winograd(stride, (k, k, x.shape[-1], y.shape[-1]), WIDEST):
        return winograd.kernel_gradient(x, y)
    form = _kernel_gradient_taps if x.shape[-1] < WIDE else _kernel_gradient_exchanged
    return form(stride, k, x, y)


def _kernel_gradient_taps(stride: int, k: int, x: Array, y: Array) -> Array:
    """(3) as a product for each of the ⌈k/s⌉² taps on blocks of s×s pixels of x."""
    s, q, c = stride, -(-k // stride), x.shape[-1]
    _, h, v, o = y.shape
    (top, _), (left, _) = _same(x.shape[1:3], k, s)
    below, right = s * (h + q - 1) - x.shape[1] - top, s * (v + q - 1) - x.shape[2] - left
    x = jnp.pad(x, [(0, 0), (top, below), (left, right), (0, 0)])
    x = to_blocks(x, s)
    taps = [x[:, a : a + h, b : b + v] for a in range(q) for b in range(q)]
    w = jnp.stack([jnp.tensordot(tap, y, axes=[(0, 1, 2)] * 2) for tap in taps])
    w = w.reshape(q, q, s, s, c, o).swapaxes(1, 2).reshape(q * s, q * s, c, o)
    return w[:k, :k]


def _kernel_gradient_exchanged(stride: int, k: int, x: Array, y: Array) -> Array:
    """(3) as a convolution whose channels are the batch and whose batch is the channels.

    It sums over the pixels of y, `stride` apart in x: y is a dilated kernel. The transposes are
    explicit because XLA's own choice of layout is what is slow.
    """
    sides = zip(_same(x.shape[1:3], k, stride), x.shape[1:3], y.shape[1:3], strict=True)
    pads = [(lo, k + (h - 1) * stride - full - lo) for (lo, _), full, h in sides]

    def gradient(x: Array, y: Array) -> Array:
        x, y = x.transpose(3, 1, 2, 0), y.transpose(1, 2, 0, 3)  # [C,H,W,N], [h,w,N,O]
        return lax.conv_general_dilated(
            x, y, (1, 1), pads, rhs_dilation=(stride, stride), dimension_numbers=NHWC
        )

    channels = x.shape[-1]
    halves = zip(_halves(x, channels), _halves(y, channels), strict=True)
    total = sum((gradient(*half) for half in halves), start=jnp.zeros((), y.dtype))
    return total.transpose(1, 2, 0, 3)  # [C,k,k,O] → [k,k,C,O]


def _same(size: Size, k: int, stride: int) -> list[tuple[int, int]]:
    return lax.padtype_to_pads(size, (k, k), (stride, stride), "SAME")


def _out_size(size: Size, stride: int) -> Size:
    return -(-size[0] // stride), -(-size[1] // stride)


def _check(name: str, x: Array, kernel: Array, stride: int, channels: int) -> None:
    if x.ndim != 4 or kernel.ndim != 4 or kernel.shape[0] != kernel.shape[1] or stride < 1:
        raise ValueError(
            f"{name} needs an input [N,H,W,C], a kernel [k,k,C,O] and a stride of at least 1, "
            f"but got {x.shape}, {kernel.shape} and {stride}"
        )
    if x.shape[-1] != kernel.shape[channels]:
        raise ValueError(
            f"{name}: the input {x.shape} has {x.shape[-1]} channels, "
            f"but the kernel {kernel.shape} takes {kernel.shape[channels]}"
        )
