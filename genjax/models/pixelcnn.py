"""Gated PixelCNN, with an exact likelihood (van den Oord et al. 2016, arXiv:1606.05328).

(1) log p(x) = sum_i log p(x_i | x_<i),  p(x_i | x_<i) = softmax(f(x)_i)   `models.autoregressive`
(2) f: a vertical and a horizontal stack of gated layers                   `nn.causal`, (1) to (3)
(3) p(x_i | x_<i) of one pixel's channels: each sees the earlier ones, in the order R, G, B
                                                           van den Oord et al. 2016, section 2

With `block` b, a square of b x b pixels takes the place of a pixel, and its b^2 C values that of
the channels. (1) stays exact: only the order changes. A layer then costs 1 / b^2, and sees b times
as far.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from genjax.errors import UserError
from genjax.model import Networks, Params, register
from genjax.models.autoregressive import Autoregressive, draw_value
from genjax.nn.causal import GatedPixelCNN, Seen


@register("pixelcnn")
@dataclass(frozen=True)
class PixelCNN(Autoregressive):
    """Draw an image pixel by pixel, each from a distribution given by the pixels before it.

    The loss is the exact -log p(x) = -sum_i log p(x_i | x_<i), in nats per image.

    >>> model = PixelCNN(image_shape=(8, 8, 1), width=4, depth=1)
    >>> params = model.init(jax.random.key(0))
    >>> model.log_prob(params, jnp.zeros((3, 8, 8, 1))).shape
    (3,)

    Attributes:
        width: channels of each of the two stacks.
        depth: number of gated layers after the first layer.
        reach: how far a gated layer sees, in pixels.
        first_reach: how far the first layer sees, in pixels.
        block: side of the square of pixels that are drawn together, one value after the other. It
            divides height and width.
    """

    width: int = 32
    depth: int = 6
    reach: int = 1
    first_reach: int = 3
    block: int = 1

    def check(self) -> None:
        super().check()
        height, width, _ = self.image_shape
        if self.block < 1 or height % self.block or width % self.block:
            raise UserError(
                f"block is {self.block}, but must divide the {height} x {width} pixels of an image."
            )

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=4, depth=1, first_reach=2)

    def networks(self) -> Networks:
        shape = self._folded_shape
        sizes = (self.width, self.depth, self.reach, self.first_reach)
        return {"network": (GatedPixelCNN(self.levels, shape[-1], *sizes), shape)}

    @property
    def _folded_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.image_shape
        return height // self.block, width // self.block, channels * self.block**2

    def log_prob(self, params: Params, x: Float[Array, "n h w c"]) -> Float[Array, " n"]:
        return super().log_prob(params, fold_blocks(x, self.block))

    def draw_values(
        self, params: Params, key: PRNGKeyArray, num: int
    ) -> tuple[Int[Array, "num h w c"], Float[Array, "num h w c"]]:
        def scale(values: jax.Array) -> jax.Array:
            return 2 * values / (self.levels - 1) - 1

        call = partial(self.apply, params, "network")
        drawn = draw_image(call, scale, key, (num, *self._folded_shape))
        values, means = (unfold_blocks(part, self.block) for part in drawn)
        return values, means


def fold_blocks(x: Shaped[Array, "n h w c"], block: int) -> Shaped[Array, "n ..."]:
    """Make squares of pixels channels: [N, H, W, C] -> [N, H / block, W / block, block^2 C].

    >>> fold_blocks(jnp.arange(8).reshape(1, 2, 4, 1), 2)[0, 0]
    Array([[0, 1, 4, 5],
           [2, 3, 6, 7]], dtype=int32)
    """
    num, height, width, channels = x.shape
    squares = x.reshape(num, height // block, block, width // block, block, channels)
    return squares.swapaxes(2, 3).reshape(num, height // block, width // block, -1)


def unfold_blocks(x: Shaped[Array, "n h w c"], block: int) -> Shaped[Array, "n ..."]:
    """Invert `fold_blocks`."""
    num, height, width, features = x.shape
    squares = x.reshape(num, height, width, block, block, features // block**2)
    return squares.swapaxes(2, 3).reshape(num, height * block, width * block, -1)


def draw_image(
    call: Any,
    scale: Any,
    key: PRNGKeyArray,
    shape: tuple[int, ...],
    temperature: Float[Array, ""] | float = 1.0,
) -> tuple[jax.Array, jax.Array]:
    """Draw values [N, H, W, C] from a `GatedPixelCNN`, and return them with their means.

    Args:
        call: the network: its inputs, and the name of a `method` -> what the method returns.
        scale: values -> what the network takes of them.
        temperature: what the logits are divided by; below 1 the likely values are drawn more often.
    """
    num, height, width, channels = shape

    def draw_pixel(seen: Seen, given: Any) -> tuple[Seen, tuple[jax.Array, jax.Array]]:
        key, aboves = given
        seen, h = call(seen, aboves, method="pass_pixel")
        x, means = jnp.zeros((num, 1, 1, channels), jnp.int32), []
        for channel in range(channels):  # (3)
            logits = call(h, scale(x), channel=channel, method="read")
            drawn, mean = draw_value(logits / temperature, jax.random.fold_in(key, channel))
            x = x.at[..., channel].set(drawn)
            means.append(mean)
        inputs = jnp.concatenate([seen.inputs, call(scale(x), method="represent")], axis=2)[
            :, :, 1:
        ]
        return Seen(inputs, seen.layers), (x[:, 0, 0], jnp.stack(means, axis=-1)[:, 0, 0])

    def draw_row(seen: Seen, key: jax.Array) -> tuple[Seen, tuple[jax.Array, jax.Array]]:
        seen, aboves = call(seen, method="pass_row")
        columns = jax.tree.map(lambda a: jnp.moveaxis(a, 2, 0)[:, :, :, None], aboves)
        _, drawn = jax.lax.scan(draw_pixel, left, (jax.random.split(key, width), columns))
        x, mean = (jnp.moveaxis(part, 0, 1)[:, None] for part in drawn)
        inputs = jnp.concatenate([seen.inputs, call(scale(x), method="represent")], axis=1)[:, 1:]
        return Seen(inputs, seen.layers), (x[:, 0], mean[:, 0])

    first = scale(jnp.zeros((num, 1, 1, channels), jnp.int32))
    above, left = call(first, width=width, method="see_nothing")
    _, drawn = jax.lax.scan(draw_row, above, jax.random.split(key, height))
    x, mean = (jnp.moveaxis(part, 0, 1) for part in drawn)
    return x, mean
