"""Networks of a hierarchical VAE: features of an image bottom-up, latents and image top-down.

Latents have levels. Each level is a grid at one scale of the image, the first at the coarsest. On
the way down a level draws its latents from the features h, and adds them to h, so that prior and
posterior share everything that lies above a level (Sonderby et al. 2016, arXiv:1602.02282, section
2.2; Kingma et al. 2016, arXiv:1606.04934, appendix C.3; Child 2021, arXiv:2011.10650, section 3):

(1) z_l = mu_l(h) + sigma_l(h) u_l       mu and sigma are the prior's; 0 and 1 in the first level
(2) u_l = delta_l(h, x) + s_l(h, x) epsilon_l
(3) h   <- h + W z_l, then residual blocks
"""

import math
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from genjax.nn.conv import Conv, ConvTranspose
from genjax.nn.networks import flatten, halved_sizes
from genjax.nn.spatial import ResidualBlock

Grid = tuple[int, int, int]  # (h, w, c)
_ZEROS = nn.initializers.zeros
_KERNEL = 4  # of the convolutions between two scales
_LARGEST_LOG_SCALE = 4.0


def split_levels(u: jax.Array, grids: Sequence[Grid]) -> list[jax.Array]:
    """Split vectors into their levels, each in the order of reading: [N, D] -> [N, h, w, c] each.

    >>> [part.shape for part in split_levels(jnp.ones((2, 6)), [(1, 1, 2), (2, 2, 1)])]
    [(2, 1, 1, 2), (2, 2, 2, 1)]
    """
    parts, first = [], 0
    for grid in grids:
        last = first + math.prod(grid)
        parts.append(u[:, first:last].reshape(-1, *grid))
        first = last
    return parts


class BottomUp(nn.Module):
    """Give features of the image at each scale, the coarsest first: [N, H, W, C] -> [N, h, w, F].

    Attributes:
        widths: channels F at each scale; each scale has half the height and width of the one before
            it, the first half of the image's.
        blocks: residual blocks at each scale.
    """

    widths: Sequence[int]
    blocks: Sequence[int]

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, ...]:
        features: list[jax.Array] = []
        for width, blocks in zip(self.widths, self.blocks, strict=True):
            x = Conv(width, _KERNEL, 2)(nn.relu(x) if features else x)
            for _ in range(blocks):
                x = ResidualBlock()(x)
            features.append(x)
        return tuple(features[::-1])


class TopDown(nn.Module):
    """Draw the latents level by level, and give the decoder's outputs [N, H, W, C].

    The call takes epsilon [N, D] of all levels in turn, and the features that `BottomUp` gives. It
    returns the outputs, and delta and log s of (2), [N, D]. Without features u is epsilon: delta is
    0 and s is 1, as under the prior.

    Attributes:
        widths: channels at each scale, those of `BottomUp`.
        blocks: residual blocks at each scale: after each level, and once where there is none.
        levels: number of levels at each scale, the coarsest first.
        grids: (h, w, c) of each level.
        pixel_width: channels at the size of the image.
        image_shape: (H, W, C) of the outputs.
    """

    widths: Sequence[int]
    blocks: Sequence[int]
    levels: Sequence[int]
    grids: Sequence[Grid]
    pixel_width: int
    image_shape: Grid

    @nn.compact
    def __call__(
        self, epsilon: jax.Array, *features: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        height, width, channels = self.image_shape
        noises = iter(split_levels(epsilon, self.grids))
        h, deltas, log_scales = epsilon, list[jax.Array](), list[jax.Array]()
        for scale, (levels, blocks) in enumerate(zip(self.levels, self.blocks[::-1], strict=True)):
            h = self._enter(scale, h)
            for number in range(max(1, levels)):
                if number < levels:
                    given = features[scale] if features else None
                    h, delta, log_s = Level(is_first=not deltas)(h, next(noises), given)
                    deltas.append(flatten(delta))
                    log_scales.append(flatten(log_s))
                for _ in range(blocks):
                    h = ResidualBlock()(h)
        x = ConvTranspose(self.pixel_width, _KERNEL, 2, (height, width))(nn.relu(h))
        outputs = Conv(channels, 1)(nn.relu(x))
        return outputs, jnp.concatenate(deltas, axis=1), jnp.concatenate(log_scales, axis=1)

    def _enter(self, scale: int, h: jax.Array) -> jax.Array:
        """Return h at a scale: that of the scale before it, enlarged, and a bias by position."""
        height, width, _ = self.image_shape
        size = halved_sizes((height, width), len(self.widths))[-1 - scale]
        shape = (*size, self.widths[-1 - scale])
        bias = self.param(f"bias_{scale}", _ZEROS, shape, jnp.float32).astype(h.dtype)
        if not scale:
            return jnp.broadcast_to(bias, (len(h), *shape))
        return bias + ConvTranspose(shape[-1], _KERNEL, 2, size)(nn.relu(h))


class Level(nn.Module):
    """Draw the latents of a level from h [N, h, w, F] and epsilon [N, h, w, c], and add them to h.

    Returns h, delta and log s. Without features, delta and log s are 0.
    """

    is_first: bool

    @nn.compact
    def __call__(
        self, h: jax.Array, epsilon: jax.Array, features: jax.Array | None
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        width, latent_channels = h.shape[-1], epsilon.shape[-1]
        delta = log_s = jnp.zeros_like(epsilon)
        if features is not None:
            joined = features if self.is_first else features + Conv(width, 1, name="join")(h)
            delta, log_s = Moments(latent_channels, name="posterior")(joined)
        z = delta + jnp.exp(log_s) * epsilon  # (2)
        if not self.is_first:  # there h knows nothing yet
            mu, log_sigma = Moments(latent_channels, name="prior")(h)
            z = mu + jnp.exp(log_sigma) * z  # (1)
        return h + Conv(width, 3, name="latent")(z), delta, log_s  # (3)


class Moments(nn.Module):
    """Give mean and log standard deviation, [N, h, w, channels] each, at first 0.

    The latter stays within ±4.
    """

    channels: int

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        both = Conv(2 * self.channels, 3, kernel_init=_ZEROS)(nn.relu(x))
        loc, log_scale = jnp.split(both, 2, axis=-1)
        return loc, _LARGEST_LOG_SCALE * jnp.tanh(log_scale / _LARGEST_LOG_SCALE)
