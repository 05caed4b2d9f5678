"""Affine couplings, of which an invertible network is made (Dinh et al. 2017, arXiv:1605.08803).

(1) y_a = x_a,  y_b = x_b exp(s(x_a)) + t(x_a)             section 3.2, equations 4 and 5
    x_b = (y_b - t(y_a)) exp(-s(y_a))                      equation 8
(2) log |det dy/dx| = sum_b s(x_a)                         section 3.3
(3) a, b: the two colours of a checkerboard, or the two halves of the channels; each in turn
                                                           section 3.4, figure 3
(4) squeeze: 2x2 pixels become 4 channels                  section 3.6
(5) s = c tanh(r), with a learned c for each channel; r and t come from one network  section 4.1
"""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.nn.blocks import from_blocks, to_blocks
from genjax.nn.conv import Conv
from genjax.nn.precision import cast
from genjax.nn.spatial import ResidualBlock


class ResidualNetwork(nn.Module):
    """Convolve at one size, with residual blocks; zeros at first: [N, H, W, C] -> features."""

    width: int
    blocks: int
    features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        h = Conv(self.width, 3)(x)
        for _ in range(self.blocks):
            h = ResidualBlock()(h)
        return Conv(self.features, 3, kernel_init=nn.initializers.zeros)(nn.relu(h))


class Coupling(nn.Module):
    """One coupling (1) over [N, H, W, C], where `kept` [H, W, C] is 1 in the part a.

    The call returns y and (2), with `inverse` x alone.
    """

    kept: np.ndarray
    width: int
    blocks: int

    def setup(self) -> None:
        channels = self.kept.shape[-1]
        self.network = ResidualNetwork(self.width, self.blocks, 2 * channels)
        self.bound = self.param("bound", nn.initializers.ones, (channels,), jnp.float32)

    def __call__(self, x: Array) -> tuple[Array, Array]:
        s, t = self._scale_and_shift(x)
        y = x * jnp.exp(s) + t  # (1): s and t are 0 in the part a
        return y, jnp.sum(s, axis=(1, 2, 3))  # (2)

    def inverse(self, y: Array) -> Array:
        s, t = self._scale_and_shift(y)
        return (y - t) * jnp.exp(-s)

    def _scale_and_shift(self, x: Array) -> tuple[Array, Array]:
        kept = jnp.asarray(self.kept, jnp.float32)
        seen = (x * kept).astype(self.bound.dtype)  # the precision of the weights
        r, t = jnp.split(cast(self.network(seen), "float32"), 2, axis=-1)
        return self.bound * jnp.tanh(r) * (1 - kept), t * (1 - kept)  # (5)


def checkerboard(shape: Sequence[int], colour: int) -> np.ndarray:
    """Return 1 at the pixels of one colour, [H, W, C].

    >>> checkerboard((2, 2, 1), 0)[..., 0]
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    rows, columns, _ = np.indices(shape)
    return ((rows + columns) % 2 == colour).astype(np.float32)


def half_of_channels(shape: Sequence[int], half: int) -> np.ndarray:
    """Return 1 in the first or in the second half of the channels, [H, W, C].

    >>> half_of_channels((1, 1, 4), 1)[0, 0]
    array([0., 0., 1., 1.], dtype=float32)
    """
    channels = np.indices(shape)[2]
    return ((channels >= shape[2] // 2) == half).astype(np.float32)


class InvertibleNetwork(nn.Module):
    """Map images to latents of the same size, and back: [N, H, W, C] -> [N, H, W, C].

    At each scale there are four couplings of the colours, then a squeeze (4), and four couplings of
    the channels. Where a side is odd, or one pixel, nothing is squeezed any more. All latents go
    through all scales.

    The call returns the latents and log |det dz/dx| [N]; `inverse` the images alone.
    """

    image_shape: tuple[int, ...]
    scales: int
    width: int
    blocks: int

    def setup(self) -> None:
        shape, couplings = tuple(self.image_shape), []
        for scale in range(self.scales):
            kinds = [checkerboard(shape, number % 2) for number in range(4)]
            couplings.append([self._couple(kept) for kept in kinds])
            height, width, channels = shape
            if height % 2 or width % 2 or scale == self.scales - 1:
                break
            shape = (height // 2, width // 2, 4 * channels)
            kinds = [half_of_channels(shape, number % 2) for number in range(4)]
            couplings.append([self._couple(kept) for kept in kinds])
        self.couplings = couplings  # of the colours, of the channels, of the colours, ...

    def __call__(self, x: Array) -> tuple[Array, Array]:
        x, log_det = cast(x, "float32"), jnp.zeros(len(x), jnp.float32)
        for number, group in enumerate(self.couplings):
            x = to_blocks(x, 2) if number % 2 else x  # (4)
            for coupling in group:
                x, change = coupling(x)
                log_det = log_det + change
        return self._unsqueeze(x), log_det

    def inverse(self, z: Array) -> Array:
        x = cast(z, "float32")
        for _ in range(self._squeezes()):
            x = to_blocks(x, 2)
        for number, group in reversed(list(enumerate(self.couplings))):
            for coupling in reversed(group):
                x = coupling.inverse(x)
            x = from_blocks(x, 2) if number % 2 else x
        return x

    def _couple(self, kept: np.ndarray) -> Coupling:
        return Coupling(kept, self.width, self.blocks)

    def _squeezes(self) -> int:
        return len(self.couplings) // 2

    def _unsqueeze(self, x: Array) -> Array:
        for _ in range(self._squeezes()):
            x = from_blocks(x, 2)
        return x
