"""What an encoder makes of many images: the latents it uses, where they lie, where labels lead.

(1) rate_d  = 1/N sum_n KL(q(z_d|x_n) || N(0, 1))       nats, of a model with a posterior
    var_d   = Var_n(z_d(x_n))                           of a plain autoencoder's codes
(2) active  : Var_n(E[z_d|x_n]) > 0.01                  `genjax.distributions.is_active`
(3) loc_d, scale_d: mean and standard deviation of the aggregate posterior,
    scale_d^2 = Var_n(E[z_d|x_n]) + 1/N sum_n Var[z_d|x_n]
(4) a       = mean z of images with an attribute - mean z of those without
                                                      (Larsen et al. 2016, arXiv:1512.09300, 4.1.1)
(5) PCA     : z projected on the eigenvectors of its covariance of the largest eigenvalues

All but `fit_density` and `tsne`, which call scikit-learn on the host, work under `jit` and `vmap`.
"""

import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from genjax.distributions import Normal, is_active, kl_to_standard_normal
from genjax.errors import UserError
from genjax.latents.density import LatentDensity
from genjax.latents.sampling import encode
from genjax.model import HasPosterior, Params
from genjax.nn.chunks import in_chunks


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["amount", "active", "loc", "scale"],
    meta_fields=["measure"],
)
@dataclass(frozen=True)
class LatentUse:
    """How a model uses each of its D latents: `amount` (1), `active` (2), `loc` and `scale` (3).

    `measure` says what `amount` is: "rate, nats" or "variance".
    """

    amount: jax.Array
    active: jax.Array
    loc: jax.Array
    scale: jax.Array
    measure: str

    @property
    def order(self) -> jax.Array:
        """The latents, int [D], the one that carries most first, those not in use last."""
        return jnp.lexsort((-self.amount, ~self.active))


def _posteriors(params: Params, images: jax.Array, key: jax.Array) -> Normal:
    """q(z|x) of images [N, H, W, C]; of a plain autoencoder its codes, of scale 0."""
    model = params.model
    if not isinstance(model, HasPosterior):
        z = encode(params, images)
        return Normal(z, jnp.zeros_like(z))
    x = model.observe(images, key)
    return in_chunks(partial(model.posterior, params), x)


@jax.jit
def latent_use(params: Params, images: jax.Array, key: jax.Array) -> LatentUse:
    """Which latents the encoder uses for images [N, H, W, C], and how much; see `LatentUse`.

    The amounts of a VAE sum up to its rate. The key draws binary images, where the model's
    likelihood is of such.
    """
    q = _posteriors(params, images, key)
    by_rate = isinstance(params.model, HasPosterior)
    return LatentUse(
        amount=jnp.mean(kl_to_standard_normal(q), 0) if by_rate else jnp.var(q.loc, 0),  # (1)
        active=is_active(q.loc),  # (2)
        loc=jnp.mean(q.loc, axis=0),
        scale=jnp.sqrt(jnp.var(q.loc, axis=0) + jnp.mean(q.scale**2, axis=0)),  # (3)
        measure="rate, nats" if by_rate else "variance",
    )


def fit_density(
    params: Params, images: ArrayLike, key: jax.Array, num_components: int = 20
) -> LatentDensity:
    """A mixture of Gaussians fitted to one draw of q(z|x) for each of images [N, H, W, C].

    Give it to `genjax.sample`. Fitted by scikit-learn's EM: 20 components to 10,000 images of 32
    latents take about ten seconds.

    Raises:
        UserError: unless 1 <= `num_components` <= N and N is at least 2.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    images = jnp.asarray(images)
    if not 1 <= num_components <= len(images) or len(images) < 2:
        raise UserError(
            f"num_components is {num_components} for {len(images)} images, but must be at least 1"
            " and at most their number, which must be at least 2."
        )
    key_x, key_z, key_fit = jax.random.split(key, 3)
    z = np.asarray(_posteriors(params, images, key_x).sample(key_z), np.float64)
    seed = int(jax.random.randint(key_fit, (), 0, 2**31 - 1))
    mixture = GaussianMixture(num_components, random_state=seed)
    # many threads are many times slower than one on matrices as small as these
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what has not come to rest is near it
        mixture.fit(z)
    factors = np.linalg.cholesky(mixture.covariances_)
    arrays: Any = (mixture.weights_, mixture.means_, factors)
    return LatentDensity(*(jnp.asarray(array, jnp.float32) for array in arrays))


@jax.jit
def attribute_vector(params: Params, images: jax.Array, others: jax.Array) -> jax.Array:
    """(4): from the mean latent of `others` to that of `images`, each [N, H, W, C] -> [D].

    Added to a latent (`genjax.shift`), it gives its image what `images` have and `others` lack.
    """
    return jnp.mean(encode(params, images), 0) - jnp.mean(encode(params, others), 0)


@partial(jax.jit, static_argnames="num")
def pca(z: jax.Array, num: int = 2) -> tuple[jax.Array, jax.Array]:
    """(5): latents [N, D] -> their first principal components [N, num], and each one's share.

    A share is that of the whole variance, in [0, 1]. The sign of a component is such that the
    largest number in its eigenvector is positive.
    """
    centred = z - jnp.mean(z, axis=0)
    variances, vectors = jnp.linalg.eigh(centred.T @ centred / len(z))
    first = vectors[:, ::-1][:, :num]
    largest = jnp.take_along_axis(first, jnp.argmax(jnp.abs(first), axis=0)[None], axis=0)
    return centred @ (first * jnp.sign(largest)), variances[::-1][:num] / jnp.maximum(
        jnp.sum(variances), 1e-12
    )


def tsne(z: ArrayLike, key: jax.Array) -> np.ndarray:
    """Latents [N, D] -> points [N, 2] with the same neighbours (van der Maaten & Hinton 2008).

    By scikit-learn; 2,000 latents take about ten seconds. Raises `UserError` where N is below 5.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    latents = np.asarray(z)
    if len(latents) < 5:
        raise UserError(f"t-SNE needs at least 5 latents, not {len(latents)}.")
    seed = int(jax.random.randint(key, (), 0, 2**31 - 1))
    perplexity = min(30.0, (len(latents) - 1) / 3)
    with threadpool_limits(1):  # as above
        return TSNE(perplexity=perplexity, random_state=seed).fit_transform(latents)
