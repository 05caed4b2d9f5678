"""The cases of the benchmark: what is trained, on what, and what a program of it must do."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from genjax.models import DCGAN, GAN, VAE, VAEGAN
from genjax.training.configuration import Optimizer

NUM_SAMPLES = 1000  # drawn at once


@dataclass(frozen=True)
class Case:
    """A model, its optimizer, its data set and the batch size.

    Attributes:
        title: what the tables call the model, with the sizes of its layers.
        tolerance: how much the loss of another program may differ from genjax's: as a share of it,
            or, in a game, of 2 log 2, the loss of a discriminator that tells nothing. At first a
            game's loss falls fast, sooner or later as the random numbers are.
        steps: of an epoch on a CPU, by default: as many as take seconds on two cores.
    """

    model: Any
    optimizer: Optimizer
    dataset: str = "mnist"
    batch: int = 128
    title: str = ""
    tolerance: float = 0.05
    steps: int = 12

    @property
    def kind(self) -> Literal["vae", "vae_gan", "gan"]:
        """Which of the usual programs trains the model."""
        if isinstance(self.model, VAEGAN):
            return "vae_gan"
        return "vae" if isinstance(self.model, VAE) else "gan"

    def allow_difference(self, loss: float) -> float:
        """Return how far from this loss of genjax's another program's may be."""
        return self.tolerance * (abs(loss) if self.kind == "vae" else 2 * math.log(2))


class Program(NamedTuple):
    """A program that trains and samples.

    `train` runs one epoch and returns the mean loss (for GANs, that of the discriminator). `sample`
    draws NUM_SAMPLES images and returns when they are computed. `count_peak_bytes` says how much
    memory the program took at most, where jax does not know.
    """

    train: Callable[[], float]
    sample: Callable[[], None]
    count_peak_bytes: Callable[[], float] | None = None


def _make_cases() -> dict[str, Case]:
    shape, adam = (28, 28, 1), Optimizer()
    slow = Optimizer(learning_rate=2e-4, b1=0.5)
    mlp = VAE(shape, 20, "mlp", hidden=(400,), activation="relu")
    conv = VAE(shape, 20, "conv", (32, 64), (256,), activation="relu")
    larsen = VAEGAN(
        image_shape=(32, 32, 3),
        latent_dim=64,
        channels=(32, 64, 64),
        activation="relu",
        likelihood="gaussian",
        beta=0.05,
    )
    game = 0.25
    return {
        "mlp-vae": Case(mlp, adam, title="MLP VAE 784-400-20", steps=100),
        "mlp-vae-grey": Case(
            replace(mlp, binarize=False), adam, title="the same on grey images", steps=100
        ),
        "conv-vae": Case(conv, adam, title="convolutional VAE 32-64-256-20", steps=25),
        # the other programs update the discriminator first, genjax both players at once: without
        # batch normalisation in the discriminator that is another game in its first steps
        "gan": Case(
            GAN(shape), slow, title="GAN 64-256-512-1024-784", tolerance=2 * game, steps=40
        ),
        "dcgan": Case(DCGAN((32, 32, 3)), slow, "cifar10", 64, "DCGAN 64-128-256, 32×32×3", game),
        "vae-gan": Case(larsen, slow, "cifar10", 64, "VAE-GAN 32-64-64-256-64, 32×32×3", game),
    }


CASES = _make_cases()
