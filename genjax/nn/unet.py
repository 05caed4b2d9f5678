"""Networks of an image, or of a vector, under a condition such as a time: U-Net and dense layers.

The U-Net (Ronneberger et al. 2015, arXiv:1505.04597) has the residual blocks of Dhariwal & Nichol
2021, arXiv:2105.05233, section 3, whose normalisation the condition scales and shifts. On its way
up it adds the features of its way down instead of putting them beside each other, which halves the
products of the block that follows.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from genjax.nn.conv import Conv, ConvTranspose
from genjax.nn.dense import Dense
from genjax.nn.networks import flatten
from genjax.nn.normalization import GroupNorm

_ZEROS = nn.initializers.zeros
_KERNEL = 4  # of the convolutions between two scales


class ResidualBlock(nn.Module):
    """Add two 3×3 convolutions to x [N, H, W, C], under a condition [N, E]: [N, H, W, features]."""

    features: int

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
        h = Conv(self.features, 3)(nn.silu(GroupNorm()(x)))
        moves = Dense(2 * self.features, kernel_init=_ZEROS)(condition)[:, None, None]
        scale, shift = jnp.split(moves, 2, axis=-1)
        h = GroupNorm()(h) * (1 + scale) + shift
        h = Conv(self.features, 3, kernel_init=_ZEROS)(nn.silu(h))
        return h + (x if x.shape[-1] == self.features else Conv(self.features, 1)(x))


class UNet(nn.Module):
    """Map images [N, H, W, C] under a condition [N, E] to [N, H, W, C], at first to zeros.

    Attributes:
        widths: channels at each scale; each but the first has half the height and width of the one
            before it, rounded up.
        blocks: residual blocks at each scale, on the way down and on the way up; one more lies at
            the coarsest.
        first_stride: 1 begins at the size of the image, 2 at half of it, with a quarter of the
            work.
    """

    widths: Sequence[int]
    blocks: int = 1
    first_stride: int = 2

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
        channels, kernel = x.shape[-1], 3 if self.first_stride == 1 else _KERNEL
        size = (x.shape[1], x.shape[2])
        c = nn.silu(Dense(4 * self.widths[0])(condition))
        c = nn.silu(Dense(4 * self.widths[0])(c))
        x = Conv(self.widths[0], kernel, self.first_stride)(x)
        skips = []
        for scale, width in enumerate(self.widths):
            if scale:
                x = Conv(width, _KERNEL, 2)(x)
            for _ in range(self.blocks):
                x = ResidualBlock(width)(x, c)
            skips.append(x)
        x = ResidualBlock(self.widths[-1])(x, c)
        for width, skip in zip(self.widths[-2::-1], skips[-2::-1], strict=True):
            x = skip + ConvTranspose(width, _KERNEL, 2, (skip.shape[1], skip.shape[2]))(x)
            for _ in range(self.blocks):
                x = ResidualBlock(width)(x, c)
        x = nn.silu(GroupNorm()(x))
        if self.first_stride == 1:
            return Conv(channels, kernel, kernel_init=_ZEROS)(x)
        return ConvTranspose(channels, kernel, self.first_stride, size, kernel_init=_ZEROS)(x)


class ConditionalMLP(nn.Module):
    """Map x [N, ...] under a condition [N, E] to the shape of x, at first to zeros.

    Layers of the same width as the one before them are residual.
    """

    hidden: Sequence[int]

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
        h = flatten(x)
        outputs = h.shape[1]
        for width in self.hidden:
            new = nn.silu(Dense(width)(h) + Dense(width, use_bias=False)(condition))
            h = h + new if h.shape[1] == width else new
        return Dense(outputs, kernel_init=_ZEROS)(h).reshape(x.shape)
