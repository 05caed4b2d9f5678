"""The cases of the benchmark: what is trained, on what, and what a program of it must do."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from genjax.models import DCGAN, GAN, VAE, VAEGAN
from genjax.training.configuration import Optimizer

NUM_SAMPLES = 1000  # drawn at once


@dataclass(frozen=True)
class Case:
    """A model, its optimizer, its data set and the batch size."""

    model: Any
    optimizer: Optimizer
    dataset: str = "mnist"
    batch: int = 128

    @property
    def kind(self) -> Literal["vae", "vae_gan", "gan"]:
        """Which of the usual programs trains the model."""
        if isinstance(self.model, VAEGAN):
            return "vae_gan"
        return "vae" if isinstance(self.model, VAE) else "gan"


class Program(NamedTuple):
    """A program that trains and samples.

    `train` runs one epoch and returns the mean loss (for GANs, that of the discriminator). `sample`
    draws NUM_SAMPLES images and returns when they are computed.
    """

    train: Callable[[], float]
    sample: Callable[[], None]


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
    return {
        "mlp-vae 784-400-20": Case(mlp, adam),
        "the same, grey": Case(replace(mlp, binarize=False), adam),
        "conv-vae 32-64-256-20": Case(conv, adam),
        "gan 64-256-512-1024-784": Case(GAN(shape), slow),
        "dcgan 64-128-256": Case(DCGAN((32, 32, 3)), slow, "cifar10", 64),
        "vae-gan 32-64-64-256-64": Case(larsen, slow, "cifar10", 64),
    }


CASES = _make_cases()
