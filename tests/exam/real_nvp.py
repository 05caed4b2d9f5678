"""RealNVP (Dinh et al. 2017, arXiv:1605.08803) of affine couplings, with its exact likelihood.

log p(x) = log N(f(logit x); 0, I) + sum log |scale| + log |d logit / dx|, section 3.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

import genjax
from genjax.model import LatentModel
from genjax.nn.networks import MLP


@genjax.register("exam_real_nvp")
@dataclass(frozen=True)
class RealNVP(LatentModel):
    hidden: tuple[int, ...] = (256,)
    couplings: int = 4

    players: ClassVar = {"flow": ("couplings",)}

    @property
    def pixels(self):
        return int(np.prod(self.image_shape))

    def networks(self):
        coupling = MLP(self.hidden, 2 * self.pixels)
        return {f"coupling_{i}": (coupling, (self.pixels,)) for i in range(self.couplings)}

    def shift_and_log_scale(self, params, i, x):
        mask = (jnp.arange(self.pixels) + i) % 2
        shift, log_scale = jnp.split(self.apply(params, f"coupling_{i}", x * mask), 2, axis=1)
        return shift * (1 - mask), jnp.tanh(log_scale) * (1 - mask)

    def to_latents(self, params, images):
        x = 0.05 + 0.9 * images.reshape(len(images), -1)
        log_det = jnp.sum(jnp.log(0.9) - jnp.log(x) - jnp.log1p(-x), axis=1)
        z = jax.scipy.special.logit(x)
        for i in range(self.couplings):
            shift, log_scale = self.shift_and_log_scale(params, i, z)
            z, log_det = z * jnp.exp(log_scale) + shift, log_det + jnp.sum(log_scale, axis=1)
        return z, log_det

    def log_prob(self, params, images):
        z, log_det = self.to_latents(params, images)
        return jnp.sum(jax.scipy.stats.norm.logpdf(z), axis=1) + log_det

    def losses(self, params, batch, noise):
        dequantised = (255 * batch.images + jax.random.uniform(noise, batch.images.shape)) / 256
        return {"flow": -jnp.mean(self.log_prob(params, dequantised))}, ({}, params.stats)

    def encode(self, params, images):
        return self.to_latents(params, images)[0]

    def decode(self, params, z):
        for i in reversed(range(self.couplings)):
            shift, log_scale = self.shift_and_log_scale(params, i, z)
            z = (z - shift) * jnp.exp(-log_scale)
        return jnp.clip((jax.nn.sigmoid(z) - 0.05) / 0.9, 0, 1).reshape(-1, *self.image_shape)
