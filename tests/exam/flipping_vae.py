"""A VAE that sees its images mirrored at random."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

import genjax


@genjax.register("exam_flipping_vae")
@dataclass(frozen=True)
class FlippingVAE(genjax.VAE):
    def losses(self, params, batch, noise):
        key_flip, noise = jax.random.split(noise)
        mirrored = jax.random.bernoulli(key_flip, 0.5, (len(batch.images), 1, 1, 1))
        images = jnp.where(mirrored, batch.images[:, :, ::-1], batch.images)
        return super().losses(params, replace(batch, images=images), noise)
