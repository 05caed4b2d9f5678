"""Sharpness of images, by their Laplacian and by their power spectrum.

(1) L(x)_ij = x_i-1,j + x_i+1,j + x_i,j-1 + x_i,j+1 - 4 x_ij       at pixels inside the border
(2) sharpness(x) = variance over pixels of L(x), the mean over channels
          Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", section 3
(3) relative sharpness = mean sharpness of some images / that of the real ones
(4) P(r) = mean of |F(x)_uv|^2 over the frequencies (u, v), in cycles a pixel, whose length times
          the shorter side of the image rounds to r = 0..R, and over channels and images; F is the
          discrete Fourier transform, R half the shorter side: the finest waves along the axes
(5) high-frequency share = sum_{r > R/2} P(r) / sum_{r >= 1} P(r)
(6) spectral sharpness   = (5) of some images / that of the real ones
          (4) is the azimuthal average of Durall et al. 2020, arXiv:2003.01826, who find that
          generators miss the real images' high frequencies, or overshoot them by upsampling

Blur makes (2) and (5) small. Noise makes them large, so a (3) or (6) above 1 is no praise. (5) does
not depend on brightness and contrast, (2) does. The border counts in (4): where opposite edges
differ, the step between them has high frequencies of its own.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from genjax.errors import UserError, check_images
from genjax.nn.chunks import in_chunks

_NO_CONTRAST = 1e-12


def sharpness(images: ArrayLike) -> Float[Array, " n"]:
    """Compute the sharpness (2) of each of the images.

    Args:
        images: [N, H, W, C], bytes or floats in [0, 1], of at least 3x3 pixels.

    >>> checkers = np.indices((8, 8)).sum(axis=0)[None, ..., None] % 2
    >>> sharpness(checkers * 1.0)
    Array([16.], dtype=float32)
    """
    return _sharpness(check_size(images))


def check_size(images: ArrayLike) -> Float[Array, "n h w c"]:
    """Return images as floats in [0, 1]. Raises `UserError` on fewer than 3x3 pixels."""
    checked = check_images(images)
    if not len(checked) or min(checked.shape[1:3]) < 3:
        raise UserError(
            f"sharpness needs images of at least 3x3 pixels, but these are {list(checked.shape)}."
        )
    return checked


@jax.jit
def _sharpness(images: jax.Array) -> jax.Array:
    inside = images[:, 1:-1, 1:-1]
    vertical = images[:, :-2, 1:-1] + images[:, 2:, 1:-1]
    horizontal = images[:, 1:-1, :-2] + images[:, 1:-1, 2:]
    laplacian = vertical + horizontal - 4 * inside  # (1)
    return jnp.mean(jnp.var(laplacian, axis=(1, 2)), axis=-1)


def compute_ratio(ours: ArrayLike, real: ArrayLike) -> float:
    """Compute (3) or (6), the ratio of the means: 1 where both are 0, infinite where `real` is.

    >>> compute_ratio([1.0, 2.0], [3.0]), compute_ratio([0.0], [0.0])
    (0.5, 1.0)
    """
    above, below = float(np.mean(np.asarray(ours))), float(np.mean(np.asarray(real)))
    if below < _NO_CONTRAST:
        return 1.0 if above < _NO_CONTRAST else float("inf")
    return above / below


def power_spectrum(images: ArrayLike) -> Float[Array, " rings"]:
    """Compute the power (4) of images [N, H, W, C], bytes or floats in [0, 1]: [R + 1]."""
    return _power_spectrum(check_size(images))


@jax.jit
def _power_spectrum(images: jax.Array) -> jax.Array:
    height, width = images.shape[1:3]
    length = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    ring = np.rint(min(height, width) * length)
    inside = ring == np.arange(min(height, width) // 2 + 1)[:, None, None]
    rings = jnp.asarray(inside / inside.sum(axis=(1, 2), keepdims=True), jnp.float32)

    def power(images: jax.Array) -> jax.Array:
        squares = jnp.abs(jnp.fft.fft2(images, axes=(1, 2))) ** 2
        return jnp.einsum("rhw,nhwc->nr", rings, squares) / images.shape[3]

    return jnp.mean(in_chunks(power, images), axis=0)


def high_frequency_share(images: ArrayLike) -> Float[Array, ""]:
    """Compute (5) of images [N, H, W, C], from 0 to 1; 0 for images without contrast."""
    power = power_spectrum(images)
    high = np.arange(len(power)) > (len(power) - 1) / 2
    return jnp.sum(power[high]) / jnp.maximum(jnp.sum(power[1:]), _NO_CONTRAST)
