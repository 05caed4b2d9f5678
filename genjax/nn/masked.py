"""The network of MADE, whose masks let an output see only the inputs before it.

Germain et al. 2015, arXiv:1502.03509, section 3. Inputs have the order of reading: rows, columns,
channels. Input i has the degree i, hidden units have degrees from 1 to D - 1, and output i sees the
units of a degree below i:

(1) M(d, e) = 1[e >= d]   from degree d to the degree e of a hidden unit     equation 8
    M(d, e) = 1[e > d]    to that of an output                               equation 9
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.linen.dtypes import promote_dtype
from jax import Array

from genjax.nn.conv import ZEROS
from genjax.nn.dense import product
from genjax.nn.networks import ACTIVATIONS, Activation, flatten
from genjax.nn.precision import add_bias


class MaskedDense(nn.Module):
    """Multiply by a kernel of which `mask` [D, F] alone counts; each output is `each` numbers."""

    mask: np.ndarray
    each: int = 1

    def setup(self) -> None:
        shape = (*self.mask.shape, self.each)
        self.kernel = self.param("kernel", nn.initializers.lecun_normal(0, (1, 2)), shape)
        self.bias = self.param("bias", ZEROS, shape[1:])

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        """Return the outputs [N, F x each], or one of them, [N, each]."""
        kernel, mask, bias = self.kernel, jnp.asarray(self.mask)[..., None], self.bias
        if index is not None:
            kernel, mask, bias = (_take(part, index, -2) for part in (kernel, mask, bias))
        x, kernel, bias = promote_dtype(x, kernel * mask, bias)
        return add_bias(product(x, kernel.reshape(len(kernel), -1)), bias.reshape(-1), x.dtype)

    def change(self, index: Array, step: Array) -> Array:
        """Return by how much the outputs [N, F] grow where input `index` grows by `step` [N]."""
        kernel, mask = (_take(part, index, 0) for part in (self.kernel, self.mask[..., None]))
        return step[:, None] * (kernel * mask).reshape(1, -1)


def _take(x: Array | np.ndarray, index: Array, axis: int) -> Array:
    return jax.lax.dynamic_index_in_dim(jnp.asarray(x), index, axis)


class MaskedMLP(nn.Module):
    """Give the logits of the value of every pixel and channel by MADE's masked layers, (1).

    [N, H, W, C] -> [N, H, W, C, levels]. Each output also sees the inputs before it directly
    (Germain et al. 2015, section 4.2). `first` and `rest` are the parts of the call.
    """

    size: int
    hidden: Sequence[int]
    levels: int
    activation: Activation = "relu"

    def setup(self) -> None:
        order = np.arange(1, self.size + 1)
        degrees, layers = order, []
        for width in self.hidden:
            own = 1 + np.arange(width) * (self.size - 1) // width
            layers.append(MaskedDense(degrees[:, None] <= own))
            degrees = own
        self.layers = layers
        mask = np.concatenate([degrees, order])[:, None] < order
        self.last = MaskedDense(mask, self.levels)

    def __call__(self, x: Array) -> Array:
        return self.rest(self.first(x), x).reshape(*x.shape, self.levels)

    def first(self, x: Array) -> Array:
        """Compute the first layer before its activation: [N, width]."""
        return self.layers[0](flatten(x))

    def change_first(self, index: Array, step: Array) -> Array:
        """Return by how much `first` grows where input `index` grows by `step` [N]."""
        return self.layers[0].change(index, step)

    def rest(self, first: Array, x: Array, index: Array | None = None) -> Array:
        """Compute all logits, or those of the value at `index`, [N, levels]."""
        h = ACTIVATIONS[self.activation](first)
        for layer in self.layers[1:]:
            h = ACTIVATIONS[self.activation](layer(h))
        return self.last(jnp.concatenate([h, flatten(x)], axis=1), index)
