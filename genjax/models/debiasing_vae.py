"""Debiasing VAE (Amini et al. 2019, "Uncovering and mitigating algorithmic bias through learned
latent structure", AIES).

(1) encoder: x -> mu, log sigma of q(z|x), and the logits l of the classes
(2) p(y|x) = softmax(l)_y;   of two classes the encoder gives one logit, l = (0, l_1)
(3) loss   = class_weight (-log p(y|x)) + 1[y debiased] (distortion + beta rate)
                                          the VAE's (5)              paper: equations 1 to 3
(4) epoch  : the images are drawn by the latents of those of their class, `genjax.models.resampling`
                                                                     paper: algorithm 1

The VAE learns what the images of a class look like, in order to see which of them are rare; the
classifier then sees these more often. In the paper there are two classes, and only the images of
one, the faces, are debiased: `debiased_classes=(1,)`. Here it may be any of the classes, by default
all, each by its own histograms. (4) reads no other label than the class.

The first `resampling_warmup` of the training visits the data uniformly, as the encoder has to learn
first; with `resampling` "none" all of it does: the same network without debiasing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from genjax.distributions import Normal
from genjax.errors import UserError, check_labels
from genjax.model import Batch, Params, Terms, TrainingWarning, Weights, register
from genjax.models import resampling
from genjax.models.vae import VAE
from genjax.nn.chunks import in_chunks

_LEAST_EFFECTIVE = 0.02  # share of the images


@register("debiasing_vae")
@dataclass(frozen=True)
class DebiasingVAE(VAE):
    """See the module's docstring for the equations; `VAE` for the shared fields.

    Attributes:
        num_classes: labels are from 0 to this, exclusive.
        class_weight: nats of the VAE's terms that a nat of the classifier's is worth, (3).
        debiased_classes: which have the VAE's terms, (3), and are resampled, (4); () for all.
        resampling: the form of the weights, (2) of `genjax.models.resampling`, or none.
        alpha: smoothing of the histograms: the smaller, the more the rare is favoured.
        bins: of each histogram.
        resampling_warmup: share of the training before the first resampling.
    """

    num_classes: int = field(default=10, metadata={"least": 2})
    class_weight: float = 100.0
    debiased_classes: tuple[int, ...] = field(default=(), metadata={"least": 0})
    resampling: Literal["max", "product", "none"] = "max"
    alpha: float = 0.01
    bins: int = 10
    resampling_warmup: float = 0.2

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"debiasing_vae": ("encoder", "decoder")}

    def check(self) -> None:
        super().check()
        resampling.check(self.alpha, self.bins)
        if self.class_weight < 0:
            raise UserError(f"class_weight is {self.class_weight}, but must be at least 0.")
        if not 0 <= self.resampling_warmup <= 1:
            raise UserError(
                f"resampling_warmup is {self.resampling_warmup}, but must be from 0 to 1."
            )
        if any(label >= self.num_classes for label in self.debiased_classes):
            raise UserError(
                f"debiased_classes are {self.debiased_classes}, but must be below num_classes,"
                f" {self.num_classes}."
            )
        if self.importance_samples > 1 or (
            self.beta_weighs != "rate" and len(self.debiased_classes)
        ):
            raise UserError(
                "a debiasing VAE's loss counts single images: leave importance_samples at 1, and"
                " beta_weighs at rate where only some classes are debiased."
            )

    def check_labels(self, labels: jax.Array) -> None:
        check_labels(labels, self.num_classes)
        found, counts = np.unique(np.asarray(labels), return_counts=True)
        if len(found) < 2:
            raise UserError(
                f"all images are of one class, {found[0]}: a debiasing VAE learns to tell classes"
                " apart, and needs labels of at least two."
            )
        if missing := sorted({*self.debiased_classes} - {*found.tolist()}):
            raise UserError(f"debiased_classes hold {missing}, of which there are no images.")
        if self.resampling != "none":
            debiased = np.isin(found, self.debiased_classes or found)
            resampling.check_counts(np.repeat(found[debiased], counts[debiased]), self.bins)

    @property
    def encoder_features(self) -> int:
        return super().encoder_features + (1 if self.num_classes == 2 else self.num_classes)

    def posterior_and_logits(self, params: Params, x: jax.Array) -> tuple[Normal, jax.Array]:
        """(1): x [N, H, W, C] -> q(z|x) over z [N, latent_dim], and l [N, num_classes]."""
        features = self.apply(params, "encoder", x)
        loc, log_scale, logits = jnp.split(features, [self.latent_dim, 2 * self.latent_dim], axis=1)
        if self.num_classes == 2:
            logits = jnp.pad(logits, [(0, 0), (1, 0)])  # (2)
        return Normal(loc, jnp.exp(log_scale)), logits

    def posterior(self, params: Params, x: jax.Array) -> Normal:
        return self.posterior_and_logits(params, x)[0]

    def classify(self, params: Params, images: jax.Array) -> jax.Array:
        """(2): images [N, H, W, C] in [0, 1] -> the classes' probabilities [N, num_classes]."""
        return jax.nn.softmax(self.posterior_and_logits(params, images)[1])

    def is_debiased(self, labels: jax.Array) -> jax.Array:
        """1[y debiased] of (3): int [N] -> bool [N]."""
        if not self.debiased_classes:
            return jnp.ones(labels.shape, bool)
        return jnp.isin(labels, jnp.asarray(self.debiased_classes))

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_x, key_z = jax.random.split(noise)
        x = self.observe(batch.images, key_x)
        q, logits = self.posterior_and_logits(params, x)  # (1)
        z = q.sample(key_z)
        counted = self.is_debiased(batch.labels)
        distortion = jnp.mean(counted * self.distortion(params, x, z))
        rate, terms = self.weighted_rate(q, z, batch.progress, counted)
        surprise = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)  # (2)
        cross_entropy = jnp.mean(surprise)
        terms |= {
            "distortion": distortion,
            "cross_entropy": cross_entropy,
            "accuracy": jnp.mean(jnp.argmax(logits, axis=1) == batch.labels),
        }
        loss = self.class_weight * cross_entropy + distortion + rate  # (3)
        return {"debiasing_vae": loss}, (terms, params.stats)

    def probabilities(
        self, params: Params, images: jax.Array, labels: jax.Array, progress: jax.Array | float
    ) -> jax.Array:
        """(4): with which an epoch draws each of the images, uint8 [N, H, W, C]: [N]."""
        uniform = jnp.full(len(images), 1 / len(images))
        if self.resampling == "none":
            return uniform
        z = in_chunks(lambda some: self.encode(params, some / 255.0), images)
        p = resampling.probabilities(
            z,
            labels,
            self.is_debiased(labels),
            num_classes=self.num_classes,
            form=self.resampling,
            alpha=self.alpha,
            bins=self.bins,
        )
        return jnp.where(progress < self.resampling_warmup, uniform, p)

    def choose_order(
        self,
        params: Params,
        images: jax.Array,
        labels: jax.Array,
        key: jax.Array,
        progress: jax.Array | float,
    ) -> tuple[jax.Array, Terms]:
        if self.resampling == "none":
            return super().choose_order(params, images, labels, key, progress)
        key_draw, key_permute = jax.random.split(key)
        p = self.probabilities(params, images, labels, progress)
        drawn = resampling.systematic_order(p, labels, key_draw)
        return jax.random.permutation(key_permute, drawn), resampling.summary(p)

    def warnings(self, terms: Mapping[str, float]) -> list[TrainingWarning]:
        effective = terms.get("resampling_effective", 1.0)
        if effective >= _LEAST_EFFECTIVE:
            return []
        advice = (
            f"resampling draws few images again and again ({effective:.1%} of them count): a larger"
            ' alpha, fewer latents, or resampling "max" may help.'
        )
        return [TrainingWarning("few_images", advice)]
