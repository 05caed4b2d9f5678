"""Debiasing VAEs on data sets with a bias.

experiments/debias.py compares them with uniform sampling under several seeds, and
experiments/conflicting.py with published figures. The networks are small and the epochs few: a
larger network learns the few images of the rare groups by heart, with or without resampling.
"""

from dataclasses import replace

from genjax.models import DebiasingVAE
from genjax.recipes.recipe import Recipe, register_recipe
from genjax.training.configuration import Optimizer, Training

NAMES = {  # data set -> recipe
    "mnist_rotated": "debiasing-vae-mnist-rotated",
    "mnist_coloured": "debiasing-vae-mnist-coloured",
    "fashion_rare": "debiasing-vae-fashion-rare",
}
CONFLICTING = "debiasing-vae-mnist-conflicting"
_MODEL = DebiasingVAE(
    latent_dim=16,
    channels=(8, 16),
    hidden=(64,),
    likelihood="gaussian",
    scale=0.2,
    resampling="product",
    alpha=2.0,
)


_WIDE = DebiasingVAE(  # hidden layers as in the published classifiers of coloured digits
    latent_dim=16,
    network="mlp",
    hidden=(100, 100, 100),
    likelihood="gaussian",
    scale=0.2,
    resampling="conflict",
    alpha=0.001,
    resampling_warmup=0.3,
)


def _register(
    dataset: str, epochs: int, model: DebiasingVAE, description: str, name: str = ""
) -> None:
    recipe = Recipe(
        dataset=dataset,
        model=model,
        training=Training(
            epochs=epochs,
            optimizer=Optimizer(learning_rate=2e-3, schedule="cosine", warmup_steps=100),
        ),
        num_samples=1,
        description=f"debiasing VAE: {description}",
        headline=("accuracy", "group_gap"),
    )
    register_recipe(name or NAMES[dataset], recipe)


_register("mnist_rotated", 14, _MODEL, "5% of the MNIST digits are rotated")
_register("mnist_coloured", 8, _MODEL, "the colour goes with the digit in 98% of the images")
_register(
    "fashion_rare",
    12,
    replace(_MODEL, resampling="max", alpha=0.01),
    "three groups of 2% each on Fashion-MNIST",
)
_register(
    "mnist_coloured_0.5",
    2,
    _WIDE,
    "the colour goes with the digit in 99.5% of the training images",
    CONFLICTING,
)
