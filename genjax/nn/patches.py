"""The fixed projections of projected GANs, and their discriminators (Sauer et al. 2021).

For maps f_1, ..., f_L of features of an image, from fine to coarse (arXiv:2111.01007, section 3.2):

(1) c_l = C_l f_l                      random mixing of channels: a convolution of 1x1
(2) p_L = c_L,  p_l = c_l + R_l up(p_(l+1))     random mixing of scales: a convolution of 3x3
(3) s_l = D_l(p_l)                     scores of patches; every D_l ends at 4x4 patches or fewer

C_l and R_l are drawn once from N(0, 2 / fan-in) and stay. They spread what the maps show over all
channels, so that a discriminator cannot look at a few of them alone.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from genjax.nn.conv import Conv
from genjax.nn.normalization import Normalization, apply_normalized

_FIXED = nn.initializers.he_normal()
_PATCHES = 4  # height and width of a discriminator's last map


class Mixing(nn.Module):
    """Mix the channels and the scales of maps [N, h, w, c], fine to coarse: (1) and (2)."""

    width: int

    @nn.compact
    def __call__(self, *maps: jax.Array) -> tuple[jax.Array, ...]:
        mixed: list[jax.Array] = []
        for features in maps[::-1]:
            own = Conv(self.width, 1, use_bias=False, kernel_init=_FIXED)(features)  # (1)
            if mixed:
                up = enlarge(mixed[0], (own.shape[1], own.shape[2]))
                own = own + Conv(self.width, 3, use_bias=False, kernel_init=_FIXED)(up)  # (2)
            mixed.insert(0, own)
        return tuple(mixed)


class PatchDiscriminator(nn.Module):
    """Score the patches of mixed maps [N, h, w, c] of every scale, (3): [N, patches, outputs]."""

    width: int
    outputs: int
    norm: Normalization

    @nn.compact
    def __call__(self, *maps: jax.Array, train: bool = False) -> jax.Array:
        scores = []
        for x in maps:
            layers = [Conv(self.width, 3)] if max(x.shape[1:3]) <= _PATCHES else []
            size = max(x.shape[1:3])
            while size > _PATCHES:
                layers.append(Conv(self.width, 4, stride=2, use_bias=self.norm != "batch"))
                size = -(-size // 2)
            for layer in layers:
                x = nn.leaky_relu(apply_normalized(layer, x, self.norm, train), 0.2)
            last = apply_normalized(
                Conv(self.outputs, 3), x, "spectral" if self.norm == "spectral" else "none", train
            )
            scores.append(last.reshape(len(last), -1, self.outputs))
        return jnp.concatenate(scores, axis=1)


def enlarge(x: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Double height and width by repeating pixels, cut to `size`: [N, h, w, c] -> [N, *size, c].

    >>> enlarge(jnp.arange(2.0).reshape(1, 1, 2, 1), (1, 3))[0, 0, :, 0]
    Array([0., 0., 1.], dtype=float32)
    """
    return x.repeat(2, axis=1).repeat(2, axis=2)[:, : size[0], : size[1]]
