"""The VAEs whose latents are grids, of one level and of several; and bytes with their bits."""

from genjax.models import VAE, HierarchicalVAE
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

# without decaying weights the networks learn the training images by heart
_OPTIMIZER = Optimizer(
    name="adamw", learning_rate=1.5e-3, schedule="cosine", warmup_steps=500, weight_decay=0.1
)
_COLOURS = Optimizer(learning_rate=1e-3, schedule="cosine", warmup_steps=500)
_BITS = ("bits_per_dim", "negative_elbo")

register_recipe(
    "hierarchical-vae-mnist",
    Recipe(
        dataset="mnist",
        model=HierarchicalVAE(
            levels=(1, 2, 2),
            channels=(32, 48, 96, 128),
            encoder_blocks=(0, 1, 1, 0),
            decoder_blocks=(1, 1, 1, 0),
            pixel_channels=8,
            free_bits=0.5,
            warmup=0.1,
        ),
        training=Training(epochs=40, batch_size=64, optimizer=_OPTIMIZER, ema_decay=0.999),
        num_samples=100,
        description="hierarchical VAE, five levels of latents, on binary MNIST",
    ),
)
register_recipe(
    "spatial-vae-mnist",
    Recipe(
        dataset="mnist",
        model=HierarchicalVAE(
            levels=(1,),
            channels=(32, 64, 96, 128),
            encoder_blocks=(0, 1, 1, 0),
            decoder_blocks=(1, 1, 1, 0),
            pixel_channels=8,
            latent_channels=16,
            warmup=0.05,
        ),
        training=Training(epochs=30, batch_size=64, optimizer=_OPTIMIZER, ema_decay=0.999),
        num_samples=100,
        description="VAE, 2x2x16 latents, residual convolutions, on binary MNIST (30 minutes on 2"
        " CPU cores)",
    ),
)
register_recipe(
    "hierarchical-vae-cifar10",
    Recipe(
        dataset="cifar10",
        model=HierarchicalVAE(
            levels=(1, 1, 2),
            channels=(48, 64, 96),
            encoder_blocks=(1, 1, 1),
            decoder_blocks=(1, 1, 1),
            pixel_channels=24,
            latent_channels=16,
            likelihood="logistic_mixture",
            free_bits=1.0,
            warmup=0.1,
        ),
        training=Training(epochs=16, batch_size=64, optimizer=_COLOURS, ema_decay=0.999),
        num_samples=5,
        description="hierarchical VAE, four levels of latents, logistic mixture, on CIFAR-10"
        " (90 minutes on 2 CPU cores)",
        headline=_BITS,
    ),
)
register_recipe(
    "vae-cifar10-logistic",
    Recipe(
        dataset="cifar10",
        model=VAE(latent_dim=256, channels=(32, 64, 128), hidden=(), likelihood="logistic_mixture"),
        training=Training(epochs=10, batch_size=64, optimizer=_COLOURS, ema_decay=0.999),
        num_samples=10,
        description="VAE, 256 latents, logistic mixture, on CIFAR-10 (30 minutes on 2 CPU cores)",
        headline=_BITS,
    ),
)
