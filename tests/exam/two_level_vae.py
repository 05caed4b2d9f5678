"""A VAE of two levels: z2 ~ N(0, I), z1 ~ N(m(z2), s(z2)^2), x ~ p(x|z1).

rate = log q(z1|x) + log q(z2|z1) - log p(z1|z2) - log p(z2),  z1 ~ q(z1|x), z2 ~ q(z2|z1)
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

import genjax
from genjax.distributions import Normal, standard_normal_like
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
        loc, scale = jnp.split(self.apply(params, name, x), 2, axis=1)
        return Normal(loc, 0.1 + jax.nn.softplus(scale))

    def losses(self, params, batch, noise):
        key_x, key_z = jax.random.split(noise)
        x = self.observe(batch.images, key_x)
        distortion, rate = map(jnp.mean, self.distortion_and_rate(params, x, key_z))
        terms = {"distortion": distortion, "rate": rate}
        return {"vae": distortion + self.beta * rate}, (terms, params.stats)

    def distortion_and_rate(self, params, x, key):
        key_1, key_2 = jax.random.split(key)
        q1 = self.posterior(params, x)
        z1 = q1.sample(key_1)
        q2 = self.normal(params, "top_encoder", z1)
        z2 = q2.sample(key_2)
        p1, p2 = self.normal(params, "prior", z2), standard_normal_like(q2)
        rate = q1.log_prob(z1) + q2.log_prob(z2) - p1.log_prob(z1) - p2.log_prob(z2)
        return self.distortion(params, x, z1), rate

    def log_weights(self, params, x, key, num):
        draws = jax.lax.map(
            lambda key: self.distortion_and_rate(params, x, key), jax.random.split(key, num)
        )
        return -sum(draws)

    def sample_latents(self, params, key, num, temperature=1.0):
        key_2, key_1 = jax.random.split(key)
        z2 = temperature * jax.random.normal(key_2, (num, self.top_dim))
        prior = self.normal(params, "prior", z2)
        return prior.loc + temperature * prior.scale * jax.random.normal(key_1, prior.loc.shape)
