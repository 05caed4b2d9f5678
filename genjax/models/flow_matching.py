"""Flow matching: noise becomes an image along an ODE (Lipman et al. 2023, arXiv:2210.02747).

`genjax.models.transport` has the equations of the path, the loss, the steps and the density. This
model adds what they need of images:

(1) y      = (255 image + u) / 256,  u ~ U(0, 1)^D    the bytes of an image, spread over [0, 1]:
                                                      uniform dequantisation (Theis et al. 2016,
                                                      arXiv:1511.01844, section 3.1)
(2) x_1    = 2 y - 1                                  the data of the ODE, in [-1, 1]
(3) z      = x_0 ~ N(0, I), D = H W C latents         a model that decodes: the ODE maps z to x_1
(4) image  = (256 y - 1/2) / 255, clipped to [0, 1]   the middle of the byte that y lies in
(5) log P(bytes) >= E_u[log p(y)] - D log 256 = E_u[log p(x_1)] - D log 128
(6) v      = v(x, t, none) + guidance (v(x, t, class) - v(x, t, none))    classifier-free guidance
                                                      (Ho & Salimans 2022, arXiv:2207.12598,
                                                      equation 6, with 1 + w for guidance)

A class is hidden from a share of the training images, `label_dropout`, so that the network learns
v(x, t, none), too (ibid., algorithm 1). The likelihood (5) is that of the model without guidance.

There is no encoder: the latents of an image are noise of its own size, found by the ODE backwards,
and compress nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from genjax.distributions import dequantize
from genjax.errors import UserError, check_labels
from genjax.model import Batch, DecoderModel, Networks, Params, Terms, Weights, register
from genjax.models.transport import (
    Solver,
    TimeDistribution,
    embed_times,
    estimate_log_density,
    integrate,
    match_flow,
    space_times,
    space_times_to_data,
)
from genjax.nn.chunks import in_chunks
from genjax.nn.unet import ConditionalMLP, UNet

Labels = Int[Array, " n"] | None
_TIME_FEATURES = 64
_FINEST = 1 / 256  # of the data: a byte is spread over twice this length, (2)
_LIKELIHOOD_STEPS = 64  # of Heun


@register("flow_matching")
@dataclass(frozen=True)
class FlowMatching(DecoderModel):
    """Learn the velocity that carries noise to images, and follow it.

    With x_t = (1 - t) x_0 + t x_1 between noise x_0 and an image x_1 in [-1, 1], the loss is

        loss = E |v(x_t, t) - (x_1 - x_0)|^2,  a mean over pixels

    `help(genjax.models.flow_matching)` and `help(genjax.models.transport)` number all equations.
    Train it with a moving average of the weights (`Training.ema_decay`): without one its samples
    are much worse.

    >>> model = FlowMatching(image_shape=(8, 8, 1), network="mlp", hidden=(8,), num_steps=2)
    >>> params = model.init(jax.random.key(0))
    >>> model.sample(params, jax.random.key(1), 3).shape
    (3, 8, 8, 1)

    Attributes:
        network: unet: convolutions at several scales; mlp: dense layers alone.
        widths: channels of the U-Net at each scale, the finest first; the next has half the height
            and width.
        blocks: residual blocks of the U-Net at each scale, on the way down and on the way up.
        first_stride: 1 begins the U-Net at the size of the image, 2 at half of it, with a quarter
            of the work.
        hidden: widths of the dense layers, for the network mlp.
        time_distribution: times to train on: uniform, or logit_normal, more of them in the middle.
        num_steps: steps from noise to an image.
        solver: heun, two evaluations of the network a step; or euler, one.
        num_classes: number of classes of a class-conditional model; 0 for a model without.
        label_dropout: share of the training images whose class is hidden.
        guidance: weight of the class: above 1, samples are more typical of their class and vary
            less.
    """

    network: Literal["unet", "mlp"] = "unet"
    widths: tuple[int, ...] = (32, 64)
    blocks: int = 1
    first_stride: Literal[1, 2] = 2
    hidden: tuple[int, ...] = (512, 512, 512)
    time_distribution: TimeDistribution = "uniform"
    num_steps: int = 16
    solver: Solver = "heun"
    num_classes: int = field(default=0, metadata={"least": 0})
    label_dropout: float = 0.1
    guidance: float = 1.0

    family: ClassVar[str] = "flow matching"
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"flow_matching": ("velocity",)}
    likelihood_of_bytes: ClassVar[bool] = True

    @classmethod
    def smallest(cls) -> Self:
        return cls(widths=(8, 8), num_steps=2, solver="euler")

    @property
    def smallest_image(self) -> int:
        return 1 if self.network == "mlp" else super().smallest_image

    @property
    def latent_dim(self) -> int:
        """Number of latents, D of (3)."""
        return math.prod(self.image_shape)

    def check(self) -> None:
        super().check()
        if self.network == "unet" and not self.widths:
            raise UserError("widths is (), but a U-Net has at least one scale.")
        if not 0 < self.label_dropout < 1:
            raise UserError(
                f"label_dropout is {self.label_dropout}, but must be above 0, below 1: the model"
                " also learns images of an unknown class."
            )
        if self.guidance < 0:
            raise UserError(f"guidance is {self.guidance}, but must be at least 0.")
        if self.guidance != 1 and not self.num_classes:
            raise UserError(
                f"guidance is {self.guidance}, but the model knows no classes to guide to: set"
                " num_classes, or leave guidance out."
            )

    def check_labels(self, labels: jax.Array) -> None:
        if self.num_classes:
            check_labels(labels, self.num_classes)

    def networks(self) -> Networks:
        network: nn.Module = (
            UNet(self.widths, self.blocks, self.first_stride)
            if self.network == "unet"
            else ConditionalMLP(self.hidden)
        )
        condition = (_TIME_FEATURES + self.num_classes,)
        return {"velocity": (network, self.image_shape, condition)}

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_u, key_labels, key_flow = jax.random.split(noise, 3)
        x_1 = self.dequantize(batch.images, key_u)
        y = self.embed_classes(len(x_1), batch.labels if self.num_classes else None)
        known = jax.random.bernoulli(key_labels, 1 - self.label_dropout, (len(x_1), 1))

        def velocity(x: jax.Array, t: jax.Array) -> jax.Array:
            return self.velocity(params, x, t, jnp.where(known, y, 0.0))

        loss = jnp.mean(match_flow(velocity, x_1, key_flow, self.time_distribution))
        return {"flow_matching": loss}, ({}, params.stats)

    def equations(self) -> list[tuple[str, str]]:
        steps = f"in {self.num_steps} steps by {self.solver}"
        return [
            ("loss = E|v(x_t, t) - (x_1 - x_0)|^2", "a mean over pixels"),
            ("x_t = (1 - t) x_0 + t x_1", "from noise x_0 ~ N(0, I) to an image x_1 in [-1, 1]"),
            ("v(x, t)", "the network, which learns the velocity of x_t"),
            ("dx / dt = v(x, t)", f"carries a sample from the noise at t = 0 to t = 1, {steps}"),
        ]

    def velocity(
        self,
        params: Params,
        x: Float[Array, "n h w c"],
        t: Float[Array, " n"],
        y: Float[Array, "n k"],
    ) -> Float[Array, "n h w c"]:
        """Compute v(x, t) under classes y, as `embed_classes` gives them."""
        condition = jnp.concatenate([embed_times(t, _TIME_FEATURES), y], axis=1)
        return self.apply(params, "velocity", x, condition)

    def embed_classes(self, num: int, labels: Labels = None) -> Float[Array, "n k"]:
        """Return one-hot classes; zeros, for an unknown class, without labels."""
        if labels is None:
            return jnp.zeros((num, self.num_classes), jnp.float32)
        return jax.nn.one_hot(labels, self.num_classes, dtype=jnp.float32)

    def dequantize(
        self, images: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "n h w c"]:
        """Draw x_1, (1) and (2), from images in [0, 1]."""
        return 2 * dequantize(images, key) - 1

    def decode(
        self, params: Params, z: Float[Array, "n d"], labels: Labels = None
    ) -> Float[Array, "n h w c"]:
        """Carry latents along the ODE to images in [0, 1], (3) and (4); with labels, by (6)."""
        y, unknown = self.embed_classes(len(z), labels), self.embed_classes(len(z))
        guided = labels is not None and self.guidance != 1

        def velocity(x: jax.Array, t: jax.Array) -> jax.Array:
            times = jnp.full(len(x), t)
            v = self.velocity(params, x, times, y)
            if not guided:
                return v
            free = self.velocity(params, x, times, unknown)
            return free + self.guidance * (v - free)  # (6)

        x_0 = z.reshape(-1, *self.image_shape)
        x_1 = integrate(velocity, x_0, space_times(self.num_steps), self.solver)
        return jnp.clip((128 * (x_1 + 1) - 0.5) / 255, 0.0, 1.0)  # (4)

    def sample(self, params: Params, key: PRNGKeyArray, num: int) -> Float[Array, "num h w c"]:
        """Draw images; those of a class-conditional model of classes that are drawn evenly."""
        key_z, key_y = jax.random.split(key)
        z, labels = self.sample_latents(params, key_z, num), None
        if self.num_classes:
            labels = jax.random.randint(key_y, (num,), 0, self.num_classes, jnp.int32)

        def draw(rows: jax.Array) -> jax.Array:
            return self.decode(params, z[rows], None if labels is None else labels[rows])

        return in_chunks(draw, jnp.arange(num))

    def estimate_log_prob(
        self,
        params: Params,
        x: Float[Array, "n h w c"],
        key: PRNGKeyArray,
        labels: Labels = None,
    ) -> Float[Array, "draws n"]:
        """Estimate the right side of (5), in nats, several times.

        x are images of bytes, scaled to [0, 1].
        """
        key_u, key_e = jax.random.split(key)
        y = self.embed_classes(len(x), labels if self.num_classes else None)
        log_density = estimate_log_density(
            lambda x, t: self.velocity(params, x, t, y),
            self.dequantize(x, key_u),
            key_e,
            space_times_to_data(_LIKELIHOOD_STEPS, _FINEST),
        )
        return log_density - self.latent_dim * jnp.log(128.0)  # (5)
