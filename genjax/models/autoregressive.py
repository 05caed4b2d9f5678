"""The base of the autoregressive models: an image is a sequence of values, drawn one by one.

(1) x_i in {0, ..., K - 1}                  pixels and channels in the order of reading; K = levels
(2) log p(x) = sum_i log p(x_i | x_1, ..., x_{i-1})       the chain rule: exact, no bound
(3) p(x_i = k | x_<i) = softmax(f(x)_i)_k                 f sees of x only x_<i
(4) loss = -log p(x)                                      in nats per image

With K = 2 an image is drawn as binary at every visit, as by the VAE's bernoulli likelihood, so
that their nats compare. With K = 256 the values are the bytes themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from genjax.distributions import flip_coins, sum_event
from genjax.errors import UserError
from genjax.model import Batch, Model, Params, Terms, Weights


@dataclass(frozen=True)
class Autoregressive(Model):
    """Give every pixel a distribution that depends on the pixels before it.

    A subclass has one network, `network`, from values in [-1, 1] [N, H, W, C] to logits
    [N, H, W, C, levels], and draws in `draw_values`.

    Attributes:
        levels: number of values of a pixel and channel: 2 for binary images, drawn anew at every
            visit, 256 for bytes; between them, bytes are rounded down to so many grey levels.
    """

    levels: int = 2

    family: ClassVar[str] = "autoregressive model"
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"network": ("network",)}

    @property
    def smallest_image(self) -> int:
        return 1

    def check(self) -> None:
        super().check()
        if not 2 <= self.levels <= 256:
            raise UserError(f"levels is {self.levels}, but a pixel has from 2 to 256 values.")

    @property
    def likelihood_of_bytes(self) -> bool:
        """Whether (2) is a probability of the bytes themselves."""
        return self.levels == 256

    def observe(
        self, images: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "n h w c"]:
        """Return (1) as images in [0, 1], of which `levels` values are possible."""
        if self.levels == 2:
            return flip_coins(key, images)
        k = jnp.round(255 * images) * self.levels // 256
        return k / (self.levels - 1)

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_x, key_network = jax.random.split(noise)
        training = params.in_training(key_network)
        x = self.observe(batch.images, key_x)
        loss = -jnp.mean(self.log_prob(training, x))  # (4)
        return {"network": loss}, ({}, training.stats)

    def equations(self) -> list[tuple[str, str]]:
        softmax = f"the network f gives the logits of {self.levels} values, and sees of x only x_<i"
        return [
            ("loss = -log p(x)", "exact, in nats per image"),
            ("log p(x) = sum_i log p(x_i | x_<i)", "value after value, in the order of reading"),
            ("p(x_i = k | x_<i) = softmax(f(x)_i)_k", softmax),
        ]

    def log_prob(self, params: Params, x: Float[Array, "n h w c"]) -> Float[Array, " n"]:
        """Compute (2), in nats, of images that `observe` returned."""
        logits = self.apply(params, "network", 2 * x - 1)
        return sum_log_probability(logits, jnp.round(x * (self.levels - 1)))

    def sample(self, params: Params, key: PRNGKeyArray, num: int) -> Float[Array, "num h w c"]:
        """Draw images in [0, 1]. Of binary ones, the probabilities of the draws are returned."""
        values, mean = self.draw_values(params, key, num)
        return mean if self.levels == 2 else values / (self.levels - 1)

    def draw_values(
        self, params: Params, key: PRNGKeyArray, num: int
    ) -> tuple[Int[Array, "num h w c"], Float[Array, "num h w c"]]:
        """Draw x of (1), value by value, and return it with E[x_i | x_<i] / (levels - 1)."""
        raise NotImplementedError


def sum_log_probability(
    logits: Float[Array, "n ... k"], values: Float[Array, "n ..."]
) -> Float[Array, " n"]:
    """Sum log (3), in nats, of whole numbers from 0 to K - 1 over all positions.

    >>> sum_log_probability(jnp.zeros((1, 3, 4)), jnp.zeros((1, 3))) / jnp.log(4)
    Array([-3.], dtype=float32)
    """
    chosen = jnp.where(jnp.arange(logits.shape[-1]) == values[..., None], logits, 0).sum(axis=-1)
    return sum_event(chosen - jax.nn.logsumexp(logits, axis=-1))


def draw_value(logits: Float[Array, "n ... k"], key: PRNGKeyArray) -> tuple[jax.Array, jax.Array]:
    """Draw from (3), and return the values with the expected ones, divided by K - 1."""
    levels = jnp.linspace(0, 1, logits.shape[-1])
    return jax.random.categorical(key, logits), jax.nn.softmax(logits) @ levels
