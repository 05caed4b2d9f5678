"""Deep convolutional GAN (Radford, Metz & Chintala 2016, arXiv:1511.06434).

The game is that of `adversarial`; its players follow section 3 of the paper:

(1) fractionally strided convolutions in the generator, strided ones in the discriminator, no
    pooling, no dense layers but the first and the last
(2) batch normalisation in both, but not on the generator's output nor the discriminator's input;
    of real and of generated images apart
(3) ReLU in the generator with tanh at its end, LeakyReLU of slope 0.2 in the discriminator
(4) weights from N(0, 0.02^2) (section 4); Adam with learning rate 2e-4 and beta1 0.5 is the
    business of `Training`

Every layer halves (doubles) height and width and doubles (halves) the channels, of which the one
next to the image has `width`.
"""

import math
from dataclasses import dataclass, field

import flax.linen as nn
import jax

from genjax.errors import UserError
from genjax.model import register
from genjax.models.adversarial import AdversarialModel
from genjax.nn.conv import Conv, ConvTranspose
from genjax.nn.dense import Dense
from genjax.nn.networks import flatten, halved_sizes
from genjax.nn.normalization import (
    BatchNorm,
    GeneratorNorm,
    Normalization,
    normalized,
    without_batch,
)

_INIT = nn.initializers.normal(0.02)  # (4)


def doubled_widths(width: int, image_shape: tuple[int, ...], depth: int = 0) -> tuple[int, ...]:
    """Channels of `depth` layers, or of as many as bring the image to 4 pixels or fewer."""
    depth = depth or math.ceil(math.log2(min(image_shape[:2]) / 4))
    return tuple(width * 2**i for i in range(depth))


class Generator(nn.Module):
    """z [N, D] -> images [N, H, W, C] in [-1, 1]."""

    widths: tuple[int, ...]
    image_shape: tuple[int, ...]
    kernel_size: int
    norm: GeneratorNorm
    momentum: float = 0.9

    @nn.compact
    def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
        height, width, channels = self.image_shape
        *sizes, smallest = halved_sizes((height, width), len(self.widths))
        bias = self.norm == "none"  # which batch normalisation would take away again

        def activated(x: jax.Array) -> jax.Array:  # (2), (3)
            return nn.relu(x if self.norm == "none" else BatchNorm(self.momentum)(x, train))

        deepest = self.widths[-1]
        project = Dense(smallest[0] * smallest[1] * deepest, bias, kernel_init=_INIT)
        x = activated(project(z).reshape(-1, *smallest, deepest))
        for size, features in zip(sizes[:0:-1], self.widths[-2::-1], strict=True):  # (1)
            up = ConvTranspose(
                features, self.kernel_size, stride=2, size=size, use_bias=bias, kernel_init=_INIT
            )
            x = activated(up(x))
        last = ConvTranspose(channels, self.kernel_size, stride=2, size=sizes[0], kernel_init=_INIT)
        return nn.tanh(last(x))


class Discriminator(nn.Module):
    """Images [N, H, W, C] in [-1, 1] -> [N, 1 + num_classes], s of `adversarial`'s (8)."""

    widths: tuple[int, ...]
    kernel_size: int
    norm: Normalization
    num_classes: int = 0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        outside = without_batch(self.norm)
        for index, features in enumerate(self.widths):  # (1)
            norm = self.norm if index else outside
            down = Conv(
                features, self.kernel_size, stride=2, use_bias=norm != "batch", kernel_init=_INIT
            )
            x = nn.leaky_relu(normalized(down, x, norm, train), 0.2)  # (2), (3)
        last = Dense(1 + self.num_classes, kernel_init=_INIT)
        return normalized(last, flatten(x), outside, train)


@register("dcgan")
@dataclass(frozen=True)
class DCGAN(AdversarialModel):
    """See the module's docstring; `AdversarialModel` for the shared fields.

    Attributes:
        width: channels next to the image.
        depth: layers of stride 2; 0 halves the image until its shorter side has 4 pixels or fewer.
        kernel_size: of every convolution.
    """

    latent_dim: int = 100
    discriminator_norm: Normalization = "batch"
    width: int = 64
    depth: int = field(default=0, metadata={"least": 0})
    kernel_size: int = 4

    def check(self) -> None:
        super().check()
        most = math.ceil(math.log2(min(self.image_shape[:2])))
        if self.depth > most:
            raise UserError(
                f"depth is {self.depth}, but images of {self.image_shape[0]}x{self.image_shape[1]}"
                f" are one pixel high or wide after {most} layers."
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the layers, from the one next to the image on."""
        return doubled_widths(self.width, self.image_shape, self.depth)

    def generator(self, momentum: float = 0.9) -> nn.Module:
        return Generator(
            self.widths, self.image_shape, self.kernel_size, self.generator_norm, momentum
        )

    def discriminator(self) -> nn.Module:
        return Discriminator(
            self.widths, self.kernel_size, self.discriminator_norm, self.num_classes
        )
