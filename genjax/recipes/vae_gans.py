"""The VAE-GANs, each with the encoder and decoder of the VAE on the same data.

The rate weighs little because the discriminator's features are small numbers: their squared error
is worth few nats. The figures to expect were measured with seed 0, on 2 CPU cores.
"""

from genjax.models import VAEGAN
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

_TRAINING = Training(
    epochs=10,
    batch_size=64,
    optimizer=Optimizer(learning_rate=1e-3, b1=0.5, schedule="cosine"),
    ema_decay=0.999,
)

register_recipe(
    "vae-gan-mnist",
    Recipe(
        expected="sharpness 0.84 (reconstructions), 1.14 (samples), FCD 29; 5.2 minutes",
        dataset="mnist",
        model=VAEGAN(beta=0.05, r1=0.1, discriminator_width=16),
        training=_TRAINING,
        num_samples=100,
        num_generated=10_000,
    ),
)
register_recipe(
    "vae-gan-fashion",
    Recipe(
        expected="sharpness 0.68 (reconstructions), 1.10 (samples), FCD 13; 5.2 minutes",
        dataset="fashion_mnist",
        model=VAEGAN(beta=0.05, r1=0.1, discriminator_width=16, likelihood="gaussian", scale=0.2),
        training=_TRAINING,
        num_samples=100,
        num_generated=10_000,
    ),
)
register_recipe(
    "vae-gan-cifar10",
    Recipe(
        expected="sharpness 0.34 (reconstructions), 1.06 (samples), FCD 23; 13.5 minutes",
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
    ),
)
