"""VQ-VAE (van den Oord et al. 2017, arXiv:1711.00937) whose codebook follows moving averages."""

from dataclasses import dataclass
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.lax import stop_gradient

import genjax


class Codebook(nn.Module):
    """Quantises [N, positions * dim]; it has no parameters, only moving averages."""

    codes: int
    dim: int

    @nn.compact
    def __call__(self, z, train=False):
        total = self.variable(
            "averages", "total", jax.random.normal, jax.random.key(0), (self.codes, self.dim)
        )
        count = self.variable("averages", "count", jnp.ones, self.codes)
        table, flat = total.value / count.value[:, None], z.reshape(-1, self.dim)
        index = jnp.argmin(jnp.sum((flat[:, None] - table) ** 2, axis=2), axis=1)
        if train:
            chosen = jax.nn.one_hot(index, self.codes)
            total.value = 0.9 * total.value + 0.1 * chosen.T @ flat
            count.value = 0.9 * count.value + 0.1 * jnp.sum(chosen, axis=0)
        return table[index].reshape(z.shape)


@genjax.register("exam_vq_vae")
@dataclass(frozen=True)
class VQVAE(genjax.Autoencoder):
    codes: int = 64
    dim: int = 2

    players: ClassVar = {"vq_vae": ("encoder", "decoder", "codebook")}

    def networks(self):
        codebook = (Codebook(self.codes, self.dim), (self.latent_dim,))
        return {**super().networks(), "codebook": codebook}

    def losses(self, params, batch, noise):
        z = self.apply(params, "encoder", batch.images)
        code, stats = self.apply_training(params, "codebook", stop_gradient(z))
        x = self.image_distribution(params, z + stop_gradient(code - z))  # straight through
        commitment = jnp.mean(jnp.sum((z - stop_gradient(code)) ** 2, axis=1))
        loss = 0.25 * commitment - jnp.mean(x.log_prob(batch.images))
        return {"vq_vae": loss}, ({"commitment": commitment}, {**params.stats, "codebook": stats})

    def sample_latents(self, params, key, num, temperature=1.0):
        return self.apply(params, "codebook", super().sample_latents(params, key, num, temperature))

    def encode(self, params, images):
        return self.apply(params, "codebook", super().encode(params, images))
