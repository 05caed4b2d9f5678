"""The vanilla GAN (Goodfellow et al. 2014, arXiv:1406.2661): the game of `adversarial` between two
multilayer perceptrons.

The paper's players had maxout units and dropout; here the generator has ReLU with batch
normalisation, the discriminator LeakyReLU, each as a field.
"""

from dataclasses import dataclass

import flax.linen as nn
import jax

from genjax.model import register
from genjax.models.adversarial import AdversarialModel
from genjax.nn.dense import Dense
from genjax.nn.networks import flatten
from genjax.nn.normalization import GeneratorNorm, Normalization, normalized, without_batch


class MLPGenerator(nn.Module):
    """z [N, D] -> images [N, H, W, C] in [-1, 1] through dense layers."""

    hidden: tuple[int, ...]
    image_shape: tuple[int, ...]
    norm: GeneratorNorm
    momentum: float = 0.9

    @nn.compact
    def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
        bias = self.norm == "none"  # which batch normalisation would take away again
        for width in self.hidden:
            z = nn.relu(normalized(Dense(width, bias), z, self.norm, train, self.momentum))
        height, width, channels = self.image_shape
        return nn.tanh(Dense(height * width * channels)(z)).reshape(-1, height, width, channels)


class MLPDiscriminator(nn.Module):
    """Images [N, H, W, C] in [-1, 1] -> [N, 1 + num_classes], s of `adversarial`'s (8)."""

    hidden: tuple[int, ...]
    norm: Normalization
    num_classes: int = 0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        x, bias = flatten(x), self.norm != "batch"
        for width in self.hidden:
            x = nn.leaky_relu(normalized(Dense(width, bias), x, self.norm, train), 0.2)
        return normalized(Dense(1 + self.num_classes), x, without_batch(self.norm), train)


@register("gan")
@dataclass(frozen=True)
class GAN(AdversarialModel):
    """See the module's docstring; `AdversarialModel` for the shared fields.

    Attributes:
        hidden: widths of the generator's dense layers.
        discriminator_hidden: widths of the discriminator's.
    """

    hidden: tuple[int, ...] = (256, 512, 1024)
    discriminator_hidden: tuple[int, ...] = (512, 256)

    def generator(self, momentum: float = 0.9) -> nn.Module:
        return MLPGenerator(self.hidden, self.image_shape, self.generator_norm, momentum)

    def discriminator(self) -> nn.Module:
        return MLPDiscriminator(
            self.discriminator_hidden, self.discriminator_norm, self.num_classes
        )
