"""Conditional VAE: images of a class (Kingma et al. 2014, arXiv:1406.5298; Sohn et al. 2015, NIPS).

(1) y        = the one-hot class of the image; in training 0 instead, with probability
               `label_dropout`, which stands for an unknown class (Ho & Salimans 2022,
               arXiv:2207.12598, algorithm 1)
(2) p(z)     = N(0, I), the same for every class
(3) q(z|x,y) = N(mu(x, y), diag sigma(x, y)^2)    the encoder sees y as constant channels beside x
(4) p(x|z,y) : the likelihood                     the decoder sees y beside z
(5) loss     = E_q[-log p(x|z,y)] + beta KL(q(z|x,y) || p(z))

With beta 1, (5) is the negative ELBO of log p(x|y). As the decoder is told the class, z need not
hold it: it holds the style, and one z decodes into the same style of any class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from genjax.distributions import Distribution, Normal
from genjax.errors import UserError, check_labels
from genjax.model import Batch, Networks, Params, Terms, Weights, register
from genjax.models.vae import VAE
from genjax.nn.chunks import in_chunks

Labels = Int[Array, " n"] | None


@register("conditional_vae")
@dataclass(frozen=True)
class ConditionalVAE(VAE):
    """Learn images of each class: a VAE whose encoder and decoder are told the class y.

    The loss is the negative ELBO of log p(x|y), in nats per image:

        loss = E_q[-log p(x|z,y)] + beta KL(q(z|x,y) || N(0, I))

    Methods take the classes of the images as `labels`; without, the class counts as unknown.

    >>> model = ConditionalVAE.smallest().for_images((8, 8, 1))
    >>> params = model.init(jax.random.key(0))
    >>> model.decode(params, jnp.zeros((2, 3)), labels=jnp.array([0, 1])).shape
    (2, 8, 8, 1)

    Attributes:
        num_classes: number of classes; labels are 0 to num_classes - 1.
        label_dropout: share of the training images whose class is hidden, so that the model also
            learns images of an unknown class; 0 for none.
    """

    num_classes: int = field(default=10, metadata={"least": 2})
    label_dropout: float = 0.1

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"conditional_vae": ("encoder", "decoder")}

    @classmethod
    def smallest(cls) -> Self:
        return replace(super().smallest(), num_classes=2)

    def check(self) -> None:
        super().check()
        if not 0 <= self.label_dropout < 1:
            raise UserError(
                f"label_dropout is {self.label_dropout}, but must be at least 0, below 1."
            )

    def check_labels(self, labels: jax.Array) -> None:
        check_labels(labels, self.num_classes)

    def networks(self) -> Networks:
        height, width, channels = self.image_shape
        (encoder, _), (decoder, _) = super().networks().values()
        return {
            "encoder": (encoder, (height, width, channels + self.num_classes)),
            "decoder": (decoder, (self.latent_dim + self.num_classes,)),
        }

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_vae, key_labels = jax.random.split(noise)
        y = jax.nn.one_hot(batch.labels, self.num_classes, dtype=jnp.float32)
        is_known = jax.random.bernoulli(key_labels, 1 - self.label_dropout, (len(y), 1))
        joined = _join_image(batch.images, jnp.where(is_known, y, 0.0))  # (1)
        losses, aux = super().losses(params, replace(batch, images=joined), key_vae)
        return {"conditional_vae": losses["vae"]}, aux  # (5)

    def equations(self) -> list[tuple[str, str]]:
        class_y = (
            "y",
            f"the class, one of {self.num_classes}; hidden with p = {self.label_dropout:g}",
        )
        return [
            (formula.replace("|x)", "|x,y)").replace("|z)", "|z,y)").replace("(x)", "(x,y)"), what)
            for formula, what in super().equations()
        ] + [class_y]

    def sample(self, params: Params, key: PRNGKeyArray, num: int) -> Float[Array, "num h w c"]:
        """Draw images of classes that are drawn evenly."""
        key_z, key_y = jax.random.split(key)
        labels = jax.random.randint(key_y, (num,), 0, self.num_classes, jnp.int32)
        z = self.condition_latents(self.sample_latents(params, key_z, num), labels)
        return in_chunks(lambda some: self.decode(params, some), z)

    def condition_latents(
        self, z: Float[Array, "n d"], labels: Int[Array, " n"]
    ) -> Float[Array, "n e"]:
        """Put the classes beside latents, for `decode`: the input of the decoder."""
        return self._join(z, self.latent_dim, labels)

    def observe(
        self, images: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "n h w c"]:
        x, y = jnp.split(images, [self.image_shape[2]], axis=3)
        return jnp.concatenate([super().observe(x, key), y], axis=3)

    def posterior(
        self, params: Params, x: Float[Array, "n h w c"], labels: Labels = None
    ) -> Normal:
        """Return q(z|x,y) over latents [N, latent_dim], (3)."""
        return super().posterior(params, self._join(x, self.image_shape[2], labels))

    def encode(
        self, params: Params, images: Float[Array, "n h w c"], labels: Labels = None
    ) -> Float[Array, "n d"]:
        """Encode images in [0, 1] as the mean of (3)."""
        return self.posterior(params, images, labels).loc

    def image_distribution(
        self, params: Params, z: Float[Array, "n d"], labels: Labels = None
    ) -> Distribution:
        """Return p(x|z,y) over images [N, H, W, C], (4)."""
        return super().image_distribution(params, self._join(z, self.latent_dim, labels))

    def decode(
        self, params: Params, z: Float[Array, "n d"], labels: Labels = None
    ) -> Float[Array, "n h w c"]:
        """Decode latents into the mean of (4), images in [0, 1]."""
        return self.image_distribution(params, z, labels).mean

    def distortion(
        self, params: Params, x: Float[Array, "n h w c"], z: Float[Array, "n d"]
    ) -> Float[Array, " n"]:
        """Compute -log p(x|z,y), in nats, for a z of each x that is joined with its y."""
        x, y = jnp.split(x, [self.image_shape[2]], axis=3)
        return super().distortion(params, x, jnp.concatenate([z, y[:, 0, 0]], axis=1))

    def latent_rate(
        self,
        params: Params,
        images: Float[Array, "n h w c"],
        key: PRNGKeyArray,
        labels: Labels = None,
    ) -> Float[Array, "n d"]:
        return super().latent_rate(params, self._join(images, self.image_shape[2], labels), key)

    def distortion_and_rate(
        self,
        params: Params,
        x: Float[Array, "n h w c"],
        key: PRNGKeyArray,
        labels: Labels = None,
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        joined = self._join(x, self.image_shape[2], labels)
        return super().distortion_and_rate(params, joined, key)

    def log_weights(
        self,
        params: Params,
        x: Float[Array, "n h w c"],
        key: PRNGKeyArray,
        num: int,
        labels: Labels = None,
    ) -> Float[Array, "num n"]:
        return super().log_weights(params, self._join(x, self.image_shape[2], labels), key, num)

    def _join(self, array: jax.Array, own: int, labels: Labels) -> jax.Array:
        """Put y beside images or latents whose last axis is `own`; joined ones stay as they are."""
        if array.shape[-1] == own + self.num_classes:
            return array
        if labels is not None:
            y = jax.nn.one_hot(labels, self.num_classes, dtype=array.dtype)
        elif self.label_dropout:
            y = jnp.zeros((len(array), self.num_classes), array.dtype)  # unknown
        else:
            raise UserError(
                "with label_dropout 0 the model knows no image of an unknown class: give labels."
            )
        return jnp.concatenate([array, y], axis=1) if array.ndim == 2 else _join_image(array, y)


def _join_image(x: jax.Array, y: jax.Array) -> jax.Array:
    """Put y [N, K] beside the channels of every pixel of x [N, H, W, C]."""
    channels = jnp.broadcast_to(y[:, None, None], (*x.shape[:3], y.shape[1]))
    return jnp.concatenate([x, channels], axis=3)
