"""The network that classifies images, and how it is trained.

(1) h(x)     the features: the last hidden layer of a convolutional network, [D]
(2) p(c|x) = softmax(W h(x) + b)_c
(3) loss   = -log p(y|x'),   x' = x moved by up to 2 pixels (`largest_shift`) each way, the border
                             repeated, and mirrored or not at random where `mirrored` is set

A mirrored digit is another or none; a mirrored dress or ship is one too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from genjax.errors import check_fields
from genjax.model import Batch, Model, Networks, Params, Terms, Weights
from genjax.nn.conv import Conv
from genjax.nn.dense import Dense
from genjax.nn.networks import flatten
from genjax.nn.normalization import BatchNorm
from genjax.training.configuration import Optimizer, Training

_IMAGES_SHOWN = 360_000  # in training: of MNIST's, six epochs
_MOST_EPOCHS = 40


class Network(nn.Module):
    """[N, H, W, C] -> logits [N, classes] and features [N, hidden]: strided convolutions.

    `deep`: every other convolution is of stride 1, each is batch-normalised, and what the hidden
    layer takes is their mean over the pixels.
    """

    channels: tuple[int, ...]
    hidden: int
    num_classes: int
    deep: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> tuple[jax.Array, jax.Array]:
        x = 2.0 * x - 1.0
        for number, width in enumerate(self.channels):
            stride = 1 if self.deep and number % 2 else 2
            x = Conv(width, kernel_size=3, stride=stride, use_bias=not self.deep)(x)
            x = nn.relu(BatchNorm()(x, train) if self.deep else x)
        x = jnp.mean(x, axis=(1, 2)) if self.deep else flatten(x)
        features = nn.relu(Dense(self.hidden)(x))  # (1)
        return Dense(self.num_classes)(features), features


@dataclass(frozen=True)
class ImageClassifier(Model):
    """Trained as every model is, by `genjax.training.fit.fit`, but no generative one: not registered.

    Attributes:
        num_classes: of the data set.
        channels: of the convolutions.
        hidden: D, the number of features.
        deep: batch-normalised convolutions, every other one of stride 1, instead of plain ones
            that are all of stride 2.
        largest_shift: pixels by which an image is moved in training.
        mirrored: whether half of the images are mirrored in training.
    """

    num_classes: int = field(default=10, metadata={"least": 2})
    channels: tuple[int, ...] = (32, 64)
    hidden: int = 128
    deep: bool = False
    largest_shift: int = field(default=2, metadata={"least": 0})
    mirrored: bool = False

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"classifier": ("classifier",)}

    def check(self) -> None:
        """Raises `UserError` on a field that cannot be used; images may be of any size."""
        check_fields(self, "classifier")

    def networks(self) -> Networks:
        network = Network(self.channels, self.hidden, self.num_classes, self.deep)
        return {"classifier": (network, self.image_shape)}

    def losses(
        self, params: Params, batch: Batch, key: jax.Array
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        images = shifted(batch.images, key, self.largest_shift)
        if self.mirrored:
            images = half_mirrored(images, jax.random.fold_in(key, 1))
        (logits, _), stats = self.apply_training(params, "classifier", images)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)  # (3)
        right = jnp.argmax(logits, axis=1) == batch.labels
        stats = {"classifier": stats} if stats else {}
        return {"classifier": jnp.mean(loss)}, ({"accuracy": jnp.mean(right)}, stats)


def shifted(images: jax.Array, key: jax.Array, largest: int) -> jax.Array:
    """Each of the images [N, H, W, C] moved by -largest..largest rows and columns."""
    edge = (largest, largest)
    padded = jnp.pad(images, [(0, 0), edge, edge, (0, 0)], mode="edge")
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * largest + 1)

    def cut(image: jax.Array, corner: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), images.shape[1:])

    return jax.vmap(cut)(padded, corners)


def half_mirrored(images: jax.Array, key: jax.Array) -> jax.Array:
    """Each of the images [N, H, W, C] mirrored, left to right, with a probability of one half."""
    mirror = jax.random.bernoulli(key, 0.5, (len(images), 1, 1, 1))
    return jnp.where(mirror, images[:, :, ::-1], images)


def training_for(num_images: int, shown: int = _IMAGES_SHOWN) -> Training:
    """The budget: that many images `shown`, at most 40 epochs."""
    return Training(
        epochs=max(1, min(_MOST_EPOCHS, round(shown / num_images))),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, schedule="cosine", warmup_steps=200, weight_decay=0.02
        ),
    )
