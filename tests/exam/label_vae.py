"""A VAE that is told the class of every image: p(x|z, y), q(z|x, y)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

import genjax
from genjax.distributions import standard_normal_like


@genjax.register("exam_label_vae")
@dataclass(frozen=True)
class LabelVAE(genjax.VAE):
    num_classes: int = 2

    def networks(self):
        height, width, channels = self.image_shape
        (encoder, _), (decoder, _) = super().networks().values()
        return {
            "encoder": (encoder, (height, width, channels + self.num_classes)),
            "decoder": (decoder, (self.latent_dim + self.num_classes,)),
        }

    def one_hot(self, labels, num):  # without labels all classes count alike
        if labels is None:
            return jnp.full((num, self.num_classes), 1 / self.num_classes)
        return jax.nn.one_hot(labels, self.num_classes)

    def posterior(self, params, x, labels=None):
        y = self.one_hot(labels, len(x))[:, None, None]
        planes = jnp.broadcast_to(y, (*x.shape[:3], self.num_classes))
        return super().posterior(params, jnp.concatenate([x, planes], axis=3))

    def image_distribution(self, params, z, labels=None):
        y = self.one_hot(labels, len(z))
        return super().image_distribution(params, jnp.concatenate([z, y], axis=1))

    def encode(self, params, images, labels=None):
        return self.posterior(params, images, labels).loc

    def decode(self, params, z, labels=None):
        return self.image_distribution(params, z, labels).mean

    def distortion_and_rate(self, params, x, key, labels=None):
        q = self.posterior(params, x, labels)
        p = self.image_distribution(params, q.sample(key), labels)
        return -p.log_prob(x), self.rate(q)

    def log_weights(self, params, x, key, num, labels=None):
        q = self.posterior(params, x, labels)

        def draw(key):
            z = q.sample(key)
            log_joint = self.image_distribution(params, z, labels).log_prob(x)
            return log_joint + standard_normal_like(q).log_prob(z) - q.log_prob(z)

        return jax.lax.map(draw, jax.random.split(key, num))

    def losses(self, params, batch, noise):
        key_x, key_z = jax.random.split(noise)
        x = self.observe(batch.images, key_x)
        parts = self.distortion_and_rate(params, x, key_z, batch.labels)
        distortion, rate = map(jnp.mean, parts)
        terms = {"distortion": distortion, "rate": rate}
        return {"vae": distortion + self.beta * rate}, (terms, params.stats)

    def sample(self, params, key, num):
        key_z, key_y = jax.random.split(key)
        labels = jax.random.randint(key_y, (num,), 0, self.num_classes)
        return self.decode(params, self.sample_latents(params, key_z, num), labels)
