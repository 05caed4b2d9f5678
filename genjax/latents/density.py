"""Densities of latents that samples are drawn from: N(0, I), or a mixture fitted to the codes.

(1) q(z) = 1/N sum_n q(z|x_n)                    the aggregate posterior: the latents that the
                                                 decoder learned to decode
(2) p(z) = sum_k w_k N(z; m_k, L_k L_k^T)        fitted to (1) when training is over
                                                 (Ghosh et al. 2020, arXiv:1903.12436, section 4)
(3) z    = m_k + T L_k epsilon,  k ~ w,  epsilon ~ N(0, I)
         T is the temperature: below 1, samples stay nearer to the middle of their component

N(0, I) is one component. Its T multiplies z, as in Kingma & Dhariwal 2018, arXiv:1807.03039,
section 6. (Their density is p^(1/T^2); of one Gaussian that is the same thing, of a mixture not
quite: here the weights stay as they are.)
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["weights", "loc", "scale_tril"],
    meta_fields=[],
)
@dataclass(frozen=True)
class LatentDensity:
    """(2): `weights` [K] of sum 1, `loc` [K, D], and `scale_tril` [K, D, D], the matrices L_k."""

    weights: jax.Array
    loc: jax.Array
    scale_tril: jax.Array

    def sample(self, key: jax.Array, num: int, temperature: jax.Array | float = 1.0) -> jax.Array:
        """(3): latents [num, D]."""
        key_component, key_noise = jax.random.split(key)
        component = jax.random.categorical(key_component, jnp.log(self.weights), shape=(num,))
        noise = jax.random.normal(key_noise, (num, self.loc.shape[1]))
        offsets = jnp.einsum("kij,nj->nki", self.scale_tril, noise)
        offset = jnp.take_along_axis(offsets, component[:, None, None], axis=1)[:, 0]
        return self.loc[component] + temperature * offset


def standard_normal(latent_dim: int) -> LatentDensity:
    """N(0, I), the prior of all models here."""
    return LatentDensity(jnp.ones(1), jnp.zeros((1, latent_dim)), jnp.eye(latent_dim)[None])
