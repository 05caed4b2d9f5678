"""Sprites: white shapes on black, drawn from known factors, after dSprites (Matthey et al. 2017).

(1) value k of n lies at k / (n - 1) of the range from the first to the last; a single value lies in
    its middle. A scale goes from 0.5 to 1, a centre's x and y from a third of the image to two
(2) angle k of n is k / n * period,  the shortest period of the chosen shapes
(3) (u, v) = R(-angle) (p - centre) / radius,  radius = scale * size / 3,  p a pixel's centre
(4) square:  max(|u|, |v|) <= 1 / sqrt 2
    ellipse: u^2 + (2 v)^2 <= 1
    heart:   (a^2 + b^2 - 1)^3 <= a^2 b^3,  (a, b) = (1.3 u, 0.2 - 1.3 v)

A pixel is white where its centre fulfils (4); x and u point to the right, y and v down. Every shape
lies within its radius, and so within the image. Shapes of dSprites are smaller and move further,
and a network needs many more of them to learn that a place is two numbers.

The periods in (2), after which a shape looks the same again, are a quarter turn for the square,
half a turn for the ellipse and a whole one for the heart. dSprites turns all shapes by a whole
turn, so that each image of a square has four orientations and each of an ellipse two; a metric that
compares codes with factors counts that against the codes. Here different factors give different
images, unless the steps are too fine for the pixels. One difficulty remains: a shape with the
shortest period comes back to where it began, so its last orientation lies next to its first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from genjax.data.dataset import Dataset, HostImages, to_device
from genjax.errors import UserError, check_integer

NAME = "sprites"
PERIODS = {"square": 0.25, "ellipse": 0.5, "heart": 1.0}  # of the shapes, as parts of a turn
_DRAWN_AT_ONCE = 500


def sprites(
    shapes: Sequence[str] = tuple(PERIODS),
    scales: int = 8,
    orientations: int = 1,
    columns: int = 22,
    rows: int = 22,
    *,
    size: int = 64,
    split: str = "all",
) -> Dataset:
    """Draw an image of every combination of the factors' values, [N, size, size, 1], 0 or 255.

    Args:
        shapes: some of "square", "ellipse", "heart".
        scales, orientations, columns, rows: how many values these factors have; a factor with a
            single value is fixed. By default shapes do not turn, since orientation is the hardest
            to learn, and places are a pixel apart.
        size: height and width, in pixels.
        split: "all", in the order of the factors, the last one changing fastest; "test", a tenth,
            drawn at random but always the same; "train", the others.

    Returns:
        A data set whose labels are the shapes, and whose `attributes` are all five factors:
        `shape`, `scale`, `orientation`, `x` (the column) and `y` (the row, counted from the top).
        Each is the number k of its value in (1) and (2), int32 [N].

    Raises:
        UserError: on an unknown shape or split, a factor without a value, a size below 16, or fewer
            than 10 images where a split is wanted.

    >>> sprites(("heart",), scales=1, columns=3, rows=2, size=16)
    Dataset(sprites, all: 6 images of 16x16x1; drawn by formula: 1 of shape, 1 of scale, 1 of \
orientation, 3 of x, 2 of y)
    """
    counts = {
        "shape": len(shapes) if isinstance(shapes, tuple | list) else 0,
        "scale": scales,
        "orientation": orientations,
        "x": columns,
        "y": rows,
    }
    _check(shapes, counts, size, split)
    positions = _select_positions(int(np.prod(list(counts.values()))), split)
    numbers = np.unravel_index(positions, tuple(counts.values()))
    factors = {name: k.astype(np.int32) for name, k in zip(counts, numbers, strict=True)}
    values = _compute_values(factors, shapes, counts)
    starts = range(0, len(positions), _DRAWN_AT_ONCE)
    parts = [_draw(*(v[i : i + _DRAWN_AT_ONCE] for v in values), size=size) for i in starts]
    described = ", ".join(f"{count} of {name}" for name, count in counts.items())
    decoded = HostImages(np.concatenate(parts), factors["shape"], f"drawn by formula: {described}")
    return replace(to_device(NAME, split, decoded, tuple(shapes)), attributes=factors)


def _check(shapes: Sequence[str], counts: Mapping[str, int], size: int, split: str) -> None:
    known = tuple(PERIODS)
    is_row = isinstance(shapes, tuple | list)
    if not is_row or not set(shapes) <= {*known} or len({*shapes}) < len(shapes):
        raise UserError(f"shapes are {shapes!r}, but must be some of {known}, each once.")
    for name, count in counts.items():
        check_integer(count, f"the number of values of the factor {name}")
    check_integer(size, "size (a sprite needs 16 pixels)", least=16)
    if split not in ("all", "train", "test"):
        raise UserError(f"{NAME} has no split {split!r}; its splits are: train, test, all.")
    if split != "all" and np.prod(list(counts.values())) < 10:
        raise UserError("fewer than 10 images cannot be split: give the factors more values.")


def _select_positions(count: int, split: str) -> Int[np.ndarray, " n"]:
    """Return the positions of a split in the product of the factors."""
    if split == "all":
        return np.arange(count)
    order = np.asarray(jax.random.permutation(jax.random.key(64), count))
    return order[: count // 10] if split == "test" else order[count // 10 :]


def _compute_values(
    factors: Mapping[str, np.ndarray], shapes: Sequence[str], counts: Mapping[str, int]
) -> tuple[np.ndarray, ...]:
    """Turn the factors' numbers into the arguments of `_draw`: five arrays [N]."""

    def between(name: str, first: float, last: float) -> np.ndarray:  # (1)
        num = counts[name]
        values = np.linspace(first, last, num) if num > 1 else np.array([(first + last) / 2])
        return values.astype(np.float32)[factors[name]]

    shape = np.array([list(PERIODS).index(name) for name in shapes])[factors["shape"]]
    period = 2 * np.pi * min(PERIODS[name] for name in shapes)
    angle = np.float32(period / counts["orientation"]) * factors["orientation"]  # (2)
    places = (between(name, 1 / 3, 2 / 3) for name in ("x", "y"))
    return shape, between("scale", 0.5, 1.0), angle.astype(np.float32), *places


@partial(jax.jit, static_argnames="size")
def _draw(
    shape: Int[Array, " b"],
    scale: Float[Array, " b"],
    angle: Float[Array, " b"],
    x: Float[Array, " b"],
    y: Float[Array, " b"],
    *,
    size: int,
) -> UInt8[Array, "b {size} {size} 1"]:
    """Draw images of numbers of shapes in `PERIODS`, scales, radians and places in [0, 1]."""
    shape, scale, angle, x, y = (v[:, None, None] for v in (shape, scale, angle, x, y))
    pixels, radius = jnp.arange(size, dtype=jnp.float32) + 0.5, scale * size / 3
    across, down = (pixels - size * x) / radius, (pixels[:, None] - size * y) / radius
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    u, v = cosine * across + sine * down, cosine * down - sine * across  # (3)
    a, b = 1.3 * u, 0.2 - 1.3 * v
    inside = [  # (4)
        jnp.maximum(jnp.abs(u), jnp.abs(v)) <= 0.5**0.5,
        u**2 + (2 * v) ** 2 <= 1,
        (a**2 + b**2 - 1) ** 3 <= a**2 * b**3,
    ]
    white = jnp.choose(shape, inside, mode="clip")
    return jnp.where(white, jnp.uint8(255), jnp.uint8(0))[..., None]
