"""Debiasing VAEs on data sets with a bias.

experiments/debias.py compares them with uniform sampling under several seeds. The networks are
small and the epochs few: a larger network learns the few images of the rare groups by heart, with
or without resampling.
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
_MODEL = DebiasingVAE(
    latent_dim=16,
    channels=(8, 16),
    hidden=(64,),
    likelihood="gaussian",
    scale=0.2,
    resampling="product",
    alpha=2.0,
)


def _register(dataset: str, epochs: int, model: DebiasingVAE, description: str) -> None:
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
    register_recipe(NAMES[dataset], recipe)


_register("mnist_rotated", 14, _MODEL, "5% of the MNIST digits are rotated")
_register("mnist_coloured", 8, _MODEL, "the colour goes with the digit in 98% of the images")
_register(
    "fashion_rare",
    12,
    replace(_MODEL, resampling="max", alpha=0.01),
    "three groups of 2% each on Fashion-MNIST",
)
