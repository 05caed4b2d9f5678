"""The adversarial game, whatever the networks (Goodfellow et al. 2014, arXiv:1406.2661).

(1) p(z)   = N(0, I)                            the noise, section 3
(2) x~     = G(z)                               the generator: images in [-1, 1], as are the real x
(3) r, f   = S(x), S(x~)                        the discriminator's scores; D = sigmoid(S)
(4) L_D    = E[loss_D(r, f)] + penalties        over the discriminator's weights alone
(5) L_G    = E[loss_G(r, f)]                    over the generator's weights alone
(6) k updates of the discriminator to one of the generator     algorithm 1, but that the last of
    the k is at once with the generator's, on the same noise: both share their forward passes

(7) y      = argmax(z_1, ..., z_K)             of K = num_classes, if there are any: each as often
    as any other. G sees y, one-hot, beside z (Mirza & Osindero 2014, arXiv:1411.1784, section 3.2);
    of a real image y is its label, and G is trained with those of the batch
(8) S(x, y) = s_0(x) + s_y(x)                  where s are the outputs of the last layer: the
    projection of Miyato & Koyama 2018, arXiv:1802.05637, section 3

loss_D, loss_G and the penalties are those of `genjax.losses`: the minimax game of equation 1, the
non-saturating one of section 3, and what came later.

Where G has batch normalisation, the averages that it samples with are computed anew under the
weights that it samples with (`settled`): those gathered in training belong to weights long gone.
(Brock et al. 2019, arXiv:1809.11096, call them standing statistics.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from genjax import losses
from genjax.errors import UserError, check_labels
from genjax.model import (
    Batch,
    LatentModel,
    Model,
    Networks,
    Params,
    Terms,
    TrainingWarning,
    Weights,
)
from genjax.nn.networks import flatten
from genjax.nn.normalization import GeneratorNorm, Normalization

_STANDING_BATCHES, _STANDING_BATCH = 16, 128  # latents to compute standing statistics from
_WATCHED = 256  # samples whose diversity is watched


class Game(NamedTuple):
    """The losses of both sides, (4) and (5), and terms worth watching."""

    discriminator: jax.Array
    generator: jax.Array
    terms: Terms


@dataclass(frozen=True)
class WithDiscriminator(Model):
    """A model with a network that tells its samples from real images, the discriminator.

    A subclass gives `discriminator`, a module whose call takes `train`, and puts it among its
    `networks`. The losses are those of `genjax.losses`.

    Attributes:
        loss: of both sides.
        gradient_penalty: weight of WGAN-GP's penalty.
        r1: gamma of the penalty on the gradient at real images.
        r2: gamma of that at generated ones.
        discriminator_norm: normalisation between the discriminator's layers.
    """

    loss: losses.Name = "non_saturating"
    gradient_penalty: float = 0.0
    r1: float = 0.0
    r2: float = 0.0
    discriminator_norm: Normalization = "none"

    def check(self) -> None:
        super().check()
        for name in ("gradient_penalty", "r1", "r2"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}, but must be at least 0.")
        if (self.gradient_penalty or self.r1 or self.r2) and self.discriminator_norm == "batch":
            raise UserError(
                "gradient_penalty, r1 and r2 need a discriminator that scores every image by"
                " itself: set discriminator_norm to none or spectral."
            )
        bounded = self.gradient_penalty or self.discriminator_norm == "spectral"
        if self.loss == "wasserstein" and not bounded:
            raise UserError(
                "the Wasserstein loss has no bound unless the critic's slope has one: set"
                " gradient_penalty to 10 with discriminator_norm none, or discriminator_norm to"
                " spectral."
            )

    def discriminator(self) -> nn.Module:
        """S: images [N, H, W, C] in [-1, 1] -> scores [N, 1], or s of (8), [N, 1 + K]."""
        raise NotImplementedError

    def score(
        self, params: Params, images: jax.Array, labels: jax.Array | None = None
    ) -> jax.Array:
        """(3), (8): images [N, H, W, C] in [0, 1] of the classes `labels`, int [N] -> [N]."""
        return score_of(self.apply(params, "discriminator", 2 * images - 1), labels)

    def game(
        self,
        params: Params,
        x: jax.Array,
        fake: jax.Array,
        r: jax.Array,
        f: jax.Array,
        u: jax.Array,
        y: jax.Array | None = None,
    ) -> Game:
        """(4), (5) and the terms worth watching, of the images [B, H, W, C] in [-1, 1] x and fake
        and their scores r and f [B]; u [B] are the shares of the penalty between them, and y [B]
        the classes of both."""
        loss = losses.ADVERSARIAL[self.loss]
        adversarial = jnp.mean(loss.discriminator(r, f))
        penalty = jnp.mean(self.penalty(params, x, fake, u, y))
        even = jnp.float32(loss.indifferent)
        output = jax.nn.sigmoid if self.loss in ("minimax", "non_saturating") else lambda s: s
        terms = {"D(x)": jnp.mean(output(r)), "D(G(z))": jnp.mean(output(f))}
        if self.loss != "wasserstein":
            terms["D_loss_share"] = adversarial / loss.discriminator(even, even)
        if self.gradient_penalty or self.r1 or self.r2:
            terms["penalty"] = penalty
        return Game(adversarial + penalty, jnp.mean(loss.generator(r, f)), terms)

    def penalty(
        self,
        params: Params,
        x: jax.Array,
        fake: jax.Array,
        u: jax.Array,
        y: jax.Array | None = None,
    ) -> jax.Array:
        """The penalties of (4), real and generated images [B, H, W, C] in [-1, 1] -> [B]."""

        def score(images: jax.Array) -> jax.Array:
            return score_of(self.apply_training(params, "discriminator", images)[0], y)

        total = jnp.zeros(x.shape[0])
        if self.gradient_penalty:
            total += losses.one_centred_penalty(score, x, fake, self.gradient_penalty, u)
        if self.r1:
            total += losses.zero_centred_penalty(score, x, self.r1)
        if self.r2:
            total += losses.zero_centred_penalty(score, fake, self.r2)
        return total

    def diagnose(self, params: Params, images: jax.Array, key: jax.Array) -> Terms:
        """`diversity` of samples of the same noise in every epoch, 1 being that of the data.

        The mean distance of a sample to the nearest other one, against the same among as many real
        images. Where the samples crowd in a few modes, each has a near neighbour.
        """
        num = min(_WATCHED, images.shape[0])
        if num < 2:
            return {}
        of_data = _nearest(images[:num] / 255.0)
        return {"diversity": _nearest(self.sample(params, key, num)) / jnp.maximum(of_data, 1e-6)}

    def warnings(self, terms: Mapping[str, float]) -> list[TrainingWarning]:
        found = []
        if terms.get("D_loss_share", 1.0) < 0.05:
            advice = (
                "the discriminator tells nearly all samples from real images"
                f" (D(x) = {terms['D(x)']:.3g}, D(G(z)) = {terms['D(G(z))']:.3g}), and the"
                " generator may learn no more. R1 (model.r1 with model.discriminator_norm none), or"
                " a smaller learning rate of the discriminator"
                " (learning_rate_factors discriminator 0.5), may help."
            )
            found.append(TrainingWarning("discriminator wins", advice))
        if terms.get("diversity", 1.0) < 0.3:
            advice = (
                f"the samples are alike: their diversity is {terms['diversity']:.2g} of that of the"
                " data. The loss relativistic with model.r1 and model.r2, or spectral"
                " normalisation (model.discriminator_norm spectral), may help."
            )
            found.append(TrainingWarning("samples collapse", advice, is_collapse=True))
        return found


@dataclass(frozen=True)
class AdversarialModel(WithDiscriminator, LatentModel):
    """See the module's docstring for the equations, `WithDiscriminator` for the fields of the discriminator.

    A subclass gives `generator` and `discriminator`, modules whose call takes `train`.

    Attributes:
        latent_dim: numbers in z.
        discriminator_steps: k of (6).
        generator_norm: normalisation between the generator's layers.
        num_classes: K of (7); 0 for a model that knows of none.
    """

    latent_dim: int = 64
    discriminator_steps: int = 1
    generator_norm: GeneratorNorm = "batch"
    num_classes: int = field(default=0, metadata={"least": 0})

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "discriminator": ("discriminator",),
        "generator": ("generator",),
    }

    def check(self) -> None:
        super().check()
        if self.num_classes > self.latent_dim:
            raise UserError(
                f"latent_dim is {self.latent_dim}, but must be at least num_classes,"
                f" {self.num_classes}: each class has a latent."
            )

    def check_labels(self, labels: jax.Array) -> None:
        if not self.num_classes:
            return
        check_labels(labels, self.num_classes)
        if missing := sorted({*range(self.num_classes)} - {*np.unique(labels).tolist()}):
            raise UserError(
                f"num_classes is {self.num_classes}, but there are no images of the classes"
                f" {', '.join(map(str, missing))}. Set it to as many as there are, or to 0 for a"
                " model that knows of none."
            )

    @property
    def ema_networks(self) -> tuple[str, ...]:
        return ("generator",)

    @property
    def update_schedule(self) -> tuple[tuple[tuple[str, ...], int], ...]:  # (6)
        alone = ((("discriminator",), self.discriminator_steps - 1),)
        return (*(alone if self.discriminator_steps > 1 else ()), (tuple(self.players), 1))

    def generator(self, momentum: float = 0.9) -> nn.Module:
        """G: z [N, latent_dim] and y of (7), one-hot [N, num_classes], side by side -> images
        [N, H, W, C] in [-1, 1]. `momentum` is that of the averages of its batch normalisation."""
        raise NotImplementedError

    def networks(self) -> Networks:
        return {
            "generator": (self.generator(), (self.latent_dim + self.num_classes,)),
            "discriminator": (self.discriminator(), self.image_shape),
        }

    def draw_noise(self, batch: Batch, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(1): z [B, latent_dim]; and u of the penalty between images, [B]."""
        key_z, key_u = jax.random.split(key)
        num = batch.images.shape[0]
        z = jax.random.normal(key_z, (num, self.latent_dim))  # (1)
        if self.num_classes:
            z = self.condition_latents(z, batch.labels)
        return z, jax.random.uniform(key_u, (num,))

    def losses(
        self, params: Params, batch: Batch, noise: tuple[jax.Array, jax.Array]
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        z, u = noise
        x = 2 * batch.images - 1
        y = batch.labels if self.num_classes else None
        fake, generator_stats = self.apply_training(params, "generator", self.with_class(z))  # (2)
        r, discriminator_stats = self.apply_training(params, "discriminator", x)  # (3)
        f, _ = self.apply_training(params, "discriminator", fake)
        game = self.game(params, x, fake, score_of(r, y), score_of(f, y), u, y)  # (4), (5)
        stats = {"generator": generator_stats, "discriminator": discriminator_stats}
        return (
            {"discriminator": game.discriminator, "generator": game.generator},
            (game.terms, {name: stats[name] for name in params.stats}),
        )

    def condition_latents(self, z: jax.Array, y: jax.Array) -> jax.Array:
        """Latents [N, latent_dim] of the classes y, int [N]: the largest of z_1, ..., z_K changes
        places with z_y. Of z ~ N(0, I) they have the distribution that z has where its class is y.
        """
        rows, now = jnp.arange(len(z)), self.class_of(z)
        return z.at[rows, now].set(z[rows, y]).at[rows, y].set(z[rows, now])

    def class_of(self, z: jax.Array) -> jax.Array:
        """(7): z [N, latent_dim] -> y, int [N]."""
        return jnp.argmax(z[:, : self.num_classes], axis=1)

    def with_class(self, z: jax.Array) -> jax.Array:
        """(7): z [N, latent_dim], beside it y: what G sees."""
        if not self.num_classes:
            return z
        return jnp.concatenate([z, jax.nn.one_hot(self.class_of(z), self.num_classes)], axis=1)

    def decode(self, params: Params, z: jax.Array) -> jax.Array:
        """(2): z [N, latent_dim] -> images [N, H, W, C] in [0, 1]."""
        return jnp.clip((self.apply(params, "generator", self.with_class(z)) + 1) / 2, 0.0, 1.0)

    def recompute_stats(self, params: Params, key: jax.Array) -> Params:
        """`params` with standing statistics: the means of those of many batches of G(z)."""
        return _recompute_stats(params, key) if "generator" in params.stats else params


@jax.jit
def _recompute_stats(params: Params, key: jax.Array) -> Params:
    model = params.model
    assert isinstance(model, AdversarialModel)
    generator = model.generator(momentum=0.0)

    def statistics(key: jax.Array) -> Weights:
        z = model.with_class(model.sample_latents(params, key, _STANDING_BATCH))
        options = {"train": True, "mutable": ["batch_stats"]}
        return model.forward(generator, params, "generator", z, **options)[1]

    every = jax.lax.map(statistics, jax.random.split(key, _STANDING_BATCHES))
    mean = jax.tree.map(partial(jnp.mean, axis=0), every)
    return params.replace(stats=params.stats | {"generator": mean})


def score_of(outputs: jax.Array, y: jax.Array | None) -> jax.Array:
    """(8): a discriminator's outputs [N, 1 + K] -> the scores [N] of images of the classes y, int
    [N]; without y, each of the class that it fits best."""
    common, condition_latents = outputs[:, 0], outputs[:, 1:]
    if not condition_latents.shape[1]:
        return common
    if y is None:
        return common + jnp.max(condition_latents, axis=1)
    return common + jnp.take_along_axis(condition_latents, y[:, None], axis=1)[:, 0]


def _nearest(images: jax.Array) -> jax.Array:
    """The mean distance of the images [N, H, W, C] to their nearest other one."""
    flat = flatten(images)
    squares = jnp.sum(flat**2, axis=1)
    distances = squares[:, None] + squares - 2 * flat @ flat.T
    alone = jnp.diag(jnp.full(len(flat), jnp.inf))
    return jnp.mean(jnp.sqrt(jnp.maximum(0.0, jnp.min(distances + alone, axis=1))))
