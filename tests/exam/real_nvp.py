"""RealNVP (Dinh et al. 2017, arXiv:1605.08803) of affine couplings, with its exact likelihood.

log p(x) = log N(f(logit x); 0, I) + sum log |scale| + log |d logit / dx|, section 3
"""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

import genjax
from genjax.model import LatentModel
from genjax.nn.networks import MLP

COUPLINGS = ("coupling_0", "coupling_1", "coupling_2", "coupling_3")


@genjax.register("exam_real_nvp")
@dataclasses.dataclass(frozen=True)
class RealNVP(LatentModel):
    hidden: tuple[int, ...] = (256,)

    players: ClassVar = {"flow": COUPLINGS}

    def networks(self):
        coupling = MLP(self.hidden, 2 * self.latent_dim), (self.latent_dim,)
        return dict.fromkeys(COUPLINGS, coupling)

    def for_images(self, image_shape):
        pixels = int(np.prod(image_shape))
        return dataclasses.replace(super().for_images(image_shape), latent_dim=pixels)

    def shift_and_log_scale(self, params, name, x):
        mask = (jnp.arange(self.latent_dim) + COUPLINGS.index(name)) % 2
        shift, log_scale = jnp.split(self.apply(params, name, x * mask), 2, axis=1)
        return shift * (1 - mask), jnp.tanh(log_scale) * (1 - mask)

    def to_latents(self, params, images):
        x = 0.05 + 0.9 * images.reshape(len(images), -1)
        z, log_det = jax.scipy.special.logit(x), jnp.sum(-jnp.log(x * (1 - x) / 0.9), axis=1)
        for name in COUPLINGS:
            shift, log_scale = self.shift_and_log_scale(params, name, z)
            z, log_det = z * jnp.exp(log_scale) + shift, log_det + jnp.sum(log_scale, axis=1)
        return z, log_det

    def log_prob(self, params, x):
        z, log_det = self.to_latents(params, x)
        return jnp.sum(jax.scipy.stats.norm.logpdf(z), axis=1) + log_det

    def losses(self, params, batch, noise):
        x = (255 * batch.images + jax.random.uniform(noise, batch.images.shape)) / 256
        return {"flow": -jnp.mean(self.log_prob(params, x))}, ({}, params.stats)

    def encode(self, params, images):
        return self.to_latents(params, images)[0]

    def decode(self, params, z):
        for name in reversed(COUPLINGS):
            shift, log_scale = self.shift_and_log_scale(params, name, z)
            z = (z - shift) * jnp.exp(-log_scale)
        x = (jax.nn.sigmoid(z) - 0.05) / 0.9
        return jnp.clip(x, 0, 1).reshape(-1, *self.image_shape)
