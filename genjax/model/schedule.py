"""Schedules of a training: numbers that change with the share of it that is done."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def follow_cosine(start: float, end: float, progress: Float[Array, ""] | float) -> Float[Array, ""]:
    """Return the number that goes from `start` to `end` along half a cosine.

    This is the schedule of R3GAN (Huang et al. 2025, arXiv:2501.05441, appendix) and its code:

        end + (start - end) (1 + cos(pi progress)) / 2

    >>> [round(float(follow_cosine(1.0, 0.2, share)), 3) for share in (0, 0.5, 1)]
    [1.0, 0.6, 0.2]
    """
    return end + (start - end) * (1 + jnp.cos(jnp.pi * progress)) / 2
