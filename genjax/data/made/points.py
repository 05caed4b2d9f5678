"""Points in the plane, as images of one row and two pixels: data on which everything can be drawn.

(1) image = [[x, y]],  (x, y) in [0, 1]^2,  as bytes; x points to the right, y up

| name         | points                                                            | labels        |
|--------------|-------------------------------------------------------------------|---------------|
| ring         | eight Gaussians, sd 0.02, on a circle of radius 0.35 around the   | the Gaussian  |
|              | middle (after Metz et al. 2017, arXiv:1611.02163, section 3.1)    |               |
| two_moons    | two half circles that reach into one another, sd 0.02 around them | the moon      |
| spiral       | two arms that wind around the middle, sd 0.01 around them         | the arm       |
| checkerboard | even on every other square of four by four                        | the square    |

A byte is a fifth of the smallest of these widths, so that images of bytes, which all models take
and `genjax.data.Dataset` stores, show the plane as well as floats would. Models of dense layers
take images of two pixels: `VAE(network="mlp")`, `Autoencoder(network="mlp")`, `GAN`,
`FlowMatching(network="mlp")`, and `MADE(levels=256)`. Those of convolutions do not.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from genjax.data.dataset import Dataset, HostImages, to_device

Drawn = tuple[Float[np.ndarray, "n 2"], Int[np.ndarray, " n"]]
COUNTS = {"train": 20_000, "test": 5_000}


def load_points(name: str, split: str) -> Dataset:
    """Draw a split of a data set of `POINTS`, the same points at every call.

    >>> load_points("ring", "test")
    Dataset(ring, test: 5000 images of 1x2x1; drawn by formula)
    """
    draw, classes = POINTS[name]
    rng = np.random.default_rng((2, list(POINTS).index(name), split == "test"))
    points, labels = draw(rng, COUNTS[split])
    images = np.rint(255 * np.clip(points, 0, 1)).astype(np.uint8).reshape(-1, 1, 2, 1)  # (1)
    names = tuple(map(str, range(classes)))
    return to_device(name, split, HostImages(images, labels, "drawn by formula"), names)


def _draw_ring(rng: np.random.Generator, num: int) -> Drawn:
    labels = rng.integers(0, 8, num)
    return 0.5 + 0.35 * _turn(labels / 8) + 0.02 * rng.standard_normal((num, 2)), labels


def _draw_two_moons(rng: np.random.Generator, num: int) -> Drawn:
    labels, angle = rng.integers(0, 2, num), rng.uniform(0, 0.5, num)
    arc = _turn(angle) - [0.5, 0.25]  # the upper moon; the lower one is its point reflection
    points = 0.5 + 0.28 * np.where(labels[:, None] == 0, arc, -arc)
    return points + 0.02 * rng.standard_normal((num, 2)), labels


def _draw_spiral(rng: np.random.Generator, num: int) -> Drawn:
    labels, turn = rng.integers(0, 2, num), 1.25 * np.sqrt(rng.uniform(0.02, 1, num))
    points = 0.5 + 0.35 * turn[:, None] * _turn(turn + labels / 2)
    return points + 0.01 * rng.standard_normal((num, 2)), labels


def _draw_checkerboard(rng: np.random.Generator, num: int) -> Drawn:
    labels = rng.integers(0, 8, num)
    row = labels // 2
    corner = np.stack([2 * (labels % 2) + row % 2, row], axis=1)
    return (corner + rng.uniform(0, 1, (num, 2))) / 4, labels


def _turn(turns: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
    """Return the points of the unit circle at so many turns."""
    return np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)


# name -> how to draw it, and the number of its classes
POINTS: dict[str, tuple[Callable[[np.random.Generator, int], Drawn], int]] = {
    "ring": (_draw_ring, 8),
    "two_moons": (_draw_two_moons, 2),
    "spiral": (_draw_spiral, 2),
    "checkerboard": (_draw_checkerboard, 8),
}
