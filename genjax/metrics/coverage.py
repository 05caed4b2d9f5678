"""How much of the data samples cover, and how true they are to it, by nearest neighbours.

R_k(x; X) is the distance of x to its k-th nearest neighbour in X, itself not counted; B(x) is the
ball around x of the radius R_k in its own set. Of N real features r and M generated ones g:

(1) precision = 1/M  sum_j 1[g_j is in some B(r_i)]        Kynkaanniemi et al. 2019,
(2) recall    = 1/N  sum_i 1[r_i is in some B(g_j)]          arXiv:1904.06991, equations 1 and 2
(3) density   = 1/kM sum_j sum_i 1[g_j is in B(r_i)]       Naeem et al. 2020,
(4) coverage  = 1/N  sum_i 1[some g_j is in B(r_i)]          arXiv:2002.09797, equations 3 and 4

(1) and (3) ask whether samples look like data, (2) and (4) whether all of the data is there. (3)
may exceed 1, where samples crowd into the dense regions. One outlier's wide ball can raise (1) and
(2); (3) and (4) resist it. Of two sets of one distribution (3) is 1 in the mean, and (4) about
1 - 2^-k where N = M. All depend on N and M: compare at equal numbers.

Copies of the training set T, with d_1 and d_2 the distances to the nearest and second nearest image
in T:

(5) nearer = P(d_1(g) < d_1(r)), ties counted half, r being images of the test set
          1/2 where samples keep the same distance as unseen images, 1 where all are copies. It is
          the rank statistic of Meehan et al. 2020, arXiv:2004.05675, without the division of the
          space into cells
(6) copies = 1/M sum_j 1[d_1(g_j) < d_2(g_j) / 3]
          Gu et al. 2023, arXiv:2310.02664, after Yoon et al. 2023, "Diffusion probabilistic models
          generalize when they fail to memorize"

(5) also rises where samples are more typical than data: blurred, or of fewer kinds. (6) does not,
as the middle between training images is about as far from one as from another, but sees only
near-identity. So: copies are where both are high.
"""

from functools import partial

import jax
import jax.numpy as jnp

from genjax.nn.chunks import in_chunks

NEIGHBOURS = 5
_ROWS_AT_ONCE = 500
_RATIO = 3.0


def distances(x: jax.Array, y: jax.Array) -> jax.Array:
    """Euclidean, of [N, D] and [M, D] -> [N, M]; by one product of matrices."""
    squares = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1) - 2.0 * (x @ y.T)
    return jnp.sqrt(jnp.maximum(squares, 0.0))


def nearest(x: jax.Array, y: jax.Array, k: int) -> jax.Array:
    """The distances of each of x [N, D] to the k nearest of y [M, D]: [N, k], ascending."""
    return in_chunks(lambda rows: -jax.lax.top_k(-distances(rows, y), k)[0], x, _ROWS_AT_ONCE)


def radii(x: jax.Array, k: int) -> jax.Array:
    """R_k(x; X) of every x in X [N, D]: [N]. The nearest of all is x itself."""
    return nearest(x, x, k + 1)[:, -1]


def balls_around(x: jax.Array, centres: jax.Array, radii: jax.Array) -> jax.Array:
    """In how many of the balls around centres [M, D] each of x [N, D] lies: int [N]."""
    return in_chunks(
        lambda rows: jnp.sum(distances(rows, centres) <= radii, axis=1), x, _ROWS_AT_ONCE
    )


@partial(jax.jit, static_argnames="k")
def coverage(generated: jax.Array, real: jax.Array, k: int = NEIGHBOURS) -> dict[str, jax.Array]:
    """(1) to (4): features [M, D] and [N, D], each more than k -> scalars by name."""
    middle = jnp.mean(real, axis=0)  # distances lose fewer digits around 0
    generated, real = generated - middle, real - middle
    radii_real = radii(real, k)
    balls = balls_around(generated, real, radii_real)
    return {
        "precision": jnp.mean(balls > 0),  # (1)
        "recall": jnp.mean(balls_around(real, generated, radii(generated, k)) > 0),  # (2)
        "density": jnp.mean(balls) / k,  # (3)
        "coverage": jnp.mean(nearest(real, generated, 1)[:, 0] <= radii_real),  # (4)
    }


@jax.jit
def memorisation(generated: jax.Array, test: jax.Array, train: jax.Array) -> dict[str, jax.Array]:
    """(5) and (6): features or pixels [M, D], [N, D] and, at least 2, [T, D] -> scalars by name."""
    middle = jnp.mean(train, axis=0)
    generated, test, train = generated - middle, test - middle, train - middle
    ours, theirs = nearest(generated, train, 2), nearest(test, train, 2)
    ordered = jnp.sort(theirs[:, 0])
    below = jnp.searchsorted(ordered, ours[:, 0], side="left")
    not_above = jnp.searchsorted(ordered, ours[:, 0], side="right")
    return {
        "nearer_to_train": jnp.mean(2 * len(test) - below - not_above) / (2 * len(test)),  # (5)
        "copies": jnp.mean(_RATIO * ours[:, 0] < ours[:, 1]),  # (6)
    }
