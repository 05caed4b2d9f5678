"""A codebook that follows the vectors it is asked for (van den Oord et al. 2017, arXiv:1711.00937).

(1) k(z)   = argmin_k |z - e_k|^2                                       equation 1
(2) N_k   <- d N_k + (1 - d) n_k,  m_k <- d m_k + (1 - d) s_k           appendix A.1
    with number n_k and sum s_k of the batch's z that have k(z) = k
(3) e_k    = m_k / N'_k,  N'_k = (N_k + c) / (N + K c) N,  N = sum_k N_k
(4) A code with N_k below a twentieth becomes one of the batch's z, drawn at random. N_k begins
    with 0, so that the first batch replaces nearly all codes.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

_SMOOTHING = 1e-5  # c
_DEAD = 0.05


class Codebook(nn.Module):
    """Find the nearest of `num_codes` vectors: [N, h, w, D] -> int [N, h, w], [N, h, w, D].

    It has no weights: with `train` the codes move by (2) to (4), and are kept as statistics.
    """

    num_codes: int
    decay: float

    @nn.compact
    def __call__(self, z: Array, train: bool) -> tuple[Array, Array]:
        features, rows = z.shape[-1], z.reshape(-1, z.shape[-1]).astype(jnp.float32)
        codes = self.variable("codebook", "codes", self._draw, features)
        counts = self.variable("codebook", "counts", jnp.zeros, (self.num_codes,), jnp.float32)
        sums = self.variable("codebook", "sums", lambda: codes.value)
        distances = jnp.sum(codes.value**2, axis=1) - 2 * rows @ codes.value.T
        index = jnp.argmin(distances, axis=1)  # (1)
        vectors = codes.value[index]
        if train and not self.is_initializing():
            counts.value, sums.value = self._follow(rows, index, counts.value, sums.value)
            total = jnp.sum(counts.value)
            smoothed = (counts.value + _SMOOTHING) / (total + self.num_codes * _SMOOTHING) * total
            codes.value = sums.value / smoothed[:, None]  # (3)
        return index.reshape(z.shape[:-1]), vectors.reshape(z.shape)

    def _draw(self, features: int) -> Array:
        return jax.random.normal(self.make_rng("params"), (self.num_codes, features), jnp.float32)

    def _follow(self, rows: Array, index: Array, counts: Array, sums: Array) -> tuple[Array, Array]:
        asked = (index[:, None] == jnp.arange(self.num_codes)).astype(jnp.float32)
        counts = self.decay * counts + (1 - self.decay) * jnp.sum(asked, axis=0)  # (2)
        sums = self.decay * sums + (1 - self.decay) * asked.T @ rows
        drawn = jax.random.randint(self.make_rng("codes"), (self.num_codes,), 0, len(rows))
        dead = counts < _DEAD
        counts = jnp.where(dead, 1.0, counts)  # (4)
        return counts, jnp.where(dead[:, None], rows[drawn], sums)


def pass_straight(z_e: Array, e_k: Array) -> Array:
    """Return the codes e_k with the gradient of z_e: z_e + stop_gradient(e_k - z_e).

    >>> jax.grad(lambda z: pass_straight(z, jnp.round(z)) ** 2)(1.75)
    Array(4., dtype=float32, weak_type=True)
    """
    return z_e + jax.lax.stop_gradient(e_k - z_e)


def perplexity(k: Array, num_codes: int) -> Array:
    """Compute exp(-sum_k f_k log f_k), with the frequencies f of the codes k.

    It is 1 where one code serves all, and `num_codes` where all are used evenly.

    >>> round(float(perplexity(jnp.array([0, 1, 2, 3]), 8)), 3)
    4.0
    """
    f = jnp.mean((k.reshape(-1, 1) == jnp.arange(num_codes)).astype(jnp.float32), axis=0)
    return jnp.exp(-jnp.sum(jax.scipy.special.xlogy(f, f)))
