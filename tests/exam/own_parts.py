"""An adversarial loss, an activation and two likelihoods of one's own.

discretised logistic: p(x) = s((x + 1/510 - m) / s) - s((x - 1/510 - m) / s), of bytes
                      (Kingma et al. 2016, arXiv:1606.04934, section 6)
learned sigma:        N(x; m, sigma^2), the decoder gives m and log sigma of every pixel
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

import genjax
from genjax.distributions import Normal, sum_event
from genjax.losses import Adversarial, register_loss
from genjax.nn.networks import register_activation

register_loss(
    "exam_squared_hinge",
    Adversarial(
        discriminator=lambda r, f: nn.relu(1 - r) ** 2 + nn.relu(1 + f) ** 2,
        generator=lambda r, f: -f,
    ),
)
register_activation("exam_sine", jnp.sin)


class DiscretisedLogistic(NamedTuple):
    mean: jax.Array
    log_scale: jax.Array

    def log_prob(self, value):
        def cumulative(edge):
            return jax.nn.sigmoid((edge - self.mean) / jnp.exp(self.log_scale))

        upper = jnp.where(value > 1 - 1 / 510, 1.0, cumulative(value + 1 / 510))
        lower = jnp.where(value < 1 / 510, 0.0, cumulative(value - 1 / 510))
        return sum_event(jnp.log(jnp.maximum(upper - lower, 1e-12)))

    def sample(self, key):
        u = jax.random.uniform(key, self.mean.shape, minval=1e-5, maxval=1 - 1e-5)
        x = self.mean + jnp.exp(self.log_scale) * jax.scipy.special.logit(u)
        return jnp.clip(jnp.round(255 * x) / 255, 0, 1)


def split(outputs):
    mean, log_scale = jnp.split(outputs, 2, axis=-1)
    return jax.nn.sigmoid(mean), jnp.maximum(log_scale - 2, -6)


genjax.register_likelihood(
    "exam_logistic",
    genjax.Likelihood(lambda model, out: DiscretisedLogistic(*split(out)), "bytes", outputs=2),
)
genjax.register_likelihood(
    "exam_learned_sigma",
    genjax.Likelihood(lambda model, out: Normal.from_log_scale(*split(out)), outputs=2),
)
