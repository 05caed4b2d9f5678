"""The network that classifies images, and its loss.

(1) h(x)     the features: the last hidden layer of a convolutional network, [D]
(2) p(c|x) = softmax(W h(x) + b)_c
(3) loss   = -log p(y|x'),   x' = x moved by up to 2 pixels (`largest_shift`) in each direction,
                             with the border repeated, and mirrored or not at random (`mirrored`)

A mirrored digit is no longer the same digit, while a mirrored dress or ship is still one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from genjax.errors import check_fields
from genjax.model import Batch, Model, Networks, Params, Terms, Weights
from genjax.nn.augmentation import mirror_half
from genjax.nn.conv import Conv
from genjax.nn.dense import Dense
from genjax.nn.networks import flatten
from genjax.nn.normalization import BatchNorm


class Network(nn.Module):
    """Return logits [N, classes] and features [N, hidden] of images [N, H, W, C].

    With `return_maps`, return the output of the last convolution at every size instead, from fine
    to coarse, [N, h, w, channels]; images may then be of any size.

    Strided convolutions, then a dense layer. If `deep`, every other convolution has stride 1, each
    is batch-normalised, and the dense layer takes their mean over the pixels.
    """

    channels: tuple[int, ...]
    hidden: int
    num_classes: int
    deep: bool = False

    @nn.compact
    def __call__(
        self, x: jax.Array, train: bool = False, return_maps: bool = False
    ) -> tuple[jax.Array, ...]:
        maps: list[jax.Array] = []
        x = 2.0 * x - 1.0
        for stride, width in zip(self._strides, self.channels, strict=True):
            x = Conv(width, kernel_size=3, stride=stride, use_bias=not self.deep)(x)
            x = nn.relu(BatchNorm()(x, train) if self.deep else x)
            maps = [*(maps if stride == 2 else maps[:-1]), x]
        if return_maps:
            return tuple(maps)
        x = jnp.mean(x, axis=(1, 2)) if self.deep else flatten(x)
        features = nn.relu(Dense(self.hidden)(x))  # (1)
        return Dense(self.num_classes)(features), features

    @property
    def _strides(self) -> list[int]:
        return [1 if self.deep and number % 2 else 2 for number in range(len(self.channels))]

    def map_shapes(self, size: tuple[int, int]) -> list[tuple[int, int, int]]:
        """Return the shapes (h, w, channels) of the maps of an image of that height and width.

        >>> Network((4, 6, 8), 2, 2, deep=True).map_shapes((9, 16))
        [(5, 8, 6), (3, 4, 8)]
        """
        shapes: list[tuple[int, int, int]] = []
        for stride, width in zip(self._strides, self.channels, strict=True):
            size = (-(-size[0] // stride), -(-size[1] // stride))
            shapes = [*(shapes if stride == 2 else shapes[:-1]), (*size, width)]
        return shapes


@dataclass(frozen=True)
class ImageClassifier(Model):
    """Classify images by a small convolutional network.

    `genjax.fit` trains it like every model, but it generates nothing and is not registered.

    Attributes:
        num_classes: number of classes of the data set.
        channels: channels of the convolutions, in order.
        hidden: number of features D.
        deep: use batch-normalised convolutions, every other one of stride 1, instead of plain ones
            of stride 2.
        largest_shift: largest number of pixels by which an image is moved in training.
        mirrored: mirror half of the images in training.
    """

    num_classes: int = field(default=10, metadata={"least": 2})
    channels: tuple[int, ...] = (32, 64)
    hidden: int = 128
    deep: bool = False
    largest_shift: int = field(default=2, metadata={"least": 0})
    mirrored: bool = False

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"classifier": ("classifier",)}

    def check(self) -> None:
        """Raise `UserError` on a field that cannot be used; images may be of any size."""
        check_fields(self, "classifier")

    def networks(self) -> Networks:
        network = Network(self.channels, self.hidden, self.num_classes, self.deep)
        return {"classifier": (network, self.image_shape)}

    def losses(
        self, params: Params, batch: Batch, noise: PRNGKeyArray
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_shift, key_mirror, key_network = jax.random.split(noise, 3)
        images = shift_images(batch.images, key_shift, self.largest_shift)
        if self.mirrored:
            images = mirror_half(images, key_mirror)
        training = params.in_training(key_network)
        logits, _ = self.apply(training, "classifier", images)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)  # (3)
        is_right = jnp.argmax(logits, axis=1) == batch.labels
        terms = {"accuracy": jnp.mean(is_right, dtype=jnp.float32)}
        return {"classifier": jnp.mean(loss)}, (terms, training.stats)


def shift_images(
    images: Float[Array, "n h w c"], key: PRNGKeyArray, largest: int
) -> Float[Array, "n h w c"]:
    """Move each image by -largest..largest rows and columns, drawn at random."""
    edge = (largest, largest)
    padded = jnp.pad(images, [(0, 0), edge, edge, (0, 0)], mode="edge")
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * largest + 1)

    def cut(image: jax.Array, corner: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), images.shape[1:])

    return jax.vmap(cut)(padded, corners)
