"""Debiasing VAE (Amini et al. 2019, "Uncovering and mitigating algorithmic bias through learned
latent structure", AIES).

(1) encoder: x -> mu, log sigma of q(z|x), and the logits l of the classes
(2) p(y|x) = softmax(l)_y;   of two classes the encoder gives one logit, l = (0, l_1)
(3) loss   = class_weight (-log p(y|x)) + 1[y debiased] (distortion + beta rate)
                                          the VAE's (5)              paper: equations 1 to 3
(4) Every epoch draws the images of a class by the density of their latents, the rare ones more
    often: `genjax.models.resampling`                                paper: algorithm 1

The VAE learns what the images of a class look like, and thereby which of them are rare. The
classifier then sees the rare ones more often. In the paper there are two classes, and only one of
them, the faces, is debiased: `debiased_classes=(1,)`. Here any of the classes may be, by default
all, each by its own histograms. (4) reads no label but the class.

In the first `resampling_warmup` of the training every epoch visits each image once, since the
encoder has to learn first. With `resampling` "none" all epochs do: the same network without
debiasing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, Int32, PRNGKeyArray, UInt8

from genjax.distributions import Normal
from genjax.errors import UserError, check_labels
from genjax.model import Batch, Params, Terms, TrainingWarning, Weights, register
from genjax.models import resampling
from genjax.models.conditional_autoencoder import Labels
from genjax.models.vae import VAE
from genjax.nn.chunks import in_chunks
from genjax.nn.permutation import permute

_SMALLEST_EFFECTIVE = 0.02  # share of the images


@register("debiasing_vae")
@dataclass(frozen=True)
class DebiasingVAE(VAE):
    """Train a classifier beside a VAE whose latents say which images are rare, and show these more.

    The loss is, in nats per image and with y the class,

        loss = class_weight (-log p(y|x)) + 1[y debiased] (distortion + beta * rate)

    and an image is drawn in an epoch with the probability of equation (3) of
    `genjax.models.resampling`.

    >>> model = DebiasingVAE.smallest().for_images((8, 8, 1))
    >>> params = model.init(jax.random.key(0))
    >>> model.classify(params, jnp.zeros((5, 8, 8, 1))).shape
    (5, 10)

    Attributes:
        num_classes: number of classes; labels are 0 to num_classes - 1.
        class_weight: weight of the classification loss against the VAE's terms.
        debiased_classes: classes that the VAE models and whose images are resampled; () for all.
        resampling: what an image's sampling weight grows with: the rarity of its latents within the
            class, the largest (max) or their product; how much they look like those of another
            class (conflict); or none for no resampling.
        alpha: smoothing of the weights; smaller values favour rare images more.
        bins: number of bins of each latent's histogram.
        resampling_warmup: share of the training before the first resampling.
    """

    num_classes: int = field(default=10, metadata={"least": 2})
    class_weight: float = 100.0
    debiased_classes: tuple[int, ...] = field(default=(), metadata={"least": 0})
    resampling: Literal["max", "product", "conflict", "none"] = "max"
    alpha: float = 0.01
    bins: int = 10
    resampling_warmup: float = 0.2

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"debiasing_vae": ("encoder", "decoder")}
    given_classes: ClassVar[int] = 0  # type: ignore[misc]  # the classes are what it tells
    condition_latents: ClassVar[None] = None  # type: ignore[assignment]

    @classmethod
    def smallest(cls) -> Self:
        return replace(super().smallest(), bins=2)

    def check(self) -> None:
        super().check()
        resampling.check_histogram(self.alpha, self.bins)
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
                "a debiasing VAE's loss is a sum over single images: leave importance_samples at 1,"
                " and beta_weighs at rate where only some classes are debiased."
            )

    def check_labels(self, labels: jax.Array) -> None:
        check_labels(labels, self.num_classes)
        found, counts = np.unique(np.asarray(labels), return_counts=True)
        if len(found) < 2:
            raise UserError(
                f"all images are of one class, {found[0]}: a debiasing VAE needs labels of at least"
                " two classes."
            )
        if missing := sorted({*self.debiased_classes} - {*found.tolist()}):
            raise UserError(f"debiased_classes hold {missing}, of which there are no images.")
        if self.resampling in ("max", "product"):
            debiased = np.isin(found, self.debiased_classes or found)
            resampling.check_counts(np.repeat(found[debiased], counts[debiased]), self.bins)

    @property
    def encoder_features(self) -> int:
        return super().encoder_features + (1 if self.num_classes == 2 else self.num_classes)

    def equations(self) -> list[tuple[str, str]]:
        which = self.debiased_classes or "all"
        loss = ("loss = -w log p(y|x) + 1_y L", "in nats per image, averaged over a batch")
        (formula, what), *terms = super().equations()
        return [
            loss,
            (formula.replace("loss", "L"), f"of the VAE: {what}"),
            ("p(y|x)", f"the encoder also classifies; w = {self.class_weight:g}"),
            ("1_y", f"1 for an image of a debiased class ({which}), else 0"),
            *terms,
        ]

    def posterior_and_logits(
        self, params: Params, x: Float[Array, "n h w c"]
    ) -> tuple[Normal, Float[Array, "n k"]]:
        """Return q(z|x) over latents [N, latent_dim], and the logits l of the classes, (1)."""
        features = self.apply(params, "encoder", x)
        loc, log_scale, logits = jnp.split(features, [self.latent_dim, 2 * self.latent_dim], axis=1)
        if self.num_classes == 2:
            logits = jnp.pad(logits, [(0, 0), (1, 0)])  # (2)
        return Normal.from_log_scale(loc, log_scale), logits

    def posterior(
        self, params: Params, x: Float[Array, "n h w c"], labels: Labels = None
    ) -> Normal:
        return self.posterior_and_logits(params, self.join_images(x, labels))[0]

    def classify(self, params: Params, images: Float[Array, "n h w c"]) -> Float[Array, "n k"]:
        """Return the probabilities of the classes for images in [0, 1], (2)."""
        return jax.nn.softmax(self.posterior_and_logits(params, images)[1])

    def is_debiased(self, labels: Int[Array, " n"]) -> Bool[Array, " n"]:
        """Tell which labels are those of debiased classes, (3)."""
        if not self.debiased_classes:
            return jnp.ones(labels.shape, bool)
        return jnp.isin(labels, jnp.asarray(self.debiased_classes))

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        key_x, key_z, key_networks = jax.random.split(noise, 3)
        training = params.in_training(key_networks)
        x = self.observe(batch.images, key_x)
        q, logits = self.posterior_and_logits(training, x)  # (1)
        z = q.sample(key_z)
        counted = self.is_debiased(batch.labels)
        distortion = jnp.mean(counted * self.distortion(training, x, z))
        rate, terms = self.weighted_rate(q, z, batch.progress, counted)
        cross_entropy = jnp.mean(
            optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)  # (2)
        )
        terms |= {
            "distortion": distortion,
            "cross_entropy": cross_entropy,
            "accuracy": jnp.mean(jnp.argmax(logits, axis=1) == batch.labels),
        }
        loss = self.class_weight * cross_entropy + distortion + rate  # (3)
        return {"debiasing_vae": loss}, (terms, training.stats)

    def probabilities(
        self,
        params: Params,
        images: UInt8[Array, "n h w c"],
        labels: Int[Array, " n"],
        progress: Float[Array, ""] | float,
    ) -> Float[Array, " n"]:
        """Return the probability with which an epoch draws each of the images, (4)."""
        uniform = jnp.full(len(images), 1 / len(images), jnp.float32)
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
        images: UInt8[Array, "n h w c"],
        labels: Int[Array, " n"],
        key: PRNGKeyArray,
        progress: Float[Array, ""] | float,
    ) -> tuple[Int32[Array, " n"], Terms]:
        if self.resampling == "none":
            return super().choose_order(params, images, labels, key, progress)
        key_draw, key_permute = jax.random.split(key)
        p = self.probabilities(params, images, labels, progress)
        drawn = resampling.systematic_order(p, labels, key_draw)
        order = drawn[permute(key_permute, len(drawn))]
        return order, resampling.summarise_probabilities(p)

    def warnings(self, terms: Mapping[str, float]) -> list[TrainingWarning]:
        effective = terms.get("resampling_effective", 1.0)
        if effective >= _SMALLEST_EFFECTIVE:
            return []
        advice = (
            f"resampling draws few images again and again (the effective sample size is"
            f" {effective:.1%} of the data): a larger alpha, fewer latents, or resampling max may"
            " help."
        )
        return [TrainingWarning("few images", advice)]
