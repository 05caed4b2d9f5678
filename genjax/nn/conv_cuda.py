"""The passes of `genjax.nn.conv` on an NVIDIA GPU: those of cuDNN, but for the channels of images.

With so few, cuDNN's gradients take as long as those of a wide layer; docs/notes/convolutions.md has
the measurements.
"""

from types import ModuleType

from jax import Array

from genjax.nn import conv_native, conv_taps

_IMAGE = 4  # channels that an image has at most

forward = conv_native.forward


def transposed(stride: int, size: conv_native.Size, y: Array, w: Array) -> Array:
    return _choose_form(stride, w.shape[2]).transposed(stride, size, y, w)


def kernel_gradient(stride: int, k: int, x: Array, y: Array) -> Array:
    return _choose_form(stride, x.shape[-1]).kernel_gradient(stride, k, x, y)


def _choose_form(stride: int, channels: int) -> ModuleType:
    return conv_taps if stride > 1 and channels <= _IMAGE else conv_native
