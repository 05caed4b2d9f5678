"""Projected GANs: discriminators on the features of a trained network (Sauer et al. 2021).

The equations of `genjax.models.adversarial`, with (arXiv:2111.01007, equation 4)

(1) f_l(x) the map of features of a trained network F at scale l, after its last convolution there
(2) S(x)   = the scores of the patches of every scale, D_l(P_l(x)), of `genjax.nn.patches`
(3) L_D, L_G are means over images and patches of all scales

F and the random projections P never learn; the discriminators D_l are small. What F knows, a
discriminator need not find out from the data, so that few images, and few steps, suffice.

F takes images of 1 or 3 channels. Where the images have another number, F is applied to each of
their channels, or their one channel is repeated. F is convolutional, so images may be of any size.

A classifier that gave its features has taken part in the training: it cannot judge the samples, and
`genjax.evaluate` refuses it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from genjax import losses
from genjax.errors import OneOf, UserError, check_new_name, check_type
from genjax.model import Networks, Params, register
from genjax.models.dcgan import DCGAN
from genjax.models.image_classifier import ImageClassifier
from genjax.nn.networks import flatten
from genjax.nn.normalization import Normalization
from genjax.nn.patches import Mixing, PatchDiscriminator


@cache
def _draw_features() -> Params:
    return ImageClassifier((32, 32, 3), channels=(8, 8, 16), deep=True).init(jax.random.key(0))


FEATURES: dict[str, Callable[[], Params]] = {"random": _draw_features}
_SHIPPED = frozenset({"random", "mnist", "fashion_mnist", "cifar10"})
FeaturesName = Annotated[str, OneOf(FEATURES)]


def register_features(name: str, load: Callable[[], Params]) -> None:
    """Register a trained network, whose features a `ProjectedGAN` then takes by its name.

    A file of weights records the name alone: register the network before loading it elsewhere.

    Args:
        name: under which `ProjectedGAN.features` finds it.
        load: returns the parameters of a `genjax.models.image_classifier.ImageClassifier`, the same
            ones every time.

    >>> from genjax.models.image_classifier import ImageClassifier
    >>> register_features("example", lambda: ImageClassifier((8, 8, 1)).init(0))
    >>> FEATURES.pop("example")().model.channels
    (32, 64)
    """
    check_new_name(name, _SHIPPED, "a network of features")
    FEATURES[name] = load


@register("projected_gan")
@dataclass(frozen=True)
class ProjectedGAN(DCGAN):
    """Train a DCGAN's generator against discriminators on a trained network's features.

    With the scores r of the patches of real and f of those of generated images, they minimise

        L_D = E[max(0, 1 - r) + max(0, 1 + f)]        L_G = E[-f]

    or the pair that `loss` names (`help(genjax.losses)`). The other fields are those of `DCGAN`.

    >>> model = ProjectedGAN(image_shape=(8, 8, 1), latent_dim=2, width=2, features="random")
    >>> params = model.init(jax.random.key(0))
    >>> model.sample(params, jax.random.key(1), 3).shape
    (3, 8, 8, 1)

    Attributes:
        features: the trained network: the classifier that genjax ships for cifar10, fashion_mnist
            or mnist; "random" for one that is not trained; or one registered by register_features.
        discriminator_width: channels of the projections and of the discriminators.
    """

    loss: losses.LossName = "hinge"
    discriminator_norm: Normalization = "spectral"
    features: FeaturesName = "cifar10"
    discriminator_width: int = 64

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=4, latent_dim=3, features="random", discriminator_width=4)

    def frozen_features(self) -> Params:
        """Return F: the parameters of an `ImageClassifier`.

        Raises:
            UserError: where `register_features` was given a function that returns others.
        """
        with jax.ensure_compile_time_eval():  # the function may keep what it returns
            params = FEATURES[self.features]()
        check_type(params, Params, f"the features {self.features!r}", "parameters of a classifier")
        if not isinstance(params.model, ImageClassifier):
            raise UserError(
                f"the features {self.features!r} are those of {params.model}, but must be those of"
                " an ImageClassifier."
            )
        return params

    def init(self, key: PRNGKeyArray | int) -> Params:
        params = super().init(key)
        known = jax.tree.map(jnp.copy, self._load_trunk())  # training donates its buffers
        return params.replace(
            weights=params.weights | known.weights, stats=params.stats | known.stats
        )

    def _load_trunk(self) -> Params:
        """Return F as the network "features" of this model."""
        known = self.frozen_features()
        stats = {"features": known.stats["classifier"]} if known.stats else {}
        return Params({"features": known.weights["classifier"]}, stats, self)

    def discriminator(self) -> nn.Module:
        return PatchDiscriminator(
            self.discriminator_width, self.discriminator_outputs, self.discriminator_norm
        )

    def networks(self) -> Networks:
        trunk, *_ = self.frozen_features().model.networks()["classifier"]
        height, width, _ = self.image_shape
        channels = self._trunk_channels
        repeats = 1 if self.image_shape[2] in (1, channels) else self.image_shape[2]
        maps = [(h, w, repeats * c) for h, w, c in trunk.map_shapes((height, width))]
        mixed = [(h, w, self.discriminator_width) for h, w, _ in maps]
        return super().networks() | {
            "discriminator": (self.discriminator(), *mixed),
            "mixing": (Mixing(self.discriminator_width), *maps),
            "features": (trunk, (height, width, channels)),
        }

    @property
    def _trunk_channels(self) -> int:
        return self.frozen_features().model.image_shape[2]

    def apply_discriminator(
        self, params: Params, images: Float[Array, "n h w c"]
    ) -> Float[Array, "n patches k"]:
        """Compute (2), the scores of all patches of images in [-1, 1]."""
        maps = self.extract_maps(params, images)
        frozen = Params(params.weights, params.stats, self)  # in a training pass too
        return self.apply(params, "discriminator", *self.apply(frozen, "mixing", *maps))

    def pool_features(self, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        """Return the maps (1) of images in [0, 1], each scaled to 2x2 pixels."""
        maps = self.extract_maps(self._load_trunk(), 2 * images - 1)
        small = [jax.image.resize(m, (len(m), 2, 2, m.shape[3]), "linear") for m in maps]
        return jnp.concatenate([flatten(one) for one in small], axis=1)

    def extract_maps(
        self, params: Params, images: Float[Array, "n h w c"]
    ) -> tuple[Float[Array, "n _ _ _"], ...]:
        """Return the maps (1) of images in [-1, 1], from fine to coarse."""
        frozen = Params(params.weights, params.stats, self)

        def extract(x: jax.Array) -> tuple[jax.Array, ...]:
            return self.apply(frozen, "features", (x + 1) / 2, return_maps=True)

        wanted, given = self._trunk_channels, images.shape[3]
        if wanted == given:
            return extract(images)
        if given == 1:
            return extract(jnp.repeat(images, wanted, axis=3))
        each = [extract(images[..., i : i + 1].repeat(wanted, axis=3)) for i in range(given)]
        return tuple(jnp.concatenate(maps, axis=3) for maps in zip(*each, strict=True))
