"""Convolutions that stay fast inside `lax.scan` on a CPU, whatever is differentiated.

A convolution of stride s with a k×k kernel w is bilinear. With "SAME" padding (p before the first
row; p' before the first column) it has three passes, and each is linear in two arrays:

(1) F(x, w)[n,i,j,o] = Σ_abc x[n, si+a-p, sj+b-p', c] w[a,b,c,o]     forward
(2) T(y, w)[n,u,v,c] = Σ_abo y[n,i,j,o] w[a,b,c,o],                  transposed: input gradient
                       over the i, j with si+a-p = u, sj+b-p' = v
(3) K(x, y)[a,b,c,o] = Σ_nij x[n, si+a-p, sj+b-p', c] y[n,i,j,o]     kernel gradient

All three come from one trilinear form, <F(x, w), y> = <x, T(y, w)> = <w, K(x, y)>. So the gradients
of each pass are the other two, and every derivative of every order is one of the three. This holds
in reverse mode: `jax.grad` and `jax.vjp` work to any depth, while JAX refuses `jax.jvp` of a
function that has its own gradient.

(4) F: dx = T(dy, w), dw = K(x, dy)
(5) T: dy = F(dx, w), dw = K(dx, y)
(6) K: dx = T(y, dw), dy = F(x, dw)

On a TPU the passes are XLA's (`genjax.nn.conv_native`). On a CPU XLA's transposes are up to 175
times slower in a loop than outside it (jax issue 12868), so the passes take other forms there
(`genjax.nn.conv_cpu`); on an NVIDIA GPU those of images' channels do (`genjax.nn.conv_cuda`).
docs/notes/convolutions.md records what was tried.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax import Array, lax

from genjax.nn import conv_cpu, conv_cuda, conv_native
from genjax.nn.conv_native import Size
from genjax.nn.precision import add_bias

Initializer = Callable[..., Array]
ZEROS = partial(nn.initializers.zeros, dtype=jnp.float32)
_forms: ContextVar[ModuleType | None] = ContextVar("forms", default=None)


def conv(x: Array, kernel: Array, stride: int = 1) -> Array:
    """Convolve with "SAME" padding: [N,H,W,C] * [k,k,C,O] → [N,⌈H/s⌉,⌈W/s⌉,O].

    >>> conv(jnp.ones((1, 5, 4, 2)), jnp.ones((3, 3, 2, 7)), stride=2).shape
    (1, 3, 2, 7)
    """
    _check("conv", x, kernel, stride, channels=2)
    return _forward(stride, *promote_dtype(x, kernel))


def conv_transpose(y: Array, kernel: Array, stride: int, size: tuple[int, int]) -> Array:
    """Apply the adjoint of `conv` in x: [N,h,w,O] * [k,k,C,O] → [N,H,W,C], where size = (H, W).

    >>> conv_transpose(jnp.ones((1, 3, 2, 7)), jnp.ones((3, 3, 2, 7)), 2, size=(5, 4)).shape
    (1, 5, 4, 2)
    """
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
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = self.param("bias", ZEROS, (self.features,)) if self.use_bias else 0
        x, kernel, bias = promote_dtype(x, kernel, bias)
        return add_bias(conv(x, kernel, self.stride), bias, x.dtype)


class ConvTranspose(nn.Module):
    """`conv_transpose` with a kernel [k,k,features,C] and a bias: [N,h,w,C] → [N,H,W,features].

    With `from_repeated`, and stride 2, the layer repeats every pixel twice in both directions and
    convolves with a kernel of k-1, which leaves no grid (Odena et al. 2016, "Deconvolution and
    checkerboard artifacts"). It costs no more: as the repeated pixels share their weights,

    (7) w[a,b] = v[a,b] + v[a-1,b] + v[a,b-1] + v[a-1,b-1]      of the kernel v [k-1,k-1,features,C]
    """

    features: int
    kernel_size: int
    stride: int
    size: tuple[int, int]
    use_bias: bool = True
    kernel_init: Initializer | None = None
    from_repeated: bool = False

    @nn.compact
    def __call__(self, y: Array) -> Array:
        side = self.kernel_size - self.from_repeated
        init = self.kernel_init or _transposed_init(1 if self.from_repeated else self.stride)
        kernel = self.param("kernel", init, (side, side, self.features, y.shape[-1]), jnp.float32)
        if self.from_repeated:
            kernel = _repeat_weights(kernel)
        bias = self.param("bias", ZEROS, (self.features,)) if self.use_bias else 0
        y, kernel, bias = promote_dtype(y, kernel, bias)
        return add_bias(conv_transpose(y, kernel, self.stride, self.size), bias, y.dtype)


def _repeat_weights(kernel: Array) -> Array:
    """Compute (7): [k-1,k-1,...] → [k,k,...]."""
    for axis in (0, 1):
        edge = [(int(i == axis), int(i == axis)) for i in range(kernel.ndim)]
        padded = jnp.pad(kernel, edge)
        kernel = lax.slice_in_dim(padded, 1, None, axis=axis) + lax.slice_in_dim(
            padded, 0, -1, axis=axis
        )
    return kernel


def _transposed_init(stride: int) -> Initializer:
    """Lecun-normal, where each output of (2) sums one in s² of the k·k·O products."""
    return nn.initializers.variance_scaling(
        stride**2, "fan_in", "truncated_normal", in_axis=-1, out_axis=-2
    )


# The three passes and their derivatives.


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _forward(stride: int, x: Array, w: Array) -> Array:  # (1)
    return _by_platform("forward", stride)(x, w)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _transposed(stride: int, size: Size, y: Array, w: Array) -> Array:  # (2)
    return _by_platform("transposed", stride, size)(y, w)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _kernel_gradient(stride: int, k: int, x: Array, y: Array) -> Array:  # (3)
    return _by_platform("kernel_gradient", stride, k)(x, y)


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


@contextmanager
def native_convolutions(forms: ModuleType = conv_native) -> Iterator[None]:
    """Use XLA's convolutions on a CPU too, in every program that is traced within the block.

    They are slow in a loop, but the compiler counts their operations as everybody else does.
    `forms` is the module of the passes: `conv_native`, or `conv_plain` for converters.

    >>> with native_convolutions():
    ...     conv(jnp.ones((1, 4, 4, 1)), jnp.ones((2, 2, 1, 3)), stride=2).shape
    (1, 2, 2, 3)
    """
    token = _forms.set(forms)
    try:
        yield
    finally:
        _forms.reset(token)


def _by_platform(name: str, *static: Any) -> Callable[[Array, Array], Array]:
    if forms := _forms.get():
        return partial(getattr(forms, name), *static)
    return _trace_once(name, static)


@cache
def _trace_once(name: str, static: tuple[Any, ...]) -> Callable:
    """Return a pass that is traced once for all arrays of the same shapes."""
    cpu, cuda, native = (
        partial(getattr(forms, name), *static) for forms in (conv_cpu, conv_cuda, conv_native)
    )

    def run(a: Array, b: Array) -> Array:
        return lax.platform_dependent(a, b, cpu=_one_at_a_time(cpu), cuda=cuda, default=native)

    return jax.jit(run, inline=True)


def _one_at_a_time(bilinear: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """Loop where `vmap` maps both arrays (many seeds): XLA's grouped convolutions are slow."""
    mapped = jax.custom_batching.custom_vmap(bilinear)

    @mapped.def_vmap
    def rule(size, batched, a, b):
        if all(batched):
            return lax.map(lambda pair: mapped(*pair), (a, b)), True
        return jax.vmap(bilinear, [0 if each else None for each in batched])(a, b), True

    return mapped


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
