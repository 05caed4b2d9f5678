"""The autoencoders and the VAEs.

Their results move by a few tenths of a nat with the seed.
"""

from genjax.models import VAE, VQVAE, Autoencoder
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

_OPTIMIZER = Optimizer(learning_rate=4e-3, schedule="cosine", warmup_steps=500)
_ERROR_FIRST = ("reconstruction_error", "negative_elbo")

register_recipe(
    "vae-mnist",
    Recipe(
        dataset="mnist",
        model=VAE(),
        training=Training(epochs=24, optimizer=_OPTIMIZER),
        description="VAE, 32 latents, convolutions 16-32, on binary MNIST",
    ),
)
register_recipe(
    "vae-mnist-long",
    Recipe(
        dataset="mnist",
        model=VAE(latent_dim=40, channels=(32, 64), hidden=(512,)),
        training=Training(epochs=60, optimizer=_OPTIMIZER, ema_decay=0.999),
        description="VAE, 40 latents, convolutions 32-64, on binary MNIST: the best likelihood",
    ),
)
register_recipe(
    "vae-mnist-2d",
    Recipe(
        dataset="mnist",
        model=VAE(latent_dim=2),
        training=Training(epochs=16, optimizer=_OPTIMIZER),
        num_samples=100,
        description="VAE, 2 latents, on binary MNIST: draws the latent plane",
    ),
)
register_recipe(
    "ae-mnist",
    Recipe(
        dataset="mnist",
        model=Autoencoder(),
        training=Training(epochs=8, optimizer=_OPTIMIZER),
        description="autoencoder, 32 latents, on MNIST: the baseline, with poor samples",
        headline=("reconstruction_error",),
    ),
)
register_recipe(
    "vae-fashion",
    Recipe(
        dataset="fashion_mnist",
        model=VAE(likelihood="gaussian", scale=0.2),
        training=Training(epochs=20, optimizer=_OPTIMIZER),
        num_samples=100,
        description="VAE, 32 latents, Gaussian likelihood (σ = 0.2), on Fashion-MNIST",
        headline=_ERROR_FIRST,
    ),
)
register_recipe(
    "vae-cifar10",
    Recipe(
        dataset="cifar10",
        model=VAE(latent_dim=64, channels=(32, 64, 64), likelihood="optimal_gaussian"),
        training=Training(
            epochs=12, optimizer=Optimizer(learning_rate=2e-3, schedule="cosine", warmup_steps=500)
        ),
        num_samples=20,
        description="VAE, 64 latents, Gaussian likelihood with the optimal σ, on CIFAR-10",
        headline=_ERROR_FIRST,
    ),
)
register_recipe(
    "vq-vae-mnist",
    Recipe(
        dataset="mnist",
        model=VQVAE(),
        training=Training(
            epochs=20,
            optimizer=Optimizer(learning_rate=2e-3, schedule="cosine", warmup_steps=500),
            ema_decay=0.999,
        ),
        num_samples=1,  # its bound has nothing to draw
        description="VQ-VAE, 7x7 codes of 128, a PixelCNN as prior, on binary MNIST",
    ),
)
