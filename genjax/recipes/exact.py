"""The models with an exact likelihood, which other models' bounds can be held against."""

from genjax.models import MADE, PixelCNN, RealNVP
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

register_recipe(
    "made-mnist",
    Recipe(
        dataset="mnist",
        model=MADE(),
        training=Training(
            epochs=36,
            batch_size=200,
            optimizer=Optimizer(learning_rate=2e-3, schedule="cosine", warmup_steps=500),
            ema_decay=0.999,
        ),
        description="MADE, 2,000 hidden units, on binary MNIST",
        headline=("nll",),
    ),
)
register_recipe(
    "pixelcnn-mnist",
    Recipe(
        dataset="mnist",
        model=PixelCNN(width=48, depth=8, block=2),
        training=Training(
            epochs=8,
            batch_size=64,
            optimizer=Optimizer(learning_rate=3e-3, schedule="cosine", warmup_steps=500),
            ema_decay=0.999,
        ),
        description="gated PixelCNN over blocks of 2x2, 8 layers of 48 channels, on binary MNIST",
        headline=("nll",),
    ),
)
register_recipe(
    "realnvp-mnist",
    Recipe(
        dataset="mnist",
        model=RealNVP(),
        training=Training(
            epochs=5,
            optimizer=Optimizer(learning_rate=1e-3, schedule="cosine", warmup_steps=500),
            ema_decay=0.999,
        ),
        description="RealNVP, a flow of two scales, on MNIST (60 minutes on 2 CPU cores)",
        headline=("bits_per_dim",),
    ),
)
