"""Networks that models are put together from: MLPs and convolutional stacks of any size.

Sizes are fields. An image of any height and width from 8 up goes through `ConvEncoder`, whose
strided convolutions take n pixels to ceil(n / 2), and comes back through `ConvDecoder`, which
retraces the same sizes.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from genjax.nn.conv import Conv, ConvTranspose
from genjax.nn.dense import Dense

Activation = Literal["relu", "leaky_relu", "silu", "gelu", "tanh"]


def activation_function(name: Activation) -> Callable[[jax.Array], jax.Array]:
    return getattr(nn, name)


def flatten(x: jax.Array) -> jax.Array:
    """[N, ...] -> [N, D]."""
    return x.reshape(x.shape[0], -1)


def halved_sizes(size: tuple[int, int], times: int) -> list[tuple[int, int]]:
    """The sizes that an image passes through in `times` convolutions of stride 2, itself first."""
    sizes = [size]
    for _ in range(times):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


class MLP(nn.Module):
    """[N, ...] -> [N, features]: flattened, then `hidden` dense layers, then a linear one."""

    hidden: Sequence[int]
    features: int
    activation: Activation = "relu"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = flatten(x)
        for width in self.hidden:
            x = activation_function(self.activation)(Dense(width)(x))
        return Dense(self.features)(x)


class ConvEncoder(nn.Module):
    """[N, H, W, C] -> [N, features]: a convolution of stride 2 for each of `channels`, an MLP."""

    channels: Sequence[int]
    hidden: Sequence[int]
    features: int
    kernel_size: int = 4
    activation: Activation = "relu"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for width in self.channels:
            x = activation_function(self.activation)(Conv(width, self.kernel_size, stride=2)(x))
        return MLP(self.hidden, self.features, self.activation)(x)


class ConvDecoder(nn.Module):
    """[N, D] -> [N, H, W, C]: the mirror image of `ConvEncoder` with the same fields."""

    channels: Sequence[int]
    hidden: Sequence[int]
    image_shape: tuple[int, int, int]
    kernel_size: int = 4
    activation: Activation = "relu"

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        height, width, image_channels = self.image_shape
        *sizes, smallest = halved_sizes((height, width), len(self.channels))
        act = activation_function(self.activation)
        deepest = self.channels[-1] if self.channels else image_channels
        x = MLP(self.hidden[::-1], smallest[0] * smallest[1] * deepest, self.activation)(z)
        x = x.reshape(z.shape[0], *smallest, deepest)
        outputs = [image_channels, *self.channels[:-1]][: len(sizes)]
        for size, features in zip(sizes[::-1], outputs[::-1], strict=True):
            x = ConvTranspose(features, self.kernel_size, stride=2, size=size)(act(x))
        return x


class MLPDecoder(nn.Module):
    """[N, D] -> [N, H, W, C] through dense layers."""

    hidden: Sequence[int]
    image_shape: tuple[int, int, int]
    activation: Activation = "relu"

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        height, width, channels = self.image_shape
        x = MLP(self.hidden[::-1], height * width * channels, self.activation)(z)
        return jnp.reshape(x, (z.shape[0], height, width, channels))
