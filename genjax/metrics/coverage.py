"""Precision, recall, density and coverage of samples, and copies among them, by nearest neighbours.

R_k(x; X) is the distance of x to its k-th nearest neighbour in X, itself not counted; B(x) is the
ball around x of the radius R_k in its own set. Of N real features r and M generated ones g:

(1) precision = 1/M  sum_j 1[g_j is in some B(r_i)]        Kynkaanniemi et al. 2019,
(2) recall    = 1/N  sum_i 1[r_i is in some B(g_j)]          arXiv:1904.06991, equations 1 and 2
(3) density   = 1/kM sum_j sum_i 1[g_j is in B(r_i)]       Naeem et al. 2020,
(4) coverage  = 1/N  sum_i 1[some g_j is in B(r_i)]          arXiv:2002.09797, equations 3 and 4

(1) and (3) ask whether samples look like data, (2) and (4) whether all of the data is there. (3)
may exceed 1, where samples crowd into the dense regions. The wide ball of one outlier can raise (1)
and (2); (3) and (4) resist it. Of two sets of one distribution (3) is 1 in the mean, and (4) about
1 - 2^-k where N = M. All depend on N and M: compare at equal numbers.

(5) ties: where t points lie on the surface of B(r_i) and s < k inside, a sample on the surface
          counts (k - s) / t in (3), so that a ball holds k points whatever the duplicates. In a
          ball of radius 0, r_i itself is one of the t. Without ties t = k - s = 1.

Distances are those of float32: points nearer to each other than about 0.1% of their distance from
the mean of the data count as equal.

Copies of the training set T, with d_1 and d_2 the distances to the nearest and the second nearest
of the different images in T:

(6) nearer = P(d_1(g) < d_1(r)), ties counted half, r being images of the test set
          1/2 where samples keep the same distance as unseen images, 1 where all are copies. It is
          the rank statistic of Meehan et al. 2020, arXiv:2004.05675, without the division of the
          space into cells
(7) copies = 1/M sum_j 1[d_1(g_j) < d_2(g_j) / 3]
          Gu et al. 2023, arXiv:2310.02664, after Yoon et al. 2023, "Diffusion probabilistic models
          generalize when they fail to memorize"

(6) also rises where samples are more typical than data: blurred, or of fewer kinds. (7) does not,
as the middle between training images is about as far from one as from another, but sees only
near-identity. So: copies are where both are high.
"""

import hashlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from genjax.errors import UserError, check_integer
from genjax.nn.chunks import in_chunks

NEIGHBOURS = 5
_ROWS_AT_ONCE = 500
_RATIO = 3.0
_ROUNDING = (
    2.0**-20
)  # of a squared distance, relative to the squared norms, in up to 256 dimensions


def check_points(x: ArrayLike, name: str, least: int) -> Float[np.ndarray, "n d"]:
    """Return features or pixels [N, ...] as float32 [N, D].

    Raises:
        UserError: where there are fewer than `least`, or a number is not finite.
    """
    points = np.asarray(x, np.float32)
    if points.ndim < 2 or len(points) < least:
        raise UserError(
            f"{name} have the shape {list(points.shape)}, but must be [N, D], N at least {least}."
        )
    if not np.all(np.isfinite(points)):
        raise UserError(f"{name} must be finite numbers: a model that diverged makes others.")
    return points.reshape(len(points), -1)


def coverage(
    generated: ArrayLike, real: ArrayLike, k: int = NEIGHBOURS
) -> dict[str, Float[Array, ""]]:
    """Compute precision, recall, density and coverage, (1) to (4).

    Args:
        generated: features [M, D] of samples.
        real: features [N, D] of the data.
        k: the neighbour that sets the radius of a ball.

    Raises:
        UserError: where either set has no more than `k` features, or one is not finite.

    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> {name: float(value) for name, value in coverage(x + 100, x).items()}["precision"]
    0.0
    """
    k = check_integer(k, "k")
    return _coverage(
        check_points(generated, "generated features", k + 1),
        check_points(real, "real features", k + 1),
        k,
    )


@partial(jax.jit, static_argnames="k")
def _coverage(generated: jax.Array, real: jax.Array, k: int) -> dict[str, jax.Array]:
    middle = jnp.mean(real, axis=0)  # distances lose fewer digits around 0
    generated, real = generated - middle, real - middle
    radii, on_surface = make_balls(real, k)
    inside, touching = count_balls(generated, real, radii, on_surface)
    radii_generated = nearest_squares(generated, generated, k + 1)[:, -1]
    in_generated, on_generated = count_balls(real, generated, radii_generated)
    covered = sum(count_balls(real, generated, radii, by_row=True))
    return {
        "precision": jnp.mean(inside + touching > 0),  # (1)
        "recall": jnp.mean(in_generated + on_generated > 0),  # (2)
        "density": jnp.mean(inside + touching) / k,  # (3), (5)
        "coverage": jnp.mean(covered > 0),  # (4)
    }


def squared_distances(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return |x_i - y_j|^2 of [N, D] and [M, D], [N, M], and the bound of its rounding error."""
    norms = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1)
    squares = norms - 2.0 * jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    bound = _ROUNDING * max(1.0, (x.shape[1] / 256) ** 0.5) * norms
    return jnp.where(squares > bound, squares, 0.0), bound


def nearest_squares(x: jax.Array, y: jax.Array, k: int) -> jax.Array:
    """Return the squared distances of each of x to the k nearest of y: [N, k], ascending."""

    def nearest(rows: jax.Array) -> jax.Array:
        return -jax.lax.top_k(-squared_distances(rows, y)[0], k)[0]

    return in_chunks(nearest, x, _ROWS_AT_ONCE)


def make_balls(x: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """Return R_k(x; X)^2 of every x in X, [N], and what a point on the surface counts (5), [N]."""
    radii = nearest_squares(x, x, k + 1)[:, -1]  # the nearest of all is x itself
    inside, touching = count_balls(x, x, radii, by_row=True)
    return radii, jnp.where(radii > 0, k - inside + 1, k) / jnp.maximum(touching, 1)


def count_balls(
    x: jax.Array,
    y: jax.Array,
    radii: jax.Array,
    on_surface: jax.Array | float = 1.0,
    by_row: bool = False,
) -> tuple[jax.Array, jax.Array]:
    """Count for each of x the y in whose balls it lies: strictly inside, and on the surface.

    `radii` are squared: those of the balls around y [M], or with `by_row` around x [N], so that
    points of y are counted. A ball with a surface of weight `on_surface` [M] counts that much.
    """

    def count(rows: jax.Array) -> jax.Array:
        points, limits = rows[:, :-1], rows[:, -1:] if by_row else radii
        squares, bound = squared_distances(points, y)
        bound = jnp.where(limits > 0, bound, 0.0)
        touching = jnp.abs(squares - limits) <= bound
        inside = (squares < limits) & ~touching
        return jnp.stack([jnp.sum(inside, 1), jnp.sum(touching * on_surface, 1)], axis=1)

    limits = radii if by_row else jnp.zeros(len(x))
    counts = in_chunks(count, jnp.concatenate([x, limits[:, None]], axis=1), _ROWS_AT_ONCE)
    return counts[:, 0], counts[:, 1]


def memorisation(
    generated: ArrayLike, test: ArrayLike, train: ArrayLike
) -> dict[str, Float[Array, ""]]:
    """Compute `nearer_to_train` (6) and `copies` (7).

    Args:
        generated: features or pixels [M, ...] of samples.
        test: [N, ...] of the test set.
        train: [T, ...] of the training set, of which duplicates count once.

    Raises:
        UserError: where there are no samples or test images, fewer than two different training
            images, or a number that is not finite.

    >>> train = np.eye(4)
    >>> float(memorisation(train, 5 + train, train)["copies"])
    1.0
    """
    points = check_points(train, "training images", 1)
    different = list({hash_row(row): place for place, row in enumerate(points)}.values())
    return _memorisation(
        check_points(generated, "samples", 1),
        check_points(test, "test images", 1),
        check_points(points[different], "different training images", 2),
    )


def hash_row(row: np.ndarray) -> bytes:
    """Return a digest by which equal rows are found."""
    return hashlib.blake2b(row.data, digest_size=16).digest()


@jax.jit
def _memorisation(generated: jax.Array, test: jax.Array, train: jax.Array) -> dict[str, jax.Array]:
    middle = jnp.mean(train, axis=0)
    generated, test, train = generated - middle, test - middle, train - middle
    ours = jnp.sqrt(nearest_squares(generated, train, 2))
    theirs = jnp.sqrt(nearest_squares(test, train, 2))
    ordered = jnp.sort(theirs[:, 0])
    below = jnp.searchsorted(ordered, ours[:, 0], side="left")
    not_above = jnp.searchsorted(ordered, ours[:, 0], side="right")
    return {
        "nearer_to_train": jnp.mean(1 - (below + not_above) / (2 * len(test))),  # (6)
        "copies": jnp.mean(_RATIO * ours[:, 0] < ours[:, 1]),  # (7)
    }
