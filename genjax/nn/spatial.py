"""Convolutional networks whose codes keep a height and a width."""

from collections.abc import Sequence

import flax.linen as nn
import jax

from genjax.nn.conv import Conv, ConvTranspose
from genjax.nn.networks import halved_sizes


class ResidualBlock(nn.Module):
    """Add two 3x3 convolutions of the input to it: [N, H, W, F] -> [N, H, W, F]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width = x.shape[-1]
        inner = nn.relu(Conv(width, 3)(nn.relu(x)))
        return x + Conv(width, 3)(inner)


class SpatialEncoder(nn.Module):
    """Halve the image once for each of `channels`: [N, H, W, C] -> [N, h, w, features]."""

    channels: Sequence[int]
    blocks: int
    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for width in self.channels:
            x = nn.relu(Conv(width, 4, stride=2)(x))
        for _ in range(self.blocks):
            x = ResidualBlock()(x)
        return Conv(self.features, 3)(nn.relu(x))


class SpatialDecoder(nn.Module):
    """Mirror `SpatialEncoder`: [N, h, w, D] -> [N, H, W, C]."""

    channels: Sequence[int]
    blocks: int
    image_shape: tuple[int, ...]

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        height, width, image_channels = self.image_shape
        sizes = halved_sizes((height, width), len(self.channels))[:-1]
        outputs = [image_channels, *self.channels[:-1]]
        x = Conv(self.channels[-1], 3)(z)
        for _ in range(self.blocks):
            x = ResidualBlock()(x)
        for size, features in zip(sizes[::-1], outputs[::-1], strict=True):
            x = ConvTranspose(features, 4, stride=2, size=size)(nn.relu(x))
        return x
