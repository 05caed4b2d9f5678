"""How sharp images are, by what the Laplacian sees in them, and by their power spectrum.

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

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.nn.chunks import in_chunks


@jax.jit
def sharpness(images: jax.Array) -> jax.Array:
    """(2): images [N, H, W, C] in [0, 1] of at least 3x3 pixels -> [N]."""
    inside = images[:, 1:-1, 1:-1]
    vertical = images[:, :-2, 1:-1] + images[:, 2:, 1:-1]
    horizontal = images[:, 1:-1, :-2] + images[:, 1:-1, 2:]
    laplacian = vertical + horizontal - 4 * inside  # (1)
    return jnp.mean(jnp.var(laplacian, axis=(1, 2)), axis=-1)


def relative(ours: Any, real: Any) -> float:
    """(3), (6): the ratio of the means; 0 of images without any contrast."""
    return float(np.mean(ours) / max(np.mean(real), 1e-12))


@jax.jit
def power_spectrum(images: jax.Array) -> jax.Array:
    """(4): images [N, H, W, C] in [0, 1] -> [R + 1]."""
    height, width = images.shape[1:3]
    length = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    ring = np.rint(min(height, width) * length)
    inside = ring == np.arange(min(height, width) // 2 + 1)[:, None, None]
    rings = jnp.asarray(inside / inside.sum(axis=(1, 2), keepdims=True), jnp.float32)

    def power(images: jax.Array) -> jax.Array:
        squares = jnp.abs(jnp.fft.fft2(images, axes=(1, 2))) ** 2
        return jnp.einsum("rhw,nhwc->nr", rings, squares) / images.shape[3]

    return jnp.mean(in_chunks(power, images), axis=0)


@jax.jit
def high_frequency_share(images: jax.Array) -> jax.Array:
    """(5), a scalar: images [N, H, W, C] in [0, 1] -> 0 to 1; of images without contrast, 0."""
    power = power_spectrum(images)
    high = np.arange(len(power)) > (len(power) - 1) / 2
    return jnp.sum(power[high]) / jnp.maximum(jnp.sum(power[1:]), 1e-12)
