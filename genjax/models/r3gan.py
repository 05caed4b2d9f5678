"""A GAN with a regularised relativistic loss, after R3GAN (Huang et al. 2025, arXiv:2501.05441).

The losses are those of `genjax.models.adversarial`, with the paper's choices as defaults:

(1) the relativistic loss with R1 and R2 of equal gamma, which the paper proves to converge locally,
    and with which dropped modes are found again
(2) no normalisation in either network; residual blocks whose last kernel begins at zero, so that
    they begin as the identity
(3) x + conv(a(conv(a(x)))), a the LeakyReLU of slope 0.2, at every size but the image's own
(4) no tanh at the generator's end, but a slope of 1/10 beyond [-1, 1]

The networks are smaller than the paper's: plain 3x3 convolutions instead of grouped ones, and
convolutions of stride 2 that resample and mix channels at once. docs/notes/gans.md says what was
tried for (4).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from genjax import losses
from genjax.model import register
from genjax.models.adversarial import select_classes
from genjax.models.dcgan import DCGAN, Upsampling
from genjax.nn.conv import Conv, ConvTranspose
from genjax.nn.dense import Dense
from genjax.nn.networks import flatten, halved_sizes
from genjax.nn.normalization import GeneratorNorm, Normalization, apply_normalized, without_batch


def _leaky(x: jax.Array) -> jax.Array:
    return nn.leaky_relu(x, 0.2)


class ResidualBlock(nn.Module):
    """Compute (3): [N, H, W, C] -> the same shape."""

    norm: Normalization | GeneratorNorm
    momentum: float = 0.9

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, classes: jax.Array | None = None) -> jax.Array:
        features = x.shape[-1]
        first = Conv(features, 3, use_bias=self.norm not in ("batch", "conditional"))
        h = apply_normalized(first, _leaky(x), self.norm, train, self.momentum, classes)
        # (2); spectral normalisation, which divides by the kernel's norm, cannot begin at zero
        begin = nn.initializers.lecun_normal() if self.norm == "spectral" else nn.initializers.zeros
        last = Conv(features, 3, kernel_init=begin)
        return x + apply_normalized(last, _leaky(h), without_batch(self.norm), train)


class Generator(nn.Module):
    """Generate images [N, H, W, C] from z [N, D]; what lies beyond [-1, 1] is clipped later."""

    widths: tuple[int, ...]
    image_shape: tuple[int, ...]
    kernel_size: int
    norm: GeneratorNorm
    momentum: float = 0.9
    num_classes: int = 0
    upsampling: Upsampling = "transposed"

    @nn.compact
    def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
        height, width, channels = self.image_shape
        *sizes, smallest = halved_sizes((height, width), len(self.widths))
        classes = select_classes(z, self.num_classes, self.norm)
        x = Dense(smallest[0] * smallest[1] * self.widths[-1])(z)
        x = x.reshape(-1, *smallest, self.widths[-1])
        repeat = self.upsampling == "nearest"
        for size, features in zip(sizes[::-1], (*self.widths[-2::-1], channels), strict=True):
            x = _leaky(ResidualBlock(self.norm, self.momentum)(x, train, classes))
            x = ConvTranspose(features, self.kernel_size, 2, size, from_repeated=repeat)(x)
        inside = jnp.clip(x, -1, 1)
        return inside + 0.1 * (x - inside)  # (4)


class Discriminator(nn.Module):
    """Score images [N, H, W, C] in [-1, 1]: [N, outputs]."""

    widths: tuple[int, ...]
    kernel_size: int
    norm: Normalization
    outputs: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        for features in self.widths:
            down = Conv(features, self.kernel_size, stride=2)
            x = apply_normalized(down, x, without_batch(self.norm), train)
            x = _leaky(ResidualBlock(self.norm)(x, train))
        last = Dense(self.outputs)
        return apply_normalized(last, flatten(x), without_batch(self.norm), train)


@register("r3gan")
@dataclass(frozen=True)
class R3GAN(DCGAN):
    """Train residual networks with the relativistic loss, R1 and R2.

    With scores r of real and f of generated images, and s the softplus, they minimise

        L_D = E[s(-(r - f)) + r1 / 2 |grad S(x)|^2 + r2 / 2 |grad S(x~)|^2]
        L_G = E[s(-(f - r))]

    or the pair that `loss` names (`help(genjax.losses)`). The fields are those of `DCGAN`, with
    other defaults.

    >>> model = R3GAN(image_shape=(8, 8, 1), latent_dim=2, width=2)
    >>> params = model.init(jax.random.key(0))
    >>> model.sample(params, jax.random.key(1), 3).shape
    (3, 8, 8, 1)
    """

    latent_dim: int = 64
    loss: losses.LossName = "relativistic"  # (1)
    r1: float = 1.0
    r2: float = 1.0
    generator_norm: GeneratorNorm = "none"  # (2)
    discriminator_norm: Normalization = "none"
    width: int = 32

    generator_class: ClassVar[type[Any]] = Generator
    discriminator_class: ClassVar[type[Any]] = Discriminator
