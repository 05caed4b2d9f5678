"""Measure how a model uses its latents.

(1) rate_d  = 1/N sum_n KL(q(z_d|x_n) || N(0, 1))       nats, of a model with a posterior
    var_d   = Var_n(z_d(x_n))                           of a plain autoencoder's codes
(2) active  : Var_n(E[z_d|x_n]) > 0.01                  `genjax.distributions.is_active`
(3) loc_d, scale_d: mean and standard deviation of the aggregate posterior,
    scale_d^2 = Var_n(E[z_d|x_n]) + 1/N sum_n Var[z_d|x_n]
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.distributions import is_active, kl_to_standard_normal
from genjax.errors import check_images
from genjax.latents.density import compute_posterior
from genjax.model import CanEncode, HasPosterior, Params, require


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["amount", "active", "loc", "scale"],
    meta_fields=["measure"],
)
@dataclass(frozen=True)
class LatentUse:
    """How a model uses each of its D latents.

    Attributes:
        amount: how much information each carries, (1).
        active: whether each varies with the image, (2).
        loc: mean of the aggregate posterior, (3).
        scale: standard deviation of the aggregate posterior, (3).
        measure: what `amount` is: "rate, nats" or "variance".
    """

    amount: Float[Array, " d"]
    active: Bool[Array, " d"]
    loc: Float[Array, " d"]
    scale: Float[Array, " d"]
    measure: str

    @property
    def order(self) -> Int[Array, " d"]:
        """The latents' positions, the one that carries most first, inactive ones last."""
        return jnp.lexsort((-self.amount, ~self.active))


def latent_use(params: Params, images: ArrayLike, key: PRNGKeyArray) -> LatentUse:
    """Measure which latents the encoder uses for images, and how much.

    The amounts of a VAE sum up to its rate.

    Args:
        params: of a model that encodes.
        images: [N, H, W, C].
        key: binarises the images where the model's likelihood is of binary images.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> latent_use(params, jnp.ones((3, 8, 8, 1)), jax.random.key(1)).amount.shape
    (2,)
    """
    if not isinstance(params.model, HasPosterior):
        require(params.model, CanEncode)
    return _latent_use(params, check_images(images, params.model.image_shape), key)


@jax.jit
def _latent_use(params: Params, images: jax.Array, key: jax.Array) -> LatentUse:
    q = compute_posterior(params, images, key)
    by_rate = isinstance(params.model, HasPosterior)
    return LatentUse(
        amount=jnp.mean(kl_to_standard_normal(q), 0) if by_rate else jnp.var(q.loc, 0),  # (1)
        active=is_active(q.loc),  # (2)
        loc=jnp.mean(q.loc, axis=0),
        scale=jnp.sqrt(jnp.var(q.loc, axis=0) + jnp.mean(q.scale**2, axis=0)),  # (3)
        measure="rate, nats" if by_rate else "variance",
    )
