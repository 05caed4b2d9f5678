"""The autoencoders and the VAEs.

The figures to expect were measured on all test images with seed 0, on 2 CPU cores; they move by a
few tenths of a nat with the seed.
"""

from genjax.models import VAE, Autoencoder
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

_FAST = Optimizer(learning_rate=4e-3, schedule="cosine", warmup_steps=500)

register_recipe(
    "vae-mnist",
    Recipe(
        expected="-ELBO 90.8, IWAE-500 86.5 nats on binary MNIST; 5.5 minutes",
        dataset="mnist",
        model=VAE(),
        training=Training(epochs=24, optimizer=_FAST),
    ),
)
register_recipe(
    "vae-mnist-long",
    Recipe(
        expected="-ELBO 88.2, IWAE-500 84.0 nats on binary MNIST; 30 minutes",
        dataset="mnist",
        model=VAE(latent_dim=40, channels=(32, 64), hidden=(512,)),
        training=Training(epochs=60, optimizer=_FAST, ema_decay=0.999),
    ),
)
register_recipe(
    "vae-mnist-2d",
    Recipe(
        expected="-ELBO 141.9, IWAE-100 139.4 nats on binary MNIST; 2.7 minutes",
        dataset="mnist",
        model=VAE(latent_dim=2),
        training=Training(epochs=16, optimizer=_FAST),
        num_samples=100,
    ),
)
register_recipe(
    "ae-mnist",
    Recipe(
        expected="squared error 0.0039 a pixel, samples from N(0, I) poor; 1.2 minutes",
        dataset="mnist",
        model=Autoencoder(),
        training=Training(epochs=8, optimizer=_FAST),
    ),
)
register_recipe(
    "vae-fashion",
    Recipe(
        expected="-ELBO -420 nats (a density), squared error 0.0076 a pixel; 3.1 minutes",
        dataset="fashion_mnist",
        model=VAE(likelihood="gaussian", scale=0.2),
        training=Training(epochs=20, optimizer=_FAST),
        num_samples=100,
    ),
)
register_recipe(
    "vae-cifar10",
    Recipe(
        expected="-ELBO -1684 nats (a density), squared error 0.0083 a pixel; 5.3 minutes",
        dataset="cifar10",
        model=VAE(latent_dim=64, channels=(32, 64, 64), likelihood="gaussian", scale=0.2),
        training=Training(
            epochs=12, optimizer=Optimizer(learning_rate=2e-3, schedule="cosine", warmup_steps=500)
        ),
        num_samples=20,
    ),
)
