"""The passes of `genjax.nn.conv` with every kernel laid out as [k,k,in,out], for converters.

XLA's transpose of a convolution (2) reads its kernel as [k,k,out,in], which formats such as ONNX
do not know.
"""

import jax.numpy as jnp
from jax import Array, lax

from genjax.nn import conv_native
from genjax.nn.conv_native import NHWC, Size

forward = conv_native.forward
kernel_gradient = conv_native.kernel_gradient


def transposed(stride: int, size: Size, y: Array, w: Array) -> Array:  # (2)
    k = w.shape[0]
    pads = []
    for whole, small in zip(size, y.shape[1:3], strict=True):
        before = k - 1 - max((small - 1) * stride + k - whole, 0) // 2  # of "SAME" in (1)
        pads.append((before, whole + k - 2 - (small - 1) * stride - before))
    turned = jnp.flip(w.swapaxes(2, 3), (0, 1))
    return lax.conv_general_dilated(
        y, turned, (1, 1), pads, lhs_dilation=(stride, stride), dimension_numbers=NHWC
    )
