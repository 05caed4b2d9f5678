"""Networks that models are built from: MLPs and convolutional stacks of any size.

Sizes are fields. An image of any height and width from 8 up goes through `ConvEncoder`, whose
strided convolutions take n pixels to ceil(n / 2), and comes back through `ConvDecoder`, which
retraces the same sizes.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp

from genjax.errors import OneOf, check_new_name
from genjax.nn.conv import Conv, ConvTranspose
from genjax.nn.dense import Dense

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": nn.relu,
    "leaky_relu": nn.leaky_relu,
    "silu": nn.silu,
    "gelu": nn.gelu,
    "tanh": nn.tanh,
}
_SHIPPED = frozenset(ACTIVATIONS)
Activation = Annotated[str, OneOf(ACTIVATIONS)]


def register_activation(name: str, function: Callable[[jax.Array], jax.Array]) -> None:
    """Register an activation function, which models then take as their field `activation`.

    A weight file records the name alone: register the function before loading it elsewhere.

    >>> register_activation("example", lambda x: jnp.sin(x) ** 2)
    >>> ACTIVATIONS.pop("example")(jnp.zeros(2))
    Array([0., 0.], dtype=float32)
    """
    check_new_name(name, _SHIPPED, "an activation")
    ACTIVATIONS[name] = function


def flatten(x: jax.Array) -> jax.Array:
    """Flatten all axes but the first: [N, ...] -> [N, D]."""
    return x.reshape(x.shape[0], -1)


def halved_sizes(size: tuple[int, int], times: int) -> list[tuple[int, int]]:
    """List the sizes of an image through `times` convolutions of stride 2, its own first.

    >>> halved_sizes((28, 28), 2)
    [(28, 28), (14, 14), (7, 7)]
    """
    sizes = [size]
    for _ in range(times):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


class MLP(nn.Module):
    """Apply dense layers of `hidden` widths, then a linear one: [N, ...] -> [N, features]."""

    hidden: Sequence[int]
    features: int
    activation: Activation = "relu"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = flatten(x)
        for width in self.hidden:
            x = ACTIVATIONS[self.activation](Dense(width)(x))
        return Dense(self.features)(x)


class ConvEncoder(nn.Module):
    """Apply a convolution of stride 2 for each of `channels`, then an MLP: -> [N, features]."""

    channels: Sequence[int]
    hidden: Sequence[int]
    features: int
    kernel_size: int = 4
    activation: Activation = "relu"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for width in self.channels:
            x = ACTIVATIONS[self.activation](Conv(width, self.kernel_size, stride=2)(x))
        return MLP(self.hidden, self.features, self.activation)(x)


class ConvDecoder(nn.Module):
    """Mirror `ConvEncoder` with the same fields: [N, D] -> [N, H, W, C]."""

    channels: Sequence[int]
    hidden: Sequence[int]
    image_shape: tuple[int, int, int]
    kernel_size: int = 4
    activation: Activation = "relu"

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        height, width, image_channels = self.image_shape
        *sizes, smallest = halved_sizes((height, width), len(self.channels))
        act = ACTIVATIONS[self.activation]
        deepest = self.channels[-1] if self.channels else image_channels
        x = MLP(self.hidden[::-1], smallest[0] * smallest[1] * deepest, self.activation)(z)
        x = x.reshape(z.shape[0], *smallest, deepest)
        outputs = [image_channels, *self.channels[:-1]][: len(sizes)]
        for size, features in zip(sizes[::-1], outputs[::-1], strict=True):
            x = ConvTranspose(features, self.kernel_size, stride=2, size=size)(act(x))
        return x


class MLPDecoder(nn.Module):
    """Apply dense layers: [N, D] -> [N, H, W, C]."""

    hidden: Sequence[int]
    image_shape: tuple[int, int, int]
    activation: Activation = "relu"

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        height, width, channels = self.image_shape
        x = MLP(self.hidden[::-1], height * width * channels, self.activation)(z)
        return jnp.reshape(x, (z.shape[0], height, width, channels))
