"""The conditional VAE under the name of its own that earlier runs and files have.

It is the VAE with classes: `VAE(num_classes=10)` is the same model, and `genjax.models.vae` and
`genjax.models.conditional_autoencoder` number its equations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import jax

from genjax.model import Batch, Params, Terms, Weights, register
from genjax.models.vae import VAE


@register("conditional_vae")
@dataclass(frozen=True)
class ConditionalVAE(VAE):
    """Learn images of each class: a VAE whose `num_classes` is 10 by default.

    The loss is the negative ELBO of log p(x|y), in nats per image:

        loss = E_q[-log p(x|z,y)] + beta KL(q(z|x,y) || N(0, I))

    >>> model = ConditionalVAE.smallest().for_images((8, 8, 1))
    >>> params = model.init(jax.random.key(0))
    >>> model.decode(params, jax.numpy.zeros((2, 3)), labels=jax.numpy.array([0, 1])).shape
    (2, 8, 8, 1)

    Attributes:
        num_classes: number of classes; labels are 0 to num_classes - 1.
    """

    num_classes: int = field(default=10, metadata={"least": 2})

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"conditional_vae": ("encoder", "decoder")}

    @classmethod
    def smallest(cls) -> Self:
        return replace(super().smallest(), num_classes=2)

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        losses, aux = super().losses(params, batch, noise)
        return {"conditional_vae": losses["vae"]}, aux
