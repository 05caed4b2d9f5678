"""Autoencoders whose networks are given the class: the field `num_classes` of the VAE.

(1) y        = the one-hot class of the image; in training 0 instead, with probability
               `label_dropout`, which stands for an unknown class (Ho & Salimans 2022,
               arXiv:2207.12598, algorithm 1)
(2) q(z|x,y) : the encoder sees y as constant channels beside x
(3) p(x|z,y) : the decoder sees y beside z           (Kingma et al. 2014, arXiv:1406.5298, equation
               1; Sohn et al. 2015, NIPS, equation 4; but p(z|y) = p(z), the same for every class)

As the decoder is given the class, z need not hold it: it holds the style, and one z decodes into
the same style of any class. With `num_classes` 0 there is no y.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from genjax.distributions import Distribution
from genjax.errors import UserError, check_labels
from genjax.model import Batch, Networks, Params
from genjax.models.autoencoder import Autoencoder
from genjax.nn.chunks import in_chunks

Labels = Int[Array, " n"] | None
_LABEL_DROPOUT = 0.1


@dataclass(frozen=True)
class ConditionalAutoencoder(Autoencoder):
    """Encode and decode images of a class: the base of the VAE.

    Methods take the classes of the images as `labels`; without, the class counts as unknown.

    Attributes:
        num_classes: number of classes that the networks are given, from 0 on, so that images of a
            class can be sampled; 0 for a model without classes.
        label_dropout: share of the training images whose class is hidden, so that the model also
            learns images of an unknown class; 0 for none.
    """

    num_classes: int = field(default=0, metadata={"least": 0})
    label_dropout: float = _LABEL_DROPOUT

    @property
    def given_classes(self) -> int:
        """Number of classes that encoder and decoder are given; 0 for none."""
        return self.num_classes

    def check(self) -> None:
        super().check()
        if not 0 <= self.label_dropout < 1:
            raise UserError(
                f"label_dropout is {self.label_dropout}, but must be at least 0, below 1."
            )
        if self.label_dropout != _LABEL_DROPOUT and not self.given_classes:
            raise UserError(
                "label_dropout hides the class from networks that are given it, and these are given"
                " none: leave it out, or set num_classes."
            )

    def check_labels(self, labels: jax.Array) -> None:
        if self.given_classes:
            check_labels(labels, self.given_classes)

    def networks(self) -> Networks:
        height, width, channels = self.image_shape
        (encoder, _), (decoder, _) = super().networks().values()
        return {
            "encoder": (encoder, (height, width, channels + self.given_classes)),
            "decoder": (decoder, (self.latent_dim + self.given_classes,)),
        }

    def join_batch(self, batch: Batch, key: PRNGKeyArray) -> Batch:
        """Put y beside the images of a batch, hidden at random, (1)."""
        y = jax.nn.one_hot(batch.labels, self.given_classes, dtype=jnp.float32)
        is_known = jax.random.bernoulli(key, 1 - self.label_dropout, (len(y), 1))
        return replace(batch, images=join_image(batch.images, jnp.where(is_known, y, 0.0)))

    def join_images(self, x: Float[Array, "n h w c"], labels: Labels) -> Float[Array, "n h w e"]:
        """Put y beside the channels of every pixel, (2); joined images stay as they are."""
        return self._join(x, labels, own=self.image_shape[2])

    def join_latents(self, z: Float[Array, "n d"], labels: Labels) -> Float[Array, "n e"]:
        """Put y beside latents, (3); joined latents stay as they are."""
        return self._join(z, labels, own=self.latent_dim)

    def split_images(
        self, x: Float[Array, "n h w e"]
    ) -> tuple[Float[Array, "n h w c"], Float[Array, "n k"]]:
        """Return images, and the y of the joined among them: [N, 0] of others."""
        own = self.image_shape[2] if self.given_classes else x.shape[3]
        return x[..., :own], x[:, 0, 0, own:]

    def condition_latents(
        self, z: Float[Array, "n d"], labels: Int[Array, " n"]
    ) -> Float[Array, "n e"]:
        """Put the classes beside latents, for `decode`: the input of the decoder."""
        return self.join_latents(z, labels)

    def image_distribution(
        self, params: Params, z: Float[Array, "n d"], labels: Labels = None
    ) -> Distribution:
        """Return p(x|z), given y (3), over images [N, H, W, C]."""
        return super().image_distribution(params, self.join_latents(z, labels))

    def decode(
        self, params: Params, z: Float[Array, "n d"], labels: Labels = None
    ) -> Float[Array, "n h w c"]:
        """Decode latents into the mean of p(x|z), images in [0, 1]."""
        return super().decode(params, self.join_latents(z, labels))

    def sample(self, params: Params, key: PRNGKeyArray, num: int) -> Float[Array, "num h w c"]:
        """Draw images, and where there are classes, of classes that are drawn evenly."""
        if not self.given_classes:
            return super().sample(params, key, num)
        key_z, key_y = jax.random.split(key)
        labels = jax.random.randint(key_y, (num,), 0, self.given_classes, jnp.int32)
        z = self.condition_latents(self.sample_latents(params, key_z, num), labels)
        return in_chunks(lambda some: self.decode(params, some), z)

    def _join(self, array: jax.Array, labels: Labels, own: int) -> jax.Array:
        """Put y beside images or latents whose last axis is `own`; joined ones stay as they are."""
        if not self.given_classes or array.shape[-1] == own + self.given_classes:
            return array
        if labels is not None:
            y = jax.nn.one_hot(labels, self.given_classes, dtype=array.dtype)
        elif self.label_dropout:
            y = jnp.zeros((len(array), self.given_classes), array.dtype)  # unknown
        else:
            raise UserError(
                "with label_dropout 0 the model knows no image of an unknown class: give labels."
            )
        return jnp.concatenate([array, y], axis=1) if array.ndim == 2 else join_image(array, y)

    def with_classes(self, equations: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return equations of an unconditional model as those given y, where there are classes."""
        if not self.given_classes:
            return list(equations)
        hidden = f"; hidden with p = {self.label_dropout:g}" if self.label_dropout else ""
        return [
            (formula.replace("|x)", "|x,y)").replace("|z)", "|z,y)").replace("(x)", "(x,y)"), what)
            for formula, what in equations
        ] + [("y", f"the class, one of {self.given_classes}{hidden}")]


def join_image(x: jax.Array, y: jax.Array) -> jax.Array:
    """Put y [N, K] beside the channels of every pixel of x [N, H, W, C]."""
    channels = jnp.broadcast_to(y[:, None, None], (*x.shape[:3], y.shape[1]))
    return jnp.concatenate([x, channels], axis=3)
