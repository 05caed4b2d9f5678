"""The VAE-GANs, each with the encoder and decoder of the VAE on the same data.

The weight of the rate (`beta`) is small because the discriminator's features are small numbers:
their squared error is worth few nats.
"""

from genjax.models import VAEGAN
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

_HEADLINE = ("reconstruction_sharpness", "sharpness", "frechet_classifier")
_TRAINING = Training(
    epochs=10,
    batch_size=64,
    optimizer=Optimizer(learning_rate=1e-3, b1=0.5, schedule="cosine"),
    ema_decay=0.999,
)

register_recipe(
    "vae-gan-mnist",
    Recipe(
        dataset="mnist",
        model=VAEGAN(beta=0.05, r1=0.1, discriminator_width=16),
        training=_TRAINING,
        num_samples=100,
        num_generated=10_000,
        description="VAE-GAN, 32 latents, on MNIST",
        headline=_HEADLINE,
    ),
)
register_recipe(
    "vae-gan-fashion",
    Recipe(
        dataset="fashion_mnist",
        model=VAEGAN(beta=0.05, r1=0.1, discriminator_width=16, likelihood="gaussian", scale=0.2),
        training=_TRAINING,
        num_samples=100,
        num_generated=10_000,
        description="VAE-GAN, 32 latents, on Fashion-MNIST",
        headline=_HEADLINE,
    ),
)
register_recipe(
    "vae-gan-cifar10",
    Recipe(
        dataset="cifar10",
        model=VAEGAN(
            latent_dim=64,
            channels=(32, 64, 64),
            beta=0.05,
            r1=0.1,
            discriminator_width=32,
            likelihood="gaussian",
            scale=0.2,
        ),
        training=_TRAINING,
        num_samples=20,
        num_generated=10_000,
        description="VAE-GAN, 64 latents, on CIFAR-10",
        headline=_HEADLINE,
    ),
)
