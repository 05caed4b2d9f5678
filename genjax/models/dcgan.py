"""Deep convolutional GAN (Radford, Metz & Chintala 2016, arXiv:1511.06434).

The losses are those of `genjax.models.adversarial`. The networks follow section 3 of the paper:

(1) fractionally strided convolutions in the generator, strided ones in the discriminator, no
    pooling, no dense layers but the first and the last
(2) batch normalisation in both, but not on the generator's output nor the discriminator's input;
    real and generated images are normalised apart
(3) ReLU in the generator with tanh at its end, LeakyReLU of slope 0.2 in the discriminator
(4) weights from N(0, 0.02^2) (section 4); Adam's learning rate of 2e-4 and beta1 of 0.5 are set
    in `Training`

Every layer halves (doubles) height and width and doubles (halves) the channels, of which the one
next to the image has `width`.
"""

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal, Self

import flax.linen as nn
import jax

from genjax.errors import UserError
from genjax.model import register
from genjax.models.adversarial import AdversarialModel, select_classes
from genjax.nn.conv import Conv, ConvTranspose
from genjax.nn.dense import Dense
from genjax.nn.networks import flatten, halved_sizes
from genjax.nn.normalization import (
    BatchNorm,
    GeneratorNorm,
    Normalization,
    apply_normalized,
    without_batch,
)

Upsampling = Literal["transposed", "nearest"]
_INIT = nn.initializers.normal(0.02)  # (4)


def doubled_widths(width: int, image_shape: tuple[int, ...], depth: int = 0) -> tuple[int, ...]:
    """Return the channels of `depth` layers; 0 for as many as leave 4 pixels of height or width."""
    depth = depth or math.ceil(math.log2(min(image_shape[:2]) / 4))
    return tuple(width * 2**i for i in range(depth))


class Generator(nn.Module):
    """Generate images [N, H, W, C] in [-1, 1] from z [N, D]."""

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
        bias = self.norm == "none"  # batch normalisation would take a bias away again

        classes = select_classes(z, self.num_classes, self.norm)

        def activated(x: jax.Array) -> jax.Array:  # (2), (3)
            normed = self.norm != "none"
            return nn.relu(BatchNorm(self.momentum)(x, train, classes) if normed else x)

        deepest = self.widths[-1]
        enlarge = partial(
            ConvTranspose,
            kernel_size=self.kernel_size,
            stride=2,
            kernel_init=_INIT,
            from_repeated=self.upsampling == "nearest",
        )
        project = Dense(smallest[0] * smallest[1] * deepest, bias, kernel_init=_INIT)
        x = activated(project(z).reshape(-1, *smallest, deepest))
        for size, features in zip(sizes[:0:-1], self.widths[-2::-1], strict=True):  # (1)
            x = activated(enlarge(features, size=size, use_bias=bias)(x))
        return nn.tanh(enlarge(channels, size=sizes[0])(x))


class Discriminator(nn.Module):
    """Score images [N, H, W, C] in [-1, 1]: [N, outputs].

    With `return_features` also the output of every convolution, before batch normalisation and
    LeakyReLU: (scores, tuple of [N, h, w, features]).
    """

    widths: tuple[int, ...]
    kernel_size: int
    norm: Normalization
    outputs: int = 1

    @nn.compact
    def __call__(
        self, x: jax.Array, train: bool = False, return_features: bool = False
    ) -> jax.Array | tuple[jax.Array, tuple[jax.Array, ...]]:
        outside, features = without_batch(self.norm), []
        for index, width in enumerate(self.widths):  # (1)
            batch = self.norm == "batch" and index > 0  # (2)
            down = Conv(width, self.kernel_size, stride=2, use_bias=not batch, kernel_init=_INIT)
            y = apply_normalized(down, x, outside, train)
            features.append(y)
            x = nn.leaky_relu(BatchNorm()(y, train) if batch else y, 0.2)  # (2), (3)
        last = Dense(self.outputs, kernel_init=_INIT)
        scores = apply_normalized(last, flatten(x), outside, train)
        return (scores, tuple(features)) if return_features else scores


@register("dcgan")
@dataclass(frozen=True)
class DCGAN(AdversarialModel):
    """Train a convolutional generator against a convolutional discriminator.

    With scores r of real and f of generated images, and s the softplus, they minimise

        L_D = E[s(-r) + s(f)]        L_G = E[s(-f)]

    or the pair that `loss` names (`help(genjax.losses)`).

    >>> model = DCGAN(image_shape=(8, 8, 1), latent_dim=2, width=2)
    >>> params = model.init(jax.random.key(0))
    >>> model.sample(params, jax.random.key(1), 3).shape
    (3, 8, 8, 1)

    Attributes:
        width: channels of the layer next to the image; each further layer has twice as many.
        depth: number of layers of stride 2; 0 halves the image until its shorter side has 4 pixels
            or fewer.
        kernel_size: height and width of every convolution's kernel.
        upsampling: how the generator doubles height and width: by transposed convolutions, or by
            repeating the nearest pixel before a convolution with a kernel of kernel_size - 1, which
            leaves no grid in the images and costs the same.
    """

    latent_dim: int = 100
    discriminator_norm: Normalization = "batch"
    width: int = 64
    depth: int = field(default=0, metadata={"least": 0})
    kernel_size: int = 4
    upsampling: Upsampling = "transposed"

    generator_class: ClassVar[type[Any]] = Generator  # a subclass has its own, of the same fields
    discriminator_class: ClassVar[type[Any]] = Discriminator

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=4, latent_dim=3)

    def check(self) -> None:
        super().check()
        if self.upsampling == "nearest" and self.kernel_size < 2:
            raise UserError("kernel_size is 1, but upsampling 'nearest' needs at least 2.")
        most = math.ceil(math.log2(min(self.image_shape[:2])))
        if self.depth > most:
            raise UserError(
                f"depth is {self.depth}, but images of {self.image_shape[0]}x{self.image_shape[1]}"
                f" are one pixel high or wide after {most} layers."
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the layers, beginning next to the image."""
        return doubled_widths(self.width, self.image_shape, self.depth)

    def generator(self, momentum: float = 0.9) -> nn.Module:
        return self.generator_class(
            self.widths,
            self.image_shape,
            self.kernel_size,
            self.generator_norm,
            momentum,
            self.num_classes,
            self.upsampling,
        )

    def discriminator(self) -> nn.Module:
        return self.discriminator_class(
            self.widths, self.kernel_size, self.discriminator_norm, self.discriminator_outputs
        )
