"""How sharp images are, by what the Laplacian sees in them.

(1) L(x)_ij = x_i-1,j + x_i+1,j + x_i,j-1 + x_i,j+1 - 4 x_ij       at pixels inside the border
(2) sharpness(x) = variance over pixels of L(x), the mean over channels
          Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", section 3
(3) relative sharpness = mean sharpness of some images / that of the real ones

Blur makes (2) small. Noise makes it large, so a (3) above 1 is no praise.
"""

import jax
import jax.numpy as jnp


def sharpness(images: jax.Array) -> jax.Array:
    """(2): images [N, H, W, C] in [0, 1] of at least 3x3 pixels -> [N]."""
    inside = images[:, 1:-1, 1:-1]
    vertical = images[:, :-2, 1:-1] + images[:, 2:, 1:-1]
    horizontal = images[:, 1:-1, :-2] + images[:, 1:-1, 2:]
    laplacian = vertical + horizontal - 4 * inside  # (1)
    return jnp.mean(jnp.var(laplacian, axis=(1, 2)), axis=-1)
