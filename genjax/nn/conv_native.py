"""The passes of `genjax.nn.conv` as XLA's convolution and its transposes."""

import jax
from jax import Array, lax

Size = tuple[int, ...]  # (H, W)
NHWC = ("NHWC", "HWIO", "NHWC")


def forward(stride: int, x: Array, w: Array) -> Array:  # (1)
    return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=NHWC)


def transposed(stride: int, size: Size, y: Array, w: Array) -> Array:  # (2)
    x = jax.ShapeDtypeStruct((y.shape[0], *size, w.shape[2]), y.dtype)
    return jax.linear_transpose(lambda x: forward(stride, x, w), x)(y)[0]


def kernel_gradient(stride: int, k: int, x: Array, y: Array) -> Array:  # (3)
    w = jax.ShapeDtypeStruct((k, k, x.shape[-1], y.shape[-1]), y.dtype)
    return jax.linear_transpose(lambda w: forward(stride, x, w), w)(y)[0]
