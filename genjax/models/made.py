"""MADE: an exact likelihood from masked dense layers (Germain et al. 2015, arXiv:1502.03509).

(1) log p(x) = sum_i log p(x_i | x_<i),  p(x_i | x_<i) = softmax(f(x)_i)   `models.autoregressive`
(2) f: dense layers with masks, so that output i sees only inputs before i   `nn.masked`, (1)
"""

from dataclasses import dataclass
from functools import partial
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from genjax.errors import UserError
from genjax.model import Networks, Params, register
from genjax.models.autoregressive import Autoregressive, draw_value
from genjax.nn.masked import MaskedMLP
from genjax.nn.networks import Activation


@register("made")
@dataclass(frozen=True)
class MADE(Autoregressive):
    """Draw an image pixel by pixel, each from the pixels before it, by masked dense layers.

    The loss is the exact -log p(x) = -sum_i log p(x_i | x_<i), in nats per image.

    >>> model = MADE(image_shape=(8, 8, 1), hidden=(16,))
    >>> params = model.init(jax.random.key(0))
    >>> model.log_prob(params, jnp.zeros((3, 8, 8, 1))).shape
    (3,)

    Attributes:
        hidden: widths of the hidden layers, in order.
        activation: activation function between layers: relu, leaky_relu, silu, gelu, tanh, or one
            registered by register_activation.
    """

    hidden: tuple[int, ...] = (2000,)
    activation: Activation = "relu"

    @classmethod
    def smallest(cls) -> Self:
        return cls(hidden=(16,))

    def check(self) -> None:
        super().check()
        if not self.hidden:
            raise UserError("hidden is (), but MADE needs at least one hidden layer.")

    def networks(self) -> Networks:
        size = int(np.prod(self.image_shape))
        network = MaskedMLP(size, self.hidden, self.levels, self.activation)
        return {"network": (network, self.image_shape)}

    def draw_values(
        self, params: Params, key: PRNGKeyArray, num: int
    ) -> tuple[Int[Array, "num h w c"], Float[Array, "num h w c"]]:
        size = int(np.prod(self.image_shape))
        call = partial(self.apply, params, "network")

        def draw(i: jax.Array, drawn: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            x, first, values, means = drawn
            logits = call(first, x, index=i, method="rest")
            value, mean = draw_value(logits, jax.random.fold_in(key, i))
            step = 2 * value / (self.levels - 1)  # x is -1 where nothing was drawn
            first = first + call(i, step, method="change_first")
            return x.at[:, i].add(step), first, values.at[:, i].set(value), means.at[:, i].set(mean)

        x = jnp.full((num, size), -1.0)
        start = (x, call(x, method="first"), jnp.zeros_like(x, jnp.int32), jnp.zeros_like(x))
        _, _, values, means = jax.lax.fori_loop(0, size, draw, start)
        return values.reshape(num, *self.image_shape), means.reshape(num, *self.image_shape)
