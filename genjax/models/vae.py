"""Variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114).

(0) x      ~ Bernoulli(image)                     dynamic binarisation, anew at every visit
                                                  (Burda et al. 2016, arXiv:1509.00519, section 5)
(1) p(z)   = N(0, I)                                                         section 3
(2) q(z|x) = N(mu(x), diag sigma(x)^2)            the encoder gives mu and log sigma, section 3
(3) z      = mu + sigma * epsilon, epsilon ~ N(0, I)                         section 2.4
(4) p(x|z) : `Autoencoder`'s (2)                                             appendix C
(5) loss   = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z))                      equation (3)
           = distortion + beta * rate;  beta = 1 makes it the negative ELBO
(6) log w  = log p(x|z) + log p(z) - log q(z|x),  z ~ q(z|x)
    log p(x) >= E[log 1/k sum_i w_i], tighter with every k    (Burda et al. 2016, equation 8)

The ELBO of a Bernoulli likelihood is one of binary data only, hence (0); `binarize=False` feeds
grey values to the cross-entropy, which trains well and measures nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from genjax.distributions import Normal, flip_coins, kl_to_standard_normal, standard_normal_like
from genjax.models.autoencoder import Autoencoder
from genjax.types import Batch, Params, Terms, UserError, Weights, register


@register("vae")
@dataclass(frozen=True)
class VAE(Autoencoder):
    """See the module's docstring for the equations; `Autoencoder` for the shared fields.

    Attributes:
        beta: weight of the rate, (5); not 1 makes it a beta-VAE (Higgins et al. 2017).
        binarize: draw binary images, (0), where the likelihood is Bernoulli.
    """

    beta: float = 1.0
    binarize: bool = True

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"vae": ("encoder", "decoder")}

    def check(self) -> None:
        super().check()
        if self.beta < 0:
            raise UserError(f"beta is {self.beta}, but must be at least 0.")

    @property
    def encoder_features(self) -> int:
        return 2 * self.latent_dim

    def losses(
        self, params: Params, batch: Batch, drawn: jax.Array
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_x, key_z = jax.random.split(drawn)
        x = self.observe(batch.images, key_x)  # (0)
        distortion, rate = self.distortion_and_rate(params, x, key_z)
        terms = {"distortion": jnp.mean(distortion), "rate": jnp.mean(rate)}
        return {"vae": terms["distortion"] + self.beta * terms["rate"]}, (
            terms,
            params.stats,
        )  # (5)

    def distortion_and_rate(
        self, params: Params, x: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """The halves of (5) for x [N, H, W, C], each [N], nats: one draw of z, the rate exact."""
        q = self.posterior(params, x)  # (2)
        z = q.sample(key)  # (3)
        distortion = -self.image_distribution(params, z).log_prob(x)  # (4)
        return distortion, jnp.sum(kl_to_standard_normal(q), axis=1)

    def observe(self, images: jax.Array, key: jax.Array) -> jax.Array:
        """(0): the x that the likelihood is defined on, for images [N, H, W, C] in [0, 1]."""
        if self.binarize and self.likelihood == "bernoulli":
            return flip_coins(key, images)
        return images

    def posterior(self, params: Params, x: jax.Array) -> Normal:
        """(2): x [N, H, W, C] -> q(z|x) over z [N, latent_dim]."""
        loc, log_scale = jnp.split(self.apply(params, "encoder", x), 2, axis=1)
        return Normal(loc, jnp.exp(log_scale))

    def encode(self, params: Params, images: jax.Array) -> jax.Array:
        """The mean of (2): images [N, H, W, C] in [0, 1] -> z [N, latent_dim]."""
        return self.posterior(params, images).loc

    def log_weights(self, params: Params, x: jax.Array, key: jax.Array, num: int) -> jax.Array:
        """(6), nats: x [N, H, W, C] -> log w [num, N] of `num` draws for every x."""
        q = self.posterior(params, x)
        repeated = Normal(*(jnp.tile(part, (num, 1)) for part in (q.loc, q.scale)))
        z = repeated.sample(key)  # [num N, latent_dim], x the faster axis
        log_likelihood = self.image_distribution(params, z).log_prob(jnp.tile(x, (num, 1, 1, 1)))
        log_prior = standard_normal_like(repeated).log_prob(z)
        return (log_likelihood + log_prior - repeated.log_prob(z)).reshape(num, x.shape[0])
