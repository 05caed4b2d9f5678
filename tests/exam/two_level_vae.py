"""A VAE of two levels: z2 ~ N(0, I), z1 ~ N(m(z2), s(z2)^2), x ~ p(x|z1).

rate = KL(q(z2|z1) || N(0, I)) + log q(z1|x) - log p(z1|z2), z1 ~ q(z1|x), z2 ~ q(z2|z1)
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

import genjax
from genjax.distributions import Normal, kl_to_standard_normal
from genjax.nn.networks import MLP


@genjax.register("exam_two_level_vae")
@dataclass(frozen=True)
class TwoLevelVAE(genjax.VAE):
    top_dim: int = 4

    players: ClassVar = {"vae": ("encoder", "decoder", "top_encoder", "prior")}

    def networks(self):
        top = MLP(self.hidden, 2 * self.top_dim), (self.latent_dim,)
        prior = MLP(self.hidden, 2 * self.latent_dim), (self.top_dim,)
        return {**super().networks(), "top_encoder": top, "prior": prior}

    def normal(self, params, name, x):
        loc, log_scale = jnp.split(self.apply(params, name, x), 2, axis=1)
        return Normal(loc, jnp.exp(log_scale))

    def draw_rate(self, params, q, key):
        """Draw z1 from q, and estimate the rate of each of its latents, [N, latent_dim], [N]."""
        key_1, key_2 = jax.random.split(key)
        z1 = q.sample(key_1)
        q2 = self.normal(params, "top_encoder", z1)
        prior = self.normal(params, "prior", q2.sample(key_2))
        top = jnp.sum(kl_to_standard_normal(q2), axis=1)
        return z1, q.log_density(z1) - prior.log_density(z1), top

    def losses(self, params, batch, noise):
        key_x, key_z = jax.random.split(noise)
        x = self.observe(batch.images, key_x)
        distortion, rate = map(jnp.mean, self.distortion_and_rate(params, x, key_z))
        terms = {"distortion": distortion, "rate": rate}
        return {"vae": distortion + self.beta * rate}, (terms, params.stats)

    def distortion_and_rate(self, params, x, key):
        z, rates, top = self.draw_rate(params, self.posterior(params, x), key)
        return self.distortion(params, x, z), jnp.sum(rates, axis=1) + top

    def sample_latents(self, params, key, num, temperature=1.0):
        key_2, key_1 = jax.random.split(key)
        z2 = temperature * jax.random.normal(key_2, (num, self.top_dim))
        prior = self.normal(params, "prior", z2)
        return Normal(prior.loc, temperature * prior.scale).sample(key_1)
