"""Project latents to two dimensions, to look at them.

(1) PCA: z projected on the eigenvectors of its covariance with the largest eigenvalues
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.errors import UserError, check_integer, check_numbers
from genjax.model.random_keys import as_key


def pca(z: ArrayLike, num: int = 2) -> tuple[Float[Array, "n num"], Float[Array, " num"]]:
    """Project latents on their first principal components, (1).

    Args:
        z: latents [N, D].
        num: components, at most D.

    Returns:
        The points, and the share of the whole variance, in [0, 1], that each component explains.
        The sign of a component makes the largest number in its eigenvector positive.

    >>> points, shares = pca(jnp.array([[0.0, 0.0], [3.0, 4.0]]), num=1)
    >>> points.round(3).tolist(), shares.round(3).tolist()
    ([[-2.5], [2.5]], [1.0])
    """
    z = check_numbers(z, "latents")
    if z.ndim != 2 or not z.size:
        raise UserError(f"latents have the shape {z.shape}, but must be [N, D], none of them 0.")
    return _pca(z, check_integer(num, "num", most=z.shape[1]))


@partial(jax.jit, static_argnames="num")
def _pca(z: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
    centred = z - jnp.mean(z, axis=0)
    variances, vectors = jnp.linalg.eigh(centred.T @ centred / len(z))
    first = vectors[:, ::-1][:, :num]
    largest = jnp.take_along_axis(first, jnp.argmax(jnp.abs(first), axis=0)[None], axis=0)
    shares = variances[::-1][:num] / jnp.maximum(jnp.sum(variances), 1e-12)
    return centred @ (first * jnp.sign(largest)), shares


def tsne(z: ArrayLike, key: PRNGKeyArray | int) -> Float[np.ndarray, "n 2"]:
    """Place latents [N, D] in the plane so that neighbours stay neighbours, by t-SNE.

    Runs scikit-learn on the host; 2,000 latents take about ten seconds
    (van der Maaten & Hinton 2008, "Visualizing data using t-SNE", JMLR 9).

    Args:
        z: latents, at least 5.
        key: chooses the start. A whole number n stands for jax.random.key(n).

    Raises:
        UserError: where there are fewer than 5 latents, they are not finite, or all are equal.
    """
    latents = np.asarray(check_numbers(z, "latents"))
    if latents.ndim != 2:
        raise UserError(f"latents have the shape {latents.shape}, but must be [N, D].")
    if len(latents) < 5:
        raise UserError(f"t-SNE needs at least 5 latents, not {len(latents)}.")
    if len(np.unique(latents, axis=0)) < 5:
        raise UserError(
            "t-SNE needs at least 5 different latents: the encoder gives almost all images the same"
            " code. Train the model longer, or on images that differ."
        )
    return _tsne(latents, int(jax.random.randint(as_key(key), (), 0, 2**31 - 1, jnp.int32)))


def _tsne(latents: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, (len(latents) - 1) / 3)
    with threadpool_limits(1):  # many threads are slower than one
        return TSNE(perplexity=perplexity, random_state=seed).fit_transform(latents)
