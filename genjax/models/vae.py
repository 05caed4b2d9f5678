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

Other losses, each by a field:

(7) -log 1/k sum_i w_i                         `importance_samples` k: an IWAE        (ibid.)
(8) distortion + beta |rate - C|               `capacity` C nats (Burgess et al. 2018,
                                               arXiv:1804.03599, equation 8)
(9) distortion + rate + (beta - 1) TC          `beta_weighs` total_correlation: a beta-TCVAE (Chen
                                               et al. 2018, arXiv:1802.04942, equation 4: beta on
                                               the second of the three terms of the rate)
In the first `warmup` of the training, beta of (5), C of (8) and the whole of (9) but its distortion
grow from 0 (Bowman et al. 2016, arXiv:1511.06349; Sonderby et al. 2016, arXiv:1602.02282).

The ELBO of a Bernoulli likelihood is one of binary data only, hence (0); `binarize=False` feeds
grey values to the cross-entropy, which trains well and measures nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from genjax.distributions import (
    Normal,
    flip_coins,
    kl_to_standard_normal,
    standard_normal_like,
    total_correlation,
)
from genjax.errors import UserError
from genjax.model import Batch, Params, Terms, Weights, register
from genjax.models.autoencoder import Autoencoder


@register("vae")
@dataclass(frozen=True)
class VAE(Autoencoder):
    """See the module's docstring for the equations; `Autoencoder` for the shared fields.

    Attributes:
        beta: weight of the rate, (5); not 1 makes it a beta-VAE (Higgins et al. 2017).
        beta_weighs: the rate, or only the total correlation, (9).
        capacity: C of (8), nats an image; 0 leaves (8) out.
        warmup: share of the training in which the weight of the rate, or C, grows.
        importance_samples: k of (7).
        binarize: draw binary images, (0), where the likelihood is Bernoulli.
    """

    beta: float = 1.0
    beta_weighs: Literal["rate", "total_correlation"] = "rate"
    capacity: float = 0.0
    warmup: float = 0.0
    importance_samples: int = 1
    binarize: bool = True

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"vae": ("encoder", "decoder")}

    def check(self) -> None:
        super().check()
        for name in ("beta", "capacity"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}, but must be at least 0.")
        if not 0 <= self.warmup <= 1:
            raise UserError(f"warmup is {self.warmup}, but must be from 0 to 1.")
        if self.capacity and self.beta_weighs != "rate":
            raise UserError(
                "capacity holds the rate, and beta_weighs total_correlation a part of it: leave one"
                " of them out."
            )
        weighted = self.beta != 1 or self.beta_weighs != "rate" or self.capacity or self.warmup
        if self.importance_samples > 1 and weighted:
            raise UserError(
                "with importance_samples the loss has no rate to weigh: leave beta, beta_weighs,"
                " capacity and warmup out."
            )

    @property
    def encoder_features(self) -> int:
        return 2 * self.latent_dim

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_x, key_z = jax.random.split(noise)
        x = self.observe(batch.images, key_x)  # (0)
        if self.importance_samples > 1:
            log_w = self.log_weights(params, x, key_z, self.importance_samples)
            bound = jax.nn.logsumexp(log_w, axis=0) - jnp.log(self.importance_samples)
            return {"vae": -jnp.mean(bound)}, ({}, params.stats)  # (7)
        q = self.posterior(params, x)  # (2)
        z = q.sample(key_z)  # (3)
        distortion = jnp.mean(self.distortion(params, x, z))
        weighted, terms = self.weighted_rate(q, z, batch.progress)
        loss = distortion + weighted  # (5)
        return {"vae": loss}, ({"distortion": distortion} | terms, params.stats)

    def weighted_rate(
        self,
        q: Normal,
        z: jax.Array,
        progress: jax.Array | float,
        counted: jax.Array | float = 1.0,
    ) -> tuple[jax.Array, Terms]:
        """What the loss adds to the distortion, for q(z|x) over z [N, latent_dim]; and its terms.

        `progress` is the share of the training that is done; the rate of image n counts `counted`
        [N] times.
        """
        grown = jnp.minimum(1.0, progress / self.warmup) if self.warmup else 1.0
        rate = jnp.mean(counted * self.rate(q))
        if self.capacity:
            return self.beta * jnp.abs(rate - grown * self.capacity), {"rate": rate}  # (8)
        if self.beta_weighs == "total_correlation":
            tc = total_correlation(q, z)
            terms = {"rate": rate, "total_correlation": tc}
            return grown * (rate + (self.beta - 1) * tc), terms  # (9)
        return grown * self.beta * rate, {"rate": rate}  # (5)

    def distortion(self, params: Params, x: jax.Array, z: jax.Array) -> jax.Array:
        """-log p(x|z), (4), nats: x [N, H, W, C] and a z [N, latent_dim] for each -> [N]."""
        return -self.image_distribution(params, z).log_prob(x)

    def rate(self, q: Normal) -> jax.Array:
        """KL(q(z|x) || p(z)), nats: [N]."""
        return jnp.sum(kl_to_standard_normal(q), axis=1)

    def distortion_and_rate(
        self, params: Params, x: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """The halves of (5) for x [N, H, W, C], each [N], nats: one draw of z, the rate exact."""
        q = self.posterior(params, x)  # (2)
        return self.distortion(params, x, q.sample(key)), self.rate(q)  # (3), (4)

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
        distortion = self.distortion(params, jnp.tile(x, (num, 1, 1, 1)), z)
        log_prior = standard_normal_like(repeated).log_prob(z)
        return (log_prior - distortion - repeated.log_prob(z)).reshape(num, x.shape[0])
