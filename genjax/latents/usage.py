"""Measure how a model uses its latents.

(1) rate_d  = 1/N sum_n KL(q(z_d|x_n) || p(z_d))        nats, as the model computes it
    var_d   = Var_n(E[z_d|x_n])                         of a model that does not tell it by latent
(2) active  : Var_n(E[z_d|x_n]) > 0.01                  `genjax.distributions.is_active`
(3) loc_d, scale_d: mean and standard deviation of the aggregate posterior,
    scale_d^2 = Var_n(E[z_d|x_n]) + 1/N sum_n Var[z_d|x_n]
(4) extent_d = ceil max(4, 1.2 max_n |E[z_d|x_n]|)      how far latent d can be moved either way
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.distributions import is_active
from genjax.errors import UserError
from genjax.latents.density import compute_posterior
from genjax.latents.inputs import Labels, check_encoder_labels, check_input
from genjax.model import (
    CanEncode,
    HasLatentRate,
    HasPosterior,
    Params,
    get_model,
    require,
    with_labels,
)
from genjax.model.compiling import jit
from genjax.model.random_keys import as_key
from genjax.nn.chunks import in_chunks


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


def latent_use(
    params: Params, images: ArrayLike, key: PRNGKeyArray | int, labels: ArrayLike | None = None
) -> LatentUse:
    """Measure which latents the encoder uses for images, and how much.

    Of a model that tells the rate of each latent (`genjax.model.HasLatentRate`), such as a VAE, the
    amounts sum up to the rate. Of any other the amounts are variances of the codes.

    Args:
        params: of a model that encodes.
        images: [N, H, W, C].
        key: binarises the images where the model's likelihood is of binary images. A whole number
            n stands for jax.random.key(n).
        labels: of the images, int [N], for a model whose encoder takes them.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> latent_use(params, jnp.ones((3, 8, 8, 1)), jax.random.key(1)).amount.shape
    (2,)
    """
    model = params.model
    if not isinstance(model, HasPosterior):
        require(model, CanEncode)
    images = check_input(params, images)
    classes = check_encoder_labels(model, labels, len(images))
    return _latent_use(params, images, as_key(key), classes)


@jit
def _latent_use(params: Params, images: jax.Array, key: jax.Array, labels: Labels) -> LatentUse:
    model = params.model
    q = compute_posterior(params, images, key, labels)
    by_rate = isinstance(model, HasLatentRate)
    if by_rate:
        amount = jnp.mean(_compute_rates(params, images, key, labels), axis=0)  # (1)
    else:
        amount = jnp.var(q.loc, axis=0)  # (1)
    if amount.shape != q.loc.shape[1:]:
        raise UserError(
            f"latent_rate of the model gives {amount.shape[0]} latents, but its encoder"
            f" {q.loc.shape[1]}: set latent_rate = None where they are not the same."
        )
    return LatentUse(
        amount=amount,
        active=is_active(q.loc),  # (2)
        loc=jnp.mean(q.loc, axis=0),
        scale=jnp.sqrt(jnp.var(q.loc, axis=0) + jnp.mean(q.scale**2, axis=0)),  # (3)
        measure="rate, nats" if by_rate else "variance",
    )


def _compute_rates(params: Params, images: jax.Array, key: jax.Array, labels: Labels) -> jax.Array:
    """Compute the rate of each latent for each image, [N, D], in chunks with a key each."""
    method = require(get_model(params), HasLatentRate).latent_rate

    def compute(rows: jax.Array) -> jax.Array:
        own = None if labels is None else labels[rows]
        return with_labels(method, own)(params, images[rows], jax.random.fold_in(key, rows[0]))

    return in_chunks(compute, jnp.arange(len(images)))


def find_extents(codes: Float[Array | np.ndarray, "n d"]) -> np.ndarray:  # (4)
    """Return how far each latent can be moved either way, from the codes of images.

    >>> find_extents(np.array([[1.0, -5.0]])).tolist()
    [4.0, 6.0]
    """
    furthest = np.abs(np.asarray(codes)).max(axis=0, initial=0)
    return np.ceil(np.maximum(4.0, 1.2 * furthest)).astype(np.float32)
