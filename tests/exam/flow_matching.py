"""Flow matching (Lipman et al. 2023, arXiv:2210.02747): x_t = (1 - t) e + t x, v ~ x - e."""

from dataclasses import dataclass
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

import genjax


class Velocity(nn.Module):
    width: int

    @nn.compact
    def __call__(self, x, t):
        flat = jnp.concatenate([x.reshape(len(x), -1), t[:, None]], axis=1)
        hidden = nn.silu(nn.Dense(self.width)(flat))
        return nn.Dense(flat.shape[1] - 1)(hidden).reshape(x.shape)


@genjax.register("exam_flow")
@dataclass(frozen=True)
class FlowMatching(genjax.Model):
    width: int = 256
    steps: int = 50

    players: ClassVar = {"flow": ("velocity",)}

    def networks(self):
        return {"velocity": (Velocity(self.width), self.image_shape, ())}  # two inputs: x and t

    def losses(self, params, batch, noise):
        key_t, key_e = jax.random.split(noise)
        x = 2 * batch.images - 1
        t = jax.random.uniform(key_t, (len(x),))
        e = jax.random.normal(key_e, x.shape)
        share = t[:, None, None, None]
        velocity = self.apply(params, "velocity", (1 - share) * e + share * x, t)
        error = jnp.mean(jnp.sum((velocity - (x - e)) ** 2, axis=(1, 2, 3)))
        return {"flow": error}, ({}, params.stats)

    def sample(self, params, key, num):
        def step(x, t):
            return x + self.apply(params, "velocity", x, jnp.full(num, t)) / self.steps, None

        start = jax.random.normal(key, (num, *self.image_shape))
        x, _ = jax.lax.scan(step, start, jnp.arange(self.steps) / self.steps)
        return jnp.clip((x + 1) / 2, 0, 1)
