"""Densities of latents to draw samples from: a mixture of Gaussians fitted to the codes.

(1) q(z) = 1/N sum_n q(z|x_n)                    the aggregate posterior: the latents that the
                                                 decoder learned to decode
(2) p(z) = sum_k w_k N(z; m_k, L_k L_k^T)        fitted to (1) after training
                                                 (Ghosh et al. 2020, arXiv:1903.12436, section 4)
(3) z    = m_k + T L_k epsilon,  k ~ w,  epsilon ~ N(0, I)
         T is the temperature: below 1, samples stay nearer to the mean of their component

For one Gaussian the density of (3) is proportional to p^(1/T^2), as in Kingma & Dhariwal 2018,
arXiv:1807.03039, section 6. For a mixture this holds only approximately, since the weights w stay
as they are.
"""

import warnings
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.distributions import Normal
from genjax.errors import UserError, check_integer
from genjax.latents.inputs import check_encoder_labels, check_input, map_rows
from genjax.model import CanEncode, HasPosterior, Params, require
from genjax.model.random_keys import as_key


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["weights", "loc", "scale_tril"],
    meta_fields=[],
)
@dataclass(frozen=True)
class LatentDensity:
    """A mixture of Gaussians, (2).

    Attributes:
        weights: w_k, whose sum is 1.
        loc: m_k.
        scale_tril: L_k, lower triangular.
    """

    weights: Float[Array, " k"]
    loc: Float[Array, "k d"]
    scale_tril: Float[Array, "k d d"]

    def sample(
        self, key: PRNGKeyArray | int, num: int, temperature: float | Float[Array, ""] = 1.0
    ) -> Float[Array, "num d"]:
        """Draw latents, (3). A whole number n stands for jax.random.key(n).

        >>> density = LatentDensity(jnp.ones(1), jnp.array([[1.0, 2.0]]), jnp.eye(2)[None])
        >>> density.sample(jax.random.key(0), 1, temperature=0.0)
        Array([[1., 2.]], dtype=float32)
        """
        key_component, key_noise = jax.random.split(as_key(key))
        component = jax.random.categorical(key_component, jnp.log(self.weights), shape=(num,))
        noise = jax.random.normal(key_noise, (num, self.loc.shape[1]), jnp.float32)
        offsets = jnp.einsum("kij,nj->nki", self.scale_tril, noise)
        offset = jnp.take_along_axis(offsets, component[:, None, None], axis=1)[:, 0]
        return self.loc[component] + temperature * offset


@jax.jit
def compute_posterior(
    params: Params,
    images: Float[Array, "n h w c"],
    key: PRNGKeyArray,
    labels: Int[Array, " n"] | None = None,
) -> Normal:
    """Compute q(z|x) of images; of a plain autoencoder its codes, with scale 0.

    The key binarises the images where the model's likelihood is of binary images.
    """
    model = params.model
    if not isinstance(model, HasPosterior):
        z = map_rows(require(model, CanEncode).encode, params, images, labels)
        return Normal(z, jnp.zeros_like(z))
    return map_rows(model.posterior, params, model.observe(images, key), labels)


def fit_density(
    params: Params,
    images: ArrayLike,
    key: PRNGKeyArray | int,
    num_components: int = 20,
    labels: ArrayLike | None = None,
) -> LatentDensity:
    """Fit a mixture of Gaussians to one draw of q(z|x) for each image, for `genjax.sample`.

    Runs scikit-learn's EM on the host. 20 components on 10,000 images of 32 latents take about ten
    seconds.

    Args:
        params: of a model that encodes.
        images: [N, H, W, C], at least 2.
        key: draws from q(z|x) and initialises EM. A whole number n stands for jax.random.key(n).
        num_components: K, at most N.
        labels: of the images, int [N], for a model whose encoder takes them.

    Raises:
        UserError: where there are too few images, or latents are not finite.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> images = jax.random.uniform(jax.random.key(1), (9, 8, 8, 1))
    >>> fit_density(params, images, jax.random.key(2), num_components=3).loc.shape
    (3, 2)
    """
    images = check_input(params, images)
    if len(images) < 2:
        raise UserError(f"a density is fitted to at least 2 images, not to {len(images)}.")
    most = len(images)
    num_components = check_integer(num_components, "num_components", most=most)
    key_x, key_z, key_fit = jax.random.split(as_key(key), 3)
    classes = check_encoder_labels(params.model, labels, len(images))
    z = np.asarray(compute_posterior(params, images, key_x, classes).sample(key_z), np.float64)
    if not np.isfinite(z).all():
        raise UserError("the model's latents of these images are not finite: it has diverged.")
    return _fit_mixture(
        z, num_components, int(jax.random.randint(key_fit, (), 0, 2**31 - 1, jnp.int32))
    )


def _fit_mixture(z: np.ndarray, num_components: int, seed: int) -> LatentDensity:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    mixture = GaussianMixture(num_components, random_state=seed)
    # Many threads are many times slower than one on matrices as small as these.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # EM stops near its optimum
        mixture.fit(z)
    factors = np.linalg.cholesky(mixture.covariances_)
    weights, loc, scale_tril = (
        jnp.asarray(array, jnp.float32) for array in (mixture.weights_, mixture.means_, factors)
    )
    return LatentDensity(weights, loc, scale_tril)
