"""The first GAN (Goodfellow et al. 2014, arXiv:1406.2661), of two multilayer perceptrons.

The losses are those of `genjax.models.adversarial`. The paper's networks had maxout units and
dropout. Here the generator has ReLU with batch normalisation, and the discriminator LeakyReLU; the
normalisation of each is a field.
"""

from dataclasses import dataclass
from typing import Self

import flax.linen as nn
import jax

from genjax.model import register
from genjax.models.adversarial import AdversarialModel, select_classes
from genjax.nn.dense import Dense
from genjax.nn.networks import flatten
from genjax.nn.normalization import GeneratorNorm, Normalization, apply_normalized, without_batch


class MLPGenerator(nn.Module):
    """Generate images [N, H, W, C] in [-1, 1] from z [N, D] through dense layers."""

    hidden: tuple[int, ...]
    image_shape: tuple[int, ...]
    norm: GeneratorNorm
    momentum: float = 0.9
    num_classes: int = 0

    @nn.compact
    def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
        bias = self.norm == "none"  # batch normalisation would take a bias away again
        classes = select_classes(z, self.num_classes, self.norm)
        for width in self.hidden:
            layer = Dense(width, bias)
            z = nn.relu(apply_normalized(layer, z, self.norm, train, self.momentum, classes))
        height, width, channels = self.image_shape
        return nn.tanh(Dense(height * width * channels)(z)).reshape(-1, height, width, channels)


class MLPDiscriminator(nn.Module):
    """Score images [N, H, W, C] in [-1, 1]: [N, outputs]."""

    hidden: tuple[int, ...]
    norm: Normalization
    outputs: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        x, bias = flatten(x), self.norm != "batch"
        for width in self.hidden:
            x = nn.leaky_relu(apply_normalized(Dense(width, bias), x, self.norm, train), 0.2)
        return apply_normalized(Dense(self.outputs), x, without_batch(self.norm), train)


@register("gan")
@dataclass(frozen=True)
class GAN(AdversarialModel):
    """Train a dense generator against a dense discriminator.

    With scores r of real and f of generated images, and s the softplus, they minimise

        L_D = E[s(-r) + s(f)]        L_G = E[s(-f)]

    or the pair that `loss` names (`help(genjax.losses)`).

    >>> model = GAN(image_shape=(8, 8, 1), latent_dim=2, hidden=(8,), discriminator_hidden=(8,))
    >>> params = model.init(jax.random.key(0))
    >>> model.sample(params, jax.random.key(1), 3).shape
    (3, 8, 8, 1)

    Attributes:
        hidden: widths of the generator's dense layers, in order.
        discriminator_hidden: widths of the discriminator's dense layers, in order.
    """

    hidden: tuple[int, ...] = (256, 512, 1024)
    discriminator_hidden: tuple[int, ...] = (512, 256)

    @classmethod
    def smallest(cls) -> Self:
        return cls(hidden=(16,), discriminator_hidden=(16,), latent_dim=3)

    @property
    def smallest_image(self) -> int:
        return 1

    def generator(self, momentum: float = 0.9) -> nn.Module:
        return MLPGenerator(
            self.hidden, self.image_shape, self.generator_norm, momentum, self.num_classes
        )

    def discriminator(self) -> nn.Module:
        return MLPDiscriminator(
            self.discriminator_hidden, self.discriminator_norm, self.discriminator_outputs
        )
