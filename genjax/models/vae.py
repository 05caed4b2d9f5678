"""Variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114).

(0) x      : what the likelihood observes of an image, `genjax.models.likelihoods`
(1) p(z)   = N(0, I)                                                         section 3
(2) q(z|x) = N(mu(x), diag sigma(x)^2)            the encoder gives mu and log sigma, section 3
(3) z      = mu + sigma * epsilon, epsilon ~ N(0, I)                         section 2.4
(4) p(x|z) : the likelihood                                                  appendix C
(5) loss   = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z))                      equation (3)
           = distortion + beta * rate;  beta = 1 makes it the negative ELBO
(6) log w  = log p(x|z) + log p(z) - log q(z|x),  z ~ q(z|x)
    log p(x) >= E[log 1/k sum_i w_i], tighter with every k    (Burda et al. 2016, equation 8)

Fields choose other losses:

(7) -log 1/k sum_i w_i                         `importance_samples` k: an IWAE        (ibid.)
(8) distortion + beta |rate - C|               `capacity` C nats (Burgess et al. 2018,
                                               arXiv:1804.03599, equation 8)
(9) distortion + rate + (beta - 1) TC          `beta_weighs` total_correlation: a beta-TCVAE (Chen
                                               et al. 2018, arXiv:1802.04942, equation 4: beta on
                                               the second of the three terms of the rate)
(10) q(z|x,y), p(x|z,y) for (2) and (4)        `num_classes`: `models.conditional_autoencoder`

In the first `warmup` of the training, beta of (5), C of (8), and in (9) all but the distortion grow
from 0 (Bowman et al. 2016, arXiv:1511.06349; Sonderby et al. 2016, arXiv:1602.02282).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from genjax.distributions import (
    Normal,
    kl_to_standard_normal,
    standard_normal_like,
    sum_event,
    total_correlation,
)
from genjax.errors import UserError
from genjax.model import Batch, Params, Terms, Weights, register
from genjax.models.conditional_autoencoder import ConditionalAutoencoder, Labels, join_image
from genjax.models.likelihoods import LIKELIHOODS


@register("vae")
@dataclass(frozen=True)
class VAE(ConditionalAutoencoder):
    """Learn a distribution of latents for each image, and a decoder of latents from the prior.

    The loss is the negative ELBO, in nats per image:

        loss = E_q[-log p(x|z)] + beta KL(q(z|x) || N(0, I)) = distortion + beta * rate

    with q(z|x) = N(mu(x), sigma(x)^2) from the encoder; given the class y, with `num_classes`.

    >>> model = VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,), beta=4.0)
    >>> params = model.init(jax.random.key(0))
    >>> model.sample(params, jax.random.key(1), 3).shape
    (3, 8, 8, 1)

    Attributes:
        beta: weight of the KL term; other values than 1 make a beta-VAE (Higgins et al. 2017).
        beta_weighs: what beta weighs: the whole KL term (rate), or its total correlation alone.
        capacity: target of the KL term (nats per image): the loss is beta |KL - capacity|; 0 for
            none.
        warmup: share of the training over which the weight of the KL term, or the capacity, grows
            from 0.
        importance_samples: number of importance samples k in the IWAE bound; 1 for the ELBO.
        binarize: train on binary images, drawn anew at every visit, with a bernoulli likelihood.
    """

    beta: float = 1.0
    beta_weighs: Literal["rate", "total_correlation"] = "rate"
    capacity: float = 0.0
    warmup: float = 0.0
    importance_samples: int = 1
    binarize: bool = True

    family: ClassVar[str] = "VAE"
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"vae": ("encoder", "decoder")}

    def __init_subclass__(cls, **options: Any) -> None:
        """Decline `latent_rate` for a subclass with another rate and none by latent."""
        super().__init_subclass__(**options)
        own = vars(cls).keys()
        if own & {"rate", "distortion_and_rate"}:
            for name in {"latent_rate"} - own:
                setattr(cls, name, None)

    def check(self) -> None:
        super().check()
        for name in ("beta", "capacity"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}, but must be at least 0.")
        if not 0 <= self.warmup <= 1:
            raise UserError(f"warmup is {self.warmup}, but must be from 0 to 1.")
        if self.capacity and self.beta_weighs != "rate":
            raise UserError(
                "capacity sets a target for the whole KL term, and beta_weighs total_correlation"
                " weighs a part of it: leave one of them out."
            )
        weighted = self.beta != 1 or self.beta_weighs != "rate" or self.capacity or self.warmup
        if self.importance_samples > 1 and weighted:
            raise UserError(
                "with importance_samples the loss has no rate to weigh: leave out beta=,"
                " beta_weighs=, capacity= and warmup=."
            )

    @property
    def encoder_features(self) -> int:
        return 2 * self.latent_dim

    @property
    def likelihood_of_bytes(self) -> bool:
        """Whether the likelihood is a probability of bytes, of which there are bits."""
        return LIKELIHOODS[self.likelihood].observes == "bytes"

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        if self.given_classes:
            noise, key_labels = jax.random.split(noise)
            batch = self.join_batch(batch, key_labels)  # (10)
        key_x, key_z, key_networks = jax.random.split(noise, 3)
        training = params.in_training(key_networks)
        x = self.observe(batch.images, key_x)  # (0)
        if self.importance_samples > 1:
            log_w = self.log_weights(training, x, key_z, self.importance_samples)
            bound = jax.nn.logsumexp(log_w, axis=0) - jnp.log(self.importance_samples)
            return {"vae": -jnp.mean(bound)}, ({}, training.stats)  # (7)
        q = self.posterior(training, x)  # (2)
        z = q.sample(key_z)  # (3)
        distortion = jnp.mean(self.distortion(training, x, z))
        weighted, terms = self.weighted_rate(q, z, batch.progress)
        loss = distortion + weighted  # (5)
        return {"vae": loss}, ({"distortion": distortion} | terms, training.stats)

    def weighted_rate(
        self,
        q: Normal,
        z: Float[Array, "n d"],
        progress: Float[Array, ""] | float,
        counted: Float[Array, " n"] | float = 1.0,
    ) -> tuple[jax.Array, Terms]:
        """Compute what the loss adds to the distortion for q(z|x), with terms to watch.

        `progress` is the share of the training that is done; the rate of image n counts
        `counted[n]` times.
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

    def equations(self) -> list[tuple[str, str]]:
        z = f"the posterior of {self.latent_dim} latents: the encoder gives mu and log sigma"
        parts = [
            ("q(z|x) = N(mu(x), diag sigma(x)^2)", z),
            ("p(z) = N(0, I)", "the prior"),
            ("p(x|z)", f"the decoder: a {self.likelihood} likelihood of every pixel"),
        ]
        if self.importance_samples > 1:
            k = self.importance_samples
            losses = [
                ("loss = E[-log 1/k sum_i w_i]", f"the bound of k = {k} samples, in nats"),
                ("w_i = p(x|z_i) p(z_i) / q(z_i|x)", "the weight of a sample z_i ~ q(z|x)"),
            ]
        else:
            losses = [
                self._loss_equation(),
                ("distortion = E_q[-log p(x|z)]", "reconstruction loss, at one z ~ q(z|x)"),
                ("rate = KL(q(z|x) || p(z))", "divergence of the posterior from the prior, exact"),
            ]
        return self.with_classes([*losses, *parts])

    def _loss_equation(self) -> tuple[str, str]:
        """Return the loss that the fields choose, and what it is."""
        beta = f"beta = {self.beta:g}"
        grown = f"; it grows from 0 in the first {self.warmup:.0%}" if self.warmup else ""
        if self.capacity:
            target = f"with {beta} and the target C = {self.capacity:g} nats of rate{grown}"
            return "loss = distortion + beta |rate - C|", target
        if self.beta_weighs == "total_correlation":
            weighed = f"with {beta} on TC, the total correlation of the latents"
            return "loss = distortion + rate + (beta - 1) TC", weighed
        if self.beta == 1 and not self.warmup:
            return "loss = distortion + rate", "the negative ELBO, in nats per image"
        return "loss = distortion + beta * rate", f"with {beta}, in nats per image{grown}"

    def distortion(
        self, params: Params, x: Float[Array, "n h w c"], z: Float[Array, "n d"]
    ) -> Float[Array, " n"]:
        """Compute -log p(x|z), (4), in nats, for a z of each x, which may be joined with y."""
        x, y = self.split_images(x)
        return -self.image_distribution(params, jnp.concatenate([z, y], axis=1)).log_prob(x)

    def rate(self, q: Normal) -> Float[Array, " n"]:
        """Compute KL(q(z|x) || p(z)), in nats."""
        return jnp.sum(kl_to_standard_normal(q), axis=1)

    def latent_rate(
        self,
        params: Params,
        images: Float[Array, "n h w c"],
        key: PRNGKeyArray,
        labels: Labels = None,
    ) -> Float[Array, "n d"]:
        """Compute the rate of each latent, in nats; `key` draws what is observed of the images."""
        joined = self.join_images(images, labels)
        return kl_to_standard_normal(self.posterior(params, self.observe(joined, key)))

    def distortion_and_rate(
        self,
        params: Params,
        x: Float[Array, "n h w c"],
        key: PRNGKeyArray,
        labels: Labels = None,
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """Compute the parts of (5), in nats: the distortion at one draw of z, the rate exactly."""
        x = self.join_images(x, labels)
        q = self.posterior(params, x)  # (2)
        return self.distortion(params, x, q.sample(key)), self.rate(q)  # (3), (4)

    def observe(
        self, images: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "n h w c"]:
        """Draw the x on which the likelihood is defined, (0), from images in [0, 1]."""
        x, y = self.split_images(images)
        return join_image(LIKELIHOODS[self.likelihood].draw_observed(self, x, key), y)

    def posterior(
        self, params: Params, x: Float[Array, "n h w c"], labels: Labels = None
    ) -> Normal:
        """Return q(z|x) over latents [N, latent_dim], (2)."""
        features = self.apply(params, "encoder", self.join_images(x, labels))
        return Normal.from_log_scale(*jnp.split(features, 2, axis=1))

    def encode(
        self, params: Params, images: Float[Array, "n h w c"], labels: Labels = None
    ) -> Float[Array, "n d"]:
        """Encode images in [0, 1] as the mean of (2)."""
        return self.posterior(params, self.join_images(images, labels)).loc

    def log_weights(
        self,
        params: Params,
        x: Float[Array, "n h w c"],
        key: PRNGKeyArray,
        num: int,
        labels: Labels = None,
    ) -> Float[Array, "num n"]:
        """Compute log w, (6), in nats, for `num` draws of z for every x."""
        x = self.join_images(x, labels)
        q = self.posterior(params, x)
        q = jax.tree.map(lambda part: jnp.tile(part, (num, 1)), q)  # x is the faster axis
        epsilon = jax.random.normal(key, q.loc.shape, q.loc.dtype)
        z = q.at(epsilon)
        distortion = self.distortion(params, jnp.tile(x, (num, 1, 1, 1)), z)
        log_q = sum_event(q.log_density_at(epsilon))  # exact, however narrow q is
        log_prior = standard_normal_like(q).log_prob(z)
        return (log_prior - distortion - log_q).reshape(num, x.shape[0])
