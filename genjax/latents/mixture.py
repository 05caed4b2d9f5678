"""A mixture of Gaussians as a density of latents.

(1) p(z) = sum_k w_k N(z; m_k, L_k L_k^T)        Ghosh et al. 2020, arXiv:1903.12436, section 4
(2) z    = m_k + T L_k epsilon,  k ~ w,  epsilon ~ N(0, I)
         T is the temperature: below 1, samples stay nearer to the mean of their component

(3) v(x, t) = sum_k r_k (m_k + (t C_k - (1 - t) I) S_k^-1 (x - t m_k)),  C_k = L_k L_k^T
    S_k     = t^2 C_k + (1 - t)^2 I,  r_k proportional to w_k N(x; t m_k, S_k)
         the velocity that carries N(0, I) to (1): E[x_1 - x_0 | x_t = x] of
         `genjax.models.transport`, where x_t is jointly normal with x_1 - x_0 within a component

For one Gaussian the density of (2) is proportional to p^(1/T^2), as in Kingma & Dhariwal 2018,
arXiv:1807.03039, section 6. For a mixture this holds only approximately, since the weights w stay
as they are.
"""

import warnings
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from genjax.model.random_keys import as_key
from genjax.models.transport import Velocity


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["weights", "loc", "scale_tril"],
    meta_fields=[],
)
@dataclass(frozen=True)
class GaussianMixture:
    """A mixture of Gaussians, (1).

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
        """Draw latents, (2). A whole number n stands for jax.random.key(n).

        >>> density = GaussianMixture(jnp.ones(1), jnp.array([[1.0, 2.0]]), jnp.eye(2)[None])
        >>> density.sample(jax.random.key(0), 1, temperature=0.0)
        Array([[1., 2.]], dtype=float32)
        """
        key_component, key_noise = jax.random.split(as_key(key))
        component = jax.random.categorical(key_component, jnp.log(self.weights), shape=(num,))
        noise = jax.random.normal(key_noise, (num, self.loc.shape[1]), jnp.float32)
        offsets = jnp.einsum("kij,nj->nki", self.scale_tril, noise)
        offset = jnp.take_along_axis(offsets, component[:, None, None], axis=1)[:, 0]
        return self.loc[component] + temperature * offset

    def make_velocity(self) -> Velocity:
        """Return (3), a function of x [N, D] and t [N]."""
        covariances = jnp.einsum("kij,klj->kil", self.scale_tril, self.scale_tril)
        variances, axes = jnp.linalg.eigh(covariances)

        def velocity(x: jax.Array, t: jax.Array) -> jax.Array:
            t = t[:, None, None]
            offsets = jnp.einsum("kij,nki->nkj", axes, x[:, None] - t * self.loc)  # [N, K, D]
            spread = t**2 * variances + (1 - t) ** 2  # S_k along its axes
            log_density = -0.5 * jnp.sum(offsets**2 / spread + jnp.log(spread), axis=2)
            r = jax.nn.softmax(jnp.log(self.weights) + log_density, axis=1)
            moved = (t * variances - (1 - t)) / spread * offsets
            v = self.loc + jnp.einsum("kij,nkj->nki", axes, moved)
            return jnp.einsum("nk,nkd->nd", r, v)  # (3)

        return velocity

    def describe(self) -> str:
        """Return what it is, for pages.

        >>> GaussianMixture(jnp.ones(1), jnp.zeros((1, 2)), jnp.eye(2)[None]).describe()
        'a mixture of 1 Gaussian'
        """
        count = len(self.weights)
        return f"a mixture of {count} Gaussian{'s' if count > 1 else ''}"


def fit_mixture(
    z: Float[np.ndarray, "n d"], key: PRNGKeyArray, num_components: int
) -> GaussianMixture:
    """Fit a mixture to latents by scikit-learn's EM, on the host; the key initialises it."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture as Fitted
    from threadpoolctl import threadpool_limits

    seed = int(jax.random.randint(key, (), 0, 2**31 - 1, jnp.int32))
    mixture = Fitted(num_components, random_state=seed)
    # Many threads are many times slower than one on matrices as small as these.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # EM stops near its optimum
        mixture.fit(z)
    factors = np.linalg.cholesky(mixture.covariances_)
    weights, loc, scale_tril = (
        jnp.asarray(array, jnp.float32) for array in (mixture.weights_, mixture.means_, factors)
    )
    return GaussianMixture(weights, loc, scale_tril)
