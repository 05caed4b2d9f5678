"""A GAN that trains without babysitting, after R3GAN (Huang et al. 2025, arXiv:2501.05441).

The game is that of `adversarial`, with the paper's choices as defaults:

(1) the relativistic loss with R1 and R2 of equal gamma, which the paper proves to converge locally,
    and under which dropped modes are found again
(2) no normalisation in either player; residual blocks that begin as the identity: their last kernel
    is zero
(3) x + conv(a(conv(a(x)))), a the LeakyReLU of slope 0.2, at every size but the image's own
(4) no tanh: where a generator without normalisation drives it into saturation, as on black margins,
    it learns no more (with tanh, the samples of stacked digits collapsed within an epoch). But
    beyond [-1, 1] the output counts a tenth: a linear one has to hit the -1 of every black pixel,
    and is told by its misses (on stacked digits, twice as far from the data after two epochs)

Smaller than the paper's networks: plain 3x3 convolutions instead of grouped ones, and convolutions
of stride 2 that resample and mix channels at once.
"""

from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp

from genjax import losses
from genjax.model import register
from genjax.models.dcgan import DCGAN
from genjax.nn.conv import Conv, ConvTranspose
from genjax.nn.dense import Dense
from genjax.nn.networks import flatten, halved_sizes
from genjax.nn.normalization import GeneratorNorm, Normalization, normalized, without_batch


def _leaky(x: jax.Array) -> jax.Array:
    return nn.leaky_relu(x, 0.2)


class ResidualBlock(nn.Module):
    """(3): [N, H, W, C] -> the same shape."""

    norm: Normalization
    momentum: float = 0.9

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        features = x.shape[-1]
        first = Conv(features, 3, use_bias=self.norm != "batch")
        h = normalized(first, _leaky(x), self.norm, train, self.momentum)
        # (2); spectral normalisation, which divides by the kernel's norm, cannot begin at zero
        begin = nn.initializers.lecun_normal() if self.norm == "spectral" else nn.initializers.zeros
        last = Conv(features, 3, kernel_init=begin)
        return x + normalized(last, _leaky(h), without_batch(self.norm), train)


class Generator(nn.Module):
    """z [N, D] -> images [N, H, W, C], of which [-1, 1] is shown."""

    widths: tuple[int, ...]
    image_shape: tuple[int, ...]
    kernel_size: int
    norm: GeneratorNorm
    momentum: float = 0.9

    @nn.compact
    def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
        height, width, channels = self.image_shape
        *sizes, smallest = halved_sizes((height, width), len(self.widths))
        x = Dense(smallest[0] * smallest[1] * self.widths[-1])(z)
        x = x.reshape(-1, *smallest, self.widths[-1])
        for size, features in zip(sizes[::-1], (*self.widths[-2::-1], channels), strict=True):
            x = _leaky(ResidualBlock(self.norm, self.momentum)(x, train))
            x = ConvTranspose(features, self.kernel_size, stride=2, size=size)(x)
        inside = jnp.clip(x, -1, 1)
        return inside + 0.1 * (x - inside)  # (4)


class Discriminator(nn.Module):
    """Images [N, H, W, C] in [-1, 1] -> [N, 1 + num_classes], s of `adversarial`'s (8)."""

    widths: tuple[int, ...]
    kernel_size: int
    norm: Normalization
    num_classes: int = 0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        for features in self.widths:
            down = Conv(features, self.kernel_size, stride=2)
            x = normalized(down, x, without_batch(self.norm), train)
            x = _leaky(ResidualBlock(self.norm)(x, train))
        return normalized(Dense(1 + self.num_classes), flatten(x), without_batch(self.norm), train)


@register("r3gan")
@dataclass(frozen=True)
class R3GAN(DCGAN):
    """See the module's docstring; `DCGAN` for the fields, of which other values are the default."""

    latent_dim: int = 64
    loss: losses.Name = "relativistic"  # (1)
    r1: float = 1.0
    r2: float = 1.0
    generator_norm: GeneratorNorm = "none"  # (2)
    discriminator_norm: Normalization = "none"
    width: int = 32

    def generator(self, momentum: float = 0.9) -> nn.Module:
        return Generator(
            self.widths, self.image_shape, self.kernel_size, self.generator_norm, momentum
        )

    def discriminator(self) -> nn.Module:
        return Discriminator(
            self.widths, self.kernel_size, self.discriminator_norm, self.num_classes
        )
